"""`chainrule play`: the playground in the browser (floor 5)."""

from __future__ import annotations

import webbrowser
from contextlib import suppress

from rich.console import Console

from chainrule.errors import require

__all__ = ["play_command"]


def play_command(page: str, *, port: int, browser: bool) -> None:
    """Open the playground, and answer its pages until told to stop.

    Args:
        page: the name of the first page.
        port: to listen at; 0 for any that is free.
        browser: whether to open the page in the browser, and to end when it is closed.

    Raises:
        OptionError: the port cannot be had, or what serves pages is not installed.
    """
    require("uvicorn", "play", "the playground")
    require("starlette", "play", "the playground")
    from chainrule.playground.engine.descent.session import Descent
    from chainrule.playground.engine.digits.session import Digits
    from chainrule.playground.engine.plane.session import Plane
    from chainrule.playground.service.server import Playground

    kinds = {"plane": Plane, "digits": Digits, "descent": Descent}
    playground = Playground(kinds, port, ends_with_pages=browser)
    console = Console(highlight=False, emoji=False, markup=False)
    console.print(f"the playground is at {playground.address}{page}", soft_wrap=True)
    console.print("Ctrl-C stops it" + (", or closing the page" if browser else ""))
    if browser:
        webbrowser.open(playground.address + page)
    with suppress(KeyboardInterrupt):  # everything has ended in order by then
        playground.run()
    console.print("stopped")
