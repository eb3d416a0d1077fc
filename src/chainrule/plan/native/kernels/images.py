"""Images as a convolution reads them: where they lie, or from a copy with zeros around (floor 2).

A copy is in order, channels last, and as large as all places that are read. It is made of a few
images, or of a few rows of one, at a time, so that it is still in a near cache when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.ops.window import Sizes
from chainrule.plan.native.ir import INDEX, Number, Writer
from chainrule.plan.native.kernels.multiply import lanes
from chainrule.plan.native.site import Inside
from chainrule.plan.native.tiles import Matrix, in_order
from chainrule.plan.native.vectors import when
from chainrule.plan.passes.views import View, row_major

__all__ = ["Margins", "Pixels", "copied", "in_place", "is_read_in_place", "of_copy"]

# Channels whose numbers may lie apart where images are read in place: each is another line of the
# cache.
APART = 4


class Margins(NamedTuple):
    """Places around images that are read as zeros, in each dimension."""

    before: Sizes
    after: Sizes


class Pixels(NamedTuple):
    """How pixels lie from a pointer on, in elements.

    Attributes:
        image: from one image to the next.
        steps: from one pixel to the next in each dimension.
        channel: from one channel to the next.
    """

    image: int
    steps: tuple[int, ...]
    channel: int


def in_place(view: View) -> Pixels:
    """How the pixels of images lie in a value's memory."""
    image, channel, *steps = view.strides
    return Pixels(image, tuple(steps), 1 if view.shape[1] == 1 else channel)


def is_read_in_place(view: View, margins: Margins, by_lane: bool) -> bool:
    """Whether images can be read where they lie, and fast enough."""
    near = in_place(view).channel == 1 or (view.shape[1] <= APART and not by_lane)
    return near and not any(map(any, margins))


def of_copy(channels: int, sizes: Sequence[int]) -> Pixels:
    """How the pixels lie in a copy of images of such sizes, with what is around them."""
    image, *steps, channel = row_major((1, *sizes, channels))
    return Pixels(image, tuple(steps), channel)


def copied(
    inside: Inside,
    view: View,
    image: Number,
    target: str,
    margins: Margins,
    rows: tuple[Number, int],
) -> None:
    """Write a copy of rows of one image, channels last, with zeros around.

    Args:
        inside: where to.
        view: of the images.
        image: which one.
        target: where the copy goes.
        margins: around the image in all dimensions but the first.
        rows: the first row, of those along the first dimension, which may be outside, and how many.
    """
    w, dtype = inside.w, view.base.dtype
    pixels, channels, size = in_place(view), view.shape[1], view.shape[2:]
    full = [a + n + b for a, n, b in zip(margins.before, size, margins.after)]
    pitches = of_copy(channels, full).steps
    source = w.at(inside.start(view), dtype, w.number(image, INDEX) * pixels.image)
    first, count = rows

    def line(d: int, here: str, there: str) -> None:
        """Copy all of dimension d on."""
        zeros(w, dtype, there, margins.before[d] * pitches[d])
        inner = w.at(there, dtype, margins.before[d] * pitches[d])
        if d == len(size) - 1:
            matrix = (here, pixels.steps[d], pixels.channel)
            copy_line(w, inner, matrix, size[d], channels, dtype)
        else:
            with w.loop(size[d]) as i:
                line(
                    d + 1,
                    w.at(here, dtype, i * pixels.steps[d]),
                    w.at(inner, dtype, i * pitches[d]),
                )
        zeros(w, dtype, w.at(inner, dtype, size[d] * pitches[d]), margins.after[d] * pitches[d])

    with w.loop(count) as i:
        row = i + first
        there = w.at(target, dtype, i * pitches[0])
        here = w.at(source, dtype, row * pixels.steps[0])
        within = row.ge(0) & row.lt(size[0])
        when(w, within, lambda: line(1, here, there), lambda: zeros(w, dtype, there, pitches[0]))


def copy_line(w: Writer, target: str, source: Matrix, size: int, channels: int, dtype: Any) -> None:
    """Write a copy, in order, of pixels in a line: `source` steps by pixel and by channel."""
    start, by_pixel, by_channel = source
    if by_channel != 1:
        in_order(w, source, (target, channels), (size, channels), lanes(dtype))
        return
    together = channels if by_pixel != channels else size * channels
    with w.loop(size * channels // together) as i:
        here, there = w.at(start, dtype, i * by_pixel), w.at(target, dtype, i * channels)
        with w.loop(together, parallel=True) as k:
            w.store(w.load(w.at(here, dtype, k), dtype), w.at(there, dtype, k))


def zeros(w: Writer, dtype: np.dtype[Any], target: str, count: int) -> None:
    """Write so many zeros."""
    if count:
        with w.loop(count, parallel=True) as k:
            w.store(w.number(0, dtype), w.at(target, dtype, k))
