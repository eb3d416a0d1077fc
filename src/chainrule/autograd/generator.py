"""Where random numbers come from (floor 2).

A `Generator` is a seed and a count, held in an array. Whatever is random takes one; without it, it
draws from `default_generator`, which `manual_seed` seeds and which is otherwise different in every
process.
"""

from __future__ import annotations

import os
from typing import Any

from chainrule import ops
from chainrule.backend import devices
from chainrule.backend.devices import require_cpu

__all__ = ["Generator", "default_generator", "manual_seed", "state_of"]


class Generator:
    """A source of random numbers: the same seed gives the same numbers, on every machine.

    Args:
        seed: any integer; a fresh one from the operating system if `None`. A device, as in
            PyTorch, may stand in its place.
        device: "cpu".

    Examples:
        >>> from chainrule.autograd import rand
        >>> a, b = Generator(1), Generator(1)
        >>> bool((rand(3, generator=a) == rand(3, generator=b)).all())
        True
    """

    def __init__(self, seed: Any = None, *, device: Any = None) -> None:
        if isinstance(seed, (str, devices.device)):
            seed, device = None, seed
        require_cpu(device)
        self.state = ops.new_state(0)
        if seed is None:
            self.seed()
        else:
            self.manual_seed(seed)

    @property
    def device(self) -> devices.device:
        """Where it draws: on the processor."""
        return devices.CPU

    def seed(self) -> int:
        """Start over from a fresh seed of the operating system, and return it."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

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
        >>> from chainrule.autograd import rand
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
