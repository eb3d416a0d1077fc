"""The kernels of convolution, pooling and windows against the bodies of their operations."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.backend import arrays
from chainrule.ops.window import Window
from device.kernels import agrees, each_type, gpu_order, numbers, same_bits  # noqa: F401

pytestmark = pytest.mark.usefixtures("gpu_order")


# --- convolution --------------------------------------------------------------------------------

# Images, filters, attributes.
CONVOLUTIONS = {
    "one": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "line": ((2, 3, 31), (9, 3, 5), {"stride": 2, "padding": 2}),
    "volume": ((1, 2, 4, 5, 6), (8, 2, 2, 3, 2), {"padding": 1, "stride": (1, 2, 3)}),
    "one-tile": ((2, 9, 8, 8), (64, 9, 3, 3), {"padding": 1}),
    "odd": ((3, 17, 7, 9), (33, 17, 3, 2), {"stride": (2, 1), "dilation": (1, 2)}),
    "uneven-stride": ((1, 10, 11, 6), (12, 10, 3, 3), {"stride": (3, 2), "padding": (2, 1)}),
    "groups": ((2, 18, 6, 5), (20, 9, 3, 3), {"groups": 2, "padding": 1}),
    "depthwise": ((2, 5, 9, 7), (5, 1, 3, 3), {"groups": 5, "padding": 1, "stride": 2}),
    "depthwise-multiple": ((1, 3, 8, 8), (6, 1, 2, 3), {"groups": 3, "dilation": 2}),
    "few-filters": ((2, 12, 6, 6), (3, 12, 3, 3), {}),
    "few-channels": ((2, 3, 12, 12), (16, 3, 5, 5), {"padding": 2}),
    "empty": ((0, 9, 6, 6), (8, 9, 3, 3), {}),
}
each_convolution = pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS)


@each_type
@each_convolution
def test_convolution(gpu, case, dtype):
    x, w, at = case
    for bias in ((), (numbers(w[:1], dtype),)):
        agrees(ops.convolution, numbers(x, dtype), numbers(w, dtype), *bias, **at)


@each_type
@each_convolution
def test_gradient_by_input(gpu, case, dtype):
    x, w, at = case
    g = numbers(ops.convolution.shape(x, w, **at), dtype)
    agrees(ops.convolution_input, g, numbers(w, dtype), size=x[2:], **at)


@each_type
@each_convolution
def test_gradient_by_filters(gpu, case, dtype):
    x, w, at = case
    g = numbers(ops.convolution.shape(x, w, **at), dtype)
    agrees(ops.convolution_weight, g, numbers(x, dtype), size=w[2:], **at)


def test_a_gradient_that_several_blocks_share(gpu):
    x, g = numbers((2, 3, 40, 40), np.float32), numbers((2, 8, 38, 38), np.float32)
    agrees(ops.convolution_weight, g, x, size=(3, 3))
    same_bits(ops.convolution_weight, g, x, size=(3, 3))


def test_images_that_lie_otherwise(gpu):
    x = numbers((4, 6, 9, 2), np.float32).transpose(3, 2, 0, 1)[:, :, ::-1]
    w = numbers((3, 3, 9, 8), np.float32).transpose(3, 2, 1, 0)
    agrees(ops.convolution, x, w)


def test_shapes_are_refused_in_the_same_words(gpu):
    x, w = (arrays.to_gpu(numbers(s, np.float32)) for s in ((1, 2, 4, 4), (3, 5, 2, 2)))
    with pytest.raises(ops.core.ShapeError, match="expected 5 input channels, got 2"):
        ops.convolution(x, w)


# --- pooling ------------------------------------------------------------------------------------

WINDOWS = {
    "two": ((2, 3, 6, 6), Window((2, 2), (2, 2), (0, 0), (1, 1))),
    "one-pixel": ((1, 1, 1, 1), Window((1, 1), (1, 1), (0, 0), (1, 1))),
    "line": ((3, 2, 31), Window((3,), (2,), (1,), (1,))),
    "volume": ((1, 2, 5, 4, 6), Window((2, 3, 2), (1, 2, 2), (1, 1, 0), (1, 1, 2))),
    "overlapping": ((2, 2, 7, 9), Window((3, 3), (1, 2), (1, 1), (1, 1))),
    "dilated": ((1, 3, 9, 9), Window((3, 2), (2, 2), (1, 0), (2, 3))),
    "beyond-the-edge": ((2, 2, 6, 7), Window((3, 3), (2, 2), (1, 1), (1, 1), ceil=True)),
    "many-taps": ((1, 1, 20, 20), Window((17, 17), (3, 3), (8, 8), (1, 1))),
    "empty": ((0, 2, 6, 6), Window((2, 2), (2, 2), (0, 0), (1, 1))),
}
each_window = pytest.mark.parametrize(("shape", "window"), WINDOWS.values(), ids=WINDOWS)


@each_type
@each_window
def test_pooling(gpu, shape, window, dtype):
    x = numbers(shape, dtype)
    for op in (ops.max_pooling, ops.max_pooling_winners, ops.sum_pooling, ops.unfold_windows):
        agrees(op, x, window=window)


@each_type
@each_window
def test_gradients_of_pooling(gpu, shape, window, dtype):
    x, size = numbers(shape, dtype), shape[2:]
    winners = ops.max_pooling_winners(x, window=window)
    g = numbers(winners.shape, dtype)
    agrees(ops.max_pooling_spread, g, winners, window=window, size=size)
    agrees(ops.max_pooling_picked, x, winners, window=window)
    agrees(ops.sum_pooling_spread, g, window=window, size=size)
    columns = numbers(ops.unfold_windows.shape(shape, window=window), dtype)
    agrees(ops.fold_windows, columns, window=window, size=size)


def test_ties_infinities_and_not_a_number(gpu):
    window = Window((3, 3), (2, 2), (1, 1), (1, 1))
    x = np.zeros((1, 5, 5, 5), np.float32)
    x[0, 0, 1, 1] = x[0, 0, 3, 3] = np.nan
    x[0, 1] = -np.inf
    x[0, 2, 2:] = np.inf
    x[0, 3, ::2] = 1
    for op in (ops.max_pooling, ops.max_pooling_winners):
        agrees(op, x, window=window)
