"""Processes that work together, each with a number, its rank (floor 0; knows NumPy and MPI).

A process is alone until it joins the others that a launcher started with it. Whoever exchanges
arrays asks for the `world()` and need not know which of the two it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.backend.ranks.alone import Alone, Operation, Pending
from chainrule.backend.ranks.launch import is_first, launched, require_mpi
from chainrule.backend.ranks.lost import EverywhereError, RankLostError

__all__ = [
    "Alone",
    "EverywhereError",
    "Operation",
    "Pending",
    "RankLostError",
    "apart",
    "is_first",
    "is_joined",
    "join",
    "launched",
    "leave",
    "require_mpi",
    "say_at_end",
    "world",
]

_world: Alone = Alone()


def world() -> Alone:
    """Return the processes that work together: this one alone, unless it has joined others.

    Examples:
        >>> world().rank, world().size
        (0, 1)
    """
    return _world


def is_joined() -> bool:
    """Whether this process has joined the others.

    Examples:
        >>> is_joined()
        False
    """
    return type(_world) is not Alone


def join() -> Alone:
    """Join the processes that a launcher started with this one, and return all of them.

    Raises:
        MissingExtraError: mpi4py is not installed.
        OptionError: the library under it is not the launcher's, so that each would be alone.
    """
    global _world
    if not is_joined():
        from chainrule.backend.ranks import watch
        from chainrule.backend.ranks.mpi import Together

        _world = together = Together()
        watch.begin(together)
    return _world


def say_at_end(text: str) -> None:
    """Give what is said after the sentence on a lost rank: how the run can be resumed."""
    if is_joined():
        from chainrule.backend.ranks import watch

        watch.say_at_end(text)


@contextmanager
def apart() -> Iterator[None]:
    """Be alone inside the block, for work that this process does by itself."""
    global _world
    before, _world = _world, Alone()
    try:
        yield
    finally:
        _world = before


def leave() -> None:
    """Be alone again, when all the others leave too."""
    global _world
    if is_joined():
        from chainrule.backend.ranks import watch

        watch.end()
        _world.close()
        _world = Alone()
