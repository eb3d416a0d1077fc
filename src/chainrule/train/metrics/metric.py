"""What a metric is: a figure of outputs and targets, and how it is put together (floor 4).

Three kinds, by what has to be remembered of many batches until the figure of all of them is known:
a sum over rows (`RowMean`), how often each class was taken for which (`Counts`), or everything
(`Whole`). None is a mean over batches of something that is no mean. It knows arrays only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import OptionError, kind_of
from chainrule.ops import Array
from chainrule.train.metrics.reading import weighed

__all__ = ["Counts", "Metric", "RowMean", "Whole"]

# Of outputs and targets: the figure of each row, (N,) or (N, columns).
Each: TypeAlias = Callable[[Array, Array], Array]
# Of outputs, targets and the weights of the rows: counts, or the figure itself.
Weighed: TypeAlias = Callable[[Array, Array, Array | None], Any]


class Metric(ABC):
    """A figure of outputs and targets; call it for that of some rows.

    Args:
        name: what it is called.
        largest: whether larger is better; `None` if that is not known.
    """

    def __init__(self, name: str, largest: bool | None) -> None:
        self.name, self.largest = name, largest

    @abstractmethod
    def __call__(self, outputs: Array, targets: Array, weights: Array | None = None) -> Any:
        """Return the figure.

        Args:
            outputs: of a network, (N, ...).
            targets: (N, ...).
            weights: how much each row counts, (N,); all alike if `None`.
        """

    def __repr__(self) -> str:
        return f"<metric {self.name}>"


class RowMean(Metric):
    """A mean over rows.

    Args:
        name: what it is called.
        each: the figure of each row, (N,) or (N, columns).
        largest: whether larger is better.
        finish: makes the figure of the mean of each column, (columns,); their mean by default.
    """

    def __init__(
        self,
        name: str,
        each: Each,
        largest: bool,
        finish: Callable[[Array], float] = np.mean,
    ) -> None:
        super().__init__(name, largest)
        self.each, self._finish = each, finish

    def __call__(self, outputs: Array, targets: Array, weights: Array | None = None) -> float:
        """Return the mean over these rows; NaN of none."""
        figures = self.each(outputs, targets)
        if weights is None:
            return self.figure(self.total(figures), len(figures))
        weights = weighed(weights, len(figures))
        return self.figure(self.total((figures.T * weights).T), float(np.sum(weights)))

    @staticmethod
    def total(figures: Array) -> Array:
        """Return the sum over rows, (columns,), of (N,) or (N, columns)."""
        return np.atleast_1d(np.sum(figures, axis=0, dtype=np.float64))

    def figure(self, total: Array, count: float) -> float:
        """Return the figure of a sum over so many rows."""
        return float(self._finish(total / count)) if count else float("nan")


class Counts(Metric):
    """A figure of how often each class was taken for which.

    Args:
        name: what it is called.
        counts: of outputs and targets, (K, K), the true class first; or for targets of several
            labels (labels, 2, 2).
        finish: makes the figure of the counts.
        largest: whether larger is better; `None` where the figure is no number.
    """

    def __init__(
        self, name: str, counts: Weighed, finish: Callable[[Array], Any], largest: bool | None
    ) -> None:
        super().__init__(name, largest)
        self.counts, self.figure = counts, finish

    def __call__(self, outputs: Array, targets: Array, weights: Array | None = None) -> Any:
        """Return the figure of these rows; NaN of none."""
        return self.figure(self.counts(outputs, targets, weights))


class Whole(Metric):
    """A figure that wants all rows at once: a rank among them, a middle, or what a person wrote.

    Args:
        name: what it is called.
        whole: of outputs, targets and weights.
        largest: whether larger is better; `None` if that is not known.
    """

    def __init__(self, name: str, whole: Weighed, largest: bool | None) -> None:
        super().__init__(name, largest)
        self._whole = whole

    @classmethod
    def own(cls, name: str, function: Callable[[Array, Array], Any]) -> Whole:
        """Return the metric that is a person's own function of outputs and targets.

        Raises:
            OptionError: it is no function.
        """
        if not callable(function) or isinstance(function, type):
            raise OptionError(
                f"a metric is a name or a function of outputs and targets, {name!r} is "
                f"{kind_of(function)}"
            )
        return cls(name, lambda outputs, targets, weights: function(outputs, targets), None)

    def __call__(self, outputs: Array, targets: Array, weights: Array | None = None) -> float:
        """Return the figure of these rows."""
        return float(self._whole(outputs, targets, weights))
