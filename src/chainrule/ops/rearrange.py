"""Elements in other places: rolled, turned, repeated, stacked, cut up (floor 1, composites)."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import (
    Shape,
    Value,
    broadcast_shape,
    composite,
    constant,
    normal_dim,
    normal_dims,
)
from chainrule.ops.shape import (
    ARRAY,
    broadcast_to,
    cat,
    flatten,
    flip,
    index,
    index_put,
    narrow,
    pad_constant,
    permute,
    reshape,
    slice,
    split,
    stack,
    transpose,
    unsqueeze,
)


def _listed(v: int | Sequence[int]) -> list[int]:
    return [int(v)] if isinstance(v, (int, np.integer)) else [int(n) for n in v]


# --- turning ------------------------------------------------------------------------------------


@composite
def roll(x: Value, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Value:
    """x moved on by `shifts` places along `dims`; what leaves at the end comes in at the start.

    Without `dims` all elements move on as one row.

    Raises:
        ShapeError: as many shifts as dimensions are needed.

    Examples:
        >>> roll(np.arange(4.0), 1)
        array([3., 0., 1., 2.])
    """
    if dims is None:
        return reshape(roll(flatten(x), shifts, 0), shape=tuple(x.shape))
    moves, along = _listed(shifts), _listed(dims)
    if len(moves) != len(along):
        raise ShapeError(f"roll needs a shift for each dimension, got {moves} for dims {along}")
    for shift, dim in zip(moves, along):
        n = x.shape[normal_dim(dim, len(x.shape))] if x.shape else 1
        cut = n - shift % n if n else 0
        if 0 < cut < n:
            x = cat([narrow(x, dim, cut, n - cut), narrow(x, dim, 0, cut)], dim)
    return x


@composite
def rot90(x: Value, k: int = 1, dims: Sequence[int] = (0, 1)) -> Value:
    """x turned by `k` right angles, from the first of two dimensions towards the second.

    Examples:
        >>> rot90(np.array([[1, 2], [3, 4]]))
        array([[2, 4],
               [1, 3]])
    """
    a, b = normal_dims(dims, len(x.shape))
    if k % 2:
        x = transpose(x, a, b)
    ways = {0: (), 1: (a,), 2: (a, b), 3: (b,)}[k % 4]
    return flip(x, dim=ways) if ways else x


@composite
def fliplr(x: Value) -> Value:
    """x in reverse order along its second dimension.

    Examples:
        >>> fliplr(np.array([[1, 2], [3, 4]]))
        array([[2, 1],
               [4, 3]])
    """
    return flip(x, dim=1)


@composite
def flipud(x: Value) -> Value:
    """x in reverse order along its first dimension.

    Examples:
        >>> flipud(np.array([[1, 2], [3, 4]]))
        array([[3, 4],
               [1, 2]])
    """
    return flip(x, dim=0)


@composite
def movedim(x: Value, source: int | Sequence[int], destination: int | Sequence[int]) -> Value:
    """x with the dimensions `source` at the places `destination`, the others in their order.

    Examples:
        >>> movedim(np.zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    ndim = len(x.shape)
    here = normal_dims(_listed(source), ndim)
    there = normal_dims(_listed(destination), ndim)
    if len(here) != len(there):
        raise ShapeError(f"movedim needs a place for each dimension, got {source} to {destination}")
    places = dict(zip(there, here))
    others = (d for d in builtins.range(ndim) if d not in here)
    order = [places[d] if d in places else next(others) for d in builtins.range(ndim)]
    return permute(x, dims=tuple(order))


@composite
def unflatten(x: Value, dim: int, sizes: Sequence[int]) -> Value:
    """x with dimension `dim` as several of `sizes`; one size may be -1.

    Examples:
        >>> unflatten(np.zeros((2, 6)), 1, (3, -1)).shape
        (2, 3, 2)
    """
    d = normal_dim(dim, len(x.shape))
    known = math.prod(n for n in sizes if n != -1)
    full = tuple(x.shape[d] // builtins.max(known, 1) if n == -1 else int(n) for n in sizes)
    if math.prod(full) != x.shape[d]:
        raise ShapeError(f"dimension {dim} has size {x.shape[d]} and cannot become {tuple(sizes)}")
    return reshape(x, shape=(*x.shape[:d], *full, *x.shape[d + 1 :]))


# --- repeating ----------------------------------------------------------------------------------


@composite
def repeat(x: Value, sizes: Sequence[int]) -> Value:
    """x laid side by side, `sizes` times along each dimension; more sizes add dimensions in front.

    Examples:
        >>> repeat(np.array([1, 2]), (2, 2))
        array([[1, 2, 1, 2],
               [1, 2, 1, 2]])
    """
    if len(sizes) < len(x.shape):
        raise ShapeError(
            f"repeat of shape {tuple(x.shape)} needs a number for each dimension, got "
            f"{tuple(sizes)}; tile() takes fewer"
        )
    own = (1,) * (len(sizes) - len(x.shape)) + tuple(x.shape)
    apart = reshape(x, shape=tuple(itertools.chain.from_iterable((1, n) for n in own)))
    pairs = itertools.chain.from_iterable((int(times), n) for times, n in zip(sizes, own))
    full = broadcast_to(apart, shape=tuple(pairs))
    return reshape(full, shape=tuple(int(times) * n for times, n in zip(sizes, own)))


@composite
def tile(x: Value, dims: Sequence[int]) -> Value:
    """`repeat` that takes fewer numbers than there are dimensions, for the last of them.

    Examples:
        >>> tile(np.array([[1], [2]]), (2,))
        array([[1, 1],
               [2, 2]])
    """
    return repeat(x, (1,) * (len(x.shape) - len(dims)) + tuple(dims))


@composite
def broadcast_tensors(*tensors: Value) -> tuple[Value, ...]:
    """Each of them stretched to the shape in which all meet.

    Examples:
        >>> [x.shape for x in broadcast_tensors(np.zeros((2, 1)), np.zeros(3))]
        [(2, 3), (2, 3)]
    """
    shape = broadcast_shape(*(tuple(x.shape) for x in tensors))
    return tuple(broadcast_to(x, shape=shape) for x in tensors)


@composite
def meshgrid(*tensors: Value, indexing: str = "ij") -> tuple[Value, ...]:
    """The coordinates of a grid: the i-th of them varies along dimension i alone.

    Args:
        tensors: vectors, or one list of them.
        indexing: "ij", or "xy" for the first two dimensions exchanged.

    Examples:
        >>> x, y = meshgrid(np.array([1, 2]), np.array([3, 4, 5]))
        >>> x
        array([[1, 1, 1],
               [2, 2, 2]])
    """
    if indexing not in ("ij", "xy"):
        raise OptionError(f"meshgrid's indexing must be 'ij' or 'xy', got {indexing!r}")
    xs = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    count = len(xs)
    places = [*builtins.range(count)]
    if indexing == "xy" and count > 1:
        places[:2] = [1, 0]
    return broadcast_tensors(
        *(reshape(x, shape=_alone(count, place)) for x, place in zip(xs, places))
    )


def _alone(ndim: int, place: int) -> Shape:
    """The shape of a vector that stretches along dimension `place` of `ndim`."""
    return tuple(-1 if d == place else 1 for d in builtins.range(ndim))


@composite
def cartesian_prod(*tensors: Value) -> Value:
    """Every choice of one element from each vector, a row each.

    Examples:
        >>> cartesian_prod(np.array([1, 2]), np.array([3, 4]))
        array([[1, 3],
               [1, 4],
               [2, 3],
               [2, 4]])
    """
    if len(tensors) == 1:
        return tensors[0]
    return stack([flatten(grid) for grid in meshgrid(*tensors)], -1)


@composite
def combinations(x: Value, r: int = 2, with_replacement: bool = False) -> Value:
    """Every choice of `r` elements of a vector, a row each.

    Examples:
        >>> combinations(np.array([1, 2, 3]))
        array([[1, 2],
               [1, 3],
               [2, 3]])
    """
    choose: Any = (
        itertools.combinations_with_replacement if with_replacement else itertools.combinations
    )
    rows = np.array([*choose(builtins.range(x.shape[0]), r)], dtype=np.int64)
    return index(x, constant(rows.reshape(len(rows), r), x), key=(ARRAY,))


# --- stacking -----------------------------------------------------------------------------------


def _at_least(x: Value, ndim: int) -> Value:
    """x with `ndim` dimensions or more: a row as (1, n) or (1, n, 1), a matrix as (n, m, 1)."""
    if not x.shape:
        return reshape(x, shape=(1,) * ndim)
    if len(x.shape) == 1 and ndim > 1:
        x = unsqueeze(x, 0)
    return unsqueeze(x, -1) if len(x.shape) < ndim else x


def _each_at_least(ndim: int, tensors: Sequence[Any]) -> Any:
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return _at_least(tensors[0], ndim)
    xs = tensors[0] if len(tensors) == 1 else tensors
    return tuple(_at_least(x, ndim) for x in xs)


@composite
def atleast_1d(*tensors: Value) -> Value:
    """Each with one dimension or more: a number becomes (1,).

    Examples:
        >>> atleast_1d(np.array(3.0))
        array([3.])
    """
    return _each_at_least(1, tensors)


@composite
def atleast_2d(*tensors: Value) -> Value:
    """Each with two dimensions or more: (n,) becomes (1, n).

    Examples:
        >>> atleast_2d(np.array([1.0, 2.0]))
        array([[1., 2.]])
    """
    return _each_at_least(2, tensors)


@composite
def atleast_3d(*tensors: Value) -> Value:
    """Each with three dimensions or more: (n,) becomes (1, n, 1), (n, m) becomes (n, m, 1).

    Examples:
        >>> atleast_3d(np.zeros((2, 3))).shape
        (2, 3, 1)
    """
    return _each_at_least(3, tensors)


@composite
def vstack(tensors: Sequence[Value]) -> Value:
    """One below the other; vectors are rows.

    Examples:
        >>> vstack([np.array([1, 2]), np.array([3, 4])])
        array([[1, 2],
               [3, 4]])
    """
    return cat([_at_least(x, 2) for x in tensors], 0)


@composite
def hstack(tensors: Sequence[Value]) -> Value:
    """One beside the other: along the second dimension, vectors along their only one.

    Examples:
        >>> hstack([np.array([1, 2]), np.array([3])])
        array([1, 2, 3])
    """
    xs = [_at_least(x, 1) for x in tensors]
    return cat(xs, 0 if len(xs[0].shape) == 1 else 1)


@composite
def dstack(tensors: Sequence[Value]) -> Value:
    """One behind the other: along the third dimension.

    Examples:
        >>> dstack([np.array([1, 2]), np.array([3, 4])]).shape
        (1, 2, 2)
    """
    return cat([_at_least(x, 3) for x in tensors], 2)


@composite
def column_stack(tensors: Sequence[Value]) -> Value:
    """One beside the other; vectors are columns.

    Examples:
        >>> column_stack([np.array([1, 2]), np.array([3, 4])])
        array([[1, 3],
               [2, 4]])
    """
    columns = [reshape(x, shape=(-1, 1)) if len(x.shape) < 2 else x for x in tensors]
    return cat(columns, 1)


@composite
def block_diag(*tensors: Value) -> Value:
    """The matrices along the diagonal of one, zeros elsewhere.

    Examples:
        >>> block_diag(np.array([[1.0]]), np.array([[2.0, 3.0]]))
        array([[1., 0., 0.],
               [0., 2., 3.]])
    """
    blocks = [_at_least(x, 2) for x in tensors]
    width = builtins.sum(x.shape[1] for x in blocks)
    before = itertools.accumulate((x.shape[1] for x in blocks), initial=0)
    return cat([_within(x, left, width) for x, left in zip(blocks, before)], 0)


def _within(x: Value, left: int, width: int) -> Value:
    """x as columns `left` and following of a matrix of zeros with `width` columns."""
    return pad_constant(x, widths=((0, 0), (left, width - left - x.shape[1])))


# --- cutting ------------------------------------------------------------------------------------


@composite
def select(x: Value, dim: int, index: int) -> Value:
    """The entry number `index` along `dim`, which is gone.

    Raises:
        ShapeError: there is no such entry.

    Examples:
        >>> select(np.array([[1, 2], [3, 4]]), 1, 0)
        array([1, 3])
    """
    d = normal_dim(dim, len(x.shape))
    if not x.shape or not -x.shape[d] <= index < x.shape[d]:
        size = x.shape[d] if x.shape else 0
        raise ShapeError(f"select of entry {index} along dim {dim}, which has {size}")
    return slice(x, key=(*([builtins.slice(None)] * d), int(index)))


@composite
def unbind(x: Value, dim: int = 0) -> tuple[Value, ...]:
    """The entries along `dim`, one by one.

    Examples:
        >>> unbind(np.array([[1, 2], [3, 4]]), 1)
        (array([1, 3]), array([2, 4]))
    """
    n = x.shape[normal_dim(dim, len(x.shape))] if x.shape else 0
    return tuple(select(x, dim, i) for i in builtins.range(n))


@composite
def tensor_split(
    x: Value, indices_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Value, ...]:
    """Pieces along `dim`: a number of nearly equal ones, or those between the listed places.

    Examples:
        >>> tensor_split(np.arange(5), 2)
        (array([0, 1, 2]), array([3, 4]))
        >>> tensor_split(np.arange(5), (1, 3))
        (array([0]), array([1, 2]), array([3, 4]))
    """
    n = x.shape[normal_dim(dim, len(x.shape))]
    if isinstance(indices_or_sections, (int, np.integer)):
        sections = int(indices_or_sections)
        if sections < 1:
            raise ShapeError(f"tensor_split into {sections} pieces; there is at least 1")
        least, more = divmod(n, sections)
        return split(x, [least + (i < more) for i in builtins.range(sections)], dim)
    ends = [builtins.slice(None, int(i)).indices(n)[1] for i in indices_or_sections]
    cuts = [0, *ends, n]
    return tuple(narrow(x, dim, a, builtins.max(b - a, 0)) for a, b in itertools.pairwise(cuts))


def _split_evenly(x: Value, indices_or_sections: int | Sequence[int], dim: int, name: str) -> Any:
    sections = indices_or_sections
    if isinstance(sections, int) and (sections < 1 or x.shape[dim] % sections):
        raise ShapeError(
            f"{name} into {sections} equal pieces along dim {dim}, which has {x.shape[dim]}; "
            "tensor_split() takes what does not divide"
        )
    return tensor_split(x, sections, dim)


def _deep(x: Value, ndim: int, name: str) -> None:
    if len(x.shape) < ndim:
        raise ShapeError(f"{name} needs {ndim} dimensions or more, got shape {tuple(x.shape)}")


@composite
def hsplit(x: Value, indices_or_sections: int | Sequence[int]) -> tuple[Value, ...]:
    """Pieces along the second dimension, of a vector along its only one.

    Examples:
        >>> hsplit(np.arange(4), 2)
        (array([0, 1]), array([2, 3]))
    """
    _deep(x, 1, "hsplit")
    return _split_evenly(x, indices_or_sections, 0 if len(x.shape) == 1 else 1, "hsplit")


@composite
def vsplit(x: Value, indices_or_sections: int | Sequence[int]) -> tuple[Value, ...]:
    """Pieces along the first dimension of a matrix or more.

    Examples:
        >>> vsplit(np.array([[1, 2], [3, 4]]), 2)
        (array([[1, 2]]), array([[3, 4]]))
    """
    _deep(x, 2, "vsplit")
    return _split_evenly(x, indices_or_sections, 0, "vsplit")


@composite
def dsplit(x: Value, indices_or_sections: int | Sequence[int]) -> tuple[Value, ...]:
    """Pieces along the third dimension.

    Examples:
        >>> [part.shape for part in dsplit(np.zeros((1, 2, 4)), 2)]
        [(1, 2, 2), (1, 2, 2)]
    """
    _deep(x, 3, "dsplit")
    return _split_evenly(x, indices_or_sections, 2, "dsplit")


@composite
def sliding(x: Value, dimension: int, size: int, step: int = 1) -> Value:
    """Every stretch of `size` elements along `dimension`, `step` apart, as a new last dimension.

    PyTorch's `Tensor.unfold`.

    Examples:
        >>> sliding(np.arange(5), 0, 3, 2)
        array([[0, 1, 2],
               [2, 3, 4]])
    """
    d = normal_dim(dimension, len(x.shape))
    n = x.shape[d] if x.shape else 1
    if not 0 <= size <= n or step < 1:
        raise ShapeError(f"stretches of {size}, {step} apart, along a dimension of {n}")
    x = x if x.shape else reshape(x, shape=(1,))
    starts = np.arange(0, n - size + 1, step)
    places = constant(starts[:, None] + np.arange(size), x)
    taken = index(x, places, key=(*([builtins.slice(None)] * d), ARRAY))
    return movedim(taken, d + 1, -1)


@composite
def as_strided(
    x: Value, size: Sequence[int], stride: Sequence[int], storage_offset: int = 0
) -> Value:
    """The elements of x, in a row, from `storage_offset` on, at these strides; a copy, not a view.

    Raises:
        ShapeError: a place beyond the last element.

    Examples:
        >>> as_strided(np.arange(6), (2, 2), (3, 1))
        array([[0, 1],
               [3, 4]])
    """
    places = np.full(tuple(size), storage_offset, dtype=np.int64)
    for d, (n, s) in enumerate(zip(size, stride)):
        places += (np.arange(n) * s).reshape(_alone(len(size), d))
    count = math.prod(x.shape)
    if places.size and not 0 <= places.min() <= places.max() < count:
        raise ShapeError(
            f"as_strided of size {tuple(size)}, stride {tuple(stride)} reaches beyond the "
            f"{count} elements"
        )
    return index(reshape(x, shape=(-1,)), constant(places, x), key=(ARRAY,))


# --- putting in ---------------------------------------------------------------------------------


@composite
def select_scatter(x: Value, src: Value, dim: int, index: int) -> Value:
    """A copy of x with `src` in place of the entry number `index` along `dim`.

    Examples:
        >>> select_scatter(np.zeros((2, 2)), np.ones(2), 0, 1)
        array([[0., 0.],
               [1., 1.]])
    """
    d = normal_dim(dim, len(x.shape))
    return _with(x, src, (*([builtins.slice(None)] * d), int(index)))


@composite
def slice_scatter(
    x: Value,
    src: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """A copy of x with `src` in place of the entries `start`, `start + step`, ... along `dim`.

    Examples:
        >>> slice_scatter(np.zeros(4), np.array([1.0, 2.0]), step=2)
        array([1., 0., 2., 0.])
    """
    d = normal_dim(dim, len(x.shape))
    return _with(x, src, (*([builtins.slice(None)] * d), builtins.slice(start, end, step)))


def _with(x: Value, src: Value, key: tuple[Any, ...]) -> Value:
    """A copy of x in which x[key] = src, of exactly that shape."""
    hole = tuple(slice(x, key=key).shape)
    if tuple(src.shape) != hole:
        raise ShapeError(f"what is put into a place of shape {hole} has shape {tuple(src.shape)}")
    return index_put(x, src, key=key)
