"""Normalisation: over the batch, groups of channels or the features (floor 1, composites)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops.core import Value, composite
from chainrule.ops.elementwise import add, div, mul, pow, rsqrt, square, sub
from chainrule.ops.pooling import avg_pool2d
from chainrule.ops.reduce import mean
from chainrule.ops.shape import pad_constant, reshape


def _per_channel(v: Value, ndim: int) -> Value:
    """v of shape (C,) as (1, C, 1, ...), to go with (N, C, ...)."""
    return reshape(v, shape=(1, -1, *([1] * (ndim - 2))))


def moments(x: Value, dims: Sequence[int]) -> tuple[Value, Value]:
    """Return mean and (population) variance of x over `dims`, kept with size 1."""
    centre = mean(x, dim=tuple(dims), keepdim=True)
    return centre, mean(square(sub(x, centre)), dim=tuple(dims), keepdim=True)


@composite
def batch_norm_train(
    x: Value, weight: Value = None, bias: Value = None, eps: float = 1e-5
) -> tuple[Value, Value, Value]:
    """Each channel of the batch with mean 0 and variance 1, times weight, plus bias.

    y = (x - mean) / sqrt(variance + eps) weight + bias, mean and (population) variance of each
    channel over the batch and all positions. S. Ioffe and C. Szegedy, "Batch normalization:
    accelerating deep network training by reducing internal covariate shift", ICML 2015.

    Args:
        x: (N, C) or (N, C, ...).
        weight: (C,), or left out.
        bias: (C,), or left out.
        eps: keeps the root away from 0.

    Returns:
        y of x's shape, and mean and variance of shape (1, C, 1, ...).

    Raises:
        ShapeError: there is only one value a channel, whose variance would be 0.

    Examples:
        >>> import numpy as np
        >>> y, mean, variance = batch_norm_train(np.array([[1.0], [3.0]]))
        >>> y.round(3), mean, variance
        (array([[-1.],
               [ 1.]]), array([[2.]]), array([[1.]]))
    """
    count = math.prod((*x.shape[:1], *x.shape[2:]))
    if count < 2:
        raise ShapeError(
            f"batch norm in training needs more than one value a channel, got shape "
            f"{tuple(x.shape)}; use a larger batch, or call .eval()"
        )
    centre, spread = moments(x, [d for d in range(len(x.shape)) if d != 1])
    y = mul(sub(x, centre), rsqrt(add(spread, eps)))
    return _scaled(y, weight, bias), centre, spread


def _scaled(y: Value, weight: Value, bias: Value) -> Value:
    ndim = len(y.shape)
    if weight is not None:
        y = mul(y, _per_channel(weight, ndim))
    return y if bias is None else add(y, _per_channel(bias, ndim))


@composite
def batch_norm_eval(
    x: Value,
    running_mean: Value,
    running_var: Value,
    weight: Value = None,
    bias: Value = None,
    eps: float = 1e-5,
) -> Value:
    """`batch_norm_train` with a known mean and variance, both (C,), for use after training.

    Examples:
        >>> import numpy as np
        >>> batch_norm_eval(np.array([[3.0]]), np.array([1.0]), np.array([4.0]), eps=0.0)
        array([[1.]])
    """
    ndim = len(x.shape)
    scale = rsqrt(add(_per_channel(running_var, ndim), eps))
    return _scaled(mul(sub(x, _per_channel(running_mean, ndim)), scale), weight, bias)


@composite
def layer_norm(
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value = None,
    bias: Value = None,
    eps: float = 1e-5,
) -> Value:
    """The last dimensions with mean 0 and variance 1, times weight, plus bias.

    J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the sizes of the dimensions normalised together.
        weight: of that shape, or left out.
        bias: of that shape, or left out.
        eps: keeps the root away from 0.

    Raises:
        ShapeError: x does not end in `normalized_shape`.

    Examples:
        >>> import numpy as np
        >>> layer_norm(np.array([[1.0, 3.0]]), (2,)).round(3)
        array([[-1.,  1.]])
    """
    centre, spread = moments(input, _last(input, normalized_shape))
    y = mul(sub(input, centre), rsqrt(add(spread, eps)))
    if weight is not None:
        y = mul(y, weight)
    return y if bias is None else add(y, bias)


def _last(x: Value, normalized_shape: Sequence[int]) -> range:
    """The dimensions of x that have to be `normalized_shape`."""
    last = tuple(normalized_shape)
    if tuple(x.shape[len(x.shape) - len(last) :]) != last:
        raise ShapeError(f"expected the last dimensions to be {last}, got shape {tuple(x.shape)}")
    return range(-len(last), 0)


@composite
def rms_norm(
    input: Value, normalized_shape: Sequence[int], weight: Value = None, eps: float | None = None
) -> Value:
    """x / sqrt(mean of x^2 + eps) over the last dimensions, times weight.

    B. Zhang and R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the sizes of the dimensions normalised together.
        weight: of that shape, or left out.
        eps: keeps the root away from 0; the dtype's resolution if not given.

    Raises:
        ShapeError: x does not end in `normalized_shape`.

    Examples:
        >>> rms_norm(np.array([[3.0, 4.0]]), (2,)).round(3)
        array([[0.849, 1.131]])
    """
    small = float(np.finfo(input.dtype).eps) if eps is None else eps
    power = mean(square(input), dim=tuple(_last(input, normalized_shape)), keepdim=True)
    y = mul(input, rsqrt(add(power, small)))
    return y if weight is None else mul(y, weight)


@composite
def group_norm(
    input: Value, num_groups: int, weight: Value = None, bias: Value = None, eps: float = 1e-5
) -> Value:
    """Each group of channels of each image with mean 0 and variance 1, times weight, plus bias.

    Y. Wu and K. He, "Group normalization", ECCV 2018.

    Args:
        input: (N, C, ...).
        num_groups: a divisor of C; with C itself it is instance norm.
        weight: (C,), or left out.
        bias: (C,), or left out.
        eps: keeps the root away from 0.

    Raises:
        ShapeError: the groups do not divide the channels.

    Examples:
        >>> group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2).round(3)
        array([[-1.,  1., -1.,  1.]])
    """
    shape = tuple(input.shape)
    if len(shape) < 2 or num_groups < 1 or shape[1] % num_groups:
        raise ShapeError(
            f"expected channels second that num_groups={num_groups} divides, got shape {shape}"
        )
    each = (shape[1] // num_groups) * math.prod(shape[2:])
    groups = reshape(input, shape=(shape[0], num_groups, each))
    centre, spread = moments(groups, [2])
    y = reshape(mul(sub(groups, centre), rsqrt(add(spread, eps))), shape=shape)
    return _scaled(y, weight, bias)


@composite
def local_response_norm(
    input: Value, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Value:
    """x / (k + alpha mean of x^2 over neighbouring channels)^beta.

    A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet classification with deep convolutional
    neural networks", NeurIPS 2012.

    Args:
        input: (N, C, ...).
        size: how many channels are neighbours, the one itself being in their middle.
        alpha: weight of the mean.
        beta: exponent.
        k: what is added to the mean.

    Raises:
        ShapeError: x has no dimension beside batch and channels.

    Examples:
        >>> local_response_norm(np.array([[[3.0], [4.0]]]), 2, alpha=1.0, beta=1.0).round(3)
        array([[[0.545],
                [0.296]]])
    """
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise ShapeError(f"local response norm takes images (N, C, ...), got shape {shape}")
    squares = reshape(square(input), shape=(shape[0], 1, shape[1], math.prod(shape[2:])))
    around = ((0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0))
    power = avg_pool2d(pad_constant(squares, widths=around), (size, 1), stride=1)
    return div(input, pow(add(mul(reshape(power, shape=shape), alpha), k), beta))
