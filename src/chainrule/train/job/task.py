"""What a job has to learn, classes or a number: its losses and its metric (floor 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import layers, nn
from chainrule.autograd import Tensor
from chainrule.data import Examples
from chainrule.nn import functional as F
from chainrule.nn.usual import Loss
from chainrule.ops import Array
from chainrule.train.metrics.classes import accuracy
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.numbers import mae

__all__ = ["Task", "task_of"]


@dataclass(frozen=True)
class Task:
    """How outputs are compared with targets.

    Attributes:
        outputs: how many numbers the network gives.
        loss: of tensors.
        explicit_loss: the same of arrays, with the gradient it sends back.
        metrics: what else is measured.
        last: a module to put behind the network.
    """

    outputs: int
    loss: Loss
    explicit_loss: layers.Loss
    metrics: dict[str, Metric]
    last: nn.Module | None = None


def task_of(training: Examples, label_smoothing: float) -> Task:
    """Return what the examples set as a task."""
    if training.classes is None:
        return _regression(training.y)
    return _classification(len(training.classes), label_smoothing)


def _classification(classes: int, label_smoothing: float) -> Task:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=label_smoothing)

    explicit = layers.CrossEntropyLoss(label_smoothing)
    return Task(classes, loss, explicit, {"accuracy": accuracy})


def _regression(y: Array) -> Task:
    """One number; errors are measured in deviations of the target, outputs are in its own units."""
    centre, spread = float(y.mean()), float(y.std()) or 1.0

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs.view(-1) / spread, targets / spread)

    last = nn.Normalize(-centre / spread, 1 / spread)
    return Task(1, loss, _SquaresInDeviations(spread), {"mae": mae}, last)


class _SquaresInDeviations(layers.MeanSquareLoss):
    """The mean of ((X - Y) / spread)^2, a target for each row of X."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread

    def forward(self, X: Array, Y: Array) -> Any:
        return super().forward(*self._scaled(X, Y))

    def local_grad(self, X: Array, Y: Array) -> dict[str, Array]:
        return {"X": super().local_grad(*self._scaled(X, Y))["X"] / self.spread}

    def _scaled(self, X: Array, Y: Array) -> tuple[Array, Array]:
        return X / self.spread, np.reshape(Y, X.shape) / self.spread
