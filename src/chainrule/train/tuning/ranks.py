"""Trials on the ranks that a launcher started: the first leads, the others run them (floor 4).

The first keeps the study; the others have the examples, which each has read by itself, and are told
the settings. What passes between them is numbers and words (JSON). A trial is run by one rank as by
a process that is alone, so that its figures are the same wherever it is run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from chainrule.backend.ranks import Alone, RankLostError, apart, leave
from chainrule.backend.threads import policy
from chainrule.data import Examples
from chainrule.errors import ChainruleError, DataError
from chainrule.train.job.folder import fingerprint
from chainrule.train.job.outcome import Settings
from chainrule.train.tuning.work import (
    Came,
    Work,
    came_of,
    do,
    settings_told,
    told_came,
    told_work,
    work_of,
)

__all__ = ["Ranks", "leading", "parting", "take_trials"]

_OVER: dict[str, Any] = {}  # told to a rank: there is nothing more to do


class Ranks:
    """Runs trials on the other ranks.

    Args:
        ranks: all of them; this process is the first.
        examples: of the study.
        settings: that are not searched.

    Raises:
        DataError: a rank cannot read the examples, or has read others.
    """

    def __init__(self, ranks: Alone, examples: Examples, settings: Settings) -> None:
        self._ranks = ranks
        self._running: dict[int, Work | None] = {}
        self._expect(fingerprint(examples))
        for rank in self._running:
            ranks.send({"settings": dataclasses.asdict(settings)}, rank)

    def _expect(self, known: str) -> None:
        """Wait until every rank has its examples."""
        while len(self._running) < self._ranks.size - 1:
            rank, told = self._heard()
            if told.get("read") != known:
                raise DataError(
                    f"rank {rank} has read other examples than rank 0; give all of them the same "
                    "files"
                )
            self._running[rank] = None

    def _heard(self) -> tuple[int, dict[str, Any]]:
        rank, told = self._ranks.receive()
        if "failed" in told:
            raise DataError(f"rank {rank} has failed: {told['failed']}")
        return rank, told

    @property
    def free(self) -> int:
        """How much can be begun."""
        return sum(work is None for work in self._running.values())

    def start(self, work: Work) -> None:
        """Hand work to a rank that has none."""
        rank = next(rank for rank, held in self._running.items() if held is None)
        self._ranks.send(told_work(work), rank)
        self._running[rank] = work

    def finish(self) -> Came:
        """Wait for the first that is done.

        Raises:
            DataError: a rank has failed, in another way than a training can.
            RankLostError: a rank is gone.
        """
        rank, told = self._heard()
        work = self._running[rank]
        assert work is not None
        self._running[rank] = None
        return came_of(work, told)

    def close(self) -> None:
        """Nothing: the ranks end when the leading is over."""


@contextmanager
def leading(ranks: Alone) -> Iterator[None]:
    """Lead the others inside the block, at the end of which they end.

    Args:
        ranks: all of them; this process is the first.
    """
    try:
        with apart():
            yield
    finally:
        with suppress(RankLostError):
            for rank in range(1, ranks.size):
                ranks.send(_OVER, rank)


@contextmanager
def parting() -> Iterator[None]:
    """Part from the others at the end of the block, however it ends, as all of them do."""
    try:
        yield
    finally:
        with suppress(RankLostError):
            leave()


def take_trials(ranks: Alone, read: Callable[[], Examples]) -> None:
    """Run what the first rank hands out, until it says that all is over.

    Args:
        ranks: all of them; this process is not the first.
        read: gives the examples; what is wrong with them is told by the first rank.
    """
    with apart(), _failures_told(ranks):
        examples = read()
        ranks.send({"read": fingerprint(examples)}, 0)
        _, told = ranks.receive(0)
        if told == _OVER:
            return
        settings = settings_told(told["settings"])
        with policy(settings.threads):
            while True:
                _, told = ranks.receive(0)
                if told == _OVER:
                    return
                ranks.send(told_came(do(examples, settings, work_of(told))), 0)


@contextmanager
def _failures_told(ranks: Alone) -> Iterator[None]:
    """Tell the first rank what is raised inside, and wait for it to end the work."""
    try:
        yield
    except RankLostError:
        raise
    except Exception as error:
        ranks.send({"failed": str(error) or type(error).__name__}, 0)
        while ranks.receive(0)[1] != _OVER:
            continue
        if not isinstance(error, (ChainruleError, OSError, MemoryError)):
            raise  # a fault of the program, whose trace is wanted
