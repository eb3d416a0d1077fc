"""Reductions: sums, means, extremes, and the orders that sorting finds (floor 1).

`dim` is a dimension, several, or `None` for all; `keepdim` leaves them in place with size 1. At a
tie `amax` and `amin` share the gradient evenly among the winners, as in PyTorch; `argmax`, `argmin`
and `argsort` name the first.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy import ndarray

from chainrule.backend.arrays import as_array, is_gpu, module_of
from chainrule.errors import ShapeError
from chainrule.ops import results
from chainrule.ops.core import (
    Array,
    Cost,
    Shape,
    Value,
    composite,
    normal_dim,
    normal_dims,
    primitive,
    quiet,
)
from chainrule.ops.elementwise import (
    abs,
    cast,
    div,
    eq,
    exp,
    maximum,
    minimum,
    mul,
    ne,
    pow,
    sqrt,
    square,
    sub,
    where,
)
from chainrule.ops.gather import take_along
from chainrule.ops.shape import broadcast_to, flip, narrow, reshape
from chainrule.ops.totals import add_up

Dim: TypeAlias = int | Sequence[int] | None


def reduced_shape(shape: Shape, *, dim: Dim = None, keepdim: bool = False, **_attrs: Any) -> Shape:
    """Shape rule of reductions."""
    dims = normal_dims(dim, len(shape))
    if keepdim:
        return tuple(1 if d in dims else n for d, n in enumerate(shape))
    return tuple(n for d, n in enumerate(shape) if d not in dims)


def _nonempty(shape: Shape, *, dim: Dim = None, keepdim: bool = False, **_attrs: Any) -> Shape:
    for d in normal_dims(dim, len(shape)):
        if shape[d] == 0:
            raise ShapeError(
                f"dimension {d} of shape {shape} is empty, so there is nothing to choose from; "
                "reduce another dimension, or check that the data are there"
            )
    return reduced_shape(shape, dim=dim, keepdim=keepdim)


# CuPy folds by what it has functions for.
_ON_A_GPU: dict[Any, Any] = {np.maximum.reduce: np.max, np.minimum.reduce: np.min}


def _fold(reduce: Any, x: Array, dim: Dim, keepdim: bool) -> Array:
    """Put one operation of two numbers between all elements of x along `dim`."""
    axis = dim if dim is None or isinstance(dim, int) else tuple(dim)
    if type(x) is not ndarray and is_gpu(x):
        reduce = _ON_A_GPU.get(reduce, reduce)
    return reduce(x, axis=axis, keepdims=keepdim)


def _signed(x: Array) -> Array:
    """x, or int64 for unsigned integers, whose sums PyTorch, unlike NumPy, makes signed."""
    return x.astype(np.int64) if x.dtype.kind == "u" else x


def _kept(v: Value, shape: Shape, dim: Dim, keepdim: bool) -> Value:
    """Give the result of a reduction of `shape` its lost dimensions back, with size 1."""
    if keepdim or v.ndim == len(shape):
        return v
    return reshape(v, shape=reduced_shape(shape, dim=dim, keepdim=True))


def _stretched(v: Value, shape: Shape, dim: Dim, keepdim: bool) -> Value:
    # What is left of a reduction of everything fits any shape as it is.
    kept = v if dim is None else _kept(v, shape, dim, keepdim)
    return broadcast_to(kept, shape=shape)


def _count(shape: Shape, dim: Dim) -> int:
    return math.prod(shape[d] for d in normal_dims(dim, len(shape)))


@primitive(
    kind="reduce",
    shape=reduced_shape,
    vjp=[lambda g, _y, _x, *, dim=None, keepdim=False: _stretched(g, _x.shape, dim, keepdim)],
)
def sum(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """y = sum of x over `dim`; the gradient of every summed element is g.

    Examples:
        >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), 0)
        array([4., 6.])
    """
    return _fold(add_up, _signed(x), dim, keepdim)


def _mean_vjp(g: Value, _y: Value, _x: Value, *, dim: Dim = None, keepdim: bool = False) -> Value:
    return _stretched(mul(g, 1 / builtins.max(_count(_x.shape, dim), 1)), _x.shape, dim, keepdim)


@primitive(kind="reduce", shape=reduced_shape, vjp=[_mean_vjp])
@quiet
def mean(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """y = sum of x over `dim`, divided by how many there are; NaN where there are none.

    Examples:
        >>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), 0)
        array([2., 3.])
    """
    total = _fold(add_up, x, dim, keepdim)
    return np.true_divide(total, _count(np.shape(x), dim))


def _extreme_vjp(g: Value, y: Value, x: Value, *, dim: Dim = None, keepdim: bool = False) -> Value:
    winners = eq(x, _kept(y, x.shape, dim, keepdim))
    share = div(g, sum(winners, dim=dim, keepdim=keepdim))
    # Where NaN is the largest nothing equals it: 0 times infinity makes all the slopes NaN.
    return mul(winners, _kept(_as(share, g), x.shape, dim, keepdim))


def _as(v: Value, like: Value) -> Value:
    return v if v.dtype == like.dtype else cast(v, dtype=like.dtype)


@primitive(kind="reduce", shape=_nonempty, vjp=[_extreme_vjp])
def amax(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The largest of x over `dim`; NaN if there is one. Ties share the gradient evenly.

    Examples:
        >>> amax(np.array([[1.0, 5.0], [3.0, 4.0]]), 1)
        array([5., 4.])
    """
    return _fold(np.maximum.reduce, x, dim, keepdim)


@primitive(kind="reduce", shape=_nonempty, vjp=[_extreme_vjp])
def amin(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The smallest of x over `dim`; NaN if there is one. Ties share the gradient evenly.

    Examples:
        >>> amin(np.array([[1.0, 5.0], [3.0, 4.0]]), 1)
        array([1., 3.])
    """
    return _fold(np.minimum.reduce, x, dim, keepdim)


def _prod_vjp(g: Value, _y: Value, x: Value, *, dim: Dim = None, keepdim: bool = False) -> Value:
    # The product of the others is y / x_i, but at a zero it is the product of the nonzero ones.
    zero = eq(x, 0)
    solid = where(zero, 1.0, x)
    zeros = sum(zero, dim=dim, keepdim=True)
    others = prod(solid, dim=dim, keepdim=True)
    slope = where(
        zero, where(eq(zeros, 1), others, 0.0), where(eq(zeros, 0), div(others, solid), 0.0)
    )
    return mul(_kept(g, x.shape, dim, keepdim), slope)


@primitive(kind="reduce", shape=reduced_shape, vjp=[_prod_vjp])
def prod(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """y = product of x over `dim`; the slope by x_i is the product of the others.

    The first derivative is exact everywhere; the second where no factor is 0.

    Examples:
        >>> prod(np.array([[1.0, 2.0], [3.0, 4.0]]), 1)
        array([ 2., 12.])
    """
    return _fold(np.multiply.reduce, _signed(x), dim, keepdim)


@primitive(kind="reduce", shape=_nonempty)
def peak(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The largest of x over `dim`, or 0 if that is not finite; a constant, without a gradient.

    What exponentials are shifted by so that none overflows: the result does not depend on it.

    Examples:
        >>> peak(np.array([[1.0, 3.0], [2.0, np.inf]]), 1)
        array([3., 0.])
    """
    top = _fold(np.maximum.reduce, x, dim, keepdim)
    return np.where(np.isfinite(top), top, 0)


def _logsumexp_vjp(
    g: Value, y: Value, x: Value, *, dim: Dim = None, keepdim: bool = False
) -> Value:
    # A row of minus infinities has no preferred element: its slopes are 0, not NaN.
    top = _kept(y, x.shape, dim, keepdim)
    return mul(_kept(g, x.shape, dim, keepdim), exp(sub(x, where(eq(top, -math.inf), 0.0, top))))


@primitive(kind="reduce", shape=_nonempty, vjp=[_logsumexp_vjp], flops=13)
@quiet
def logsumexp(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """y = ln(sum of e^x) over `dim`, shifted by the largest x so that nothing overflows.

    Its slope is softmax(x) = e^(x - y).

    Examples:
        >>> logsumexp(np.array([[0.0, 0.0], [1000.0, 0.0]]), 1).round(4)
        array([6.931e-01, 1.000e+03])
    """
    top = peak.forward(x, dim, keepdim=True)
    total = np.log(_fold(add_up, np.exp(x - top), dim, keepdim))
    return total + (top if keepdim else top.reshape(total.shape))


def _euclid_vjp(g: Value, y: Value, x: Value, *, dim: Dim = None, keepdim: bool = False) -> Value:
    # At the origin the norm has no slope; 0 is the subgradient of least length.
    safe = div(g, where(eq(y, 0), math.inf, y))
    return mul(x, _kept(safe, x.shape, dim, keepdim))


@primitive(kind="reduce", shape=reduced_shape, vjp=[_euclid_vjp], flops=2)
def euclidean_norm(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """y = sqrt(sum of x^2) over `dim`; the gradient at 0 is 0.

    Examples:
        >>> euclidean_norm(np.array([[3.0, 4.0], [0.0, 0.0]]), 1)
        array([5., 0.])
    """
    return np.sqrt(_fold(add_up, np.multiply(x, x), dim, keepdim))


# --- where, rather than how much ----------------------------------------------------------------


@primitive(kind="reduce", shape=_nonempty)
def argmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the largest along `dim` (of all, flattened, if `None`); the first at a tie.

    Examples:
        >>> argmax(np.array([[1.0, 5.0], [3.0, 2.0]]), 1)
        array([1, 0])
    """
    return as_array(np.argmax(x, axis=dim, keepdims=keepdim))


@primitive(kind="reduce", shape=_nonempty)
def argmin(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the smallest along `dim` (of all, flattened, if `None`); the first at a tie.

    Examples:
        >>> argmin(np.array([[1.0, 5.0], [3.0, 2.0]]), 1)
        array([0, 1])
    """
    return as_array(np.argmin(x, axis=dim, keepdims=keepdim))


def _along(shape: Shape, *, dim: int = -1, **_attrs: Any) -> Shape:
    normal_dim(dim, len(shape))
    return shape


@primitive(kind="gather", shape=_along)
def argsort(x: Array, dim: int = -1, descending: bool = False) -> Array:
    """The indices that sort x along `dim`; equal elements keep their order.

    Examples:
        >>> argsort(np.array([3.0, 1.0, 2.0]))
        array([1, 2, 0])
        >>> argsort(np.array([3.0, 1.0, 3.0]), descending=True)
        array([0, 2, 1])
    """
    if not np.ndim(x):
        return module_of(x).zeros((), np.int64)
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    # Reversed before and after: so equal elements keep their order here too.
    n = np.shape(x)[dim]
    backwards = np.flip(np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)
    return module_of(x).ascontiguousarray(n - 1 - backwards)


@primitive(
    kind="reduce",
    shape=_along,
    vjp=[lambda g, _y, _x, *, dim: flip(cumsum(flip(g, dim=dim), dim=dim), dim=dim)],
    cost=lambda shape, **_: Cost(math.prod(shape), 2 * math.prod(shape)),
    arity=1,
)
def cumsum(x: Array, dim: int) -> Array:
    """y_i = x_0 + ... + x_i along `dim`.

    Examples:
        >>> cumsum(np.array([1.0, 2.0, 3.0]), 0)
        array([1., 3., 6.])
    """
    return np.cumsum(_signed(x), axis=dim) if x.ndim else as_array(x)


# --- composites ---------------------------------------------------------------------------------


@composite
def max(x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """The largest element; along `dim` the pair (values, indices); or of two, element by element.

    Examples:
        >>> max(np.array([1.0, 5.0]))
        np.float64(5.0)
        >>> values, indices = max(np.array([[1.0, 5.0], [3.0, 2.0]]), 1)
        >>> values, indices
        (array([5., 3.]), array([1, 0]))
    """
    return _extreme(x, dim, keepdim, largest=True)


@composite
def min(x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """The smallest element; along `dim` the pair (values, indices); or of two, element by element.

    Examples:
        >>> min(np.array([1.0, 5.0]))
        np.float64(1.0)
    """
    return _extreme(x, dim, keepdim, largest=False)


def _extreme(x: Value, dim: Any, keepdim: bool, *, largest: bool) -> Value:
    if dim is None:
        return (amax if largest else amin)(x)
    if not isinstance(dim, (int, np.integer)):
        return (maximum if largest else minimum)(x, dim)
    named = results.max if largest else results.min
    index = (argmax if largest else argmin)(x, dim=dim, keepdim=True)
    values = take_along(x, index, dim=dim)
    if keepdim:
        return named(values, index)
    shape = reduced_shape(x.shape, dim=int(dim))
    return named(reshape(values, shape=shape), reshape(index, shape=shape))


@composite
def sort(x: Value, dim: int = -1, descending: bool = False, stable: bool = False) -> Value:
    """x sorted along `dim`, and the indices that sort it; equal elements always keep their order.

    Examples:
        >>> sort(np.array([3.0, 1.0, 2.0]))
        chainrule.return_types.sort(
        values=array([1., 2., 3.]),
        indices=array([1, 2, 0]))
    """
    index = argsort(x, dim=dim, descending=descending)
    return results.sort(take_along(x, index, dim=dim), index)


@composite
def topk(x: Value, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Value:
    """The k largest (or smallest) along `dim`, always in order, and where they are.

    Raises:
        ShapeError: there are fewer than k.

    Examples:
        >>> topk(np.array([3.0, 1.0, 2.0]), 2).values
        array([3., 2.])
    """
    size = x.shape[normal_dim(dim, len(x.shape))] if x.shape else 1
    if not 0 <= k <= size:
        raise ShapeError(f"topk of {k} along dim {dim}, which has {size} elements; k is too large")
    order = argsort(x, dim=dim, descending=largest)
    index = narrow(order, dim, 0, k) if x.shape else order
    return results.topk(take_along(x, index, dim=dim), index)


@composite
def var(x: Value, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Value:
    """The variance, sum of (x - mean)^2 / (n - correction).

    Args:
        x: any shape.
        dim: what to reduce.
        correction: 1 for the unbiased estimate (the default, as in PyTorch), 0 for the population.
        keepdim: keep the reduced dimensions with size 1.

    Examples:
        >>> var(np.array([1.0, 2.0, 3.0]))
        np.float64(1.0)
    """
    deviation = sub(x, mean(x, dim=dim, keepdim=True))
    freedom = _count(x.shape, dim) - correction
    return div(sum(square(deviation), dim=dim, keepdim=keepdim), freedom if freedom > 0 else 0)


@composite
def std(x: Value, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Value:
    """The standard deviation, the root of `var`.

    Examples:
        >>> std(np.array([1.0, 2.0, 3.0]))
        np.float64(1.0)
    """
    return sqrt(var(x, dim=dim, correction=correction, keepdim=keepdim))


@composite
def norm(x: Value, p: float = 2, dim: Dim = None, keepdim: bool = False) -> Value:
    """The p-norm, (sum of |x|^p)^(1/p); for p = inf the largest |x|; the gradient at 0 is 0.

    Examples:
        >>> norm(np.array([3.0, -4.0]))
        np.float64(5.0)
        >>> norm(np.array([3.0, -4.0]), 1)
        np.float64(7.0)
    """
    if p == 2:
        return euclidean_norm(x, dim=dim, keepdim=keepdim)
    size = abs(x)
    if p == math.inf:
        return amax(size, dim=dim, keepdim=keepdim)
    if p == -math.inf:
        return amin(size, dim=dim, keepdim=keepdim)
    if p == 0:
        return sum(cast(ne(x, 0), dtype=x.dtype), dim=dim, keepdim=keepdim)
    if p == 1:
        return sum(size, dim=dim, keepdim=keepdim)
    if p < 0:
        return pow(sum(pow(size, p), dim=dim, keepdim=keepdim), 1 / p)
    return _power(sum(_power(size, p), dim=dim, keepdim=keepdim), 1 / p)


def _power(x: Value, p: float) -> Value:
    """x^p with slope 0 at 0, where that of `pow` is infinite for p < 1."""
    zero = eq(x, 0)
    return where(zero, 0.0, pow(where(zero, 1.0, x), p))
