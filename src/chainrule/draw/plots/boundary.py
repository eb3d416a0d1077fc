"""Where a classifier of points in the plane draws the line between its classes (floor 4)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, no_grad, tensor
from chainrule.convert import to_layers
from chainrule.draw.plots.numbers import Array, numbers
from chainrule.errors import DataError, ShapeError
from chainrule.layers import Net
from chainrule.nn import Module
from chainrule.picture import Svg, region_chart
from chainrule.scalar import MLP

__all__ = ["boundary"]

_NODES = 80  # along each side of the grid, of which every node is a question to the classifier
_MARGIN = 0.12  # of the plane around the points, as a share of their extent


def boundary(
    predict: Any,
    points: Any,
    targets: Any,
    *,
    labels: Sequence[str] | None = None,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    middle: float | None = None,
) -> Svg:
    """Draw what a classifier says all over the plane, and the points it is to tell apart.

    Args:
        predict: a function of points `(N, 2)`, an `nn.Module`, a `layers.Net` or a `scalar.MLP`.
            It gives scores or probabilities of K classes `(N, K)`, or one score `(N,)` or
            `(N, 1)` that is low for the first class and high for the second, or classes `(N,)`
            as whole numbers.
        points: shape `(N, 2)`.
        targets: shape `(N,)` or `(N, 1)`: the class of each point, 0 to K - 1, or -1 and 1.
        labels: the names of the classes.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        middle: the one score where both classes meet; 0 if not given, or 0.5 where all scores
            lie from 0 to 1, as those of a network that ends in a sigmoid do.

    Returns:
        The picture: the stronger a colour, the surer the classifier, by the softmax of its scores
        or the sigmoid of its one score; the boundary is the pale seam.

    Raises:
        ShapeError: points, targets, labels and what `predict` gives do not fit together.
        DataError: a coordinate or a score is not a number, or a class is no whole number.

    Examples:
        >>> points, targets = [[-1.0, 0.0], [1.0, 0.0]], [-1, 1]
        >>> boundary(lambda at: at[:, 0], points, targets).description
        '−1 50 % of the plane, 1 50 %; 2 points'
    """
    dots = _points(points)
    known = _flat(numbers(targets, "targets"))
    signed = bool(np.isin(known, (-1, 1)).all()) and -1 in known
    classes = _whole((known + 1) / 2 if signed else known, "targets")
    left, low = (dots.min(axis=0) - _MARGIN * _extent(dots)).tolist()
    right, high = (dots.max(axis=0) + _MARGIN * _extent(dots)).tolist()
    x, y = np.meshgrid(np.linspace(left, right, _NODES), np.linspace(low, high, _NODES))
    answers = _asked(predict, np.stack([x.ravel(), y.ravel()], axis=1))
    shares = _shares(answers, int(classes.max()) + 1, len(labels or ()), middle)
    if labels is None:
        count = shares.shape[-1]
        labels = ["−1", "1"] if signed and count == 2 else [f"class {i}" for i in range(count)]
    return region_chart(
        shares.reshape(_NODES, _NODES, -1),
        (left, right, low, high),
        dots,
        classes,
        labels,
        title=title,
        x_label=x_label,
        y_label=y_label,
    )


def _points(points: Any) -> Array:
    dots = numbers(points, "points")
    if dots.ndim != 2 or dots.shape[1] != 2 or not len(dots):
        raise ShapeError(f"boundary: expected points in a plane, shape (N, 2), got {dots.shape}")
    if not np.isfinite(dots).all():
        raise DataError("boundary: expected finite points, got NaN or infinity")
    return dots


def _extent(dots: Array) -> Array:
    wide = np.ptp(dots, axis=0)
    return np.where(wide > 0, wide, wide.max() or 1.0)


def _flat(array: Array) -> Array:
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _whole(classes: Array, what: str) -> Array:
    if classes.ndim != 1 or not np.array_equal(classes, classes.round()) or (classes < 0).any():
        raise DataError(
            f"boundary: expected {what} that are classes 0, 1, ... or -1 and 1, one a point, "
            f"got shape {classes.shape} with {', '.join(f'{c:g}' for c in classes.ravel()[:4])}"
        )
    return classes.astype(int)


# --- asking the classifier ----------------------------------------------------------------------


def _asked(predict: Any, places: Array) -> Array:
    """What the classifier says at each place, as an array, whole numbers kept whole."""
    if isinstance(predict, MLP):
        predict = to_layers(predict)  # the same numbers, thousands of places at once
    if isinstance(predict, Net):
        found: Any = copy.deepcopy(predict).eval()(places)  # what backward needs stays as it was
    elif isinstance(predict, Module):
        found = _in_use(predict, places)
    elif callable(predict):
        found = predict(places)
    else:
        raise DataError(
            f"boundary: expected a function, a module or a network, got {type(predict).__name__}"
        )
    if isinstance(found, Tensor):
        found = found.detach().numpy()
    answers = np.asarray(found)
    return answers if answers.dtype.kind in "iub" else numbers(answers, "what predict gives")


def _in_use(module: Module, places: Array) -> Any:
    """What a module says when it is used rather than trained; its modes are as they were after."""
    modes = [(each, each.training) for each in module.modules()]
    kinds = [parameter.dtype for parameter in module.parameters()]
    module.eval()
    try:
        with no_grad():
            return module(tensor(places, dtype=kinds[0] if kinds else None))
    finally:
        for each, training in modes:
            each.training = training


# --- from answers to probabilities --------------------------------------------------------------


def _shares(answers: Array, least: int, named: int, middle: float | None) -> Array:
    """The probability of each class at each node, `(N, K)`."""
    if len(answers) != _NODES**2 or answers.ndim > 2:
        raise ShapeError(
            f"boundary: expected scores of shape (N,) or (N, K) for N = {_NODES**2} points, "
            f"got {answers.shape}"
        )
    answers = _flat(answers)
    if not np.isfinite(answers).all():
        raise DataError("boundary: the classifier gives NaN or infinity; did its training diverge?")
    if answers.ndim == 2:
        return _of_many(answers)
    if answers.dtype.kind in "iub":
        classes = _whole(answers, "answers")
        return np.eye(max(least, named, int(classes.max()) + 1))[classes]
    return _of_two(answers, middle)


def _of_many(scores: Array) -> Array:
    """Softmax, unless they are probabilities already."""
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-5):
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _of_two(score: Array, middle: float | None) -> Array:
    """The second class by one score: a probability, a share from -1 to 1, or log-odds."""
    low, high = float(score.min()), float(score.max())
    if middle is None:
        middle = 0.5 if low >= 0 and high <= 1 else 0.0
    reach = 0.5 if low >= 0 and high <= 1 else 1.0
    apart = score - middle
    if np.abs(apart).max() <= reach:
        second = (1 + apart / reach) / 2
    else:
        second = 1 / (1 + np.exp(-np.clip(apart, -500, 500)))
    return np.stack([1 - second, second], axis=1)
