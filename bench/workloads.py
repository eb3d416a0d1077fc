"""What is run: one table of networks with their data, and the arrays that every contender gets.

A workload is a network, rows of data, an optimiser and a number of steps; the same start and the
same batches, as arrays, go to everybody. What is drawn is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Workload:
    """A network and what is done with it.

    Attributes:
        name: on the command line.
        title: in tables.
        task: "train" on arrays, "infer", or "scalars": train one number at a time.
        data: a name in `SOURCES`.
        rows: of the data.
        sizes: inputs, units of each layer, outputs.
        steps: in a run; for "infer" the calls.
        unit: what the times are told of: "an epoch", "a step".
        units: how many of them are in a run.
        loss: "mse", "bce" of scores, or "cross_entropy" of scores.
        optimizer: "sgd" or "adam".
        lr: learning rate.
        batch: rows in a step; all of them if `None`.
        activation: "relu" or "tanh", of every layer but the last.
        bias: whether layers have one.
        spread: weights begin between -spread and spread; 1 / sqrt(inputs) if `None`.
        tolerance: by what share losses may differ: float32's rounding, and what training makes
            of it.
        over_pytorch: how many times as fast as PyTorch eager we want to be.
        over_best: how many times as fast as the best peer.
    """

    name: str
    title: str
    task: Literal["train", "infer", "scalars"]
    data: str
    rows: int
    sizes: tuple[int, ...]
    steps: int
    unit: str
    units: float = 1
    loss: Literal["mse", "bce", "cross_entropy"] = "cross_entropy"
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: float = 0.1
    batch: int | None = None
    activation: Literal["relu", "tanh"] = "relu"
    bias: bool = True
    spread: float | None = None
    tolerance: float = 1e-3
    over_pytorch: float | None = None
    over_best: float | None = None

    @property
    def rows_a_step(self) -> int:
        """How many rows go through the network in a step."""
        return self.batch or self.rows

    @property
    def flops(self) -> float:
        """Floating-point operations of a run's matrix products.

        2 rows in out for the forward product of a layer, as much again for the gradient of its
        weights and, but for the first layer, for that of its inputs.
        """
        layers = [2 * a * b for a, b in pairwise(self.sizes)]
        passes = sum(layers) if self.task == "infer" else 3 * sum(layers) - layers[0]
        return float(self.steps * self.rows_a_step * passes)

    @property
    def moved(self) -> float:
        """Bytes that a run cannot do without: every input once a step, where they exceed a cache.

        What is smaller is taken to stay in the cache from step to step, as are the weights.
        """
        inputs = 4.0 * self.rows * self.sizes[0]
        read = 4.0 * self.steps * self.rows_a_step * self.sizes[0]
        return read if inputs > CACHE else 0.0


CACHE = 16 * 2**20
SEED = 0  # of weights and of the order of rows

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "rectangles",
            "average of rectangles, 1,000 rows, full batch, 300 epochs",
            "train",
            "rectangles",
            rows=1000,
            sizes=(4, 1),
            steps=300,
            unit="300 epochs",
            loss="mse",
            bias=False,
            spread=1.0,
            # The loss has gone from 0.4 to 2e-6, where a rounding in the weights is much of it.
            tolerance=0.02,
            over_pytorch=100,
            over_best=4,
        ),
        Workload(
            "moons",
            "two moons, 2-16-16-1, Adam, full batch of 100, a step",
            "train",
            "moons",
            rows=100,
            sizes=(2, 16, 16, 1),
            steps=200,
            unit="a step",
            units=200,
            loss="bce",
            optimizer="adam",
            lr=0.01,
            activation="tanh",
            over_pytorch=40,
            over_best=5,
        ),
        Workload(
            "digits-full",
            "MNIST 784-10-10, 41,000 rows, full batch, 100 steps",
            "train",
            "mnist",
            rows=41_000,
            sizes=(784, 10, 10),
            steps=100,
            unit="100 steps",
            spread=0.5,
            over_pytorch=4,
            over_best=4,
        ),
        Workload(
            "digits",
            "MNIST 784-128-10, Adam, batch 64, an epoch",
            "train",
            "mnist",
            rows=937 * 64,
            sizes=(784, 128, 10),
            steps=937,
            unit="an epoch",
            optimizer="adam",
            lr=1e-3,
            batch=64,
            tolerance=0.03,
            over_pytorch=4,
            over_best=1.5,
        ),
        Workload(
            "digits-wide",
            "MNIST 784-512-512-10, Adam, batch 128, an epoch",
            "train",
            "mnist",
            rows=468 * 128,
            sizes=(784, 512, 512, 10),
            steps=468,
            unit="an epoch",
            optimizer="adam",
            lr=1e-3,
            batch=128,
            tolerance=0.1,
            over_pytorch=1.4,
            over_best=1.15,
        ),
        Workload(
            "infer-one",
            "inference 784-128-10, one row",
            "infer",
            "mnist",
            rows=1,
            sizes=(784, 128, 10),
            steps=2000,
            unit="a call",
            units=2000,
            over_pytorch=4,
            over_best=1.3,
        ),
        Workload(
            "infer-many",
            "inference 784-128-10, 10,000 rows",
            "infer",
            "mnist",
            rows=10_000,
            sizes=(784, 128, 10),
            steps=10,
            unit="a call",
            units=10,
            over_pytorch=1.2,
            over_best=1.1,
        ),
        Workload(
            "scalars",
            "scalars: two moons, MLP(2, [16, 16, 1]), 100 points, a step",
            "scalars",
            "moons",
            rows=100,
            sizes=(2, 16, 16, 1),
            steps=3,
            unit="a step",
            units=3,
            loss="mse",
            lr=0.05,
        ),
    )
}


class Data(NamedTuple):
    """The arrays of a workload.

    Attributes:
        x: inputs (rows, in), float32.
        y: labels (rows,), int64, for cross-entropy; otherwise targets (rows, out), float32.
        order: which rows are in which step's batch, (steps, batch); empty for full batches.
        weights: of each layer (out, in), float32.
        biases: of each layer (out,), float32; none for a network without.
    """

    x: Array
    y: Array
    order: Array
    weights: list[Array]
    biases: list[Array]


def _rectangles(rows: int) -> tuple[Array, Array]:
    from chainrule import data

    found = data.rectangles(rows, seed=1)
    return found.x, found.y[:, None]


def _moons(rows: int) -> tuple[Array, Array]:
    from chainrule import data

    found = data.moons(rows, seed=1)
    return found.x, found.y[:, None].astype(np.float32)


def _mnist(rows: int) -> tuple[Array, Array]:
    from chainrule import data

    return _images(data.mnist(), rows)


def _digits(rows: int) -> tuple[Array, Array]:
    from chainrule import data

    return _images(data.digits(), rows)


def _images(found: Any, rows: int) -> tuple[Array, Array]:
    x = found.x[:rows].reshape(rows, -1) / np.float32(found.levels)
    return x.astype(np.float32), found.y[:rows].astype(np.int64)


SOURCES: dict[str, Callable[[int], tuple[Array, Array]]] = {
    "rectangles": _rectangles,
    "moons": _moons,
    "digits": _digits,
    "mnist": _mnist,
}


def load(workload: Workload) -> Data:
    """Return the arrays of a workload, the same at every call."""
    rng = np.random.default_rng(SEED)
    x, y = SOURCES[workload.data](workload.rows)
    order = np.empty((workload.steps, 0), dtype=np.int64)
    if workload.batch:
        order = _shuffled(workload.rows).reshape(workload.steps, workload.batch)
    weights, biases = [], []
    for inputs, outputs in pairwise(workload.sizes):
        reach = workload.spread or inputs**-0.5
        weights.append(rng.uniform(-reach, reach, (outputs, inputs)).astype(np.float32))
        if workload.bias:
            biases.append(rng.uniform(-reach, reach, outputs).astype(np.float32))
    return Data(x, y, order, weights, biases)


def _shuffled(rows: int) -> Array:
    """The order in which `fit` takes rows when its generator is at the seed."""
    import chainrule as cr

    order: Array = cr.randperm(rows, generator=cr.Generator().manual_seed(SEED)).numpy()
    return order


def shortened(workload: Workload, share: float) -> Workload:
    """Return a workload of so large a share of the steps, its times still told of the whole."""
    steps = max(1, round(workload.steps * share))
    return replace(
        workload,
        steps=steps,
        rows=steps * workload.batch if workload.batch else workload.rows,
        units=workload.units * steps / workload.steps,
    )


def save(data: Data, folder: Path) -> None:
    """Write the arrays into a folder, for processes to share."""
    for name, array in _named(data).items():
        np.save(folder / f"{name}.npy", array)


def open_saved(folder: Path) -> Data:
    """Return what `save` wrote: mapped, so that all processes look at one copy of large arrays."""

    def read(name: str) -> Array:
        # Copied when written to: some libraries take no array that they may not write to.
        mode: Literal["c"] | None = "c" if name in ("x", "y", "order") else None
        return np.asarray(np.load(folder / f"{name}.npy", mmap_mode=mode))

    def several(kind: str) -> list[Array]:
        return [read(f"{kind}{i}") for i in range(len(list(folder.glob(f"{kind}*.npy"))))]

    return Data(read("x"), read("y"), read("order"), several("weight"), several("bias"))


def _named(data: Data) -> dict[str, Array]:
    named = {"x": data.x, "y": data.y, "order": data.order}
    named |= {f"weight{i}": w for i, w in enumerate(data.weights)}
    return named | {f"bias{i}": b for i, b in enumerate(data.biases)}
