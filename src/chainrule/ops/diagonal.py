"""Diagonals and triangles of matrices (floor 1, composites).

`offset` counts diagonals from the main one, upwards if positive.
"""

from __future__ import annotations

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Shape, Value, composite, constant, normal_dims
from chainrule.ops.elementwise import where
from chainrule.ops.reduce import sum
from chainrule.ops.shape import ARRAY, flatten, index, index_put, permute, unindex

_BOTH = (Ellipsis, ARRAY, ARRAY)


def _places(rows: int, columns: int, offset: int, x: Value) -> tuple[Array, Array]:
    """The rows and the columns of a diagonal's elements."""
    i = np.arange(max(0, -offset), max(0, -offset, min(rows, columns - offset)))
    return constant(i, x), constant(i + offset, x)


def _ends(dim1: int, dim2: int, ndim: int) -> tuple[int, ...]:
    """The order of dimensions that brings `dim1` and `dim2` to the end."""
    a, b = normal_dims((dim1, dim2), ndim)
    return (*(d for d in range(ndim) if d not in (a, b)), a, b)


def _last(x: Value, dim1: int, dim2: int) -> Value:
    if len(x.shape) < 2:
        raise ShapeError(f"a diagonal needs 2 dimensions or more, got shape {tuple(x.shape)}")
    return permute(x, dims=_ends(dim1, dim2, len(x.shape)))


def _back(x: Value, dim1: int, dim2: int) -> Value:
    """The reverse of `_last`."""
    order = _ends(dim1, dim2, len(x.shape))
    return permute(x, dims=tuple(int(d) for d in np.argsort(order)))


@composite
def diagonal(x: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """The elements of a diagonal over two dimensions of x, as a new last dimension; a copy.

    Examples:
        >>> diagonal(np.array([[1, 2], [3, 4]]))
        array([1, 4])
    """
    moved = _last(x, dim1, dim2)
    return index(moved, *_places(moved.shape[-2], moved.shape[-1], offset, x), key=_BOTH)


@composite
def diag_embed(x: Value, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Value:
    """Matrices, in two new dimensions, whose diagonals are x's last dimension, zero elsewhere.

    Examples:
        >>> diag_embed(np.array([1.0, 2.0]))
        array([[1., 0.],
               [0., 2.]])
    """
    n = x.shape[-1] + abs(offset)
    shape: Shape = (*x.shape[:-1], n, n)
    matrix = unindex(x, *_places(n, n, offset, x), key=_BOTH, shape=shape)
    return _back(matrix, dim1, dim2)


@composite
def diag(x: Value, diagonal: int = 0) -> Value:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal.

    Examples:
        >>> diag(np.array([[1, 2], [3, 4]]))
        array([1, 4])
        >>> diag(np.array([1.0, 2.0]))
        array([[1., 0.],
               [0., 2.]])
    """
    if len(x.shape) == 1:
        return diag_embed(x, diagonal)
    if len(x.shape) != 2:
        raise ShapeError(f"diag takes a vector or a matrix, got shape {tuple(x.shape)}")
    return _diagonal(x, diagonal)


_diagonal = diagonal  # `diag` has an argument of that name, which is PyTorch's


@composite
def diagflat(x: Value, offset: int = 0) -> Value:
    """The matrix with all elements of x, in a row, on its diagonal.

    Examples:
        >>> diagflat(np.array([[1.0], [2.0]]))
        array([[1., 0.],
               [0., 2.]])
    """
    return diag_embed(flatten(x), offset)


@composite
def diagonal_scatter(x: Value, src: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """A copy of x with `src` on its diagonal.

    Examples:
        >>> diagonal_scatter(np.zeros((2, 2)), np.array([1.0, 2.0]))
        array([[1., 0.],
               [0., 2.]])
    """
    moved = _last(x, dim1, dim2)
    places = _places(moved.shape[-2], moved.shape[-1], offset, x)
    hole = (*moved.shape[:-2], len(places[0]))
    if tuple(src.shape) != hole:
        raise ShapeError(f"the diagonal has shape {hole}, what is put there {tuple(src.shape)}")
    return _back(index_put(moved, src, *places, key=_BOTH), dim1, dim2)


@composite
def trace(x: Value) -> Value:
    """The sum of a matrix's diagonal.

    Examples:
        >>> trace(np.array([[1, 2], [3, 4]]))
        np.int64(5)
    """
    if len(x.shape) != 2:
        raise ShapeError(f"trace takes a matrix, got shape {tuple(x.shape)}")
    return sum(diagonal(x))


def _triangle(x: Value, diagonal: int, name: str) -> Array:
    if len(x.shape) < 2:
        raise ShapeError(f"{name} needs 2 dimensions or more, got shape {tuple(x.shape)}")
    return np.tri(x.shape[-2], x.shape[-1], diagonal, dtype=bool)


def _nothing(x: Value) -> Array:
    """0, or False among truth values."""
    return constant(np.zeros((), dtype=x.dtype), x)


@composite
def tril(x: Value, diagonal: int = 0) -> Value:
    """x with zeros above a diagonal of its last two dimensions.

    Examples:
        >>> tril(np.array([[1, 2], [3, 4]]))
        array([[1, 0],
               [3, 4]])
    """
    return where(constant(_triangle(x, diagonal, "tril"), x), x, _nothing(x))


@composite
def triu(x: Value, diagonal: int = 0) -> Value:
    """x with zeros below a diagonal of its last two dimensions.

    Examples:
        >>> triu(np.array([[1, 2], [3, 4]]))
        array([[1, 2],
               [0, 4]])
    """
    return where(constant(_triangle(x, diagonal - 1, "triu"), x), _nothing(x), x)
