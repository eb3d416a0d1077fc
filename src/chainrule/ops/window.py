"""A window that moves over images, as convolution and pooling share it (floor 1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Shape

Pair: TypeAlias = tuple[int, int]


class Window(NamedTuple):
    """How a window moves over an image: all four in pixels, (vertical, horizontal)."""

    size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    def reach(self) -> Pair:
        """Pixels from the first to the last that the window touches."""
        (kh, kw), (dh, dw) = self.size, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    def steps(self, height: int, width: int) -> Pair:
        """How many positions the window has on an image of that size."""
        (rh, rw), (sh, sw), (ph, pw) = self.reach(), self.stride, self.padding
        return (height + 2 * ph - rh) // sh + 1, (width + 2 * pw - rw) // sw + 1

    def taps(self, steps: Pair) -> Iterator[tuple[slice, slice]]:
        """For each tap, row by row, the pixels (rows, columns) that it meets in `steps` moves."""
        (sh, sw), (dh, dw) = self.stride, self.dilation
        for i in range(0, self.size[0] * dh, dh):
            for j in range(0, self.size[1] * dw, dw):
                yield (
                    slice(i, i + sh * (steps[0] - 1) + 1, sh),
                    slice(j, j + sw * (steps[1] - 1) + 1, sw),
                )


def pair(v: int | tuple[int, int]) -> Pair:
    """Return `v` as (vertical, horizontal)."""
    if isinstance(v, (tuple, list)):
        if len(v) != 2:
            raise ShapeError(f"expected one number or a pair (vertical, horizontal), got {v}")
        return int(v[0]), int(v[1])
    return int(v), int(v)


def stepped(x: Shape, window: Window) -> Pair:
    """Return how many positions the window has on images of shape `x`, which must be enough."""
    if len(x) != 4:
        raise ShapeError(f"expected images of shape (N, C, H, W), got {x}")
    if min(x[1:]) < 1 or min(window.size) < 1:
        raise ShapeError(
            f"images of shape {x} and a window of {window.size}: there must be a channel and a "
            "pixel, in both"
        )
    if min(window.stride) < 1 or min(window.dilation) < 1 or min(window.padding) < 0:
        raise ShapeError(
            f"stride {window.stride} and dilation {window.dilation} must be at least 1, "
            f"padding {window.padding} at least 0"
        )
    steps = window.steps(x[2], x[3])
    if min(steps) < 1:
        raise ShapeError(
            f"a window of {window.size} (reach {window.reach()}) does not fit images of "
            f"{x[2]}x{x[3]} with padding {window.padding}; use a smaller one or more padding"
        )
    return steps


def padded_last(x: Array, padding: Pair, fill: float = 0.0) -> Array:
    """x (N, C, H, W) as (N, H + 2 ph, W + 2 pw, C), contiguous."""
    x = x.transpose(0, 2, 3, 1)
    ph, pw = padding
    if not ph and not pw:
        return np.ascontiguousarray(x)
    n, h, w, c = x.shape
    y = np.full((n, h + 2 * ph, w + 2 * pw, c), fill, dtype=x.dtype)
    y[:, ph : ph + h, pw : pw + w] = x
    return y


def adjoint_shape(g: Shape, forward: Shape, shape: Shape) -> Shape:
    """`shape`, if g is a gradient of what the forward operation makes of it."""
    if g != forward:
        raise ShapeError(f"the gradient has shape {g}, the output it belongs to {forward}")
    return shape
