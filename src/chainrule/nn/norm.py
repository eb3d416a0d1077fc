"""Normalisation as layers; the formulas are with the functions of the same name (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.autograd import Tensor, ones, tensor, zeros
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.module import Module, Parameter
from chainrule.nn.weights import placed, positive

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CrossMapLRN2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


class _Affine(Module):
    """What normalised numbers are multiplied by and moved by, where that is wanted."""

    weight: Parameter | None
    bias: Parameter | None

    def _set_affine(self, shape: int | Sequence[int], affine: bool, bias: bool) -> None:
        self.weight = Parameter(ones(shape)) if affine else None
        self.bias = Parameter(zeros(shape)) if affine and bias else None

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0 again."""
        for parameter, value in [(self.weight, 1.0), (self.bias, 0.0)]:
            if parameter is not None:
                parameter.data.fill_(value)


# --- with running values ------------------------------------------------------------------------


class _Running(_Affine):
    """A norm of channels that can keep running means and variances."""

    dimensions: ClassVar[tuple[int, ...]] = ()
    num_features: int
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _begin(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
    ) -> None:
        positive(num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._set_affine(num_features, affine, bias)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features) if tracked else None)
        self.register_buffer("running_var", ones(num_features) if tracked else None)
        count = tensor(0, dtype=np.int64) if tracked else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Set the running means to 0 and the running variances to 1 again."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1.0)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Begin anew: running values, weight and bias."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Running):
    """Each channel with mean 0 and variance 1 over the batch, times weight, plus bias.

    In training the batch's own mean and variance are used, and running ones are kept for use after.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self._begin(num_features, eps, momentum, affine, track_running_stats, bias)
        placed(self, device, dtype)

    def forward(self, x: Tensor) -> Any:
        """Normalise x (N, C) or (N, C, ...)."""
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            raise ShapeError(self._misfit(tuple(x.shape)))
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        moving = self.training or not self.track_running_stats
        running = (self.running_mean, self.running_var)
        return self._normalised(
            x, *running, self.weight, self.bias, moving, self._newest(), self.eps
        )

    def _normalised(self, x: Tensor, *settings: Any) -> Any:
        """Apply the formula; `SyncBatchNorm` has another."""
        return F.batch_norm(x, *settings)

    def _newest(self) -> float | Tensor:
        """How far the running values move: of a plain average one part in as many as there were."""
        if self.momentum is not None:
            return self.momentum
        if self.num_batches_tracked is None or self.running_var is None:
            return 0.0
        return 1 / self.num_batches_tracked.to(self.running_var.dtype)

    def _misfit(self, shape: tuple[int, ...]) -> str:
        said = (
            f"expected {' or '.join(map(str, self.dimensions))} dimensions with "
            f"{self.num_features} channels second, got shape {shape}"
        )
        if len(shape) not in self.dimensions:
            fitting = next(
                (c for c in _BatchNorm.__subclasses__() if len(shape) in c.dimensions), None
            )
            return f"{said}; use {fitting.__name__}" if fitting else said
        if len(shape) > 2 and shape[-1] == self.num_features:
            last = (0, len(shape) - 1, *range(1, len(shape) - 1))
            return f"{said}; if the channels come last, put x.permute{last}"
        return f"{said}; set num_features={shape[1]}"


class BatchNorm1d(_BatchNorm):
    """Batch norm of (N, C) or (N, C, L): each channel with mean 0 and variance 1 over the batch.

    The arguments are those of `BatchNorm2d`.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> BatchNorm1d(1)(tensor([[1.0], [3.0]])).round().tolist()
        [[-1.0], [1.0]]
    """

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of images (N, C, H, W): each channel with mean 0 and variance 1 over the batch.

    Args:
        num_features: C, channels.
        eps: keeps the root away from 0.
        momentum: weight of the newest batch in the running values; `None` for their plain average.
        affine: whether there are weight and bias to learn.
        track_running_stats: whether to keep running values; if not, the batch's serve in use too.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        bias: whether there is a bias, if `affine`.

    Raises:
        ShapeError: an input with other dimensions or channels, or one value a channel in training.

    Examples:
        >>> from chainrule.autograd import ones
        >>> BatchNorm2d(3)(ones(2, 3, 4, 4)).shape
        (2, 3, 4, 4)
    """

    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of volumes (N, C, D, H, W); the arguments are those of `BatchNorm2d`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> BatchNorm3d(3)(ones(2, 3, 4, 4, 2)).shape
        (2, 3, 4, 4, 2)
    """

    dimensions = (5,)


class _InstanceNorm(_Running):
    """Each channel of each image with mean 0 and variance 1, times weight, plus bias."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self._begin(num_features, eps, momentum, affine, track_running_stats, bias)
        placed(self, device, dtype)

    def forward(self, x: Tensor) -> Any:
        """Normalise x (N, C, ...), or one image (C, ...)."""
        whole = self.dimensions[0]
        if x.ndim not in (whole - 1, whole) or x.shape[1 - whole] != self.num_features:
            raise ShapeError(
                f"expected {whole - 1} or {whole} dimensions with {self.num_features} channels, "
                f"got shape {tuple(x.shape)}"
            )
        y = self._normalised(x.unsqueeze(0) if x.ndim < whole else x)
        return y.squeeze(0) if x.ndim < whole else y

    def _normalised(self, x: Tensor) -> Any:
        return F.instance_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of sequences (N, C, L), or (C, L); the arguments are those of `InstanceNorm2d`.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> InstanceNorm1d(1, eps=0.0)(tensor([[[1.0, 3.0]]]))
        tensor([[[-1.,  1.]]])
    """

    dimensions = (3,)


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of images (N, C, H, W), or (C, H, W): each channel with mean 0 and variance 1.

    Args:
        num_features: C, channels.
        eps: keeps the root away from 0.
        momentum: weight of the newest batch in the running values.
        affine: whether there are weight and bias to learn.
        track_running_stats: whether to keep running values, which then serve in use.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        bias: whether there is a bias, if `affine`.

    Raises:
        ShapeError: an input with other dimensions or channels, or of one pixel.

    Examples:
        >>> from chainrule.autograd import ones
        >>> InstanceNorm2d(3)(ones(2, 3, 4, 4)).shape
        (2, 3, 4, 4)
    """

    dimensions = (4,)


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of volumes (N, C, D, H, W); the arguments are those of `InstanceNorm2d`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> InstanceNorm3d(3)(ones(2, 3, 4, 4, 2)).shape
        (2, 3, 4, 4, 2)
    """

    dimensions = (5,)


# --- of each example alone ----------------------------------------------------------------------


def _sizes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """The sizes of the last dimensions, of which there may be one."""
    if isinstance(normalized_shape, Sequence):
        return tuple(int(n) for n in normalized_shape)
    return (int(normalized_shape),)


class LayerNorm(_Affine):
    """The last dimensions with mean 0 and variance 1, times weight, plus bias.

    Args:
        normalized_shape: sizes of the last dimensions that are normalised together.
        eps: keeps the root away from 0.
        elementwise_affine: whether there are weight and bias to learn.
        bias: whether there is a bias.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> LayerNorm(2)(tensor([[1.0, 3.0]])).tolist()[0][1] > 0.99
        True
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._set_affine(self.normalized_shape, elementwise_affine, bias)
        placed(self, device, dtype)

    def forward(self, x: Tensor) -> Any:
        """Normalise x (..., *normalized_shape)."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """The last dimensions divided by the root of their mean square, times weight.

    Args:
        normalized_shape: sizes of the last dimensions that are normalised together.
        eps: keeps the root away from 0; the dtype's resolution if not given.
        elementwise_affine: whether there is a weight to learn.
        device: where its numbers are; the default device if `None`.
        dtype: of the weight.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> RMSNorm(2)(tensor([[3.0, 3.0]])).tolist()
        [[1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._set_affine(self.normalized_shape, elementwise_affine, bias=False)
        placed(self, device, dtype)

    def forward(self, x: Tensor) -> Any:
        """Normalise x (..., *normalized_shape)."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(_Affine):
    """Each group of channels of each image with mean 0 and variance 1, times weight, plus bias.

    Args:
        num_groups: a divisor of the channels.
        num_channels: of the images.
        eps: keeps the root away from 0.
        affine: whether there are weight and bias to learn.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        bias: whether there is a bias, if `affine`.

    Raises:
        OptionError: the groups do not divide the channels.
        ShapeError: an input with other channels.

    Examples:
        >>> from chainrule.autograd import ones
        >>> GroupNorm(2, 6)(ones(2, 6, 4, 4)).shape
        (2, 6, 4, 4)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        positive(num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise OptionError(f"num_groups={num_groups} must divide num_channels={num_channels}")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._set_affine(num_channels, affine, bias)
        placed(self, device, dtype)

    def forward(self, x: Tensor) -> Any:
        """Normalise x (N, C, ...)."""
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(
                f"expected {self.num_channels} channels second, got shape {tuple(x.shape)}"
            )
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """x / (k + alpha mean of x^2 over `size` neighbouring channels)^beta.

    Args:
        size: how many channels are neighbours.
        alpha: weight of the mean.
        beta: exponent.
        k: what is added to the mean.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LocalResponseNorm(2, alpha=2.0, beta=1.0)(ones(1, 3, 1)).shape
        (1, 3, 1)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        positive(size=size)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Any:
        """Normalise x (N, C, ...)."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` of images (N, C, H, W), by its former name.

    PyTorch's own layer of this name leaves a channel in its running sum that has gone by.

    Examples:
        >>> from chainrule.autograd import ones
        >>> CrossMapLRN2d(3)(ones(1, 3, 2, 2)).shape
        (1, 3, 2, 2)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)
