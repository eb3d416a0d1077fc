"""Training steps of many kinds, as functions of arrays: what a program is recorded of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, ops, optim
from chainrule.autograd import Tensor
from chainrule.ops import Array


@dataclass
class Step:
    """A training step.

    Attributes:
        run: from a batch to the loss; changes the parameters.
        batch: the arrays to run on.
        memory: every array that a step changes, in order.
    """

    run: Callable[..., Array]
    batch: Sequence[Array]
    memory: Callable[[], list[Array]]


def training(model: nn.Module, loss: Any, optimizer: Any, batch: Sequence[Array]) -> Step:
    """The step everybody writes."""

    def run(x: Array, y: Array) -> Array:
        optimizer.zero_grad()
        value = loss(model(Tensor(x)), Tensor(y))
        value.backward()
        optimizer.step()
        return value.array

    def memory() -> list[Array]:
        state = [
            v.array for s in optimizer.state.values() for v in s.values() if hasattr(v, "array")
        ]
        return [*(t.array for t in model.state_dict().values()), *state]

    return Step(run, batch, memory)


def normal(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def classes(rows: int, count: int) -> Array:
    return np.arange(rows) % count


def neuron() -> Step:
    x = normal(1000, 4)
    model = nn.Linear(4, 1)
    sgd = optim.SGD(model.parameters(), lr=0.01)
    return training(model, nn.MSELoss(), sgd, (x, x.mean(1, keepdims=True)))


def moons() -> Step:
    x = normal(100, 2)
    y = (x.sum(1, keepdims=True) > 0).astype(np.float32)
    model = nn.Sequential(
        nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    )
    sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return training(model, nn.BCEWithLogitsLoss(), sgd, (x, y))


def digits() -> Step:
    x = np.random.default_rng(0).integers(0, 256, (64, 784)).astype(np.uint8)
    model = nn.Sequential(
        *(nn.Normalize(0.0, 255.0), nn.Flatten(), nn.Linear(784, 32), nn.ReLU()),
        *(nn.Dropout(0.2), nn.Linear(32, 10)),
    )
    adam = optim.Adam(model.parameters(), lr=1e-3)
    return training(model, nn.CrossEntropyLoss(), adam, (x, classes(64, 10)))


def images() -> Step:
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 5)),
    )
    rms = optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.5)
    return training(model, nn.CrossEntropyLoss(), rms, (normal(8, 1, 12, 12), classes(8, 5)))


def normed() -> Step:
    model = nn.Sequential(nn.Linear(6, 12), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 3))
    adam = optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    return training(model, nn.SmoothL1Loss(), adam, (normal(20, 6), normal(20, 3)))


class Attention(nn.Module):
    """One head over sequences, from products and softmax, and an average for each."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(size, size, bias=False) for _ in range(3))
        self.out = nn.Linear(size, classes)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.query(x), self.key(x), self.value(x)
        scores = ops.matmul(q, ops.transpose(k, 1, 2)) / 2.0
        return self.out(ops.mean(ops.matmul(ops.softmax(scores, dim=-1), v), dim=1))


def attention() -> Step:
    model = Attention(4, 3)
    adagrad = optim.Adagrad(model.parameters(), lr=0.1)
    return training(model, nn.CrossEntropyLoss(), adagrad, (normal(5, 7, 4), classes(5, 3)))


WORKLOADS = {f.__name__: f for f in (neuron, moons, digits, images, normed, attention)}


def begun(name: str) -> Step:
    """A workload, always the same, of which one step has been taken: lazy state is there."""
    cr.manual_seed(0)
    step = WORKLOADS[name]()
    step.run(*step.batch)
    return step
