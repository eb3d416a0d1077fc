"""Metrics of the classes that are guessed: how many are right, which are taken for which (floor 4).

Guesses are the largest score of a row, the first of equals; where there is one score, the second of
two classes if it is above 0; of several labels each whose score is above 0.

Of a class with tp rows found of t that there are, p having been taken for it:

    precision = tp / p        recall = tp / t        f1 = 2 tp / (p + t)

and 0 where that would be 0 / 0, as in scikit-learn (Metrics and scoring, section 3.4.4).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from chainrule.ops import Array
from chainrule.train.metrics.metric import Counts, RowMean
from chainrule.train.metrics.reading import Labelled, answers, of_classes, weighed

__all__ = [
    "AVERAGES",
    "SHARES",
    "accuracy",
    "averaged",
    "balanced_accuracy",
    "confusion",
    "matthews",
    "top",
]

# Of rows found, rows taken for a class, and rows of it: a share for each class.
Share: TypeAlias = Callable[[Array, Array, Array], Array]


def _right(outputs: Array, targets: Array) -> Array:
    found = answers(outputs, targets)
    if isinstance(found, Labelled):
        return np.asarray(((found.scores > 0) == found.labels).all(axis=1))
    return np.asarray(found.guesses == found.classes)


accuracy = RowMean("accuracy", _right, largest=True)


def top(k: int) -> RowMean:
    """Return the share of rows whose class is among the k largest scores.

    Of equal scores those of later classes go first, as in scikit-learn.

    Args:
        k: how many are looked at.

    Examples:
        >>> scores = np.array([[0.1, 0.3, 0.6], [0.5, 0.4, 0.1]])
        >>> top(2)(scores, np.array([1, 2]))
        0.5
    """

    def among(outputs: Array, targets: Array) -> Array:
        scores, classes = of_classes(f"top_{k}", outputs, targets)
        if scores.shape[1] == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        own = scores[np.arange(len(classes)), classes][:, None]
        later = np.arange(scores.shape[1]) > classes[:, None]
        before = (scores > own) | ((scores == own) & later)
        return np.asarray(before.sum(axis=1) < k)

    return RowMean(f"top_{k}", among, largest=True)


# --- of counts ----------------------------------------------------------------------------------


def _counts(outputs: Array, targets: Array, weights: Array | None = None) -> Array:
    """How often each class was taken for which, (K, K); of several labels (L, 2, 2)."""
    found = answers(outputs, targets)
    weights = None if weights is None else weighed(weights, len(found.scores))
    if isinstance(found, Labelled):
        pairs = zip(found.labels.T, (found.scores > 0).T, strict=True)
        return np.array([_table(true, guessed, 2, weights) for true, guessed in pairs])
    return _table(found.classes, found.guesses, found.kinds, weights)


def _table(true: Array, guessed: Array, k: int, weights: Array | None) -> Array:
    places = true.astype(np.int64) * k + guessed
    return np.bincount(places, weights, minlength=k * k).reshape(k, k)


def _counts_of_classes(metric: str, outputs: Array, targets: Array, weights: Array | None) -> Array:
    of_classes(metric, outputs, targets)
    return _counts(outputs, targets, weights)


def _hits(counts: Array) -> tuple[Array, Array, Array]:
    """Of each class, or label: rows found, rows taken for it, rows of it."""
    if counts.ndim == 3:
        return counts[:, 1, 1], counts[:, :, 1].sum(axis=1), counts[:, 1].sum(axis=1)
    return np.diagonal(counts), counts.sum(axis=0), counts.sum(axis=1)


def _ratio(part: Array, of: Array) -> Array:
    """part / of, and 0 where there is nothing."""
    return np.divide(part, of, out=np.zeros(np.shape(of)), where=np.asarray(of) > 0)


SHARES: dict[str, Share] = {
    "precision": lambda tp, p, t: _ratio(tp, p),
    "recall": lambda tp, p, t: _ratio(tp, t),
    "f1": lambda tp, p, t: _ratio(2 * tp, p + t),
}


def _macro(share: Share, counts: Array) -> float:
    """The mean over the classes that there are, or were guessed; over all labels."""
    tp, p, t = _hits(counts)
    there = np.ones(len(t), dtype=bool) if counts.ndim == 3 else p + t > 0
    return float(np.mean(share(tp, p, t)[there])) if counts.any() else float("nan")


def _weighted(share: Share, counts: Array) -> float:
    """The mean over classes, each counting as often as it is there."""
    tp, p, t = _hits(counts)
    if not counts.any():
        return float("nan")
    return float(np.average(share(tp, p, t), weights=t)) if t.any() else 0.0


def _micro(share: Share, counts: Array) -> float:
    """The share of all rows together, whatever their class."""
    tp, p, t = (np.sum(part, keepdims=True) for part in _hits(counts))
    return float(share(tp, p, t)[0]) if counts.any() else float("nan")


def _usual(share: Share, counts: Array) -> float:
    """That of the second of two classes; the mean over more, and over labels."""
    if counts.shape != (2, 2):
        return _macro(share, counts)
    return float(share(*_hits(counts))[1]) if counts.any() else float("nan")


AVERAGES: dict[str, Callable[[Share, Array], float]] = {
    "": _usual,
    "macro": _macro,
    "weighted": _weighted,
    "micro": _micro,
}


def averaged(share: str, average: str = "") -> Counts:
    """Return precision, recall or f1.

    Args:
        share: which of them.
        average: "macro", the mean over classes; "weighted", each as often as it is there; "micro",
            of all rows together; or "": of the second of two classes, "macro" of more.

    Examples:
        >>> scores = np.array([-1.0, 2.0, 3.0, -1.0])  # of the second of two classes
        >>> averaged("f1")(scores, np.array([0, 1, 0, 1]))
        0.5
    """
    name = f"{share}_{average}" if average else share
    return Counts(name, _counts, partial(AVERAGES[average], SHARES[share]), largest=True)


def _balanced(counts: Array) -> float:
    tp, _, t = _hits(counts)
    return float(np.mean(tp[t > 0] / t[t > 0])) if t.any() else float("nan")


balanced_accuracy = Counts(
    "balanced_accuracy", partial(_counts_of_classes, "balanced_accuracy"), _balanced, largest=True
)


def _correlation(counts: Array) -> float:
    """The correlation of true and guessed classes.

    J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
    Computational Biology and Chemistry, 2004.
    """
    tp, p, t = (part.astype(np.float64) for part in _hits(counts))
    n = t.sum()
    if not n:
        return float("nan")
    spread = (n * n - p @ p) * (n * n - t @ t)
    return float((tp.sum() * n - p @ t) / np.sqrt(spread)) if spread > 0 else 0.0


matthews = Counts("matthews", partial(_counts_of_classes, "matthews"), _correlation, largest=True)

confusion = Counts("confusion", _counts, lambda counts: counts, largest=None)
