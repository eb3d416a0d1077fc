"""The course of a training run so far: its losses, its epochs, and where it began (floor 4).

Plain figures, and the copies that it takes to ask what another learning rate would have done. What
is too much or too little is said by `course_checks`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.rate import RateTest, range_test
from chainrule.explain.doctor.visit import Activation
from chainrule.ops import Array

__all__ = ["Course"]

# Into so many stretches of steps a run is cut, of so many steps at least: a mean over a stretch is
# less noisy than a step, and there are stretches where there are few epochs.
_STRETCHES, _STEPS = 20, 5


class Course:
    """What a run has shown.

    Args:
        case: the model before the first step, its data, loss and optimiser.
        own_step: whether steps are a person's own; what they do cannot be tried again then.
        keeps_best: whether the weights of the best epoch are put back in the end.

    Attributes:
        rows: the figures of each epoch.
        first: the loss before the first step, of some rows.
        dead: of each ReLU, by its path, the share of units that gave 0 for every row at the start.
    """

    def __init__(self, case: Case, *, own_step: bool = False, keeps_best: bool = False) -> None:
        self.case, self.own_step, self.keeps_best = case, own_step, keeps_best
        self.rows: list[Mapping[str, float]] = []
        self.first = case.visit.loss
        self.dead = {a.path: a.dead / a.units for a in case.visit.activations if a.op == "relu"}
        self._start = None if own_step else case.experiment()
        self._losses: list[Array] = []

    def add(self, row: Mapping[str, float], losses: Sequence[float]) -> None:
        """Take in an epoch.

        Args:
            row: its figures.
            losses: of its steps.
        """
        self.rows.append(row)
        self._losses.append(np.array(losses, dtype=np.float64))
        self._forget()

    def _forget(self) -> None:
        """What was made of fewer losses."""
        for name in ("losses", "stretches"):
            self.__dict__.pop(name, None)

    def state_dict(self) -> dict[str, Any]:
        """Return the figures so far, and those of the beginning."""
        counts = np.array([len(losses) for losses in self._losses], np.int64)
        losses = self.losses if self._losses else np.zeros(0)
        rows = [dict(row) for row in self.rows]
        return {
            "rows": rows,
            "losses": losses,
            "steps": counts,
            "first": self.first,
            "dead": self.dead,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Args:
            state: likewise.
        """
        self.rows = list(state["rows"])
        self._losses = np.split(state["losses"], np.cumsum(state["steps"])[:-1])
        self.first, self.dead = state["first"], dict(state["dead"])
        self._forget()

    def figures(self, name: str) -> Array:
        """A figure of every epoch; empty if there is none of that name."""
        known = bool(self.rows) and name in self.rows[0]
        return np.array([row[name] for row in self.rows] if known else [], dtype=np.float64)

    @property
    def epoch(self) -> int:
        """How many there have been."""
        return len(self.rows)

    @cached_property
    def losses(self) -> Array:
        """The loss of every step."""
        return np.concatenate(self._losses)

    @cached_property
    def stretches(self) -> Array:
        """The mean loss of each of some stretches of equal length."""
        count = min(_STRETCHES, len(self.losses) // _STEPS)
        return np.array([part.mean() for part in np.array_split(self.losses, max(count, 1))])

    @property
    def rate(self) -> float:
        """The highest learning rate that an epoch began with."""
        return float(self.figures("learning_rate").max())

    @cached_property
    def range_test(self) -> RateTest | None:
        """What a range test from the start shows; none where steps are a person's own."""
        if self._start is None:
            return None
        start = self._start
        try:
            return range_test(start.model, self.case.loader, start.loss, start.optimizer or "adam")
        except ChainruleError:  # what cannot be tried again
            return None

    def now(self) -> Case:
        """The same rows, and the model as it has become."""
        case = copy.copy(self.case)
        case.__dict__.pop("visit", None)
        return case

    @staticmethod
    def relus(case: Case) -> list[Activation]:
        """What the ReLUs of a network give."""
        return [a for a in case.visit.activations if a.op == "relu"]
