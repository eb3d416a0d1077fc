"""A bar for who waits in a terminal (floor 4); knows nothing of what is waited for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

__all__ = ["waiting"]

T = TypeVar("T")


def waiting(items: Iterable[T], what: str) -> Iterator[T]:
    """Yield the items; in a terminal a bar shows meanwhile how many are done, and then goes away.

    Args:
        items: what is worked through; with a length there is a bar, without one a spinner.
        what: is being done, for the person.

    Examples:
        >>> list(waiting([1, 2], "counting"))
        [1, 2]
    """
    if not sys.stdout.isatty() or "ipykernel" in sys.modules:  # whose output says that it is one
        yield from items
        return
    from rich.progress import track

    total = len(items) if isinstance(items, Sized) else None
    yield from track(items, what, total=total, transient=True)
