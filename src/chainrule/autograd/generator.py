"""Where random numbers come from (floor 2).

A `Generator` is a seed and a count, held in an array. Whatever is random takes one; without it, it
draws from `default_generator`, which `manual_seed` seeds and which is otherwise different in every
process. Numbers are drawn where the array is; each GPU has a default generator too, made when it is
first drawn from, and `manual_seed` seeds them all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.backend import devices
from chainrule.backend.arrays import is_gpu, to_host

__all__ = [
    "Generator",
    "all_kept",
    "default_generator",
    "generator_of",
    "manual_seed",
    "state_of",
]


class Generator:
    """A source of random numbers: the same seed gives the same numbers, on every machine.

    Args:
        seed: any integer; a fresh one from the operating system if `None`. A device, as in
            PyTorch, may stand in its place.
        device: where it draws. From one seed the numbers are the same everywhere; those that go
            through a logarithm or a cosine, as normal ones, to rounding.

    Raises:
        OptionError: a device that is not available.

    Examples:
        >>> from chainrule.autograd import rand
        >>> a, b = Generator(1), Generator(1)
        >>> bool((rand(3, generator=a) == rand(3, generator=b)).all())
        True
    """

    def __init__(self, seed: Any = None, *, device: Any = None) -> None:
        if isinstance(seed, (str, devices.device)):
            seed, device = None, seed
        where = devices.CPU if device is None else devices.available(device)
        self.state: ops.Array = devices.moved(ops.new_state(0), where)
        if seed is None:
            self.seed()
        else:
            self.manual_seed(seed)

    @property
    def device(self) -> devices.device:
        """Where it draws."""
        return devices.device_of(self.state)

    def seed(self) -> int:
        """Start over from a fresh seed of the operating system, and return it."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def manual_seed(self, seed: int) -> Generator:
        """Start over from `seed`, and return the generator."""
        self._seed = int(seed)
        # In place: whoever recorded a step draws from this array.
        self.set_state(ops.new_state(self._seed))
        return self

    def initial_seed(self) -> int:
        """Return the seed it was started from."""
        return self._seed

    def get_state(self) -> ops.Array:
        """Return a copy of the state: uint64 of shape (2,)."""
        return to_host(self.state).copy()

    def set_state(self, state: ops.Array) -> None:
        """Go on from where `get_state` was called."""
        with self.device:
            ops.assign(self.state, devices.beside(state, self.state))


default_generator = Generator()
_of_gpus: dict[devices.device, Generator] = {}


def generator_of(where: devices.device) -> Generator:
    """Return the default generator of a device, which begins where `manual_seed` was last told."""
    if where is devices.CPU:
        return default_generator
    if where not in _of_gpus or not is_gpu(_of_gpus[where].state):
        _of_gpus[where] = Generator(default_generator.initial_seed(), device=where)
    return _of_gpus[where]


def _all_default() -> list[Generator]:
    """The default generators: of the processor, and of the GPUs that have drawn."""
    there = [one for one in _of_gpus.values() if is_gpu(one.state)]  # and of no stand-in for CuPy
    return [default_generator, *there]


@contextmanager
def all_kept() -> Iterator[None]:
    """Leave the default generators, those of GPUs too, after the block as they were before."""
    before = {one: (one._seed, one.get_state()) for one in _all_default()}
    try:
        yield
    finally:
        for one, (seed, state) in before.items():
            one._seed = seed
            one.set_state(state)
        for one in _all_default():
            if one not in before:  # made inside: it begins as one that is made from here on
                one.manual_seed(default_generator.initial_seed())


def default_states() -> Any:
    """Return how far the default generators have come: an array, or several by kind of device."""
    here = default_generator.get_state()
    used = bool(_of_gpus) and devices.gpus() > 0
    there = _of_gpus.get(devices.available("cuda")) if used else None
    return here if there is None else {"cpu": here, "cuda": there.get_state()}


def set_default_states(states: Any) -> None:
    """Let the default generators go on from what `default_states` returned.

    One that it does not tell of, as where a run moves to another device, stays where it is.

    Raises:
        ValueError: these are no such states.
    """
    found = dict(states) if isinstance(states, Mapping) else {"cpu": states}
    for kind, state in found.items():
        if not isinstance(state, np.ndarray) or state.shape != (2,):
            raise ValueError(f"{type(state).__name__}")
        if kind == "cpu" or devices.gpus():
            generator_of(devices.available(kind)).set_state(state)


def manual_seed(seed: int) -> Generator:
    """Start the default generator over from `seed`, with those of all GPUs, and return it.

    Examples:
        >>> from chainrule.autograd import rand
        >>> _ = manual_seed(0)
        >>> first = rand(2)
        >>> _ = manual_seed(0)
        >>> bool((rand(2) == first).all())
        True
    """
    for generator in _all_default():
        generator.manual_seed(seed)
    return default_generator


def state_of(generator: Generator | None, like: Any = None) -> ops.Array:
    """Return the state to draw from: of `generator`, or of the default one.

    Args:
        generator: the one to draw from, if there is one.
        like: a tensor or an array, by default generator of whose device to draw; else the
            processor's.
    """
    if generator is not None:
        return generator.state
    where = devices.device_of(getattr(like, "array", like))
    return generator_of(where).state
