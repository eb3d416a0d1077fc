"""Faults planted in training runs, as a list: what a doctor says of each, and how it is mended.

Tests go through the list, and a page of the site shows it.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.autograd.clip import clip_grad_norm_
from chainrule.data import DataLoader, TensorDataset, digits, moons, xor
from chainrule.train import BestWeights, fit


def some_moons(rows=400, seed=0):
    examples = moons(rows, seed=seed)
    return examples.x, examples.y


def some_digits():
    examples = digits()
    return (examples.x.reshape(len(examples.x), -1) / 16).astype(np.float32), examples.y


def some_xor():
    examples = xor(400)
    return examples.x, examples.y


def coins(rows=60, seed=0):
    """Labels that have nothing to do with the numbers: what is learned of them is by heart."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 6)).astype(np.float32), rng.integers(0, 2, rows)


def network(inputs=2, hidden=32, outputs=2, seed=0):
    g = Generator(seed)
    return nn.Sequential(
        nn.Linear(inputs, hidden, generator=g), nn.ReLU(), nn.Linear(hidden, outputs, generator=g)
    )


def plain(inputs=2, outputs=2, seed=0):
    return nn.Linear(inputs, outputs, generator=Generator(seed))


def normed(seed=0):
    g = Generator(seed)
    return nn.Sequential(
        nn.Linear(2, 16, generator=g),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Linear(16, 2, generator=g),
    )


def stepping(most=math.inf):
    """A person's own step of plain descent, its gradients no longer than `most`."""

    def step(run, x, y):
        run.optimizer.zero_grad()
        outputs = run.model(x)
        loss = run.loss(outputs, y)
        value = run.finite(loss.item())
        loss.backward()
        clip_grad_norm_(run.model.parameters(), most)
        run.optimizer.step()
        return value, outputs.detach().array

    return step


def watched(model, data, **options):
    options = {"epochs": 40, "generator": Generator(1), **options}
    return fit(model, data, doctor=True, progress=False, **options).findings


@dataclass
class Fault:
    """What is planted, what is to be found, and what following the advice makes of it.

    Attributes:
        what: is planted, in words.
        check: that has to find it,
        said: a part of its evidence,
        advice: and of its advice.
        model: makes the network.
        data: makes what it is trained on.
        options: of `fit`.
        better: makes of the finding the options that its advice says.
        better_model: likewise the network,
        better_data: and the data, where the advice is about those.
    """

    what: str
    check: str
    said: str
    advice: str
    model: Any
    data: Any
    options: dict[str, Any] = field(default_factory=dict)
    better: Any = lambda finding: {}
    better_model: Any = None
    better_data: Any = None

    def findings(self):
        return watched(self.model(), self.data(), **copy.deepcopy(self.options))

    def findings_after(self, finding):
        model, data = self.better_model or self.model, self.better_data or self.data
        options = {**copy.deepcopy(self.options), **self.better(finding)}
        return watched(model(), data(), **options)


def lower(finding):
    return {"lr": finding.figures["better"]}


PLANTED = [
    Fault(
        "Adam at a rate of 3",
        "learning rate too high",
        "in a range test from the same start it falls up to a rate of",
        "use lr=",
        network,
        some_moons,
        {"lr": 3.0},
        lower,
    ),
    Fault(
        "plain descent at a rate of 5, on digits",
        "learning rate too high",
        "and this was 5",
        "use lr=",
        lambda: network(64, 32, 10),
        some_digits,
        {"lr": 5.0, "optimizer": "sgd", "epochs": 10},
        lower,
    ),
    Fault(
        "Adam at a rate of a millionth",
        "learning rate too low",
        "this was 1e-06",
        "use lr=",
        network,
        some_moons,
        {"lr": 1e-6},
        lower,
    ),
    Fault(
        "a plane for the exclusive or",
        "plateau",
        "steps the loss stands at 0.69",
        "a hidden layer more",
        plain,
        some_xor,
        {"lr": 0.01},
        better_model=network,
    ),
    Fault(
        "labels by the toss of a coin, learned by heart",
        "overfitting",
        "the validation loss was least in epoch",
        "callbacks=[BestWeights()]",
        lambda: network(6, 64),
        coins,
        {"lr": 0.003, "validation": coins(200, seed=1), "epochs": 40},
        lambda finding: {"callbacks": [BestWeights()]},
    ),
    Fault(
        "the same, and the best weights kept",
        "overfitting",
        "; the weights of that epoch are kept",
        "or a smaller network",
        lambda: network(6, 64),
        coins,
        {"lr": 0.01, "validation": coins(200, seed=1), "callbacks": [BestWeights()]},
        lambda finding: {"callbacks": [BestWeights()]},
        better_model=lambda: plain(6),
    ),
    Fault(
        "a step of one's own at a rate of 10",
        "loss explodes",
        "and it began at",
        "max_grad_norm=1.0",
        lambda: network(64, 32, 10),
        some_digits,
        {"step": stepping(), "optimizer": "sgd", "lr": 10.0, "epochs": 3},
        lambda finding: {"step": stepping(1.0)},
    ),
    Fault(
        "a step of one's own at a rate of 3",
        "units died",
        "units give 0 for every row looked at; at the start",
        "use a lower learning rate: lr=0.3",
        network,
        some_moons,
        {"step": stepping(), "lr": 3.0},
        lambda finding: {"lr": 0.3},
    ),
    Fault(
        "386 rows in batches of 64, and batch norm",
        "batch norm of a few rows",
        "386 rows in batches of 64 leave a last batch of 2",
        "drop_last=True",
        normed,
        lambda: some_moons(386),
        {"lr": 0.01},
        better_data=lambda: DataLoader(
            TensorDataset(*some_moons(386)), 64, shuffle=True, drop_last=True
        ),
    ),
]
