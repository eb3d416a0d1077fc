"""What training has made, copied and brought back in place, for undo (floor 5).

Knows networks, optimisers and generators, no session. A recorded step reads by the addresses of
arrays, so what is brought back goes to where it was: the step is as good as before, and the numbers
that follow are those of a run that was never disturbed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule import nn, optim
from chainrule.autograd import Generator, Tensor
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
        (True, 44)
    """

    def __init__(
        self, network: nn.Module, optimizer: optim.Optimizer, generators: Sequence[Generator] = ()
    ) -> None:
        self._optimizer = optimizer
        self._remembered = {p: dict(state) for p, state in optimizer.state.items()}
        here = [tensor.array for tensor in (*network.parameters(), *network.buffers())]
        for state in self._remembered.values():
            here += [value.array for value in state.values() if isinstance(value, Tensor)]
        for group in optimizer.param_groups:
            here += [group.array(name) for name in optimizer.numbers if name in group]
        here += [generator.state for generator in generators]
        self._arrays: list[tuple[Array, Array]] = [(array, array.copy()) for array in here]
        self.nbytes = sum(copy.nbytes for _, copy in self._arrays)

    def put_back(self) -> None:
        """Let all be as it was then, in the arrays that held it."""
        state = self._optimizer.state
        # A recorded step is told of whatever is done to the state, so nothing is without need.
        if not _same(state, self._remembered):
            state.clear()
            state.update(self._remembered)
        for array, copy in self._arrays:
            array[...] = copy


def _same(now: Mapping[Any, Mapping[str, Any]], then: Mapping[Any, Mapping[str, Any]]) -> bool:
    """Whether the same objects are remembered of the same parameters."""
    return now.keys() == then.keys() and all(
        now[p].keys() == then[p].keys() and all(now[p][name] is then[p][name] for name in now[p])
        for p in then
    )
