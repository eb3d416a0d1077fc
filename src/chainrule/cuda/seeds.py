"""Where the random numbers of a GPU begin (floor 3).

Each GPU has a generator of its own, which draws the numbers that one of the processor draws from
the same seed. `chainrule.manual_seed` seeds them all.
"""

from __future__ import annotations

from typing import Any

from chainrule.autograd import Generator, as_tensor
from chainrule.autograd.generator import generator_of
from chainrule.backend import devices
from chainrule.cuda.hardware import current_device, index_of

__all__ = ["get_rng_state", "initial_seed", "manual_seed", "manual_seed_all", "set_rng_state"]


def _generator(device: Any) -> Generator:
    return generator_of(devices.available(devices.device("cuda", index_of(device))))


def manual_seed(seed: int) -> None:
    """Seed the generator of the current GPU; without one, do nothing."""
    if devices.gpus():
        _generator(current_device()).manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs; without one, do nothing."""
    for index in range(devices.gpus()):
        _generator(index).manual_seed(seed)


def initial_seed() -> int:
    """Return the seed that the generator of the current GPU began from.

    Raises:
        OptionError: there is no GPU.
    """
    return _generator(None).initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """Return where a GPU's generator stands.

    Raises:
        OptionError: it is not there.
    """
    return as_tensor(_generator(device).get_state())


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Let a GPU's generator go on from where `get_rng_state` was called.

    Raises:
        OptionError: it is not there.
    """
    _generator(device).set_state(as_tensor(new_state).array)
