"""Batch norm of images: each channel brought to mean 0 and variance 1 (floor 2)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from chainrule import ops
from chainrule.errors import OptionError, ShapeError
from chainrule.layers.function import Layer
from chainrule.layers.linear import at_least_1
from chainrule.ops import Array

__all__ = ["BatchNorm2D"]

_BUT_CHANNELS = (0, 2, 3)


class BatchNorm2D(Layer):
    """Y = gamma (X - mean) / sqrt(variance + eps) + beta, channel by channel.

    In training mean and variance are those of the batch, over all images and pixels, and running
    ones are kept; in use, after `eval`, the running ones serve. S. Ioffe and C. Szegedy, "Batch
    normalization: accelerating deep network training by reducing internal covariate shift", 2015.

    Args:
        channels: C of the images (N, C, H, W).
        eps: keeps the root away from 0.
        momentum: how far a batch moves the running mean and variance, 0 to 1.

    Attributes:
        weight: gamma and beta, both (1, C, 1, 1), at first ones and zeros.
        running_mean: (C,).
        running_var: (C,).

    Raises:
        OptionError: a momentum outside 0 to 1.
        ShapeError: images with other channels, or a single value a channel in training.

    Examples:
        >>> layer = BatchNorm2D(1)
        >>> layer(np.array([1.0, 3.0]).reshape(2, 1, 1, 1)).round(3).ravel()
        array([-1.,  1.])
        >>> layer.running_mean
        array([0.2])
    """

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        at_least_1(channels=channels)
        if not 0 <= momentum <= 1:
            raise OptionError(f"momentum must be between 0 and 1, got {momentum}")
        self.channels = channels
        self.eps = eps
        self.momentum = momentum
        self.running_mean = np.zeros(channels)
        self.running_var = np.ones(channels)
        super().__init__()

    def _init_weights(self, state: Array) -> None:
        shape = (1, self.channels, 1, 1)
        self.weight = {"gamma": np.ones(shape), "beta": np.zeros(shape)}

    def forward(self, X: Array) -> Any:
        """Return images of the same shape; "X_hat" is put aside, the normalised ones."""
        if X.ndim != 4 or X.shape[1] != self.channels:
            raise ShapeError(f"expected images (N, {self.channels}, H, W), got shape {X.shape}")
        if self.training:
            X_hat, mean, variance = ops.batch_norm_train(X, eps=self.eps)
            self._remember(mean.ravel(), variance.ravel(), X.size // self.channels)
        else:
            variance = self.running_var.reshape(1, -1, 1, 1)
            X_hat = ops.batch_norm_eval(X, self.running_mean, self.running_var, eps=self.eps)
        scale = ops.rsqrt(ops.add(variance, self.eps))
        self.cache.update(X_hat=X_hat, scale=scale, of_batch=self.training)
        return ops.add(ops.mul(X_hat, self.weight["gamma"]), self.weight["beta"])

    def backward(self, dY: Array) -> Any:
        """Return dX = scale (dX_hat - its mean - X_hat times the mean of dX_hat X_hat).

        A pixel moves its channel's mean and variance as well, and with them every other pixel;
        that is what the two means take away. In use they are constants, and dX = scale dX_hat.
        """
        X_hat, scale = self.cache["X_hat"], self.cache["scale"]
        self.weight_update["gamma"] = _sum(ops.mul(dY, X_hat))
        self.weight_update["beta"] = _sum(dY)
        dX_hat = ops.mul(dY, self.weight["gamma"])
        if not self.cache["of_batch"]:
            return ops.mul(dX_hat, scale)
        along = ops.mul(X_hat, _mean(ops.mul(dX_hat, X_hat)))
        return ops.mul(ops.sub(ops.sub(dX_hat, _mean(dX_hat)), along), scale)

    def _remember(self, mean: Array, variance: Array, count: int) -> None:
        """Move the running values towards the batch's; the variance is the unbiased one."""
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (variance * count / (count - 1) - self.running_var)

    def astype(self, dtype: Any) -> Self:
        """Keep weights and running values in another dtype, and return the layer."""
        self.running_mean = self.running_mean.astype(dtype)
        self.running_var = self.running_var.astype(dtype)
        return super().astype(dtype)

    def __repr__(self) -> str:
        return f"BatchNorm2D({self.channels})"


def _sum(X: Array) -> Any:
    return ops.sum(X, dim=_BUT_CHANNELS, keepdim=True)


def _mean(X: Array) -> Any:
    return ops.mean(X, dim=_BUT_CHANNELS, keepdim=True)
