"""Initialisers under PyTorch's names: each fills a tensor in place and returns it (floor 3).

The formulas and their sources are in `chainrule.init`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import init
from chainrule.autograd import Generator, Tensor, no_grad
from chainrule.autograd.generator import state_of
from chainrule.backend.arrays import to_host
from chainrule.backend.devices import beside
from chainrule.errors import ShapeError
from chainrule.init import calculate_gain
from chainrule.ops import assign, random_uniform

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def _filled(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        assign(tensor, beside(values, tensor.array))
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


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix with N(0, std^2), but in each column the share `sparsity` with 0.

    J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Raises:
        ShapeError: not a matrix.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_ fills a matrix, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    state = state_of(generator)
    drawn = np.array(to_host(init.normal(state, (rows, columns), 0.0, std, tensor.dtype)))
    chance = to_host(random_uniform(state, shape=(rows, columns), dtype=np.float64))
    order = np.argsort(chance, axis=0)
    np.put_along_axis(drawn, order[: math.ceil(sparsity * rows)], 0, axis=0)
    return _filled(tensor, drawn)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make a convolution's weight pass its input channels on, as many as there are outputs.

    Args:
        tensor: (out, in, size), with two sizes for images or three for volumes.
        groups: of the convolution; each passes on its own.

    Raises:
        ShapeError: no such weight, or outputs that `groups` does not divide.

    Examples:
        >>> from chainrule.autograd import ones
        >>> dirac_(ones(2, 1, 3)).tolist()
        [[[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]
    """
    shape = tuple(tensor.shape)
    if not 3 <= len(shape) <= 5 or shape[0] % groups:
        raise ShapeError(
            f"dirac_ fills a weight (out, in, size, ...) with outputs in {groups} groups, got "
            f"shape {shape}"
        )
    each = shape[0] // groups
    filled = np.zeros(shape)
    centre = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for d in range(min(each, shape[1])):
            filled[(group * each + d, d, *centre)] = 1
    return _filled(tensor, filled)


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


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """What PyTorch's programs call though it is not meant for them: `chainrule.init.fans`."""
    return init.fans(tuple(tensor.shape))


# The names of former days.
constant = constant_
dirac = dirac_
eye = eye_
kaiming_normal = kaiming_normal_
kaiming_uniform = kaiming_uniform_
normal = normal_
orthogonal = orthogonal_
sparse = sparse_
uniform = uniform_
xavier_normal = xavier_normal_
xavier_uniform = xavier_uniform_
