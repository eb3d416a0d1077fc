"""Metrics of numbers that are predicted (floor 4).

With y the target and d the output less the target,

    mae                      the mean of |d|
    mse, rmse                the mean of d^2, and its root
    mape                     the mean of |d| / |y|, as a share; |y| is 2.2e-16 at least
    median_absolute_error    the middle of all |d|
    r2                       1 - (sum of d^2) / (sum of (y - mean of y)^2); where all targets are
                             the same 1 if they are met, else 0, as in scikit-learn

each the mean over columns where a row has several numbers (of rmse, of the roots).
"""

from __future__ import annotations

import numpy as np

from chainrule.ops import Array
from chainrule.train.metrics.metric import RowMean, Whole
from chainrule.train.metrics.reading import numbers, weighed

__all__ = ["mae", "mape", "median_absolute_error", "mse", "r2", "rmse"]


def _distances(outputs: Array, targets: Array) -> Array:
    given, true = numbers(outputs, targets)
    return np.abs(given - true)


def _squares(outputs: Array, targets: Array) -> Array:
    return np.square(_distances(outputs, targets))


def _shares(outputs: Array, targets: Array) -> Array:
    _, true = numbers(outputs, targets)
    return _distances(outputs, targets) / np.maximum(np.abs(true), np.finfo(np.float64).eps)


mae = RowMean("mae", _distances, largest=False)
mse = RowMean("mse", _squares, largest=False)
rmse = RowMean("rmse", _squares, largest=False, finish=lambda means: float(np.mean(np.sqrt(means))))
mape = RowMean("mape", _shares, largest=False)


def _middle(outputs: Array, targets: Array, weights: Array | None) -> float:
    distances = _distances(outputs, targets)
    if not len(distances):
        return float("nan")
    if weights is None:
        return float(np.mean(np.median(distances, axis=0)))
    each = weighed(weights, len(distances))
    return float(np.mean([_weighted_middle(column, each) for column in distances.T]))


def _weighted_middle(values: Array, weights: Array) -> float:
    """Where half of the weight is reached; between two values the mean of them."""
    order = np.argsort(values, kind="stable")
    values, reached = values[order], np.cumsum(weights[order])
    values = values[np.diff(reached, prepend=0.0) > 0]
    reached = np.unique(reached[reached > 0])
    half = reached[-1] / 2
    at = int(np.searchsorted(reached, half))
    if reached[at] == half:
        return float((values[at] + values[at + 1]) / 2)
    return float(values[at])


def _explained(outputs: Array, targets: Array, weights: Array | None) -> float:
    given, true = numbers(outputs, targets)
    if len(true) < 2:
        return float("nan")
    each = weighed(weights, len(true))
    left = each @ np.square(true - given)
    spread = each @ np.square(true - np.average(true, axis=0, weights=each))
    shares = np.divide(left, spread, out=(left > 0).astype(np.float64), where=spread > 0)
    return float(np.mean(1 - shares))


median_absolute_error = Whole("median_absolute_error", _middle, largest=False)
r2 = Whole("r2", _explained, largest=True)
