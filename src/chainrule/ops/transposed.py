"""Transposed convolution, of images of any dimension (floor 1, composites).

It is the gradient of a convolution by its input, used forwards: each pixel of x is spread over the
window that it would have come from. The filters are those of that convolution, so their first
dimension is the channels of x.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.errors import ShapeError
from chainrule.ops.conv import convolution_input
from chainrule.ops.core import Shape, Value, composite
from chainrule.ops.elementwise import add
from chainrule.ops.shape import narrow, pad_constant, reshape
from chainrule.ops.window import Sizes, Window, layout, on_batch, sizes


def _spread(x: Value, w: Value, window: Window, more: Sizes, groups: int) -> Value:
    """Images x spread by the filters, `more` pixels after the last that a window touches."""
    _, stride, padding, dilation, _ = window
    rank = len(stride)
    at = {"stride": stride, "dilation": dilation, "groups": groups}
    whole = [(n - 1) * s + r for n, s, r in zip(x.shape[2:], stride, window.reach())]
    size = tuple(n - 2 * p + m for n, p, m in zip(whole, padding, more))
    if min(size) < 1:
        raise ShapeError(
            f"images of {'x'.join(map(str, x.shape[2:]))} would become {size}: padding {padding} "
            "takes away everything; use less"
        )
    if all(m < s for m, s in zip(more, stride)):
        return convolution_input(x, w, size=size, padding=padding, **at)
    # No convolution of images of this size has just these positions, so they are cut by hand.
    y = convolution_input(x, w, size=tuple(whole), padding=(0,) * rank, **at)
    y = pad_constant(y, widths=((0, 0), (0, 0), *[(0, m) for m in more]))
    for d, (p, n) in enumerate(zip(padding, size), start=2):
        y = narrow(y, d, p, n)
    return y


def _conv_transpose(
    rank: int,
    x: Value,
    weight: Value,
    bias: Value,
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    output_padding: int | Sequence[int],
    groups: int,
    dilation: int | Sequence[int],
) -> Value:
    """A transposed convolution in `rank` dimensions, of a batch or of one image."""
    _check(rank, tuple(x.shape), tuple(weight.shape), groups)
    window = Window(
        tuple(weight.shape[2:]), sizes(stride, rank), sizes(padding, rank), sizes(dilation, rank)
    )
    more = sizes(output_padding, rank)
    if any(m >= max(s, d) for m, s, d in zip(more, window.stride, window.dilation)):
        raise ShapeError(
            f"output_padding {more} must be smaller than the stride {window.stride} or the "
            f"dilation {window.dilation}"
        )
    y = on_batch(lambda images: _spread(images, weight, window, more, groups), x, rank)
    return y if bias is None else add(y, reshape(bias, shape=(-1, *[1] * rank)))


def _check(rank: int, x: Shape, w: Shape, groups: int) -> None:
    if len(x) not in (rank + 1, rank + 2) or len(w) != rank + 2:
        raise ShapeError(
            f"a transposed convolution takes images {layout(rank)} and filters (C, O, ...) of as "
            f"many dimensions, got {x} and {w}"
        )
    if groups < 1 or x[-rank - 1] != w[0] or w[0] % groups:
        raise ShapeError(
            f"expected {w[0]} input channels, got {x[-rank - 1]}: input of shape {x}, filters of "
            f"shape {w}, groups {groups}"
        )


@composite
def conv_transpose1d(
    input: Value,
    weight: Value,
    bias: Value = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Value:
    """`conv_transpose2d` of sequences: x (N, C, L), filters (C, O / groups, k).

    Examples:
        >>> conv_transpose1d(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0]]]), stride=2)
        array([[[ 1., 10.,  2., 20.]]])
    """
    return _conv_transpose(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite
def conv_transpose2d(
    input: Value,
    weight: Value,
    bias: Value = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Value:
    """Each pixel of x, times each filter of its channel, added up where it lies; plus bias.

    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        weight: filters (C, O / groups, kh, kw).
        bias: (O,), or left out.
        stride: pixels of y from one pixel of x to the next.
        padding: rows and columns taken away around.
        output_padding: rows and columns after the last, fewer than the stride or the dilation.
        groups: how many independent convolutions the channels are split among.
        dilation: pixels from one tap of a filter to the next.

    Returns:
        (N, O, oh, ow) with
        oh = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.

    Raises:
        ShapeError: the shapes do not fit; says which sizes were expected.

    Examples:
        >>> conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))
        array([[[[1., 2., 1.],
                 [2., 4., 2.],
                 [1., 2., 1.]]]])
    """
    return _conv_transpose(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite
def conv_transpose3d(
    input: Value,
    weight: Value,
    bias: Value = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Value:
    """`conv_transpose2d` of volumes: x (N, C, D, H, W), filters (C, O / groups, kd, kh, kw).

    Examples:
        >>> conv_transpose3d(np.ones((1, 1, 2, 2, 2)), np.ones((1, 4, 3, 3, 3)), stride=2).shape
        (1, 4, 5, 5, 5)
    """
    return _conv_transpose(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
