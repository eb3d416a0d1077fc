"""Convolution of images of any dimension (floor 1).

Images are (N, C, ...), as in PyTorch: (N, C, L), (N, C, H, W), (N, C, D, H, W). Inside, a
convolution unfolds its input into rows, one for each output pixel, and multiplies them by the
filters in one matrix product; the rows are built for a few images at a time so that they stay in
cache. Results lie channels-last in memory (NumPy's strides hide it), which is the order in which
the next convolution reads them fastest.

The three products of a convolution, by (input, filters), (gradient, filters) and (gradient, input),
are each other's derivatives, so the set is closed under differentiation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.backend import threads
from chainrule.backend.arrays import is_gpu, module_of
from chainrule.errors import ShapeError
from chainrule.ops import depthwise
from chainrule.ops.core import Array, Cost, Shape, Value, composite, primitive
from chainrule.ops.reduce import sum
from chainrule.ops.shape import pad_constant
from chainrule.ops.window import (
    Sizes,
    Window,
    adjoint_shape,
    channels_last,
    channels_second,
    inside,
    layout,
    on_batch,
    padded_last,
    sizes,
    stepped,
)

# Elements of unfolded rows built at a time: about what a core's second-level cache holds.
_BLOCK = 1 << 17


# --- unfolding ----------------------------------------------------------------------------------


def _windows(x: Array, window: Window, steps: Sizes, groups: int) -> Array:
    """A view of padded channels-last x as (N, *steps, *window, groups, C / groups)."""
    n, c = x.shape[0], x.shape[-1]
    by_image, *by_pixel, by_channel = x.strides
    each = c // groups
    shape = (n, *steps, *window.size, groups, each)
    strides = (
        by_image,
        *[b * s for b, s in zip(by_pixel, window.stride)],
        *[b * d for b, d in zip(by_pixel, window.dilation)],
        by_channel * each,
        by_channel,
    )
    if is_gpu(x):
        return module_of(x).lib.stride_tricks.as_strided(x, shape, strides)
    return as_strided(x, shape, strides, writeable=False)


def _blocks(n: int, row: int) -> Iterator[slice]:
    """Ranges of images whose unfolded rows, of `row` elements an image, fill about a block."""
    size = max(1, _BLOCK // max(row, 1))
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


class _Unfolded:
    """The rows (pixels, taps * C / groups) of a few images at a time, for each group."""

    def __init__(self, x: Array, window: Window, steps: Sizes, groups: int) -> None:
        self.steps = steps
        self.width = math.prod(window.size) * (x.shape[1] // groups)
        self.groups = groups
        self.view = _windows(padded_last(x, window), window, steps, groups)

    def __iter__(self) -> Iterator[tuple[slice, int, Array]]:
        """Yield (images, group, rows)."""
        buffer: Array | None = None
        for images in _blocks(len(self.view), math.prod(self.steps) * self.width):
            for group in range(self.groups):
                part = self.view[images, ..., group, :]
                if buffer is None or buffer.shape != part.shape:
                    buffer = module_of(part).empty(part.shape, dtype=part.dtype)
                np.copyto(buffer, part)
                yield images, group, buffer.reshape(-1, self.width)


def _filter_matrix(w: Array, groups: int) -> Array:
    """Filters (O, C / groups, ...) as (groups, taps * C / groups, O / groups)."""
    o, c, *size = w.shape
    grouped = w.reshape(groups, o // groups, c, math.prod(size))
    return grouped.transpose(0, 3, 2, 1).reshape(groups, -1, o // groups)


# --- convolution --------------------------------------------------------------------------------


def _window(
    size: Sizes, stride: int | Sizes, padding: int | Sizes, dilation: int | Sizes
) -> Window:
    rank = len(size)
    return Window(size, sizes(stride, rank), sizes(padding, rank), sizes(dilation, rank))


def _conv_shape(
    x: Shape,
    w: Shape,
    b: Shape | None = None,
    *,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Shape:
    return _moved(x, w, b, _window(w[2:], stride, padding, dilation), groups)


def _by_channel(channels: int, groups: int) -> bool:
    """Whether there are several groups, each of one channel."""
    return channels == 1 < groups


def _moved(x: Shape, w: Shape, b: Shape | None, window: Window, groups: int) -> Shape:
    """The shape that the filters make of x, as they move like `window`."""
    if len(w) < 3 or len(x) != len(w):
        raise ShapeError(
            f"a convolution takes images {layout(len(w) - 2)} and filters (O, C, ...) of as many "
            f"dimensions, got {x} and {w}"
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
    return (x[0], w[0], *stepped(x, window))


def _conv_cost(x: Shape, w: Shape, b: Shape | None = None, **attrs: Any) -> Cost:
    out = math.prod(_conv_shape(x, w, **attrs))
    bias = out if b is not None else 0
    return Cost(2 * out * math.prod(w[1:]) + bias, math.prod(x) + math.prod(w) + out)


def _conv_input_vjp(g: Value, _y: Value, _x: Value, w: Value, _b: Value = None, **at: Any) -> Value:
    return convolution_input(g, w, size=tuple(_x.shape[2:]), **at)


def _conv_weight_vjp(
    g: Value, _y: Value, x: Value, _w: Value, _b: Value = None, **at: Any
) -> Value:
    return convolution_weight(g, x, size=tuple(_w.shape[2:]), **at)


def _conv_bias_vjp(g: Value, _y: Value, _x: Value, _w: Value, _b: Value, **_at: Any) -> Value:
    return sum(g, dim=(0, *range(2, len(g.shape))))


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
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Array:
    """y[n, o, i, j] = b[o] + sum over c, p, q of w[o, c, p, q] x[n, c, i s + p d, j s + q d].

    That is for two dimensions; it reads alike in any other number of them.

    Args:
        x: images (N, C, ...), zero outside.
        w: filters (O, C / groups, ...).
        b: (O,), or left out.
        stride: pixels from one position to the next, one number or one for each dimension.
        padding: zeros around, likewise.
        dilation: pixels from one tap of the filter to the next, likewise.
        groups: how many independent convolutions the channels are split among.

    Returns:
        (N, O, ...), where a size H becomes
        floor((H + 2 padding - dilation (size of the filter - 1) - 1) / stride) + 1.

    Examples:
        >>> convolution(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
        array([[[[4., 4.],
                 [4., 4.]]]])
    """
    window = _window(w.shape[2:], stride, padding, dilation)
    _, o, *steps = _moved(x.shape, w.shape, None if b is None else b.shape, window, groups)
    y = module_of(x).empty((len(x), *steps, o), dtype=np.result_type(x, w))
    each = o // groups
    if _by_channel(w.shape[1], groups):
        parts = y.reshape(*y.shape[:-1], groups, each)
        depthwise.convolve(padded_last(x, window), depthwise.filters(w, groups), parts, window)
    else:
        filters = _filter_matrix(w, groups)
        for images, group, rows in _Unfolded(x, window, tuple(steps), groups):
            y_rows = y[images].reshape(-1, o)[:, group * each : (group + 1) * each]
            threads.matmul(rows, filters[group], out=y_rows)
    if b is not None:
        y += b
    return channels_second(y)


def _input_shape(g: Shape, w: Shape, *, size: Sizes, groups: int = 1, **at: Any) -> Shape:
    x = (g[0], w[1] * groups, *size)
    return adjoint_shape(g, _conv_shape(x, w, groups=groups, **at), x)


@primitive(
    kind="contract",
    shape=_input_shape,
    vjp=[
        lambda h, _y, _g, w, *, size, **at: convolution(h, w, **at),
        lambda h, _y, g, _w, *, size, **at: convolution_weight(
            g, h, size=tuple(_w.shape[2:]), **at
        ),
    ],
    cost=lambda g, w, **_: Cost(2 * math.prod(g) * math.prod(w[1:]), math.prod(g) + math.prod(w)),
)
def convolution_input(
    g: Array,
    w: Array,
    *,
    size: Sizes,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Array:
    """The gradient of a convolution by its input: each g spread over the window that made it.

    Args:
        g: gradient at the output (N, O, ...).
        w: filters (O, C / groups, ...).
        size: of the input's images.
        stride: as in the convolution, like the rest.
        padding: zeros around, in each dimension.
        dilation: pixels from one tap of the filter to the next, in each dimension.
        groups: how many independent convolutions the channels are split among.

    Returns:
        (N, C, *size).

    Examples:
        >>> convolution_input(np.ones((1, 1, 1, 1)), np.ones((1, 1, 2, 2)), size=(2, 2))
        array([[[[1., 1.],
                 [1., 1.]]]])
    """
    n, o, *steps = g.shape
    c = w.shape[1]
    window = _window(w.shape[2:], stride, padding, dilation)
    each = o // groups
    last = channels_last(g)
    margins = window.margins(size)
    padded = [a + m + b for m, (a, b) in zip(size, margins)]
    make = module_of(g)
    x = make.zeros((n, *padded, c * groups), dtype=np.result_type(g, w))
    if _by_channel(c, groups):
        parts = last.reshape(*last.shape[:-1], groups, each)
        depthwise.spread(parts, depthwise.filters(w, groups), x, window)
        return channels_second(x[inside(size, margins)])
    filters = make.ascontiguousarray(w.reshape(groups, each, c, -1).transpose(0, 3, 1, 2))
    # Tap by tap: what a product gives is added to its pixels while it is still in cache.
    for images in _blocks(n, math.prod(steps) * (each + c)):
        for group in range(groups):
            rows = last[images, ..., group * each : (group + 1) * each].reshape(-1, each)
            target = x[images, ..., group * c : (group + 1) * c]
            spread = make.empty((len(rows), c), dtype=x.dtype)
            for tap, pixels in zip(filters[group], window.taps(tuple(steps))):
                threads.matmul(rows, tap, out=spread)
                target[:, *pixels] += spread.reshape(-1, *steps, c)
    return channels_second(x[inside(size, margins)])


def _weight_shape(g: Shape, x: Shape, *, size: Sizes, groups: int = 1, **at: Any) -> Shape:
    w = (g[1], x[1] // groups, *size)
    return adjoint_shape(g, _conv_shape(x, w, groups=groups, **at), w)


@primitive(
    kind="contract",
    shape=_weight_shape,
    vjp=[
        lambda h, _y, _g, x, *, size, **at: convolution(x, h, **at),
        lambda h, _y, g, _x, *, size, **at: convolution_input(g, h, size=tuple(_x.shape[2:]), **at),
    ],
    cost=lambda g, x, *, size, groups=1, **_: Cost(
        2 * math.prod(g) * x[1] // groups * math.prod(size), math.prod(g) + math.prod(x)
    ),
)
def convolution_weight(
    g: Array,
    x: Array,
    *,
    size: Sizes,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Array:
    """The gradient of a convolution by its filters: every window of x, weighted by its g.

    Args:
        g: gradient at the output (N, O, ...).
        x: images (N, C, ...).
        size: of the filters.
        stride: as in the convolution, like the rest.
        padding: zeros around, in each dimension.
        dilation: pixels from one tap of the filter to the next, in each dimension.
        groups: how many independent convolutions the channels are split among.

    Returns:
        (O, C / groups, *size).

    Examples:
        >>> convolution_weight(np.ones((1, 1, 1, 1)), np.ones((1, 1, 2, 2)), size=(2, 2))
        array([[[[1., 1.],
                 [1., 1.]]]])
    """
    make = module_of(g)
    o, c = g.shape[1], x.shape[1] // groups
    each = o // groups
    last = channels_last(g)
    window = _window(size, stride, padding, dilation)
    if _by_channel(c, groups):
        adjoint_shape(g.shape[2:], stepped(x.shape, window), size)
        sums = make.zeros((math.prod(size), groups, each), dtype=np.result_type(g, x))
        parts = last.reshape(*last.shape[:-1], groups, each)
        depthwise.weigh(parts, padded_last(x, window), sums, window)
        return sums.transpose(1, 2, 0).reshape(o, 1, *size)
    total = make.zeros((groups, math.prod(size) * c, each), dtype=np.result_type(g, x))
    for images, group, rows in _Unfolded(x, window, stepped(x.shape, window), groups):
        g_rows = last[images, ..., group * each : (group + 1) * each].reshape(-1, each)
        total[group] += threads.matmul(rows.T, g_rows)
    w = total.reshape(groups, -1, c, each).transpose(0, 3, 2, 1)
    return make.ascontiguousarray(w).reshape(o, c, *size)


# --- with PyTorch's arguments -------------------------------------------------------------------


def _conv(
    rank: int,
    x: Value,
    weight: Value,
    bias: Value,
    stride: int | Sequence[int],
    padding: int | Sequence[int] | str,
    dilation: int | Sequence[int],
    groups: int,
) -> Value:
    """A convolution in `rank` dimensions, of a batch or of one image."""
    step, apart = sizes(stride, rank), sizes(dilation, rank)
    if isinstance(padding, str):
        around, more = named_padding(padding, weight.shape[2:], step, apart)
        if any(more):
            beside = ((0, 0),) * (len(x.shape) - rank)
            x = pad_constant(x, widths=(*beside, *[(0, n) for n in more]))
    else:
        around = sizes(padding, rank)
    at = {"stride": step, "padding": around, "dilation": apart, "groups": groups}
    rest = (weight,) if bias is None else (weight, bias)
    return on_batch(lambda images: convolution(images, *rest, **at), x, rank)


def named_padding(name: str, size: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, Sizes]:
    """What "valid" and "same" mean: the padding on both sides, and what comes after that.

    Raises:
        ShapeError: another name, or "same" with a stride, which cannot keep the size.
    """
    if name == "valid":
        return (0,) * len(size), (0,) * len(size)
    if name != "same" or max(stride) > 1:
        raise ShapeError(
            f"padding {name!r} with stride {stride}: padding is a number, 'valid', or 'same' for "
            "stride 1"
        )
    reach = [d * (k - 1) for d, k in zip(dilation, size)]
    return tuple(r // 2 for r in reach), tuple(r % 2 for r in reach)


@composite
def conv1d(
    input: Value,
    weight: Value,
    bias: Value = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """`conv2d` of sequences: x (N, C, L), filters (O, C / groups, k).

    Examples:
        >>> conv1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[-1.0, 1.0]]]))
        array([[[1., 2.]]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


@composite
def conv2d(
    input: Value,
    weight: Value,
    bias: Value = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """`convolution` with PyTorch's arguments: numbers for pairs, padding "same" or "valid".

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        weight: filters (O, C / groups, kh, kw).
        bias: (O,), or left out.
        stride: pixels from one position to the next.
        padding: zeros around; "valid" for none, "same" for as many as keep the size.
        dilation: pixels from one tap of a filter to the next.
        groups: how many independent convolutions the channels are split among.

    Returns:
        (N, O, oh, ow), or (O, oh, ow).

    Raises:
        ShapeError: the shapes do not fit; says which sizes were expected.

    Examples:
        >>> conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), padding=1).shape
        (1, 1, 4, 4)
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


@composite
def conv3d(
    input: Value,
    weight: Value,
    bias: Value = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """`conv2d` of volumes: x (N, C, D, H, W), filters (O, C / groups, kd, kh, kw).

    Examples:
        >>> conv3d(np.ones((1, 1, 3, 3, 3)), np.ones((1, 1, 2, 2, 2)), stride=2)
        array([[[[[8.]]]]])
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)
