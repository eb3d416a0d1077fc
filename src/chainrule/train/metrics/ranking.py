"""Metrics of the order that scores put rows into, whatever bound is set (floor 4).

For each bound c, tp(c) of the P rows of a class have a score of at least c, and fp(c) of the N
others; rows of equal scores come together. Then

    roc_auc            the area under the points (fp / N, tp / P), joined by straight lines
    average_precision  the sum over bounds, from above, of (change of tp / P) * tp / (tp + fp)

Of more than two classes both are the mean over classes, each against the rest by its probability,
of those that have rows and that not all rows are of; of several labels the mean over labels.

T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters, 2006.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from chainrule import ops
from chainrule.ops import Array
from chainrule.train.metrics.metric import Whole
from chainrule.train.metrics.reading import Labelled, answers, weighed

__all__ = ["average_precision", "roc_auc"]


def _each_against_rest(outputs: Array, targets: Array) -> Iterator[tuple[Array, Array]]:
    """Of each class or label: scores, and which rows are of it."""
    found = answers(outputs, targets)
    scores = found.scores.astype(np.float64)
    if isinstance(found, Labelled):
        yield from zip(scores.T, found.labels.T, strict=True)
    elif scores.shape[1] <= 2:
        # The order of probabilities, with all digits.
        yield scores[:, -1] - (scores[:, 0] if scores.shape[1] == 2 else 0), found.classes == 1
    else:
        chances = ops.log_softmax(scores)
        yield from ((chances[:, k], found.classes == k) for k in range(scores.shape[1]))


def _hits(scores: Array, positive: Array, weights: Array) -> tuple[Array, Array]:
    """How much of the class, and of the rest, is at or above each score that there is."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    found = [np.cumsum((weights * part)[order])[last] for part in (positive, ~positive)]
    return found[0], found[1]


def _area(tp: Array, fp: Array) -> float:
    tp, fp = np.append(0.0, tp), np.append(0.0, fp)
    return float(np.sum(np.diff(fp) * (tp[1:] + tp[:-1]) / 2) / (tp[-1] * fp[-1]))


def _precision(tp: Array, fp: Array) -> float:
    there = tp + fp > 0
    tp, fp = tp[there], fp[there]
    return float(np.sum(np.diff(tp, prepend=0.0) * tp / (tp + fp)) / tp[-1])


def _mean(
    of: Callable[[Array, Array], float], outputs: Array, targets: Array, weights: Array | None
) -> float:
    """The mean over classes; NaN where none of them has rows on both sides, or a score is NaN."""
    figures = []
    for scores, positive in _each_against_rest(outputs, targets):
        if not len(scores) or np.isnan(scores).any():
            return float("nan")
        tp, fp = _hits(scores, positive, weighed(weights, len(scores)))
        if len(tp) and tp[-1] > 0 and fp[-1] > 0:
            figures.append(of(tp, fp))
    return float(np.mean(figures)) if figures else float("nan")


roc_auc = Whole("roc_auc", partial(_mean, _area), largest=True)
average_precision = Whole("average_precision", partial(_mean, _precision), largest=True)
