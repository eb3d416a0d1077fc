"""What a person sees who waits for a measurement in a terminal; elsewhere nothing (floor 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["each_shown", "shown"]


def each_shown(things: Sequence[Any], text: str) -> Iterator[Any]:
    """Go through things, with a bar that moves.

    Examples:
        >>> list(each_shown([1, 2], "counting"))
        [1, 2]
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(things, text, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def shown(text: str) -> Iterator[None]:
    """Say what is being done for as long as it takes.

    Examples:
        >>> with shown("recording"):
        ...     pass
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield
