"""The figures of an epoch, put together as its batches come (floor 4).

Sums and counts are added up; outputs and targets are kept only where a metric wants all of them.
The figures are those of all rows at once, to rounding; how steps are grouped changes no bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.ops import Array
from chainrule.train.metrics.metric import Counts, Metric, RowMean, Whole

__all__ = ["Tally"]


class Tally:
    """Figures of the rows that it is shown.

    Args:
        metrics: by name.
        room: bytes that may be kept of outputs and targets; any number if `None`.

    Attributes:
        crowded: whether there was no room for them; the metrics that want all are left out then.

    Examples:
        >>> from chainrule.train.metrics.names import metrics_of
        >>> tally = Tally(metrics_of(["rmse", "r2"], np.zeros(1)))
        >>> tally.add(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
        >>> tally.add(np.array([5.0]), np.array([5.0]))
        >>> {name: round(value, 4) for name, value in tally.figures().items()}
        {'rmse': 0.5774, 'r2': 0.875}
    """

    def __init__(self, metrics: Mapping[str, Metric], room: int | None = None) -> None:
        self._metrics = dict(metrics)
        self._room = room
        self._whole = any(isinstance(one, Whole) for one in metrics.values())
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self.crowded = False
        self._totals: dict[str, tuple[Any, int]] = {}  # a sum or counts, and of how many rows
        self._kept: list[tuple[Array, Array]] = []
        self._bytes = 0

    def add(self, outputs: Array, targets: Array) -> None:
        """Take the rows of a step in: (N, ...) both."""
        self._keep(outputs, targets)
        for name, metric in self._metrics.items():
            if isinstance(metric, RowMean):
                figures = metric.each(outputs, targets)
                self._sum(name, metric.total(figures), len(figures))
            elif isinstance(metric, Counts):
                self._sum(name, metric.counts(outputs, targets, None), len(targets))

    def add_many(self, outputs: Array, targets: Array) -> None:
        """Take the rows of many equal steps in: (steps, N, ...) both."""
        if outputs.shape[:2] != targets.shape[:2]:
            for y, t in zip(outputs, targets, strict=True):
                self.add(y, t)
            return
        steps = len(targets)
        flat_y, flat_t = (a.reshape(-1, *a.shape[2:]) for a in (outputs, targets))
        self._keep(flat_y, flat_t)
        for name, metric in self._metrics.items():
            if isinstance(metric, RowMean):
                self._sum_each(name, metric, metric.each(flat_y, flat_t), outputs, targets)
            elif isinstance(metric, Counts):  # whole numbers: in any order they add up to the same
                self._sum(name, metric.counts(flat_y, flat_t, None), steps * targets.shape[1])

    def _sum_each(
        self, name: str, metric: RowMean, figures: Array, outputs: Array, targets: Array
    ) -> None:
        """Add the sums of steps one by one, as if each had come alone."""
        steps, rows = targets.shape[:2]
        if len(figures) not in (steps * rows, targets.size):  # some rows were left out
            for y, t in zip(outputs, targets, strict=True):
                part = metric.each(y, t)
                self._sum(name, metric.total(part), len(part))
            return
        of_steps = figures.reshape(steps, -1, *figures.shape[1:]).sum(axis=1, dtype=np.float64)
        before, count = self._totals.get(name, (np.zeros(1), 0))
        first = np.broadcast_to(before, figures.shape[1:] or (1,))[None]
        each = np.concatenate([first, of_steps.reshape(steps, -1)])
        self._totals[name] = np.add.accumulate(each, axis=0)[-1], count + len(figures)

    def _sum(self, name: str, total: Any, rows: int) -> None:
        before, count = self._totals.get(name, (0, 0))
        self._totals[name] = before + total, count + rows

    def _keep(self, outputs: Array, targets: Array) -> None:
        if not self._whole or self.crowded:
            return
        self._bytes += outputs.nbytes + targets.nbytes
        if self._room is not None and self._bytes > self._room:
            self.crowded = True
            self._kept.clear()
            return
        self._kept.append((outputs, targets))

    def take(self, state: Mapping[str, Any]) -> None:
        """Take in what another tally has seen, of other rows: its `state_dict`."""
        for name, (total, rows) in state["totals"].items():
            self._sum(name, np.array(total), int(rows))
        if state["kept"]:
            self._keep(*state["kept"])

    def running(self) -> dict[str, float]:
        """Return the numbers that are known without going through all rows again."""
        found = {}
        for name, metric in self._metrics.items():
            if isinstance(metric, (RowMean, Counts)) and name in self._totals:
                found[name] = self._figure(metric, *self._totals[name])
        return _numbers(found)

    def figures(self) -> dict[str, Any]:
        """Return all figures, in the order of the metrics."""
        found: dict[str, Any] = {}
        for name, metric in self._metrics.items():
            if name in self._totals:
                found[name] = self._figure(metric, *self._totals[name])
            elif self._kept:
                found[name] = metric(*self._all())
        return found

    def numbers(self) -> dict[str, float]:
        """Return those of the figures that are numbers."""
        return _numbers(self.figures())

    @staticmethod
    def _figure(metric: Metric, total: Any, rows: int) -> Any:
        if isinstance(metric, RowMean):
            return metric.figure(total, rows)
        assert isinstance(metric, Counts)
        return metric.figure(total)

    def _all(self) -> tuple[Array, Array]:
        if len(self._kept) > 1:
            outputs, targets = zip(*self._kept, strict=True)
            self._kept = [(np.concatenate(outputs), np.concatenate(targets))]
        return self._kept[0]

    def state_dict(self) -> dict[str, Any]:
        """Return what goes on from here, as arrays and plain values."""
        kept = self._all() if self._kept else ()
        totals = {k: [np.asarray(total), rows] for k, (total, rows) in self._totals.items()}
        return {"totals": totals, "kept": list(kept), "crowded": self.crowded}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.clear()
        self.crowded = bool(state["crowded"])
        self._totals = {
            name: (np.array(total), int(rows)) for name, (total, rows) in state["totals"].items()
        }
        if state["kept"]:
            outputs, targets = (np.array(part) for part in state["kept"])
            self._kept = [(outputs, targets)]
            self._bytes = outputs.nbytes + targets.nbytes


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if isinstance(value, float)}
