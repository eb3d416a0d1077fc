"""How weights begin: the distributions that keep signals alive through layers (floor 1).

Each function returns an array drawn from the state of a generator. `nn.init` offers the same under
PyTorch's names, in place on tensors. Without a state nothing is drawn: the result is a place-holder
of the right shape that takes no memory, for weights that are about to be loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.backend.arrays import to_host
from chainrule.errors import OptionError, ShapeError, did_you_mean

__all__ = [
    "calculate_gain",
    "fans",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
]

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor that makes up for what an activation takes from a signal's variance.

    Args:
        nonlinearity: linear, conv2d, sigmoid, tanh, relu, leaky_relu or selu.
        param: the negative slope of leaky_relu, 0.01 if not given.

    Raises:
        OptionError: an unknown name.

    Examples:
        >>> round(calculate_gain("relu"), 4)
        1.4142
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        near = did_you_mean(nonlinearity, [*_GAINS, "leaky_relu"])
        raise OptionError(f"no gain is known for {nonlinearity!r}{near}")
    return _GAINS[nonlinearity]


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many inputs feed each output of a weight, and outputs each input.

    Args:
        shape: (out, in) or (out, in, *filter).

    Raises:
        ShapeError: fewer than two dimensions.

    Examples:
        >>> fans((32, 3, 5, 5))
        (75, 800)
    """
    if len(shape) < 2:
        raise ShapeError(f"fan-in and fan-out need a weight of 2 or more dimensions, got {shape}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _placeholder(shape: Sequence[int], dtype: Any) -> ops.Array:
    return np.broadcast_to(np.zeros((), dtype=dtype), tuple(shape))


def uniform(
    state: ops.Array | None, shape: Sequence[int], low: float, high: float, dtype: Any = np.float32
) -> ops.Array:
    """Return numbers evenly spread over [low, high)."""
    if state is None:
        return _placeholder(shape, dtype)
    y = ops.random_uniform(state, shape=tuple(shape), dtype=dtype)
    return (y * (high - low) + low).astype(dtype)


def normal(
    state: ops.Array | None, shape: Sequence[int], mean: float, std: float, dtype: Any = np.float32
) -> ops.Array:
    """Return numbers of the normal distribution."""
    if state is None:
        return _placeholder(shape, dtype)
    y = ops.random_normal(state, shape=tuple(shape), dtype=dtype)
    return (y * std + mean).astype(dtype)


def truncated_normal(
    state: ops.Array | None,
    shape: Sequence[int],
    mean: float,
    std: float,
    low: float,
    high: float,
    dtype: Any = np.float32,
) -> ops.Array:
    """Return numbers of the normal distribution, those outside [low, high] drawn again.

    Raises:
        OptionError: nearly all of them would be.
    """
    if state is None:
        return _placeholder(shape, dtype)
    if not (low < high and std > 0):
        raise OptionError(
            f"a truncated normal needs low < high and std above 0, got {low}, {high} and {std}"
        )
    ends = [math.erf((end - mean) / (std * math.sqrt(2))) for end in (low, high)]
    if (ends[1] - ends[0]) / 2 < 1e-3:
        raise OptionError(
            f"less than one number in a thousand of N({mean}, {std}^2) lies in [{low}, {high}]; "
            "use a wider interval"
        )
    y = normal(state, shape, mean, std, np.float64)
    outside = (y < low) | (y > high)
    while outside.any():
        y[outside] = normal(state, (int(outside.sum()),), mean, std, np.float64)
        outside = (y < low) | (y > high)
    return y.astype(dtype)


def _fan(shape: Sequence[int], mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise OptionError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fans(shape)[mode == "fan_out"]


def kaiming_uniform(
    state: ops.Array | None,
    shape: Sequence[int],
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: Any = np.float32,
) -> ops.Array:
    """Return U(-b, b) with b = gain sqrt(3 / fan).

    K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015.
    """
    b = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fan(shape, mode))
    return uniform(state, shape, -b, b, dtype)


def kaiming_normal(
    state: ops.Array | None,
    shape: Sequence[int],
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: Any = np.float32,
) -> ops.Array:
    """Return N(0, gain^2 / fan). He, Zhang, Ren and Sun, ICCV 2015."""
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(shape, mode))
    return normal(state, shape, 0.0, std, dtype)


def xavier_uniform(
    state: ops.Array | None, shape: Sequence[int], gain: float = 1.0, dtype: Any = np.float32
) -> ops.Array:
    """Return U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)).

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
    """
    b = gain * math.sqrt(6.0 / sum(fans(shape)))
    return uniform(state, shape, -b, b, dtype)


def xavier_normal(
    state: ops.Array | None, shape: Sequence[int], gain: float = 1.0, dtype: Any = np.float32
) -> ops.Array:
    """Return N(0, 2 gain^2 / (fan_in + fan_out)). Glorot and Bengio, AISTATS 2010."""
    return normal(state, shape, 0.0, gain * math.sqrt(2.0 / sum(fans(shape))), dtype)


def orthogonal(
    state: ops.Array | None, shape: Sequence[int], gain: float = 1.0, dtype: Any = np.float32
) -> ops.Array:
    """Return a matrix whose rows, or columns if fewer, are orthogonal and of length `gain`.

    A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks", ICLR 2014.
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    tall = normal(state, (max(rows, columns), min(rows, columns)), 0.0, 1.0, np.float64)
    q, r = np.linalg.qr(to_host(tall))
    q *= np.sign(np.diag(r))
    matrix = q if rows >= columns else q.T
    return np.ascontiguousarray(gain * matrix.reshape(shape)).astype(dtype)
