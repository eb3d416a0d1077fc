"""What training has made, copied and brought back in place, for undo (floor 5).

Knows networks, optimisers and generators, no session. A recorded step reads by the addresses of
arrays, so what is brought back goes to where it was: the step is as good as before, and the numbers
that follow are those of a run that was never disturbed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule import nn, optim
from chainrule.autograd import Generator
from chainrule.ops import Array

__all__ = ["Held"]


class Held:
    """A network in training, at a moment.

    Args:
        network: its weights and buffers are copied,
        optimizer: and what it remembers, and its options,
        generators: and where its random numbers are.

    Attributes:
        nbytes: of the copies.

    Examples:
        >>> from chainrule.autograd import ones
        >>> network = nn.Linear(2, 1)
        >>> before = network.weight.array.copy()
        >>> optimizer = optim.SGD(network.parameters(), lr=0.1)
        >>> held = Held(network, optimizer)
        >>> network(ones(1, 2)).sum().backward()
        >>> optimizer.step()
        >>> held.put_back()
        >>> bool((network.weight.array == before).all()), held.nbytes
        (True, 12)
    """

    def __init__(
        self, network: nn.Module, optimizer: optim.Optimizer, generators: Sequence[Generator] = ()
    ) -> None:
        self._network, self._optimizer, self._generators = network, optimizer, tuple(generators)
        self._weights: dict[str, Array] = {
            name: tensor.array.copy() for name, tensor in network.state_dict().items()
        }
        self._optimizers: dict[str, Any] = optimizer.state_dict()
        self._drawn = [generator.get_state() for generator in generators]
        remembered = self._optimizers["state"].values()
        self.nbytes = sum(array.nbytes for array in self._weights.values()) + sum(
            value.array.nbytes
            for state in remembered
            for value in state.values()
            if hasattr(value, "array")
        )

    def put_back(self) -> None:
        """Let all be as it was then, in the arrays that hold it now."""
        self._network.load_state_dict(self._weights)
        self._optimizer.load_state_dict(self._optimizers)
        for generator, state in zip(self._generators, self._drawn):
            generator.set_state(state)
