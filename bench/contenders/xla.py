"""JAX: a step under `jit`, called from Python; and all steps in one call by `lax.scan`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.contender import Contender
from bench.losses import jax_loss
from bench.network import BUFFERS
from bench.networks import network
from bench.optimizers import jax_update
from bench.workloads import SEED, Data, Workload


class JaxStep(Contender):
    """One call for each step."""

    label = "JAX, jit"
    needs = ("jax",)

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        import jax

        self.jax = jax
        self.network = network(workload)
        self.x, self.y = jax.numpy.asarray(data.x), jax.numpy.asarray(data.y)
        self.order = jax.numpy.asarray(data.order)
        self.forward = jax.jit(lambda p, x: self.network.forward(p, x, None, {}))
        self.step = jax.jit(self._step, donate_argnums=0)

    def begin(self) -> None:
        """The first weights, the optimiser's averages at 0, and the rows of each step."""
        first = {name: self.jax.numpy.array(a) for name, a in self.data.weights.items()}
        buffers = {name: a for name, a in first.items() if name.rpartition(".")[2] in BUFFERS}
        p = {name: a for name, a in first.items() if name not in buffers}
        m, v = (self.jax.tree.map(self.jax.numpy.zeros_like, p) for _ in range(2))
        self.state: Any = self.jax.device_put((p, buffers, m, v, np.float32(0)))
        self.batches = list(self.order)
        self._wait()

    def run(self) -> None:
        """A call for each step; the state stays where it is."""
        if self.workload.task == "infer":
            for _ in range(self.workload.steps):
                self.forward(self.state[0], self.x).block_until_ready()
            return
        for rows in self.batches:
            self.state = self.step(self.state, rows, self.x, self.y)
        self._wait()

    def outputs(self, rows: slice) -> Any:
        """What the network gives."""
        return self.forward(self.state[0] | self.state[1], self.x[rows])

    def _wait(self) -> None:
        self.jax.block_until_ready(self.state)

    def _loss(self, p: Any, buffers: Any, key: Any, x: Any, y: Any) -> tuple[Any, Any]:
        changed: dict[str, Any] = {}
        found = self.network.forward(p | buffers, x, key, changed)
        return jax_loss(self.workload.loss, found, x, y), buffers | changed

    def _step(self, state: Any, rows: Any, x: Any, y: Any) -> Any:
        p, buffers, m, v, t = state
        t = t + 1
        if self.workload.batch:
            x, y = x[rows], y[rows]
        key = self.jax.random.fold_in(self.jax.random.key(SEED), t.astype(int))
        g, buffers = self.jax.grad(self._loss, has_aux=True)(p, buffers, key, x, y)
        p, m, v = jax_update(self.workload.optimizer, self.workload.lr, p, m, v, t, g)
        return p, buffers, m, v, t


class JaxScan(JaxStep):
    """All steps in one call."""

    label = "JAX, scan"
    tasks = ("train",)
    # Inside a loop XLA does a convolution without its fast products: it took 34 times as long.
    networks = ("mlp", "transformer", "lstm", "vae", "gru")

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)

        def all_steps(state: Any, order: Any, x: Any, y: Any) -> Any:
            advance = lambda state, rows: (self._step(state, rows, x, y), None)  # noqa: E731
            return self.jax.lax.scan(advance, state, order)[0]

        self.steps = self.jax.jit(all_steps, donate_argnums=0)

    def run(self) -> None:
        """One call."""
        self.state = self.steps(self.state, self.order, self.x, self.y)
        self._wait()
