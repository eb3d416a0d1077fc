"""Sequences in machine code: some of them through all steps, by one thread (floor 2).

Sequences do not see one another: a unit of work is a few of them, from the first step to the last
or back, and threads never wait for one another within. What a unit carries from step to step stays
in the nearest caches. Weights are copied once into *panels*, columns of a product's right factor as
a tile reads them, one row after another; all units read them.

At a step a unit computes its products for all its rows, also for those of sequences that have
ended, whose numbers nobody reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Unsupported, Writer
from chainrule.plan.native.llvm.vectors import Vector
from chainrule.plan.native.matrices.choice import core
from chainrule.plan.native.matrices.products import cut
from chainrule.plan.native.matrices.tiles import cover, in_order, outer
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.memory import ALIGNMENT
from chainrule.plan.passes.views import View

__all__ = ["Given", "Held", "Panels", "Row", "Unit", "dtype_of", "packed", "through"]

Dtype: TypeAlias = "np.dtype[Any]"

# Sequences in a unit: so many that weights are read seldom, and still several units in a batch.
FEW, MANY, LARGE_BATCH = 8, 16, 32
HIGHEST = 12  # rows of a tile
ACROSS = 2  # vectors of a tile, and of a panel


def dtype_of(site: Site) -> Dtype:
    """The dtype that all operands share.

    Raises:
        Unsupported: they are of several, or of none that vectors hold, or there is nothing to do.
    """
    found = {x.base.dtype for x in site.operands if isinstance(x, View)} | {site.out.base.dtype}
    (dtype, *others) = found
    if others or dtype not in (np.float32, np.float64):
        raise Unsupported("steps in several formats")
    if 0 in site.out.shape or not site.attrs["sizes"][0]:
        raise Unsupported("steps of nothing")
    return dtype


def constants(w: Writer, numbers: Sequence[int]) -> str:
    """Return a pointer to whole numbers that stand in the module."""
    listed = ", ".join(f"i64 {n}" for n in numbers)
    name = f"@numbers.{hashlib.sha1(listed.encode(), usedforsecurity=False).hexdigest()[:16]}"
    kind = f"[{len(numbers)} x i64] [{listed}]"
    w.declared[name] = f"{name} = private unnamed_addr constant {kind}"
    return name


class Given:
    """An operand whose rows a unit reads or writes.

    Args:
        inside: where.
        operand: a view of matrices, of one matrix or of a row, or a number that all elements are.
        dtype: of the numbers.

    Attributes:
        columns: of a matrix.
    """

    def __init__(self, inside: Inside, operand: Any, dtype: Dtype) -> None:
        self.w, self.operand, self.dtype = inside.w, operand, dtype
        self.start = inside.start(operand) if isinstance(operand, View) else ""
        self.columns = operand.shape[-1] if isinstance(operand, View) else 0

    def row(self, row: Number = 0, lead: int = 0) -> Row:
        """Row `row` of the matrix, of several of matrix `lead`."""
        if not isinstance(self.operand, View):
            return Row(self.w, "", 0, self.dtype, self.operand)
        *before, step = self.operand.strides
        place: Number = 0
        if before:
            place = self.w.number(row, INDEX) * before[-1]
        if lead:
            place = self.w.number(place, INDEX) + lead * before[0]
        return Row(self.w, self.w.at(self.start, self.dtype, place), step, self.dtype)


class Row(NamedTuple):
    """A row of numbers `step` apart, or of one number throughout."""

    w: Writer
    start: str
    step: int
    dtype: Dtype
    number: float | None = None

    def at(self, j: Number) -> str:
        """Return where number `j` lies."""
        place = j if self.step == 1 else self.w.number(j, INDEX) * self.step
        return self.w.at(self.start, self.dtype, place)

    def get(self, j: Number) -> Register:
        """Return number `j`."""
        if self.number is not None:
            return self.w.number(self.number, self.dtype)
        return self.w.load(self.at(j), self.dtype)

    def put(self, y: Register, j: Number) -> None:
        """Put `y` down as number `j`."""
        self.w.store(y, self.at(j))


# --- weights ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Panels:
    """The right factor of a product, in panels.

    Attributes:
        room: where they lie, one after another.
        depth: rows of the factor.
        columns: of the factor.
        vector: of which a panel has `across`.
        across: how many.
    """

    room: Room
    depth: int
    columns: int
    vector: Vector
    across: int

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.across * self.vector.lanes

    @property
    def count(self) -> int:
        """How many panels there are; the last may have columns of zeros."""
        return -(-self.columns // self.width)

    @property
    def whole(self) -> int:
        """Columns of all panels."""
        return self.count * self.width


def packed(site: Site, weight: Any, transposed: bool = False) -> Panels:
    """Write the copy of a matrix, or of its transpose, into panels.

    Raises:
        Unsupported: the matrix is a number throughout.
    """
    if not isinstance(weight, View):
        raise Unsupported("weights that are one number")
    dtype = weight.base.dtype
    depth, columns = weight.shape[::-1] if transposed else weight.shape
    steps = weight.strides[::-1] if transposed else weight.strides
    lanes = core().width // dtype.itemsize
    across = min(ACROSS, -(-columns // lanes))
    vector = Vector(dtype, lanes, lanes)
    room = site.take(depth * -(-columns // (across * lanes)) * across * lanes, dtype)
    panels = Panels(room, depth, columns, vector, across)

    def one(inside: Inside, panel: Register) -> None:
        w, width = inside.w, panels.width
        source = w.at(inside.start(weight), dtype, panel * (width * steps[1]))
        target = w.at(inside.room(panels.room), dtype, panel * (width * depth))

        def piece(wide: int) -> None:
            if wide < width:
                fill(w, Held(w, target, width, dtype), depth)
            if steps[0] == 1:
                lines = (target, width)
                in_order(w, (source, steps[0], steps[1]), lines, (depth, wide), vector)
                return
            with w.loop(depth) as t:
                here = w.at(source, dtype, t * steps[0])
                there = w.at(target, dtype, t * width)
                with w.loop(wide, parallel=True) as j:
                    w.store(w.load(w.at(here, dtype, j * steps[1]), dtype), w.at(there, dtype, j))

        cut(w, panel, columns, width)(piece)

    site.each(panels.count, depth * columns, one)
    return panels


# --- units --------------------------------------------------------------------------------------


class Held(NamedTuple):
    """A matrix that a unit keeps to itself, its rows `step` long and one after another."""

    w: Writer
    start: str
    step: int
    dtype: Dtype

    def row(self, row: Register) -> Row:
        """A row of it."""
        return Row(self.w, self.w.at(self.start, self.dtype, row * self.step), 1, self.dtype)


def fill(w: Writer, held: Held, rows: int) -> None:
    """Write zeros into all of a matrix."""
    zero = w.number(0, held.dtype)
    with w.loop(rows * held.step, parallel=True) as k:
        w.store(zero, w.at(held.start, held.dtype, k))


class Shares(NamedTuple):
    """How the sequences of a batch fall into units: by their number alone.

    Attributes:
        sizes: rows of each step.
        rows: sequences in a unit; the last may have fewer.

    Examples:
        >>> shares((20, 20, 5)).rows, shares((64,)).rows
        (7, 16)
    """

    sizes: tuple[int, ...]
    rows: int

    @property
    def units(self) -> int:
        """How many units there are."""
        return -(-self.sizes[0] // self.rows)

    @property
    def even(self) -> bool:
        """Whether all sequences are of one length."""
        return self.sizes[0] == self.sizes[-1]

    @property
    def tiles(self) -> list[int]:
        """Rows of the tiles that cover a unit's."""
        most = min(HIGHEST, (core().registers - 2) // ACROSS - 1)
        count = -(-self.rows // most)
        high = -(-self.rows // count)
        return [high] * (self.rows // high) + [self.rows % high] * bool(self.rows % high)


def shares(sizes: Sequence[int]) -> Shares:
    """Share out sequences, of which so many have each step."""
    most = MANY if sizes[0] >= LARGE_BATCH else FEW
    units = -(-sizes[0] // most)
    return Shares(tuple(sizes), -(-sizes[0] // units))


class Unit:
    """Some sequences, as their way through the steps is being written.

    Args:
        inside: where.
        number: the register with the number of the unit.
        shared: how sequences fall into units.
        dtype: of the numbers.

    Attributes:
        first: the first sequence.
    """

    def __init__(self, inside: Inside, number: Register, shared: Shares, dtype: Dtype) -> None:
        self.inside, self.w, self.number = inside, inside.w, number
        self.shared, self.dtype = shared, dtype
        self.first = number * shared.rows

    def given(self, operand: Any) -> Given:
        """An operand, to be read or written in this unit."""
        return Given(self.inside, operand, self.dtype)

    def steps(self) -> Number:
        """How many steps the longest sequence has."""
        sizes = self.shared.sizes
        if self.shared.even:
            return len(sizes)
        firsts = range(0, sizes[0], self.shared.rows)
        table = constants(self.w, [sum(size > n for size in sizes) for n in firsts])
        return self.w.load(self.w.at(table, INDEX, self.number), INDEX)

    def row(self, step: Number) -> Register:
        """The row of the first sequence at a step."""
        sizes = self.shared.sizes
        if self.shared.even:
            return self.w.number(step, INDEX) * sizes[0] + self.first
        table = constants(self.w, [0, *accumulate(sizes)][:-1])
        return self.w.load(self.w.at(table, INDEX, step), INDEX) + self.first

    def live(self, step: Number) -> Number:
        """How many sequences have a step."""
        sizes, rows = self.shared.sizes, self.shared.rows
        if not self.shared.even:
            size = self.w.load(self.w.at(constants(self.w, sizes), INDEX, step), INDEX)
        elif sizes[0] % rows:
            size = self.w.number(sizes[0], INDEX)
        else:
            return rows
        left = size - self.first
        return left.lt(rows).select(left, rows)

    def multiply(self, a: Held, panels: Panels, c: Held) -> None:
        """Write c = a B for all rows, B in panels."""
        w, dtype, depth = self.w, self.dtype, panels.depth
        columns = cover(panels.vector, panels.width)
        tiles = self.shared.tiles

        def tile(at: Number, rows: int, b: str, there: str) -> None:
            left = w.at(a.start, dtype, w.number(at, INDEX) * a.step)
            right = w.at(there, dtype, w.number(at, INDEX) * c.step)
            lines = (right, c.step)
            outer(w, depth, (left, a.step, 1), (b, panels.width, 1), lines, rows, columns)

        with w.loop(panels.count) as panel:
            b = w.at(self.inside.room(panels.room), dtype, panel * (panels.width * depth))
            there = w.at(c.start, dtype, panel * panels.width)
            with w.loop(tiles.count(tiles[0])) as k:
                tile(k * tiles[0], tiles[0], b, there)
            if tiles[-1] != tiles[0]:
                tile(self.shared.rows - tiles[-1], tiles[-1], b, there)

    def elements(
        self, live: Number, columns: int, body: Callable[[Register], Callable[[Register], None]]
    ) -> None:
        """Write a loop over rows, and in each over columns: `body(row)(column)`."""
        with self.w.loop(live) as r:
            cell = body(r)
            with self.w.loop(columns, parallel=True) as j:
                cell(j)


def through(
    site: Site, widths: Sequence[int], work: float, body: Callable[[Unit, list[Held]], None]
) -> None:
    """Write `body` for every unit of the sequences, shared by the team.

    Args:
        site: where.
        widths: of the matrices that a unit keeps to itself, a row for each sequence, at first all
            zeros.
        work: of all units, in multiplications.
        body: is given the unit and those matrices.
    """
    shared, dtype = shares(site.attrs["sizes"]), dtype_of(site)
    line = ALIGNMENT // dtype.itemsize
    counts = [-(-shared.rows * width // line) * line for width in widths]
    room = site.take(shared.units * sum(counts), dtype)

    def one(inside: Inside, number: Register) -> None:
        w, place = inside.w, number * sum(counts)
        held = []
        for width, count in zip(widths, counts):
            held.append(Held(w, w.at(inside.room(room), dtype, place), width, dtype))
            fill(w, held[-1], shared.rows)
            place = place + count
        body(Unit(inside, number, shared, dtype), held)

    site.each(shared.units, work, one)
