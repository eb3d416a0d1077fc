"""Random tensors (floor 2).

They draw from the generator that is given, or from the default one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.functions import sizes_of
from chainrule.autograd.generator import Generator, state_of
from chainrule.autograd.tape import wrap
from chainrule.autograd.tensor import Tensor
from chainrule.backend.devices import placeable
from chainrule.backend.dtypes import as_dtype, get_default_dtype
from chainrule.errors import OptionError

__all__ = [
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
]


def _finished(array: Any, dtype: Any, requires_grad: bool) -> Tensor:
    out: Tensor = wrap(np.asarray(array, dtype=dtype))
    return out.requires_grad_() if requires_grad else out


@placeable
def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers evenly spread over [0, 1).

    Examples:
        >>> rand(2, 3).shape
        (2, 3)
    """
    dtype = get_default_dtype() if dtype is None else as_dtype(dtype)
    y = ops.random_uniform(state_of(generator), shape=sizes_of(size), dtype=dtype)
    return _finished(y, dtype, requires_grad)


@placeable
def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers of the standard normal distribution.

    Examples:
        >>> randn(2, 3).shape
        (2, 3)
    """
    dtype = get_default_dtype() if dtype is None else as_dtype(dtype)
    y = ops.random_normal(state_of(generator), shape=sizes_of(size), dtype=dtype)
    return _finished(y, dtype, requires_grad)


@placeable
def rand_like(x: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers evenly spread over [0, 1), of the shape and dtype of `x`."""
    return rand(*x.shape, generator=generator, dtype=x.dtype)


@placeable
def randn_like(x: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers of the standard normal distribution, of the shape and dtype of `x`."""
    return randn(*x.shape, generator=generator, dtype=x.dtype)


@placeable
def normal(
    mean: float = 0.0,
    std: float = 1.0,
    size: Sequence[int] = (),
    generator: Generator | None = None,
) -> Tensor:
    """Return numbers of the normal distribution with that mean and standard deviation.

    Examples:
        >>> normal(5.0, 0.0, (2,))
        tensor([5., 5.])
    """
    return randn(*size, generator=generator) * std + mean


@placeable
def randint(low: int, high: int, size: Sequence[int], generator: Generator | None = None) -> Tensor:
    """Return integers from `low` to `high` - 1.

    Raises:
        OptionError: there are none.

    Examples:
        >>> randint(3, 4, (2,))
        tensor([3, 3])
    """
    if high <= low:
        raise OptionError(f"randint needs low < high, got {low} and {high}")
    unit = ops.random_uniform(state_of(generator), shape=tuple(size), dtype=np.float64)
    below = ops.minimum(ops.floor(ops.mul(unit, high - low)), math.nextafter(high - low, 0))
    return _finished(ops.cast(ops.add(below, low), dtype=np.dtype(np.int64)), np.int64, False)


@placeable
def randperm(n: int, generator: Generator | None = None) -> Tensor:
    """Return the numbers 0 to n - 1 in random order.

    Examples:
        >>> sorted(randperm(4).tolist())
        [0, 1, 2, 3]
    """
    return _finished(
        ops.random_permutation(state_of(generator), shape=(n,)), np.int64, requires_grad=False
    )
