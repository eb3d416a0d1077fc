"""Maximum and average pooling of images (N, C, H, W) (floor 1).

The window goes over the image tap by tap: for each of its pixels one strided view of all positions
at once. Which tap won is kept as a small integer, so the gradient of max pooling, its gradient in
turn and the pooling itself are all picking and spreading by the same integers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Shape, Value, composite, primitive
from chainrule.ops.window import Pair, Window, adjoint_shape, padded_last, pair, stepped


def _pooled_shape(x: Shape, *, window: Window) -> Shape:
    steps = stepped(x, window)
    if any(2 * p > k for p, k in zip(window.padding, window.size)):
        raise ShapeError(
            f"padding {window.padding} must be at most half of the window {window.size}, "
            "or a window could lie wholly outside"
        )
    return (*x[:2], *steps)


def _taps(x: Array, window: Window, fill: float) -> Iterator[Array]:
    """For each tap of the window in turn, the pixels (N, C, oh, ow) that it meets."""
    oh, ow = _pooled_shape(x.shape, window=window)[2:]
    if any(window.padding):
        x = padded_last(x, window.padding, fill).transpose(0, 3, 1, 2)
    return (x[:, :, down, across] for down, across in window.taps((oh, ow)))


def _max_vjp(g: Value, _y: Value, x: Value, *, window: Window) -> Value:
    winners = max_pooling_winners(x, window=window)
    return max_pooling_spread(g, winners, window=window, size=(x.shape[2], x.shape[3]))


@primitive(kind="reduce", shape=_pooled_shape, vjp=[_max_vjp], arity=1)
def max_pooling(x: Array, window: Window) -> Array:
    """The largest pixel in each window; padding never wins. The first of equals gets the gradient.

    Examples:
        >>> max_pooling(np.arange(4.0).reshape(1, 1, 2, 2), Window((2, 2), (2, 2), (0, 0), (1, 1)))
        array([[[[3.]]]])
    """
    taps = _taps(x, window, _lowest(x.dtype))
    y = np.array(next(taps))
    for tap in taps:
        np.maximum(y, tap, out=y)
    return y


def _lowest(dtype: np.dtype[Any]) -> float:
    return -math.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


@primitive(kind="gather", shape=_pooled_shape, arity=1)
def max_pooling_winners(x: Array, window: Window) -> Array:
    """Which tap of each window has its largest pixel: small integers, counted row by row.

    Examples:
        >>> window = Window((2, 2), (2, 2), (0, 0), (1, 1))
        >>> max_pooling_winners(np.arange(4.0).reshape(1, 1, 2, 2), window)
        array([[[[3]]]], dtype=uint8)
    """
    taps = list(_taps(x, window, _lowest(x.dtype)))
    best = np.array(taps[0])
    dtype = np.dtype(np.uint8 if len(taps) <= 256 else np.int32)
    winners = np.zeros_like(best, dtype=dtype)
    for k, tap in enumerate(taps[1:], start=1):
        # A later tap has a larger number, so the maximum puts it in place (and without branches).
        np.maximum(winners, np.multiply(tap > best, k, dtype=dtype), out=winners)
        np.maximum(best, tap, out=best)
    if np.isnan(best).any():
        # Not-a-number wins over numbers, the first of several, as in the maximum itself.
        for k, tap in reversed(list(enumerate(taps))):
            np.copyto(winners, k, where=np.isnan(tap))
    return winners


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
def max_pooling_spread(g: Array, winners: Array, *, window: Window, size: Pair) -> Array:
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


def _spread(shares: Iterable[Any], g: Array, window: Window, size: Pair) -> Array:
    """Add each tap's part, one of `shares` of g, to the pixels that the tap met."""
    ph, pw = window.padding
    n, c = g.shape[:2]
    x = np.zeros((n, size[0] + 2 * ph, size[1] + 2 * pw, c), dtype=g.dtype).transpose(0, 3, 1, 2)
    apart = all(s >= r for s, r in zip(window.stride, window.reach()))
    for (down, across), share in zip(window.taps((g.shape[2], g.shape[3])), shares):
        pixels = x[:, :, down, across]
        if apart:  # no pixel is in two windows: nothing to add to
            np.multiply(g, share, out=pixels)
        else:
            pixels += g * share
    return x[:, :, ph : ph + size[0], pw : pw + size[1]]


@primitive(
    kind="gather",
    shape=_picked_shape,
    vjp=[
        lambda g, _y, _x, winners, *, window: max_pooling_spread(
            g, winners, window=window, size=(_x.shape[2], _x.shape[3])
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
    y = np.zeros(winners.shape, dtype=x.dtype)
    for k, tap in enumerate(_taps(x, window, 0)):
        np.copyto(y, tap, where=winners == k)
    return y


def _averaged(shape: Shape, *, window: Window, count_padding: bool) -> Shape:
    return _pooled_shape(shape, window=window)


def _pixel_counts(steps: Pair, size: Pair, window: Window, count_padding: bool) -> Array:
    """How many pixels each window averages over, (oh, ow)."""
    if count_padding:
        return np.full(steps, math.prod(window.size))
    ones = np.ones((1, 1, *size))
    total = np.zeros((1, 1, *steps))
    for tap in _taps(ones, window, 0):
        total += tap
    return total[0, 0]


@primitive(
    kind="reduce",
    shape=_averaged,
    vjp=[
        lambda g, _y, _x, *, window, count_padding: average_pooling_spread(
            g, window=window, count_padding=count_padding, size=(_x.shape[2], _x.shape[3])
        )
    ],
    arity=1,
)
def average_pooling(x: Array, window: Window, count_padding: bool) -> Array:
    """The mean of each window; padding counts as zeros, or not at all.

    Examples:
        >>> average_pooling(
        ...     np.arange(4.0).reshape(1, 1, 2, 2), Window((2, 2), (2, 2), (0, 0), (1, 1)), True
        ... )
        array([[[[1.5]]]])
    """
    taps = _taps(x, window, 0)
    y = np.array(next(taps))
    for tap in taps:
        y += tap
    counts = _pixel_counts(y.shape[2:], x.shape[2:], window, count_padding)
    y /= counts.astype(y.dtype)
    return y


@primitive(
    kind="gather",
    shape=lambda g, *, window, count_padding, size: adjoint_shape(
        g, _pooled_shape((*g[:2], *size), window=window), (*g[:2], *size)
    ),
    vjp=[
        lambda h, _y, _g, *, window, count_padding, size: average_pooling(
            h, window=window, count_padding=count_padding
        )
    ],
)
def average_pooling_spread(g: Array, *, window: Window, count_padding: bool, size: Pair) -> Array:
    """Each g shared evenly among the pixels of its window: the gradient of average pooling.

    Examples:
        >>> average_pooling_spread(
        ...     np.ones((1, 1, 1, 1)),
        ...     window=Window((2, 2), (2, 2), (0, 0), (1, 1)),
        ...     count_padding=True,
        ...     size=(2, 2),
        ... )
        array([[[[0.25, 0.25],
                 [0.25, 0.25]]]])
    """
    share = g / _pixel_counts(g.shape[2:], size, window, count_padding).astype(g.dtype)
    return _spread(itertools.repeat(1), share, window, size)


# --- with PyTorch's arguments -------------------------------------------------------------------


@composite
def max_pool2d(
    x: Value,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
) -> Value:
    """The largest pixel in each window; the stride is the window's size if not given.

    Args:
        x: images (N, C, H, W).
        kernel_size: of the window.
        stride: pixels from one position to the next.
        padding: rows and columns around, which never win; at most half of the window.
        dilation: pixels from one tap of the window to the next.

    Examples:
        >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
        array([[ 5.,  7.],
               [13., 15.]])
    """
    size = pair(kernel_size)
    step = size if stride is None else pair(stride)
    return max_pooling(x, window=Window(size, step, pair(padding), pair(dilation)))


@composite
def avg_pool2d(
    x: Value,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    *,
    count_include_pad: bool = True,
) -> Value:
    """The mean of each window; the stride is the window's size if not given.

    Args:
        x: images (N, C, H, W).
        kernel_size: of the window.
        stride: pixels from one position to the next.
        padding: rows and columns of zeros around; at most half of the window.
        count_include_pad: whether those zeros count.

    Examples:
        >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
        array([[ 2.5,  4.5],
               [10.5, 12.5]])
    """
    size = pair(kernel_size)
    step = size if stride is None else pair(stride)
    window = Window(size, step, pair(padding), (1, 1))
    return average_pooling(x, window=window, count_padding=count_include_pad)
