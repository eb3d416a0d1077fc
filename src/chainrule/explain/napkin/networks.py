"""Small networks that train and infer, for measuring a machine with them (floor 4).

They are ordinary ones, of the usual layers, in sizes from tiny to some milliseconds a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import nn, ops, optim
from chainrule.autograd import from_numpy, no_grad, randn_like
from chainrule.autograd.generator import default_generator
from chainrule.nn import functional as F

__all__ = ["drawn", "linear_layers", "networks", "own_random_numbers"]

_LETTERS = 60


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Let weights be drawn inside as if from a seed, and leave the default generator as it was."""
    state = default_generator.get_state()
    default_generator.set_state(ops.new_state(0))
    try:
        yield
    finally:
        default_generator.set_state(state)


def networks() -> Iterator[Callable[[], Any]]:
    """Yield steps of training and inference."""
    yield regression(nn.Linear(4, 1), (50, 4))
    for rows, sizes in ((4, (4, 4, 4)), (128, (800, 400, 100, 12)), (24000, (600, 12, 12))):
        yield training(nn.Sequential(*linear_layers(sizes)), (rows, sizes[0]), optim.Adam)
    for side, images, channels in ((8, 1, 2), (24, 24, 24)):
        yield training(_convolutions(channels), (images, 3, side, side), optim.SGD)
    for length, batch, width in ((2, 1, 4), (48, 12, 96)):
        yield letters(_Transformer(width), (batch, length), optim.AdamW)
    for length, batch, width in ((2, 1, 4), (24, 16, 64), (24, 80, 120)):
        yield letters(_Recurrent(nn.LSTM, width), (batch, length), optim.Adam)
        yield letters(_Recurrent(nn.GRU, width), (batch, length), optim.SGD)
    for count in (4, 2**14, 2**18):
        yield functions(count)
    for rows, layers in ((1, (4, 4)), (1, (600, 200, 12)), (4000, (600, 200, 12))):
        yield inference(nn.Sequential(*linear_layers(layers)), (rows, layers[0]))
    for side, images, channels in ((8, 1, 2), (24, 1, 48), (24, 100, 24)):
        yield inference(_convolutions(channels), (images, 3, side, side))


def regression(model: Any, shape: tuple[int, ...]) -> Callable[[], Any]:
    """Return a step of a network that predicts a number."""
    x, y = from_numpy(drawn(shape)), from_numpy(drawn((shape[0], 1)))
    optimizer = optim.SGD(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()

    return step


def training(model: Any, shape: tuple[int, ...], kind: Any) -> Callable[[], Any]:
    """Return a step of a network that tells classes apart."""
    x = from_numpy(drawn(shape))
    labels = from_numpy(np.zeros(shape[0], np.int64))
    optimizer = kind(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()

    return step


def letters(model: Any, shape: tuple[int, ...], kind: Any) -> Callable[[], Any]:
    """Return a step of a network that guesses the next letter."""
    x = from_numpy(np.arange(shape[0] * shape[1]).reshape(shape) % _LETTERS)
    optimizer = kind(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x).reshape(-1, _LETTERS), x.reshape(-1)).backward()
        optimizer.step()

    return step


def inference(model: Any, shape: tuple[int, ...]) -> Callable[[], Any]:
    """Return a call of a network without a tape."""
    model.eval()
    x = from_numpy(drawn(shape))

    def step() -> None:
        with no_grad():
            model(x)

    return step


def functions(count: int) -> Callable[[], Any]:
    """Return a step that takes so many numbers through the usual functions, and back."""
    x = from_numpy(drawn((count,))).requires_grad_()
    target = from_numpy((drawn((count,)) > 0).astype(np.float32))

    def step() -> None:
        x.grad = None
        y = F.dropout(x, 0.5) + randn_like(x)
        for bend in (F.tanh, F.sigmoid, F.gelu, F.softplus, F.elu, F.silu):
            y = bend(y) + x
        y = (y * x - 1) / (y.abs() + 1).sqrt() + (y * 0.01).exp() + (y**2 + 1).log()
        losses = F.binary_cross_entropy_with_logits(y, target) + F.mse_loss(y, target)
        (losses + F.softmax(y, dim=0).max() + y.clamp(-1, 1).sum()).backward()

    return step


def drawn(shape: tuple[int, ...]) -> Any:
    """Return some numbers of the standard normal distribution, float32."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def linear_layers(sizes: Sequence[int]) -> list[Any]:
    """Return linear layers of these sizes with a bend between each two."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers[:-1]


def _convolutions(channels: int) -> Any:
    return nn.Sequential(
        nn.Conv2d(3, channels, 5, padding=2),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(2 * channels, 2 * channels, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * channels, 10),
    )


class _Recurrent(nn.Module):
    """Letters through a layer that remembers, to scores."""

    def __init__(self, kind: Any, width: int) -> None:
        super().__init__()
        self.letter = nn.Embedding(_LETTERS, width)
        self.memory = kind(width, width, batch_first=True)
        self.score = nn.Linear(width, _LETTERS)

    def forward(self, x: Any) -> Any:
        return self.score(self.memory(self.letter(x))[0])


class _Transformer(nn.Module):
    """Letters through a block of attention, to scores."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.letter = nn.Embedding(_LETTERS, width)
        self.block = nn.TransformerEncoderLayer(
            width, 2, 4 * width, dropout=0.0, activation="gelu", batch_first=True
        )
        self.score = nn.Linear(width, _LETTERS)

    def forward(self, x: Any) -> Any:
        return self.score(self.block(self.letter(x)))
