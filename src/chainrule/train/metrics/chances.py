"""Metrics of the probabilities that scores stand for, in natural logarithms (floor 4).

Where p is the probability that a row's scores give to its own class, by softmax, or by sigmoid for
one score,

    log_loss     the mean of -ln p
    perplexity   e to the power of that
    brier        the mean of (p1 - y)^2 for two classes, y being 1 for the second;
                 for more the mean of the sum over classes of (p_k - y_k)^2

Of several labels, log_loss and brier are the means over rows and labels.

G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review,
1950.
"""

from __future__ import annotations

import numpy as np

from chainrule import ops
from chainrule.ops import Array
from chainrule.train.metrics.metric import RowMean
from chainrule.train.metrics.reading import Classed, Labelled, answers, of_classes

__all__ = ["brier", "log_loss", "perplexity"]


def _surprise(outputs: Array, targets: Array) -> Array:
    """-ln p of each row; of several labels the mean over them."""
    found = answers(outputs, targets)
    scores = found.scores.astype(np.float64)
    if isinstance(found, Labelled):
        return np.asarray(_two(scores, found.labels).mean(axis=1))
    return _of_own_class(found, scores)


def _two(scores: Array, true: Array) -> Array:
    """-ln p where a score is of the second of two classes."""
    return np.asarray(-ops.log_sigmoid(np.where(true, scores, -scores)))


def _of_own_class(found: Classed, scores: Array) -> Array:
    if scores.shape[1] == 1:
        return _two(scores[:, 0], found.classes == 1)
    chances = ops.log_softmax(scores)
    return np.asarray(-chances[np.arange(len(scores)), found.classes])


def _surprise_of_class(outputs: Array, targets: Array) -> Array:
    found = of_classes("perplexity", outputs, targets)
    return _of_own_class(found, found.scores.astype(np.float64))


def _squares(outputs: Array, targets: Array) -> Array:
    found = answers(outputs, targets)
    scores = found.scores.astype(np.float64)
    if isinstance(found, Labelled):
        return np.asarray(((ops.sigmoid(scores) - found.labels) ** 2).mean(axis=1))
    if scores.shape[1] == 1:
        return np.asarray((ops.sigmoid(scores[:, 0]) - found.classes) ** 2)
    true = np.arange(scores.shape[1]) == found.classes[:, None]
    squares = (ops.softmax(scores) - true) ** 2
    return np.asarray(squares[:, 1] if scores.shape[1] == 2 else squares.sum(axis=1))


log_loss = RowMean("log_loss", _surprise, largest=False)
perplexity = RowMean(
    "perplexity", _surprise_of_class, largest=False, finish=lambda mean: float(np.exp(mean[0]))
)
brier = RowMean("brier", _squares, largest=False)
