"""Layers with weights: affine maps, convolutions, embeddings (floor 3).

Weights begin as in PyTorch: uniform in +-1/sqrt(inputs of a unit) for affine maps and convolutions,
standard normal for embeddings. `generator` says from which source, the default one if `None`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import init
from chainrule.autograd import Generator, Tensor, as_tensor, from_numpy
from chainrule.autograd.generator import state_of
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.module import Module, Parameter
from chainrule.ops import Array, pair

__all__ = ["Conv2d", "Flatten", "Identity", "Linear", "Normalize"]


def _positive(**sizes: int) -> None:
    for name, n in sizes.items():
        if n < 1:
            raise OptionError(f"{name} must be at least 1, got {n}")


def _parameter(values: Array) -> Parameter:
    return Parameter(from_numpy(values))


def _weights(
    shape: tuple[int, ...], bias: bool, generator: Generator | None
) -> tuple[Parameter, Parameter | None]:
    """A weight (out, in, ...) and its bias (out,), uniform in +-1/sqrt(inputs of a unit)."""
    state = state_of(generator)
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    weight = _parameter(init.uniform(state, shape, -bound, bound))
    return weight, _parameter(init.uniform(state, shape[:1], -bound, bound)) if bias else None


def _floating(x: Any) -> None:
    if np.dtype(x.dtype).kind in "iub":
        raise DataError(
            f"expected floating-point input, got {x.dtype}; convert it, for example with "
            "x.float() / 255 for images of bytes"
        )


class Linear(Module):
    """y = x W^T + b, an affine map of the last dimension.

    Args:
        in_features: size of the last dimension of x.
        out_features: size of the last dimension of y.
        bias: whether to add b.
        generator: where the initial weights come from.

    Attributes:
        weight: W, (out_features, in_features).
        bias: b, (out_features,), or `None`.

    Raises:
        OptionError: a size below 1.
        ShapeError: an input of another size.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Linear(2, 3)(ones(5, 2)).shape
        (5, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        generator: Generator | None = None,
    ) -> None:
        _positive(in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight, self.bias = _weights((out_features, in_features), bias, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., in_features) to (..., out_features)."""
        if not x.ndim or x.shape[-1] != self.in_features:
            raise ShapeError(self._misfit(tuple(x.shape)))
        _floating(x)
        return F.linear(x, self.weight, self.bias)

    def _misfit(self, shape: tuple[int, ...]) -> str:
        features = math.prod(shape[1:])
        sizes = " x ".join(str(n) for n in shape[1:])
        if len(shape) > 2:
            return (
                f"expected {self.in_features} input features, got shape {shape}; flattened it has "
                f"{features} = {sizes}: put Flatten before it"
                + ("" if features == self.in_features else f" and set in_features={features}")
            )
        n = self.in_features
        if not shape:
            return f"expected {n} input features, got a single number; give it shape ({n},)"
        return f"expected {n} input features, got {shape[-1]}; set in_features={shape[-1]}"

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Conv2d(Module):
    """Filters moved over images: see `ops.convolution` for the formula.

    Args:
        in_channels: channels of the images.
        out_channels: how many filters.
        kernel_size: of a filter, one number or (height, width).
        stride: pixels from one position to the next.
        padding: rows and columns of zeros around, or "same", or "valid".
        dilation: pixels from one tap of a filter to the next.
        groups: how many independent convolutions the channels are split among.
        bias: whether each filter has one.
        generator: where the initial weights come from.

    Attributes:
        weight: (out_channels, in_channels / groups, height, width).
        bias: (out_channels,), or `None`.

    Raises:
        OptionError: sizes below 1, or channels that `groups` does not divide.
        ShapeError: images with other channels, or smaller than the filter.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Conv2d(3, 8, 3, padding=1)(ones(2, 3, 5, 5)).shape
        (2, 8, 5, 5)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: Generator | None = None,
    ) -> None:
        _positive(in_channels=in_channels, out_channels=out_channels, groups=groups)
        self.kernel_size = pair(kernel_size)
        _positive(kernel_height=self.kernel_size[0], kernel_width=self.kernel_size[1])
        if in_channels % groups or out_channels % groups:
            raise OptionError(
                f"groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.stride = pair(stride)
        self.padding = padding if isinstance(padding, str) else pair(padding)
        self.dilation = pair(dilation)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight, self.bias = _weights(shape, bias, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to (N, out_channels, oh, ow)."""
        _floating(x)
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ShapeError(self._misfit(tuple(x.shape)))
        return F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def _misfit(self, shape: tuple[int, ...]) -> str:
        wanted = f"expected images (N, {self.in_channels}, H, W), got shape {shape}"
        if len(shape) == 3 and shape[0] == self.in_channels:
            return f"{wanted}; for one image put x.unsqueeze(0)"
        if len(shape) != 4:
            return wanted
        if shape[3] == self.in_channels:
            return f"{wanted}; if the channels come last, put x.permute(0, 3, 1, 2)"
        return f"{wanted}; set in_channels={shape[1]}"

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
            + (f", padding={self.padding}" if self.padding != (0, 0) else "")
            + (f", dilation={self.dilation}" if self.dilation != (1, 1) else "")
            + (f", groups={self.groups}" if self.groups != 1 else "")
            + ("" if self.bias is not None else ", bias=False")
        )


class Flatten(Module):
    """Join the dimensions from `start_dim` to `end_dim`: by default all but the batch.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Flatten()(ones(2, 3, 4)).shape
        (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Return x with those dimensions joined."""
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Return the input as it is.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Identity()(ones(2))
        tensor([1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


class Normalize(Module):
    """y = (x - mean) / std: raw data, integers too, brought to the scale that networks like.

    Being part of the model it travels with it, and the model takes data as they come.

    Args:
        mean: one number, or one for each channel or column (the second dimension of x).
        std: likewise, above 0.

    Attributes:
        mean: a buffer, (C,) or (1,).
        std: a buffer, (C,) or (1,).

    Raises:
        OptionError: a `std` that is not above 0, or not as many as `mean`.
        ShapeError: an input with another number of channels.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> Normalize(127.5, 127.5)(tensor([[0, 255]]))
        tensor([[-1.,  1.]])
    """

    def __init__(self, mean: Any, std: Any) -> None:
        centre = np.atleast_1d(np.asarray(mean, dtype=np.float32))
        spread = np.atleast_1d(np.asarray(std, dtype=np.float32))
        if centre.shape != spread.shape or centre.ndim != 1 or not (spread > 0).all():
            raise OptionError("Normalize takes as many std as mean, and every std above 0")
        self.register_buffer("mean", from_numpy(centre))
        self.register_buffer("std", from_numpy(spread))

    def forward(self, x: Tensor) -> Tensor:
        """Return (x - mean) / std in floating point."""
        x = as_tensor(x)
        count = self.mean.numel()
        if count > 1 and (x.ndim < 2 or x.shape[1] != count):
            raise ShapeError(f"expected {count} channels or columns, got shape {tuple(x.shape)}")
        shape = (1,) * (count == 1) or (1, count, *([1] * (x.ndim - 2)))
        x = x if x.is_floating_point() else x.to(self.mean.dtype)
        return (x - self.mean.view(shape)) / self.std.view(shape)

    def extra_repr(self) -> str:
        """Return mean and std where they are single numbers."""
        if self.mean.numel() == 1:
            return f"mean={self.mean.item():.4g}, std={self.std.item():.4g}"
        return f"{self.mean.numel()} columns"
