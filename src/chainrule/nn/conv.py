"""Convolutions and transposed convolutions as layers (floor 3).

Weights begin as in PyTorch: evenly drawn from +-1/sqrt(inputs of a unit). `generator` says from
which source, the default one if `None`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from chainrule.autograd import Generator, Tensor
from chainrule.errors import OptionError, ShapeError, did_you_mean
from chainrule.nn import functional as F
from chainrule.nn.module import Module
from chainrule.nn.weights import even, floating, placed, positive, spread_evenly
from chainrule.ops import layout, sizes
from chainrule.ops.conv import named_padding

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What convolutions and transposed ones of all dimensions have in common."""

    rank: ClassVar[int]
    transposed: ClassVar[bool] = False
    output_padding: tuple[int, ...]
    padding: tuple[int, ...] | str

    def _begin(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        padding_mode: str,
    ) -> None:
        """Keep the settings that both kinds have."""
        positive(in_channels=in_channels, out_channels=out_channels, groups=groups)
        self.kernel_size = sizes(kernel_size, self.rank)
        positive(kernel_size=min(self.kernel_size))
        if in_channels % groups or out_channels % groups:
            raise OptionError(
                f"groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.stride = sizes(stride, self.rank)
        self.dilation = sizes(dilation, self.rank)
        self.groups = groups
        self.padding_mode = padding_mode

    def _draw(self, bias: bool, generator: Generator | None, device: Any, dtype: Any) -> None:
        """Set weight and bias."""
        outer, inner = self.out_channels, self.in_channels // self.groups
        if self.transposed:
            outer, inner = self.in_channels, self.out_channels // self.groups
        shape = (outer, inner, *self.kernel_size)
        self.weight = even(shape, self._bound(shape), generator)
        drawn = even((self.out_channels,), self._bound(shape), generator) if bias else None
        self.bias = drawn
        placed(self, device, dtype)

    def _bound(self, shape: Sequence[int]) -> float:
        return 1 / math.sqrt(math.prod(shape[1:]))

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        spread_evenly(self, self._bound(self.weight.shape))

    def _look(self, x: Tensor) -> None:
        """Refuse what is no batch of images with these channels, nor one image."""
        floating(x)
        wanted = (self.rank + 1, self.rank + 2)
        if x.ndim not in wanted or x.shape[-self.rank - 1] != self.in_channels:
            raise ShapeError(self._misfit(tuple(x.shape)))

    def _misfit(self, shape: tuple[int, ...]) -> str:
        said = f"expected images {layout(self.rank, self.in_channels)}, got shape {shape}"
        advice = self._advice(shape)
        return f"{said}; {advice}" if advice else said

    def _advice(self, shape: tuple[int, ...]) -> str:
        """What to do with images of a shape that does not fit."""
        channels, rank, ndim = self.in_channels, self.rank, len(shape)
        side = math.isqrt(shape[-1] // channels) if ndim == rank == 2 else 0
        if side > 1 and channels * side**2 == shape[-1]:
            return f"for flattened images put x.view(-1, {channels}, {side}, {side})"
        if channels == 1 and ndim in (rank, rank + 1):
            return f"for images without channels put x.unsqueeze({ndim - rank})"
        if ndim in (rank + 1, rank + 2) and shape[-1] == channels:
            places = (*range(ndim - rank - 1), ndim - 1, *range(ndim - rank - 1, ndim - 1))
            return f"if the channels come last, put x.permute{places}"
        return f"set in_channels={shape[1]}" if ndim == rank + 2 else ""

    def extra_repr(self) -> str:
        """Return the sizes."""
        zeros, ones = (0,) * self.rank, (1,) * self.rank
        options = {
            "padding": (self.padding, zeros),
            "dilation": (self.dilation, ones),
            "output_padding": (self.output_padding, zeros),
            "groups": (self.groups, 1),
            "bias": (self.bias is not None, True),
            "padding_mode": (self.padding_mode, "zeros"),
        }
        return ", ".join(
            [
                f"{self.in_channels}, {self.out_channels}",
                f"kernel_size={self.kernel_size}",
                f"stride={self.stride}",
                *[f"{name}={v}" for name, (v, usual) in options.items() if v != usual],
            ]
        )


class _Conv(_ConvNd):
    """A convolution in as many dimensions as its class says."""

    _function: ClassVar[Any]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        self._begin(in_channels, out_channels, kernel_size, stride, dilation, groups, padding_mode)
        if padding_mode not in _PADDING_MODES:
            raise OptionError(
                f"padding_mode is one of {', '.join(_PADDING_MODES)}, got {padding_mode!r}"
                + did_you_mean(padding_mode, _PADDING_MODES)
            )
        if isinstance(padding, str):
            named_padding(padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding if isinstance(padding, str) else sizes(padding, self.rank)
        self.output_padding = (0,) * self.rank
        self._draw(bias, generator, device, dtype)

    def forward(self, x: Tensor) -> Any:
        """Map images (N, in_channels, ...), or one, to (N, out_channels, ...)."""
        self._look(x)
        padding: int | tuple[int, ...] | str = self.padding
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self._border(), self.padding_mode), 0
        return self._function(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _border(self) -> list[int]:
        """The padding as `pad` takes it: (before, after), the last dimension first."""
        if isinstance(self.padding, str):
            named = named_padding(self.padding, self.kernel_size, self.stride, self.dilation)
            pairs = [(p, p + more) for p, more in zip(*named)]
        else:
            pairs = [(p, p) for p in self.padding]
        return [p for pair in pairs[::-1] for p in pair]


class Conv1d(_Conv):
    """Filters moved over sequences (N, C, L); the arguments are those of `Conv2d`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Conv1d(3, 8, 3, padding=1)(ones(2, 3, 5)).shape
        (2, 8, 5)
    """

    rank = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Filters moved over images (N, C, H, W): see `ops.convolution` for the formula.

    Args:
        in_channels: channels of the images.
        out_channels: how many filters.
        kernel_size: of a filter, one number or (height, width).
        stride: pixels from one position to the next.
        padding: rows and columns around, or "same", or "valid".
        dilation: pixels from one tap of a filter to the next.
        groups: how many independent convolutions the channels are split among.
        bias: whether each filter has one.
        padding_mode: what is around: "zeros", "reflect", "replicate" or "circular".
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
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

    rank = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Filters moved over volumes (N, C, D, H, W); the arguments are those of `Conv2d`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Conv3d(1, 2, (1, 3, 3))(ones(2, 1, 4, 5, 5)).shape
        (2, 2, 4, 3, 3)
    """

    rank = 3
    _function = staticmethod(F.conv3d)


class _ConvTranspose(_ConvNd):
    """A transposed convolution in as many dimensions as its class says."""

    transposed = True
    _function: ClassVar[Any]
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        if padding_mode != "zeros":
            raise OptionError(
                f"a transposed convolution has padding_mode 'zeros' only, got {padding_mode!r}"
            )
        self._begin(in_channels, out_channels, kernel_size, stride, dilation, groups, padding_mode)
        self.padding = sizes(padding, self.rank)
        self.output_padding = sizes(output_padding, self.rank)
        self._draw(bias, generator, device, dtype)

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Any:
        """Map images (N, in_channels, ...), or one, to (N, out_channels, ...).

        Args:
            x: the images.
            output_size: of those to come, instead of `output_padding`.
        """
        self._look(x)
        more = self.output_padding if output_size is None else self._more(x, output_size)
        return self._function(
            x, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )

    def _more(self, x: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding that makes images of that size."""
        moves = zip(
            x.shape[-self.rank :], self.stride, self.padding, self.kernel_size, self.dilation
        )
        least = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, k, d in moves)
        wanted = tuple(int(n) for n in output_size)[-self.rank :]
        more = tuple(n - m for n, m in zip(wanted, least))
        if len(wanted) != self.rank or any(not 0 <= m < s for m, s in zip(more, self.stride)):
            largest = tuple(n + s - 1 for n, s in zip(least, self.stride))
            raise ShapeError(
                f"output_size must be from {least} to {largest}, got {tuple(output_size)}"
            )
        return more


class ConvTranspose1d(_ConvTranspose):
    """Sequences made longer by filters; the arguments are those of `ConvTranspose2d`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ConvTranspose1d(3, 8, 2, stride=2)(ones(2, 3, 5)).shape
        (2, 8, 10)
    """

    rank = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Images made larger by filters: see `functional.conv_transpose2d` for the formula.

    Args:
        in_channels: channels of the images.
        out_channels: channels of the images to come.
        kernel_size: of a filter, one number or (height, width).
        stride: pixels of the output from one pixel of the input to the next.
        padding: rows and columns taken away around.
        output_padding: rows and columns after the last.
        groups: how many independent convolutions the channels are split among.
        bias: whether each output channel has one.
        dilation: pixels from one tap of a filter to the next.
        padding_mode: "zeros".
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Attributes:
        weight: (in_channels, out_channels / groups, height, width).
        bias: (out_channels,), or `None`.

    Raises:
        OptionError: sizes below 1, or channels that `groups` does not divide.
        ShapeError: images with other channels.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ConvTranspose2d(3, 8, 4, stride=2, padding=1)(ones(2, 3, 5, 5)).shape
        (2, 8, 10, 10)
    """

    rank = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """Volumes made larger by filters; the arguments are those of `ConvTranspose2d`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ConvTranspose3d(3, 2, 2, stride=2)(ones(1, 3, 2, 3, 4)).shape
        (1, 2, 4, 6, 8)
    """

    rank = 3
    _function = staticmethod(F.conv_transpose3d)
