"""Two-dimensional convolution (floor 1).

Images are (N, C, H, W), as in PyTorch. Inside, a convolution unfolds its input into rows, one for
each output pixel, and multiplies them by the filters in one matrix product; the rows are built for
a few images at a time so that they stay in cache. Results lie channels-last in memory (NumPy's
strides hide it), which is the order in which the next convolution reads them fastest.

The three products of a convolution, by (input, filters), (gradient, filters) and (gradient, input),
are each other's derivatives, so the set is closed under differentiation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.backend import threads
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Cost, Shape, Value, composite, primitive
from chainrule.ops.reduce import sum
from chainrule.ops.window import Pair, Window, adjoint_shape, padded_last, pair, stepped

# Elements of unfolded rows built at a time: about what a core's second-level cache holds.
_BLOCK = 1 << 17


# --- unfolding ----------------------------------------------------------------------------------


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
        self.steps = stepped(x.shape, window)
        padded = padded_last(x, window.padding)
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
    return (x[0], w[0], *stepped(x, _window_of(w, stride, padding, dilation)))


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
        y_rows = y[images].reshape(-1, o)[:, group * each : (group + 1) * each]
        threads.matmul(rows, filters[group], out=y_rows)
    if b is not None:
        y += b
    return y.transpose(0, 3, 1, 2)


def _input_shape(g: Shape, w: Shape, *, size: Pair, groups: int = 1, **at: Any) -> Shape:
    x = (g[0], w[1] * groups, *size)
    return adjoint_shape(g, _conv_shape(x, w, groups=groups, **at), x)


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
            spread = np.empty((len(rows), c), dtype=x.dtype)
            for taps, (down, across) in zip(filters[group], window.taps((oh, ow))):
                threads.matmul(rows, taps, out=spread)
                target[:, down, across] += spread.reshape(-1, oh, ow, c)
    return x[:, ph : ph + size[0], pw : pw + size[1]].transpose(0, 3, 1, 2)


def _weight_shape(g: Shape, x: Shape, *, size: Pair, groups: int = 1, **at: Any) -> Shape:
    w = (g[1], x[1] // groups, *size)
    return adjoint_shape(g, _conv_shape(x, w, groups=groups, **at), w)


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
        total[group] += threads.matmul(rows.T, g_rows)
    w = total.reshape(groups, *size, c, each).transpose(0, 4, 3, 1, 2)
    return np.ascontiguousarray(w).reshape(o, c, *size)


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
