"""Layers that make images larger or smaller, or take them apart, without weights (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.autograd import Tensor
from chainrule.nn import functional as F
from chainrule.nn.module import Module

__all__ = [
    "ChannelShuffle",
    "Fold",
    "PixelShuffle",
    "PixelUnshuffle",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]


class Upsample(Module):
    """Images of another size: see `functional.interpolate`.

    Args:
        size: of the images to come, one number or one for each dimension.
        scale_factor: how many times as large they are, instead.
        mode: "nearest", "linear", "bilinear", "bicubic", "trilinear" and so on.
        align_corners: whether the pixels at the corners stay where they are.
        recompute_scale_factor: whether distances go by the sizes, rounded, and not by the factor.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Upsample(scale_factor=2)(ones(1, 3, 4, 4)).shape
        (1, 3, 8, 8)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        many = isinstance(scale_factor, (tuple, list))
        self.size = size
        self.scale_factor: Any = (
            tuple(float(f) for f in scale_factor)  # type: ignore[union-attr]
            if many
            else float(scale_factor)  # type: ignore[arg-type]
            if scale_factor
            else None
        )
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...) to those of the other size."""
        return F.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """Return what decides the size, and the mode."""
        by = "size" if self.scale_factor is None else "scale_factor"
        return f"{by}={getattr(self, by)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images (N, C, H, W) with mode "nearest".

    Examples:
        >>> from chainrule.autograd import tensor
        >>> UpsamplingNearest2d(scale_factor=2)(tensor([[[[1.0, 2.0]]]]))[0, 0, 0]
        tensor([1., 1., 2., 2.])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images (N, C, H, W) with mode "bilinear" and align_corners.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> UpsamplingBilinear2d(size=(1, 3))(tensor([[[[1.0, 2.0]]]]))[0, 0, 0]
        tensor([1.0000, 1.5000, 2.0000])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels (N, C r^2, H, W) become pixels (N, C, H r, W r): see `functional.pixel_shuffle`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> PixelShuffle(2)(ones(1, 8, 3, 3)).shape
        (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Any:
        """Map images to those with fewer channels."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Blocks of r by r pixels become channels: `PixelShuffle` undone.

    Examples:
        >>> from chainrule.autograd import ones
        >>> PixelUnshuffle(2)(ones(1, 2, 6, 6)).shape
        (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Any:
        """Map images to those with more channels."""
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels of `groups` groups dealt out in turn.

    Examples:
        >>> from chainrule.autograd import arange
        >>> ChannelShuffle(2)(arange(4.0).reshape(1, 4, 1)).reshape(-1)
        tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, x: Tensor) -> Any:
        """Return x (N, C, ...) with its channels in another order."""
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        """Return the groups."""
        return f"groups={self.groups}"


class Unfold(Module):
    """Each window of images (N, C, H, W) as a column: see `functional.unfold`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Unfold(2)(ones(1, 3, 4, 4)).shape
        (1, 12, 9)
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        dilation: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        stride: int | Sequence[int] = 1,
    ) -> None:
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Any:
        """Map images to columns (N, C taps, positions)."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the window."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Images put together of their windows, which add up: see `functional.fold`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Fold((4, 4), 2)(ones(1, 12, 9)).shape
        (1, 3, 4, 4)
    """

    def __init__(
        self,
        output_size: int | Sequence[int],
        kernel_size: int | Sequence[int],
        dilation: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        stride: int | Sequence[int] = 1,
    ) -> None:
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Any:
        """Map columns (N, C taps, positions) to images (N, C, *output_size)."""
        return F.fold(
            x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
