"""Random tensors and the generators they come from (floor 2).

A `Generator` is a seed and a count, held in an array. Every function takes one; without it they
draw from `default_generator`, which `manual_seed` seeds and which is otherwise different in every
process.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.tape import wrap
from chainrule.autograd.tensor import Tensor
from chainrule.backend.dtypes import as_dtype, get_default_dtype
from chainrule.errors import OptionError

__all__ = [
    "Generator",
    "default_generator",
    "manual_seed",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
]


class Generator:
    """A source of random numbers: the same seed gives the same numbers, on every machine.

    Args:
        seed: any integer; a fresh one from the operating system if `None`.

    Examples:
        >>> a, b = Generator(1), Generator(1)
        >>> bool((rand(3, generator=a) == rand(3, generator=b)).all())
        True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.state = ops.new_state(0)
        self.manual_seed(int.from_bytes(os.urandom(8), "little") if seed is None else seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start over from `seed`, and return the generator."""
        self._seed = int(seed)
        # In place: whoever recorded a step draws from this array.
        ops.assign(self.state, ops.new_state(self._seed))
        return self

    def initial_seed(self) -> int:
        """Return the seed it was started from."""
        return self._seed

    def get_state(self) -> ops.Array:
        """Return a copy of the state: uint64 of shape (2,)."""
        return self.state.copy()

    def set_state(self, state: ops.Array) -> None:
        """Go on from where `get_state` was called."""
        ops.assign(self.state, state)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default generator over from `seed`, and return it.

    Examples:
        >>> _ = manual_seed(0)
        >>> first = rand(2)
        >>> _ = manual_seed(0)
        >>> bool((rand(2) == first).all())
        True
    """
    return default_generator.manual_seed(seed)


def state_of(generator: Generator | None) -> ops.Array:
    """Return the state to draw from: of `generator`, or of the default one."""
    return (generator or default_generator).state


def _shape(size: Sequence[Any]) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    return tuple(int(n) for n in size)


def _finished(array: Any, dtype: Any, requires_grad: bool) -> Tensor:
    out: Tensor = wrap(np.asarray(array, dtype=dtype))
    return out.requires_grad_() if requires_grad else out


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
    y = ops.random_uniform(state_of(generator), shape=_shape(size), dtype=dtype)
    return _finished(y, dtype, requires_grad)


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
    y = ops.random_normal(state_of(generator), shape=_shape(size), dtype=dtype)
    return _finished(y, dtype, requires_grad)


def rand_like(x: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers evenly spread over [0, 1), of the shape and dtype of `x`."""
    return rand(*x.shape, generator=generator, dtype=x.dtype)


def randn_like(x: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers of the standard normal distribution, of the shape and dtype of `x`."""
    return randn(*x.shape, generator=generator, dtype=x.dtype)


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


def randperm(n: int, generator: Generator | None = None) -> Tensor:
    """Return the numbers 0 to n - 1 in random order.

    Examples:
        >>> sorted(randperm(4).tolist())
        [0, 1, 2, 3]
    """
    return _finished(
        ops.random_permutation(state_of(generator), shape=(n,)), np.int64, requires_grad=False
    )
