"""Norms, powers, ranks and least squares of matrices, made of ops (floor 1, composites)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError
from chainrule.ops import results
from chainrule.ops.core import Value, composite, constant, normal_dims
from chainrule.ops.decompositions import (
    inverse,
    matrices,
    nothing_of,
    pinv,
    solution,
    squares,
    svdvals,
)
from chainrule.ops.elementwise import abs, div, gt, logical_and, mul, pow, square, sub, where
from chainrule.ops.linalg import matmul
from chainrule.ops.reduce import Dim, amax, amin, norm, sum
from chainrule.ops.shape import narrow, permute, reshape, squeeze, unsqueeze


@composite
def vector_norm(x: Value, ord: float = 2, dim: Dim = None, keepdim: bool = False) -> Value:
    """(sum of |x|^ord)^(1 / ord) over `dim`, or over all elements; the extremes for infinities.

    Examples:
        >>> vector_norm(np.array([[3.0, 4.0]]))
        np.float64(5.0)
    """
    return norm(x, ord, dim, keepdim)


def _spectral(x: Value, ord: Any) -> Value:
    values = svdvals(x)
    if ord == "nuc":
        return sum(values, dim=-1)
    return squeeze(narrow(values, -1, 0 if ord == 2 else values.shape[-1] - 1, 1), -1)


@composite
def matrix_norm(
    x: Value, ord: Any = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False
) -> Value:
    """The norm of matrices in two dimensions.

    Args:
        x: (..., m, n).
        ord: "fro" for the root of the sum of squares, "nuc" for the sum of singular values, 2 and
            -2 for the largest and the smallest of them, 1 and -1 for the extreme sum of a column's
            sizes, inf and -inf for that of a row's.
        dim: which dimensions are rows and columns.
        keepdim: keep them with size 1.

    Raises:
        OptionError: another `ord`.

    Examples:
        >>> matrix_norm(np.array([[1.0, 2.0], [2.0, 0.0]]), 1)
        np.float64(3.0)
    """
    rows, columns = normal_dims(tuple(dim), len(matrices(tuple(x.shape))))
    if ord == "fro":
        return norm(x, 2, (rows, columns), keepdim)
    others = [d for d in range(len(x.shape)) if d not in (rows, columns)]
    moved = permute(x, dims=(*others, rows, columns))
    if ord in ("nuc", 2, -2):
        y = _spectral(moved, ord)
    elif ord in (1, -1, math.inf, -math.inf):
        sums = sum(abs(moved), dim=-2 if ord in (1, -1) else -1)
        y = (amax if ord > 0 else amin)(sums, dim=-1)
    else:
        raise OptionError(
            f"a matrix norm is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}; "
            "vector_norm takes any number"
        )
    if not keepdim:
        return y
    kept = (1 if d in (rows, columns) else n for d, n in enumerate(x.shape))
    return reshape(y, shape=tuple(kept))


@composite
def matrix_power(x: Value, n: int) -> Value:
    """x times itself, n factors, by squaring; of the inverse if n is negative.

    Examples:
        >>> matrix_power(np.array([[1.0, 1.0], [0.0, 1.0]]), 5)
        array([[1., 5.],
               [0., 1.]])
    """
    squares(tuple(x.shape))
    if n == 0:
        eye = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
        return where(
            constant(np.array(True), x), constant(eye, x), x
        )  # of the kind of value that x is
    if n < 0:
        return matrix_power(inverse(x), -n)
    if n == 1:
        return x
    half = matrix_power(x, n // 2)
    whole = matmul(half, half)
    return matmul(whole, x) if n % 2 else whole


@composite
def matrix_rank(
    x: Value, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False
) -> Value:
    """How many singular values are above max(atol, rtol times the largest).

    Args:
        x: (..., m, n).
        atol: 0 if left out.
        rtol: max(m, n) units in the last place if left out, or 0 if there is an `atol`.
        hermitian: accepted for its name.

    Examples:
        >>> matrix_rank(np.array([[1.0, 2.0], [2.0, 4.0]]))
        np.int64(1)
    """
    if rtol is None:
        rtol = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps) if not atol else 0.0
    values = svdvals(x)
    largest = amax(values, dim=-1, keepdim=True)
    least = mul(largest, rtol)
    above = gt(values, least)
    if atol:
        above = logical_and(above, gt(values, atol))
    return sum(above, dim=-1)


@composite
def cond(x: Value, p: Any = None) -> Value:
    """How far errors can grow: the norm of x times that of its inverse.

    Args:
        x: (..., n, n); for p = 2 any matrix.
        p: which norm, as in `matrix_norm`; 2 if left out.

    Examples:
        >>> cond(np.diag([1.0, 4.0]))
        np.float64(4.0)
    """
    if p in (None, 2, -2):
        large, small = _spectral(x, 2), _spectral(x, -2)
        return div(small, large) if p == -2 else div(large, small)
    return mul(matrix_norm(x, p), matrix_norm(inverse(x), p))


@composite
def lstsq(a: Value, b: Value, rcond: float | None = None) -> Value:
    """The x that makes the sum of squares of a x - b least, and of such the shortest.

    Args:
        a: (..., m, n).
        b: (..., m, k).
        rcond: singular values below this share of the largest count as 0.

    Returns:
        The solution (..., n, k); the sums of squares left, (..., k), empty unless m > n; the rank;
        the singular values, empty.

    Examples:
        >>> lstsq(np.array([[1.0], [1.0]]), np.array([[1.0], [3.0]])).solution.round(6)
        array([[2.]])
    """
    m, n = matrices(tuple(a.shape))[-2:]
    x = matmul(pinv(a, rtol=rcond), b)
    nothing = nothing_of(a)
    rest = sum(square(sub(matmul(a, x), b)), dim=-2) if m > n else nothing
    return results.linalg_lstsq(x, rest, matrix_rank(a, rtol=rcond), nothing)


@composite
def tensorinv(x: Value, ind: int = 2) -> Value:
    """The inverse of x as a map from its last dimensions to the first `ind`.

    Examples:
        >>> tensorinv(np.eye(4).reshape(2, 2, 4), 2).shape
        (4, 2, 2)
    """
    first, last = tuple(x.shape[:ind]), tuple(x.shape[ind:])
    if math.prod(first) != math.prod(last):
        raise ShapeError(f"tensorinv of {tuple(x.shape)}: {first} and {last} differ in size")
    flat = inverse(reshape(x, shape=(math.prod(first), math.prod(last))))
    return reshape(flat, shape=(*last, *first))


@composite
def tensorsolve(a: Value, b: Value, dims: Sequence[int] | None = None) -> Value:
    """The x with tensordot(a, x) = b.

    Args:
        a: (*b.shape, *x.shape), once `dims` have been moved to the end.
        b: any shape.
        dims: dimensions of a to move to the end first.

    Examples:
        >>> tensorsolve(2 * np.eye(4).reshape(2, 2, 4), np.ones((2, 2)))
        array([0.5, 0.5, 0.5, 0.5])
    """
    if dims is not None:
        last = normal_dims(tuple(dims), len(a.shape))
        a = permute(a, dims=(*(d for d in range(len(a.shape)) if d not in last), *last))
    shape = tuple(a.shape[len(b.shape) :])
    size = math.prod(shape)
    flat = solution(reshape(a, shape=(size, size)), reshape(b, shape=(size, 1)))
    return reshape(flat, shape=shape)


@composite
def vander(x: Value, N: int | None = None, increasing: bool = False) -> Value:
    """The powers of each element, from N - 1 down to 0, or from 0 up, along a new last dimension.

    Examples:
        >>> vander(np.array([2.0, 3.0]), 3)
        array([[4., 2., 1.],
               [9., 3., 1.]])
    """
    count = x.shape[-1] if N is None else N
    exponents = np.arange(count) if increasing else np.arange(count)[::-1]
    return pow(unsqueeze(x, -1), constant(exponents.astype(x.dtype), x))
