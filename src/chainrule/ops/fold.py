"""Windows of an image laid out side by side, and put together again (floor 1).

The two are each other's gradients: every pixel goes into each window that meets it, and what the
windows hold of a pixel is added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.backend.arrays import module_of
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Shape, Value, composite, primitive
from chainrule.ops.shape import reshape
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


def _unfolded(x: Shape, *, window: Window) -> Shape:
    return (*x[:2], math.prod(window.size), *stepped(x, window))


@primitive(
    kind="gather",
    shape=_unfolded,
    vjp=[lambda g, _y, _x, *, window: fold_windows(g, window=window, size=tuple(_x.shape[2:]))],
    arity=1,
)
def unfold_windows(x: Array, window: Window) -> Array:
    """The pixels of every window of x (N, C, ...): (N, C, taps, ...), zero outside the image.

    Examples:
        >>> window = Window((2,), (1,), (0,), (1,))
        >>> unfold_windows(np.array([[[1.0, 2.0, 3.0]]]), window=window)
        array([[[[1., 2.],
                 [2., 3.]]]])
    """
    y = module_of(x).empty(_unfolded(x.shape, window=window), dtype=x.dtype)
    padded = channels_second(padded_last(x, window))
    for k, pixels in enumerate(window.taps(y.shape[3:])):
        y[:, :, k] = padded[:, :, *pixels]
    return y


@primitive(
    kind="gather",
    shape=lambda g, *, window, size: adjoint_shape(
        g, _unfolded((*g[:2], *size), window=window), (*g[:2], *size)
    ),
    vjp=[lambda h, _y, _g, *, window, size: unfold_windows(h, window=window)],
)
def fold_windows(g: Array, *, window: Window, size: Sizes) -> Array:
    """Every g (N, C, taps, ...) added to the pixel it is of: the gradient of `unfold_windows`.

    Examples:
        >>> window = Window((2,), (1,), (0,), (1,))
        >>> fold_windows(np.array([[[[1.0, 2.0], [2.0, 3.0]]]]), window=window, size=(3,))
        array([[[1., 4., 3.]]])
    """
    n, c, _, *steps = g.shape
    margins = window.margins(size)
    padded = [a + m + b for m, (a, b) in zip(size, margins)]
    x = channels_second(module_of(g).zeros((n, *padded, c), dtype=g.dtype))
    for k, pixels in enumerate(window.taps(tuple(steps))):
        x[:, :, *pixels] += g[:, :, k]
    return channels_second(channels_last(x)[inside(size, margins)])


# --- with PyTorch's arguments -------------------------------------------------------------------


@composite
def im2col(
    input: Value,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Value:
    """Each window of an image as a column (PyTorch's `nn.functional.unfold`).

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        kernel_size: of the window.
        dilation: pixels from one tap of the window to the next.
        padding: rows and columns of zeros around.
        stride: pixels from one position to the next.

    Returns:
        (N, C * taps, positions).

    Examples:
        >>> im2col(np.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
        array([[[0., 2.],
                [1., 3.]]])
    """
    window = Window(sizes(kernel_size, 2), sizes(stride, 2), sizes(padding, 2), sizes(dilation, 2))
    return on_batch(lambda images: _columns(unfold_windows(images, window=window)), input, 2)


def _columns(y: Value) -> Value:
    n, c, taps, *steps = y.shape
    return reshape(y, shape=(n, c * taps, math.prod(steps)))


@composite
def col2im(
    input: Value,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Value:
    """Images put together of their windows, which add up (PyTorch's `nn.functional.fold`).

    Args:
        input: (N, C * taps, positions), or (C * taps, positions).
        output_size: of the images to come.
        kernel_size: of the window.
        dilation: pixels from one tap of the window to the next.
        padding: rows and columns around, which are taken away.
        stride: pixels from one position to the next.

    Returns:
        (N, C, *output_size).

    Raises:
        ShapeError: x is not of as many windows, or of windows of another size.

    Examples:
        >>> col2im(np.array([[[0.0, 2.0], [1.0, 3.0]]]), 2, (1, 2))
        array([[[[0., 1.],
                 [2., 3.]]]])
    """
    size = sizes(output_size, 2)
    window = Window(sizes(kernel_size, 2), sizes(stride, 2), sizes(padding, 2), sizes(dilation, 2))
    taps = math.prod(window.size)
    steps = stepped((1, 1, *size), window)
    shape = tuple(input.shape)
    if len(shape) not in (2, 3) or shape[-2] % taps or shape[-1] != math.prod(steps):
        raise ShapeError(
            f"expected (N, C * {taps}, {math.prod(steps)}), for windows of {window.size} on images "
            f"of {size}, got shape {shape}"
        )

    def folded(columns: Value) -> Value:
        n, rows, _ = columns.shape
        windows = reshape(columns, shape=(n, rows // taps, taps, *steps))
        return fold_windows(windows, window=window, size=size)

    return on_batch(folded, input, 1)
