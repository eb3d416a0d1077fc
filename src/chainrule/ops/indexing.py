"""Writing and reading at places that arrays name: entries along a dimension, or anywhere (floor 1).

All are written with the primitives of `shape` and `gather`, but for `reduce_along`.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from chainrule.backend.arrays import module_of
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.ops.both import extreme_at, multiply_at
from chainrule.ops.core import (
    Array,
    Shape,
    Value,
    Within,
    broadcast_shape,
    checked,
    composite,
    constant,
    normal_dim,
    primitive,
    quiet,
)
from chainrule.ops.elementwise import add, cast, clip, div, eq, mul, sub, where
from chainrule.ops.gather import add_along, along, corner, inside, scatter_add, take_along
from chainrule.ops.reduce import cumsum
from chainrule.ops.shape import ARRAY, broadcast_to, index_put, reshape, unindex
from chainrule.ops.shape import index as index_of

# --- along a dimension, at places that a vector lists -------------------------------------------


def _key(x: Value, dim: int) -> tuple[object, ...]:
    """The key that names entries along `dim` by an array."""
    return (*([slice(None)] * normal_dim(dim, len(x.shape))), ARRAY)


def _listing(name: str, x: Value, dim: int, index: Value, source: Value) -> None:
    d = normal_dim(dim, len(x.shape))
    count = index.shape[0] if index.shape else 1
    wanted = (*x.shape[:d], count, *x.shape[d + 1 :])
    if len(index.shape) > 1 or tuple(source.shape) != (wanted if x.shape else source.shape):
        raise ShapeError(
            f"{name} along dim {dim} of {tuple(x.shape)} with an index of {tuple(index.shape)} "
            f"needs a source of shape {wanted}, got {tuple(source.shape)}"
        )


@composite
def index_add(x: Value, dim: int, index: Value, source: Value, *, alpha: float = 1) -> Value:
    """x with alpha source[i] added to entry index[i] along `dim`; repeated places add up.

    Examples:
        >>> index_add(np.zeros(3), 0, np.array([1, 1]), np.array([2.0, 3.0]))
        array([0., 5., 0.])
    """
    _listing("index_add", x, dim, index, source)
    scaled = source if alpha == 1 else mul(source, alpha)
    return add(x, unindex(scaled, index, key=_key(x, dim), shape=tuple(x.shape)))


@composite
def index_copy(x: Value, dim: int, index: Value, source: Value) -> Value:
    """A copy of x with source[i] in place of entry index[i] along `dim`.

    Examples:
        >>> index_copy(np.zeros(3), 0, np.array([2, 0]), np.array([5.0, 6.0]))
        array([6., 0., 5.])
    """
    _listing("index_copy", x, dim, index, source)
    return index_put(x, source, index, key=_key(x, dim))


@composite
def index_fill(x: Value, dim: int, index: Value, value: Value) -> Value:
    """A copy of x with `value` in place of the entries along `dim` that `index` lists.

    Examples:
        >>> index_fill(np.zeros(3), 0, np.array([2, 0]), 7.0)
        array([7., 0., 7.])
    """
    return index_put(x, _number(value, x), index, key=_key(x, dim))


def _number(value: Value, like: Value) -> Value:
    """A Python number as an array of the dtype of `like`."""
    return value if hasattr(value, "shape") else constant(np.asarray(value, dtype=like.dtype), like)


# --- anywhere -----------------------------------------------------------------------------------


@composite
def take(x: Value, index: Value) -> Value:
    """The elements of x, in a row, at the places that `index` names.

    Examples:
        >>> take(np.array([[1, 2], [3, 4]]), np.array([3, 0]))
        array([4, 1])
    """
    return index_of(reshape(x, shape=(-1,)), index, key=(ARRAY,))


@composite
def put(x: Value, index: Value, source: Value, accumulate: bool = False) -> Value:
    """A copy of x with `source` at the places, counted in a row, that `index` names.

    Args:
        x: any shape.
        index: integers of any shape.
        source: as many values.
        accumulate: add to what is there, rather than replace it.

    Examples:
        >>> put(np.zeros((2, 2)), np.array([3, 0]), np.array([5.0, 6.0]))
        array([[6., 0.],
               [0., 5.]])
    """
    flat, source = reshape(x, shape=(-1,)), reshape(source, shape=tuple(index.shape))
    if accumulate:
        changed = add(flat, unindex(source, index, key=(ARRAY,), shape=tuple(flat.shape)))
    else:
        changed = index_put(flat, source, index, key=(ARRAY,))
    return reshape(changed, shape=tuple(x.shape))


@composite
def take_along_dim(x: Value, indices: Value, dim: int | None = None) -> Value:
    """`take_along` where x and the indices broadcast, except along `dim`; in a row without one.

    Raises:
        DataError: an index outside.

    Examples:
        >>> take_along_dim(np.array([[1, 2], [3, 4]]), np.array([[1]]), 1)
        array([[2],
               [4]])
    """
    if dim is None:
        x, indices = (reshape(v, shape=(-1,)) for v in (x, indices))
        inside(indices, tuple(x.shape), 0)
        return take_along(x, indices, dim=0)
    d = normal_dim(dim, len(x.shape))
    if len(x.shape) != len(indices.shape):
        raise ShapeError(
            f"take_along_dim needs indices of {len(x.shape)} dimensions, as x has, got "
            f"{tuple(indices.shape)}"
        )
    rest = broadcast_shape(*((*v.shape[:d], 1, *v.shape[d + 1 :]) for v in (x, indices)))
    x, indices = (
        broadcast_to(v, shape=(*rest[:d], v.shape[d], *rest[d + 1 :])) for v in (x, indices)
    )
    inside(indices, tuple(x.shape), d)
    return take_along(x, indices, dim=dim)


@composite
def masked_fill(x: Value, mask: Value, value: Value) -> Value:
    """`value` where the mask holds, x elsewhere.

    Examples:
        >>> masked_fill(np.array([1.0, 2.0]), np.array([True, False]), 0.0)
        array([0., 2.])
    """
    return where(mask, value, x)


@composite
def masked_scatter(x: Value, mask: Value, source: Value) -> Value:
    """x with the elements of `source`, one after another, where the mask holds.

    Examples:
        >>> masked_scatter(np.zeros(3), np.array([True, False, True]), np.array([5.0, 6.0]))
        array([5., 0., 6.])
    """
    shape = broadcast_shape(tuple(x.shape), tuple(mask.shape))
    mask = broadcast_to(mask, shape=shape)
    count = math.prod(source.shape)
    before = cumsum(cast(reshape(mask, shape=(-1,)), dtype=np.int64), dim=0)
    checked(Within(0, count, partial(_not_enough, count=count)), before)
    place = clip(sub(before, 1), min=0)
    return where(mask, reshape(take(source, place), shape=shape), x) if source.shape else x


def _not_enough(before: Array, count: int) -> None:
    raise DataError(
        f"masked_scatter needs an element for each of {before.max()} places, the source has {count}"
    )


# --- several sources for one place --------------------------------------------------------------


def _reduced(shape: Shape, index: Shape, src: Shape, *, dim: int, largest: bool) -> Shape:
    normal_dim(dim, len(shape))
    if index != src or len(shape) != len(index):
        raise ShapeError(
            f"scatter_reduce needs a source as large as the index of shape {index}, and as many "
            f"dimensions as {shape}, got a source of shape {src}"
        )
    return shape


def _won(g: Value, y: Value, x: Value, index: Value, src: Value, dim: int) -> Value:
    """Where x and where `src` is what came out, and the gradient that each winner gets."""
    mine, theirs = eq(x, y), eq(src, take_along(y, index, dim=dim))
    kept = cast(theirs, dtype=g.dtype)
    count = add(mine, add_along(kept, index, dim=dim, shape=tuple(y.shape)))
    return mine, theirs, div(g, count)


def _own_rule(
    g: Value, y: Value, x: Value, index: Value, src: Value, *, dim: int, largest: bool
) -> Value:
    mine, _, share = _won(g, y, x, index, src, dim)
    return mul(share, mine)


def _src_rule(
    g: Value, y: Value, x: Value, index: Value, src: Value, *, dim: int, largest: bool
) -> Value:
    _, theirs, share = _won(g, y, x, index, src, dim)
    return mul(take_along(share, index, dim=dim), theirs)


@primitive(kind="gather", shape=_reduced, vjp=[_own_rule, None, _src_rule], arity=3)
def extreme_along(x: Array, index: Array, src: Array, dim: int, largest: bool) -> Array:
    """The largest (or smallest) of x and all sources that `index` sends to its place along `dim`.

    Ties share the gradient evenly.

    Examples:
        >>> extreme_along(np.zeros(2), np.array([1, 1]), np.array([3.0, 2.0]), dim=0, largest=True)
        array([0., 3.])
    """
    y = module_of(x).array(x)
    extreme_at(y, along(index, dim), src, largest)
    return y


@primitive(
    kind="gather",
    shape=lambda shape, index, src, *, dim: _reduced(shape, index, src, dim=dim, largest=True),
    vjp=[
        lambda g, y, x, _index, _src, *, dim: div(mul(g, y), x),
        None,
        lambda g, y, _x, index, src, *, dim: div(take_along(mul(g, y), index, dim=dim), src),
    ],
    arity=3,
)
@quiet
def multiply_along(x: Array, index: Array, src: Array, dim: int) -> Array:
    """x times all sources that `index` sends to its place along `dim`.

    The gradient is right where no factor is 0.

    Examples:
        >>> multiply_along(np.ones(2), np.array([1, 1]), np.array([3.0, 2.0]), dim=0)
        array([1., 6.])
    """
    y = module_of(x).array(x)
    multiply_at(y, along(index, dim), src)
    return y


_NEUTRAL = {"sum": 0, "mean": 0, "prod": 1, "amax": -math.inf, "amin": math.inf}


def _neutral(reduce: str, like: Value) -> Array:
    """What changes nothing; for extremes of integers the last that there is."""
    number, dtype = _NEUTRAL[reduce], np.dtype(like.dtype)
    if dtype.kind in "iu" and math.isinf(number):
        number = np.iinfo(dtype).max if number > 0 else np.iinfo(dtype).min
    return constant(np.asarray(number, dtype=dtype), like)


@composite
def scatter_reduce(
    x: Value, dim: int, index: Value, src: Value, reduce: str, *, include_self: bool = True
) -> Value:
    """Each place along `dim` put together with all sources that `index` sends there.

    Args:
        x: any shape.
        dim: the dimension that `index` counts along.
        index: integers, with as many dimensions as x.
        src: of the shape of `index`, or larger.
        reduce: "sum", "mean", "prod", "amax" or "amin".
        include_self: whether x's own element takes part where a source comes in.

    Raises:
        OptionError: another word for `reduce`.
        DataError: an index outside.

    Examples:
        >>> x, index, src = np.array([1.0, 2.0]), np.array([0, 0]), np.array([5.0, 6.0])
        >>> scatter_reduce(x, 0, index, src, "amax")
        array([6., 2.])
        >>> scatter_reduce(x, 0, index, src, "mean", include_self=False)
        array([5.5, 2. ])
    """
    if reduce not in _NEUTRAL:
        raise OptionError(
            f"scatter_reduce's reduce must be one of {', '.join(_NEUTRAL)}, got {reduce!r}"
        )
    src = corner(src, index)
    shape = tuple(x.shape)
    inside(index, shape, dim)
    ones = constant(module_of(x).ones(tuple(index.shape), x.dtype))
    hits = add_along(ones, index, dim=dim, shape=shape)
    if not include_self:
        x = where(eq(hits, 0), x, _neutral(reduce, x))
    if reduce in ("amax", "amin"):
        return extreme_along(x, index, src, dim=dim, largest=reduce == "amax")
    if reduce == "prod":
        return multiply_along(x, index, src, dim=dim)
    total = scatter_add(x, dim, index, src)
    if reduce == "sum":
        return total
    return div(total, clip(add(hits, 1) if include_self else hits, min=1))


@composite
def index_reduce(
    x: Value, dim: int, index: Value, source: Value, reduce: str, *, include_self: bool = True
) -> Value:
    """`scatter_reduce` of whole entries: source[i] goes to entry index[i] along `dim`.

    Examples:
        >>> index_reduce(np.ones(2), 0, np.array([1, 1]), np.array([3.0, 2.0]), "prod")
        array([1., 6.])
    """
    _listing("index_reduce", x, dim, index, source)
    d = normal_dim(dim, len(x.shape))
    column = tuple(-1 if e == d else 1 for e in range(len(x.shape)))
    places = broadcast_to(reshape(index, shape=column), shape=tuple(source.shape))
    return scatter_reduce(x, dim, places, source, reduce, include_self=include_self)
