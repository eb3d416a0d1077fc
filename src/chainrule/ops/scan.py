"""Running products, extremes and logarithms of sums, differences, areas (floor 1)."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from chainrule.backend.arrays import as_array, module_of
from chainrule.errors import ShapeError
from chainrule.ops import results
from chainrule.ops.both import accumulated
from chainrule.ops.core import (
    Array,
    Cost,
    Shape,
    Value,
    composite,
    normal_dim,
    primitive,
    quiet,
)
from chainrule.ops.elementwise import abs as magnitude
from chainrule.ops.elementwise import add, div, eq, exp, log, logical_and, lt, mul, ne, sub, where
from chainrule.ops.gather import take_along
from chainrule.ops.reduce import cumsum, sum
from chainrule.ops.shape import cat, flip, narrow, reshape


def _along(shape: Shape, *, dim: int, **_attrs: Any) -> Shape:
    normal_dim(dim, len(shape))
    return shape


def _cost(shape: Shape, **_attrs: Any) -> Cost:
    return Cost(math.prod(shape), 2 * math.prod(shape))


def _from_behind(x: Value, dim: int) -> Value:
    """Sums of all from each element to the last."""
    return flip(cumsum(flip(x, dim=dim), dim=dim), dim=dim)


def _cumprod_vjp(g: Value, y: Value, x: Value, *, dim: int) -> Value:
    # Before the first zero the sum of g y behind, divided by x; at it the same with that zero left
    # out of the products; after it everything is 0 whatever x is.
    zero = eq(x, 0)
    zeros = cumsum(zero, dim=dim)
    first = logical_and(zero, eq(zeros, 1))
    solid = where(zero, 1.0, x)
    before = div(_from_behind(mul(g, y), dim), solid)
    without = cumprod(where(first, 1.0, x), dim=dim)
    at = _from_behind(where(lt(zeros, 1), 0.0, mul(g, without)), dim)
    return where(first, at, where(eq(zeros, 0), before, 0.0))


@primitive(kind="reduce", shape=_along, vjp=[_cumprod_vjp], cost=_cost, arity=1)
def cumprod(x: Array, dim: int) -> Array:
    """y_i = x_0 times ... times x_i along `dim`.

    The first derivative is exact everywhere; the second where no factor is 0.

    Examples:
        >>> cumprod(np.array([1.0, 2.0, 3.0]), 0)
        array([1., 2., 6.])
    """
    if not x.ndim:
        return as_array(x)
    return np.cumprod(x, axis=dim, dtype=None if x.dtype.kind == "f" else np.int64)


def _running(x: Array, dim: int, extreme: np.ufunc) -> Array:
    """Where the extreme so far is: the last place at a tie, and of NaN as soon as there is one."""
    make = module_of(x)
    if not x.ndim:
        return make.zeros((), dtype=np.int64)
    reached = np.equal(x, accumulated(extreme, x, dim)) | np.isnan(x)
    shape = [1] * x.ndim
    shape[dim] = -1
    places = make.arange(x.shape[dim]).reshape(shape)
    return accumulated(np.maximum, np.where(reached, places, 0), dim)


@primitive(kind="reduce", shape=_along, cost=_cost, arity=1)
def running_argmax(x: Array, dim: int) -> Array:
    """The index of the largest so far along `dim`; the last at a tie.

    Examples:
        >>> running_argmax(np.array([1.0, 3.0, 2.0]), 0)
        array([0, 1, 1])
    """
    return _running(x, dim, np.maximum)


@primitive(kind="reduce", shape=_along, cost=_cost, arity=1)
def running_argmin(x: Array, dim: int) -> Array:
    """The index of the smallest so far along `dim`; the last at a tie.

    Examples:
        >>> running_argmin(np.array([2.0, 3.0, 1.0]), 0)
        array([0, 0, 2])
    """
    return _running(x, dim, np.minimum)


@composite
def cummax(x: Value, dim: int) -> Value:
    """The largest so far along `dim`, and where it is.

    Examples:
        >>> cummax(np.array([1.0, 3.0, 2.0]), 0).values
        array([1., 3., 3.])
    """
    index = running_argmax(x, dim=dim)
    return results.cummax(take_along(x, index, dim=dim), index)


@composite
def cummin(x: Value, dim: int) -> Value:
    """The smallest so far along `dim`, and where it is.

    Examples:
        >>> cummin(np.array([2.0, 3.0, 1.0]), 0).values
        array([2., 2., 1.])
    """
    index = running_argmin(x, dim=dim)
    return results.cummin(take_along(x, index, dim=dim), index)


def _logcumsumexp_vjp(g: Value, y: Value, x: Value, *, dim: int) -> Value:
    # e^x times the sum behind of g e^-y, by logarithms, for each sign of g alone.
    size = log(magnitude(g))

    def part(here: Value) -> Value:
        terms = where(here, sub(size, y), -math.inf)
        behind = flip(logcumsumexp(flip(terms, dim=dim), dim=dim), dim=dim)
        return exp(add(behind, x))

    return sub(part(lt(0, g)), part(lt(g, 0)))


@primitive(kind="reduce", shape=_along, vjp=[_logcumsumexp_vjp], cost=_cost, arity=1)
@quiet
def logcumsumexp(x: Array, dim: int) -> Array:
    """y_i = ln(e^x_0 + ... + e^x_i) along `dim`, without overflow.

    Examples:
        >>> logcumsumexp(np.array([0.0, 0.0, 1000.0]), 0).round(4)
        array([0.000e+00, 6.931e-01, 1.000e+03])
    """
    return accumulated(np.logaddexp, x, dim) if x.ndim else as_array(x)


# --- differences and areas ----------------------------------------------------------------------


def _steps(x: Value, dim: int) -> tuple[Value, Value]:
    """All but the last entries along `dim`, and all but the first."""
    count = builtins.max(x.shape[dim] - 1, 0)
    return narrow(x, dim, 0, count), narrow(x, dim, x.shape[dim] - count, count)


@composite
def diff(x: Value, n: int = 1, dim: int = -1, prepend: Value = None, append: Value = None) -> Value:
    """The differences of neighbours along `dim`, taken `n` times.

    Args:
        x: one dimension or more.
        n: how often.
        dim: along which dimension.
        prepend: entries to put before x first.
        append: entries to put after it.

    Examples:
        >>> diff(np.array([1, 4, 9, 16]))
        array([3, 5, 7])
    """
    if not x.shape:
        raise ShapeError("diff needs one dimension or more, got a number")
    parts = [v for v in (prepend, x, append) if v is not None]
    x = cat(parts, dim) if len(parts) > 1 else x
    for _ in builtins.range(builtins.min(n, x.shape[dim])):
        before, after = _steps(x, dim)
        x = ne(after, before) if np.dtype(x.dtype).kind == "b" else sub(after, before)
    return x


def _trapezoids(y: Value, x: Value, dx: float, dim: int) -> Value:
    before, after = _steps(y, dim)
    mean = mul(add(before, after), 0.5)
    if x is None:
        return mul(mean, dx)
    if len(x.shape) == 1:
        across = [1] * len(y.shape)
        across[dim] = -1
        x = reshape(x, shape=tuple(across))
    return mul(mean, diff(x, dim=dim))


@composite
def trapezoid(y: Value, x: Value = None, *, dx: float = 1.0, dim: int = -1) -> Value:
    """The area under y along `dim`, between its points in straight lines.

    Args:
        y: the heights.
        x: where they are, of y's shape or a vector along `dim`; `dx` apart if left out.
        dx: how far apart they are.
        dim: along which dimension.

    Examples:
        >>> trapezoid(np.array([1.0, 5.0, 10.0]))
        np.float64(10.5)
    """
    return sum(_trapezoids(y, x, dx, dim), dim=dim)


@composite
def cumulative_trapezoid(y: Value, x: Value = None, *, dx: float = 1.0, dim: int = -1) -> Value:
    """The areas of `trapezoid` up to each point but the first.

    Examples:
        >>> cumulative_trapezoid(np.array([1.0, 5.0, 10.0]))
        array([ 3. , 10.5])
    """
    return cumsum(_trapezoids(y, x, dx, dim), dim=dim)
