"""Copies: what is reshaped, joined or cut out in a way that steps cannot show (floor 2).

A copy goes over memory in the order in which the result lies. Where the source lies in another
order, the two fastest dimensions change places in registers, a square at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.ops import Shape
from chainrule.plan.native.kernels.indexing.keys import Axis, cut, read
from chainrule.plan.native.kernels.indexing.nests import (
    Steps,
    by_place,
    place,
    simplest,
    split,
    spread,
)
from chainrule.plan.native.llvm.ir import Register, Unsupported
from chainrule.plan.native.llvm.vectors import Vector
from chainrule.plan.native.matrices.choice import core
from chainrule.plan.native.matrices.tiles import Columns, cover, transposed
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View, row_major, seen_through

__all__ = ["COPIES", "bits", "copied", "filled"]

SHORT = 4  # vectors that a row has fewer than to be copied without a loop


# --- a view into another of its shape -------------------------------------------------------------


def copied(site: Site, x: View, y: View) -> None:
    """Write a copy of x into y, which has its shape."""
    order = by_place(y)
    shape, (xs, ys) = simplest(
        *(tuple(s[d] for d in order) for s in (y.shape, x.strides, y.strides))
    )
    raw = bits(x.base.dtype)
    square = _square(shape, xs, ys, raw)
    if square:
        _transposed(site, (x, y), (shape, xs, ys), square)
        return

    row = _short_row(shape, xs, ys, raw)

    def one(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        source = w.at(inside.start(x), raw, place(index, xs))
        target = w.at(inside.start(y), raw, place(index, ys))
        for first, v in row:
            v.store(w, v.load(w, w.at(source, raw, first)), w.at(target, raw, first))
        if not row:
            w.store(w.load(source, raw), target)

    if row:
        spread(site, shape[:-1], one, shape[-1], parallel=False)
    else:
        spread(site, shape, one)


def _short_row(shape: Shape, xs: Steps, ys: Steps, raw: np.dtype[Any]) -> Columns:
    """Vectors that cover a row of both where it is so short that a loop would be mostly its end."""
    if not shape or raw.kind != "f" or (xs[-1], ys[-1]) != (1, 1):
        return ()
    lanes = core().width // raw.itemsize
    return cover(Vector(raw, lanes, lanes), shape[-1]) if shape[-1] < SHORT * lanes else ()


def bits(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype by which to move numbers of another: their bits."""
    if dtype.itemsize > 8:
        raise Unsupported(f"a copy of {dtype}")
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


def _square(shape: Shape, xs: Steps, ys: Steps, raw: np.dtype[Any]) -> tuple[int, int] | None:
    """The dimension that lies in order in x, where y has another, and the side of squares."""
    if len(shape) < 2 or raw.kind != "f" or ys[-1] != 1 or xs[-1] == 1 or 1 not in xs:
        return None
    along = xs.index(1)
    lanes = min(core().width // raw.itemsize, shape[along], shape[-1])
    side = 1 << (lanes.bit_length() - 1)
    return (along, side) if side >= 4 else None


def _transposed(
    site: Site, views: tuple[View, View], nest: tuple[Shape, Steps, Steps], square: tuple[int, int]
) -> None:
    """Write a copy by squares; the last in a row or column goes back as far as it is too wide."""
    (x, y), (shape, xs, ys), (along, side) = views, nest, square
    rest = [d for d in range(len(shape) - 1) if d != along]
    v = Vector(bits(x.base.dtype), side, side)

    def strip(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        *outer, turn = index
        row = _no_later(turn * side, shape[along] - side)
        source = w.at(inside.start(x), v.dtype, place([*outer, row], _of(xs, (*rest, along))))
        target = w.at(inside.start(y), v.dtype, place([*outer, row], _of(ys, (*rest, along))))
        with w.loop(-(-shape[-1] // side)) as step:
            column = _no_later(step * side, shape[-1] - side)
            here = w.at(source, v.dtype, column * xs[-1])
            there = w.at(target, v.dtype, column)
            lines = [v.load(w, w.at(here, v.dtype, k * xs[-1])) for k in range(side)]
            for k, line in enumerate(transposed(w, v, lines)):
                v.store(w, line, w.at(there, v.dtype, k * ys[along]))

    strips = (*_of(shape, rest), -(-shape[along] // side))
    spread(site, strips, strip, side * shape[-1], parallel=False)


def _no_later(start: Register, last: int) -> Register:
    return start.lt(last).select(start, last)


def _of(numbers: Sequence[int], dims: Sequence[int]) -> tuple[int, ...]:
    return tuple(numbers[d] for d in dims)


def filled(site: Site, y: View, number: float) -> None:
    """Write one number into all of a view."""
    order = by_place(y)
    shape, (ys,) = simplest(_of(y.shape, order), _of(y.strides, order))
    dtype = y.base.dtype

    def one(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        w.store(w.number(number, dtype), w.at(inside.start(y), dtype, place(index, ys)))

    spread(site, shape, one)


# --- ops ------------------------------------------------------------------------------------------


def _source(site: Site) -> View:
    x = site.operands[0]
    if not isinstance(x, View) or 0 in x.shape:
        raise Unsupported("a copy of nothing")
    return x


def view(site: Site) -> None:
    """Write a copy of what another shape, order or part of an array would show."""
    x, y = _source(site), site.out
    seen = seen_through(site.instruction, x)
    if math.prod(x.shape) == 1:  # of one number NumPy may make a new one
        seen = replace(x, shape=y.shape, strides=(0,) * len(y.shape))
    if seen is None:
        raise Unsupported("a view that is none")
    copied(site, seen, y)


def part(site: Site) -> None:
    """Write a copy of a part; of a single element NumPy has no view."""
    x = _source(site)
    copied(site, cut(x, read(site.attrs["key"], x.shape)), site.out)


def reshape(site: Site) -> None:
    """Write a copy of all elements, in the order of their indices, into another shape."""
    x, y = _source(site), site.out
    if y.strides == row_major(y.shape):
        copied(site, x, replace(y, shape=x.shape, strides=row_major(x.shape)))
    elif x.strides == row_major(x.shape):
        copied(site, replace(x, shape=y.shape, strides=row_major(y.shape)), y)
    else:
        _one_by_one(site, x, y)


def _one_by_one(site: Site, x: View, y: View) -> None:
    """Write a copy in the order of indices, finding each element's place in both."""
    raw = bits(x.base.dtype)

    def one(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        x_at, y_at = (place(split(index[0], v.shape), v.strides) for v in (x, y))
        number = w.load(w.at(inside.start(x), raw, x_at), raw)
        w.store(number, w.at(inside.start(y), raw, y_at))

    spread(site, (math.prod(x.shape),), one)


def concatenate(site: Site) -> None:
    """Write arrays one after another along a dimension."""
    y, at = site.out, 0
    dim = site.attrs.get("dim", 0) % len(y.shape)
    for x in site.operands:
        if not isinstance(x, View):
            raise Unsupported("a number put beside arrays")
        if x.base.dtype != y.base.dtype:
            raise Unsupported("arrays of several dtypes one after another")
        part = replace(y, offset=y.offset + at * y.strides[dim], shape=x.shape)
        if 0 not in x.shape:
            copied(site, x, part)
        at += x.shape[dim]


def unslice(site: Site) -> None:
    """Write zeros, and an array in a part of them."""
    x, y = site.operands[0], site.out
    if not isinstance(x, View):
        raise Unsupported("a number put among zeros")
    axes = read(site.attrs["key"], y.shape)
    for beside in _around(y, axes):
        filled(site, beside, 0)
    if 0 not in x.shape:
        copied(site, x, cut(y, axes))


def _around(y: View, axes: Sequence[Axis]) -> Iterator[View]:
    """Boxes that have all of a view but for what a key names, or, where that has gaps, all."""
    own = [axis for axis in axes if axis.dim >= 0]
    if any(abs(axis.step) != 1 and axis.size > 1 for axis in own):
        yield y
        return
    for axis in own:
        low = axis.start if axis.step > 0 else axis.start - axis.size + 1
        high, n = low + axis.size, y.shape[axis.dim]
        if low:
            yield _between(y, axis.dim, 0, low)
        if high < n:
            yield _between(y, axis.dim, high, n)
        y = _between(y, axis.dim, low, high)


def _between(y: View, dim: int, low: int, high: int) -> View:
    shape = (*y.shape[:dim], high - low, *y.shape[dim + 1 :])
    return replace(y, offset=y.offset + low * y.strides[dim], shape=shape)


COPIES: dict[str, Callable[[Site], None]] = {
    "broadcast_to": view,
    "concatenate": concatenate,
    "flip": view,
    "permute": view,
    "reshape": reshape,
    "slice": part,
    "unslice": unslice,
}
