"""How long operations take here, found by watching small networks train (floor 4).

Each network takes a few steps, once tiny, which shows what a call costs as such, and once or twice
at a size at which it computes. What is kept is, for each operation and phase, a handful of calls
with their work and the least time that they took.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from chainrule import nn, ops, optim
from chainrule.autograd import from_numpy, no_grad
from chainrule.autograd.generator import default_generator
from chainrule.explain.trace import Call, trace
from chainrule.nn import functional as F

__all__ = [
    "calibrated",
    "drawn",
    "linear_layers",
    "own_random_numbers",
    "phase_in",
    "work_of",
]

# Floating-point operations, bytes, numbers given, bytes of the whole step, seconds.
Timed: TypeAlias = tuple[float, ...]

# Steps of each network, of which the least time of every call counts: as many as fit into so many
# seconds, but not less than the first nor more than the second number.
SPENT, FEWEST, MOST = 0.05, 4, 30
KEPT = 16  # calls of an operation in a phase


def work_of(call: Call) -> tuple[float, float]:
    """Floating-point operations of a call, and the bytes that it moves."""
    cost = call.cost
    # A view that could not be one has been copied.
    moved = 2 * call.made if call.op.kind == "view" else cost.moved * call.dtype.itemsize
    return float(cost.flops), float(moved)


def phase_in(calls: Sequence[Call]) -> Callable[[Call], str]:
    """Return how to name the phase of a call: forward without a way back is "inference"."""
    trains = any(call.phase != "forward" for call in calls)
    return lambda call: call.phase if trains else "inference"


def calibrated() -> dict[str, list[Timed]]:
    """Time the calls of small networks; that takes about two seconds.

    Returns:
        By operation and phase, as "exp forward", calls: floating-point operations, bytes, numbers
        given, bytes of the whole step, seconds.
    """
    found: dict[str, list[Timed]] = {}
    with own_random_numbers():
        for step in _shown([*networks()]):
            _add(found, step)
    return {key: _chosen(each) for key, each in found.items()}


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Let weights be drawn inside as if from a seed, and leave the default generator as it was."""
    state = default_generator.get_state()
    default_generator.set_state(ops.new_state(0))
    try:
        yield
    finally:
        default_generator.set_state(state)


def _shown(steps: Sequence[Any]) -> Iterator[Any]:
    """Go through steps, with a bar where a person waits."""
    from rich.progress import track

    yield from track(steps, "measuring this machine", transient=True)


def _add(found: dict[str, list[Timed]], step: Callable[[], Any]) -> None:
    """Take a step some times, and add its calls, each with the least that it took."""
    step()
    plain = _clocked(step)
    runs = int(np.clip(SPENT / 2 / plain, FEWEST, MOST))
    plain = min(_clocked(step) for _ in range(runs))
    traces = [trace(step) for _ in range(runs)]
    calls = traces[0].calls
    least = np.min([[call.seconds for call in each.calls] for each in traces], axis=0)
    # Watching takes time too: what a call takes longer by it.
    watched = max(0.0, float(least.sum()) - plain) / len(calls)
    phase, step_moved = phase_in(calls), sum(work_of(call)[1] for call in calls)
    for call, seconds in zip(calls, least):
        spent = max(float(seconds) - watched, 0.2 * float(seconds))
        load = (*work_of(call), float(math.prod(call.out)), step_moved)
        found.setdefault(f"{call.op.name} {phase(call)}", []).append((*load, spent))


def _clocked(step: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def _chosen(samples: list[Timed]) -> list[Timed]:
    """Of the calls that are alike the one in the middle, some sizes in all."""
    by_load: dict[tuple[float, ...], list[float]] = {}
    for *load, seconds in samples:
        by_load.setdefault(tuple(load), []).append(seconds)
    alike = [(*load, float(np.median(each))) for load, each in sorted(by_load.items())]
    picked = np.unique(np.linspace(0, len(alike) - 1, KEPT).round().astype(int))
    return [alike[i] for i in picked]


# --- the networks -------------------------------------------------------------------------------


def networks() -> Iterator[Callable[[], Any]]:
    """Yield steps of training and inference, tiny ones first."""
    for rows, sizes in ((4, (4, 4, 4)), (96, (600, 256, 200, 12)), (16000, (500, 12, 12))):
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
    for side, images, channels in ((8, 1, 2), (24, 1, 24), (24, 100, 24)):
        yield inference(_convolutions(channels), (images, 3, side, side))


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
        y = F.dropout(x, 0.5)
        for bend in (F.tanh, F.sigmoid, F.gelu, F.softplus, F.elu, F.silu):
            y = bend(y) + x
        y = (y * x - 1) / (y.abs() + 1).sqrt() + (y * 0.01).exp() + (y**2 + 1).log()
        losses = F.binary_cross_entropy_with_logits(y, target) + F.mse_loss(y, target)
        (losses + F.softmax(y, dim=0).max() + y.clamp(-1, 1).sum()).backward()

    return step


_LETTERS = 60


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
