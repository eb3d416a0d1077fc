"""A schedule run ahead of the steps that it is for (floor 4).

Many steps in one call cannot stop for a schedule. So it is called before them as often as it would
be between them, and what it makes of the optimiser's numbers becomes a table with a row a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import optim
from chainrule.plan.many import Table

__all__ = ["Ahead"]


class Ahead:
    """What a schedule does during some steps; the numbers are as before them until `finish`.

    Args:
        optimizer: whose numbers the schedule sets.
        schedule: one of this library, called after each step; or none.
        steps: how many are wanted.

    Attributes:
        steps: how many there may be: a number that becomes 0 makes another step of those after.
        tables: the numbers in each of them.

    Examples:
        >>> from chainrule.autograd import zeros
        >>> sgd = optim.SGD([zeros(1, requires_grad=True)], lr=1.0)
        >>> ahead = Ahead(sgd, optim.lr_scheduler.StepLR(sgd, step_size=2, gamma=0.5), 3)
        >>> ahead.tables[0].values
        array([1. , 1. , 0.5])
        >>> ahead.finish(3)
        >>> sgd.param_groups[0]["lr"]
        0.5
    """

    def __init__(self, optimizer: optim.Optimizer, schedule: Any, steps: int) -> None:
        self._schedule, self.steps = schedule, steps
        self.tables: list[Table] = []
        if schedule is None:
            return
        self._before = schedule.state_dict()
        self._places = [
            (g, name) for g in optimizer.param_groups for name in optimizer.numbers if name in g
        ]
        self._arrays = [group.array(name) for group, name in self._places]
        now, rows = self._numbers(), list[list[Any]]()
        on = _which_are_on(now)
        while len(rows) < steps and _which_are_on(now) == on:
            rows.append(now)
            schedule.step()
            now = self._numbers()
        self.steps, self._first, self._after = len(rows), rows[0], now
        self._set(self._first)
        for array, column in zip(self._arrays, zip(*rows, strict=True), strict=True):
            if any(number != column[0] for number in column):
                self.tables.append(Table(array, np.array(column)))

    def finish(self, done: int) -> None:
        """Leave numbers and schedule as so many steps, one by one, would."""
        if self._schedule is None:
            return
        if done == self.steps:
            self._set(self._after)
            return
        self._set(self._first)
        self._schedule.load_state_dict(self._before)
        for _ in range(done):
            self._schedule.step()

    def _numbers(self) -> list[Any]:
        return [array.tolist() for array in self._arrays]

    def _set(self, numbers: list[Any]) -> None:
        for (group, name), number in zip(self._places, numbers, strict=True):
            group[name] = tuple(number) if isinstance(number, list) else number


def _which_are_on(numbers: list[Any]) -> list[bool]:
    """Which numbers are not 0, by which optimisers switch things off."""
    return [any(x) if isinstance(x, list) else bool(x) for x in numbers]
