"""JAX: a step under `jit`, called from Python; and all steps in one call by `lax.scan`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.contender import Contender
from bench.workloads import Array, Data, Workload


class JaxStep(Contender):
    """One call for each step."""

    label = "JAX, jit"
    needs = ("jax",)

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        import jax

        self.jax = jax
        self.x, self.y = jax.numpy.asarray(data.x), jax.numpy.asarray(data.y)
        self.order = jax.numpy.asarray(data.order)
        self.forward = jax.jit(self._forward)
        self.step = jax.jit(self._step, donate_argnums=0)

    def begin(self) -> None:
        """The first weights, Adam's averages at 0, and the rows of each step."""
        biases = self.data.biases or [np.zeros(0, np.float32) for _ in self.data.weights]
        p = [self.jax.numpy.array(a) for a in (*self.data.weights, *biases)]
        zeros = self.jax.numpy.zeros_like
        self.state: Any = (p, [zeros(a) for a in p], [zeros(a) for a in p], 0.0)
        self.state = self.jax.device_put(self.state)
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

    def outputs(self) -> Array:
        """The scores."""
        return np.asarray(self.forward(self.state[0], self.x))

    def _wait(self) -> None:
        self.jax.block_until_ready(self.state)

    def _forward(self, p: Any, x: Any) -> Any:
        bend = self.jax.numpy.tanh if self.workload.activation == "tanh" else self.jax.nn.relu
        layers = len(self.workload.sizes) - 1
        for i in range(layers):
            x = x @ p[i].T
            if self.workload.bias:
                x = x + p[layers + i]
            if i < layers - 1:
                x = bend(x)
        return x

    def _loss(self, p: Any, x: Any, y: Any) -> Any:
        np_, scores = self.jax.numpy, self._forward(p, x)
        if self.workload.loss == "mse":
            return np_.mean((scores - y) ** 2)
        if self.workload.loss == "bce":
            return np_.mean(np_.logaddexp(0.0, scores) - y * scores)
        logs = self.jax.nn.log_softmax(scores)
        return -np_.mean(np_.take_along_axis(logs, y[:, None], axis=1))

    def _step(self, state: Any, rows: Any, x: Any, y: Any) -> Any:
        p, m, v, t = state
        if self.workload.batch:
            x, y = x[rows], y[rows]
        g = self.jax.grad(self._loss)(p, x, y)
        lr, each = self.workload.lr, self.jax.tree.map
        if self.workload.optimizer == "sgd":
            return each(lambda p, g: p - lr * g, p, g), m, v, t
        t = t + 1.0
        m = each(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, root = lr / (1 - 0.9**t), self.jax.numpy.sqrt(1 - 0.999**t)
        p = each(lambda p, m, v: p - rate * m / (self.jax.numpy.sqrt(v) / root + 1e-8), p, m, v)
        return p, m, v, t


class JaxScan(JaxStep):
    """All steps in one call."""

    label = "JAX, scan"
    tasks = ("train",)

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
