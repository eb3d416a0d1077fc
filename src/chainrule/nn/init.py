"""Initialisers under PyTorch's names: each fills a tensor in place and returns it (floor 3).

The formulas and their sources are in `chainrule.init`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init
from chainrule.autograd import Generator, Tensor, no_grad
from chainrule.autograd.generator import state_of
from chainrule.errors import ShapeError
from chainrule.init import calculate_gain
from chainrule.ops import assign

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def _filled(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        assign(tensor, values)
    return tensor


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with U(a, b).

    Examples:
        >>> from chainrule.autograd import zeros
        >>> bool((uniform_(zeros(3), 5.0, 6.0) >= 5).all())
        True
    """
    return _filled(tensor, init.uniform(state_of(generator), tensor.shape, a, b, tensor.dtype))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with N(mean, std^2)."""
    return _filled(tensor, init.normal(state_of(generator), tensor.shape, mean, std, tensor.dtype))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(mean, std^2), cut off at a and b."""
    drawn = init.truncated_normal(state_of(generator), tensor.shape, mean, std, a, b, tensor.dtype)
    return _filled(tensor, drawn)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`."""
    return _filled(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return _filled(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return _filled(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Make the identity matrix.

    Raises:
        ShapeError: not a matrix.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_ fills a matrix, got shape {tuple(tensor.shape)}")
    return _filled(tensor, np.eye(*tensor.shape))


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with Glorot and Bengio's uniform distribution."""
    drawn = init.xavier_uniform(state_of(generator), tensor.shape, gain, tensor.dtype)
    return _filled(tensor, drawn)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with Glorot and Bengio's normal distribution."""
    drawn = init.xavier_normal(state_of(generator), tensor.shape, gain, tensor.dtype)
    return _filled(tensor, drawn)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with the uniform distribution of He and others."""
    drawn = init.kaiming_uniform(
        state_of(generator), tensor.shape, a, mode, nonlinearity, tensor.dtype
    )
    return _filled(tensor, drawn)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with the normal distribution of He and others."""
    drawn = init.kaiming_normal(
        state_of(generator), tensor.shape, a, mode, nonlinearity, tensor.dtype
    )
    return _filled(tensor, drawn)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with an orthogonal matrix times `gain`."""
    return _filled(tensor, init.orthogonal(state_of(generator), tensor.shape, gain, tensor.dtype))
