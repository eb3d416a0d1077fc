"""Activations: the non-linear functions between layers (floor 2).

Those that are one operation take its derivative from the table of operations, where each states it
once: dX = dY dy/dx, element by element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.layers.function import Function
from chainrule.ops import Array, Op

__all__ = ["Elementwise", "LeakyReLU", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class Elementwise(Function):
    """A function of each element alone that is an operation of the table, set as `op`.

    Examples:
        >>> class Sine(Elementwise):
        ...     op = ops.sin
        >>> sine = Sine()
        >>> sine(np.zeros(2)), sine.backward(np.array([1.0, 2.0]))
        (array([0., 0.]), array([1., 2.]))
    """

    op: Op

    def forward(self, X: Array) -> Any:
        """Return the operation's result."""
        return self.op(X)

    def backward(self, dY: Array) -> Any:
        """Return dY times the operation's slope, by the rule that the table has for it."""
        return self._rule(dY, self.cache["output"], self.cache["X"])

    def local_grad(self, X: Array) -> dict[str, Array]:
        """Return the slope at every element: what becomes of a dY of ones."""
        return {"X": self._rule(np.ones_like(X), self.op(X), X)}

    def _rule(self, dY: Array, Y: Array, X: Array) -> Any:
        rule = self.op.rule(0)
        assert rule is not None
        return rule(dY, Y, X)


class Sigmoid(Elementwise):
    """y = 1 / (1 + e^-x), between 0 and 1, with slope y (1 - y).

    Examples:
        >>> Sigmoid()(np.array([0.0, -1000.0, 1000.0]))
        array([0.5, 0. , 1. ])
    """

    op = ops.sigmoid


class Tanh(Elementwise):
    """y = tanh x, between -1 and 1, with slope 1 - y^2.

    Examples:
        >>> Tanh().local_grad(np.array([0.0]))
        {'X': array([1.])}
    """

    op = ops.tanh


class ReLU(Elementwise):
    """y = max(x, 0), with slope 1 above 0 and 0 elsewhere.

    Examples:
        >>> ReLU()(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    op = ops.relu


class LeakyReLU(Function):
    """y = x above 0, and negative_slope x below, so that no unit is ever without a slope.

    Args:
        negative_slope: of the part below 0, and at 0 itself.

    Examples:
        >>> LeakyReLU(0.1)(np.array([-1.0, 2.0]))
        array([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, X: Array) -> Any:
        """Return x, or negative_slope x, for every element."""
        return ops.leaky_relu(X, self.negative_slope)

    def local_grad(self, X: Array) -> dict[str, Array]:
        """Return 1 above 0 and negative_slope elsewhere."""
        one = np.ones((), X.dtype)
        return {"X": ops.where(ops.gt(X, 0), one, one * self.negative_slope)}

    def __repr__(self) -> str:
        return f"LeakyReLU({self.negative_slope})"


class Softmax(Function):
    """y_i = e^(x_i) / sum of e^(x_j): scores of classes, in the last dimension, to probabilities.

    Before `CrossEntropyLoss` leave it out: that takes scores, and is safe for them at any size.

    Examples:
        >>> Softmax()(np.array([[0.0, 0.0, 1000.0]]))
        array([[0., 0., 1.]])
    """

    def forward(self, X: Array) -> Any:
        """Return the probabilities."""
        return ops.softmax(X, dim=-1)

    def backward(self, dY: Array) -> Any:
        """Return dX = Y (dY - the sum of dY Y): raising one score lowers all other outputs."""
        Y = self.cache["output"]
        return ops.mul(Y, ops.sub(dY, ops.sum(ops.mul(dY, Y), dim=-1, keepdim=True)))

    def local_grad(self, X: Array) -> dict[str, Array]:
        """Return dy_i/dx_j = y_i ([i = j] - y_j) for every row: (..., C, C)."""
        Y = ops.softmax(X, dim=-1)
        own = np.eye(Y.shape[-1], dtype=Y.dtype)
        return {"X": ops.mul(Y[..., :, None], ops.sub(own, Y[..., None, :]))}
