"""Losses: one number that says how wrong the outputs are (floor 2)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.errors import OptionError, ShapeError
from chainrule.layers.function import Loss
from chainrule.layers.linear import rows
from chainrule.ops import Array

__all__ = ["CrossEntropyLoss", "MeanSquareLoss"]


class MeanSquareLoss(Loss):
    """The mean of (X - Y)^2 over all elements.

    Raises:
        ShapeError: outputs and targets have different shapes.

    Examples:
        >>> loss = MeanSquareLoss()
        >>> float(loss([1.0], [3.0])), loss.backward()
        (4.0, array([-4.]))
    """

    def forward(self, X: Array, Y: Array) -> Any:
        """Return the loss of outputs X against targets Y of the same shape."""
        if X.shape != Y.shape:
            raise ShapeError(
                f"outputs of shape {X.shape} cannot be compared with targets of shape {Y.shape}; "
                f"they must be equal, for example by y.reshape{X.shape}"
            )
        return ops.mse_loss(X, Y)

    def local_grad(self, X: Array, Y: Array) -> dict[str, Array]:
        """Return 2 (X - Y) / n, n being the number of elements."""
        return {"X": ops.mul(ops.sub(X, Y), 2 / X.size)}


class CrossEntropyLoss(Loss):
    """The mean of -ln softmax(X) at the right classes: how surprised the network is by them.

    Scores go in as they come from the last layer, without a softmax, and may be of any size.

    Args:
        label_smoothing: share of the target that goes to all classes alike; against overconfidence.

    Raises:
        DataError: a label that is no class.
        ShapeError: not one label for each row of scores.

    Examples:
        >>> loss = CrossEntropyLoss()
        >>> float(loss(np.array([[0.0, 1000.0]]), np.array([[1]])))
        0.0
        >>> round(float(loss(np.array([[0.0, 0.0]]), np.array([1]))), 6)
        0.693147
        >>> loss.backward()
        array([[ 0.5, -0.5]])
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= label_smoothing <= 1:
            raise OptionError(f"label_smoothing must be between 0 and 1, got {label_smoothing}")
        self.label_smoothing = label_smoothing

    def forward(self, X: Array, y: Array) -> Any:
        """Return the loss of scores X (..., C) against labels y, one a row, as (n,) or (n, 1)."""
        scores = rows(X)
        if y.size != len(scores):
            raise ShapeError(
                f"{y.size} labels (shape {y.shape}) do not go with {len(scores)} rows of scores "
                f"(shape {X.shape}); one label for each row is expected"
            )
        return ops.cross_entropy(scores, y.reshape(-1), label_smoothing=self.label_smoothing)

    def local_grad(self, X: Array, y: Array) -> dict[str, Array]:
        """Return (P - T) / n: the probabilities, less the 1 at each label, over the rows."""
        classes, smoothing = X.shape[-1], self.label_smoothing
        target = ops.cast(ops.one_hot(y.reshape(X.shape[:-1]), classes), dtype=X.dtype)
        if smoothing:
            target = ops.add(ops.mul(target, 1 - smoothing), smoothing / classes)
        return {"X": ops.div(ops.sub(ops.softmax(X, dim=-1), target), len(rows(X)))}

    def __repr__(self) -> str:
        smoothing = self.label_smoothing
        return f"CrossEntropyLoss({f'label_smoothing={smoothing}' if smoothing else ''})"
