"""Filters in the order in which a convolution reads them, and back (floor 2).

A filter bank has, for every tap and every channel that is summed over, a row with a number for each
channel of the result. Here the rows stand in panels: of a few columns, so many as a tile takes, all
rows one after another. In a bank as a person has it, (O, C, ...), the numbers of all taps lie next
to one another instead: squares of a vector's size are turned on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.plan.native.ir import Number, Register, Writer
from chainrule.plan.native.kernels.multiply import every
from chainrule.plan.native.products import cut
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.native.tiles import power_above, transposed
from chainrule.plan.native.vectors import At, Vector, value
from chainrule.plan.passes.views import View

__all__ = ["Bank", "packed", "unpacked"]


@dataclass(frozen=True)
class Bank:
    """Filters, seen as a convolution sums them up.

    Attributes:
        view: of shape (groups, columns, channels, taps): `columns` are the channels of the result,
            `channels` those that are summed over, each of one group.
        width: columns of a panel.
        vector: the widest one.
    """

    view: View
    width: int
    vector: Vector

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        return self.view.base.dtype

    @property
    def pitch(self) -> int:
        """Numbers from one row of a panel to the next: whole vectors."""
        lanes = min(self.vector.lanes, power_above(self.width))
        return -(-self.width // lanes) * lanes

    @property
    def panel(self) -> int:
        """Numbers of a panel."""
        return self.view.shape[2] * self.view.shape[3] * self.pitch

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
        _, _, channels, taps = self.view.shape
        _, _, by_channel, by_tap = self.view.strides
        if taps == 1:
            return channels if by_channel == 1 else 1
        if by_tap != 1:
            return 1
        return channels * taps if by_channel == taps or channels == 1 else taps


def packed(site: Site, bank: Bank) -> Room:
    """Write the filters into room for all panels."""
    room = site.take(bank.size, bank.dtype)
    turn(site, bank, room, copies=0)
    return room


def unpacked(site: Site, bank: Bank, room: Room, copies: int) -> None:
    """Write the filters back from panels, of which there are so many copies to be summed up."""
    turn(site, bank, room, copies)


def turn(site: Site, bank: Bank, room: Room, copies: int) -> None:
    """Write the way into the panels or, if there are copies of those, back: a unit is a panel."""
    groups, columns, channels, taps = bank.view.shape
    by_group, by_column, by_channel, _ = bank.view.strides

    def one(inside: Inside, unit: Register) -> None:
        w = inside.w
        group = unit / bank.panels
        panel = unit - group * bank.panels
        place = group * by_group + panel * (bank.width * by_column)
        here = w.at(inside.start(bank.view), bank.dtype, place)
        there = w.at(inside.room(room), bank.dtype, unit * bank.panel)

        def whole(width: int) -> None:
            with w.loop(channels * taps // bank.line) as line:
                start = w.at(here, bank.dtype, line * by_channel)
                if bank.line > 1:
                    squares(w, bank, (start, there), line, width, copies)
                else:
                    singles(w, bank, (here, there), line, width, copies)

        cut(w, panel, columns, bank.width)(whole)

    site.each(groups * bank.panels, bank.size * max(1, copies), one)


def row_of(bank: Bank, line: Register, q: At) -> Number:
    """The row, in a panel, of number `q` of a line: taps come before channels."""
    _, _, channels, taps = bank.view.shape
    if taps in (1, bank.line):
        return line + q * channels if taps > 1 else q
    if isinstance(q, int):
        return q % taps * channels + q // taps
    return (q - (channel := q / taps) * taps) * channels + channel


def singles(
    w: Writer, bank: Bank, pointers: tuple[str, str], row: Register, width: int, copies: int
) -> None:
    """Write a row of a panel number by number."""
    here, there = pointers
    _, _, channels, _ = bank.view.shape
    _, by_column, by_channel, by_tap = bank.view.strides
    tap = row / channels
    start = w.at(here, bank.dtype, tap * by_tap + (row - tap * channels) * by_channel)
    with w.loop(width) as j:
        outside = w.at(start, bank.dtype, j * by_column)
        inside = w.at(there, bank.dtype, row * bank.pitch + j)
        if copies:
            parts = [w.at(inside, bank.dtype, k * bank.size) for k in range(copies)]
            first, *rest = [w.load(part, bank.dtype) for part in parts]
            w.store(sum(rest, first), outside)
        else:
            w.store(w.load(outside, bank.dtype), inside)


def squares(
    w: Writer, bank: Bank, pointers: tuple[str, str], line: Register, width: int, copies: int
) -> None:
    """Write a line of each column, a square of several lines at a time."""
    here, there = pointers
    v, (_, by_column, _, _) = bank.vector, bank.view.strides

    def square(q: At, size: int) -> None:
        starts = [
            w.at(there, bank.dtype, row_of(bank, line, q + k) * bank.pitch) for k in range(size)
        ]
        for first in range(0, width, v.lanes):
            columns = min(v.lanes, width - first)
            along, across = v.part(v.lanes, size), v.part(v.lanes, columns)
            place = w.at(here, bank.dtype, q)
            outside = [w.at(place, bank.dtype, (first + j) * by_column) for j in range(columns)]
            inside = [w.at(start, bank.dtype, first) for start in starts]
            if copies:
                found = [summed(w, across, p, bank.size, copies) for p in inside]
                put(w, v, found, along, outside)
            else:
                put(w, v, [along.load(w, p) for p in outside], across, inside)

    every(w, bank.line, v.lanes, square)


def put(w: Writer, v: Vector, lines: Sequence[str], part: Vector, places: Sequence[str]) -> None:
    """Write lines, turned, to as many places as they have numbers that count."""
    filled = [*lines, *["zeroinitializer"] * (v.lanes - len(lines))]
    for numbers, place in zip(transposed(w, v, filled), places):
        part.store(w, numbers, place)


def summed(w: Writer, vector: Vector, place: str, apart: int, copies: int) -> str:
    """Write the sum of vectors that lie so far apart, first to last."""
    total = vector.load(w, place)
    for k in range(1, copies):
        more = vector.load(w, w.at(place, vector.dtype, k * apart))
        total = value(w, f"fadd {vector} {total}, {more}")
    return total
