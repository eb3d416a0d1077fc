"""The default generator as in `torch.random`: its seed, its state, leaving it as it was (floor 3).

Examples:
    >>> import chainrule as cr
    >>> _ = manual_seed(0)
    >>> with fork_rng():
    ...     inside = cr.rand(2)
    >>> bool((cr.rand(2) == inside).all())
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, from_numpy, manual_seed
from chainrule.autograd.generator import all_kept, default_generator

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


def seed() -> int:
    """Start the default generator over from a fresh seed of the system, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed that the default generator was started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the default generator: 16 bytes."""
    return from_numpy(default_generator.get_state().view(np.uint8))


def set_rng_state(new_state: Tensor) -> None:
    """Go on from where `get_rng_state` was called.

    Examples:
        >>> import chainrule as cr
        >>> state = get_rng_state()
        >>> first = cr.rand(2)
        >>> set_rng_state(state)
        >>> bool((cr.rand(2) == first).all())
        True
    """
    default_generator.set_state(np.ascontiguousarray(new_state.numpy()).view(np.uint64))


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **more: Any) -> Iterator[None]:
    """Leave the default generators, those of all GPUs too, afterwards as they were before."""
    with all_kept() if enabled else nullcontext():
        yield
