"""Two-dimensional convolution and pooling (floor 1).

Images are (N, C, H, W), as in PyTorch. Inside, a convolution unfolds its input into rows, one for
each output pixel, and multiplies them by the filters in one matrix product; the rows are built for
a few images at a time so that they stay in cache. Results lie channels-last in memory (NumPy's
strides hide it), which is the order in which the next convolution reads them fastest.

The three products of a convolution, by (input, filters), (gradient, filters) and (gradient, input),
are each other's derivatives, so the set is closed under differentiation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.backend import threads
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Cost, Shape, Value, composite, primitive
from chainrule.ops.reduce import sum

Pair: TypeAlias = tuple[int, int]

# Elements of unfolded rows built at a time: about what a core's second-level cache holds.
_BLOCK = 1 << 17


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


def _stepped(x: Shape, window: Window) -> Pair:
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


# --- unfolding ----------------------------------------------------------------------------------


def _padded_last(x: Array, padding: Pair, fill: float = 0.0) -> Array:
    """x (N, C, H, W) as (N, H + 2 ph, W + 2 pw, C), contiguous."""
    x = x.transpose(0, 2, 3, 1)
    ph, pw = padding
    if not ph and not pw:
        return np.ascontiguousarray(x)
    n, h, w, c = x.shape
    y = np.full((n, h + 2 * ph, w + 2 * pw, c), fill, dtype=x.dtype)
    y[:, ph : ph + h, pw : pw + w] = x
    return y


def _windows(x: Array, window: Window, steps: Pair) -> Array:
    """A view of padded channels-last x as (N, oh, ow, kh, kw, C)."""
    (kh, kw), (sh, sw), (dh, dw) = window.size, window.stride, window.dilation
    n, _, _, c = x.shape
    bn, bh, bw, bc = x.strides
    return as_strided(
        x,
        (n, *steps, kh, kw, c),
        (bn, bh * sh, bw * sw, bh * dh, bw * dw, bc),
        writeable=False,
    )


def _blocks(n: int, row: int) -> Iterator[slice]:
    """Ranges of images whose unfolded rows, of `row` elements an image, fill about a block."""
    size = max(1, _BLOCK // max(row, 1))
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


class _Unfolded:
    """The rows (oh * ow, kh * kw * C / groups) of a few images at a time, for each group."""

    def __init__(self, x: Array, window: Window, groups: int) -> None:
        self.steps = _stepped(x.shape, window)
        padded = _padded_last(x, window.padding)
        n, _, _, c = padded.shape
        kh, kw = window.size
        self.width = kh * kw * (c // groups)
        self.groups = groups
        self.view = _windows(padded, window, self.steps).reshape(
            n, *self.steps, kh, kw, groups, c // groups
        )
        self.count = n

    def __iter__(self) -> Iterator[tuple[slice, int, Array]]:
        """Yield (images, group, rows)."""
        pixels = self.steps[0] * self.steps[1]
        buffer: Array | None = None
        for images in _blocks(self.count, pixels * self.width):
            for group in range(self.groups):
                part = self.view[images, ..., group, :]
                if buffer is None or buffer.shape != part.shape:
                    buffer = np.empty(part.shape, dtype=part.dtype)
                np.copyto(buffer, part)
                yield images, group, buffer.reshape(-1, self.width)


def _filter_matrix(w: Array, groups: int) -> Array:
    """Filters (O, C / groups, kh, kw) as (groups, kh * kw * C / groups, O / groups)."""
    o, c, kh, kw = w.shape
    grouped = w.reshape(groups, o // groups, c, kh, kw)
    return grouped.transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw * c, o // groups)


# --- convolution --------------------------------------------------------------------------------


def _window_of(w: Shape, stride: Pair, padding: Pair, dilation: Pair) -> Window:
    return Window((w[2], w[3]), stride, padding, dilation)


def _conv_shape(
    x: Shape,
    w: Shape,
    b: Shape | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Shape:
    if len(w) != 4 or len(x) != 4:
        raise ShapeError(
            f"conv2d takes images (N, C, H, W) and filters (O, C, kh, kw), got {x} and {w}"
        )
    if min(w[0], groups) < 1:
        raise ShapeError(f"filters of shape {w} in {groups} groups: there must be one of each")
    if x[1] != w[1] * groups or w[0] % groups:
        raise ShapeError(
            f"expected {w[1] * groups} input channels, got {x[1]}: input of shape {x}, filters of "
            f"shape {w}, groups {groups}"
        )
    if b is not None and b != (w[0],):
        raise ShapeError(f"the bias must have shape {(w[0],)}, one for each filter, got {b}")
    return (x[0], w[0], *_stepped(x, _window_of(w, stride, padding, dilation)))


def _conv_cost(x: Shape, w: Shape, b: Shape | None = None, **attrs: Any) -> Cost:
    out = math.prod(_conv_shape(x, w, **attrs))
    bias = out if b is not None else 0
    return Cost(2 * out * math.prod(w[1:]) + bias, math.prod(x) + math.prod(w) + out)


def _conv_input_vjp(g: Value, _y: Value, _x: Value, w: Value, _b: Value = None, **at: Any) -> Value:
    return convolution_input(g, w, size=(_x.shape[2], _x.shape[3]), **at)


def _conv_weight_vjp(
    g: Value, _y: Value, x: Value, _w: Value, _b: Value = None, **at: Any
) -> Value:
    return convolution_weight(g, x, size=(_w.shape[2], _w.shape[3]), **at)


def _conv_bias_vjp(g: Value, _y: Value, _x: Value, _w: Value, _b: Value, **_at: Any) -> Value:
    return sum(g, dim=(0, 2, 3))


@primitive(
    kind="contract",
    shape=_conv_shape,
    vjp=[_conv_input_vjp, _conv_weight_vjp, _conv_bias_vjp],
    cost=_conv_cost,
    arity=3,
)
def convolution(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """y[n, o, i, j] = b[o] + sum over c, p, q of w[o, c, p, q] x[n, c, i s + p d, j s + q d].

    Args:
        x: images (N, C, H, W), zero outside.
        w: filters (O, C / groups, kh, kw).
        b: (O,), or left out.
        stride: pixels from one position to the next.
        padding: rows and columns of zeros around.
        dilation: pixels from one tap of the filter to the next.
        groups: how many independent convolutions the channels are split among.

    Returns:
        (N, O, oh, ow) with oh = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1.

    Examples:
        >>> convolution(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
        array([[[[4., 4.],
                 [4., 4.]]]])
    """
    shapes = (x.shape, w.shape) if b is None else (x.shape, w.shape, b.shape)
    n, o, oh, ow = _conv_shape(
        *shapes, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    y = np.empty((n, oh, ow, o), dtype=np.result_type(x, w))
    filters = _filter_matrix(w, groups)
    each = o // groups
    for images, group, rows in _Unfolded(x, _window_of(w.shape, stride, padding, dilation), groups):
        threads.fit_to_work(2 * rows.size * each)
        y_rows = y[images].reshape(-1, o)[:, group * each : (group + 1) * each]
        np.matmul(rows, filters[group], out=y_rows)
    if b is not None:
        y += b
    return y.transpose(0, 3, 1, 2)


def _adjoint(g: Shape, forward: Shape, shape: Shape) -> Shape:
    """`shape`, if g is a gradient of what the forward operation makes of it."""
    if g != forward:
        raise ShapeError(f"the gradient has shape {g}, the output it belongs to {forward}")
    return shape


def _input_shape(g: Shape, w: Shape, *, size: Pair, groups: int = 1, **at: Any) -> Shape:
    x = (g[0], w[1] * groups, *size)
    return _adjoint(g, _conv_shape(x, w, groups=groups, **at), x)


@primitive(
    kind="contract",
    shape=_input_shape,
    vjp=[
        lambda h, _y, _g, w, *, size, **at: convolution(h, w, **at),
        lambda h, _y, g, _w, *, size, **at: convolution_weight(
            g, h, size=(_w.shape[2], _w.shape[3]), **at
        ),
    ],
    cost=lambda g, w, **_: Cost(2 * math.prod(g) * math.prod(w[1:]), math.prod(g) + math.prod(w)),
)
def convolution_input(
    g: Array,
    w: Array,
    *,
    size: Pair,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """The gradient of a convolution by its input: each g spread over the window that made it.

    Args:
        g: gradient at the output (N, O, oh, ow).
        w: filters (O, C / groups, kh, kw).
        size: (H, W) of the input.
        stride: as in the convolution, like the rest.
        padding: rows and columns of zeros around.
        dilation: pixels from one tap of the filter to the next.
        groups: how many independent convolutions the channels are split among.

    Returns:
        (N, C, H, W).

    Examples:
        >>> convolution_input(np.ones((1, 1, 1, 1)), np.ones((1, 1, 2, 2)), size=(2, 2))
        array([[[[1., 1.],
                 [1., 1.]]]])
    """
    n, o, oh, ow = g.shape
    ph, pw = padding
    _, c, kh, kw = w.shape
    window = _window_of(w.shape, stride, padding, dilation)
    each = o // groups
    last = g.transpose(0, 2, 3, 1)
    x = np.zeros((n, size[0] + 2 * ph, size[1] + 2 * pw, c * groups), dtype=np.result_type(g, w))
    filters = np.ascontiguousarray(w.reshape(groups, each, c, kh * kw).transpose(0, 3, 1, 2))
    # Tap by tap: what a product gives is added to its pixels while it is still in cache.
    for images in _blocks(n, oh * ow * (each + c)):
        for group in range(groups):
            rows = last[images, ..., group * each : (group + 1) * each].reshape(-1, each)
            target = x[images, ..., group * c : (group + 1) * c]
            threads.fit_to_work(2 * rows.size * c)
            spread = np.empty((len(rows), c), dtype=x.dtype)
            for taps, (down, across) in zip(filters[group], window.taps((oh, ow))):
                np.matmul(rows, taps, out=spread)
                target[:, down, across] += spread.reshape(-1, oh, ow, c)
    return x[:, ph : ph + size[0], pw : pw + size[1]].transpose(0, 3, 1, 2)


def _weight_shape(g: Shape, x: Shape, *, size: Pair, groups: int = 1, **at: Any) -> Shape:
    w = (g[1], x[1] // groups, *size)
    return _adjoint(g, _conv_shape(x, w, groups=groups, **at), w)


@primitive(
    kind="contract",
    shape=_weight_shape,
    vjp=[
        lambda h, _y, _g, x, *, size, **at: convolution(x, h, **at),
        lambda h, _y, g, _x, *, size, **at: convolution_input(
            g, h, size=(_x.shape[2], _x.shape[3]), **at
        ),
    ],
    cost=lambda g, x, *, size, groups=1, **_: Cost(
        2 * math.prod(g) * x[1] // groups * math.prod(size), math.prod(g) + math.prod(x)
    ),
)
def convolution_weight(
    g: Array,
    x: Array,
    *,
    size: Pair,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """The gradient of a convolution by its filters: every window of x, weighted by its g.

    Args:
        g: gradient at the output (N, O, oh, ow).
        x: images (N, C, H, W).
        size: (kh, kw) of the filters.
        stride: as in the convolution, like the rest.
        padding: rows and columns of zeros around.
        dilation: pixels from one tap of the filter to the next.
        groups: how many independent convolutions the channels are split among.

    Returns:
        (O, C / groups, kh, kw).

    Examples:
        >>> convolution_weight(np.ones((1, 1, 1, 1)), np.ones((1, 1, 2, 2)), size=(2, 2))
        array([[[[1., 1.],
                 [1., 1.]]]])
    """
    o, c = g.shape[1], x.shape[1] // groups
    each = o // groups
    last = g.transpose(0, 2, 3, 1)
    total = np.zeros((groups, size[0] * size[1] * c, each), dtype=np.result_type(g, x))
    for images, group, rows in _Unfolded(x, Window(size, stride, padding, dilation), groups):
        g_rows = last[images, ..., group * each : (group + 1) * each].reshape(-1, each)
        threads.fit_to_work(2 * rows.size * each)
        total[group] += np.matmul(rows.T, g_rows)
    w = total.reshape(groups, *size, c, each).transpose(0, 4, 3, 1, 2)
    return np.ascontiguousarray(w).reshape(o, c, *size)


# --- pooling ------------------------------------------------------------------------------------


def _pooled_shape(x: Shape, *, window: Window) -> Shape:
    steps = _stepped(x, window)
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
        x = _padded_last(x, window.padding, fill).transpose(0, 3, 1, 2)
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
    dtype = np.uint8 if len(taps) <= 256 else np.int32
    winners = np.zeros_like(best, dtype=dtype)
    for k, tap in enumerate(taps[1:], start=1):
        # A later tap has a larger number, so the maximum puts it in place (and without branches).
        np.maximum(winners, (tap > best).astype(dtype) * dtype(k), out=winners)
        np.maximum(best, tap, out=best)
    if np.isnan(best).any():
        # Not-a-number wins over numbers, the first of several, as in the maximum itself.
        for k, tap in reversed(list(enumerate(taps))):
            np.copyto(winners, k, where=np.isnan(tap))
    return winners


def _picked_shape(x: Shape, winners: Shape, *, window: Window) -> Shape:
    return _adjoint(winners, _pooled_shape(x, window=window), winners)


@primitive(
    kind="gather",
    shape=lambda g, winners, *, window, size: _adjoint(
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
    shape=lambda g, *, window, count_padding, size: _adjoint(
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
def conv2d(
    x: Value,
    weight: Value,
    bias: Value = None,
    stride: int | Pair = 1,
    padding: int | Pair | str = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Value:
    """`convolution` with PyTorch's arguments: numbers for pairs, padding "same" or "valid".

    Raises:
        ShapeError: the shapes do not fit; says which sizes were expected.

    Examples:
        >>> conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), padding=1).shape
        (1, 1, 4, 4)
    """
    if isinstance(padding, str):
        padding = _named_padding(padding, weight.shape, pair(stride), pair(dilation))
    arrays = (x, weight) if bias is None else (x, weight, bias)
    return convolution(
        *arrays,
        stride=pair(stride),
        padding=pair(padding),
        dilation=pair(dilation),
        groups=groups,
    )


def _named_padding(name: str, w: Shape, stride: Pair, dilation: Pair) -> Pair:
    if name == "valid":
        return 0, 0
    reach = [d * (k - 1) for d, k in zip(dilation, w[2:])]
    if name != "same" or stride != (1, 1) or any(r % 2 for r in reach):
        raise ShapeError(
            f"padding {name!r} with stride {stride} and filters of {w[2]}x{w[3]}: padding is a "
            "number, 'valid', or 'same' for stride 1 and filters of odd size"
        )
    return reach[0] // 2, reach[1] // 2


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
