"""What outputs and targets mean: classes, several labels at once, or numbers (floor 4).

Outputs are scores as losses take them, before a softmax or a sigmoid. The kind is read from shapes:

    outputs (N, K) or (N, K, ...), targets (N) or (N, ...)   one of K classes for each row
    outputs (N, ..., K) or (N * ..., K), targets (N, ...)    the same, the classes last
    outputs (N) or (N, 1), targets of as many numbers        the second of two classes, or not
    outputs (N, L), targets (N, L) of 0 and 1                several labels, each or not

Rows whose class is -100 are left out, as cross-entropy leaves them out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule.errors import DataError, ShapeError
from chainrule.ops import Array

__all__ = ["Classed", "Labelled", "answers", "numbers", "of_classes", "weighed"]

_IGNORED = -100


class Classed(NamedTuple):
    """Rows that are of one class each.

    Attributes:
        scores: (N, K); of two classes there may be one, (N, 1), above 0 for the second.
        classes: (N,), the true ones.
    """

    scores: Array
    classes: Array

    @property
    def kinds(self) -> int:
        """How many classes there are."""
        return max(self.scores.shape[1], 2)

    @property
    def guesses(self) -> Array:
        """The classes that the scores say, the first of equals, (N,)."""
        if self.scores.shape[1] == 1:
            return (self.scores[:, 0] > 0).astype(np.int64)
        return self.scores.argmax(axis=1)


class Labelled(NamedTuple):
    """Rows that may have several labels each.

    Attributes:
        scores: (N, L), above 0 for a label that is there.
        labels: (N, L) of 0 and 1, the true ones.
    """

    scores: Array
    labels: Array


def answers(outputs: Array, targets: Array) -> Classed | Labelled:
    """Return what outputs and targets say of classes or labels.

    Raises:
        ShapeError: their shapes do not go together.
        DataError: targets that are no classes, or outside of those that there are scores for.

    Examples:
        >>> answers(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0])).guesses
        array([0, 1])
    """
    if outputs.shape == targets.shape and outputs.ndim == 2 and outputs.shape[1] > 1:
        _are_two(targets)
        return Labelled(outputs, targets.astype(bool))
    if outputs.size == targets.size and (outputs.ndim < 2 or outputs.shape[1:] == (1,)):
        _are_two(targets)
        return Classed(outputs.reshape(-1, 1), targets.reshape(-1).astype(np.int64))
    rows = _by_rows(outputs, targets)
    if rows is None:
        raise ShapeError(
            f"outputs of shape {outputs.shape} and targets of shape {targets.shape} are no "
            "classes; metrics of classes take outputs (N, K) and targets (N), or both of shape "
            "(N, L) for several labels"
        )
    return _of_classes(rows, targets.reshape(-1))


def of_classes(metric: str, outputs: Array, targets: Array) -> Classed:
    """Return rows of one class each.

    Args:
        metric: which of them wants that, for the sentence.
        outputs: scores.
        targets: classes.

    Raises:
        DataError: they are rows of several labels, or as in `answers`.
        ShapeError: as in `answers`.
    """
    found = answers(outputs, targets)
    if isinstance(found, Labelled):
        raise DataError(
            f"{metric} is of rows that have one class each; the targets, of shape "
            f"{targets.shape}, are several labels a row"
        )
    return found


def numbers(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """Return numbers and what they should be, float64 (N, columns).

    Raises:
        ShapeError: they are not of one shape.

    Examples:
        >>> numbers(np.zeros((3, 1)), np.zeros(3))[0].shape
        (3, 1)
    """
    n = len(targets)
    if outputs.shape != targets.shape and not (
        outputs.size == targets.size and len(outputs) == n and n == targets.size
    ):
        raise ShapeError(
            f"outputs of shape {outputs.shape} are held against targets of shape {targets.shape}; "
            "metrics of numbers take both of one shape"
        )
    columns = targets.size // n if n else 1
    return (
        outputs.reshape(n, columns).astype(np.float64),
        targets.reshape(n, columns).astype(np.float64),
    )


def weighed(weights: Array | None, rows: int) -> Array:
    """Return how much each row counts, float64 (rows,); all alike if nothing is said.

    Raises:
        ShapeError: there is not one weight for each row.
    """
    if weights is None:
        return np.ones(rows)
    if np.shape(weights) != (rows,):
        raise ShapeError(
            f"there must be one weight for each of {rows} rows, got shape {np.shape(weights)}"
        )
    return np.asarray(weights, dtype=np.float64)


def _by_rows(outputs: Array, targets: Array) -> Array | None:
    """The scores of each target, (targets, K); none where shapes do not say which they are."""
    if outputs.ndim < 2:
        return None
    if outputs.shape[:1] + outputs.shape[2:] == targets.shape:  # as losses have it
        return np.moveaxis(outputs, 1, -1).reshape(targets.size, outputs.shape[1])
    if outputs.shape[:-1] in (targets.shape, (targets.size,)):
        return outputs.reshape(targets.size, outputs.shape[-1])
    return None


def _of_classes(scores: Array, classes: Array) -> Classed:
    """Rows with their classes, without those that are left out."""
    if classes.dtype.kind not in "iub":
        raise DataError(f"metrics of classes take whole numbers as targets, got {classes.dtype}")
    if classes.size and classes.min() < 0 and (classes == _IGNORED).any():
        kept = classes != _IGNORED
        scores, classes = scores[kept], classes[kept]
    if classes.size and (classes.min() < 0 or classes.max() >= scores.shape[1]):
        raise DataError(
            f"the targets hold the classes {classes.min()} to {classes.max()}, there are scores "
            f"for 0 to {scores.shape[1] - 1}"
        )
    return Classed(scores, classes)


def _are_two(targets: Array) -> None:
    if targets.size and not ((targets == 0) | (targets == 1)).all():
        raise DataError(
            "metrics of classes take targets of 0 and 1 where there are as many as outputs; the "
            f"targets, of shape {targets.shape}, have others"
        )
