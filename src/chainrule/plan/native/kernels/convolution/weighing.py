"""The gradient of a convolution by its filters, in machine code (floor 2).

Each number of it is a sum over all positions of all images. The rows of a tile are taps and
channels of the images, its columns channels of the gradient at the output, and the nest of loops
goes over the positions at which the tile's taps meet a pixel. Tiles are kept in panels, as packed
filters are, and turned into the order of filters at the end.

A unit of work is some of the panels' lines over a part of the images, a few images at a time, so
that these are read again and again from a near cache. Every part has panels of its own; they are
added up in order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

from chainrule.plan.native.kernels.convolution.cases import Case, bank_of, is_by_lane
from chainrule.plan.native.kernels.convolution.filters import Bank, unpacked
from chainrule.plan.native.kernels.convolution.images import (
    Span,
    Way,
    fitting,
    laid,
    loops,
    met,
    span,
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
from chainrule.plan.native.llvm.ir import INDEX, Register
from chainrule.plan.native.llvm.vectors import At
from chainrule.plan.native.matrices.products import cut
from chainrule.plan.native.matrices.tiles import Columns, cover
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.views import row_major

__all__ = ["Weighing"]

NEAR = 3 * 2**17  # bytes of images and gradients that stay in the second cache
COPIES = 2**21  # bytes of panels of all parts together
UNITS = 16  # that are enough for any number of threads


class Pointers(NamedTuple):
    """Where a panel's images, its gradients and its sums begin."""

    x: str
    g: str
    panel: str


class Tiles(NamedTuple):
    """Tiles of one line and a few images: where they are written, and what covers their columns."""

    inside: Inside
    at: Pointers
    images: Register
    vectors: Columns


class Weighing:
    """The gradient while it is being written.

    Attributes:
        space: the taps in each dimension and the channels, of which a tile has some.
        box: how many of each.
        bank: the panels.
        images: of a part.
        block: images that are gone through at a time.
        lines: parts of a panel, of so many first taps as the tile has.
    """

    def __init__(self, site: Site, case: Case) -> None:
        self.site, self.window = site, case.window
        x, _, g = case.views
        self.by_lane = is_by_lane(case)
        self.dtype, self.vector = site.out.base.dtype, lanes(site.out.base.dtype)
        self.image, self.steps = x.shape[2:], g.shape[2:]
        view = bank_of(case, transposed=False)
        self.groups, columns, self.channels, *_ = view.shape
        self.columns = columns
        self.x, self.g = laid(site, x, self.by_lane), laid(site, g, in_vectors=True)
        self.space = (*case.window.size, self.channels)
        self.row_steps = [*map(mul, self.window.dilation, self.x.steps), self.x.channel]
        if self.inside and self.row_steps[-2] == self.channels * self.x.channel:
            self.space = (*self.space[:-2], self.space[-2] * self.channels)
            self.row_steps.pop(-2)
        turns = x.shape[0] * math.prod(self.steps)
        self.box = self._best_box(turns)
        width = min(self.box.wide * self.vector.lanes, columns)
        self.bank = Bank(view, width, self.vector)
        self.count = x.shape[0]
        read = (math.prod(x.shape) + math.prod(g.shape)) * self.dtype.itemsize
        size = self.bank.size * self.dtype.itemsize
        self.parts = max(1, min(-(-read // NEAR), COPIES // size, self.count))
        self.images = -(-self.count // self.parts)
        self.parts = -(-self.count // self.images)
        self.block = max(1, min(self.images, NEAR * self.count // read))
        self.lines = self.groups * self.bank.panels * (self.space[0] // self.box.rows[0])
        self.work = turns * columns * self.groups * math.prod(self.space)

    @property
    def inside(self) -> bool:
        """Whether all taps meet a pixel at all positions."""
        lies = zip(self.window.padding, self.window.reach(), self.steps, self.window.stride)
        ends = (r - p + (n - 1) * s for p, r, n, s in lies)
        fit = all(end <= n for end, n in zip(ends, self.image))
        return fit and not any(self.window.padding)

    def _best_box(self, turns: int) -> Box:
        """The tile: across taps, of other than the last dimension only if all meet a pixel."""
        if self.inside:
            return best_box(self.space, self.columns, turns, self.dtype, self.by_lane)
        *outer, last, channels = self.space
        space = (*(1 for _ in outer), last, channels)
        return best_box(space, self.columns, turns, self.dtype, self.by_lane)

    def __call__(self) -> None:
        site, bank = self.site, self.bank
        room = site.take(bank.size * self.parts, self.dtype)
        slices = min(self.lines, -(-UNITS // self.parts))
        each = -(-self.lines // slices)
        slices = -(-self.lines // each)

        def unit(inside: Inside, number: Register) -> None:
            part = number / slices
            first = (number - part * slices) * each
            left = -first + self.lines
            count = left.lt(each).select(left, inside.w.number(each, INDEX))
            self._slice(inside, room, part, first, count)

        site.each(self.parts * slices, self.work, unit)
        unpacked(site, bank, room, self.parts)

    @property
    def line(self) -> int:
        """Numbers of a line of a panel."""
        return self.bank.panel // (self.space[0] // self.box.rows[0])

    def _slice(
        self, inside: Inside, room: Room, part: Register, first: Register, count: Register
    ) -> None:
        """Write some lines for a part of the images."""
        w = inside.w
        panels = w.at(inside.room(room), self.dtype, part * self.bank.size + first * self.line)
        with w.loop(count * self.line, parallel=True) as k:
            w.store(w.number(0, self.dtype), w.at(panels, self.dtype, k))
        start = part * self.images
        left = -start + self.count
        images = left.lt(self.images).select(left, w.number(self.images, INDEX))
        with w.loop((images + (self.block - 1)) / self.block) as block:
            left = images - block * self.block
            many = left.lt(self.block).select(left, w.number(self.block, INDEX))
            image = start + block * self.block
            x = w.at(self.x.start(inside), self.dtype, image * self.x.image)
            g = w.at(self.g.start(inside), self.dtype, image * self.g.image)
            with w.loop(count) as turn:
                here = w.at(panels, self.dtype, turn * self.line)
                self._line(inside, first + turn, Pointers(x, g, here), many)

    def _line(self, inside: Inside, line: Register, at: Pointers, images: Register) -> None:
        """Write a line of a panel for a few images."""
        w, highs = inside.w, self.space[0] // self.box.rows[0]
        panel = line / highs
        tap = (line - panel * highs) * self.box.rows[0]
        group = panel / self.bank.panels
        number = panel - group * self.bank.panels
        x = w.at(at.x, self.dtype, group * (self.channels * self.x.channel))
        column = number * self.bank.width
        g = w.at(at.g, self.dtype, group * self.columns + column)
        if self.by_lane:
            x = w.at(x, self.dtype, column)

        def one(columns: int) -> None:
            tiles = Tiles(inside, Pointers(x, g, at.panel), images, cover(self.vector, columns))
            self._tiles(tiles, [tap], [self.box.rows[0]])

        cut(w, number, self.columns, self.bank.width)(one)

    def _tiles(self, tiles: Tiles, firsts: list[At], high: list[int]) -> None:
        """Write the tiles whose place in the outer dimensions of the space is known."""
        d = len(firsts)
        if d == len(self.space):
            self._tile(tiles, firsts, high)
            return

        def along(first: At, size: int) -> None:
            self._tiles(tiles, [*firsts, first], [*high, size])

        size, step = self.space[d], self.box.rows[d]
        if step == 1 or self.inside or d == len(self.space) - 1:
            every(tiles.inside.w, size, step, along)
            return
        for first in range(0, size, step):  # which pixels several taps meet has to be known
            along(first, min(step, size - first))

    def _tile(self, tiles: Tiles, firsts: list[At], high: list[int]) -> None:
        """Write one tile: read its sums, add to them, and put them down again."""
        w, vectors = tiles.inside.w, tiles.vectors
        pitches = [step * self.bank.pitch for step in row_major(self.space)]
        panel = w.at(tiles.at.panel, self.dtype, dot([0, *firsts[1:]], pitches))
        places = [(place + first, v) for place in distances(high, pitches) for first, v in vectors]
        sums = slots(w, len(places) // len(vectors), vectors)
        for slot, (place, v) in zip(sums.values(), places):
            before = v.load(w, w.at(panel, self.dtype, place))
            w.do(f"store {v} {before}, ptr {slot}")
        self._add(tiles, firsts, high, sums)
        for slot, (place, v) in zip(sums.values(), places):
            v.store(w, v.total(w, [slot]), w.at(panel, self.dtype, place))

    def _add(self, tiles: Tiles, firsts: list[At], high: list[int], sums: Slots) -> None:
        """Write the loops over all positions at which a tile's taps meet a pixel."""
        w, rows = tiles.inside.w, distances(high, self.row_steps)
        over = [s * step for s, step in zip(self.window.stride, self.x.steps)]
        ways = [Way(Span(0, n), *steps) for n, *steps in zip(self.steps, over, self.g.steps)]
        blocks = [Block([], 0, 0, range(len(rows)))]
        if not self.inside:
            ways = [way._replace(span=self._span(d, firsts[d])) for d, way in enumerate(ways)]
            if high[-2] > 1:
                blocks = self._blocks(firsts[-2], high, ways.pop())
        levels, left, right, fits = loops(ways)
        nest = joined([Level(tiles.images, self.x.image, self.g.image), *levels])
        before = dot(firsts, self.row_steps)
        corner = dot(self.window.padding, self.x.steps)
        x = w.at(tiles.at.x, self.dtype, dot([before, left, corner], [1, 1, -1]))
        g = w.at(tiles.at.g, self.dtype, right)

        def add() -> None:
            multiply(w, nest, blocks, x, g, rows, tiles.vectors, sums, self.by_lane)

        fitting(w, fits, add)

    def _span(self, d: int, tap: At) -> Span:
        """The positions at which a tap meets a pixel."""
        window = self.window
        base = dot([tap, 1], [window.dilation[d], -window.padding[d]])
        return span(base, window.stride[d], self.steps[d], self.image[d])

    def _blocks(self, first: At, high: Sequence[int], way: Way) -> list[Block]:
        """The positions along the last dimension, by which of several taps meet a pixel there."""
        assert isinstance(first, int)
        n, base, by = self.steps[-1], -self.window.padding[-1], self.window.dilation[-1]
        reads = [base + (first + k) * by for k in range(high[-2])]
        spans = [met(start, self.window.stride[-1], n, self.image[-1]) for start in reads]
        found = [tuple(k for k, some in enumerate(spans) if i in some) for i in range(n)]
        blocks: list[Block] = []
        for taps, these in itertools.groupby(range(n), key=lambda i: found[i]):
            start, *others = these
            rows = [k * high[-1] + c for k in taps for c in range(high[-1])]
            level = Level(1 + len(others), way.left, way.right)
            if rows:
                blocks.append(Block(joined([level]), start * way.left, start * way.right, rows))
        return blocks
