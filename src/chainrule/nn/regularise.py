"""Layers that behave differently in training and in use: normalisation and dropout (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.autograd import Generator, Tensor, ones, tensor, zeros
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.module import Module, Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "Dropout", "LayerNorm"]


class _BatchNorm(Module):
    """Each channel with mean 0 and variance 1 over the batch, times weight, plus bias.

    In training the batch's own mean and variance are used, and running ones are kept for use after.
    """

    dimensions: tuple[int, ...] = ()
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = Parameter(ones(num_features)) if affine else None
        self.bias = Parameter(zeros(num_features)) if affine else None
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features) if tracked else None)
        self.register_buffer("running_var", ones(num_features) if tracked else None)
        count = tensor(0, dtype=np.int64) if tracked else None
        self.register_buffer("num_batches_tracked", count)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (N, C) or (N, C, ...)."""
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            wanted = " or ".join(str(d) for d in self.dimensions)
            raise ShapeError(
                f"expected {wanted} dimensions with {self.num_features} channels second, got "
                f"shape {tuple(x.shape)}"
            )
        share = self.momentum
        if self.training and self.track_running_stats:
            self.num_batches_tracked += 1
            if share is None:
                share = 1 / int(self.num_batches_tracked)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training or not self.track_running_stats,
            momentum=share or 0.0,
            eps=self.eps,
        )

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch norm of (N, C) or (N, C, L): each channel with mean 0 and variance 1 over the batch.

    The arguments are `num_features`, `eps`, `momentum`, `affine` and `track_running_stats`, as in
    `BatchNorm2d`.

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

    Raises:
        ShapeError: an input with other dimensions or channels, or one value a channel in training.

    Examples:
        >>> from chainrule.autograd import ones
        >>> BatchNorm2d(3)(ones(2, 3, 4, 4)).shape
        (2, 3, 4, 4)
    """

    dimensions = (4,)


class LayerNorm(Module):
    """The last dimensions with mean 0 and variance 1, times weight, plus bias.

    Args:
        normalized_shape: sizes of the last dimensions that are normalised together.
        eps: keeps the root away from 0.
        elementwise_affine: whether there are weight and bias to learn.
        bias: whether there is a bias.

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
    ) -> None:
        whole = isinstance(normalized_shape, int)
        self.normalized_shape = (
            (int(normalized_shape),) if whole else tuple(normalized_shape)  # type: ignore[arg-type]
        )
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(ones(self.normalized_shape)) if elementwise_affine else None
        with_bias = elementwise_affine and bias
        self.bias = Parameter(zeros(self.normalized_shape)) if with_bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (..., *normalized_shape)."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class Dropout(Module):
    """In training, each element is 0 with probability p, the others scaled by 1 / (1 - p).

    Args:
        p: 0 to 1.
        inplace: PyTorch's, and taken so that its scripts run; the input is never changed.
        generator: where the random numbers come from.

    Raises:
        OptionError: p outside 0 to 1.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Dropout(0.5).eval()(ones(3))
        tensor([1., 1., 1.])
    """

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        if not 0 <= p <= 1:
            raise OptionError(f"dropout's probability must be between 0 and 1, got {p}")
        self.p = p
        self.inplace = inplace
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements in training; return x as it is in use."""
        return F.dropout(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"
