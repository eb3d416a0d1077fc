"""What a key of integers, slices and arrays of integers names in a view (floor 2).

NumPy's rules: the dimensions of the arrays, broadcast to one shape, stand in the result where the
arrays do in the key, or first of all if anything else than an integer is between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from chainrule.ops import Shape
from chainrule.plan.native.llvm.ir import Unsupported
from chainrule.plan.passes.views import View

__all__ = ["Axis", "Pick", "Picked", "broadcast", "cut", "picked", "read"]


class Axis(NamedTuple):
    """What a key says of a dimension.

    Attributes:
        dim: which; -1 for a new one.
        start: the first entry.
        step: from one entry to the next.
        size: how many there are.
        kept: whether it is a dimension of the result.
        array: whether an array names the entries.
    """

    dim: int
    start: int = 0
    step: int = 1
    size: int = 1
    kept: bool = True
    array: bool = False


class Pick(NamedTuple):
    """An array that names entries of a dimension.

    Attributes:
        array: with the common shape of all such arrays.
        size: of the dimension.
        stride: elements from one entry to the next.
    """

    array: View
    size: int
    stride: int


@dataclass(frozen=True)
class Picked:
    """Where a key reaches to: an entry for each index of `basic` and of the arrays' common shape.

    Attributes:
        basic: what is left of the view without the dimensions that arrays name.
        shape: the common shape of the arrays.
        lead: how many dimensions of `basic` come before those of the arrays in the result.
        picks: the arrays.
    """

    basic: View
    shape: Shape
    lead: int
    picks: tuple[Pick, ...]


def read(key: Any, shape: Shape) -> list[Axis]:
    """Return what a key says of each dimension, in the order of the key.

    Examples:
        >>> [(a.dim, a.start, a.size, a.kept) for a in read((0, ..., slice(1, 3)), (4, 5, 6))]
        [(0, 0, 1, False), (1, 0, 5, True), (2, 1, 2, True)]
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    own = sum(k is not None and k is not Ellipsis for k in parts)
    dots = [k for k, part in enumerate(parts) if part is Ellipsis] or [len(parts)]
    parts[dots[0] : dots[0] + 1] = [slice(None)] * (len(shape) - own)
    axes: list[Axis] = []
    for part in parts:
        dim = sum(axis.dim >= 0 for axis in axes)
        axes.append(Axis(-1) if part is None else _axis(part, dim, shape))
    return axes


def _axis(part: Any, dim: int, shape: Shape) -> Axis:
    if isinstance(part, bool):
        raise Unsupported("a truth value in a key")
    if isinstance(part, str):
        return Axis(dim, kept=False, array=True)
    if isinstance(part, slice):
        start, stop, step = part.indices(shape[dim])
        return Axis(dim, start, step, len(range(start, stop, step)))
    return Axis(dim, part % shape[dim], kept=False)


def cut(view: View, axes: Sequence[Axis]) -> View:
    """Return what is left of a view where arrays name no entry, and of theirs the first."""
    own = [axis for axis in axes if axis.dim >= 0]
    offset = view.offset + sum(axis.start * view.strides[axis.dim] for axis in own)
    kept = [axis for axis in axes if axis.kept]
    steps = [a.step * view.strides[a.dim] if a.dim >= 0 else 0 for a in kept]
    return View(view.base, offset, tuple(a.size for a in kept), tuple(steps))


def picked(view: View, key: Sequence[Any], arrays: Sequence[Any]) -> Picked:
    """Return where a key with arrays reaches to in a view.

    Raises:
        Unsupported: it holds something else.
    """
    if any(not isinstance(a, View) or a.base.dtype.kind not in "iu" for a in arrays):
        raise Unsupported("a key that is not of integers")
    axes = read(tuple(key), view.shape)
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    named = [axis for axis in axes if axis.array]
    picks = [
        Pick(broadcast(a, shape), view.shape[axis.dim], view.strides[axis.dim])
        for axis, a in zip(named, arrays, strict=True)
    ]
    return Picked(cut(view, axes), shape, _lead(key, axes), tuple(picks))


def _lead(key: Sequence[Any], axes: Sequence[Axis]) -> int:
    """How many dimensions come before those of the arrays."""
    numbers = [isinstance(part, (int, str)) for part in key]
    first, last = numbers.index(True), len(numbers) - numbers[::-1].index(True)
    if not all(numbers[first:last]):
        return 0
    return next(k for k, axis in enumerate(axes) if not axis.kept)


def broadcast(array: View, shape: Shape) -> View:
    """Return an array of integers, or of what else, as NumPy broadcasts it to a shape."""
    lead = len(shape) - len(array.shape)
    steps = tuple(s if n != 1 else 0 for n, s in zip(array.shape, array.strides))
    return replace(array, shape=shape, strides=(*[0] * lead, *steps))
