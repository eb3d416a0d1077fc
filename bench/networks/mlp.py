"""Linear layers with a bend between each two: sizes are inputs, units of each layer, outputs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from bench.network import Network
from bench.networks.parts import linear
from bench.workloads import Array


class MLP(Network):
    """A chain of linear layers; those are modules 0, 2, 4 and so on."""

    @property
    def row(self) -> tuple[int, ...]:
        return self.sizes[:1]

    def products(self) -> list[float]:
        return [2 * a * b for a, b in pairwise(self.sizes)]

    def module(self, lib: Any) -> Any:
        nn = lib.nn
        bend = nn.Tanh if self.workload.activation == "tanh" else nn.ReLU
        layers = []
        for inputs, outputs in pairwise(self.sizes):
            layers += [nn.Linear(inputs, outputs, bias=self.workload.bias), bend()]
        return nn.Sequential(*layers[:-1])

    def first(self, seed: int) -> dict[str, Array]:
        rng, first = np.random.default_rng(seed), {}
        for i, (inputs, outputs) in enumerate(pairwise(self.sizes)):
            reach = self.workload.spread or inputs**-0.5
            first[f"{2 * i}.weight"] = rng.uniform(-reach, reach, (outputs, inputs))
            if self.workload.bias:
                first[f"{2 * i}.bias"] = rng.uniform(-reach, reach, outputs)
        return {name: array.astype(np.float32) for name, array in first.items()}

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        import jax

        bend = jax.numpy.tanh if self.workload.activation == "tanh" else jax.nn.relu
        for i in range(len(self.sizes) - 1):
            x = linear(p, f"{2 * i}", bend(x) if i else x)
        return x
