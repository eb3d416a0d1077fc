"""Images resampled by tables of places and weights, along two dimensions at once (floor 2).

The tables are constants beside the code. Numbers that lie side by side in the dimensions within the
one that is resampled have the same places and weights, and are made together. Of two dimensions the
outer one is resampled a row at a time, into room of the thread, and that row along the inner one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.ops import Shape
from chainrule.ops.resample import Sampling, table
from chainrule.plan.native.kernels.pooling.regions import region
from chainrule.plan.native.kernels.pooling.windows import index, step_to, unravelled
from chainrule.plan.native.llvm.ir import INDEX, Register, Unsupported, Writer, literal, llvm_type
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.views import View, in_order

__all__ = ["RESAMPLING"]

WRITTEN_OUT = 8  # terms that are written out one by one
LARGEST = 2**16  # numbers of a table
LONGEST = 2**16  # numbers of a row between two dimensions


class Grid(NamedTuple):
    """Numbers in memory, and how a pointer to the first is written."""

    shape: Shape
    strides: tuple[int, ...]
    start: Callable[[Inside], str]


class Rows(NamedTuple):
    """A part of a grid: a pointer to its first number, and the steps from there."""

    pointer: str
    shape: Shape
    strides: tuple[int, ...]


def _resample(site: Site) -> None:
    """Write `resample`."""
    x, y = site.operands[0], site.out
    if not isinstance(x, View) or 0 in (*x.shape, *y.shape):
        raise Unsupported("resampling of nothing")
    dtype, rank = y.base.dtype, len(y.shape)
    order = sorted(range(rank), key=lambda d: -abs(y.strides[d]))
    steps = [(d % rank, s) for d, s in zip(site.attrs["dims"], site.attrs["samplings"])]
    if not steps:
        raise Unsupported("resampling along no dimension")
    source = Grid(x.shape, x.strides, partial(_start, x))
    while steps:
        count = 2 if len(steps) == 2 and _are_close(steps, source, order) else 1
        now, steps = steps[:count], steps[count:]
        shape = list(source.shape)
        for dim, sampling in now:
            shape[dim] = sampling.sizes()[1]
        target = Grid(y.shape, y.strides, partial(_start, y))
        if steps:
            room = site.take(math.prod(shape), dtype)
            target = Grid(tuple(shape), in_order(tuple(shape), order), partial(_room, room))
        lines = [Line(dtype, order, dim, *_entries(s, dtype)) for dim, s in now]
        _pass(site, source, target, lines)
        source = target


def _start(view: View, inside: Inside) -> str:
    return inside.start(view)


def _room(room: Room, inside: Inside) -> str:
    return inside.room(room)


def _are_close(steps: Sequence[tuple[int, Sampling]], x: Grid, order: Sequence[int]) -> bool:
    """Whether one dimension lies right within the other, and a row between them is not long."""
    first, second = (order.index(dim) for dim, _ in steps)
    return second == first + 1 and math.prod(x.shape[d] for d in order[second:]) <= LONGEST


def _entries(sampling: Sampling, dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The places and weights of a sampling."""
    places, weights = table(sampling, dtype)
    if places.size > LARGEST:
        raise Unsupported("a table as large as that")
    return places, weights


def _pass(site: Site, x: Grid, y: Grid, lines: Sequence[Line]) -> None:
    """Write what makes `y` of `x`, along one dimension or two."""
    first = lines[0]
    dtype, dim = first.dtype, first.dim
    units = [*first.outer, *([dim] if first.inner else [])]

    def unit(inside: Inside, number: Register) -> None:
        w = inside.w
        place = unravelled(number, [y.shape[d] for d in units]) or [index(w, 0)]
        target = step_to(w, place[: len(units)], [y.strides[d] for d in units])
        outer = len(first.outer)
        source = step_to(w, place[:outer], [x.strides[d] for d in first.outer])
        here = Rows(w.at(y.start(inside), dtype, target), y.shape, y.strides)
        there = Rows(w.at(x.start(inside), dtype, source), x.shape, x.strides)
        if not first.inner:
            first.along(w, there, here)
        elif len(lines) == 1:
            first.across(w, place[-1], there, here)
        else:
            shape = tuple(n if d in first.inner else 1 for d, n in enumerate(x.shape))
            between = inside.reserve(dtype, math.prod(shape))
            row = Rows(between, shape, in_order(shape, first.order))
            first.across(w, place[-1], there, row)
            lines[1].all(w, row, here)

    work = math.prod(y.shape) * sum(line.places.shape[1] for line in lines)
    site.each(math.prod(y.shape[d] for d in units), work, unit)


class Line(NamedTuple):
    """How the numbers along a dimension are made.

    Attributes:
        dtype: of the numbers.
        order: all dimensions, those first in which the result's elements lie farthest apart.
        dim: the dimension.
        places: of each number those that it is made of, (new, terms).
        weights: their shares.
    """

    dtype: np.dtype[Any]
    order: list[int]
    dim: int
    places: Any
    weights: Any

    @property
    def outer(self) -> list[int]:
        """Dimensions in which elements lie farther apart."""
        return self.order[: self.order.index(self.dim)]

    @property
    def inner(self) -> list[int]:
        """Dimensions in which elements lie closer."""
        return self.order[self.order.index(self.dim) + 1 :]

    def all(self, w: Writer, x: Rows, y: Rows) -> None:
        """Write all numbers of the dimension."""
        if not self.inner:
            self.along(w, x, y)
            return
        with w.loop(len(self.places)) as i:
            here = w.at(y.pointer, self.dtype, i * y.strides[self.dim])
            self.across(w, i, x, y._replace(pointer=here))

    def across(self, w: Writer, i: Register, x: Rows, y: Rows) -> None:
        """Write number `i` of the dimension, where `y` begins, for all of the inner ones."""
        terms = self.places.shape[1]
        places, weights = constant(w, self.places, INDEX), constant(w, self.weights, self.dtype)

        def term(k: Register | int, plain: bool) -> tuple[str, Register | None]:
            entry = i * terms + k
            place = w.load(w.at(places, INDEX, entry), INDEX) * x.strides[self.dim]
            weight = None if plain else w.load(w.at(weights, self.dtype, entry), self.dtype)
            return w.at(x.pointer, self.dtype, place), weight

        plain = self._plain()
        if terms <= WRITTEN_OUT:
            self._sum(w, [term(k, plain[k]) for k in range(terms)], x, y, add=False)
            return
        self._sum(w, [term(0, plain[0])], x, y, add=False)
        with w.loop(terms - 1) as k:
            self._sum(w, [term(k + 1, plain=False)], x, y, add=True)

    def _sum(
        self, w: Writer, terms: Sequence[tuple[str, Register | None]], x: Rows, y: Rows, add: bool
    ) -> None:
        """Write the weighted sum of some terms, in all of the inner dimensions."""
        steps = [[rows.strides[d] for d in self.inner] for rows in (y, x)]

        def one(to: Register, at: Register) -> None:
            place = w.at(y.pointer, self.dtype, to)
            total = w.load(place, self.dtype) if add else None
            for pointer, weight in terms:
                number = w.load(w.at(pointer, self.dtype, at), self.dtype)
                part = number if weight is None else number * weight
                total = part if total is None else total + part
            assert total is not None
            w.store(total, place)

        region(w, [x.shape[d] for d in self.inner], steps, one)

    def along(self, w: Writer, x: Rows, y: Rows) -> None:
        """Write all numbers of the dimension, side by side."""
        new, terms = self.places.shape
        # Term by term, so that the entries of neighbours lie side by side.
        places, weights = constant(w, self.places.T, INDEX), constant(w, self.weights.T, self.dtype)

        def part(i: Register, k: Register | int, plain: bool) -> Register:
            entry = w.number(k, INDEX) * new + i
            place = w.load(w.at(places, INDEX, entry), INDEX) * x.strides[self.dim]
            number = w.load(w.at(x.pointer, self.dtype, place), self.dtype)
            return (
                number if plain else number * w.load(w.at(weights, self.dtype, entry), self.dtype)
            )

        plain = self._plain()
        together = terms if terms <= WRITTEN_OUT else 1
        with w.loop(new, parallel=True) as i:
            total = part(i, 0, plain[0])
            for k in range(1, together):
                total = total + part(i, k, plain[k])
            w.store(total, w.at(y.pointer, self.dtype, i * y.strides[self.dim]))
        if together == terms:
            return
        with w.loop(terms - 1) as turn, w.loop(new, parallel=True) as i:
            place = w.at(y.pointer, self.dtype, i * y.strides[self.dim])
            w.store(w.load(place, self.dtype) + part(i, turn + 1, plain=False), place)

    def _plain(self) -> list[bool]:
        """Of each term whether its weights are 1 throughout."""
        return [bool((share == 1).all()) for share in self.weights.T]


def constant(w: Writer, array: Any, dtype: np.dtype[Any]) -> str:
    """Return a pointer to an array that stands beside the code, in row-major order."""
    kind, numbers = llvm_type(dtype), array.ravel().tolist()
    told = ", ".join(f"{kind} {literal(n, dtype)}" for n in numbers)
    name = f"table.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    w.declared[name] = f"@{name} = internal constant [{len(numbers)} x {kind}] [{told}], align 64"
    return f"@{name}"


RESAMPLING: dict[str, Callable[[Site], None]] = {"resample": _resample}
