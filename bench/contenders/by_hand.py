"""A multilayer perceptron by hand in NumPy, as a person who knows the equations writes it."""

from __future__ import annotations

import math

import numpy as np

from bench.contender import Contender
from bench.workloads import Array


class ByHand(Contender):
    """NumPy, by hand: the judge of all losses."""

    label = "NumPy by hand"
    networks = ("mlp",)

    def begin(self) -> None:
        """Copy the first weights; Adam's averages begin at 0."""
        self.w = [w.copy() for w in self.data.matrices]
        self.b = [b.copy() for b in self.data.biases]
        self.parameters = [*self.w, *self.b]
        self.m = [np.zeros_like(p) for p in self.parameters]
        self.v = [np.zeros_like(p) for p in self.parameters]
        self.t = 0

    def run(self) -> None:
        """Forward, backward and update, step by step; or forward alone."""
        if self.workload.task == "infer":
            for _ in range(self.workload.steps):
                self._forward(self.data.x)
            return
        for rows in self.data.order:
            whole = not len(rows)
            x = self.data.x if whole else self.data.x[rows]
            y = self.data.y if whole else self.data.y[rows]
            self._update(self._backward(self._forward(x), y))

    def outputs(self, rows: slice) -> Array:
        """The last of the layers' values."""
        return self._forward(self.data.x[rows])[-1]

    def _forward(self, x: Array) -> list[Array]:
        """The input, and what every layer makes of it."""
        values = [x]
        for i, w in enumerate(self.w):
            z = values[-1] @ w.T
            if self.b:
                z += self.b[i]
            if i < len(self.w) - 1:
                z = np.tanh(z) if self.workload.activation == "tanh" else np.maximum(z, 0)
            values.append(z)
        return values

    def _backward(self, values: list[Array], y: Array) -> list[Array]:
        """The gradients of all weights, then of all biases."""
        g = self._slope(values[-1], y)
        by_w, by_b = [], []
        for i in reversed(range(len(self.w))):
            by_w.append(g.T @ values[i])
            if self.b:
                by_b.append(g.sum(axis=0))
            if i:
                h = values[i]
                local = 1 - h * h if self.workload.activation == "tanh" else h > 0
                g = (g @ self.w[i]) * local
        return [*reversed(by_w), *reversed(by_b)]

    def _slope(self, scores: Array, y: Array) -> Array:
        """The derivative of the loss by the scores."""
        n = len(scores)
        if self.workload.loss == "mse":
            return (scores - y) * np.float32(2 / n)
        if self.workload.loss == "bce":
            return (1 / (1 + np.exp(-scores)) - y) / np.float32(n)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(n), y] -= 1
        p /= np.float32(n)
        return p

    def _update(self, gradients: list[Array]) -> None:
        lr = self.workload.lr
        if self.workload.optimizer == "sgd":
            for p, g in zip(self.parameters, gradients):
                p -= lr * g
            return
        self.t += 1
        rate = lr / (1 - 0.9**self.t)
        root = math.sqrt(1 - 0.999**self.t)
        for p, g, m, v in zip(self.parameters, gradients, self.m, self.v):
            m *= 0.9
            m += 0.1 * g
            v *= 0.999
            v += 0.001 * (g * g)
            p -= rate * m / (np.sqrt(v) / root + 1e-8)
