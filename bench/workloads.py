"""What is run: one table of networks with their data, and the arrays that every contender gets.

A workload is a network, rows of data, an optimiser and a number of steps; the same start and the
same batches, as arrays, go to everybody. What is drawn is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from bench.networks import network

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
        sizes: of the network, as its file in `networks` says.
        steps: in a run; for "infer" the calls.
        unit: what the times are told of: "an epoch", "a step".
        units: how many of them are in a run.
        network: a name in `NETWORKS`.
        loss: a name in `losses.py`; all but "mse" take scores.
        optimizer: a name in `OPTIMIZERS`.
        lr: learning rate.
        batch: rows in a step; all of them if `None`.
        activation: "relu" or "tanh", of every layer of an "mlp" but the last.
        bias: whether its layers have one.
        spread: its weights begin between -spread and spread; 1 / sqrt(inputs) if `None`.
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
    network: str = "mlp"
    loss: Literal["mse", "bce", "cross_entropy", "letters", "elbo"] = "cross_entropy"
    optimizer: Literal["sgd", "momentum", "adam", "adamw"] = "sgd"
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
        """Floating-point operations of a run's products, as the network counts them."""
        return float(self.steps * self.rows_a_step * network(self).flops)

    @property
    def moved(self) -> float:
        """Bytes that a run cannot do without: every input once a step, where they exceed a cache.

        What is smaller is taken to stay in the cache from step to step, as are the weights.
        """
        row = 4.0 * network(self).width
        return self.steps * self.rows_a_step * row if self.rows * row > CACHE else 0.0


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
            "convnet",
            "convolutional network 5x5x32, 5x5x64, 128, 10, Adam, batch 64, a step",
            "train",
            "mnist",
            rows=16 * 64,
            sizes=(28, 32, 64, 128, 10),
            steps=16,
            unit="a step",
            units=16,
            network="convnet",
            optimizer="adam",
            lr=1e-3,
            batch=64,
            over_pytorch=1.5,
            over_best=1.5,
        ),
        Workload(
            "transformer",
            "transformer of letters, 4 layers, 128 wide, 64 long, AdamW, batch 12, a step",
            "train",
            "shakespeare",
            rows=16 * 12,
            sizes=(65, 64, 128, 4, 4),
            steps=16,
            unit="a step",
            units=16,
            network="transformer",
            loss="letters",
            optimizer="adamw",
            lr=1e-3,
            batch=12,
            over_pytorch=1.5,
            over_best=1.5,
        ),
        Workload(
            "lstm",
            "LSTM of letters, 128 wide, 64 long, Adam, batch 32, a step",
            "train",
            "shakespeare",
            rows=16 * 32,
            sizes=(65, 64, 128),
            steps=16,
            unit="a step",
            units=16,
            network="lstm",
            loss="letters",
            optimizer="adam",
            lr=1e-3,
            batch=32,
            over_pytorch=1.3,
            over_best=1.3,
        ),
        Workload(
            "resnet",
            "ResNet-18 for 32x32 images, 16 wide, momentum, batch 32, a step",
            "train",
            "mnist",
            rows=16 * 32,
            sizes=(32, 16, 10),
            steps=16,
            unit="a step",
            units=16,
            network="resnet",
            optimizer="momentum",
            # With ten times as much, rounding has become another network after sixteen steps.
            lr=0.001,
            batch=32,
            tolerance=2e-3,
            over_pytorch=1.3,
            over_best=1.2,
        ),
        Workload(
            "vae",
            "variational autoencoder 784-400-20, Adam, batch 128, an epoch of MNIST",
            "train",
            "mnist",
            rows=468 * 128,
            sizes=(784, 400, 20),
            steps=468,
            unit="an epoch",
            network="vae",
            loss="elbo",
            optimizer="adam",
            lr=1e-3,
            batch=128,
            # Everybody draws codes of their own, and the loss falls steeply.
            tolerance=0.04,
            over_pytorch=2,
            over_best=1.3,
        ),
        Workload(
            "gru",
            "GRU over the rows of MNIST's images, 128 wide, Adam, batch 128, a step",
            "train",
            "mnist",
            rows=16 * 128,
            sizes=(28, 28, 128, 10),
            steps=16,
            unit="a step",
            units=16,
            network="gru",
            optimizer="adam",
            lr=1e-3,
            batch=128,
            over_pytorch=1.3,
            over_best=1.3,
        ),
        Workload(
            "convnet-one",
            "inference of the convolutional network, one image",
            "infer",
            "mnist",
            rows=1,
            sizes=(28, 32, 64, 128, 10),
            steps=200,
            unit="a call",
            units=200,
            network="convnet",
            over_pytorch=1.3,
            over_best=1.1,
        ),
        Workload(
            "convnet-many",
            "inference of the convolutional network, 1,000 images",
            "infer",
            "mnist",
            rows=1000,
            sizes=(28, 32, 64, 128, 10),
            steps=5,
            unit="a call",
            units=5,
            network="convnet",
            over_pytorch=1.3,
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
        x: inputs (rows, ...): float32, or letters by number, int64.
        y: labels (rows,) or the next letters (rows, length), int64, for cross-entropy; otherwise
            targets (rows, out), float32.
        order: which rows are in which step's batch, (steps, batch); empty for full batches.
        weights: what the network begins with, by name.
    """

    x: Array
    y: Array
    order: Array
    weights: dict[str, Array]

    @property
    def matrices(self) -> list[Array]:
        """The weights of a chain of linear layers, (out, in) each."""
        return [array for name, array in self.weights.items() if name.endswith("weight")]

    @property
    def biases(self) -> list[Array]:
        """The biases of such a chain, (out,) each; none for a network without."""
        return [array for name, array in self.weights.items() if name.endswith("bias")]


Row = tuple[int, ...]


def _rectangles(rows: int, row: Row) -> tuple[Array, Array]:
    from chainrule import data

    found = data.rectangles(rows, seed=1)
    return found.x, found.y[:, None]


def _moons(rows: int, row: Row) -> tuple[Array, Array]:
    from chainrule import data

    found = data.moons(rows, seed=1)
    return found.x, found.y[:, None].astype(np.float32)


def _mnist(rows: int, row: Row) -> tuple[Array, Array]:
    from chainrule import data

    return _images(data.mnist(), rows, row)


def _digits(rows: int, row: Row) -> tuple[Array, Array]:
    from chainrule import data

    return _images(data.digits(), rows, row)


def _images(found: Any, rows: int, row: Row) -> tuple[Array, Array]:
    """Images as the network takes them: with a border, or in several channels, if need be."""
    side = found.x.shape[-1]
    x = found.x[:rows].reshape(rows, side, side) / np.float32(found.levels)
    if len(row) > 1:
        more = row[-1] - side
        x = np.pad(x, ((0, 0), *[(more // 2, more - more // 2)] * 2))
    if len(row) == 3:
        x = np.repeat(x[:, None], row[0], axis=1)
    return x.astype(np.float32).reshape(rows, *row), found.y[:rows].astype(np.int64)


def _shakespeare(rows: int, row: Row) -> tuple[Array, Array]:
    return _stretches("shakespeare", rows, *row)


def _sonnets(rows: int, row: Row) -> tuple[Array, Array]:
    return _stretches("sonnets", rows, *row)


def _stretches(name: str, rows: int, length: int) -> tuple[Array, Array]:
    """Stretches of a text from places drawn at random, and for each letter the next."""
    from chainrule import data

    codes = np.unique(list(data.text(name)), return_inverse=True)[1]
    places = np.random.default_rng(SEED).integers(0, len(codes) - length, rows)
    stretches = codes[places[:, None] + np.arange(length + 1)].astype(np.int64)
    return np.ascontiguousarray(stretches[:, :-1]), np.ascontiguousarray(stretches[:, 1:])


SOURCES: dict[str, Callable[[int, Row], tuple[Array, Array]]] = {
    "rectangles": _rectangles,
    "moons": _moons,
    "digits": _digits,
    "mnist": _mnist,
    "sonnets": _sonnets,
    "shakespeare": _shakespeare,
}


def load(workload: Workload) -> Data:
    """Return the arrays of a workload, the same at every call."""
    described = network(workload)
    x, y = SOURCES[workload.data](workload.rows, described.row)
    order = np.empty((workload.steps, 0), dtype=np.int64)
    if workload.batch:
        order = _shuffled(workload.rows).reshape(workload.steps, workload.batch)
    return Data(x, y, order, described.first(SEED))


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
    for name in ("x", "y", "order"):
        np.save(folder / f"{name}.npy", getattr(data, name))
    weights: dict[str, Any] = dict(data.weights)
    np.savez(folder / "weights.npz", **weights)


def open_saved(folder: Path) -> Data:
    """Return what `save` wrote: mapped, so that all processes look at one copy of large arrays."""

    def read(name: str) -> Array:
        # Copied when written to: some libraries take no array that they may not write to.
        return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c"))

    with np.load(folder / "weights.npz") as weights:
        return Data(read("x"), read("y"), read("order"), dict(weights))
