"""Functions under the names that PyTorch had for them, or has beside another (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor

__all__ = [
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices",
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

max_pool1d_with_indices = partial(ops.max_pool1d, return_indices=True)
max_pool2d_with_indices = partial(ops.max_pool2d, return_indices=True)
max_pool3d_with_indices = partial(ops.max_pool3d, return_indices=True)
adaptive_max_pool1d_with_indices = partial(ops.adaptive_max_pool1d, return_indices=True)
adaptive_max_pool2d_with_indices = partial(ops.adaptive_max_pool2d, return_indices=True)
adaptive_max_pool3d_with_indices = partial(ops.adaptive_max_pool3d, return_indices=True)


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """`interpolate`, by its former name."""
    return ops.interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Any:
    """`interpolate` with mode "nearest"."""
    return ops.interpolate(input, size, scale_factor)


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Any:
    """`interpolate` with mode "bilinear" and the corners where they are.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> upsample_bilinear(tensor([[[[1.0, 2.0]]]]), size=(1, 3))[0, 0, 0]
        tensor([1.0000, 1.5000, 2.0000])
    """
    return ops.interpolate(input, size, scale_factor, "bilinear", True)
