"""Functions whose result has a shape that the numbers decide (floor 2).

They look at the numbers while they run, so a step that calls one cannot be recorded; what is to be
recorded multiplies by a mask, or takes `where`. Gradients flow through what is selected.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.tape import Traced, wrap
from chainrule.backend.arrays import as_array, near
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import constant, numbers, read

__all__ = [
    "argwhere",
    "bincount",
    "masked_select",
    "nonzero",
    "repeat_interleave",
    "unique",
    "unique_consecutive",
]


def _like(x: Any, array: ops.Array) -> Any:
    """`array` as a tensor if x is one."""
    return wrap(as_array(near(array, x))) if isinstance(x, Traced) else near(array, x)


def nonzero(x: Any, *, as_tuple: bool = False) -> Any:
    """Return the places of what is not 0, a row each; as a tuple a vector for each dimension.

    Examples:
        >>> nonzero(np.array([[0.0, 2.0], [3.0, 0.0]]))
        array([[0, 1],
               [1, 0]])
    """
    array = numbers(x)
    places = np.nonzero(np.atleast_1d(array)) if as_tuple else np.argwhere(array)
    if isinstance(places, tuple):
        return tuple(_like(x, place) for place in places)
    return _like(x, places)


def argwhere(x: Any) -> Any:
    """Return the places of what is not 0, a row each.

    Examples:
        >>> argwhere(np.array([0.0, 2.0]))
        array([[1]])
    """
    return nonzero(x)


def masked_select(x: Any, mask: Any) -> Any:
    """Return the elements where the mask holds, as a vector.

    Examples:
        >>> masked_select(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))
        array([1., 3.])
    """
    x, mask = ops.broadcast_tensors(x, mask)
    return ops.getitem(x, numbers(mask))


def repeat_interleave(
    x: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Return every entry along `dim` so many times, one after another.

    Args:
        x: any shape; without `dim` it is one row. If it is alone, the numbers of repeats of 0, 1,
            2 and so on.
        repeats: a number, or one for each entry.
        dim: the dimension.
        output_size: how many entries that makes, which is found anyhow.

    Examples:
        >>> repeat_interleave(np.array([1, 2]), 2)
        array([1, 1, 2, 2])
        >>> repeat_interleave(np.array([1, 2]), np.array([2, 1]))
        array([1, 1, 2])
    """
    if repeats is None:
        return _like(x, np.repeat(np.arange(len(x)), read(x)))
    x, dim = (ops.flatten(x), 0) if dim is None else (x, dim)
    count = x.shape[dim]
    many = read(repeats)
    if many.ndim > 1 or many.size not in (1, count):
        raise ShapeError(
            f"repeat_interleave needs a number, or one for each of {count} entries along dim "
            f"{dim}, got shape {many.shape}"
        )
    which = np.repeat(np.arange(count), many)
    if output_size not in (None, len(which)):
        raise OptionError(f"repeat_interleave makes {len(which)} entries, not {output_size}")
    return ops.index_select(x, dim, constant(which, x))


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Return how often each of 0, 1, ... comes, at least up to `minlength`, or its weights' sum.

    Examples:
        >>> bincount(np.array([0, 1, 1, 3]))
        array([1, 2, 0, 1])
    """
    if len(x.shape) != 1:
        raise ShapeError(f"bincount takes a vector of integers, got shape {tuple(x.shape)}")
    most = int(np.max(read(x), initial=-1)) + 1
    return ops.bincount(x, weights, max(most, minlength))


def unique(
    x: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return what is different in x, in order.

    Args:
        x: any shape.
        sorted: accepted for its name: the result is sorted always.
        return_inverse: also where, in the result, each element is.
        return_counts: also how often each comes.
        dim: compare the entries along it rather than the elements.

    Examples:
        >>> unique(np.array([3, 1, 3]), return_counts=True)
        (array([1, 3]), array([1, 2]))
    """
    array = read(x)
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=dim)
    inverse = inverse.reshape(array.shape if dim is None else -1)
    return _chosen(x, values, (inverse, return_inverse), (counts, return_counts))


def unique_consecutive(
    x: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return x without those elements that equal the one before.

    Args:
        x: any shape; without `dim` it is one row.
        return_inverse: also where, in the result, each element is.
        return_counts: also how often each comes on end.
        dim: compare the entries along it rather than the elements.

    Examples:
        >>> unique_consecutive(np.array([1, 1, 2, 1]))
        array([1, 2, 1])
    """
    array = read(x)
    along = 0 if dim is None else dim
    entries = np.moveaxis(array.reshape(-1) if dim is None else array, along, 0)
    flat = entries.reshape(len(entries), math.prod(entries.shape[1:]))
    new = np.concatenate([np.ones(min(len(flat), 1), bool), (flat[1:] != flat[:-1]).any(1)])
    values = np.moveaxis(entries[new], 0, along)
    inverse = (np.cumsum(new) - 1).reshape(array.shape if dim is None else -1)
    counts = np.diff(np.append(np.flatnonzero(new), len(new)))
    return _chosen(x, values, (inverse, return_inverse), (counts, return_counts))


def _chosen(x: Any, values: ops.Array, *more: tuple[ops.Array, bool]) -> Any:
    found = [_like(x, values), *(_like(x, array) for array, wanted in more if wanted)]
    return tuple(found) if len(found) > 1 else found[0]
