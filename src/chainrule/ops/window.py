"""A window that moves over images, as convolution and pooling share it (floor 1).

Images have one dimension or more behind batch and channels: (N, C, L), (N, C, H, W) or
(N, C, D, H, W). What is said of a window holds in each of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from chainrule.backend.arrays import module_of
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Shape, Value
from chainrule.ops.shape import reshape

Sizes: TypeAlias = tuple[int, ...]


class Window(NamedTuple):
    """How a window moves over an image: in pixels, a number for each dimension.

    With `ceil` a last window that begins on the image or its padding but reaches beyond counts too.
    """

    size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil: bool = False

    def reach(self) -> Sizes:
        """Pixels from the first to the last that the window touches."""
        return tuple([d * (k - 1) + 1 for k, d in zip(self.size, self.dilation)])

    def steps(self, image: Sizes) -> Sizes:
        """How many positions the window has on an image of that size."""
        moves = zip(image, self.reach(), self.stride, self.padding)
        if not self.ceil:
            return tuple([(n + 2 * p - r) // s + 1 for n, r, s, p in moves])
        return tuple([min(-((r - n - 2 * p) // s), (n + p - 1) // s) + 1 for n, r, s, p in moves])

    def margins(self, image: Sizes) -> tuple[tuple[int, int], ...]:
        """Pixels that the window needs (before, after) the image in each dimension."""
        if not self.ceil:
            return tuple([(p, p) for p in self.padding])
        ends = zip(self.steps(image), self.stride, self.reach(), image, self.padding)
        return tuple([(p, max((k - 1) * s + r - n - p, p)) for k, s, r, n, p in ends])

    def taps(self, steps: Sizes) -> Iterator[tuple[slice, ...]]:
        """For each tap, row by row, the pixels that it meets in `steps` moves, by dimension."""
        return itertools.product(
            *[
                [slice(i, i + s * (m - 1) + 1, s) for i in range(0, k * d, d)]
                for k, s, d, m in zip(self.size, self.stride, self.dilation, steps)
            ]
        )


def sizes(v: int | Sequence[int], rank: int) -> Sizes:
    """Return `v` as a number for each of `rank` dimensions; one stands for all."""
    if not isinstance(v, (tuple, list)):
        return (int(v),) * rank  # type: ignore[arg-type]
    if len(v) == rank:
        return tuple(map(int, v))
    if len(v) != 1:
        raise ShapeError(
            f"expected one number or {rank}, one for each dimension of an image, got {v}"
        )
    return (int(v[0]),) * rank


def pair(v: int | Sequence[int]) -> Sizes:
    """Return `v` as (vertical, horizontal)."""
    return sizes(v, 2)


def layout(rank: int, channels: object = "C") -> str:
    """How the shape of images of `rank` dimensions is written.

    Examples:
        >>> layout(2, channels=3)
        '(N, 3, H, W)'
    """
    names = {1: "L", 2: "H, W", 3: "D, H, W"}
    return f"(N, {channels}, {names.get(rank, '...')})"


def on_batch(f: Callable[[Value], Value], x: Value, rank: int) -> Value:
    """f(x) for images (N, C, ...); a single one, (C, ...), goes through as a batch of one."""
    if len(x.shape) != rank + 1:
        return f(x)
    y = f(reshape(x, shape=(1, *x.shape)))
    return reshape(y, shape=tuple(y.shape[1:]))


def stepped(x: Shape, window: Window) -> Sizes:
    """Return how many positions the window has on images of shape `x`, which must be enough."""
    rank = len(window.size)
    if len(x) != rank + 2:
        raise ShapeError(f"expected images of shape {layout(rank)}, got {x}")
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
    steps = window.steps(x[2:])
    if min(steps) < 1:
        reach = f" (reach {window.reach()})" if max(window.dilation) > 1 else ""
        raise ShapeError(
            f"a window of {window.size}{reach} does not fit images of "
            f"{'x'.join(map(str, x[2:]))} with padding {window.padding}; use a smaller one, more "
            "padding, or fewer layers that make images smaller"
        )
    return steps


def channels_last(x: Array) -> Array:
    """A view of x (N, C, ...) as (N, ..., C)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_second(x: Array) -> Array:
    """A view of x (N, ..., C) as (N, C, ...)."""
    return x.transpose(0, -1, *range(1, x.ndim - 1))


def padded_last(x: Array, window: Window, fill: float = 0.0) -> Array:
    """x (N, C, ...) as (N, ..., C), contiguous, with as much around as the window needs."""
    last = channels_last(x)
    if not window.ceil and not any(window.padding):
        return module_of(x).ascontiguousarray(last)
    margins = window.margins(x.shape[2:])
    n, *image, c = last.shape
    y = module_of(x).full(
        (n, *[a + m + b for m, (a, b) in zip(image, margins)], c), fill, dtype=x.dtype
    )
    y[inside(image, margins)] = last
    return y


def inside(image: Sequence[int], margins: Sequence[tuple[int, int]]) -> tuple[slice, ...]:
    """Where an image lies in its batch with margins around, channels last."""
    return (slice(None), *[slice(a, a + n) for n, (a, _) in zip(image, margins)])


def adjoint_shape(g: Shape, forward: Shape, shape: Shape) -> Shape:
    """`shape`, if g is a gradient of what the forward operation makes of it."""
    if g != forward:
        raise ShapeError(f"the gradient has shape {g}, the output it belongs to {forward}")
    return shape
