"""Reading and writing along one dimension, at places that an array of indices names (floor 1).

`take_along` and `add_along` are each other's gradients. Of several sources written to one place by
`put_along`, the last wins.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from chainrule.backend.arrays import module_of
from chainrule.errors import DataError, ShapeError
from chainrule.ops.both import add_at
from chainrule.ops.core import (
    Array,
    Shape,
    Value,
    Within,
    checked,
    composite,
    constant,
    normal_dim,
    primitive,
    read,
)
from chainrule.ops.elementwise import add, cast, eq
from chainrule.ops.shape import ARRAY, index, unsqueeze
from chainrule.ops.shape import slice as slice_of


def _gathered(shape: Shape, index: Shape, *, dim: int) -> Shape:
    d = normal_dim(dim, len(shape))
    if len(shape) != len(index) or any(
        m > n for e, (n, m) in enumerate(zip(shape, index)) if e != d
    ):
        raise ShapeError(
            f"gather along dim {dim}: the index has shape {index}, which must have as many "
            f"dimensions as {shape} and be no larger except along that one"
        )
    return index


def _cut(x: Array, like: Shape, dim: int) -> Array:
    """The corner of x that an index of shape `like` reaches, whole along `dim`."""
    d = dim % max(x.ndim, 1)
    if all(n == m for e, (n, m) in enumerate(zip(x.shape, like)) if e != d):
        return x
    return x[tuple(slice(None if e == d else n) for e, n in enumerate(like))]


@primitive(
    kind="gather",
    shape=_gathered,
    vjp=[lambda g, _y, _x, index, *, dim: add_along(g, index, dim=dim, shape=_x.shape), None],
    arity=2,
)
def take_along(x: Array, index: Array, dim: int) -> Array:
    """y[i][j] = x[index[i][j]][j] for dim 0, likewise along any other dimension.

    Examples:
        >>> take_along(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]), dim=1)
        array([[2.],
               [3.]])
    """
    return np.take_along_axis(_cut(x, index.shape, dim), index, axis=dim) if x.ndim else x


def _added_shape(own: Shape, index: Shape, shape: Shape, dim: int) -> Shape:
    _gathered(shape, index, dim=dim)
    if own != index:
        raise ShapeError(f"a source of shape {own} needs an index of the same shape, got {index}")
    return tuple(shape)


@primitive(
    kind="gather",
    shape=lambda own, index, *, dim, shape: _added_shape(own, index, shape, dim),
    vjp=[lambda g, _y, _x, index, *, dim, shape: take_along(g, index, dim=dim), None],
    arity=2,
)
def add_along(x: Array, index: Array, dim: int, shape: Shape) -> Array:
    """Zeros of `shape` with x added where `index` says: the gradient of `take_along`.

    Examples:
        >>> add_along(np.array([[5.0]]), np.array([[1]]), dim=1, shape=(1, 3))
        array([[0., 5., 0.]])
    """
    y = module_of(x).zeros(shape, dtype=x.dtype)
    if not y.ndim:
        return y + x
    add_at(y, along(index, dim), x)
    return y


def along(index: Array, dim: int) -> tuple[Array, ...]:
    """The full index tuple that `index` means along `dim`."""
    grid = list(module_of(index).ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


@primitive(
    kind="gather",
    shape=lambda shape, index, src, *, dim: _added_shape(src, index, shape, dim),
    vjp=[
        lambda g, _y, _x, index, _src, *, dim: put_along(
            g, index, constant(module_of(g).zeros(_src.shape, _src.dtype)), dim=dim
        ),
        None,
        lambda g, _y, _x, index, _src, *, dim: take_along(g, index, dim=dim),
    ],
    arity=3,
)
def put_along(x: Array, index: Array, src: Array, dim: int) -> Array:
    """A copy of x in which y[index[i][j]][j] = src[i][j] for dim 0, likewise along any other.

    The gradient is right where no place is named twice.

    Examples:
        >>> put_along(np.zeros((1, 3)), np.array([[2]]), np.array([[5.0]]), dim=1)
        array([[0., 0., 5.]])
    """
    make = module_of(x)
    y = make.array(x)
    y[along(make.asarray(index, order="C"), dim)] = src  # NumPy goes through them as they lie
    return y


def inside(index: Value, shape: Shape, dim: int) -> None:
    """Raise if an index names a place outside, now and in every run that is recorded."""
    if shape:
        size = shape[normal_dim(dim, len(shape))]
        refuse = partial(_no_place, size=size, dim=dim)
        checked(Within(-size, size - 1, refuse), index)


def _no_place(index: Array, size: int, dim: int) -> None:
    wrong = index.min() if index.min() < -size else index.max()
    raise DataError(f"index {wrong} is outside dim {dim}, which has {size} elements")


@composite
def gather(x: Value, dim: int, index: Value) -> Value:
    """`take_along` with PyTorch's order of arguments.

    Raises:
        DataError: an index outside.

    Examples:
        >>> gather(np.array([[1.0, 2.0], [3.0, 4.0]]), 1, np.array([[1], [0]]))
        array([[2.],
               [3.]])
    """
    inside(index, tuple(x.shape), dim)
    return take_along(x, index, dim=dim)


@composite
def scatter(x: Value, dim: int, index: Value, src: Value) -> Value:
    """`put_along` with PyTorch's order of arguments; `src` may be one number, or larger.

    Raises:
        DataError: an index outside.

    Examples:
        >>> scatter(np.zeros((1, 3)), 1, np.array([[2]]), 5.0)
        array([[0., 0., 5.]])
    """
    if isinstance(src, (int, float)):
        src = constant(module_of(x).full(index.shape, src, dtype=x.dtype))
    inside(index, tuple(x.shape), dim)
    return put_along(x, index, corner(src, index), dim=dim)


def corner(src: Value, index: Value) -> Value:
    """The part of `src` that an index of its shape or a smaller one reads."""
    small, large = tuple(index.shape), tuple(src.shape)
    if small == large or len(small) != len(large) or any(m > n for m, n in zip(small, large)):
        return src
    return slice_of(src, key=tuple(slice(n) for n in small))


@composite
def scatter_add(x: Value, dim: int, index: Value, src: Value) -> Value:
    """x with src[i][j] added at [index[i][j]][j] for dim 0; repeated places add up.

    Raises:
        DataError: an index outside.

    Examples:
        >>> scatter_add(np.zeros(3), 0, np.array([1, 1]), np.array([2.0, 3.0]))
        array([0., 5., 0.])
    """
    inside(index, tuple(x.shape), dim)
    return add(x, add_along(corner(src, index), index, dim=dim, shape=tuple(x.shape)))


@composite
def index_select(x: Value, dim: int, which: Value) -> Value:
    """The entries of x along `dim` that the one-dimensional `which` lists.

    Examples:
        >>> index_select(np.array([[1.0, 2.0], [3.0, 4.0]]), 1, np.array([1]))
        array([[2.],
               [4.]])
    """
    d = normal_dim(dim, len(x.shape))
    return index(x, which, key=(*([slice(None)] * d), ARRAY))


@composite
def one_hot(index: Value, num_classes: int = -1) -> Array:
    """Rows of zeros with a 1 at each index.

    Args:
        index: integers of any shape, 0 to `num_classes` - 1.
        num_classes: the size of the new last dimension; by the largest index if -1.

    Returns:
        int64 of shape (*index.shape, num_classes).

    Raises:
        DataError: an index outside.

    Examples:
        >>> one_hot(np.array([0, 2]), 3)
        array([[1, 0, 0],
               [0, 0, 1]])
    """
    if num_classes == -1:
        num_classes = int(np.max(read(index), initial=0)) + 1
    checked(Within(0, num_classes - 1, partial(_no_classes, count=num_classes)), index)
    return cast(eq(unsqueeze(index, -1), constant(np.arange(num_classes), index)), dtype=np.int64)


def _no_classes(index: Array, count: int) -> None:
    low, high = index.min(), index.max()
    raise DataError(
        f"index {low if low < 0 else high} is outside the {count} classes 0 to {count - 1}"
    )
