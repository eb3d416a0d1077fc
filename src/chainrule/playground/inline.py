"""`play`: a page of the playground inside a notebook, or at an address (floor 5).

One service answers all pages of the process, in a thread. What a notebook keeps of a page when the
process has ended is said, and where it can be, shown, beneath it.
"""

from __future__ import annotations

import base64
import threading
import webbrowser
from typing import TYPE_CHECKING, Any

from chainrule.errors import OptionError, did_you_mean, kind_of, one_line, require
from chainrule.picture import element, join
from chainrule.playground.address import hash_of
from chainrule.playground.engine.settings import settle
from chainrule.playground.kinds import PAGES, kinds

if TYPE_CHECKING:
    from chainrule.playground.service.server import Playground

__all__ = ["Inline", "play"]

_HEIGHTS = {"plane": 860, "digits": 900, "descent": 900}  # pixels that show what matters
_PICTURED = ("plane", "descent")  # have something to show before any training, and at once

_lock = threading.Lock()
_service: Playground | None = None  # of this process, while it runs


def play(
    page: str = "plane", *, height: int | None = None, data: Any = None, **settings: Any
) -> Inline:
    """Show a page of the playground: in a notebook as the result of a cell, elsewhere by `open`.

    Args:
        page: "plane", "digits" or "descent".
        height: pixels in a notebook.
        data: the setting of that name; or, on the plane, a pair of points x, shape (N, 2), and y,
            shape (N,): whole numbers or names are classes, other numbers are to be predicted.
            There may be 5,000; a column that reaches beyond the plane is scaled to it.
        settings: of the page's session, by name.

    Returns:
        The page. It is answered for as long as this process runs, or until `close`.

    Raises:
        OptionError: there is no such page or setting, or it cannot be that.
        DataError: the points are none.
        MissingExtraError: what serves pages is not installed.

    Examples:
        >>> with play("descent", function="saddle", steps=40) as page:
        ...     page.address.endswith("/descent#function=saddle&steps=40")
        True
    """
    if page not in PAGES:
        name = one_line(str(page))[:40]
        raise OptionError(
            f"there is no page {name!r}; there are {', '.join(PAGES)}{did_you_mean(name, PAGES)}"
        )
    if height is not None and (not isinstance(height, int) or not 100 <= height <= 10_000):
        raise OptionError(f"height must be pixels from 100 to 10000, got {height!r}")
    if data is not None:
        settings.update(_data(page, data))
    kind = kinds()[page]
    whole = settle(kind.SETTINGS, settings)
    shown = _picture(page, settings)
    require("uvicorn", "play", "the playground")
    require("starlette", "play", "the playground")
    address = _running().address + page + hash_of(whole, kind.SETTINGS)
    return Inline(address, height or _HEIGHTS[page], shown)


def _data(page: str, data: Any) -> dict[str, Any]:
    if isinstance(data, str):
        return {"data": data}
    if page != "plane":
        raise OptionError(f"the page {page} takes no data of your own, got {kind_of(data)}")
    from chainrule.playground.own_points import own_points

    return own_points(data)


def _picture(page: str, settings: dict[str, Any]) -> bytes:
    """The experiment as it begins, an SVG; or nothing."""
    if page not in _PICTURED:
        return b""
    return kinds()[page](**settings).download("picture").content


def _running() -> Playground:
    """The service of this process, begun if it is not there."""
    global _service
    from chainrule.playground.service.server import Playground

    with _lock:
        if _service is None:
            _service = Playground(kinds())
            _service.start()
        return _service


class Inline:
    """A page of the playground, as `play` returns it.

    A notebook shows it in place. Whoever looks at the notebook later, when the process has ended,
    sees beneath the empty place how to have it back, and a picture of how the experiment began.

    Args:
        address: of the page, with the settings.
        height: pixels in a notebook.
        picture: an SVG of the experiment as it begins; or nothing.

    Attributes:
        address: of the page, for a browser on this machine.
        height: pixels in a notebook.
    """

    def __init__(self, address: str, height: int, picture: bytes = b"") -> None:
        self.address, self.height, self._picture = address, height, picture

    def open(self) -> None:
        """Show the page in the browser."""
        webbrowser.open(self.address)

    def close(self) -> None:
        """End the service, and with it all pages of this process; `play` begins another."""
        global _service
        with _lock:
            ended, _service = _service, None
        if ended is not None:
            ended.close()

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        shown = self.address if len(self.address) <= 200 else self.address[:197] + "..."
        return f"the playground is at {shown}; .open() shows it in the browser"

    def _repr_html_(self) -> str:
        page = element(
            "iframe",
            "",
            src=self.address,
            width="100%",
            height=self.height,
            style="border: 1px solid #8888; border-radius: 8px",
            title="a page of chainrule's playground",
            allow="clipboard-write",
        )
        note = element(
            "p",
            "This page is answered by the Python process of the notebook, on its own machine. If "
            "nothing is to be seen, run the cell again.",
        )
        return str(join([page, note, *self._beneath()]))

    def _beneath(self) -> list[Any]:
        if not self._picture:
            return []
        address = "data:image/svg+xml;base64," + base64.b64encode(self._picture).decode("ascii")
        picture = element(
            "img",
            src=address,
            alt="a picture of the experiment as it begins",
            style="max-width: 100%",
        )
        summary = element("summary", "A picture of it, as it begins")
        return [element("details", join([summary, picture]))]
