"""What sorting gives: medians, quantiles, the k-th smallest, places in what is sorted (floor 1).

The gradient goes to the elements that were chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from chainrule.backend.arrays import as_array, is_gpu, module_of
from chainrule.errors import OptionError, ShapeError
from chainrule.ops import results
from chainrule.ops.both import accumulated, sought
from chainrule.ops.core import Array, Shape, Value, composite, constant, normal_dim, primitive
from chainrule.ops.elementwise import (
    add,
    cast,
    ceil,
    clip,
    div,
    eq,
    floor,
    floor_divide,
    isnan,
    logical_and,
    logical_not,
    logical_or,
    mul,
    round,
    sub,
    where,
)
from chainrule.ops.gather import take_along
from chainrule.ops.indexing import take
from chainrule.ops.rearrange import movedim
from chainrule.ops.reduce import argsort, reduced_shape, sort, sum
from chainrule.ops.shape import broadcast_to, narrow, reshape, unsqueeze


def _size(x: Value, dim: int) -> int:
    return x.shape[normal_dim(dim, len(x.shape))] if x.shape else 1


def _picked(x: Value, index: Value, dim: int, keepdim: bool, named: Callable[..., Any]) -> Any:
    """The elements at an index of size 1 along `dim`, and the index."""
    values = take_along(x, index, dim=dim)
    if not keepdim and x.shape:
        shape = reduced_shape(tuple(x.shape), dim=dim)
        values, index = reshape(values, shape=shape), reshape(index, shape=shape)
    return named(values, index)


@composite
def kthvalue(x: Value, k: int, dim: int = -1, keepdim: bool = False) -> Value:
    """The k-th smallest along `dim`, counted from 1, and where it is.

    Raises:
        ShapeError: there are fewer than k.

    Examples:
        >>> kthvalue(np.array([3.0, 1.0, 2.0]), 2).values
        array(2.)
    """
    if not 1 <= k <= _size(x, dim):
        raise ShapeError(f"kthvalue of k = {k} along dim {dim}, which has {_size(x, dim)} elements")
    order = argsort(x, dim=dim)
    return _picked(x, _entry(order, k - 1, dim), dim, keepdim, results.kthvalue)


def _entry(x: Value, i: int, dim: int) -> Value:
    return narrow(x, dim, i, 1) if x.shape else x


def _numbers(x: Value, dim: int) -> Value:
    """How many along `dim` are not NaN, kept with size 1."""
    return sum(logical_not(isnan(x)), dim=dim, keepdim=True)


def _middle(x: Value, dim: int, keepdim: bool, named: Any) -> Value:
    """The lower of two middles; NaN, which sorting puts last, wins unless `named` leaves it out."""
    size = _size(x, dim)
    if not size:
        raise ShapeError(f"there is no median along dim {dim} of shape {tuple(x.shape)}")
    order = argsort(x, dim=dim)
    count = _numbers(x, dim)
    if named is results.nanmedian:
        place = clip(floor_divide(sub(count, 1), 2), min=0)
    else:
        place = where(eq(count, size), (size - 1) // 2, count)
    return _picked(x, take_along(order, cast(place, dtype=np.int64), dim=dim), dim, keepdim, named)


def _middle_vjp(g: Value, y: Value, x: Value, *, ignored: bool = False) -> Value:
    winners = logical_or(eq(x, y), logical_and(isnan(x), isnan(y)))
    return mul(winners, div(g, cast(sum(winners), dtype=g.dtype)))


@primitive(
    kind="reduce",
    shape=lambda shape, **_: (_some(shape), ())[1],
    vjp=[_middle_vjp],
    arity=1,
)
def middle(x: Array, ignored: bool = False) -> Array:
    """The middle of all elements, the lower of two; NaN if there is one, unless `ignored`.

    Ties share the gradient evenly.

    Examples:
        >>> middle(np.array([3.0, 1.0, 2.0, 9.0]))
        np.float64(2.0)
    """
    _some(x.shape)
    line = np.sort(x, axis=None)
    count = line.size - int(np.isnan(line).sum())
    if count == line.size or (ignored and count):
        return line[(count - 1) // 2]
    return line[-1]


def _some(shape: Shape) -> Shape:
    if not math.prod(shape):
        raise ShapeError(f"there is no median of shape {shape}, which has no elements")
    return shape


@composite
def median(x: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    """The middle element, the lower of two; NaN if there is one. Along `dim` with its place.

    Examples:
        >>> median(np.array([3.0, 1.0, 2.0, 9.0]))
        np.float64(2.0)
        >>> median(np.array([[3.0, 1.0, 2.0]]), 1).indices
        array([2])
    """
    return middle(x) if dim is None else _middle(x, dim, keepdim, results.median)


@composite
def nanmedian(x: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    """`median` of what is not NaN.

    Examples:
        >>> nanmedian(np.array([3.0, np.nan, 2.0]))
        np.float64(2.0)
    """
    return middle(x, ignored=True) if dim is None else _middle(x, dim, keepdim, results.nanmedian)


def _one_line(shape: Shape, *, dim: int) -> Shape:
    d = normal_dim(dim, len(shape))
    if shape and not shape[d]:
        raise ShapeError(f"there is no most frequent element along dim {dim} of shape {shape}")
    return (*shape[:d], 1, *shape[d + 1 :]) if shape else ()


@primitive(kind="reduce", shape=_one_line, arity=1)
def most_frequent(x: Array, dim: int) -> Array:
    """The index, kept with size 1, of the most frequent along `dim`; of the smallest at a tie.

    Examples:
        >>> most_frequent(np.array([3.0, 1.0, 3.0]), 0)
        array([2])
    """
    make = module_of(x)
    if not x.ndim:
        return make.zeros((), dtype=np.int64)
    _one_line(x.shape, dim=dim)
    order = np.argsort(x, axis=dim, kind="stable")
    lines = np.moveaxis(np.take_along_axis(x, order, dim), dim, -1)
    n = lines.shape[-1]
    new = np.concatenate(
        [make.ones((*lines.shape[:-1], 1), bool), lines[..., 1:] != lines[..., :-1]], -1
    )
    start = accumulated(np.maximum, np.where(new, make.arange(n), 0), -1)
    # The run as long as any is complete where the count within a run is largest for the first time.
    last = np.argmax(make.arange(n) - start, axis=-1)[..., None]
    return np.take_along_axis(order, np.moveaxis(last, -1, dim), dim)


@composite
def mode(x: Value, dim: int = -1, keepdim: bool = False) -> Value:
    """The most frequent element along `dim`, the smallest at a tie, and where it is last.

    Examples:
        >>> mode(np.array([3.0, 1.0, 3.0])).values
        array(3.)
    """
    return _picked(x, most_frequent(x, dim=dim), dim, keepdim, results.mode)


@composite
def msort(x: Value) -> Value:
    """x sorted along its first dimension.

    Examples:
        >>> msort(np.array([3.0, 1.0, 2.0]))
        array([1., 2., 3.])
    """
    return sort(x, 0)[0]


# --- quantiles ----------------------------------------------------------------------------------

_BETWEEN: dict[str, Callable[[Value], Value]] = {
    "linear": lambda rank: sub(rank, floor(rank)),
    "lower": lambda rank: mul(rank, 0),
    "higher": lambda rank: sub(ceil(rank), floor(rank)),
    "midpoint": lambda rank: mul(sub(ceil(rank), floor(rank)), 0.5),
    "nearest": lambda rank: sub(round(rank), floor(rank)),
}


def _quantile(
    x: Value, q: Value, dim: int | None, keepdim: bool, interpolation: str, ignored: bool
) -> Value:
    if interpolation not in _BETWEEN:
        raise OptionError(
            f"quantile's interpolation must be one of {', '.join(_BETWEEN)}, got {interpolation!r}"
        )
    ndim = len(x.shape)
    if dim is None:
        x, d = reshape(x, shape=(-1,)), 0
    else:
        d = normal_dim(dim, ndim)
        x = movedim(x if x.shape else reshape(x, shape=(1,)), d, 0)
    if not x.shape[0]:
        raise ShapeError("quantile needs an element or more, got none")
    many = len(getattr(q, "shape", ())) == 1
    y = _at_rank(x, _column(q, x), interpolation, ignored)
    if keepdim:
        y = (
            reshape(y, shape=(y.shape[0], *([1] * ndim)))
            if dim is None
            else movedim(unsqueeze(y, 1), 1, d + 1)
        )
    return y if many else reshape(y, shape=tuple(y.shape[1:]))


def _column(q: Value, x: Value) -> Value:
    """The probabilities as (count, 1, ...), in x's dtype."""
    q = q if hasattr(q, "shape") else constant(np.asarray(q, dtype=x.dtype), x)
    if len(q.shape) > 1:
        raise ShapeError(f"quantile takes a number or a vector of them, got shape {tuple(q.shape)}")
    return reshape(q, shape=(-1, *([1] * (len(x.shape) - 1))))


def _at_rank(x: Value, q: Value, interpolation: str, ignored: bool) -> Value:
    """The values between which each rank falls, along the first dimension, put together."""
    count = _numbers(x, 0)
    whole = mul(q, sub(cast(count, dtype=x.dtype), 1))
    # Where there is NaN and it is not ignored the last place, which holds it.
    rank = clip(whole, min=0) if ignored else where(eq(count, x.shape[0]), whole, x.shape[0] - 1.0)
    ordered = sort(x, 0)[0]
    shape = (rank.shape[0], *x.shape[1:])
    low, high = (
        take_along(ordered, broadcast_to(cast(f(rank), dtype=np.int64), shape=shape), dim=0)
        for f in (floor, ceil)
    )
    part = _BETWEEN[interpolation](rank)
    return add(low, mul(part, sub(high, low)))


@composite
def quantile(
    x: Value,
    q: Value,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Value:
    """The value that a share `q` of the elements does not exceed; NaN if there is one.

    Args:
        x: any shape.
        q: from 0 to 1, a number or a vector, which becomes the first dimension.
        dim: along which dimension, or over all.
        keepdim: keep it with size 1.
        interpolation: between two elements: "linear", "lower", "higher", "midpoint", "nearest".

    Raises:
        OptionError: another word for `interpolation`.

    Examples:
        >>> quantile(np.array([1.0, 2.0, 3.0, 4.0]), 0.5)
        array(2.5)
    """
    return _quantile(x, q, dim, keepdim, interpolation, ignored=False)


@composite
def nanquantile(
    x: Value,
    q: Value,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Value:
    """`quantile` of what is not NaN.

    Examples:
        >>> nanquantile(np.array([1.0, np.nan, 3.0]), 0.5)
        array(2.)
    """
    return _quantile(x, q, dim, keepdim, interpolation, ignored=True)


# --- places in what is sorted -------------------------------------------------------------------


def _searched(sequence: Shape, values: Shape, **_attrs: Any) -> Shape:
    if len(sequence) > 1 and sequence[:-1] != values[:-1]:
        raise ShapeError(
            f"searchsorted needs a vector, or lines for all values of shape {values}, "
            f"got a sequence of shape {sequence}"
        )
    return values


@primitive(kind="gather", shape=_searched, arity=2)
def searched(sequence: Array, values: Array, right: bool = False) -> Array:
    """Where in a sorted sequence, or in its line for each row, the values would be put in.

    Examples:
        >>> searched(np.array([1.0, 3.0, 5.0]), np.array([3.0, 4.0]))
        array([1, 2])
    """
    side: Literal["left", "right"] = "right" if right else "left"
    if sequence.ndim == 1:
        found = as_array(np.searchsorted(sequence, values, side=side))
        return found.astype(np.int64, copy=False)
    if is_gpu(values):
        return sought(sequence, values, right=right)
    y = np.empty(_searched(sequence.shape, values.shape), dtype=np.int64)
    for at in np.ndindex(values.shape[:-1]):
        y[at] = np.searchsorted(sequence[at], values[at], side=side)
    return y


@composite
def searchsorted(
    sorted_sequence: Value,
    values: Value,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Value = None,
) -> Value:
    """The index at which each value would be put into a sorted sequence to keep it sorted.

    Args:
        sorted_sequence: a vector, or a line along the last dimension for each row of values.
        values: any shape, or one number.
        out_int32: int32 rather than int64.
        right: after equal elements rather than before.
        side: "left" or "right", another way to say so.
        sorter: the indices that sort the sequence, if it is not sorted.

    Raises:
        OptionError: another word for `side`, or one against `right`.

    Examples:
        >>> searchsorted(np.array([1.0, 3.0, 5.0]), np.array([3.0, 4.0]), right=True)
        array([2, 2])
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise OptionError(f"searchsorted got side={side!r} and right={right}; give one of them")
    if sorter is not None:
        sorted_sequence = take_along(sorted_sequence, sorter, dim=-1)
    if not hasattr(values, "shape"):
        values = constant(np.asarray(values), sorted_sequence)
    y = searched(sorted_sequence, values, right=right or side == "right")
    return cast(y, dtype=np.int32) if out_int32 else y


@composite
def bucketize(
    x: Value, boundaries: Value, *, out_int32: bool = False, right: bool = False
) -> Value:
    """The number of the bucket that each element of x falls into, by sorted boundaries.

    Examples:
        >>> bucketize(np.array([0.0, 2.0, 9.0]), np.array([1.0, 5.0]))
        array([0, 1, 2])
    """
    return searchsorted(boundaries, x, out_int32=out_int32, right=right)


@composite
def isin(elements: Value, test_elements: Value, *, invert: bool = False) -> Value:
    """Whether each element is among the test elements.

    Examples:
        >>> isin(np.array([1, 2, 3]), np.array([2, 5]))
        array([False,  True, False])
    """
    wanted = sort(reshape(test_elements, shape=(-1,)), 0)[0]
    count = math.prod(test_elements.shape)
    if count:
        found = eq(take(wanted, clip(searched(wanted, elements), max=count - 1)), elements)
    else:
        found = eq(elements, math.nan)  # nothing does
    return logical_not(found) if invert else found
