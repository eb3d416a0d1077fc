"""Convolution and its gradient by the images, in machine code (floor 2).

Both sweep over source images and sum up, for each position, what some taps find there, times the
filters. In a convolution all positions meet the same taps, at multiples of the stride. In the
gradient by the images the source is the gradient at the output, and positions whose numbers have
the same remainder by the stride meet the same taps: each such phase is a sweep of its own with a
part of the filters, from one source pixel to the next.

A unit of work is a part of the rows of one image, or of a few small images: the pixels that it
reads, with zeros around, are copied first where they do not lie well. Sums over all taps and
channels stay in registers; the bias is what they begin with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from chainrule.ops.window import Sizes, Window, sizes
from chainrule.plan.native.ir import Number, Register, Unsupported
from chainrule.plan.native.kernels.filters import Bank, packed
from chainrule.plan.native.kernels.images import (
    Margins,
    Pixels,
    copied,
    in_place,
    is_read_in_place,
    of_copy,
)
from chainrule.plan.native.kernels.multiply import (
    Level,
    Slots,
    best_box,
    distances,
    every,
    joined,
    lanes,
    multiply,
    slots,
)
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.native.tiles import Columns, cover
from chainrule.plan.native.vectors import At, when
from chainrule.plan.passes.views import View, row_major

__all__ = ["CONVOLUTIONS"]

# Numbers of source images that a unit of work reads at most, where they can be cut so small.
NEAR = 2**16
MOST = 2**17  # numbers that may lie on a stack


class Phase(NamedTuple):
    """Positions of the result that meet the same taps; all by dimension.

    Attributes:
        first: the first of them; from one to the next it is the sweep's `between`.
        many: how many.
        base: the source pixel that the first tap meets there; it may be outside.
        taps: the first tap, the step from one to the next, and how many there are.
        move: source pixels from one of these taps to the next.
    """

    first: Sizes
    many: Sizes
    base: Sizes
    taps: tuple[tuple[int, int, int], ...]
    move: Sizes

    @property
    def meets(self) -> bool:
        """Whether there are taps at all."""
        return all(n for _, _, n in self.taps)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The first and the last source pixel that the first position reads, by dimension."""
        lasts = [b + m * (n - 1) for b, m, (_, _, n) in zip(self.base, self.move, self.taps)]
        return tuple((min(b, last), max(b, last)) for b, last in zip(self.base, lasts))


@dataclass(frozen=True)
class Sweep:
    """How a result is made from source images.

    Attributes:
        phases: of the positions.
        apart: source pixels from one position of a phase to the next, by dimension.
        between: pixels of the result from one position of a phase to the next.
    """

    phases: tuple[Phase, ...]
    apart: Sizes
    between: Sizes

    @property
    def counts(self) -> Sizes:
        """The most positions of a phase, by dimension."""
        return tuple(map(max, *(phase.many for phase in self.phases), (0,) * len(self.apart)))

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The first and the last source pixel that first positions read, by dimension."""
        found = [*zip(*(phase.spans for phase in self.phases if phase.meets))]
        none = [[(0, 0)]] * len(self.apart)
        return tuple((min(a for a, _ in d), max(b for _, b in d)) for d in found or none)

    def margins(self, size: Sizes) -> Margins:
        """What is read around source images of a size."""
        before = [max(0, -first) for first, _ in self.spans]
        after = [0] * len(size)
        for phase in (p for p in self.phases if p.meets):
            lies = zip(phase.spans, phase.many, self.apart, size)
            ends = [last + (n - 1) * s - (m - 1) for (_, last), n, s, m in lies]
            after = [*map(max, after, ends)]
        return Margins(tuple(before), tuple(after))


def forward(window: Window, steps: Sizes) -> Sweep:
    """How a convolution's result of `steps` positions is made from its images."""
    rank = len(steps)
    base = tuple(-p for p in window.padding)
    taps = tuple((0, 1, k) for k in window.size)
    phase = Phase((0,) * rank, steps, base, taps, window.dilation)
    return Sweep((phase,), window.stride, (1,) * rank)


def backward(window: Window, image: Sizes) -> Sweep:
    """How the gradient by images of a size is made from that at the output."""
    lines = [residues(*of) for of in zip(image, *window[:4])]
    phases = tuple(Phase(*map(tuple, zip(*each))) for each in itertools.product(*lines))
    return Sweep(phases, (1,) * len(image), window.stride)


def residues(
    n: int, size: int, stride: int, padding: int, dilation: int
) -> list[tuple[int, int, int, tuple[int, int, int], int]]:
    """The phases along a dimension of n pixels, the fields of each as in `Phase`.

    Examples:
        >>> residues(5, size=3, stride=2, padding=1, dilation=1)
        [(0, 3, 0, (1, 2, 1), -1), (1, 2, 1, (0, 2, 2), -1)]
    """
    found = []
    step = stride // math.gcd(stride, dilation)
    for first in range(min(stride, n)):
        count = -(-(n - first) // stride)
        met = [t for t in range(size) if (first + padding - t * dilation) % stride == 0]
        base = (first + padding - met[0] * dilation) // stride if met else 0
        taps = (met[0] if met else 0, step, len(met))
        found.append((first, count, base, taps, -(dilation * step // stride)))
    return found


# --- the kernels ----------------------------------------------------------------------------------


class Case(NamedTuple):
    """An instruction, brought to two dimensions at least.

    Attributes:
        window: how the filters move.
        groups: how many.
        views: of the images, the filters and the output, or of the gradients there.
    """

    window: Window
    groups: int
    views: tuple[View, View, View]


def case_of(site: Site, images: Any, filters: Any, output: Any) -> Case:
    """What an instruction asks for; operands and result in the roles of a convolution's.

    Raises:
        Unsupported: not all are values of one floating-point dtype, or one is empty.
    """
    views = [v for v in (images, filters, output) if isinstance(v, View)]
    if len(views) < 3 or any(v.base.dtype != site.out.base.dtype for v in views):
        raise Unsupported("a convolution of numbers of several kinds")
    if site.out.base.dtype.kind != "f" or any(0 in v.shape for v in views):
        raise Unsupported("a convolution of nothing")
    size = views[1].shape[2:]
    numbers = {"stride": 1, "padding": 0, "dilation": 1, **site.attrs}
    moves = [sizes(numbers[name], len(size)) for name in ("stride", "padding", "dilation")]
    if len(size) == 1:
        size, moves = (1, *size), [(plain, *move) for plain, move in zip((1, 0, 1), moves)]
        views = [with_line(view) for view in views]
    return Case(Window(size, *moves), int(numbers.get("groups", 1)), tuple(views))  # type: ignore[arg-type]


def with_line(view: View) -> View:
    """Signals as images of one line."""
    shape, strides = view.shape, view.strides
    return replace(view, shape=(*shape[:2], 1, *shape[2:]), strides=(*strides[:2], 0, *strides[2:]))


def flat(filters: View) -> tuple[int, int]:
    """How many taps there are, and how far they are from one another.

    Raises:
        Unsupported: not all are as far from the next.
    """
    found = [(n, s) for n, s in zip(filters.shape[2:], filters.strides[2:]) if n > 1]
    if any(outer != n * step for (_, outer), (n, step) in itertools.pairwise(found)):
        raise Unsupported("filters whose taps lie in no order")
    return math.prod(filters.shape[2:]), found[-1][1] if found else 1


def bank_of(case: Case, transposed: bool) -> View:
    """The filters as (groups, columns, channels, taps), see `Bank`."""
    filters = case.views[1]
    taps, by_tap = flat(filters)
    by_filter, by_channel = filters.strides[:2]
    each, channels = filters.shape[0] // case.groups, filters.shape[1]
    by_group = each * by_filter
    if is_by_lane(case):  # groups of one channel each are columns of one group
        return replace(filters, shape=(1, case.groups, 1, taps), strides=(0, by_group, 0, by_tap))
    inner, steps = (each, channels), (by_filter, by_channel)
    if transposed:
        inner, steps = inner[::-1], steps[::-1]
    shape, strides = (case.groups, *inner, taps), (by_group, *steps, by_tap)
    return replace(filters, shape=shape, strides=strides)


def is_by_lane(case: Case) -> bool:
    """Whether each channel is convolved with one filter of its own."""
    return case.groups == case.views[0].shape[1] == case.views[2].shape[1] > 1


def convolution(site: Site) -> None:
    """Write a convolution."""
    x, w, *rest = site.operands
    bias = rest[0] if rest else None
    if bias is not None and not isinstance(bias, View):
        raise Unsupported("a bias that is no value")
    case = case_of(site, x, w, site.out)
    steps = case.views[2].shape[2:]
    bank = bank_of(case, transposed=False)
    Sweeping(site, case, forward(case.window, steps), case.views[0], bank, case.views[2], bias)()


def convolution_input(site: Site) -> None:
    """Write a convolution's gradient by its images."""
    g, w = site.operands[:2]
    case = case_of(site, site.out, w, g)
    sweep = backward(case.window, case.views[0].shape[2:])
    bank = bank_of(case, transposed=True)
    Sweeping(site, case, sweep, case.views[2], bank, case.views[0], None)()


class Pointers(NamedTuple):
    """Where a panel's part of something begins: source, filters, result, and bias if any."""

    source: str
    filters: str
    target: str
    bias: str


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
        self.site, self.sweep, self.source, self.out, self.bias = site, sweep, source, out, bias
        self.by_lane = is_by_lane(case)
        self.dtype, self.vector = out.base.dtype, lanes(out.base.dtype)
        self.groups, self.columns, self.channels, taps = bank.shape
        self.tap_steps = row_major(case.window.size)
        counts, images = sweep.counts, source.shape[0]
        turns = self.channels * taps // len(sweep.phases)
        space = (images, *counts)
        self.box = best_box(space, self.columns, max(1, turns), self.dtype, self.by_lane)
        width = min(self.box.wide * self.vector.lanes, self.columns)
        self.bank = Bank(bank, width, self.vector)
        self.margins = sweep.margins(source.shape[2:])
        self.direct = is_read_in_place(source, self.margins, self.by_lane)
        self.pixels = in_place(source) if self.direct else self._of_copy(1)
        self.band = self._band()
        if not self.direct:
            self.pixels = self._of_copy(self._rows(self.band))

    def _rows(self, band: int) -> int:
        """Source rows that so many positions along the first dimension read."""
        (first, last), *_ = self.sweep.spans
        return (band - 1) * self.sweep.apart[0] + last - first + 1

    def _of_copy(self, rows: int) -> Pixels:
        sizes = zip(self.margins.before, self.source.shape[2:], self.margins.after)
        _, *inner = [a + n + b for a, n, b in sizes]
        return of_copy(self.source.shape[1], (rows, *inner))

    def _band(self) -> int:
        """Positions along the first dimension that a unit makes: so few that they stay near."""
        step, most = self.box.rows[1], self.sweep.counts[0]
        whole = -(-most // step)
        row = self.box.rows[0] * math.prod(self.source.shape[1:]) // self.source.shape[2]
        fit = max(1, (NEAR // row - self._rows(1)) // (step * self.sweep.apart[0]))
        parts = -(-whole // fit)
        return -(-whole // parts) * step

    def __call__(self) -> None:
        site, images = self.site, self.box.rows[0]
        room = packed(site, self.bank)
        count = images * self.pixels.image
        if not self.direct and count > MOST:
            raise Unsupported("a convolution of rows too long")
        bands = -(-self.sweep.counts[0] // self.band)
        work = math.prod(self.out.shape) * self.channels * math.prod(self.bank.view.shape[3:])

        def unit(inside: Inside, number: Register) -> None:
            image = number / bands
            band = number - image * bands
            self._unit(inside, room, image * images, band)

        site.each(self.source.shape[0] // images * bands, work, unit)

    def _unit(self, inside: Inside, room: Room, image: Register, band: Register) -> None:
        w, pixels = inside.w, self.pixels
        (first, _), *_ = self.sweep.spans
        row = band * (self.band * self.sweep.apart[0])
        if self.direct:
            start = image * pixels.image + row * pixels.steps[0]
            source = w.at(inside.start(self.source), self.dtype, start)
        else:
            buffer = inside.reserve(self.dtype, self.box.rows[0] * pixels.image)
            for k in range(self.box.rows[0]):
                there = w.at(buffer, self.dtype, k * pixels.image)
                rows = (row + first, self._rows(self.band))
                copied(inside, self.source, image + k, there, self.margins, rows)
            corner = zip((-first, *self.margins.before[1:]), pixels.steps)
            source = w.at(buffer, self.dtype, sum(n * step for n, step in corner))
        result = in_place(self.out)
        start = image * result.image + band * (self.band * self.sweep.between[0] * result.steps[0])
        target = w.at(inside.start(self.out), self.dtype, start)
        filters = inside.room(room)
        bias = inside.start(self.bias) if self.bias else ""
        with w.loop(self.groups) as group:
            left = w.at(source, self.dtype, group * (self.channels * pixels.channel))
            there = w.at(target, self.dtype, group * (self.columns * result.channel))
            right = w.at(filters, self.dtype, group * (self.bank.panels * self.bank.panel))
            own = ""
            if self.bias:
                own = w.at(bias, self.dtype, group * (self.columns * self.bias.strides[0]))
            for phase in self.sweep.phases:
                self._phase(inside, phase, band, left, right, there, own)

    def _phase(
        self,
        inside: Inside,
        phase: Phase,
        band: Register,
        source: str,
        filters: str,
        target: str,
        bias: str,
    ) -> None:
        """Write the positions of a phase in a band, panel by panel."""
        w, pixels, result = inside.w, self.pixels, in_place(self.out)
        source = w.at(source, self.dtype, dot(phase.base, pixels.steps))
        target = w.at(target, self.dtype, dot(phase.first, result.steps))
        taps = dot([first for first, _, _ in phase.taps], self.tap_steps)
        filters = w.at(filters, self.dtype, taps * (self.channels * self.bank.pitch))

        def panel(first: At, columns: int) -> None:
            place = first * result.channel
            right = w.at(filters, self.dtype, self._panel(first))
            left = w.at(source, self.dtype, first) if self.by_lane else source
            own = w.at(bias, self.dtype, first * self.bias.strides[0]) if self.bias else ""
            there = w.at(target, self.dtype, place)
            self._rows_of_tiles(inside, phase, band, Pointers(left, right, there, own), columns)

        every(w, self.columns, self.bank.width, panel)

    def _panel(self, first: At) -> At:
        """How far the panel is that begins with a column."""
        width, panel = self.bank.width, self.bank.panel
        return first / width * panel if isinstance(first, Register) else first // width * panel

    def _rows_of_tiles(
        self, inside: Inside, phase: Phase, band: Register, at: Pointers, columns: int
    ) -> None:
        """Write the tiles of a phase in a band, of one panel."""
        w, (most, count) = inside.w, (self.sweep.counts[0], phase.many[0])
        step = self.box.rows[1]

        def row(first: At, size: int) -> None:
            self._tiles(inside, phase, at, columns, [first], [size])

        if self.band >= most:
            every(w, count, step, row)
            return
        (full, rest), each = divmod(count, step), self.band // step
        left = -(band * each) + full
        whole = left.lt(each).select(left, w.number(each, left.dtype))

        def tiles() -> None:
            with w.loop(whole) as turn:
                row(turn * step, step)

        when(w, whole.gt(0), tiles)
        if rest:
            when(w, band.eq(full // each), lambda: row(left * step, rest))

    def _tiles(
        self,
        inside: Inside,
        phase: Phase,
        at: Pointers,
        columns: int,
        firsts: list[At],
        high: list[int],
    ) -> None:
        """Write the tiles whose place in the outer dimensions is known."""
        d = len(firsts)
        if d == len(phase.many):
            self._tile(inside, phase, at, columns, firsts, high)
            return

        def along(first: At, size: int) -> None:
            self._tiles(inside, phase, at, columns, [*firsts, first], [*high, size])

        every(inside.w, phase.many[d], self.box.rows[1 + d], along)

    def _tile(
        self,
        inside: Inside,
        phase: Phase,
        at: Pointers,
        columns: int,
        firsts: list[At],
        high: list[int],
    ) -> None:
        """Write one tile."""
        w, pixels, result = inside.w, self.pixels, in_place(self.out)
        over = [s * step for s, step in zip(self.sweep.apart, pixels.steps)]
        onto = [s * step for s, step in zip(self.sweep.between, result.steps)]
        sizes = (self.box.rows[0], *high)
        rows = distances(sizes, (pixels.image, *over))
        places = distances(sizes, (result.image, *onto))
        vectors = cover(self.vector, columns)
        sums = slots(w, len(rows), vectors)
        if at.bias:
            self._begin(inside, sums, vectors, at.bias)
        if phase.meets:
            left = w.at(at.source, self.dtype, dot(firsts, over))
            multiply(w, self._levels(phase), left, at.filters, rows, vectors, sums, self.by_lane)
        target = w.at(at.target, self.dtype, dot(firsts, onto))
        self._put(inside, sums, vectors, target, places, result.channel)

    def _begin(self, inside: Inside, sums: Slots, vectors: Columns, bias: str) -> None:
        assert self.bias is not None
        w, (step,) = inside.w, self.bias.strides
        found = [v.collect(w, w.at(bias, self.dtype, first * step), step) for first, v in vectors]
        for (_, p), slot in sums.items():
            w.do(f"store {vectors[p][1]} {found[p]}, ptr {slot}")

    def _levels(self, phase: Phase) -> list[Level]:
        """The nest of loops: over the taps, then over the channels."""
        row = self.channels * self.bank.pitch
        lies = zip(phase.taps, phase.move, self.pixels.steps, self.tap_steps)
        taps = [Level(n, m * s, by * step * row) for (_, by, n), m, s, step in lies]
        return joined([*taps, Level(self.channels, self.pixels.channel, self.bank.pitch)])

    def _put(
        self,
        inside: Inside,
        sums: Slots,
        vectors: Columns,
        target: str,
        places: Sequence[int],
        channel: int,
    ) -> None:
        """Write where the sums go: pixels at their places, `channel` apart inside."""
        w = inside.w
        pitch = vectors[-1][0] + vectors[-1][1].lanes
        aside = "" if channel == 1 else inside.reserve(self.dtype, len(places) * pitch)
        for (r, p), slot in sums.items():
            first, v = vectors[p]
            if aside:
                place = w.at(aside, self.dtype, r * pitch + first)
            else:
                place = w.at(target, self.dtype, places[r] + first)
            v.store(w, v.total(w, [slot]), place)
        if aside:
            with w.loop(vectors[-1][0] + vectors[-1][1].live) as j:
                here, there = w.at(aside, self.dtype, j), w.at(target, self.dtype, j * channel)
                for r, onto in enumerate(places):
                    number = w.load(w.at(here, self.dtype, r * pitch), self.dtype)
                    w.store(number, w.at(there, self.dtype, onto))


def dot(index: Sequence[At], steps: Sequence[int]) -> Number:
    """Write how far, in elements, an index is from where all are 0."""
    found: Number = sum(i * step for i, step in zip(index, steps) if isinstance(i, int))
    for i, step in zip(index, steps):
        if isinstance(i, Register):
            found = i * step + found
    return found


CONVOLUTIONS: dict[str, Callable[[Site], None]] = {
    "convolution": convolution,
    "convolution_input": convolution_input,
}
