"""A prediction and its arithmetic, as figures and as text (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.explain.napkin.machine import Machine
from chainrule.explain.napkin.memory import Memory
from chainrule.explain.napkin.work import Work, bound_of
from chainrule.explain.words import seconds_text, size_text

__all__ = ["Napkin"]


class Napkin:
    """What a step, an epoch and a job should take; `print` shows the arithmetic.

    Attributes:
        machine: on which.
        works: what there is to do, line by line.
        memory: what is held, in bytes; `memory.total` is all of it.
        steps: in an epoch.
        epochs: of the job.
    """

    def __init__(
        self, machine: Machine, works: Sequence[Work], memory: Memory, steps: int, epochs: int
    ) -> None:
        self.machine, self.works, self.memory = machine, works, memory
        self.steps, self.epochs = steps, epochs

    @property
    def seconds(self) -> float:
        """What a step should take."""
        return sum(work.seconds for work in self.works)

    @property
    def epoch(self) -> float:
        """What an epoch should take, in seconds."""
        return self.seconds * self.steps

    @property
    def job(self) -> float:
        """What all epochs should take, in seconds."""
        return self.epoch * self.epochs

    @property
    def bound(self) -> str:
        """What most of the time goes to: "overhead", "arithmetic" or "memory"."""
        return bound_of(work.terms for work in self.works)

    def __str__(self) -> str:
        return (
            f"a step {seconds_text(self.seconds)}, all {seconds_text(self.job)}, "
            f"{size_text(self.memory.total)}, bound by {self.bound}"
        )
