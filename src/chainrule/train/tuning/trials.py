"""Which trials a search runs, in which order and with what budget (floor 4).

Decided by what is recorded and nothing else: not by the clock, nor by which process was quicker.
Who runs the trials is not known here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chainrule.errors import OptionError, chosen
from chainrule.train.tuning.space import Space, Value, drawn

__all__ = ["METHODS", "Done", "Plan", "Trial", "plan_of"]

METHODS = {"halving": "successive halving", "random": "random search", "grid": "every combination"}
_GRID_POINTS = 3  # of a range
_MOST = 100_000  # trials


class Trial(NamedTuple):
    """One training of a search.

    Attributes:
        number: of the values, from 0.
        rung: how often they were taken on, from 0.
        epochs: to train for.
        values: of the settings that are searched.
    """

    number: int
    rung: int
    epochs: int
    values: dict[str, Value]

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from the others."""
        return self.number, self.rung

    def failed(self, error: str) -> Done:
        """Return what came of it where it could not be run.

        Args:
            error: why.
        """
        return Done(*self, error=error)


@dataclass(frozen=True)
class Done:
    """What came of a trial.

    Attributes:
        number: as of the trial.
        rung: likewise.
        epochs: likewise.
        values: likewise.
        figures: on the validation examples: name and value; none if it failed.
        seconds: that it took.
        parameters: of its network.
        error: why it failed; empty if it did not.
    """

    number: int
    rung: int
    epochs: int
    values: Mapping[str, Value]
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    parameters: int = 0
    error: str = ""

    @property
    def key(self) -> tuple[int, int]:
        """As of the trial."""
        return self.number, self.rung

    @property
    def rank(self) -> tuple[float, float, int]:
        """What orders trials of one rung, the best first: accuracy or error, then loss."""
        worst = math.inf
        first = -self.figures.get("accuracy", -self.figures.get("mae", worst))
        return first, self.figures.get("loss", worst), self.number


@dataclass(frozen=True)
class Plan:
    """The trials of a search.

    Attributes:
        values: of each trial of the first rung.
        budgets: epochs on each rung, rising; on one rung all trials are trained as long.
        factor: of this many trials on a rung, one is taken to the next.
        kept: whether the first trial is taken on whatever it comes to, for the others to be held
            against.
    """

    values: Sequence[dict[str, Value]]
    budgets: tuple[int, ...]
    factor: int = 3
    kept: bool = False

    @property
    def counts(self) -> list[int]:
        """How many trainings there will be on each rung, if none fails."""
        counts = [len(self.values)]
        for _ in self.budgets[1:]:
            counts.append(self._after(counts[-1]))
        return counts

    @property
    def total(self) -> int:
        """How many trainings there will be."""
        return sum(self.counts)

    @property
    def epochs(self) -> int:
        """How many epochs they will have in all."""
        return sum(count * epochs for count, epochs in zip(self.counts, self.budgets))

    def due(self, done: Mapping[tuple[int, int], Done]) -> list[Trial]:
        """Return the trials that can be run by now, in order; none when the search is over.

        A rung is left when all of it is done, so the choice does not hang on who was quicker. The
        trainings of the next rung begin anew: a schedule of the learning rate belongs to its
        length.

        Args:
            done: what is recorded, by number and rung.

        Examples:
            >>> plan = Plan([{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}], (1, 3))
            >>> [trial.key for trial in plan.due({})]
            [(0, 0), (1, 0), (2, 0)]
            >>> found = {(n, 0): Done(n, 0, 1, {}, {"accuracy": n / 3}) for n in range(3)}
            >>> plan.due(found)
            [Trial(number=2, rung=1, epochs=3, values={'lr': 0.3})]
        """
        alive = list(range(len(self.values)))
        for rung, epochs in enumerate(self.budgets):
            missing = [n for n in alive if (n, rung) not in done]
            if missing:
                return [Trial(n, rung, epochs, self.values[n]) for n in missing]
            here = [done[n, rung] for n in alive if not done[n, rung].error]
            if not here:
                return []
            here.sort(key=lambda one: (one.number > 0 or not self.kept, one.rank))
            alive = sorted(one.number for one in here[: self._after(len(alive))])
        return []

    def _after(self, count: int) -> int:
        """How many of so many trials are taken to the next rung."""
        return max(1 + self.kept, count // self.factor)


def plan_of(
    method: str, space: Space, *, seed: int, trials: int, epochs: int, first: Mapping[str, Any]
) -> Plan:
    """Return the trials of a method.

    Args:
        method: a name from `METHODS`.
        space: what to draw from.
        seed: of the draw.
        trials: how many are drawn; a grid has as many as it has.
        epochs: of the longest training.
        first: values that are as they would be without a search, which are tried first where the
            space holds them; where it holds them all, that trial is taken on to the end.

    Raises:
        OptionError: there is no such method, or the trials are too many.

    Examples:
        >>> from chainrule.train.tuning.space import Choice
        >>> space = {"dropout": Choice((0.0, 0.5)), "hidden": Choice((16, 32, 64))}
        >>> plan = plan_of("grid", space, seed=0, trials=30, epochs=9, first={})
        >>> len(plan.values), plan.budgets
        (6, (9,))
        >>> plan_of("halving", space, seed=0, trials=27, epochs=9, first={}).budgets
        (1, 3, 9)
    """
    chosen("method", method, METHODS)
    if method == "grid":
        return Plan(_grid(space), (epochs,))
    if not 1 <= trials <= _MOST:
        raise OptionError(f"trials must be from 1 to {_MOST:,}, got {trials}")
    values = [drawn(space, seed, number) for number in range(trials)]
    values[0] |= {n: first[n] for n, among in space.items() if n in first and among.holds(first[n])}
    if method == "random":
        return Plan(values, (epochs,))
    kept = all(values[0][name] == first.get(name) for name in space)
    return Plan(values, _budgets(trials, epochs), kept=kept and trials > 1)


def _grid(space: Space) -> list[dict[str, Value]]:
    points = {name: among.points(_GRID_POINTS) for name, among in space.items()}
    count = math.prod(map(len, points.values()))
    if count > _MOST:
        raise OptionError(
            f"the grid has {count:,} combinations, more than {_MOST:,}; give fewer settings or "
            "values, or search at random"
        )
    return [dict(zip(points, one)) for one in itertools.product(*points.values())]


def _budgets(trials: int, epochs: int, factor: int = 3) -> tuple[int, ...]:
    """Epochs on each rung: the last is all, each before it a third, as long as trials last."""
    found = [epochs]
    while trials >= factor and found[0] > 1:
        found.insert(0, max(1, round(found[0] / factor)))
        trials //= factor
    return tuple(found)
