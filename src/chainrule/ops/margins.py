"""Losses of pairs, triplets and sets of labels, which want a margin (floor 1, composites)."""

from __future__ import annotations

import numpy as np

from chainrule.errors import DataError, ShapeError
from chainrule.ops.activation import log_sigmoid
from chainrule.ops.core import Array, Value, Within, checked, composite, constant
from chainrule.ops.distance import pairwise_distance
from chainrule.ops.elementwise import (
    add,
    cast,
    clip,
    div,
    eq,
    logical_and,
    logical_not,
    lt,
    minimum,
    mul,
    neg,
    sqrt,
    square,
    sub,
    where,
)
from chainrule.ops.gather import take_along
from chainrule.ops.loss import _goes_with, _reduced, _same
from chainrule.ops.reduce import amax, cumsum, mean, sum
from chainrule.ops.shape import unsqueeze


@composite
def margin_ranking_loss(
    x1: Value, x2: Value, target: Value, margin: float = 0.0, reduction: str = "mean"
) -> Value:
    """max(0, margin - target (x1 - x2)): x1 above x2 where the target is 1, below where it is -1.

    Examples:
        >>> margin_ranking_loss(np.array([1.0]), np.array([3.0]), np.array([1.0]))
        np.float64(2.0)
    """
    _same(x1, x2)
    _goes_with(target, x1, "target")
    return _reduced(clip(sub(margin, mul(target, sub(x1, x2))), min=0.0), reduction)


@composite
def cosine_embedding_loss(
    x1: Value, x2: Value, target: Value, margin: float = 0.0, reduction: str = "mean"
) -> Value:
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Args:
        x1: (N, D) or (D,).
        x2: of the same shape.
        target: (N,) or a single number, each 1 or -1.
        margin: -1 to 1.
        reduction: "mean", "sum" or "none".

    Examples:
        >>> x = np.array([[1.0, 0.0]])
        >>> cosine_embedding_loss(x, x, np.array([-1.0])).round(4)
        np.float64(1.0)
    """
    if tuple(target.shape) != tuple(x1.shape)[:-1] or len(x1.shape) not in (1, 2):
        raise ShapeError(
            f"cosine_embedding_loss takes inputs (N, D) with targets (N,), or (D,) with a single "
            f"target; got shapes {tuple(x1.shape)}, {tuple(x2.shape)} and {tuple(target.shape)}"
        )
    _same(x1, x2)
    tiny = 1e-12  # PyTorch's
    lengths = mul(add(sum(square(x1), dim=-1), tiny), add(sum(square(x2), dim=-1), tiny))
    cosine = div(sum(mul(x1, x2), dim=-1), sqrt(lengths))
    alike = where(eq(target, 1), sub(1.0, cosine), 0.0)
    unlike = where(eq(target, -1), clip(sub(cosine, margin), min=0.0), 0.0)
    return _reduced(add(alike, unlike), reduction)


def triplet_loss(near: Value, far: Value, margin: float, reduction: str) -> Value:
    """max(0, margin + near - far), of distances."""
    return _reduced(clip(add(sub(near, far), margin), min=0.0), reduction)


@composite
def triplet_margin_loss(
    anchor: Value,
    positive: Value,
    negative: Value,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Value:
    """max(0, margin + |anchor - positive| - |anchor - negative|), in the p-norm.

    V. Balntas and others, "Learning local feature descriptors with triplets and shallow
    convolutional neural networks", BMVC 2016.

    Args:
        anchor: (N, D) or (D,).
        positive: likewise, what should be near.
        negative: likewise, what should be far.
        margin: by how much.
        p: of the norm.
        eps: added to the differences.
        swap: whether the negative's distance is the lesser of those to anchor and positive.
        reduction: "mean", "sum" or "none".

    Examples:
        >>> a, b = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])
        >>> triplet_margin_loss(a, b, a).round(4)
        np.float64(6.0)
    """
    if not len(anchor.shape) == len(positive.shape) == len(negative.shape):
        shapes = ", ".join(str(tuple(x.shape)) for x in (anchor, positive, negative))
        raise ShapeError(
            "anchor, positive and negative must have equally many dimensions, because broadcasting "
            f"would compare wrong triplets; got shapes {shapes}"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return triplet_loss(near, far, margin, reduction)


@composite
def multilabel_soft_margin_loss(
    x: Value, target: Value, weight: Value = None, reduction: str = "mean"
) -> Value:
    """-(t ln sigmoid(x) + (1 - t) ln sigmoid(-x)), averaged over the classes: several may be true.

    Args:
        x: scores (N, C).
        target: 1 where a class is true, else 0, (N, C).
        weight: of each class, (C,).
        reduction: "mean", "sum" or "none".

    Examples:
        >>> multilabel_soft_margin_loss(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])).round(4)
        np.float64(0.6931)
    """
    _same(x, target)
    true, false = mul(target, log_sigmoid(x)), mul(sub(1.0, target), log_sigmoid(neg(x)))
    loss = neg(add(true, false))
    if weight is not None:
        _goes_with(weight, loss, "weight")
        loss = mul(loss, weight)
    return _reduced(mean(loss, dim=-1), reduction)


@composite
def multilabel_margin_loss(x: Value, target: Value, reduction: str = "mean") -> Value:
    """The hinge loss of rows with several labels: sum of max(0, 1 - (x_label - x_other)) / C.

    Args:
        x: scores (N, C) or (C,).
        target: labels, then -1 to fill up, of x's shape.
        reduction: "mean", "sum" or "none".

    Raises:
        DataError: a label outside the classes.
        ShapeError: another shape.

    Examples:
        >>> multilabel_margin_loss(np.array([0.1, 0.2, 0.4, 0.8]), np.array([3, 0, -1, 1])).round(4)
        np.float64(0.85)
    """
    _same(x, target)
    if np.dtype(target.dtype).kind not in "iu":
        raise DataError(f"labels must be integers, filled up with -1, got {target.dtype}")
    checked(Within(-1, x.shape[-1] - 1, _no_labels), target)
    classes = constant(np.arange(x.shape[-1]), x)
    real = eq(cumsum(cast(lt(target, 0), dtype=np.int64), dim=-1), 0)
    label = where(real, target, 0)
    named = logical_and(eq(unsqueeze(label, -1), classes), unsqueeze(real, -1))
    other = logical_not(amax(named, dim=-2))
    short = add(sub(unsqueeze(x, -2), unsqueeze(take_along(x, label, dim=-1), -1)), 1.0)
    counts = logical_and(unsqueeze(real, -1), unsqueeze(other, -2))
    loss = sum(where(counts, clip(short, min=0.0), 0.0), dim=(-2, -1))
    return _reduced(div(loss, x.shape[-1]), reduction)


def _no_labels(labels: Array) -> None:
    wrong = labels.max() if labels.max() >= labels.shape[-1] else labels.min()
    raise DataError(f"label {wrong} is outside the {labels.shape[-1]} classes, and not -1")
