"""Sweeps over images in machine code: convolution, and its gradient by the images (floor 2).

A unit of work is some rows of an image, or of a few images at the same place. Sums over all taps
and channels stay in registers; the bias is what they begin with. What taps meet outside the images
is never multiplied: the loops over rows of taps end where the image does, and near the ends of a
line each tap has the positions at which it meets something.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chainrule.plan.native.kernels.convolution.cases import Case, is_by_lane
from chainrule.plan.native.kernels.convolution.filters import Bank, packed
from chainrule.plan.native.kernels.convolution.images import (
    Span,
    Way,
    fitting,
    laid,
    loops,
    met,
    span,
    steps_of,
)
from chainrule.plan.native.kernels.convolution.multiply import (
    Block,
    Box,
    Level,
    Slots,
    best_box,
    distances,
    dot,
    every,
    joined,
    lanes,
    multiply,
    slots,
)
from chainrule.plan.native.kernels.convolution.sweeps import Phase, Sweep
from chainrule.plan.native.llvm.ir import INDEX, Register, Writer
from chainrule.plan.native.llvm.vectors import At, when
from chainrule.plan.native.matrices.tiles import Columns, cover
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.views import View, row_major

__all__ = ["Sweeping"]

# Numbers of source images that a unit of work reads at most, where they can be cut so small.
NEAR = 2**16
UNITS = 16  # that are enough for any number of threads
# Multiplications of vectors in the straight code for the end of a line; where there would be more,
# its positions go one by one.
STRAIGHT = 160


class Pointers(NamedTuple):
    """Where a panel's part of something begins: source, filters, result, and bias if any."""

    source: str
    filters: str
    target: str
    bias: str


class Tiles(NamedTuple):
    """Tiles of one phase and one panel: where they are written, and what covers their columns."""

    inside: Inside
    phase: Phase
    at: Pointers
    vectors: Columns


class Sweeping:
    """A sweep while it is being written.

    Args:
        site: where to.
        case: the instruction.
        sweep: how the result is made.
        source: the images that are read.
        bank: the filters.
        out: the result.
        bias: what sums begin with, one number for each channel.
    """

    def __init__(
        self,
        site: Site,
        case: Case,
        sweep: Sweep,
        source: View,
        bank: View,
        out: View,
        bias: View | None,
    ) -> None:
        self.site, self.sweep, self.out, self.bias = site, sweep, out, bias
        self.by_lane = is_by_lane(case)
        self.dtype, self.vector = out.base.dtype, lanes(out.base.dtype)
        self.groups, self.columns, self.channels, *_ = bank.shape
        taps = math.prod(case.window.size)
        self.tap_steps = row_major(case.window.size)
        self.size = source.shape[2:]
        self.outside = sweep.outside(self.size)
        turns = max(1, self.channels * taps // len(sweep.phases))
        self.box = self._best_box(source.shape[0], turns)
        width = min(self.box.wide * self.vector.lanes, self.columns)
        self.bank = Bank(bank, width, self.vector, sweep.backwards)
        self.pixels, self.result = laid(site, source, self.by_lane), steps_of(out)
        self.units = source.shape[0] // self.box.rows[0]
        self.band = self._band(math.prod(source.shape[1:]))
        self.bands = -(-sweep.counts[0] // self.band)
        self.work = math.prod(out.shape) * self.channels * taps

    def _best_box(self, images: int, turns: int) -> Box:
        """The tile: in one row, if rows meet different taps."""
        *outer, last = self.sweep.counts
        if any(self.outside[:-1]):
            outer = [1 for _ in outer]
        space = (images, *outer, last)
        return best_box(space, self.columns, turns, self.dtype, self.by_lane)

    def _band(self, image: int) -> int:
        """Positions along the first dimension that a unit makes: so few that they stay near."""
        step, most = self.box.rows[1], self.sweep.counts[0]
        whole = -(-most // step)
        parts = max(self.box.rows[0] * image // NEAR, UNITS // self.units, 1)
        return -(-whole // min(parts, whole)) * step

    def __call__(self) -> None:
        room = packed(self.site, self.bank)

        def unit(inside: Inside, number: Register) -> None:
            image = number / self.bands
            band = number - image * self.bands
            self._unit(inside, room, image * self.box.rows[0], band)

        self.site.each(self.units * self.bands, self.work, unit)

    def _unit(self, inside: Inside, room: Room, image: Register, band: Register) -> None:
        w, dtype, pixels, result = inside.w, self.dtype, self.pixels, self.result
        source = w.at(pixels.start(inside), dtype, image * pixels.image)
        target = w.at(result.start(inside), dtype, image * result.image)
        filters = inside.room(room)
        with w.loop(self.groups) as group:
            at = Pointers(
                w.at(source, dtype, group * (self.channels * pixels.channel)),
                w.at(filters, dtype, group * (self.bank.panels * self.bank.panel)),
                w.at(target, dtype, group * (self.columns * result.channel)),
                self._bias(inside, inside.start(self.bias), group * self.columns)
                if self.bias
                else "",
            )
            for phase in self.sweep.phases:
                self._phase(inside, phase, band, at)

    def _bias(self, inside: Inside, bias: str, column: At) -> str:
        return inside.w.at(bias, self.dtype, column * self.bias.strides[0]) if self.bias else ""

    def _phase(self, inside: Inside, phase: Phase, band: Register, at: Pointers) -> None:
        """Write the positions of a phase in a band, panel by panel."""
        w = inside.w
        source = w.at(at.source, self.dtype, dot(phase.base, self.pixels.steps))
        target = w.at(at.target, self.dtype, dot(phase.first, self.result.steps))
        taps = dot([first for first, _, _ in phase.taps], self.tap_steps)
        filters = w.at(at.filters, self.dtype, taps * (self.channels * self.bank.pitch))

        def panel(first: At, columns: int) -> None:
            here = Pointers(
                w.at(source, self.dtype, first) if self.by_lane else source,
                w.at(filters, self.dtype, self._panel(first)),
                w.at(target, self.dtype, first * self.result.channel),
                self._bias(inside, at.bias, first),
            )
            self._rows_of_tiles(Tiles(inside, phase, here, cover(self.vector, columns)), band)

        every(w, self.columns, self.bank.width, panel)

    def _panel(self, first: At) -> At:
        """How far the panel is that begins with a column."""
        width, panel = self.bank.width, self.bank.panel
        return first / width * panel if isinstance(first, Register) else first // width * panel

    def _rows_of_tiles(self, tiles: Tiles, band: Register) -> None:
        """Write the tiles of a band."""
        w, count, step = tiles.inside.w, tiles.phase.many[0], self.box.rows[1]

        def row(first: At, size: int) -> None:
            self._inner(tiles, [first], [size])

        if self.bands == 1:
            every(w, count, step, row)
            return
        (full, rest), each = divmod(count, step), self.band // step
        left = -(band * each) + full
        whole = left.lt(each).select(left, w.number(each, INDEX))

        def several() -> None:
            with w.loop(whole) as turn:
                row((band * each + turn) * step, step)

        when(w, whole.gt(0), several)
        if rest:
            when(w, band.eq(full // each), lambda: row(full * step, rest))

    def _inner(self, tiles: Tiles, firsts: list[At], high: list[int]) -> None:
        """Write the tiles whose place in the outer dimensions is known."""
        d, w = len(firsts), tiles.inside.w
        if d == len(self.size):
            self._tile(tiles, firsts, high)
            return
        count, step = tiles.phase.many[d], self.box.rows[1 + d]

        def along(first: At, size: int) -> None:
            self._inner(tiles, [*firsts, first], [*high, size])

        if d < len(self.size) - 1 or not self.outside[-1]:
            every(w, count, step, along)
            return
        pieces = [(first, min(step, count - first)) for first in range(0, count, step)]
        for kind, some in itertools.groupby(pieces, lambda piece: self._kind(tiles.phase, *piece)):
            these = [*some]
            first, size = these[0]
            total = sum(n for _, n in these)
            if kind in ("inner", "single"):
                every(w, total, size if kind == "inner" else 1, shifted(along, first))
            else:
                for first, size in these:
                    along(first, size)

    def _kind(self, phase: Phase, first: int, size: int) -> str | int:
        """What a piece of a line is: "inner" if all its positions meet all taps there."""
        rows_of = self._met(phase, first, size)
        if all(len(rows) == size for rows in rows_of):
            return "inner"
        return "single" if sum(map(len, {*rows_of})) * self.box.wide > STRAIGHT else first

    def _met(self, phase: Phase, first: int, size: int) -> list[tuple[int, ...]]:
        """For each tap of a line which of a piece's positions meet a pixel with it."""
        taps = range(phase.taps[-1][2])
        starts = [phase.base[-1] + first * self.sweep.apart[-1] + j * phase.move[-1] for j in taps]
        return [tuple(met(start, self.sweep.apart[-1], size, self.size[-1])) for start in starts]

    def _tile(self, tiles: Tiles, firsts: list[At], high: list[int]) -> None:
        """Write one tile."""
        w, at = tiles.inside.w, tiles.at
        over = [s * step for s, step in zip(self.sweep.apart, self.pixels.steps)]
        onto = [s * step for s, step in zip(self.sweep.between, self.result.steps)]
        sizes = (self.box.rows[0], *high)
        rows = distances(sizes, (self.pixels.image, *over))
        sums = slots(w, len(rows), tiles.vectors)
        if self.bias:
            self._begin(w, sums, tiles.vectors, at.bias)
        if tiles.phase.meets:
            source = w.at(at.source, self.dtype, dot(firsts, over))
            self._add(tiles, firsts, high, rows, sums, source)
        target = w.at(at.target, self.dtype, dot(firsts, onto))
        places = distances(sizes, (self.result.image, *onto))
        self._put(tiles.inside, sums, tiles.vectors, target, places)

    def _begin(self, w: Writer, sums: Slots, vectors: Columns, bias: str) -> None:
        """Write the bias into all sums."""
        step = self.bias.strides[0] if self.bias else 0
        found = [v.collect(w, w.at(bias, self.dtype, first * step), step) for first, v in vectors]
        for (_, p), slot in sums.items():
            w.do(f"store {vectors[p][1]} {found[p]}, ptr {slot}")

    def _add(
        self,
        tiles: Tiles,
        firsts: list[At],
        high: list[int],
        rows: list[int],
        sums: Slots,
        source: str,
    ) -> None:
        """Write the loops over the taps that meet something, and over the channels."""
        w, phase, row = tiles.inside.w, tiles.phase, self.channels * self.bank.pitch
        ways: list[Way] = []
        for d, (_, by, count) in enumerate(phase.taps):
            steps = phase.move[d] * self.pixels.steps[d], by * self.tap_steps[d] * row
            found = Span(0, count)
            if self.outside[d] and high[d] == 1:
                base = dot([firsts[d], 1], [self.sweep.apart[d], phase.base[d]])
                found = span(base, phase.move[d], count, self.size[d])
            ways.append(Way(found, *steps))
        blocks = [Block([], 0, 0, range(len(rows)))]
        channels = [Level(self.channels, self.pixels.channel, self.bank.pitch)]
        if self.outside[-1] and high[-1] > 1 and isinstance(firsts[-1], int):
            rows_of = self._met(phase, firsts[-1], high[-1])
            if any(len(some) < high[-1] for some in rows_of):
                lines = range(0, len(rows), high[-1])
                blocks = self._blocks(rows_of, lines, ways.pop(), channels)
                channels = []
        levels, left, right, fits = loops(ways)
        here, there = w.at(source, self.dtype, left), w.at(tiles.at.filters, self.dtype, right)
        nest = joined([*levels, *channels])

        def add() -> None:
            multiply(w, nest, blocks, here, there, rows, tiles.vectors, sums, self.by_lane)

        fitting(w, fits, add)

    def _blocks(
        self, rows_of: list[tuple[int, ...]], lines: range, way: Way, channels: list[Level]
    ) -> list[Block]:
        """The taps of a line, by which positions of a piece meet a pixel with them."""
        blocks: list[Block] = []
        for some, taps in itertools.groupby(range(len(rows_of)), key=lambda j: rows_of[j]):
            first, *others = taps
            rows = [line + i for line in lines for i in some]
            levels = joined([Level(1 + len(others), way.left, way.right), *channels])
            if rows:
                blocks.append(Block(levels, first * way.left, first * way.right, rows))
        return blocks

    def _put(
        self, inside: Inside, sums: Slots, vectors: Columns, target: str, places: Sequence[int]
    ) -> None:
        """Write where the sums go, pixel by pixel."""
        w, channel = inside.w, self.result.channel
        pitch = vectors[-1][0] + vectors[-1][1].lanes
        aside = "" if channel == 1 else inside.reserve(self.dtype, len(places) * pitch)
        for (r, p), slot in sums.items():
            first, v = vectors[p]
            start, place = (aside, r * pitch) if aside else (target, places[r])
            v.store(w, v.total(w, [slot]), w.at(start, self.dtype, place + first))
        if aside:
            with w.loop(vectors[-1][0] + vectors[-1][1].live) as j:
                here, there = w.at(aside, self.dtype, j), w.at(target, self.dtype, j * channel)
                for r, place in enumerate(places):
                    number = w.load(w.at(here, self.dtype, r * pitch), self.dtype)
                    w.store(number, w.at(there, self.dtype, place))


def shifted(body: Callable[[At, int], None], by: int) -> Callable[[At, int], None]:
    """A body for pieces that begin further on."""
    return lambda first, size: body(dot([first, by], [1, 1]), size)
