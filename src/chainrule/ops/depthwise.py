"""The three products of a convolution whose groups are single channels (floor 1).

There a matrix product has nothing to add up but the taps, so the work is done tap by tap, for all
channels at once. Everything is channels-last; filters are (taps, groups, filters of a group).
"""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.backend.arrays import module_of
from chainrule.ops.core import Array
from chainrule.ops.window import Sizes, Window

# Elements of the output in work at a time: they and what they are made of stay in cache.
_BLOCK = 1 << 15


def filters(w: Array, groups: int) -> Array:
    """Filters (O, 1, ...) as (taps, groups, O / groups)."""
    return module_of(w).ascontiguousarray(
        w.reshape(groups, w.shape[0] // groups, -1).transpose(2, 0, 1)
    )


def _blocks(g: Array) -> Iterator[slice]:
    """Ranges of images of g that are worked on at a time."""
    size = max(1, _BLOCK * len(g) // max(g.size, 1))
    return (slice(i, i + size) for i in range(0, len(g), size))


def convolve(x: Array, w: Array, y: Array, window: Window) -> None:
    """Set y (N, ..., groups, each) to the convolution of padded x (N, ..., groups)."""
    steps: Sizes = y.shape[1:-2]
    y[...] = 0
    for images in _blocks(y):
        for tap, pixels in zip(w, window.taps(steps)):
            y[images] += x[images, *pixels, :, None] * tap


def spread(g: Array, w: Array, x: Array, window: Window) -> None:
    """Add to padded x (N, ..., groups) each g (N, ..., groups, each), times the filters."""
    steps: Sizes = g.shape[1:-2]
    for images in _blocks(g):
        for tap, pixels in zip(w, window.taps(steps)):
            x[images, *pixels] += (g[images] * tap).sum(-1)


def weigh(g: Array, x: Array, total: Array, window: Window) -> None:
    """Add to total (taps, groups, each) every window of padded x, weighted by its g."""
    steps: Sizes = g.shape[1:-2]
    axes = tuple(range(len(steps) + 1))
    for images in _blocks(g):
        for k, pixels in enumerate(window.taps(steps)):
            total[k] += (g[images] * x[images, *pixels, :, None]).sum(axes)
