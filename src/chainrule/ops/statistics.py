"""Counts, moments and histograms (floor 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.ops import results
from chainrule.ops.core import Value, Within, checked, composite, constant
from chainrule.ops.diagonal import diagonal
from chainrule.ops.elementwise import (
    add,
    cast,
    clip,
    div,
    eq,
    floor,
    isnan,
    le,
    logical_and,
    logical_not,
    mul,
    ne,
    sqrt,
    sub,
    where,
)
from chainrule.ops.linalg import matmul
from chainrule.ops.order import searched
from chainrule.ops.reduce import Dim, amax, amin, mean, sum, var
from chainrule.ops.shape import (
    ARRAY,
    matrix_transpose,
    narrow,
    reshape,
    squeeze,
    unindex,
    unsqueeze,
)

# --- counts -------------------------------------------------------------------------------------


@composite
def count_nonzero(x: Value, dim: Dim = None) -> Value:
    """How many along `dim` are not 0.

    Examples:
        >>> count_nonzero(np.array([[1.0, 0.0], [2.0, 3.0]]), 1)
        array([1, 2])
    """
    return sum(ne(x, 0), dim=dim)


@composite
def all(x: Value, dim: Dim = None, keepdim: bool = False) -> Value:
    """Whether all along `dim` are not 0; true where there are none.

    Examples:
        >>> all(np.array([[1.0, 0.0], [2.0, 3.0]]), 1)
        array([False,  True])
    """
    return eq(sum(eq(x, 0), dim=dim, keepdim=keepdim), 0)


@composite
def any(x: Value, dim: Dim = None, keepdim: bool = False) -> Value:
    """Whether at least one along `dim` is not 0; false where there are none.

    Examples:
        >>> any(np.array([[0.0, 0.0], [2.0, 0.0]]), 1)
        array([False,  True])
    """
    return ne(sum(ne(x, 0), dim=dim, keepdim=keepdim), 0)


@composite
def aminmax(x: Value, *, dim: Dim = None, keepdim: bool = False) -> Value:
    """The smallest and the largest.

    Examples:
        >>> low, high = aminmax(np.array([3.0, 1.0, 2.0]))
        >>> float(low), float(high)
        (1.0, 3.0)
    """
    return results.aminmax(amin(x, dim=dim, keepdim=keepdim), amax(x, dim=dim, keepdim=keepdim))


# --- moments ------------------------------------------------------------------------------------


@composite
def nansum(x: Value, dim: Dim = None, keepdim: bool = False) -> Value:
    """The sum of what is not NaN.

    Examples:
        >>> nansum(np.array([1.0, np.nan, 2.0]))
        np.float64(3.0)
    """
    return sum(where(isnan(x), 0, x), dim=dim, keepdim=keepdim)


@composite
def nanmean(x: Value, dim: Dim = None, keepdim: bool = False) -> Value:
    """The mean of what is not NaN.

    Examples:
        >>> nanmean(np.array([1.0, np.nan, 2.0]))
        np.float64(1.5)
    """
    count = sum(logical_not(isnan(x)), dim=dim, keepdim=keepdim)
    return div(nansum(x, dim, keepdim), cast(count, dtype=x.dtype))


@composite
def var_mean(
    x: Value, dim: Dim = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Value, Value]:
    """The variance and the mean.

    Examples:
        >>> var_mean(np.array([1.0, 2.0, 3.0]))
        (np.float64(1.0), np.float64(2.0))
    """
    return (
        var(x, dim=dim, correction=correction, keepdim=keepdim),
        mean(x, dim=dim, keepdim=keepdim),
    )


@composite
def std_mean(
    x: Value, dim: Dim = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Value, Value]:
    """The standard deviation and the mean.

    Examples:
        >>> std_mean(np.array([1.0, 2.0, 3.0]))
        (np.float64(1.0), np.float64(2.0))
    """
    variance, centre = var_mean(x, dim, correction=correction, keepdim=keepdim)
    return sqrt(variance), centre


@composite
def cov(x: Value, *, correction: int = 1, fweights: Value = None, aweights: Value = None) -> Value:
    """The covariances of variables (rows) over observations (columns).

    Args:
        x: (variables, observations), or one variable as a vector.
        correction: 1 for the unbiased estimate, 0 for the plain mean.
        fweights: integers, how often each observation counts.
        aweights: how much each observation counts.

    Returns:
        (variables, variables), or a number for one variable.

    Examples:
        >>> cov(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        array([[ 1., -1.],
               [-1.,  1.]])
    """
    if len(x.shape) > 2:
        raise ShapeError(f"cov takes a matrix or a vector, got shape {tuple(x.shape)}")
    rows = x if len(x.shape) == 2 else reshape(x, shape=(1, -1))
    weights = [w for w in (fweights, aweights) if w is not None]
    if not weights:
        total: Value = rows.shape[1]
        centred = sub(rows, mean(rows, dim=1, keepdim=True))
        spread = matmul(centred, matrix_transpose(centred))
        return squeeze(div(spread, max(total - correction, 0)))
    w = cast(weights[0] if len(weights) == 1 else mul(*weights), dtype=rows.dtype)
    total = sum(w)
    centred = sub(rows, div(sum(mul(rows, w), dim=1, keepdim=True), total))
    spread = matmul(mul(centred, w), matrix_transpose(centred))
    lost = 1 if aweights is None else div(sum(mul(w, aweights)), total)
    freedom = sub(total, mul(lost, correction))
    return squeeze(div(spread, clip(freedom, min=0)))


@composite
def corrcoef(x: Value) -> Value:
    """The correlations of variables (rows) over observations (columns), from -1 to 1.

    Examples:
        >>> corrcoef(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])).round(6)
        array([[ 1., -1.],
               [-1.,  1.]])
    """
    found = cov(x)
    if not found.shape:
        return div(found, found)
    deviation = sqrt(diagonal(found))
    scaled = div(div(found, unsqueeze(deviation, 1)), unsqueeze(deviation, 0))
    return clip(scaled, min=-1.0, max=1.0)


# --- histograms ---------------------------------------------------------------------------------


def _counted(place: Value, weight: Value, bins: int) -> Value:
    return unindex(weight, place, key=(ARRAY,), shape=(bins,))


@composite
def histc(x: Value, bins: int = 100, min: float = 0, max: float = 0) -> Value:
    """How many elements fall into each of `bins` equal parts from `min` to `max`.

    Both ends belong to it; what lies outside, or is NaN, does not count. If `min` and `max` are
    equal the smallest and the largest element are taken.

    Examples:
        >>> histc(np.array([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        array([0., 2., 1., 0.])
    """
    if bins < 1:
        raise OptionError(f"a histogram has one bin or more, got {bins}")
    if max < min:
        raise OptionError(f"a histogram goes from min to max, got {min} and {max}")
    x = reshape(x, shape=(-1,))
    low, high = (amin(x), amax(x)) if min == max and x.shape[0] else (min, max)
    if min == max:
        flat = eq(low, high)  # a single value: a part of length 2 around it
        low, high = sub(low, flat), add(high, flat)
    inside = logical_and(le(low, x), le(x, high))
    share = div(sub(where(inside, x, low), low), sub(high, low))
    place = clip(cast(floor(mul(share, bins)), dtype=np.int64), min=0, max=bins - 1)
    return _counted(place, cast(inside, dtype=x.dtype), bins)


@composite
def histogram(
    x: Value,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Value = None,
    density: bool = False,
) -> Value:
    """How many elements fall between neighbouring edges, and the edges.

    Args:
        x: any shape.
        bins: how many equal parts, or the edges themselves, in order.
        range: the first and the last edge; those of the data if left out.
        weight: how much each element counts.
        density: scaled so that the area is 1.

    Examples:
        >>> histogram(np.array([1.0, 2.0, 1.0]), 4, range=(0.0, 3.0)).hist
        array([0., 2., 1., 0.])
    """
    x = reshape(x, shape=(-1,))
    edges = _edges(x, bins, range) if isinstance(bins, int) else bins
    count = edges.shape[0] - 1
    if count < 1:
        raise OptionError(f"a histogram has one bin or more, got {count}")
    first, last = narrow(edges, 0, 0, 1), narrow(edges, 0, count, 1)
    inside = logical_and(le(first, x), le(x, last))
    weight = (
        cast(inside, dtype=x.dtype) if weight is None else mul(reshape(weight, shape=(-1,)), inside)
    )
    place = clip(sub(searched(edges, x, right=True), 1), min=0, max=count - 1)
    hist = _counted(place, weight, count)
    if density:
        widths = sub(narrow(edges, 0, 1, count), narrow(edges, 0, 0, count))
        hist = div(div(hist, sum(hist)), widths)
    return results.histogram(hist, edges)


def _edges(x: Value, bins: int, range: Sequence[float] | None) -> Value:
    low, high = (amin(x), amax(x)) if range is None else range
    if range is None:
        flat = eq(low, high)
        half = cast(mul(flat, 0.5), dtype=x.dtype)
        low, high = sub(low, half), add(high, half)
    steps = constant(np.linspace(0, 1, bins + 1).astype(x.dtype), x)
    edges = add(mul(sub(1, steps), low), mul(steps, high))  # both ends are exact
    return where(constant(np.array(True), x), edges, sum(x))  # of the kind of value that x is


@composite
def bincount(x: Value, weights: Value = None, minlength: int = 0) -> Value:
    """How often each of the numbers 0 to `minlength` - 1 comes, or the sum of its weights.

    Args:
        x: a vector of integers.
        weights: a number for each.
        minlength: how many numbers are counted. What is above is an error here; the function on
            tensors looks for the largest first.

    Raises:
        DataError: a number below 0 or not below `minlength`.

    Examples:
        >>> bincount(np.array([0, 1, 1]), minlength=3)
        array([1, 2, 0])
    """
    checked(Within(0, minlength - 1, partial(_not_countable, count=minlength)), x)
    weight = constant(np.ones(math.prod(x.shape), np.int64), x) if weights is None else weights
    return _counted(x, weight, minlength)


def _not_countable(x: Any, count: int) -> None:
    raise DataError(f"bincount counts 0 to {count - 1}, got {np.min(x)} to {np.max(x)}")
