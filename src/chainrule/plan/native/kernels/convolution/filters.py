"""Filters in the order in which a convolution reads them, and back (floor 2).

A filter bank has, for every tap and every channel that is summed over, a row with a number for each
channel of the result. Here the rows stand in panels: of a few columns, so many as a tile takes, all
rows one after another. In a bank as a person has it, (O, C, ...), the numbers of all taps lie next
to one another instead: squares of a vector's size are turned on the way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.plan.native.kernels.indexing.nests import place, simplest, split
from chainrule.plan.native.llvm.ir import INDEX, Register, Writer
from chainrule.plan.native.llvm.vectors import Vector
from chainrule.plan.native.matrices.tiles import chosen, power_above, transposed
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.views import View

__all__ = ["Bank", "packed", "unpacked"]

SLICES = 16  # that are enough for any number of threads


@dataclass(frozen=True)
class Bank:
    """Filters, seen as a convolution sums them up.

    Attributes:
        view: of shape (groups, columns, channels, *taps): `columns` are the channels of the
            result, `channels` those that are summed over, each of one group.
        width: columns of a panel.
        vector: the widest one.
        backwards: whether the rows of the last tap come first.
    """

    view: View
    width: int
    vector: Vector
    backwards: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        return self.view.base.dtype

    @property
    def channels(self) -> int:
        """That are summed over."""
        return self.view.shape[2]

    @property
    def taps(self) -> int:
        """Of a filter, in all dimensions."""
        return math.prod(self.view.shape[3:])

    @property
    def pitch(self) -> int:
        """Numbers from one row of a panel to the next: whole vectors."""
        lanes = min(self.vector.lanes, power_above(self.width))
        return -(-self.width // lanes) * lanes

    @property
    def panel(self) -> int:
        """Numbers of a panel."""
        return self.channels * self.taps * self.pitch

    @property
    def panels(self) -> int:
        """Panels of a group."""
        return -(-self.view.shape[1] // self.width)

    @property
    def size(self) -> int:
        """Numbers of all panels."""
        return self.view.shape[0] * self.panels * self.panel

    @property
    def line(self) -> int:
        """Numbers of a column that lie next to one another: all, those of the taps, or just one."""
        by_channel = self.view.strides[2]
        if self.taps == 1:
            return self.channels if by_channel == 1 else 1
        if simplest(self.view.shape[3:], self.view.strides[3:])[1] != [(1,)]:
            return 1
        together = by_channel == self.taps or self.channels == 1
        return self.channels * self.taps if together else self.taps


def packed(site: Site, bank: Bank) -> Room:
    """Write the filters into room for all panels."""
    room = site.take(bank.size, bank.dtype)
    turn(site, bank, room, back=False)
    return room


def unpacked(site: Site, bank: Bank, room: Room, copies: int) -> None:
    """Write the filters back from panels, of which there are so many copies to be summed up."""
    if copies > 1:
        add_up(site, bank, room, copies)
    turn(site, bank, room, back=True)


def add_up(site: Site, bank: Bank, room: Room, copies: int) -> None:
    """Write the sum of all copies of the panels into the first."""
    each = -(-bank.size // SLICES)

    def one(inside: Inside, unit: Register) -> None:
        w, start = inside.w, unit * each
        first = w.at(inside.room(room), bank.dtype, start)
        left = -start + bank.size
        count = left.lt(each).select(left, w.number(each, left.dtype))
        with w.loop(copies - 1) as copy:
            other = w.at(first, bank.dtype, (copy + 1) * bank.size)
            with w.loop(count, parallel=True) as k:
                place = w.at(first, bank.dtype, k)
                more = w.load(w.at(other, bank.dtype, k), bank.dtype)
                w.store(w.load(place, bank.dtype) + more, place)

    site.each(-(-bank.size // each), bank.size * copies, one)


def turn(site: Site, bank: Bank, room: Room, back: bool) -> None:
    """Write the way into the panels, or back: a unit is a vector's columns of a group."""
    groups, columns = bank.view.shape[:2]
    by_group, by_column, by_channel = bank.view.strides[:3]
    lanes = min(bank.vector.lanes, bank.pitch)
    several = -(-columns // lanes)

    def one(inside: Inside, unit: Register) -> None:
        w = inside.w
        group = unit / several
        first = (unit - group * several) * lanes
        panel = first / bank.width
        into = (group * bank.panels + panel) * bank.panel + first - panel * bank.width
        there = w.at(inside.room(room), bank.dtype, into)
        here = w.at(inside.start(bank.view), bank.dtype, group * by_group + first * by_column)
        high = clipped(-first + (columns - 1), lanes)
        with w.loop(bank.channels * bank.taps // bank.line) as line:
            if bank.line > 1:
                start = w.at(here, bank.dtype, line * by_channel)
                squares(inside, bank, (start, there), line, high, back)
            else:
                singles(w, bank, (here, there), line, high, back)

    site.each(groups * several, bank.size, one)


def clipped(index: Register, size: int) -> Register:
    """Write an index, or the last one if it is beyond: what is done there is done twice."""
    return index.lt(size).select(index, index.writer.number(size - 1, index.dtype))


def row_of(bank: Bank, line: Register, q: Register) -> Register:
    """The row, in a panel, of number `q` of a line: taps come before channels."""
    channels, taps = bank.channels, bank.taps
    channel = line if taps == bank.line and taps > 1 else q / taps
    tap = q if taps == bank.line and taps > 1 else q - q / taps * taps
    if bank.backwards:
        tap = -tap + (taps - 1)
    return tap * channels + channel


def singles(
    w: Writer,
    bank: Bank,
    pointers: tuple[str, str],
    row: Register,
    last: Register,
    back: bool,
) -> None:
    """Write a row of some columns, up to the last, number by number."""
    here, there = pointers
    by_column, by_channel, *by_tap = bank.view.strides[1:]
    *tap, channel = split(row, (*bank.view.shape[3:], bank.channels))
    if bank.backwards:
        tap = [-t + (n - 1) for t, n in zip(tap, bank.view.shape[3:])]
    start = w.at(here, bank.dtype, place([*tap, channel], (*by_tap, by_channel)))
    panel = w.at(there, bank.dtype, row * bank.pitch)
    with w.loop(last + 1) as j:
        places = w.at(start, bank.dtype, j * by_column), w.at(panel, bank.dtype, j)
        source, target = reversed(places) if back else places
        w.store(w.load(source, bank.dtype), target)


def squares(
    inside: Inside,
    bank: Bank,
    pointers: tuple[str, str],
    line: Register,
    high: Register,
    back: bool,
) -> None:
    """Write a line of some columns, a square at a time; the last two may overlap."""
    w, (here, there) = inside.w, pointers
    by_column, channels, taps = bank.view.strides[1], bank.channels, bank.taps
    square = Square(
        bank.vector, min(bank.vector.lanes, bank.line), min(bank.vector.lanes, bank.pitch)
    )
    name = inside.module.helper(SQUARE, partial(square.write, back=back))
    next_tap = -channels * bank.pitch if bank.backwards else channels * bank.pitch
    next_channel = bank.pitch - (taps - 1) * next_tap
    with w.loop(-(-bank.line // square.along)) as block:
        q = clipped(block * square.along, bank.line - square.along + 1)
        source = w.at(here, bank.dtype, q)
        target = w.at(there, bank.dtype, row_of(bank, line, q) * bank.pitch)
        tap = q - q / taps * taps
        w.do(
            f"call void @{name}(ptr {source}, i64 {by_column}, {high.typed}, ptr {target}, "
            f"i64 {next_tap}, i64 {next_channel}, {tap.typed}, i64 {taps})"
        )


# Where the square begins in the bank, how far its lines are apart, and the last one; where its
# first row is in the panel, and how far the next tap's is and, after the last tap, the next
# channel's; the first tap, and how many there are.
SQUARE = (
    "ptr %bank, i64 %apart, i64 %last, ptr %panel, i64 %next.tap, i64 %next.channel, i64 %tap, "
    "i64 %taps"
)


class Square(NamedTuple):
    """A square to be turned.

    Attributes:
        vector: as long as its sides.
        along: numbers of a line that count.
        across: numbers of a row, whether they count or not.
    """

    vector: Vector
    along: int
    across: int

    def write(self, w: Writer, back: bool) -> None:
        """Write the function that turns a square, into the panel or back."""
        v = self.vector
        line, row = v.part(v.lanes, self.along), v.part(self.across, self.across)
        outside, inside = self._lines(w), self._rows(w)
        if back:
            found = turned(w, v, [row.load(w, place) for place in inside], row)
            for numbers, place in reversed([*zip(found, outside)]):
                line.store(w, numbers, place)
            return
        found = turned(w, v, [line.load(w, place) for place in outside], line)
        for numbers, place in zip(found, inside):
            row.store(w, chosen(w, v, numbers, range(row.lanes)), place)

    def _lines(self, w: Writer) -> list[str]:
        """Where the lines are; what is done on one beyond the last is done on that again."""
        apart, last = Register("%apart", INDEX, w), Register("%last", INDEX, w)
        numbers = [last.lt(j).select(last, j) for j in range(self.across)]
        return [w.at("%bank", self.vector.dtype, number * apart) for number in numbers]

    def _rows(self, w: Writer) -> list[str]:
        """Where the rows are."""
        names = ("%tap", "%taps", "%next.tap", "%next.channel")
        tap, taps, next_tap, next_channel = (Register(name, INDEX, w) for name in names)
        place, places = w.number(0, INDEX), []
        for _ in range(self.along):
            places.append(w.at("%panel", self.vector.dtype, place))
            tap = tap + 1
            wraps = tap.eq(taps)
            tap = wraps.select(w.number(0, INDEX), tap)
            place = place + wraps.select(next_channel, next_tap)
        return places


def turned(w: Writer, v: Vector, lines: Sequence[str], part: Vector) -> list[str]:
    """Write the transpose of lines of numbers that count, as whole vectors."""
    wide = [*range(part.lanes), *[0] * (v.lanes - part.lanes)]
    filled = [chosen(w, part, line, wide) for line in lines] if part.lanes < v.lanes else [*lines]
    return transposed(w, v, [*filled, *["zeroinitializer"] * (v.lanes - len(lines))])
