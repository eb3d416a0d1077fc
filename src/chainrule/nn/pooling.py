"""Pooling as modules; the formulas are with the functions of the same name (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from chainrule.autograd import Generator, Tensor
from chainrule.errors import OptionError
from chainrule.nn import functional as F
from chainrule.nn.module import Module
from chainrule.ops import sizes

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _Pool(Module):
    """A layer without weights that calls a function, and says with what."""

    _function: ClassVar[Any]
    _said: ClassVar[tuple[str, ...]]

    def extra_repr(self) -> str:
        """Return the settings."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._said)


# --- the largest --------------------------------------------------------------------------------


class _MaxPool(_Pool):
    _said = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...), or one, to smaller ones."""
        return self._function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


class MaxPool1d(_MaxPool):
    """`MaxPool2d` of sequences (N, C, L).

    Examples:
        >>> from chainrule.autograd import ones
        >>> MaxPool1d(2)(ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest pixel in each window; the stride is the window's size if not given.

    Args:
        kernel_size: of the window, one number or (height, width).
        stride: pixels from one position to the next.
        padding: rows and columns around, which never win.
        dilation: pixels from one tap of the window to the next.
        return_indices: whether to return, too, where in the flattened image each of them lies.
        ceil_mode: whether a last window that reaches beyond the padding counts.

    Examples:
        >>> from chainrule.autograd import ones
        >>> MaxPool2d(2)(ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """`MaxPool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> from chainrule.autograd import ones
        >>> MaxPool3d(2)(ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    _function = staticmethod(F.max_pool3d)


class _MaxUnpool(_Pool):
    _said = ("kernel_size", "stride", "padding")
    _rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
    ) -> None:
        self.kernel_size = sizes(kernel_size, self._rank)
        self.stride = self.kernel_size if stride is None else sizes(stride, self._rank)
        self.padding = sizes(padding, self._rank)

    def forward(self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Any:
        """Put the pixels of x where max pooling, as `indices` say, had found them."""
        return self._function(x, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(_MaxUnpool):
    """`MaxUnpool2d` of sequences (N, C, L).

    Examples:
        >>> from chainrule.autograd import ones
        >>> y, indices = F.max_pool1d(ones(1, 3, 4), 2, return_indices=True)
        >>> MaxUnpool1d(2)(y, indices).shape
        (1, 3, 4)
    """

    _rank = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Images of zeros with each pixel where max pooling had found it.

    Args:
        kernel_size: of the window of the pooling.
        stride: of the window of the pooling; its size if not given.
        padding: of the pooling.

    Examples:
        >>> from chainrule.autograd import ones
        >>> y, indices = F.max_pool2d(ones(1, 3, 4, 4), 2, return_indices=True)
        >>> MaxUnpool2d(2)(y, indices).shape
        (1, 3, 4, 4)
    """

    _rank = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """`MaxUnpool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> from chainrule.autograd import ones
        >>> y, indices = F.max_pool3d(ones(1, 3, 4, 4, 4), 2, return_indices=True)
        >>> MaxUnpool3d(2)(y, indices).shape
        (1, 3, 4, 4, 4)
    """

    _rank = 3
    _function = staticmethod(F.max_unpool3d)


# --- means and norms ----------------------------------------------------------------------------


class AvgPool1d(_Pool):
    """`AvgPool2d` of sequences (N, C, L), without a divisor of its own.

    Examples:
        >>> from chainrule.autograd import ones
        >>> AvgPool1d(2)(ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    _said = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = sizes(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else sizes(stride, 1)
        self.padding = sizes(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Any:
        """Map sequences (N, C, L), or one, to shorter ones."""
        return F.avg_pool1d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class _AvgPool(_Pool):
    _said = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...), or one, to smaller ones."""
        return self._function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_AvgPool):
    """The mean of each window; the stride is the window's size if not given.

    Args:
        kernel_size: of the window, one number or (height, width).
        stride: pixels from one position to the next.
        padding: rows and columns of zeros around.
        ceil_mode: whether a last window that reaches beyond the padding counts.
        count_include_pad: whether those zeros count.
        divisor_override: what to divide by instead of the number of pixels.

    Examples:
        >>> from chainrule.autograd import ones
        >>> AvgPool2d(2)(ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """`AvgPool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> from chainrule.autograd import ones
        >>> AvgPool3d(2)(ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    _function = staticmethod(F.avg_pool3d)


class _LPPool(_Pool):
    _said = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(
        self,
        norm_type: float,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...), or one, to smaller ones."""
        return self._function(
            x, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class LPPool1d(_LPPool):
    """`LPPool2d` of sequences (N, C, L).

    Examples:
        >>> from chainrule.autograd import ones
        >>> LPPool1d(2, 2)(ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """(sum of x^p)^(1/p) over each window; the stride is the window's size if not given.

    Args:
        norm_type: p.
        kernel_size: of the window, one number or (height, width).
        stride: pixels from one position to the next.
        ceil_mode: whether a last window that reaches beyond the image counts.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LPPool2d(2, 2)(ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """`LPPool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> from chainrule.autograd import ones
        >>> LPPool3d(2, 2)(ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    _function = staticmethod(F.lp_pool3d)


# --- windows made to fit ------------------------------------------------------------------------


class _AdaptiveAvgPool(_Pool):
    _said = ("output_size",)

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...), or one, to those of the output's size."""
        return self._function(x, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` of sequences (N, C, L).

    Examples:
        >>> from chainrule.autograd import ones
        >>> AdaptiveAvgPool1d(3)(ones(1, 3, 4)).shape
        (1, 3, 3)
    """

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of windows that share out the image, as many as the output has pixels.

    Args:
        output_size: of the images to come, one number or (height, width); `None` keeps a size.

    Examples:
        >>> from chainrule.autograd import ones
        >>> AdaptiveAvgPool2d(3)(ones(1, 3, 4, 4)).shape
        (1, 3, 3, 3)
    """

    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> from chainrule.autograd import ones
        >>> AdaptiveAvgPool3d(3)(ones(1, 3, 4, 4, 4)).shape
        (1, 3, 3, 3, 3)
    """

    _function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_Pool):
    _said = ("output_size",)

    def __init__(
        self, output_size: int | Sequence[int | None] | None, return_indices: bool = False
    ) -> None:
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...), or one, to those of the output's size."""
        return self._function(x, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` of sequences (N, C, L).

    Examples:
        >>> from chainrule.autograd import ones
        >>> AdaptiveMaxPool1d(3)(ones(1, 3, 4)).shape
        (1, 3, 3)
    """

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest of windows that share out the image, as many as the output has pixels.

    Args:
        output_size: of the images to come, one number or (height, width); `None` keeps a size.
        return_indices: whether to return, too, where in the flattened image each of them lies.

    Examples:
        >>> from chainrule.autograd import ones
        >>> AdaptiveMaxPool2d(3)(ones(1, 3, 4, 4)).shape
        (1, 3, 3, 3)
    """

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> from chainrule.autograd import ones
        >>> AdaptiveMaxPool3d(3)(ones(1, 3, 4, 4, 4)).shape
        (1, 3, 3, 3, 3)
    """

    _function = staticmethod(F.adaptive_max_pool3d)


class _FractionalMaxPool(_Pool):
    _said = ()
    _rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        output_size: int | Sequence[int] | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        if (output_size is None) == (output_ratio is None):
            raise OptionError(
                "fractional pooling takes output_size or output_ratio, and one of them"
            )
        self.kernel_size = sizes(kernel_size, self._rank)
        self.output_size = None if output_size is None else sizes(output_size, self._rank)
        self.output_ratio = output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.generator = generator

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...), or one, to those of the output's size."""
        return self._function(
            x,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
            generator=self.generator,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest of windows that begin where chance says, about evenly spread.

    Args:
        kernel_size: of the windows, one number or (height, width).
        output_size: of the images to come.
        output_ratio: their size as a share of that of the input, instead.
        return_indices: whether to return, too, where in the flattened image each pixel lies.
        generator: where the random numbers come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> FractionalMaxPool2d(2, output_size=3)(ones(1, 3, 4, 4)).shape
        (1, 3, 3, 3)
    """

    _rank = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """`FractionalMaxPool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> from chainrule.autograd import ones
        >>> FractionalMaxPool3d(2, output_size=3)(ones(1, 3, 4, 4, 4)).shape
        (1, 3, 3, 3, 3)
    """

    _rank = 3
    _function = staticmethod(F.fractional_max_pool3d)
