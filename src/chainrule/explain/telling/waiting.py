"""What a person sees who waits in a terminal (floor 4); knows nothing of what is waited for.

It goes to standard error, so that what is printed can be kept in a file, and only to a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import TaskID

__all__ = ["counted", "shown", "waiting"]

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
    if not _is_terminal():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    total = len(items) if isinstance(items, Sized) else None
    yield from track(items, what, total=total, transient=True, console=Console(stderr=True))


@contextmanager
def shown(what: str) -> Iterator[None]:
    """Say in a terminal what is being done, for as long as it takes.

    Examples:
        >>> with shown("recording"):
        ...     pass
    """
    if not _is_terminal():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextmanager
def counted() -> Iterator[Callable[[str, int, int | None], None]]:
    """Give what shows in a terminal how far something is: what, how many done, of how many.

    Where it is not known of how many, the bar only moves; a rate is shown in either case.

    Examples:
        >>> with counted() as told:
        ...     told("counting", 1, 2)
    """
    if not _is_terminal():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int | None) -> None:
            task = tasks.get(what)
            if task is None:
                task = tasks[what] = progress.add_task(what, total=total, rate=0)
            seconds = progress.tasks[task].elapsed or 1e-9
            progress.update(task, completed=done, rate=done / seconds)

        yield told


def _is_terminal() -> bool:
    # A notebook says that it is one.
    return sys.stderr.isatty() and "ipykernel" not in sys.modules
