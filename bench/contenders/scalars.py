"""One number at a time: micrograd, and ours as it is and replayed.

A step is the mean squared error over all points, its gradient, and descent along it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from bench.contender import Contender
from bench.workloads import Array, Data, Workload


class _Scalars(Contender):
    """What all of them do; `_network` makes the neurons."""

    tasks = ("scalars",)

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        self.points = data.x.astype(float).tolist()
        self.targets = data.y[:, 0].astype(float).tolist()
        self.mlp = self._network(workload.sizes[0], list(workload.sizes[1:]))
        self.parameters = self.mlp.parameters()
        self.descend: Callable[[], object] = self._gradients

    def _network(self, inputs: int, outputs: list[int]) -> Any:
        raise NotImplementedError

    def begin(self) -> None:
        """Each neuron has its weights in order, then its bias."""
        rows = [
            [*row, bias]
            for w, b in zip(self.data.matrices, self.data.biases)
            for row, bias in zip(w.tolist(), b.tolist())
        ]
        for p, number in zip(self.parameters, (number for row in rows for number in row)):
            p.data = number

    def run(self) -> None:
        """Gradients and descent, step by step."""
        for _ in range(self.workload.steps):
            for p in self.parameters:
                p.grad = 0.0
            self.descend()
            for p in self.parameters:
                p.data -= self.workload.lr * p.grad

    def outputs(self, rows: slice) -> Array:
        """The output for every point."""
        return np.array([[self.mlp(point).data] for point in self.points[rows]])

    def _error(self) -> Any:
        total: Any = 0
        for point, target in zip(self.points, self.targets):
            total = total + (self.mlp(point) - target) ** 2
        return total * (1 / len(self.points))

    def _gradients(self) -> None:
        self._error().backward()


class Micrograd(_Scalars):
    """A. Karpathy's micrograd."""

    label = "micrograd"
    needs = ("micrograd",)

    def _network(self, inputs: int, outputs: list[int]) -> Any:
        from micrograd.nn import MLP

        return MLP(inputs, outputs)


class ScalarsEager(_Scalars):
    """`chainrule.scalar`, the graph made anew at every step."""

    label = "chainrule.scalar"
    ours = True

    def _network(self, inputs: int, outputs: list[int]) -> Any:
        from chainrule.scalar import MLP

        return MLP(inputs, outputs, activation="relu", output="linear")


class ScalarsNumPy(ScalarsEager):
    """`chainrule.scalar.compile`, replayed level by level with NumPy."""

    label = "chainrule.scalar, replayed by NumPy"
    backend: ClassVar[Literal["numpy", "native"]] = "numpy"

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        from chainrule.scalar import compile

        self.begin()
        self.descend = compile(self._error, backend=self.backend)


class ScalarsNative(ScalarsNumPy):
    """`chainrule.scalar.compile`, replayed in machine code."""

    label = "chainrule.scalar, native"
    needs = ("llvmlite",)
    backend = "native"
