"""Windows that move over images: positions, taps, and numbers side by side (floor 2).

Pooling, its gradients and windows laid out as columns go over images (N, C, ...) alike. At each
position of the window they look at its taps, and do so for some numbers that lie side by side at
once: for all channels where these lie closest, else for the positions along the last dimension. A
window that is inside the image has its taps written out one by one; one that reaches beyond it, or
has many, is gone through in loops over those taps that are inside.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from chainrule.ops.window import Window
from chainrule.plan.formulas import registers
from chainrule.plan.native.llvm.ir import INDEX, Register, Unsupported, Writer
from chainrule.plan.native.llvm.vectors import when
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = [
    "Axis",
    "Even",
    "Spot",
    "Tap",
    "Walk",
    "along",
    "index",
    "row_major",
    "step_to",
    "unravelled",
    "walk",
]

WRITTEN_OUT = 27  # taps that are written out one by one
LONGEST = 65_536  # numbers side by side


class Axis(Protocol):
    """One dimension of an image, and how the window stands in it."""

    @property
    def size(self) -> int:
        """Pixels of the image."""

    @property
    def moves(self) -> int:
        """Positions of the window."""

    @property
    def taps(self) -> int:
        """How many a window has at most."""

    @property
    def stride(self) -> int:
        """Pixels from one position to the next; 0 where that changes."""

    @property
    def dilation(self) -> int:
        """Pixels from one tap to the next."""

    def begin(self, inside: Inside, place: Sequence[Register]) -> Register:
        """The pixel of the first tap; `place` is the image, the channel and this axis' position."""

    def bounds(self, begin: Register, move: Register) -> tuple[Register, Register]:
        """The first tap that is inside, and the one after the last."""

    def sure(self) -> range:
        """Positions at which all taps are inside, one after another."""

    def within(self, begin: Register, move: Register) -> Register:
        """Whether all taps are inside."""


class Even(NamedTuple):
    """An axis along which the window moves in equal steps."""

    size: int
    moves: int
    taps: int
    stride: int
    dilation: int
    padding: int

    @property
    def reach(self) -> int:
        """Pixels from the first to the last that the window touches."""
        return self.dilation * (self.taps - 1) + 1

    def begin(self, inside: Inside, place: Sequence[Register]) -> Register:
        """The pixel of the first tap."""
        return place[-1] * self.stride - self.padding

    def bounds(self, begin: Register, move: Register) -> tuple[Register, Register]:
        """The first tap that is inside, and the one after the last."""
        w = begin.writer
        if len(self.sure()) == self.moves:
            return index(w, 0), index(w, self.taps)
        before = (-begin + (self.dilation - 1)) / self.dilation
        end = (index(w, self.size) - begin + (self.dilation - 1)) / self.dilation
        return begin.lt(0).select(before, 0), end.lt(self.taps).select(end, self.taps)

    def sure(self) -> range:
        """Positions at which all taps are inside, one after another."""
        first = min(-(-self.padding // self.stride), self.moves)
        last = min((self.size - self.reach + self.padding) // self.stride, self.moves - 1)
        return range(first, max(last + 1, first))

    def within(self, begin: Register, move: Register) -> Register:
        """Whether all taps are inside."""
        return begin.ge(0) & begin.le(self.size - self.reach)


def along(window: Window, image: Sequence[int]) -> tuple[Even, ...]:
    """The axes of a window on an image of that size."""
    moves = window.steps(tuple(image))
    return tuple(
        Even(n, m, k, s, d, p) for n, m, k, s, p, d in zip(image, moves, *window[:4], strict=True)
    )


class Tap(NamedTuple):
    """A tap of a window: which it is along each axis, and the pixel that it meets."""

    which: tuple[Register, ...]
    pixel: tuple[Register, ...]


class Spot:
    """Positions of the window side by side, at which it is looked at while code is written.

    Args:
        inside: the function under construction.
        walk: what the spot is part of.
        place: the first position: (N, C, ...).
        count: how many there are from there along the walk's lane.
        sure: axes along which all taps are inside.
    """

    def __init__(
        self, inside: Inside, walk: Walk, place: Sequence[Register], count: int, sure: set[int]
    ) -> None:
        self.inside, self.w, self.walk, self.count = inside, inside.w, walk, count
        self.place, self._sure = tuple(place), sure
        self.begin = tuple(
            axis.begin(inside, (*self.place[:2], move))
            for axis, move in zip(walk.axes, self.place[2:])
        )

    def start(self, view: View, at: Register | None = None) -> str:
        """A pointer to what a view of positions has at the first; `at` is more to step over."""
        place = step_to(self.w, self.place, view.strides)
        whole = place if at is None else place + at
        return self.w.at(self.inside.start(view), view.base.dtype, whole)

    def step(self, view: View) -> int:
        """Elements from one position to the next in a view of positions."""
        return view.strides[self.walk.lane]

    def pixel(self, view: View, tap: Tap) -> str:
        """A pointer to the pixel of a view of images that a tap meets at the first position."""
        place = step_to(self.w, (*self.place[:2], *tap.pixel), view.strides)
        return self.w.at(self.inside.start(view), view.base.dtype, place)

    def pixel_step(self, view: View) -> int:
        """Elements from the pixel at one position to that at the next."""
        lane = self.walk.lane
        return view.strides[lane] * (1 if lane == 1 else self.walk.axes[lane - 2].stride)

    # --- taps -----------------------------------------------------------------------------------

    def visit(self, written: Callable[[], None], looped: Callable[[], None]) -> None:
        """Write one of two ways: for a few taps that are all inside, and for any."""
        if math.prod(axis.taps for axis in self.walk.axes) > WRITTEN_OUT:
            looped()
            return
        unsure = [
            axis.within(begin, move)
            for d, (axis, begin, move) in enumerate(zip(self.walk.axes, self.begin, self.place[2:]))
            if d not in self._sure and len(axis.sure()) < axis.moves
        ]
        if not unsure:
            written()
            return
        condition = unsure[0]
        for other in unsure[1:]:
            condition = condition & other
        when(self.w, condition, written, looped)

    def taps(self) -> Iterator[Tap]:
        """All taps, one by one."""
        for which in itertools.product(*[range(axis.taps) for axis in self.walk.axes]):
            yield self._tap([index(self.w, t) for t in which])

    def first(self) -> Tap:
        """The first tap that is inside."""
        return self._tap([first for first, _ in self._bounds()])

    def each_tap(self, write: Callable[[Tap], None]) -> None:
        """Write a loop over the taps that are inside, row by row."""
        self._loop((), self._bounds(), write)

    def _loop(
        self,
        which: tuple[Register, ...],
        bounds: Sequence[tuple[Register, Register]],
        write: Callable[[Tap], None],
    ) -> None:
        if not bounds:
            write(self._tap(which))
            return
        (first, end), *others = bounds

        def turns() -> None:
            with self.w.loop(end - first) as turn:
                self._loop((*which, turn + first), others, write)

        when(self.w, first.lt(end), turns)

    def _bounds(self) -> list[tuple[Register, Register]]:
        moves = self.place[2:]
        axes = enumerate(zip(self.walk.axes, self.begin, moves))
        return [
            (index(self.w, 0), index(self.w, axis.taps))
            if d in self._sure
            else axis.bounds(begin, move)
            for d, (axis, begin, move) in axes
        ]

    def _tap(self, which: Sequence[Register]) -> Tap:
        pixel = [
            begin + t * axis.dilation for axis, begin, t in zip(self.walk.axes, self.begin, which)
        ]
        return Tap(tuple(which), tuple(pixel))

    def number(self, tap: Tap) -> Register:
        """The number of a tap in its window, row by row."""
        return row_major(tap.which, [axis.taps for axis in self.walk.axes])


class Walk(NamedTuple):
    """A way over all positions of a window.

    Attributes:
        batch: images.
        channels: of each.
        axes: the dimensions behind those.
        lane: of the positions (N, C, ...) the dimension of which many are taken at once.
    """

    batch: int
    channels: int
    axes: tuple[Axis, ...]
    lane: int

    def each(
        self,
        site: Site,
        visit: Callable[[Spot], None],
        ahead: Callable[[Inside, Sequence[Register], Register | None], None] | None = None,
    ) -> None:
        """Write `visit` for all positions.

        Args:
            site: where.
            visit: writes what is done at some of them.
            ahead: given where images are gone through whole by one thread: writes what comes before
                the positions of each row of the first axis, for the image, the channel and the row;
                without a row it is for all of them.
        """
        by_channel = self.lane != 1
        sizes = [self.batch, *([self.channels] * by_channel), *(a.moves for a in self.axes)]
        sizes = sizes[:-1] if by_channel else sizes
        split = 1 if ahead and not by_channel else 2
        outer, inner = sizes[:split], sizes[split:]
        work = self.batch * self.channels * math.prod(a.moves * a.taps for a in self.axes)

        def unit(inside: Inside, number: Register) -> None:
            w = inside.w
            place = unravelled(number, outer)
            if not by_channel:
                place.insert(1, index(w, 0))
            if ahead and by_channel and not inner:
                ahead(inside, place, None)
            self._rows(inside, place, inner, visit, ahead)

        site.each(math.prod(outer), work, unit)

    def _rows(
        self,
        inside: Inside,
        place: list[Register],
        inner: Sequence[int],
        visit: Callable[[Spot], None],
        ahead: Callable[[Inside, Sequence[Register], Register | None], None] | None,
    ) -> None:
        if not inner:
            self._lanes(inside, place, visit)
            return
        with inside.w.loop(inner[0]) as move:
            if ahead and len(place) == 2:
                ahead(inside, place, move)
            self._rows(inside, [*place, move], inner[1:], visit, ahead)

    def _lanes(self, inside: Inside, place: list[Register], visit: Callable[[Spot], None]) -> None:
        """Write the visits of the positions that only the lane has left open."""
        if self.lane == 1:
            visit(Spot(inside, self, place, self.channels, set()))
            return
        w, last = inside.w, len(self.axes) - 1
        axis = self.axes[last]
        sure = axis.sure()
        if sure:
            begin = index(w, sure.start)
            visit(Spot(inside, self, (*place, begin), len(sure), {last}))
        if len(sure) < axis.moves:
            with w.loop(axis.moves - len(sure)) as turn:
                move = turn.lt(sure.start).select(turn, turn + len(sure))
                visit(Spot(inside, self, (*place, move), 1, set()))


def walk(view: View, axes: Sequence[Axis]) -> Walk:
    """The walk over images (N, C, ...), or over positions, that suits how these lie.

    Raises:
        Unsupported: there is nothing to go over, or too much at once.
    """
    n, c, *_ = view.shape
    uneven = any(not axis.stride for axis in axes)
    last = len(axes) + 1
    close = abs(view.strides[1]) < abs(view.strides[last]) or axes[-1].moves == 1
    lane = 1 if uneven or (c > 1 and close) else last
    if 0 in view.shape or max(c, axes[-1].moves) > LONGEST:
        raise Unsupported(f"windows over images of {view.shape}")
    return Walk(n, c, tuple(axes), lane)


def index(w: registers.Writer, number: int) -> Register:
    """A constant as an index."""
    return w.number(number, INDEX)


def step_to(w: Writer, place: Sequence[Register], strides: Sequence[int]) -> Register:
    """How many elements away from the first the one at an index lies."""
    found = index(w, 0)
    for i, stride in zip(place, strides, strict=True):
        if stride:
            found = i * stride + found
    return found


def row_major(place: Sequence[Register], sizes: Sequence[int]) -> Register:
    """The number of an element in a row-major array."""
    found = place[0]
    for i, n in zip(place[1:], sizes[1:]):
        found = found * n + i
    return found


def unravelled(number: Register, sizes: Sequence[int]) -> list[Register]:
    """The index of an element of a row-major array, from its number."""
    found: list[Register] = []
    for n in reversed(sizes[1:]):
        whole = number / n
        found.insert(0, number - whole * n)
        number = whole
    return [number, *found] if sizes else []
