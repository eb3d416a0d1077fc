"""Losses, with PyTorch's names and meanings, made of ops (floor 1, composites).

`reduction` is "mean" (the default), "sum" or "none". A prediction and a target whose shapes differ
are an error here, not a broadcast: (N, 1) against (N,) would silently compare all with all.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from chainrule.backend.arrays import to_host
from chainrule.errors import DataError, OptionError, ShapeError, did_you_mean
from chainrule.ops.activation import log_sigmoid, log_softmax
from chainrule.ops.core import (
    Array,
    Shape,
    Value,
    Within,
    any_such,
    checked,
    composite,
    constant,
    peek,
)
from chainrule.ops.elementwise import (
    abs,
    add,
    cast,
    clip,
    div,
    eq,
    exp,
    gt,
    log,
    log1p,
    lt,
    maximum,
    mul,
    ne,
    neg,
    relu,
    square,
    sub,
    where,
)
from chainrule.ops.gather import index_select, take_along
from chainrule.ops.reduce import mean, sum
from chainrule.ops.shape import permute, reshape, unsqueeze


def _reduced(loss: Value, reduction: str) -> Value:
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    choices = ("mean", "sum", "none")
    raise OptionError(
        f"reduction {reduction!r} is not known; use one of {', '.join(choices)}"
        + did_you_mean(str(reduction), choices)
    )


def _same(prediction: Value, target: Value) -> None:
    if tuple(prediction.shape) != tuple(target.shape):
        p, t = tuple(prediction.shape), tuple(target.shape)
        raise ShapeError(
            f"the prediction has shape {p} and the target {t}; they must be equal, because "
            f"broadcasting would compare wrong pairs; {_as_equals(p, t)}"
        )


def _as_equals(p: Shape, t: Shape, one: str = "prediction", other: str = "target") -> str:
    """What makes a prediction and a target, whose shapes differ, comparable."""
    if math.prod(p) != math.prod(t):
        if _spreads(t, p):
            return f"if the {other} is one for all, put {other}.expand{p}"
        return "give the last layer as many outputs as a target has numbers"
    for long, short, names in ((p, t, (one, other)), (t, p, (other, one))):
        for d in range(len(long)):
            if long[d] == 1 and (*long[:d], *long[d + 1 :]) == short:
                return f"put {names[0]}.squeeze({d}), or {names[1]}.unsqueeze({d})"
    return f"reshape one, for example {other}.view{p}"


def _spreads(shape: Shape, over: Shape) -> bool:
    """Whether what has a shape can be spread over another, which stays as it is."""
    try:
        return np.broadcast_shapes(shape, over) == over
    except ValueError:
        return False


def _goes_with(factor: Value, loss: Value, name: str) -> None:
    """Refuse a factor of losses that is no number for each, nor one for many of them."""
    if not _spreads(tuple(factor.shape), tuple(loss.shape)):
        raise ShapeError(
            f"{name} of shape {tuple(factor.shape)} does not go with losses of shape "
            f"{tuple(loss.shape)}: it must have that shape, or one that spreads over it"
        )


def _one_a_class(weight: Value, scores: Value) -> None:
    """Refuse weights of classes unless there is one for each of the last dimension."""
    if tuple(weight.shape) != tuple(scores.shape[-1:]):
        raise ShapeError(
            f"weight must have a number for each class, shape {tuple(scores.shape[-1:])}, got "
            f"{tuple(weight.shape)}"
        )


# --- of numbers ---------------------------------------------------------------------------------


def _weighted(loss: Value, weight: Value, reduction: str) -> Value:
    """Losses times their weights; the mean is then over the weights."""
    if weight is None:
        return _reduced(loss, reduction)
    _same(loss, weight)
    loss = mul(loss, weight)
    return div(sum(loss), sum(weight)) if reduction == "mean" else _reduced(loss, reduction)


@composite
def mse_loss(x: Value, target: Value, reduction: str = "mean", weight: Value = None) -> Value:
    """The mean of (x - target)^2, weighted if `weight`, of the same shape, is given.

    Examples:
        >>> mse_loss(np.array([1.0]), np.array([3.0]))
        np.float64(4.0)
    """
    _same(x, target)
    return _weighted(square(sub(x, target)), weight, reduction)


@composite
def l1_loss(x: Value, target: Value, reduction: str = "mean", weight: Value = None) -> Value:
    """The mean of |x - target|, weighted if `weight`, of the same shape, is given.

    Examples:
        >>> l1_loss(np.array([1.0]), np.array([3.0]))
        np.float64(2.0)
    """
    _same(x, target)
    return _weighted(abs(sub(x, target)), weight, reduction)


@composite
def huber_loss(
    x: Value, target: Value, reduction: str = "mean", delta: float = 1.0, weight: Value = None
) -> Value:
    """d^2 / 2 for |d| <= delta, delta (|d| - delta / 2) beyond, d = x - target; averaged.

    A `weight` of the same shape multiplies the losses; the mean is over their number all the same.

    P. J. Huber, "Robust estimation of a location parameter", 1964.

    Examples:
        >>> huber_loss(np.array([1.0]), np.array([3.0]))
        np.float64(1.5)
    """
    _same(x, target)
    if delta <= 0:
        raise OptionError(f"delta must be above 0, got {delta}")
    size = abs(sub(x, target))
    near = mul(square(size), 0.5)
    loss = where(lt(size, delta), near, mul(sub(size, delta / 2), delta))
    if weight is not None:
        _goes_with(weight, loss, "weight")
        loss = mul(loss, weight)
    return _reduced(loss, reduction)


@composite
def smooth_l1_loss(x: Value, target: Value, reduction: str = "mean", beta: float = 1.0) -> Value:
    """The Huber loss divided by its delta, here beta; the abs error for beta = 0.

    Examples:
        >>> smooth_l1_loss(np.array([1.0]), np.array([3.0]), beta=0.5)
        np.float64(1.75)
    """
    if beta < 0:
        raise OptionError(f"beta must be at least 0, got {beta}")
    if beta == 0:
        return l1_loss(x, target, reduction)
    return div(huber_loss(x, target, reduction, delta=beta), beta)


# --- of classes ---------------------------------------------------------------------------------


def checked_labels(
    target: Value, classes: int, ignore_index: int | None = None, has_ignored: bool = True
) -> None:
    """Refuse labels that are no integers, or outside the classes, now and in every replay."""
    if np.dtype(target.dtype).kind not in "iu":
        raise DataError(
            f"class labels must be integers from 0 to {classes - 1}, got {target.dtype}; "
            "convert them with .long(), or pass probabilities of the same shape as the input"
        )
    refuse = partial(
        _no_labels, classes=classes, ignore_index=ignore_index, has_ignored=has_ignored
    )
    checked(Within(0, classes - 1, refuse, besides=ignore_index), target)


def _no_labels(labels: Array, classes: int, ignore_index: int | None, has_ignored: bool) -> None:
    labels = to_host(labels)
    wrong = (labels < 0) | (labels >= classes)
    if ignore_index is not None:
        wrong &= labels != ignore_index
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    where_ = at[0] if len(at) == 1 else at
    counted = labels[labels != ignore_index]
    advice = ""
    if classes == 1:
        advice = "two classes need two outputs, or one and binary_cross_entropy_with_logits"
    elif labels[at] >= classes:
        from_one = counted.min() == 1 and counted.max() == classes
        advice = (
            "if they are counted from 1, use labels - 1"
            if from_one
            else ("if there are more classes, give the last layer an output for each")
        )
    elif has_ignored:
        advice = f"to leave such rows out set ignore_index={labels[at]}"
    raise DataError(
        f"label {labels[at]} at index {where_} is outside the {classes} classes 0 to {classes - 1}"
        + (f"; {advice}" if advice else "")
    )


def _are_scores(x: Value, target: Value) -> None:
    """Refuse integers where scores of classes are expected."""
    if np.dtype(x.dtype).kind in "iub":
        swapped = np.dtype(target.dtype).kind == "f" and len(target.shape) == len(x.shape) + 1
        raise DataError(
            f"scores of classes must be floating-point numbers, got {x.dtype}; "
            + ("the scores come first, and then the labels" if swapped else "use .float()")
        )


def _one_label_a_row(scores: Value, target: Value) -> None:
    """Hold labels against scores whose classes are last."""
    wanted, found = tuple(scores.shape[:-1]), tuple(target.shape)
    if found == wanted:
        return
    given = (wanted[0], scores.shape[-1], *wanted[1:]) if wanted else tuple(scores.shape)
    raise ShapeError(
        f"labels of shape {found} do not go with scores of shape {given}: one label a row is "
        f"expected, shape {wanted}{_as_labels(given, wanted, found)}"
    )


def _as_labels(scores: Shape, wanted: Shape, found: Shape) -> str:
    """What makes labels of a shape go with scores."""
    if found == scores and len(scores) > 1:
        return "; for one-hot rows put .argmax(1), or .float() to take them as probabilities"
    if found == (*wanted, 1):
        return "; put .squeeze(-1) behind the labels"
    if found == (*wanted[:1], 1, *wanted[1:]):
        return "; put .squeeze(1) behind the labels"
    if len(scores) > 2 and found == scores[:-1]:
        return "; if the classes come last, put .movedim(-1, 1) behind the scores"
    return ""


def _classes_last(x: Value) -> Value:
    """Scores (N, C, ...) as (N, ..., C)."""
    ndim = len(x.shape)
    return x if ndim < 3 else permute(x, dims=(0, *range(2, ndim), 1))


def _picked(scores: Value, target: Value, weight: Value, ignore_index: int) -> tuple[Value, Any]:
    """-scores at the labels, weighted, and the weights (1 where there are none)."""
    kept = ne(target, ignore_index)
    safe = where(kept, target, 0)
    chosen = take_along(scores, unsqueeze(safe, -1), dim=-1)
    # Not by multiplying with 0: an ignored row may hold an infinity.
    loss = where(kept, neg(reshape(chosen, shape=tuple(target.shape))), 0.0)
    factor = label_weights(target, weight, ignore_index, scores.dtype)
    return mul(loss, factor), factor


def label_weights(target: Value, weight: Value, ignore_index: int, dtype: Any) -> Value:
    """How much each label counts in a mean: as its class does, 1 without weights; 0 if ignored."""
    kept = ne(target, ignore_index)
    factor = cast(kept, dtype=dtype)
    if weight is None:
        return factor
    flat = reshape(where(kept, target, 0), shape=(-1,))
    return mul(factor, reshape(index_select(weight, 0, flat), shape=tuple(target.shape)))


def _nll(scores: Value, target: Value, weight: Value, reduction: str, ignore_index: int) -> Value:
    """Negative log likelihood of `target` under log-probabilities `scores` (..., C)."""
    _one_label_a_row(scores, target)
    if weight is not None:
        _one_a_class(weight, scores)
    if weight is None and not _may_have(target, ignore_index):
        checked_labels(target, scores.shape[-1])
        chosen = take_along(scores, unsqueeze(target, -1), dim=-1)
        return _reduced(neg(reshape(chosen, shape=tuple(target.shape))), reduction)
    checked_labels(target, scores.shape[-1], ignore_index)
    loss, factor = _picked(scores, target, weight, ignore_index)
    return _mean_over(loss, factor) if reduction == "mean" else _reduced(loss, reduction)


def _mean_over(loss: Value, factor: Value) -> Value:
    """The sum of losses over the sum of their factors; where nothing counts, NaN of slope 0."""
    total = sum(factor)
    nothing = eq(total, 0)
    return where(nothing, math.nan, div(sum(loss), where(nothing, 1.0, total)))


def _may_have(target: Value, ignore_index: int) -> bool:
    """Whether there may be labels to ignore: if not, the check of the labels refuses them."""
    if ignore_index >= 0:
        return True
    labels = peek(target)  # no label of a class is that low, so the lowest tells
    return any_such(bool(labels.size and labels.min() <= ignore_index))


@composite
def nll_loss(
    x: Value,
    target: Value,
    weight: Value = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Value:
    """The mean of -x at each label, x being log-probabilities.

    Args:
        x: log-probabilities (N, C), (N, C, ...) or (C,).
        target: class numbers (N,), (N, ...) or a single one.
        weight: of each class, (C,); the mean is then over the weights.
        ignore_index: a label that does not count.
        reduction: "mean", "sum" or "none".

    Raises:
        DataError: a label outside the classes.
        ShapeError: the shapes do not go together.

    Examples:
        >>> nll_loss(np.log(np.array([[0.25, 0.75]])), np.array([1])).round(4)
        np.float64(0.2877)
    """
    _are_scores(x, target)
    return _nll(_classes_last(x), target, weight, reduction, ignore_index)


@composite
def cross_entropy(
    x: Value,
    target: Value,
    weight: Value = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Value:
    """-ln softmax(x) at each label, averaged; safe for scores of any size.

    With `label_smoothing` s the target is 1 - s at the label plus s / C everywhere (C. Szegedy et
    al., "Rethinking the inception architecture for computer vision", CVPR 2016).

    Args:
        x: scores before any softmax, (N, C), (N, C, ...) or (C,).
        target: class numbers (N,), (N, ...), or probabilities of x's shape.
        weight: of each class, (C,); the mean is then over the weights.
        ignore_index: a label that does not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: 0 to 1.

    Raises:
        DataError: a label outside the classes.
        ShapeError: the shapes do not go together.

    Examples:
        >>> cross_entropy(np.array([[0.0, 1000.0]]), np.array([1]))
        np.float64(0.0)
    """
    if not 0 <= label_smoothing <= 1:
        raise OptionError(f"label_smoothing must be between 0 and 1, got {label_smoothing}")
    _are_scores(x, target)
    scores = log_softmax(_classes_last(x), dim=-1)
    if tuple(target.shape) == tuple(x.shape) and np.dtype(target.dtype).kind == "f":
        soft = _smoothed(_classes_last(target), label_smoothing)
        return _soft_cross_entropy(scores, soft, weight, reduction)
    hard = _nll(scores, target, weight, reduction, ignore_index)
    if not label_smoothing:
        return hard
    return add(
        mul(hard, 1 - label_smoothing),
        mul(_uniform_part(scores, target, weight, reduction, ignore_index), label_smoothing),
    )


def _smoothed(target: Value, s: float) -> Value:
    return add(mul(target, 1 - s), s / target.shape[-1]) if s else target


def _soft_cross_entropy(scores: Value, target: Value, weight: Value, reduction: str) -> Value:
    if weight is not None:
        _one_a_class(weight, scores)
        scores = mul(scores, weight)
    loss = neg(sum(mul(scores, target), dim=-1))
    return _reduced(loss, reduction)


def _uniform_part(
    scores: Value, target: Value, weight: Value, reduction: str, ignore_index: int
) -> Value:
    """What smoothing adds: the cross-entropy against equal probabilities."""
    if weight is None and not _may_have(target, ignore_index):
        return _reduced(neg(mean(scores, dim=-1)), reduction)
    weighted = scores if weight is None else mul(scores, weight)
    loss = neg(mean(weighted, dim=-1))
    loss = where(ne(target, ignore_index), loss, 0.0)
    if reduction != "mean":
        return _reduced(loss, reduction)
    _, factor = _picked(scores, target, weight, ignore_index)
    return _mean_over(loss, factor)


@composite
def multi_margin_loss(
    x: Value,
    target: Value,
    p: int = 1,
    margin: float = 1.0,
    weight: Value = None,
    reduction: str = "mean",
) -> Value:
    """The hinge loss of several classes: sum over j of max(0, margin - x_label + x_j)^p / C.

    Args:
        x: scores (N, C).
        target: class numbers (N,).
        p: 1 or 2.
        margin: by how much the right class should lead.
        weight: of each class, (C,).
        reduction: "mean", "sum" or "none".

    Examples:
        >>> multi_margin_loss(np.array([[0.5, 1.0]]), np.array([1]))
        np.float64(0.25)
    """
    if p not in (1, 2):
        raise OptionError(f"p must be 1 or 2, got {p}")
    _one_label_a_row(x, target)
    checked_labels(target, x.shape[-1], has_ignored=False)
    at_label = take_along(x, unsqueeze(target, -1), dim=-1)
    short = relu(add(sub(x, at_label), margin))
    if p == 2:
        short = square(short)
    if weight is not None:
        _one_a_class(weight, x)
        short = mul(short, unsqueeze(index_select(weight, 0, target), -1))
    others = ne(unsqueeze(target, -1), constant(np.arange(x.shape[-1]), x))
    return _reduced(mul(sum(mul(short, others), dim=-1), 1 / x.shape[-1]), reduction)


@composite
def hinge_embedding_loss(
    x: Value, target: Value, margin: float = 1.0, reduction: str = "mean"
) -> Value:
    """x where the target is 1, max(0, margin - x), of slope -1 at the margin, where it is -1.

    Examples:
        >>> hinge_embedding_loss(np.array([0.5, 0.25]), np.array([1.0, -1.0]))
        np.float64(0.625)
    """
    _same(x, target)
    # Any other target counts as both, as in PyTorch.
    alike = where(ne(target, -1), x, 0.0)
    unlike = where(ne(target, 1), clip(sub(margin, x), min=0.0), 0.0)
    return _reduced(add(alike, unlike), reduction)


@composite
def soft_margin_loss(x: Value, target: Value, reduction: str = "mean") -> Value:
    """ln(1 + e^(-target x)), the target being 1 or -1.

    Examples:
        >>> soft_margin_loss(np.array([0.0]), np.array([1.0])).round(4)
        np.float64(0.6931)
    """
    _same(x, target)
    return _reduced(neg(log_sigmoid(mul(x, target))), reduction)


# --- of probabilities ---------------------------------------------------------------------------


@composite
def binary_cross_entropy(
    x: Value, target: Value, weight: Value = None, reduction: str = "mean"
) -> Value:
    """-(t ln x + (1 - t) ln(1 - x)), x being probabilities; each logarithm is at least -100.

    Where a logarithm is cut off there its slope is 0.

    Raises:
        DataError: an x outside 0 to 1.

    Examples:
        >>> binary_cross_entropy(np.array([0.5]), np.array([1.0])).round(4)
        np.float64(0.6931)
    """
    _same(x, target)
    checked(Within(0, 1, _no_probabilities), x)
    yes, no = _bounded_log(x), _bounded_log(sub(1.0, x))
    loss = neg(add(mul(target, yes), mul(sub(1.0, target), no)))
    if weight is not None:
        _goes_with(weight, loss, "weight")
        loss = mul(loss, weight)
    return _reduced(loss, reduction)


def _bounded_log(x: Value) -> Value:
    # At 0 the slope of the logarithm is infinite, and 0 times it, beyond the bound, would be NaN.
    never = eq(x, 0)
    return where(never, -100.0, clip(log(where(never, 1.0, x)), min=-100.0))


def _no_probabilities(x: Array) -> None:
    raise DataError(
        f"binary_cross_entropy takes probabilities from 0 to 1, got {x.min():.4g} to "
        f"{x.max():.4g}; use binary_cross_entropy_with_logits for scores"
    )


@composite
def binary_cross_entropy_with_logits(
    x: Value,
    target: Value,
    weight: Value = None,
    reduction: str = "mean",
    pos_weight: Value = None,
) -> Value:
    """Binary cross-entropy of sigmoid(x), safe for scores of any size.

    That is max(x, 0) - target x + ln(1 + e^-|x|).

    Args:
        x: scores, any shape.
        target: probabilities of the same shape.
        weight: of each element, broadcast.
        reduction: "mean", "sum" or "none".
        pos_weight: factor of the positive part, broadcast.

    Examples:
        >>> binary_cross_entropy_with_logits(np.array([-1000.0]), np.array([0.0]))
        np.float64(0.0)
    """
    _same(x, target)
    if pos_weight is None:
        loss = add(sub(maximum(x, 0.0), mul(target, x)), log1p(exp(neg(abs(x)))))
    else:
        _goes_with(pos_weight, x, "pos_weight")
        positive = mul(mul(target, log_sigmoid(x)), pos_weight)
        loss = neg(add(positive, mul(sub(1.0, target), log_sigmoid(neg(x)))))
    if weight is not None:
        _goes_with(weight, loss, "weight")
        loss = mul(loss, weight)
    return _reduced(loss, reduction)


@composite
def kl_div(x: Value, target: Value, reduction: str = "mean", log_target: bool = False) -> Value:
    """target (ln target - x), x being log-probabilities: how far the target is from e^x.

    `reduction` may also be "batchmean", the sum divided by the batch, which is the divergence.

    Examples:
        >>> p = np.array([[0.5, 0.5]])
        >>> kl_div(np.log(p), p)
        np.float64(0.0)
    """
    _same(x, target)
    if log_target:
        loss = mul(exp(target), sub(target, x))
    else:
        # t ln t is 0 at t = 0.
        some = gt(target, 0)
        entropy = mul(target, log(where(some, target, 1.0)))
        loss = sub(entropy, mul(target, x))
    if reduction == "batchmean":
        return div(sum(loss), x.shape[0])
    return _reduced(loss, reduction)
