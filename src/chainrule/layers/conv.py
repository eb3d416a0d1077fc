"""Layers of images (N, C, H, W): convolution and pooling (floor 2).

The three products of a convolution are operations of the table; here it can be seen which of them
goes which way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ShapeError
from chainrule.layers.function import Function, Layer, Random
from chainrule.layers.linear import at_least_1, not_bytes
from chainrule.ops import Array, Window, pair

__all__ = ["Conv2D", "MaxPool2D"]


class Conv2D(Layer):
    """Filters moved over images: Y[n, o] is filter o laid on every place of image n, plus b[o].

    Args:
        in_channels: channels of the images.
        out_channels: how many filters.
        kernel_size: pixels along a side of a filter, or (height, width).
        stride: pixels from one place to the next.
        padding: rows and columns of zeros around.
        bias: whether to add b.
        rng: where the initial weights come from: a seed, a `numpy.random.Generator`, or `None`.

    Attributes:
        weight: W (out_channels, in_channels, height, width) and b (out_channels,), at first normal
            with deviation 1/sqrt(in_channels height width).

    Raises:
        OptionError: a size below 1.
        ShapeError: images with other channels, or smaller than the filter.

    Examples:
        >>> layer = Conv2D(3, 8, 3, padding=1, rng=0)
        >>> layer(np.ones((2, 3, 5, 5))).shape
        (2, 8, 5, 5)
        >>> layer.backward(np.ones((2, 8, 5, 5))).shape
        (2, 3, 5, 5)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        *,
        bias: bool = True,
        rng: Random = None,
    ) -> None:
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride)
        self.padding = pair(padding)
        self.bias = bias
        at_least_1(in_channels=in_channels, out_channels=out_channels)
        at_least_1(kernel_size=min(self.kernel_size), stride=min(self.stride))
        super().__init__(rng)

    def _init_weights(self, state: Array) -> None:
        shape = (self.out_channels, self.in_channels, *self.kernel_size)
        scale = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight["W"] = init.normal(state, shape, 0.0, scale, np.float64)
        if self.bias:
            self.weight["b"] = init.normal(state, shape[:1], 0.0, scale, np.float64)

    def forward(self, X: Array) -> Any:
        """Return images (N, out_channels, oh, ow) for X (N, in_channels, H, W)."""
        if X.ndim != 4 or X.shape[1] != self.in_channels:
            raise ShapeError(f"expected images (N, {self.in_channels}, H, W), got shape {X.shape}")
        not_bytes(X)
        at = {"stride": self.stride, "padding": self.padding}
        return ops.convolution(X, *self.weight.values(), **at)

    def backward(self, dY: Array) -> Any:
        """Return dX: every dY spread over its window by W; dW sums the windows, weighted by dY."""
        X, W = self.cache["X"], self.weight["W"]
        at = {"stride": self.stride, "padding": self.padding}
        self.weight_update["W"] = ops.convolution_weight(dY, X, size=self.kernel_size, **at)
        if self.bias:
            self.weight_update["b"] = ops.sum(dY, dim=(0, 2, 3))
        return ops.convolution_input(dY, W, size=X.shape[2:], **at)

    def __repr__(self) -> str:
        height, width = self.kernel_size
        return f"Conv2D({self.in_channels}, {self.out_channels}, {height}x{width})"


class MaxPool2D(Function):
    """The largest pixel in each window.

    Args:
        kernel_size: pixels along a side of the window, or (height, width).
        stride: pixels from one window to the next; as large as the window if not given.
        padding: rows and columns around, which never win.

    Raises:
        ShapeError: images smaller than the window.

    Examples:
        >>> pool = MaxPool2D(2)
        >>> pool(np.array([[[[1.0, 5.0], [3.0, 2.0]]]]))
        array([[[[5.]]]])
        >>> pool.backward(np.ones((1, 1, 1, 1)))
        array([[[[0., 1.],
                 [0., 0.]]]])
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int] = 2,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
    ) -> None:
        super().__init__()
        size = pair(kernel_size)
        step = size if stride is None else pair(stride)
        self.window = Window(size, step, pair(padding), (1, 1))

    def forward(self, X: Array) -> Any:
        """Return images (N, C, oh, ow)."""
        return ops.max_pooling(X, window=self.window)

    def backward(self, dY: Array) -> Any:
        """Return dX: every dY at the pixel that won its window, 0 elsewhere."""
        X = self.cache["X"]
        winners = ops.max_pooling_winners(X, window=self.window)
        return ops.max_pooling_spread(dY, winners, window=self.window, size=X.shape[2:])

    def __repr__(self) -> str:
        height, width = self.window.size
        return f"MaxPool2D({height}x{width})"
