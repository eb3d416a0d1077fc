"""What a kind of network is: written once for libraries with PyTorch's names, and once for JAX.

Each file in `networks` has one kind, whole: the shape of what goes in, the operations it takes, the
modules, which chainrule and PyTorch build from the same lines, and a function on arrays for JAX,
which names the weights as the modules do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.workloads import Array, Workload

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


class Network:
    """The network of a workload.

    Args:
        workload: whose `sizes` say how large it is; each kind says what they mean.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.sizes = workload.sizes

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of one row of the inputs."""
        raise NotImplementedError

    def products(self) -> list[float]:
        """Return the operations of each product, forward, for one row.

        The first is the one with the inputs themselves, whose gradient nobody wants; where a table
        of vectors is looked up, that is no product, and 0.
        """
        raise NotImplementedError

    @property
    def flops(self) -> float:
        """The operations of all products for one row of a step.

        A product of training is done three times: forward, for the gradient of its weights and for
        that of its inputs, but for the first, which is done twice.
        """
        forward = self.products()
        return sum(forward) if self.workload.task == "infer" else 3 * sum(forward) - forward[0]

    @property
    def width(self) -> int:
        """How many numbers one row of the inputs has."""
        return math.prod(self.row)

    def module(self, lib: Any) -> Any:
        """Return the network in a library with PyTorch's names: `chainrule` or `torch`."""
        raise NotImplementedError

    def first(self, seed: int) -> dict[str, Array]:
        """Return the weights everybody begins with, by the modules' names, buffers among them."""
        import chainrule as cr

        with cr.random.fork_rng():
            cr.manual_seed(seed)
            state = self.module(cr).state_dict()
        return {name: value.numpy().copy() for name, value in state.items()}

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        """Return what comes out, for JAX.

        Args:
            p: weights and buffers by name.
            x: rows of inputs.
            key: for what is random; none but in training.
            changed: takes the buffers that training changes.
        """
        raise NotImplementedError
