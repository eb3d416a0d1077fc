"""`chainrule play`: the playground in the browser (floor 5)."""

from __future__ import annotations

import signal
import webbrowser
from contextlib import suppress
from urllib.parse import urlsplit

from rich.console import Console

from chainrule.errors import OptionError, did_you_mean, one_line, require
from chainrule.playground.kinds import PAGES, kinds

__all__ = ["play_command"]


def play_command(start: str, *, port: int, browser: bool) -> None:
    """Open the playground, and answer its pages until told to stop.

    Args:
        start: the name of the first page, or a link that was copied from one, of whatever time.
        port: to listen at; 0 for any that is free.
        browser: whether to open the page in the browser, and to end when it is closed.

    Raises:
        OptionError: there is no such page, or the port cannot be had.
        MissingExtraError: what serves pages is not installed.
    """
    page = _page_of(start)
    require("uvicorn", "play", "the playground")
    require("starlette", "play", "the playground")
    from chainrule.playground.service.server import Playground

    playground = Playground(kinds(), port, ends_with_pages=browser)
    console = Console(highlight=False, emoji=False, markup=False)
    console.print(f"the playground is at {playground.address}{page}", soft_wrap=True)
    console.print("Ctrl-C stops it" + (", or closing the page" if browser else ""))
    if browser:
        webbrowser.open(playground.address + page)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # everything has ended in order by then
        playground.run()
    console.print("stopped")


def _page_of(start: str) -> str:
    """The page that a name or a link means, with the experiment in the link."""
    link = urlsplit(start)
    page = link.path.rpartition("/")[2]
    if page not in PAGES:
        raise OptionError(
            f"there is no page {one_line(page[:40])!r}; give {', '.join(PAGES)} or the link of one"
            f"{did_you_mean(page[:40], PAGES)}"
        )
    return f"{page}#{link.fragment}" if link.fragment else page
