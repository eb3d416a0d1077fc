"""Pooling as modules (floor 3)."""

from __future__ import annotations

from chainrule.autograd import Tensor
from chainrule.nn import functional as F
from chainrule.nn.module import Module
from chainrule.ops import pair

__all__ = ["AvgPool2d", "MaxPool2d"]


class MaxPool2d(Module):
    """The largest pixel in each window; the stride is the window's size if not given.

    Args:
        kernel_size: of the window, one number or (height, width).
        stride: pixels from one position to the next.
        padding: rows and columns around, which never win.
        dilation: pixels from one tap of the window to the next.

    Examples:
        >>> from chainrule.autograd import ones
        >>> MaxPool2d(2)(ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
    ) -> None:
        self.kernel_size = pair(kernel_size)
        self.stride = self.kernel_size if stride is None else pair(stride)
        self.padding = pair(padding)
        self.dilation = pair(dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to (N, C, oh, ow)."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """Return the window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window; the stride is the window's size if not given.

    Args:
        kernel_size: of the window, one number or (height, width).
        stride: pixels from one position to the next.
        padding: rows and columns of zeros around.
        count_include_pad: whether those zeros count.

    Examples:
        >>> from chainrule.autograd import ones
        >>> AvgPool2d(2)(ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        *,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = pair(kernel_size)
        self.stride = self.kernel_size if stride is None else pair(stride)
        self.padding = pair(padding)
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to (N, C, oh, ow)."""
        return F.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            count_include_pad=self.count_include_pad,
        )

    def extra_repr(self) -> str:
        """Return the window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
