"""Pooling by a window that moves over images (N, C, ...) (floor 1).

The window goes over the image tap by tap: for each of its pixels one strided view of all positions
at once. Which tap won is kept as a small integer, so the gradient of max pooling, its gradient in
turn and the pooling itself are all picking and spreading by the same integers. The mean and the
p-norm of a window are made of its sum.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.backend.arrays import module_of, near
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Shape, Value, composite, constant, primitive
from chainrule.ops.elementwise import div, mul, pow
from chainrule.ops.window import (
    Sizes,
    Window,
    adjoint_shape,
    channels_last,
    channels_second,
    inside,
    on_batch,
    padded_last,
    sizes,
    stepped,
)


def _pooled_shape(x: Shape, *, window: Window) -> Shape:
    steps = stepped(x, window)
    if any(2 * p > r for p, r in zip(window.padding, window.reach())):
        raise ShapeError(
            f"padding {window.padding} must be at most half of the window {window.size}, "
            "or a window could lie wholly outside"
        )
    return (*x[:2], *steps)


def _taps(x: Array, window: Window, fill: float) -> Iterator[Array]:
    """For each tap of the window in turn, the pixels (N, C, ...) that it meets."""
    steps = _pooled_shape(x.shape, window=window)[2:]
    if window.ceil or any(window.padding):
        x = channels_second(padded_last(x, window, fill))
    return (x[:, :, *pixels] for pixels in window.taps(steps))


# --- the largest --------------------------------------------------------------------------------


def _max_vjp(g: Value, _y: Value, x: Value, *, window: Window) -> Value:
    winners = max_pooling_winners(x, window=window)
    return max_pooling_spread(g, winners, window=window, size=tuple(x.shape[2:]))


@primitive(kind="reduce", shape=_pooled_shape, vjp=[_max_vjp], arity=1)
def max_pooling(x: Array, window: Window) -> Array:
    """The largest pixel in each window; padding never wins. The first of equals gets the gradient.

    Examples:
        >>> max_pooling(np.arange(4.0).reshape(1, 1, 2, 2), Window((2, 2), (2, 2), (0, 0), (1, 1)))
        array([[[[3.]]]])
    """
    taps = _taps(x, window, _lowest(x.dtype))
    y = module_of(x).array(next(taps))
    for tap in taps:
        np.maximum(y, tap, out=y)
    return y


def _lowest(dtype: np.dtype[Any]) -> float:
    return -math.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


@primitive(kind="gather", shape=_pooled_shape, arity=1)
def max_pooling_winners(x: Array, window: Window) -> Array:
    """Which tap of each window has its largest pixel: small integers, counted row by row.

    Padding never wins, nor does it where all pixels are -inf.

    Examples:
        >>> window = Window((2, 2), (2, 2), (0, 0), (1, 1))
        >>> max_pooling_winners(np.arange(4.0).reshape(1, 1, 2, 2), window)
        array([[[[3]]]], dtype=uint8)
    """
    taps = list(_taps(x, window, _lowest(x.dtype)))
    best = module_of(x).array(taps[0])
    dtype = np.dtype(np.uint8 if len(taps) <= 256 else np.int32)
    winners = np.zeros_like(best, dtype=dtype)
    winners += near(_first_inside(window, best.shape[2:]).astype(dtype), x)
    for k, tap in enumerate(taps[1:], start=1):
        # A later tap has a larger number, so the maximum puts it in place (and without branches).
        np.maximum(winners, np.multiply(tap > best, k, dtype=dtype), out=winners)
        np.maximum(best, tap, out=best)
    if np.isnan(best).any():
        # Not-a-number wins over numbers, the first of several, as in the maximum itself.
        for k, tap in reversed(list(enumerate(taps))):
            np.copyto(winners, k, where=np.isnan(tap))
    return winners


def _first_inside(window: Window, steps: Sizes) -> Array:
    """The first tap of each window that is not on padding: it wins where nothing is larger."""
    first = np.zeros((), dtype=np.int64)
    for m, k, s, p, d in zip(steps, *window[:4]):
        first = first[..., None] * k + np.maximum(-((np.arange(m) * s - p) // d), 0)
    return first


@primitive(kind="gather", shape=lambda winners, *, window, size: winners, arity=1)
def max_pooling_places(winners: Array, window: Window, size: Sizes) -> Array:
    """Where in an image of that size, flattened, the tap that won each window lies.

    Examples:
        >>> window = Window((2, 2), (2, 2), (0, 0), (1, 1))
        >>> max_pooling_places(np.array([[[[3, 0]]]]), window=window, size=(2, 4))
        array([[[[5, 2]]]])
    """
    tap = np.unravel_index(winners.astype(np.int64), window.size)
    make = module_of(winners)
    moves = make.ogrid[tuple(slice(n) for n in winners.shape[2:])]
    place = make.zeros(winners.shape, dtype=np.int64)
    for n, k, move, s, p, d in zip(size, tap, moves, *window[1:4]):
        place = place * n + (move * s - p + k * d)
    return place


def _picked_shape(x: Shape, winners: Shape, *, window: Window) -> Shape:
    return adjoint_shape(winners, _pooled_shape(x, window=window), winners)


@primitive(
    kind="gather",
    shape=lambda g, winners, *, window, size: adjoint_shape(
        g, _picked_shape((*g[:2], *size), winners, window=window), (*g[:2], *size)
    ),
    vjp=[
        lambda h, _y, _g, winners, *, window, size: max_pooling_picked(h, winners, window=window),
        None,
    ],
)
def max_pooling_spread(g: Array, winners: Array, *, window: Window, size: Sizes) -> Array:
    """Each g put at the pixel that won its window: the gradient of max pooling.

    Examples:
        >>> window = Window((2, 2), (2, 2), (0, 0), (1, 1))
        >>> max_pooling_spread(
        ...     np.ones((1, 1, 1, 1)), np.full((1, 1, 1, 1), 3), window=window, size=(2, 2)
        ... )
        array([[[[0., 0.],
                 [0., 1.]]]])
    """
    return _spread((winners == k for k in range(math.prod(window.size))), g, window, size)


def _spread(shares: Iterable[Any], g: Array, window: Window, size: Sizes) -> Array:
    """Add each tap's part, one of `shares` of g, to the pixels that the tap met."""
    margins = window.margins(size)
    n, c, *steps = g.shape
    padded = [a + m + b for m, (a, b) in zip(size, margins)]
    x = channels_second(module_of(g).zeros((n, *padded, c), dtype=g.dtype))
    apart = all(s >= r for s, r in zip(window.stride, window.reach()))
    for pixels, share in zip(window.taps(tuple(steps)), shares):
        met = x[:, :, *pixels]
        if apart:  # no pixel is in two windows: nothing to add to
            np.multiply(g, share, out=met)
        else:
            met += g * share
    return channels_second(channels_last(x)[inside(size, margins)])


@primitive(
    kind="gather",
    shape=_picked_shape,
    vjp=[
        lambda g, _y, _x, winners, *, window: max_pooling_spread(
            g, winners, window=window, size=tuple(_x.shape[2:])
        ),
        None,
    ],
)
def max_pooling_picked(x: Array, winners: Array, *, window: Window) -> Array:
    """The pixel of x that `winners` names in each window.

    Examples:
        >>> window = Window((2, 2), (2, 2), (0, 0), (1, 1))
        >>> x = np.arange(4.0).reshape(1, 1, 2, 2)
        >>> max_pooling_picked(x, np.full((1, 1, 1, 1), 2), window=window)
        array([[[[2.]]]])
    """
    y = module_of(x).zeros(winners.shape, dtype=x.dtype)
    for k, tap in enumerate(_taps(x, window, 0)):
        np.copyto(y, tap, where=winners == k)
    return y


# --- the sum ------------------------------------------------------------------------------------


@primitive(
    kind="reduce",
    shape=_pooled_shape,
    vjp=[
        lambda g, _y, _x, *, window: sum_pooling_spread(g, window=window, size=tuple(_x.shape[2:]))
    ],
    arity=1,
)
def sum_pooling(x: Array, window: Window) -> Array:
    """The sum of each window.

    Examples:
        >>> sum_pooling(np.arange(4.0).reshape(1, 1, 2, 2), Window((2, 2), (2, 2), (0, 0), (1, 1)))
        array([[[[6.]]]])
    """
    taps = _taps(x, window, 0)
    y = module_of(x).array(next(taps))
    for tap in taps:
        y += tap
    return y


@primitive(
    kind="gather",
    shape=lambda g, *, window, size: adjoint_shape(
        g, _pooled_shape((*g[:2], *size), window=window), (*g[:2], *size)
    ),
    vjp=[lambda h, _y, _g, *, window, size: sum_pooling(h, window=window)],
)
def sum_pooling_spread(g: Array, *, window: Window, size: Sizes) -> Array:
    """Each g put at all pixels of its window: the gradient of the sum.

    Examples:
        >>> window = Window((2, 2), (2, 2), (0, 0), (1, 1))
        >>> sum_pooling_spread(np.ones((1, 1, 1, 1)), window=window, size=(2, 2))
        array([[[[1., 1.],
                 [1., 1.]]]])
    """
    return _spread(itertools.repeat(1), g, window, size)


# --- with PyTorch's arguments -------------------------------------------------------------------


def pooling_window(
    rank: int,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> Window:
    """The window of a pooling in `rank` dimensions; the stride is its size if not given."""
    size = sizes(kernel_size, rank)
    # PyTorch reads an empty stride, too, as none.
    step = size if stride is None or stride in ((), []) else sizes(stride, rank)
    return Window(size, step, sizes(padding, rank), sizes(dilation, rank), bool(ceil_mode))


def largest(x: Value, window: Window, return_indices: bool) -> Any:
    """The largest of each window of a batch or of one image, and if wanted where it lies."""
    rank = len(window.size)
    y = on_batch(lambda images: max_pooling(images, window=window), x, rank)
    if not return_indices:
        return y
    winners = on_batch(lambda images: max_pooling_winners(images, window=window), x, rank)
    size = tuple(x.shape[-rank:])
    places = on_batch(lambda w: max_pooling_places(w, window=window, size=size), winners, rank)
    return y, places


def _counts(image: Sizes, window: Window, count_padding: bool) -> Array | int:
    """How many pixels each window averages over: one number, if it is the same for all."""
    each: list[Array] = []
    for n, m, k, s, p, d in zip(image, window.steps(image), *window[:4]):
        met = np.arange(m)[:, None] * s - p + np.arange(k) * d  # (positions, taps)
        outer = p if count_padding else 0
        each.append(((met >= -outer) & (met < n + outer)).sum(axis=1))
    total = functools.reduce(np.multiply.outer, each)
    return int(total.flat[0]) if (total == total.flat[0]).all() else total


def _avg_pool(x: Value, window: Window, count_padding: bool, divisor: int | None) -> Value:
    """The mean of each window of a batch or of one image."""
    if divisor == 0:
        raise ShapeError("divisor_override must not be 0; leave it out to divide by the pixels")
    total = on_batch(lambda images: sum_pooling(images, window=window), x, len(window.size))
    count = divisor or _counts(tuple(x.shape[-len(window.size) :]), window, count_padding)
    return div(total, count if isinstance(count, int) else constant(count.astype(x.dtype), x))


def _lp_pool(x: Value, p: float, window: Window) -> Value:
    """The p-norm of each window of a batch or of one image."""
    mean = _avg_pool(pow(x, p), window, count_padding=True, divisor=None)
    return pow(mul(mean, math.prod(window.size)), 1.0 / p)


@composite
def max_pool1d(
    input: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` of sequences (N, C, L).

    Examples:
        >>> max_pool1d(np.array([[[3.0, 1.0, 2.0, 5.0]]]), 2, return_indices=True)
        (array([[[3., 5.]]]), array([[[0, 3]]]))
    """
    window = pooling_window(1, kernel_size, stride, padding, dilation, ceil_mode)
    return largest(input, window, return_indices)


@composite
def max_pool2d(
    input: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest pixel in each window; the stride is the window's size if not given.

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        kernel_size: of the window.
        stride: pixels from one position to the next.
        padding: rows and columns around, which never win; at most half of the window.
        dilation: pixels from one tap of the window to the next.
        ceil_mode: whether a last window that reaches beyond the padding counts.
        return_indices: whether to return, too, where in the flattened image each of them lies.

    Examples:
        >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
        array([[ 5.,  7.],
               [13., 15.]])
    """
    window = pooling_window(2, kernel_size, stride, padding, dilation, ceil_mode)
    return largest(input, window, return_indices)


@composite
def max_pool3d(
    input: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
        array([[[[[7.]]]]])
    """
    window = pooling_window(3, kernel_size, stride, padding, dilation, ceil_mode)
    return largest(input, window, return_indices)


@composite
def avg_pool1d(
    input: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Value:
    """`avg_pool2d` of sequences (N, C, L).

    Examples:
        >>> avg_pool1d(np.array([[[3.0, 1.0, 2.0, 5.0]]]), 2)
        array([[[2. , 3.5]]])
    """
    window = pooling_window(1, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, window, count_include_pad, None)


@composite
def avg_pool2d(
    input: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """The mean of each window; the stride is the window's size if not given.

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        kernel_size: of the window.
        stride: pixels from one position to the next.
        padding: rows and columns of zeros around; at most half of the window.
        ceil_mode: whether a last window that reaches beyond the padding counts.
        count_include_pad: whether those zeros count.
        divisor_override: what to divide by instead of the number of pixels.

    Examples:
        >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
        array([[ 2.5,  4.5],
               [10.5, 12.5]])
    """
    window = pooling_window(2, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, window, count_include_pad, divisor_override)


@composite
def avg_pool3d(
    input: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """`avg_pool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> avg_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
        array([[[[[3.5]]]]])
    """
    window = pooling_window(3, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, window, count_include_pad, divisor_override)


@composite
def lp_pool1d(
    input: Value,
    norm_type: float,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> Value:
    """`lp_pool2d` of sequences (N, C, L).

    Examples:
        >>> lp_pool1d(np.array([[[3.0, 4.0, 0.0, 2.0]]]), 2, 2)
        array([[[5., 2.]]])
    """
    return _lp_pool(input, norm_type, pooling_window(1, kernel_size, stride, 0, 1, ceil_mode))


@composite
def lp_pool2d(
    input: Value,
    norm_type: float,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> Value:
    """(sum of x^p)^(1/p) over each window; the stride is the window's size if not given.

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        norm_type: p.
        kernel_size: of the window.
        stride: pixels from one position to the next.
        ceil_mode: whether a last window that reaches beyond the image counts, as if it were full.

    Examples:
        >>> lp_pool2d(np.array([[[[3.0, 0.0], [0.0, 4.0]]]]), 2, 2)
        array([[[[5.]]]])
    """
    return _lp_pool(input, norm_type, pooling_window(2, kernel_size, stride, 0, 1, ceil_mode))


@composite
def lp_pool3d(
    input: Value,
    norm_type: float,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> Value:
    """`lp_pool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> lp_pool3d(np.full((1, 1, 2, 2, 2), 2.0), 3, 2)
        array([[[[[4.]]]]])
    """
    return _lp_pool(input, norm_type, pooling_window(3, kernel_size, stride, 0, 1, ceil_mode))
