"""Which classes a network takes for which (floor 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import DataError
from chainrule.explain.look.rows import Rows, rows_of
from chainrule.explain.look.seen import Seen
from chainrule.explain.look.still import outputs_of
from chainrule.nn.place import looks
from chainrule.nn.usual import are_classes
from chainrule.ops import Array
from chainrule.picture import Svg, matrix_chart

__all__ = ["Confusion", "confusion", "counted", "taken_for"]


@dataclass(frozen=True)
class Confusion(Seen):
    """How often each class was taken for which.

    Attributes:
        counts: `(K, K)`; `counts[t, p]` rows of class t were taken for class p.
        classes: the names of the K classes.
    """

    counts: Array = field(repr=False)
    classes: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """The share of all rows that was taken for what it is."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def recall(self) -> dict[str, float]:
        """Of each class how much of it was found; NaN of one that has no rows."""
        return self._shares(1)

    @property
    def precision(self) -> dict[str, float]:
        """Of what was taken for each class how much was it; NaN of one that never was given."""
        return self._shares(0)

    def commonest(self, most: int = 5) -> list[tuple[str, str, int]]:
        """Return what is most often confused: the true class, the one given, and how often.

        Args:
            most: how many of them at most.

        Examples:
            >>> Confusion(np.array([[9, 1], [2, 8]]), ("cat", "dog")).commonest()
            [('dog', 'cat', 2), ('cat', 'dog', 1)]
        """
        k = len(self.classes)
        wrong = np.where(np.eye(k, dtype=bool), 0, self.counts)
        order = np.argsort(-wrong, axis=None, kind="stable")[:most].tolist()
        return [
            (self.classes[at // k], self.classes[at % k], int(wrong.flat[at]))
            for at in order
            if wrong.flat[at] > 0
        ]

    def _shares(self, axis: int) -> dict[str, float]:
        totals = self.counts.sum(axis=axis)
        with np.errstate(invalid="ignore"):
            shares = np.diagonal(self.counts) / totals
        return dict(zip(self.classes, shares.tolist(), strict=True))

    def _drawn(self) -> Svg:
        return matrix_chart(self.counts, self.classes)


@looks
def confusion(model: nn.Module, data: Any) -> Confusion:
    """Return how often each class of the examples was taken for which.

    Args:
        model: gives a number for each class, of which the largest is its answer; or one number,
            above 0 for the second of two classes. It is left as it is.
        data: a pair (x, y), `Examples`, a `Dataset` or a `DataLoader`; y are class numbers.

    Raises:
        DataError: the answers are no class numbers, or outside the outputs of the model.

    Examples:
        >>> from chainrule import nn
        >>> scores = np.array([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]], dtype=np.float32)
        >>> found = confusion(nn.Identity(), (scores, np.array([0, 1, 1])))
        >>> found.counts.tolist(), round(found.accuracy, 3)
        ([[1, 0], [1, 1]], 0.667)
    """
    rows = rows_of(data)
    outputs = outputs_of(model, rows.x)
    truth, guesses = taken_for(rows, outputs)
    k = max(outputs.shape[1], 2, len(rows.classes))
    return Confusion(counted(truth, guesses, k), tuple(rows.class_name(i) for i in range(k)))


def counted(truth: Array, guesses: Array, classes: int) -> Array:
    """Return how many rows of each class were taken for which, `(classes, classes)`.

    Args:
        truth: `(N,)`, class numbers.
        guesses: `(N,)`, likewise.
        classes: how many there are.

    Examples:
        >>> counted(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    counts = np.bincount(truth * classes + guesses, minlength=classes * classes)
    return counts.reshape(classes, classes)


def taken_for(rows: Rows, outputs: Array) -> tuple[Array, Array]:
    """Return the true class of each row, and the one that the outputs say.

    Raises:
        DataError: the answers are no class numbers, or outside the outputs.
    """
    k = max(outputs.shape[1], 2)
    y = rows.y
    if y is None or not are_classes(y) or y.ndim != 1:
        raise DataError("the answers are no class numbers, so no class is taken for another")
    if y.min() < 0 or y.max() >= k:
        raise DataError(
            f"the answers hold the classes {y.min()} to {y.max()}, the model knows 0 to {k - 1}"
        )
    if outputs.shape[1] == 1:
        return y, (outputs[:, 0] > 0).astype(np.int64)
    return y, outputs.argmax(axis=1)
