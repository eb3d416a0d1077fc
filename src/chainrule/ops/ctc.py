"""Connectionist temporal classification: a loss of sequences without alignment (floor 1)."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from chainrule.backend.devices import device_of
from chainrule.errors import DataError, ShapeError
from chainrule.ops.core import Array, Value, Within, checked, composite, constant, peek, read
from chainrule.ops.elementwise import (
    add,
    cast,
    clip,
    div,
    eq,
    gt,
    logaddexp,
    logical_and,
    lt,
    ne,
    neg,
    sub,
    where,
)
from chainrule.ops.gather import take_along
from chainrule.ops.loss import _reduced
from chainrule.ops.reduce import mean
from chainrule.ops.shape import (
    broadcast_to,
    concatenate,
    narrow,
    reshape,
    stack,
    unsqueeze,
)
from chainrule.ops.transfer import transfer

# The logarithm of no chance at all: finite, so that no slope becomes NaN.
_NEVER = -1e30


@composite
def ctc_loss(
    log_probs: Value,
    targets: Value,
    input_lengths: Value,
    target_lengths: Value,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Value:
    """-ln of the chance that a sequence of classes, repeats and blanks taken out, is the target.

    A. Graves and others, "Connectionist temporal classification", ICML 2006. The slope by
    `log_probs` is the derivative itself; PyTorch gives what it becomes behind log_softmax.

    Args:
        log_probs: of each class at each step, (T, N, C) or (T, C).
        targets: (N, S), filled up with anything; or (sum of lengths,), one after another; or (S,).
        input_lengths: how many steps each sequence has, (N,) or a number.
        target_lengths: how many labels each target has, likewise.
        blank: the class that stands for none.
        reduction: "none", "sum", or "mean": the mean of each loss divided by its target's length.
        zero_infinity: whether a target that cannot be has a loss of 0 instead of infinity.

    Raises:
        DataError: lengths or labels that do not fit.
        ShapeError: shapes that do not go together.

    Examples:
        >>> even = np.log(np.full((2, 1, 2), 0.5))
        >>> loss = ctc_loss(even, np.array([[1]]), np.array([2]), np.array([1]))
        >>> np.exp(-loss).round(4)
        np.float64(0.75)
    """
    single = len(log_probs.shape) == 2
    if single:
        log_probs = unsqueeze(log_probs, 1)
    if len(log_probs.shape) != 3:
        raise ShapeError(f"ctc_loss takes (T, N, C) or (T, C), got shape {tuple(log_probs.shape)}")
    steps, count, classes = log_probs.shape
    lengths = _counts(input_lengths, count, steps, log_probs)
    sizes = _counts(target_lengths, count, None, log_probs)
    labels = _rows(targets, sizes, count)
    _are_lengths(sizes, labels.shape[1])
    reach = constant(np.arange(labels.shape[1]), log_probs)
    labels = where(lt(reach, unsqueeze(sizes, 1)), labels, blank)
    checked(Within(0, classes - 1, partial(_no_classes, classes=classes)), labels)
    loss = _losses(log_probs, labels, lengths, sizes, blank)
    impossible = gt(loss, -_NEVER / 2)
    loss = where(impossible, 0.0 if zero_infinity else math.inf, loss)
    if reduction == "mean":
        return mean(div(loss, cast(clip(sizes, min=1), dtype=loss.dtype)))
    loss = _reduced(loss, reduction)
    return reshape(loss, shape=()) if single else loss


def _counts(lengths: Any, count: int, most: int | None, beside: Value) -> Value:
    """Lengths as an array (N,), each at most `most`, where the chances are."""
    found = lengths
    if isinstance(lengths, (int, list, tuple)):
        found = constant(np.asarray(lengths), beside)
    found = transfer(found, to=device_of(getattr(beside, "array", beside)))
    found = reshape(found, shape=(-1,))
    if found.shape[0] != count:
        raise ShapeError(f"{count} sequences need as many lengths, got {found.shape[0]}")
    if most is not None:
        _are_lengths(found, most)
    return found


def _are_lengths(lengths: Value, most: int) -> None:
    if np.dtype(lengths.dtype).kind not in "iu":
        _no_lengths(peek(lengths), most)
    checked(Within(0, most, partial(_no_lengths, most=most)), lengths)


def _no_lengths(lengths: Array, most: int) -> None:
    raise DataError(f"lengths must be integers from 0 to {most}, got {lengths.tolist()[:10]}")


def _no_classes(_labels: Array, classes: int) -> None:
    raise DataError(f"labels must be integers from 0 to {classes - 1}")


def _rows(targets: Value, sizes: Value, count: int) -> Value:
    """The targets as rows (N, S)."""
    if len(targets.shape) == 2:
        return targets
    if count == 1:
        return unsqueeze(targets, 0)
    # One after another: where each begins depends on the numbers in `sizes`.
    ends = np.cumsum(read(sizes))
    if ends[-1] != targets.shape[0]:
        raise ShapeError(f"targets of {ends[-1]} labels in all, got {targets.shape[0]}")
    starts = np.concatenate([[0], ends[:-1]])
    places = starts[:, None] + np.arange(int(np.max(np.diff([0, *ends]), initial=0)))
    return take_along(
        broadcast_to(unsqueeze(targets, 0), shape=(count, targets.shape[0])),
        constant(np.minimum(places, max(targets.shape[0] - 1, 0)), targets),
        dim=1,
    )


def _steps(x: Value) -> list[Value]:
    """x[0], x[1], ..., taken by halves: so the gradient is put together by halves as well."""
    n = x.shape[0]
    if n == 1:
        return [reshape(x, shape=x.shape[1:])]
    return _steps(narrow(x, 0, 0, n // 2)) + _steps(narrow(x, 0, n // 2, n - n // 2))


def _losses(log_probs: Value, labels: Value, lengths: Value, sizes: Value, blank: int) -> Value:
    """The loss of each sequence: chances of all prefixes, carried from step to step.

    Prefixes end in one of (blank, label 1, blank, label 2, ..., blank): 2 S + 1 places.
    """
    steps, count, _ = log_probs.shape
    blanks = constant(np.full((count, 1), blank, dtype=np.int64), labels)
    between = broadcast_to(blanks, shape=tuple(labels.shape))
    pairs = reshape(stack([labels, between], dim=2), shape=(count, 2 * labels.shape[1]))
    path = concatenate(blanks, pairs, dim=1)
    width = path.shape[1]
    chances = take_along(
        log_probs, broadcast_to(unsqueeze(path, 0), shape=(steps, count, width)), dim=2
    )
    never = constant(np.full((count, 2), _NEVER, dtype=log_probs.dtype), log_probs)
    # From label to label without a blank between, if they differ; blanks are never jumped to.
    two_back = narrow(concatenate(blanks, blanks, path, dim=1), 1, 0, width)
    jumps = logical_and(ne(path, blank), ne(path, two_back))
    first, *later = _steps(chances)
    alpha = where(constant(np.arange(width) < 2, log_probs), first, _NEVER)
    for t, chance in enumerate(later, start=1):
        before = concatenate(never, alpha, dim=1)
        new = logaddexp(alpha, narrow(before, 1, 1, width))
        new = logaddexp(new, where(jumps, narrow(before, 1, 0, width), _NEVER))
        alpha = where(gt(unsqueeze(lengths, 1), t), add(new, chance), alpha)
    last = unsqueeze(clip(add(sizes, sizes), max=width - 1), 1)
    whole = take_along(alpha, last, dim=1)
    open_end = take_along(alpha, clip(sub(last, 1), min=0), dim=1)
    total = logaddexp(whole, where(eq(last, 0), _NEVER, open_end))
    return neg(reshape(total, shape=(count,)))
