"""Images as a convolution reads them, and which of the places that it reads are there (floor 2).

Images are read where they lie, or, if the numbers of a pixel are too far from one another, from a
copy in order, channels last. What would be read outside, as zeros, is never read: a tap meets
pixels from a first to a last position, and that is how far the loops go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

from chainrule.plan.native.kernels.convolution.multiply import Level, dot, lanes
from chainrule.plan.native.llvm.ir import INDEX, Register, Writer
from chainrule.plan.native.llvm.vectors import At, when
from chainrule.plan.native.matrices.tiles import in_order
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View, row_major

__all__ = ["Pixels", "Span", "Way", "fitting", "laid", "loops", "met", "span", "steps_of"]

# Channels whose numbers may lie apart where images are read in place: each is another line of the
# cache.
APART = 4


class Pixels(NamedTuple):
    """How images lie.

    Attributes:
        start: writes where their first number is.
        image: elements from one image to the next.
        steps: elements from one pixel to the next in each dimension.
        channel: elements from one channel to the next.
    """

    start: Callable[[Inside], str]
    image: int
    steps: tuple[int, ...]
    channel: int


def steps_of(view: View) -> Pixels:
    """How images lie in a value's memory."""
    image, channel, *steps = view.strides
    near = 1 if view.shape[1] == 1 else channel
    return Pixels(lambda inside: inside.start(view), image, tuple(steps), near)


def laid(site: Site, view: View, in_vectors: bool) -> Pixels:
    """How images can be read fast: as they lie, or from a copy that is written here.

    Args:
        site: where to.
        view: of the images.
        in_vectors: whether the numbers of a pixel are read several at once.
    """
    found = steps_of(view)
    count, channels, *sizes = view.shape
    if found.channel == 1 or (channels <= APART and not in_vectors):
        return found
    image, *steps, channel = row_major((count, *sizes, channels))[0:]
    dtype = view.base.dtype
    room = site.take(count * image, dtype)

    def one(inside: Inside, line: Register) -> None:
        w = inside.w
        here, there, left = inside.start(view), inside.room(room), line
        for n, step, onto in reversed(
            [*zip((count, *sizes), (found.image, *found.steps), (image, *steps))][:-1]
        ):
            whole = left / n
            index = left - whole * n
            here, there = w.at(here, dtype, index * step), w.at(there, dtype, index * onto)
            left = whole
        source = (here, found.steps[-1], found.channel)
        in_order(w, source, (there, channels), (sizes[-1], channels), lanes(dtype))

    lines = count * image // (sizes[-1] * channels)
    site.each(lines, count * image, one)
    return Pixels(lambda inside: inside.room(room), image, tuple(steps), channel)


# --- what is there --------------------------------------------------------------------------------


class Span(NamedTuple):
    """Turns of a loop that meet what is there: the first, and the one after the last."""

    first: At
    end: At


def span(base: At, step: int, turns: int, size: int) -> Span:
    """Write which of some turns, of which number k meets pixel base + k step, meet one of `size`.

    If none does, the end is not after the first.

    Examples:
        >>> span(-1, 1, 3, 28)
        Span(first=1, end=3)
    """
    if isinstance(base, int):
        known = met(base, step, turns, size)
        return Span(known.start, known.stop)
    if step < 0:  # counted from the other end
        base, step = -base + (size - 1), -step
    before, after = (-base + (step - 1)) / step, (-base + (size - 1 + step)) / step
    first = before.gt(0).select(before, 0)
    return Span(first, after.lt(turns).select(after, base.writer.number(turns, INDEX)))


def met(base: int, step: int, turns: int, size: int) -> range:
    """Return which turns meet a pixel, where the first one is known.

    Examples:
        >>> met(-1, 1, 3, 28), met(-1, -1, 3, 28), met(26, 2, 5, 28)
        (range(1, 3), range(0, 0), range(0, 1))
    """
    if step < 0:
        base, step = size - 1 - base, -step
    return range(max(0, -(base // step)), min(turns, (size - 1 - base) // step + 1))


class Way(NamedTuple):
    """A loop that meets what is there; see `Level` for its steps."""

    span: Span
    left: int
    right: int


def loops(ways: Sequence[Way]) -> tuple[list[Level], At, At, list[At]]:
    """Write, for loops that meet what is there, what nests are made of.

    Returns:
        The levels; how far the first turn is for both pointers; and the numbers of turns that may
        be none.
    """
    firsts = [way.span.first for way in ways]
    turns = [dot((way.span.end, way.span.first), (1, -1)) for way in ways]
    levels = [Level(n, way.left, way.right) for n, way in zip(turns, ways)]
    left, right = dot(firsts, [way.left for way in ways]), dot(firsts, [way.right for way in ways])
    return levels, left, right, [n for n in turns if isinstance(n, Register) or n < 1]


def fitting(w: Writer, turns: Sequence[At], body: Callable[[], None]) -> None:
    """Write a body for where none of some numbers of turns is less than 1."""
    if not all(isinstance(n, Register) for n in turns):
        return
    if turns:
        fits = [n.gt(0) for n in turns if isinstance(n, Register)]
        when(w, reduce(and_, fits), body)
    else:
        body()
