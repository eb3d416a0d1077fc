"""A recurrent layer, for sequences: it reads one step after another and remembers (floor 2)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ShapeError
from chainrule.layers.function import Layer, Random
from chainrule.layers.linear import at_least_1, rows
from chainrule.ops import Array

__all__ = ["Recurrent"]


class Recurrent(Layer):
    """H_t = tanh(X_t W + H_(t-1) U + b), H_0 being 0: what it has read so far, in `hidden` numbers.

    The way back goes from the last step to the first, through the same U each time
    (backpropagation through time). J. L. Elman, "Finding structure in time", 1990.

    Args:
        in_dim: features of a step.
        hidden: size of what is remembered.
        every_step: return H of every step, (N, steps, hidden); if not, the last, (N, hidden).
        rng: where the initial weights come from: a seed, a `numpy.random.Generator`, or `None`.

    Attributes:
        weight: W (in_dim, hidden), U (hidden, hidden) and b (1, hidden); at first W is normal with
            deviation 1/sqrt(in_dim), U orthogonal, so that memories neither grow nor fade, and b 0.

    Raises:
        OptionError: a size below 1.
        ShapeError: an input that is not (N, steps, in_dim).

    Examples:
        >>> layer = Recurrent(3, 4, rng=0)
        >>> layer(np.ones((2, 5, 3))).shape
        (2, 4)
        >>> layer.backward(np.ones((2, 4))).shape
        (2, 5, 3)
        >>> {name: dw.shape for name, dw in layer.weight_update.items()}
        {'W': (3, 4), 'U': (4, 4), 'b': (1, 4)}
    """

    def __init__(
        self, in_dim: int, hidden: int, *, every_step: bool = False, rng: Random = None
    ) -> None:
        at_least_1(in_dim=in_dim, hidden=hidden)
        self.in_dim = in_dim
        self.hidden = hidden
        self.every_step = every_step
        super().__init__(rng)

    def _init_weights(self, state: Array) -> None:
        shape, scale = (self.in_dim, self.hidden), 1 / math.sqrt(self.in_dim)
        self.weight["W"] = init.normal(state, shape, 0.0, scale, np.float64)
        self.weight["U"] = init.orthogonal(state, (self.hidden, self.hidden), dtype=np.float64)
        self.weight["b"] = np.zeros((1, self.hidden))

    def forward(self, X: Array) -> Any:
        """Return the state after the last step, or after every one."""
        if X.ndim != 3 or X.shape[2] != self.in_dim or not X.shape[1]:
            raise ShapeError(
                f"expected sequences (N, steps, {self.in_dim}) of at least one step, "
                f"got shape {X.shape}"
            )
        W, U, b = self.weight.values()
        read = ops.add(ops.matmul(X, W), b)  # (N, steps, hidden), all steps at once
        H = np.zeros((len(X), X.shape[1] + 1, self.hidden), read.dtype)  # H[:, 0] is H_0
        for t in range(X.shape[1]):
            H[:, t + 1] = ops.tanh(ops.add(read[:, t], ops.matmul(H[:, t], U)))
        self.cache["H"] = H
        return H[:, 1:] if self.every_step else H[:, -1]

    def backward(self, dY: Array) -> Any:
        """Return dX; each step adds what comes from its own output and from the step after it."""
        X, H = self.cache["X"], self.cache["H"]
        W, U, _ = self.weight.values()
        slope = ops.tanh.rule(0)
        assert slope is not None
        outer = np.zeros_like(H[:, 1:])  # what each step's own output is blamed for
        outer[:, slice(None) if self.every_step else -1] = dY
        dZ = np.empty_like(outer)  # by what goes into the tanh
        dH = np.zeros_like(H[:, 0])
        for t in reversed(range(X.shape[1])):
            dH = ops.add(dH, outer[:, t])
            dZ[:, t] = slope(dH, H[:, t + 1], H[:, t + 1])
            dH = ops.matmul(dZ[:, t], U.T)
        g = rows(dZ)
        self.weight_update["W"] = ops.matmul(rows(X).T, g)
        self.weight_update["U"] = ops.matmul(rows(H[:, :-1]).T, g)
        self.weight_update["b"] = ops.sum(g, dim=0, keepdim=True)
        return ops.matmul(dZ, W.T)

    def __repr__(self) -> str:
        every = ", every_step=True" if self.every_step else ""
        return f"Recurrent({self.in_dim}, {self.hidden}{every})"
