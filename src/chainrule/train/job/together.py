"""A job on several ranks: what all of them do alike, and how rank 0 speaks for them (floor 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from chainrule.backend import ranks
from chainrule.backend.ranks.agreement import agree, all_or_none
from chainrule.data import Examples
from chainrule.errors import OptionError
from chainrule.train.job.folder import fingerprint
from chainrule.train.job.outcome import Settings

__all__ = ["alike", "check_alike", "check_sensible", "in_turn", "told_ranks"]

Found = TypeVar("Found")


def alike(work: Callable[[], Found]) -> Found:
    """Do what every rank does at this point; what cannot be on one cannot be on any.

    Args:
        work: exchanges nothing.

    Raises:
        EverywhereError: on every rank, what the first that failed says.

    Examples:
        >>> alike(lambda: 1)
        1
    """
    with all_or_none():
        return work()


def in_turn(work: Callable[[], Found]) -> Found:
    """As `alike`, rank 0 before the others: what it brings from elsewhere is there for them.

    Examples:
        >>> in_turn(lambda: 1)
        1
    """
    first = ranks.world().rank == 0
    found = alike(lambda: [work()] if first else [])
    return alike(lambda: found[0] if found else work())


def check_sensible(settings: Settings) -> None:
    """Refuse, on several ranks, what one process does.

    Raises:
        OptionError: explicit backpropagation.
    """
    if ranks.world().size > 1 and settings.engine == "layers":
        raise OptionError(
            "--engine layers trains in one process; start it without mpiexec, or use --engine "
            "tensor"
        )


def check_alike(examples: Examples, settings: Settings) -> None:
    """Let a job pass that is the same on every rank.

    Raises:
        OptionError: on every rank, where one has other data or options than rank 0.
    """
    if ranks.world().size > 1:
        agree("the job", {**dataclasses.asdict(settings), "data": fingerprint(examples)})


def told_ranks(threads: int, sharded: bool = False) -> str:
    """Say how many take part.

    Args:
        threads: of each.
        sharded: whether the state of the optimizer is to be shared out among them.

    Examples:
        >>> told_ranks(1)
        '1 rank, one thread each'
        >>> print(told_ranks(1, sharded=True))
        --shard-optimizer is for several ranks; this one process keeps all of the optimizer's state
    """
    n = ranks.world().size
    if sharded and n == 1:
        return (
            "--shard-optimizer is for several ranks; this one process keeps all of the "
            "optimizer's state"
        )
    each = "one thread" if threads == 1 else f"{threads} threads"
    shared = ", and a share of the optimizer's state" * sharded
    return f"{n} rank{'s' * (n > 1)}, {each} each{shared}"
