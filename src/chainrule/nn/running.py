"""Normalisation that keeps running values, as functions (floor 3).

The formulas are in `ops.norm`; here running means and variances move towards those of the batch.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, no_grad
from chainrule.errors import ShapeError
from chainrule.ops.norm import moments

__all__ = ["batch_norm", "instance_norm"]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise each channel: by the batch in training, by the running values in use.

    Args:
        input: (N, C) or (N, C, ...).
        running_mean: (C,), moved towards the batch's mean in training.
        running_var: (C,), moved towards the batch's (unbiased) variance in training.
        weight: (C,), or left out.
        bias: (C,), or left out.
        training: which of the two.
        momentum: how far the running values move.
        eps: keeps the root away from 0.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> batch_norm(tensor([[3.0]]), tensor([1.0]), tensor([4.0]), eps=0.0)
        tensor([[1.]])
    """
    if not training:
        if running_mean is None or running_var is None:
            raise ShapeError("in use, running_mean and running_var must be given, or training=True")
        return ops.batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    y, mean, variance = ops.batch_norm_train(input, weight, bias, eps)
    count = math.prod(input.shape) // input.shape[1]
    with no_grad():
        move(running_mean, mean.reshape(-1), momentum)
        move(running_var, variance.reshape(-1) * (count / (count - 1)), momentum)
    return y


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise each channel of each image: by its own values, or by the running ones.

    D. Ulyanov, A. Vedaldi and V. Lempitsky, "Instance normalization: the missing ingredient for
    fast stylization", 2016.

    Args:
        input: (N, C, ...).
        running_mean: (C,), moved towards the mean of the images' means.
        running_var: (C,), moved towards the mean of their (unbiased) variances.
        weight: (C,), or left out.
        bias: (C,), or left out.
        use_input_stats: whether by its own values.
        momentum: how far the running values move.
        eps: keeps the root away from 0.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> instance_norm(tensor([[[1.0, 3.0]]]), eps=0.0)
        tensor([[[-1.,  1.]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    shape = tuple(input.shape)
    count = math.prod(shape[2:])
    if len(shape) < 3 or count < 2:
        raise ShapeError(
            f"instance norm needs images (N, C, ...) of more than one pixel, got shape {shape}"
        )
    y = ops.group_norm(input, shape[1], weight, bias, eps)
    if running_mean is not None or running_var is not None:
        with no_grad():
            mean, variance = moments(input, range(2, len(shape)))
            means, variances = (v.reshape(shape[:2]).mean(0) for v in (mean, variance))
            move(running_mean, means, momentum)
            move(running_var, variances * (count / (count - 1)), momentum)
    return y


def move(running: Tensor | None, batch: Tensor, momentum: float | Tensor) -> None:
    """Move running values towards those of the batch, where there are any."""
    if running is not None:
        ops.assign(running, running * (1 - momentum) + batch * momentum)
