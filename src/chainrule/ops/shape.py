"""Operations that move elements without computing: views, joins, indexing (floor 1).

They come in adjoint pairs (what one takes apart the other's gradient puts together), so the set is
closed under differentiation: broadcast_to and sum_to, slice and unslice, index and unindex,
take_along and add_along, pad_constant and slice. Of several sources that `put_along` writes to one
place, the last wins.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.backend.arrays import as_array, is_gpu, module_of, near
from chainrule.errors import ShapeError
from chainrule.ops.both import add_at
from chainrule.ops.core import (
    Array,
    Shape,
    Value,
    broadcast_shape,
    composite,
    constant,
    normal_dim,
    normal_dims,
    numbers,
    primitive,
    read,
)
from chainrule.ops.totals import add_up

# --- views --------------------------------------------------------------------------------------


def _with_the_rest(count: int, new: Shape) -> str:
    """How the last size may be left to be computed, where that is all that is wrong."""
    known = math.prod(new[:-1])
    if not new or known < 1 or count % known:
        return ""
    rest = (*new[:-1], -1)
    return f"; {rest} gives the last size what is left, {count // known}"


def _reshaped(old: Shape, *, shape: Sequence[int]) -> Shape:
    new = tuple(int(n) for n in shape)
    count = math.prod(old)
    free = [d for d, n in enumerate(new) if n == -1]
    known = math.prod(n for n in new if n != -1)
    fits = (known > 0 and count % known == 0) if free else count == known
    if len(free) > 1 or any(n < -1 for n in new) or not fits:
        raise ShapeError(
            f"shape {old} has {count} elements and cannot become {new}"
            + ("; only one size may be -1" if len(free) > 1 else _with_the_rest(count, new))
        )
    return tuple(count // known if n == -1 else n for n in new)


@primitive(
    kind="view",
    shape=_reshaped,
    vjp=[lambda g, _y, _x, *, shape: reshape(g, shape=_x.shape)],
    arity=1,
)
def reshape(x: Array, shape: Shape) -> Array:
    """The same elements in the same order, in another shape; one size may be -1.

    Examples:
        >>> reshape(np.arange(4.0), shape=(2, -1))
        array([[0., 1.],
               [2., 3.]])
    """
    return np.reshape(x, shape)


def _permuted(shape: Shape, *, dims: Sequence[int]) -> Shape:
    order = normal_dims(dims, len(shape))
    if len(order) != len(shape):
        raise ShapeError(f"permute of shape {shape} needs {len(shape)} dimensions, got {dims}")
    return tuple(shape[d] for d in order)


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d % len(dims)] = i
    return tuple(inverse)


@primitive(
    kind="view",
    shape=_permuted,
    vjp=[lambda g, _y, _x, *, dims: permute(g, dims=_inverse(dims))],
    arity=1,
)
def permute(x: Array, dims: Sequence[int]) -> Array:
    """The dimensions of x in another order.

    Examples:
        >>> permute(np.zeros((2, 3, 4)), dims=(2, 0, 1)).shape
        (4, 2, 3)
    """
    return np.transpose(x, dims)


@primitive(
    kind="view",
    shape=lambda old, *, shape: _broadcast_to_shape(old, shape),
    vjp=[lambda g, _y, _x, *, shape: sum_to(g, shape=_x.shape)],
    arity=1,
)
def broadcast_to(x: Array, shape: Shape) -> Array:
    """x repeated, without copying, along new dimensions and those of size 1.

    Examples:
        >>> broadcast_to(np.array([1.0, 2.0]), shape=(2, 2))
        array([[1., 2.],
               [1., 2.]])
    """
    x = as_array(x)
    if x.shape == tuple(shape):
        return x
    lead = len(shape) - x.ndim
    if (
        is_gpu(x)
        or not x.flags.c_contiguous
        or lead < 0
        or any(n not in (1, m) for n, m in zip(x.shape, shape[lead:]))
    ):
        return np.broadcast_to(x, shape)
    # The same view as NumPy's function gives, in a sixth of its time.
    strides = (0,) * lead + tuple(0 if n == 1 else s for n, s in zip(x.shape, x.strides))
    y: Array = np.ndarray(shape, x.dtype, x, 0, strides)
    y.flags.writeable = False
    return y


def _broadcast_to_shape(old: Shape, shape: Sequence[int]) -> Shape:
    target = tuple(shape)
    if broadcast_shape(old, target) != target:
        raise ShapeError(f"shape {old} cannot be broadcast to {target}: it would have to shrink")
    return target


def _sum_to_shape(old: Shape, *, shape: Sequence[int]) -> Shape:
    _broadcast_to_shape(tuple(shape), old)
    return tuple(shape)


@primitive(
    kind="reduce",
    shape=_sum_to_shape,
    vjp=[lambda g, _y, _x, *, shape: broadcast_to(g, shape=_x.shape)],
    arity=1,
)
def sum_to(x: Array, shape: Shape) -> Array:
    """x summed down to `shape`: the reverse of broadcasting `shape` to that of x.

    Examples:
        >>> sum_to(np.ones((3, 2)), shape=(1, 2))
        array([[3., 3.]])
    """
    lead = x.ndim - len(shape)
    dims = (*range(lead), *(lead + d for d, n in enumerate(shape) if n != x.shape[lead + d]))
    return add_up(x, axis=dims, keepdims=True).reshape(shape)


def unbroadcast(g: Value, shape: Shape) -> Value:
    """Sum `g` over the dimensions that broadcasting `shape` to `g.shape` had added or stretched."""
    return g if g.shape == shape else sum_to(g, shape=shape)


@primitive(
    kind="view",
    shape=lambda shape, *, dim: (normal_dims(dim, len(shape)), shape)[1],
    vjp=[lambda g, _y, _x, *, dim: flip(g, dim=dim)],
    arity=1,
)
def flip(x: Array, dim: int | Sequence[int]) -> Array:
    """x in reverse order along `dim`.

    Examples:
        >>> flip(np.array([1.0, 2.0, 3.0]), dim=0)
        array([3., 2., 1.])
    """
    return np.flip(x, normal_dims(dim, np.ndim(x)))


@composite
def transpose(x: Value, dim0: int = 0, dim1: int = 1) -> Value:
    """x with two dimensions exchanged.

    Examples:
        >>> transpose(np.zeros((2, 3, 4)), 1, 2).shape
        (2, 4, 3)
    """
    ndim = len(x.shape)
    order = list(range(ndim))
    a, b = normal_dim(dim0, ndim), normal_dim(dim1, ndim)
    if order:
        order[a], order[b] = b, a
    return permute(x, dims=tuple(order))


def matrix_transpose(x: Value) -> Value:
    """x with its last two dimensions exchanged."""
    return transpose(x, -2, -1)


@composite
def unsqueeze(x: Value, dim: int) -> Value:
    """x with a new dimension of size 1 at `dim`.

    Examples:
        >>> unsqueeze(np.zeros((2, 3)), -1).shape
        (2, 3, 1)
    """
    d = normal_dim(dim, len(x.shape), extra=1)
    return reshape(x, shape=(*x.shape[:d], 1, *x.shape[d:]))


@composite
def squeeze(x: Value, dim: int | Sequence[int] | None = None) -> Value:
    """x without the dimensions of size 1 (those in `dim`, or all).

    Examples:
        >>> squeeze(np.zeros((1, 3, 1))).shape
        (3,)
    """
    dims = normal_dims(dim, len(x.shape))
    return reshape(x, shape=tuple(n for d, n in enumerate(x.shape) if n != 1 or d not in dims))


@composite
def flatten(x: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """x with the dimensions from `start_dim` to `end_dim` joined into one.

    Examples:
        >>> flatten(np.zeros((2, 3, 4)), 1).shape
        (2, 12)
    """
    ndim = len(x.shape)
    if not ndim:
        return reshape(x, shape=(1,))
    a, b = normal_dim(start_dim, ndim), normal_dim(end_dim, ndim)
    if a > b:
        raise ShapeError(f"flatten from dim {start_dim} to {end_dim}: the start is after the end")
    joined = math.prod(x.shape[a : b + 1])
    return reshape(x, shape=(*x.shape[:a], joined, *x.shape[b + 1 :]))


# --- joining and padding ------------------------------------------------------------------------


def _other_dim(shapes: Sequence[Shape]) -> str:
    """Along which dimension arrays of these shapes can be joined, if there is one."""
    alike = len({len(s) for s in shapes}) == 1
    for d in range(len(shapes[0]) if alike else 0):
        if len({(*s[:d], *s[d + 1 :]) for s in shapes}) == 1:
            return f"; along dim {d} they fit"
    return ""


def _joined(*shapes: Shape, dim: int = 0) -> Shape:
    if not shapes:
        raise ShapeError("cat needs at least one array")
    d = normal_dim(dim, len(shapes[0]))
    rest = [(*s[:d], *s[d + 1 :]) for s in shapes]
    if any(len(s) != len(shapes[0]) for s in shapes) or len(set(rest)) > 1:
        raise ShapeError(
            f"cat along dim {dim} needs equal sizes elsewhere, got shapes "
            + ", ".join(str(s) for s in shapes)
            + _other_dim(shapes)
        )
    total = builtins.sum(s[d] for s in shapes)
    return (*shapes[0][:d], total, *shapes[0][d + 1 :])


def _concatenate_vjp(i: int, g: Value, _y: Value, *_xs: Value, dim: int = 0) -> Value:
    start = builtins.sum(x.shape[dim] for x in _xs[:i])
    return narrow(g, dim, start, _xs[i].shape[dim])


@primitive(kind="gather", shape=_joined, vjp=_concatenate_vjp)
def concatenate(*xs: Array, dim: int = 0) -> Array:
    """The arrays one after another along `dim`.

    Examples:
        >>> concatenate(np.array([1.0]), np.array([2.0, 3.0]))
        array([1., 2., 3.])
    """
    return np.concatenate(xs, axis=dim)


@composite
def cat(tensors: Sequence[Value], dim: int = 0) -> Value:
    """The arrays in a list, one after another along `dim`.

    Examples:
        >>> cat([np.array([1.0]), np.array([2.0, 3.0])])
        array([1., 2., 3.])
    """
    return concatenate(*tensors, dim=dim)


@composite
def stack(tensors: Sequence[Value], dim: int = 0) -> Value:
    """Arrays of one shape side by side along a new dimension.

    Examples:
        >>> stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], dim=1)
        array([[1., 3.],
               [2., 4.]])
    """
    shapes = {tuple(x.shape) for x in tensors}
    if len(shapes) != 1:
        shown = ", ".join(str(s) for s in sorted(shapes)) or "none"
        raise ShapeError(
            f"stack needs arrays of one shape, got {shown}"
            + ("; pad them to one, or join them with cat" if shapes else "")
        )
    return concatenate(*(unsqueeze(x, dim) for x in tensors), dim=dim)


@composite
def split(x: Value, size: int | Sequence[int], dim: int = 0) -> tuple[Value, ...]:
    """Pieces of x along `dim`: of `size` each (the last may be smaller), or of the listed sizes.

    Examples:
        >>> split(np.arange(5.0), 2)
        (array([0., 1.]), array([2., 3.]), array([4.]))
    """
    d = normal_dim(dim, len(x.shape))
    n = x.shape[d]
    if isinstance(size, int):
        if size < 1:
            raise ShapeError(f"split into pieces of {size}; a piece has at least 1 element")
        sizes = [builtins.min(size, n - i) for i in range(0, builtins.max(n, 1), size)]
    else:
        sizes = list(size)
        if builtins.sum(sizes) != n:
            raise ShapeError(f"split sizes {sizes} add up to {builtins.sum(sizes)}, not {n}")
    starts = [builtins.sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(narrow(x, d, start, length) for start, length in zip(starts, sizes))


@composite
def chunk(x: Value, chunks: int, dim: int = 0) -> tuple[Value, ...]:
    """x in at most `chunks` pieces of equal size along `dim` (the last may be smaller).

    Examples:
        >>> chunk(np.arange(5.0), 2)
        (array([0., 1., 2.]), array([3., 4.]))
    """
    if chunks < 1:
        raise ShapeError(f"chunk into {chunks} pieces; there is at least 1")
    n = x.shape[normal_dim(dim, len(x.shape))]
    return split(x, builtins.max(-(-n // chunks), 1), dim)


def _padded(shape: Shape, *, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Shape:
    if len(widths) != len(shape) or any(a < 0 or b < 0 for a, b in widths):
        raise ShapeError(f"padding {tuple(widths)} does not fit shape {shape}")
    return tuple(n + a + b for n, (a, b) in zip(shape, widths))


def _pad_vjp(
    g: Value, _y: Value, _x: Value, *, widths: Sequence[tuple[int, int]], value: float = 0.0
) -> Value:
    return slice(g, key=tuple(builtins.slice(a, a + n) for n, (a, _) in zip(_x.shape, widths)))


@primitive(kind="gather", shape=_padded, vjp=[_pad_vjp], arity=1)
def pad_constant(x: Array, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    """x with `value` added around: a pair (before, after) for each dimension.

    Examples:
        >>> pad_constant(np.array([1.0, 2.0]), widths=((1, 0),))
        array([0., 1., 2.])
    """
    y = module_of(x).full(_padded(np.shape(x), widths=widths), value, dtype=x.dtype)
    y[tuple(builtins.slice(a, a + n) for n, (a, _) in zip(x.shape, widths))] = x
    return y


# --- slicing and indexing -----------------------------------------------------------------------

# Stands in a key for the next positional array of `index`.
ARRAY = "array"


def _sliced(shape: Shape, *, key: Any) -> Shape:
    try:
        return np.broadcast_to(np.zeros(()), shape)[key].shape
    except IndexError as error:
        raise ShapeError(f"index {_shown(key)} does not fit shape {shape}: {error}") from None


def _shown(key: Any) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return "[" + ", ".join(_shown_part(k) for k in parts) + "]"


def _shown_part(k: Any) -> str:
    if isinstance(k, builtins.slice):
        ends = [("" if v is None else str(v)) for v in (k.start, k.stop)]
        return ":".join(ends) + (f":{k.step}" if k.step is not None else "")
    if _is_index_array(k):
        return f"array of shape {np.shape(k)}"
    return "..." if k is Ellipsis else str(k)


@primitive(
    kind="view",
    shape=_sliced,
    vjp=[lambda g, _y, _x, *, key: unslice(g, key=key, shape=_x.shape)],
    arity=1,
)
def slice(x: Array, key: Any) -> Array:
    """x[key] for a key of integers, slices, `None` and `...`: a view.

    Examples:
        >>> slice(np.arange(4.0), key=(np.s_[1:3],))
        array([1., 2.])
    """
    return x[key]


def _filling(own: Shape, hole: Shape, shape: Shape) -> Shape:
    """`shape`, if what has shape `own` fits the hole it is put into."""
    if own != hole:
        raise ShapeError(f"what is put into a place of shape {hole} has shape {own}")
    return tuple(shape)


@primitive(
    kind="gather",
    shape=lambda own, *, key, shape: _filling(own, _sliced(shape, key=key), shape),
    vjp=[lambda g, _y, _x, *, key, shape: slice(g, key=key)],
    arity=1,
)
def unslice(x: Array, key: Any, shape: Shape) -> Array:
    """Zeros of `shape` with x at `key`: the gradient of `slice`.

    Examples:
        >>> unslice(np.array([5.0]), key=(np.s_[1:2],), shape=(3,))
        array([0., 5., 0.])
    """
    y = module_of(x).zeros(shape, dtype=x.dtype)
    y[key] = x
    return y


def narrow(x: Value, dim: int, start: int, length: int) -> Value:
    """`length` elements of x along `dim`, from `start` on."""
    d = normal_dim(dim, len(x.shape))
    return slice(x, key=(*([builtins.slice(None)] * d), builtins.slice(start, start + length)))


def _filled(key: Sequence[Any], indices: Sequence[Array]) -> tuple[Any, ...]:
    following = iter(indices)
    return tuple(next(following) if isinstance(k, str) else k for k in key)


def _indexed(shape: Shape, *indices: Shape, key: Sequence[Any]) -> Shape:
    probes = [np.zeros(s, dtype=np.intp) for s in indices]
    return _sliced(shape, key=_filled(key, probes))


@primitive(
    kind="gather",
    shape=_indexed,
    vjp=lambda i, g, _y, _x, *indices, key: (
        unindex(g, *indices, key=key, shape=_x.shape) if i == 0 else None
    ),
)
def index(x: Array, *indices: Array, key: Sequence[Any]) -> Array:
    """x[key] where each `ARRAY` in the key stands for the next of the index arrays.

    Examples:
        >>> index(np.array([5.0, 6.0, 7.0]), np.array([2, 0, 2]), key=(ARRAY,))
        array([7., 5., 7.])
    """
    return x[_filled(key, indices)]


@primitive(
    kind="gather",
    shape=lambda own, *indices, key, shape: _filling(
        own, _indexed(shape, *indices, key=key), shape
    ),
    vjp=lambda i, g, _y, _x, *indices, key, shape: index(g, *indices, key=key) if i == 0 else None,
)
def unindex(x: Array, *indices: Array, key: Sequence[Any], shape: Shape) -> Array:
    """Zeros of `shape` with x added at `key`, repeated places adding up: the gradient of `index`.

    Examples:
        >>> unindex(np.ones(3), np.array([2, 0, 2]), key=(ARRAY,), shape=(3,))
        array([1., 0., 2.])
    """
    y = module_of(x).zeros(shape, dtype=x.dtype)
    add_at(y, _filled(key, indices), x)
    return y


def _is_index_array(k: Any) -> bool:
    return isinstance(k, (list, tuple, range, np.ndarray)) or hasattr(k, "__array__")


def split_key(key: Any, shape: Shape) -> tuple[tuple[Any, ...], list[Any]]:
    """Separate what `x[key]` is given into a static key and the arrays of integers in it.

    A mask becomes the places where it holds, so that the shapes of the arrays say what comes out.
    """
    static: list[Any] = []
    arrays: list[Any] = []
    for k in key if isinstance(key, tuple) else (key,):
        if not _is_index_array(k):
            static.append(int(k) if isinstance(k, np.integer) else k)
            continue
        a = constant(np.asarray(k)) if isinstance(k, (list, tuple, range)) else k
        if a.dtype == bool and a.ndim:
            _sliced(shape, key=_plain(key))  # a mask of another shape is an error
            places = [*np.nonzero(numbers(a))]
        elif a.dtype == bool:
            static.append(bool(a))
            continue
        else:
            places = [a if math.prod(a.shape) else near(np.zeros(a.shape, np.intp), a)]
        arrays += places
        static += [ARRAY] * len(places)
    return tuple(static), arrays


def _plain(key: Any) -> Any:
    """The key with arrays in place of whatever stands for them."""
    if isinstance(key, tuple):
        return tuple(_plain(k) for k in key)
    return read(key) if _is_index_array(key) else key


def getitem(x: Value, key: Any) -> Value:
    """x[key] in every form NumPy knows: integers, slices, `None`, `...`, masks, index arrays."""
    static, arrays = split_key(key, x.shape)
    return index(x, *arrays, key=static) if arrays else slice(x, key=static)


def _index_put_vjp(
    i: int, g: Value, _y: Value, _x: Value, _v: Value, *indices: Value, key: Any
) -> Value:
    if i == 0:
        hole = constant(np.zeros((), dtype=_x.dtype), g)
        return index_put(g, hole, *indices, key=key)
    if i == 1:
        taken = index(g, *indices, key=key) if indices else slice(g, key=key)
        return unbroadcast(taken, _v.shape)
    return None


def _index_put_shape(shape: Shape, v: Shape, *indices: Shape, key: Sequence[Any]) -> Shape:
    _broadcast_to_shape(v, _indexed(shape, *indices, key=key))
    return shape


@primitive(kind="gather", shape=_index_put_shape, vjp=_index_put_vjp)
def index_put(x: Array, v: Array, *indices: Array, key: Sequence[Any]) -> Array:
    """A copy of x in which x[key] = v; the key as in `index`.

    Examples:
        >>> index_put(np.zeros(3), np.array(5.0), key=(1,))
        array([0., 5., 0.])
    """
    make = module_of(x)
    y = make.array(x)
    in_order = [make.asarray(i, order="C") for i in indices]  # NumPy goes through them as they lie
    y[_filled(key, in_order)] = v
    return y
