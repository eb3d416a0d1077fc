"""The table of layers and losses: what is built, on which input, and PyTorch's word for it.

Every function that `chainrule.layers` exports has a row here; a test fails until it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import layers as L


def normal(*shape: int) -> np.ndarray:
    """Numbers of the normal distribution, none of them near 0, where kinks are."""
    x = np.random.default_rng(sum(shape)).normal(size=shape)
    return np.where(np.abs(x) < 0.05, 0.5, x)


@dataclass(frozen=True)
class Row:
    """One way to call one function."""

    name: str
    build: Callable[[], L.Function]
    x: np.ndarray
    theirs: Callable[[Any], Any]
    targets: tuple[np.ndarray, ...] = ()
    elementwise: bool = False

    def __str__(self) -> str:
        return self.name


LABELS = np.array([2, 0, 1, 2])

ROWS = [
    Row("Sigmoid", L.Sigmoid, normal(3, 4), lambda nn: nn.Sigmoid(), elementwise=True),
    Row("Tanh", L.Tanh, normal(3, 4), lambda nn: nn.Tanh(), elementwise=True),
    Row("ReLU", L.ReLU, normal(3, 4), lambda nn: nn.ReLU(), elementwise=True),
    Row(
        "LeakyReLU",
        lambda: L.LeakyReLU(0.1),
        normal(3, 4),
        lambda nn: nn.LeakyReLU(0.1),
        elementwise=True,
    ),
    Row("Softmax", L.Softmax, normal(3, 4), lambda nn: nn.Softmax(-1)),
    Row("Softmax of images", L.Softmax, normal(2, 3, 2, 4), lambda nn: nn.Softmax(-1)),
    Row("Flatten", L.Flatten, normal(2, 3, 2, 2), lambda nn: nn.Flatten()),
    Row(
        "Normalize",
        lambda: L.Normalize(0.5, 2.0),
        normal(3, 4),
        lambda nn: lambda x: (x - 0.5) / 2,
        elementwise=True,
    ),
    Row("Linear", lambda: L.Linear(4, 3, rng=0), normal(5, 4), lambda nn: nn.Linear(4, 3)),
    Row(
        "Linear without bias",
        lambda: L.Linear(4, 3, bias=False, rng=0),
        normal(5, 4),
        lambda nn: nn.Linear(4, 3, bias=False),
    ),
    Row(
        "Linear of sequences",
        lambda: L.Linear(4, 3, rng=0),
        normal(2, 5, 4),
        lambda nn: nn.Linear(4, 3),
    ),
    Row(
        "Conv2D",
        lambda: L.Conv2D(2, 3, 3, rng=0),
        normal(2, 2, 5, 4),
        lambda nn: nn.Conv2d(2, 3, 3),
    ),
    Row(
        "Conv2D with stride, padding, no bias",
        lambda: L.Conv2D(2, 3, (3, 2), 2, 1, bias=False, rng=0),
        normal(2, 2, 5, 4),
        lambda nn: nn.Conv2d(2, 3, (3, 2), 2, 1, bias=False),
    ),
    Row("MaxPool2D", L.MaxPool2D, normal(2, 2, 4, 6), lambda nn: nn.MaxPool2d(2)),
    Row(
        "MaxPool2D overlapping",
        lambda: L.MaxPool2D(3, 2, 1),
        normal(2, 2, 5, 6),
        lambda nn: nn.MaxPool2d(3, 2, 1),
    ),
    Row(
        "BatchNorm2D",
        lambda: L.BatchNorm2D(3),
        normal(4, 3, 2, 2),
        lambda nn: nn.BatchNorm2d(3),
    ),
    Row(
        "BatchNorm2D in use",
        lambda: L.BatchNorm2D(3).eval(),
        normal(4, 3, 2, 2),
        lambda nn: nn.BatchNorm2d(3).eval(),
    ),
    Row(
        "Recurrent",
        lambda: L.Recurrent(3, 4, rng=0),
        normal(2, 5, 3),
        lambda nn: Last(nn.RNN(3, 4, batch_first=True)),
    ),
    Row(
        "Recurrent every step",
        lambda: L.Recurrent(3, 4, every_step=True, rng=0),
        normal(2, 5, 3),
        lambda nn: Every(nn.RNN(3, 4, batch_first=True)),
    ),
    Row("Dropout", lambda: L.Dropout(0.4, rng=0), normal(6, 4), None, elementwise=True),
    Row(
        "Dropout in use",
        lambda: L.Dropout(0.4, rng=0).eval(),
        normal(3, 4),
        lambda nn: nn.Dropout(0.4).eval(),
        elementwise=True,
    ),
    Row("MeanSquareLoss", L.MeanSquareLoss, normal(4, 3), lambda nn: nn.MSELoss(), (normal(4, 3),)),
    Row(
        "CrossEntropyLoss",
        L.CrossEntropyLoss,
        normal(4, 3),
        lambda nn: nn.CrossEntropyLoss(),
        (LABELS,),
    ),
    Row(
        "CrossEntropyLoss smoothed",
        lambda: L.CrossEntropyLoss(0.2),
        normal(4, 3),
        lambda nn: nn.CrossEntropyLoss(label_smoothing=0.2),
        (LABELS,),
    ),
    Row(
        "Net",
        lambda: L.Net([L.Linear(4, 5, rng=0), L.Tanh(), L.Net([L.Linear(5, 3, rng=1)])]),
        normal(6, 4),
        lambda nn: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Sequential(nn.Linear(5, 3))),
    ),
]


@dataclass
class Every:
    """PyTorch's recurrent layer, of which the states are asked."""

    module: Any

    def __call__(self, x: Any) -> Any:
        return self.module(x)[0]


class Last(Every):
    """The same, of which the last state is asked."""

    def __call__(self, x: Any) -> Any:
        return self.module(x)[0][:, -1]
