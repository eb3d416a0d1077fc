"""Random tensors (floor 2).

They draw from the generator that is given, or from the default one of where they are made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.functions import sizes_of
from chainrule.autograd.generator import Generator, generator_of
from chainrule.autograd.tape import wrap
from chainrule.autograd.tensor import Tensor
from chainrule.backend.arrays import as_array
from chainrule.backend.devices import get_default_device, moved, placeable, placeable_like
from chainrule.backend.dtypes import as_dtype, get_default_dtype
from chainrule.errors import OptionError

__all__ = [
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def _state(generator: Generator | None) -> ops.Array:
    return (generator or generator_of(get_default_device())).state


def _finished(array: Any, dtype: Any, requires_grad: bool) -> Tensor:
    drawn = as_array(array).astype(dtype, copy=False)
    out: Tensor = wrap(moved(drawn, get_default_device()))
    return out.requires_grad_() if requires_grad else out


@placeable
def rand(
    *each: Any,
    size: Sequence[int] = (),
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
    y = ops.random_uniform(_state(generator), shape=sizes_of(each or size), dtype=dtype)
    return _finished(y, dtype, requires_grad)


@placeable
def randn(
    *each: Any,
    size: Sequence[int] = (),
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
    y = ops.random_normal(_state(generator), shape=sizes_of(each or size), dtype=dtype)
    return _finished(y, dtype, requires_grad)


@placeable_like
def rand_like(x: Tensor, generator: Generator | None = None, dtype: Any = None) -> Tensor:
    """Return numbers evenly spread over [0, 1), of the shape and dtype of `x`."""
    return rand(size=x.shape, generator=generator, dtype=dtype or x.dtype)


@placeable_like
def randn_like(x: Tensor, generator: Generator | None = None, dtype: Any = None) -> Tensor:
    """Return numbers of the standard normal distribution, of the shape and dtype of `x`."""
    return randn(size=x.shape, generator=generator, dtype=dtype or x.dtype)


@placeable
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Return numbers of the normal distribution with that mean and standard deviation.

    Args:
        mean: a number, or a tensor of one for each.
        std: likewise.
        size: the shape, if both are numbers.
        generator: to draw from, rather than the default one.

    Examples:
        >>> normal(5.0, 0.0, (2,))
        tensor([5., 5.])
    """
    tensors = [v for v in (mean, std) if isinstance(v, Tensor)]
    shape = np.broadcast_shapes(*(v.shape for v in tensors)) if size is None else size
    dtype = tensors[0].dtype if tensors else None
    where = tensors[0].device if tensors else None
    return randn(size=shape, generator=generator, dtype=dtype, device=where) * std + mean


@placeable
def randint(
    low: Any = 0,
    high: Any = None,
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: Any = np.int64,
) -> Tensor:
    """Return integers from `low` to `high` - 1; `randint(high, size)` begins at 0.

    Raises:
        OptionError: there are none.

    Examples:
        >>> randint(3, 4, (2,))
        tensor([3, 3])
        >>> randint(1, (2,))
        tensor([0, 0])
    """
    if isinstance(high, (tuple, list)):
        high, size = None, high
    if high is None:
        low, high = 0, low
    low, high = int(low), int(high)
    if high <= low:
        raise OptionError(f"randint needs low < high, got {low} and {high}")
    unit = ops.random_uniform(_state(generator), shape=tuple(size or ()), dtype=np.float64)
    below = ops.minimum(ops.floor(ops.mul(unit, high - low)), math.nextafter(high - low, 0))
    wanted = as_dtype(dtype)
    return _finished(ops.cast(ops.add(below, low), dtype=wanted), wanted, False)


@placeable_like
def randint_like(
    x: Tensor,
    low: int,
    high: int | None = None,
    generator: Generator | None = None,
    dtype: Any = None,
) -> Tensor:
    """Return integers from `low` to `high` - 1, or from 0 to `low` - 1, as x is.

    Examples:
        >>> randint_like(rand(2), 3, 4)
        tensor([3., 3.])
    """
    return randint(low, high, x.shape, generator, dtype or x.dtype)


@placeable
def randperm(n: int, generator: Generator | None = None, dtype: Any = np.int64) -> Tensor:
    """Return the numbers 0 to n - 1 in random order.

    Examples:
        >>> sorted(randperm(4).tolist())
        [0, 1, 2, 3]
    """
    order = ops.random_permutation(_state(generator), shape=(n,))
    return _finished(ops.cast(order, dtype=as_dtype(dtype)), as_dtype(dtype), requires_grad=False)
