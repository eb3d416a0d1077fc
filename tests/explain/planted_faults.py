"""Planted faults: sick networks and data, what the doctor is to find, and what mends them.

A row is a generator. It yields what the doctor is given, the fault planted; then it is sent the
names as they are after the advice was followed, its code carried out where it is code. What the
advice says in words the row does itself, and what a smaller table needs a new network for. Then it
yields again.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import DataLoader, TensorDataset
from chainrule.explain import Diagnosis, doctor
from chainrule.nn import functional as F

__all__ = ["FAULTS", "NAMES", "examined", "followed", "mended", "source"]

Names = dict[str, Any]
Plant = Callable[[], Generator[Names, Names, None]]

# What advice may name besides the parts of the case.
NAMES: Names = {"cr": cr, "nn": nn, "np": np, "optim": optim, "DataLoader": DataLoader}

FAULTS: dict[str, list[Plant]] = {}


def finds(check: str) -> Callable[[Plant], Plant]:
    """Enter a row: the check by which its fault is to be found."""

    def entered(plant: Plant) -> Plant:
        FAULTS.setdefault(check, []).append(plant)
        return plant

    return entered


def followed(advice: str, names: Names) -> Names:
    """The names after the code in the advice, if it has any, was carried out."""
    code = advice.partition(": ")[2]
    known = {**NAMES, **names}
    exec(code, known)  # advice of this library, which says that it can be followed
    parts = (*names, "data", "loss", "optimizer", "validation")
    return {name: known[name] for name in parts if name in known}


def examined(names: Names) -> Diagnosis:
    """What the doctor finds in such a case."""
    options = ("loss", "optimizer", "validation", "step")
    data = names["data"] if "data" in names else (names["x"], names["y"])
    given = {name: names[name] for name in options if name in names}
    return doctor(names["model"], data, **given)


def mended(planting: Generator[Names, Names, None], names: Names, found: Diagnosis) -> Names:
    """The case after the advice on the worst finding was followed."""
    advice = found[0].advice
    names = followed(advice, names) if ": " in advice else names
    try:
        return planting.send(names)
    except StopIteration:  # the code in the advice was all there was to do
        return names


def source(plant: Plant) -> str:
    """The planting of the fault as a person reads it: the body to the first yield."""
    body = inspect.getsource(plant).partition(":\n")[2]
    planted, _, rest = re.sub(r"(names = )?yield", "case =", body).partition("case =")
    return inspect.cleandoc(f"{planted}case ={rest.partition('case =')[0]}")


# --- healthy parts ------------------------------------------------------------------------------


def table(n=300, columns=4):
    """Rows of two classes, the border a curve."""
    x = np.random.default_rng(1).normal(size=(n, columns)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(np.int64)


def numbers(n=300):
    """Rows with a number each."""
    x, _ = table(n)
    return x, (x[:, :1] - 0.5 * x[:, 1:2] ** 2)


def images(n=256):
    """Images of a bright left or a bright right half."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, n)
    x = rng.normal(0, 0.3, (n, 1, 8, 8)).astype(np.float32)
    x[y == 0, :, :, :4] += 0.5
    x[y == 1, :, :, 4:] += 0.5
    return x, y


def mlp(columns=4, outputs=2, activation=nn.ReLU, width=16):
    """Two hidden layers."""
    cr.manual_seed(0)
    return nn.Sequential(
        nn.Linear(columns, width),
        activation(),
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, outputs),
    )


def deep(activation, weight, depth=8):
    """Many layers, the weights drawn with a given deviation."""
    cr.manual_seed(0)
    layers = [nn.Linear(4, 16), activation()]
    for _ in range(depth):
        layers += [nn.Linear(16, 16), activation()]
    model = nn.Sequential(*layers, nn.Linear(16, 2))
    for p in model.parameters() if weight else ():
        if p.ndim > 1:
            nn.init.normal_(p, 0.0, weight)
    return model


# --- the data -----------------------------------------------------------------------------------


@finds("inputs unscaled")
def a_column_of_incomes():
    x, y = table()
    x[:, 3] = 125_000 + 40_000 * x[:, 3]
    yield {"model": mlp(), "x": x, "y": y}


@finds("inputs unscaled")
def pixels_up_to_255():
    x, y = images()
    x = np.clip(128 + 100 * x, 0, 255)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    yield {"model": model, "x": x, "y": y}


@finds("inputs unscaled")
def numbers_next_to_nothing():
    x, y = table()
    x *= 1e-5
    yield {"model": mlp(), "x": x, "y": y}


@finds("inputs constant")
def a_column_that_never_changes():
    x, y = table()
    x[:, 2] = 7.0
    names = yield {"model": mlp(), "x": x, "y": y}
    yield {**names, "model": mlp(3)}


@finds("inputs constant")
def the_same_row_every_time():
    x, y = table()
    x[:] = x[0]
    names = yield {"model": mlp(), "x": x, "y": y}
    yield {**names, "x": table()[0]}


@finds("NaN in the data")
def a_missing_number():
    x, y = table()
    x[17, 2] = np.nan
    yield {"model": mlp(), "x": x, "y": y}


@finds("NaN in the data")
def an_infinite_target():
    x, y = numbers()
    y[5] = np.inf
    yield {"model": mlp(outputs=1), "x": x, "y": y}


@finds("integer inputs")
def bytes_of_images():
    x, y = images()
    x = np.clip(128 + 100 * x, 0, 255).astype(np.uint8)
    model = nn.Sequential(nn.Flatten(), mlp(64))
    yield {"model": model, "x": x, "y": y}


@finds("a column gives the answer away")
def the_label_as_a_column():
    x, y = table()
    x[:, 3] = y + np.random.default_rng(0).normal(0, 0.01, len(y))
    names = yield {"model": mlp(), "x": x, "y": y}
    yield {**names, "model": mlp(3)}


@finds("a column gives the answer away")
def a_pixel_that_knows():
    x, y = images()
    x[:, 0, 7, 7] = y
    model = nn.Sequential(nn.Flatten(), mlp(64))
    yield {"model": model, "x": x, "y": y}


@finds("a column gives the answer away")
def the_target_in_other_units():
    x, y = numbers()
    x[:, 2] = 0.3 * y[:, 0]
    names = yield {"model": mlp(outputs=1), "x": x, "y": y}
    yield {**names, "model": mlp(3, outputs=1)}


@finds("rows in both splits")
def validation_cut_from_the_training_data():
    x, y = table()
    yield {"model": mlp(), "x": x, "y": y, "validation": (x[:60], y[:60])}


@finds("rows in both splits")
def rows_twice_before_the_split():
    x, y = (np.concatenate([a, a]) for a in table())
    order = np.random.default_rng(3).permutation(len(x))
    held_out = order[:100]
    yield {"model": mlp(), "x": x, "y": y, "validation": (x[held_out], y[held_out])}


@finds("targets all alike")
def rows_sorted_by_class_and_cut():
    x, y = table()
    order = np.argsort(y, kind="stable")
    names = yield {"model": mlp(), "x": x[order][:100], "y": y[order][:100]}
    yield {**names, "x": x, "y": y}


@finds("targets all alike")
def one_number_for_all():
    x, y = numbers()
    names = yield {"model": mlp(outputs=1), "x": x, "y": np.full_like(y, 2.5)}
    yield {**names, "y": y}


@finds("rows in the order of their class")
def sorted_and_never_shuffled():
    x, y = table()
    order = np.argsort(y, kind="stable")
    dataset = TensorDataset(x[order], y[order])
    yield {"model": mlp(), "data": DataLoader(dataset, batch_size=32), "dataset": dataset}


@finds("classes out of balance")
def one_in_fifty():
    x, y = table(1000)
    y = (x[:, 0] > 2.05).astype(np.int64)
    yield {"model": mlp(), "x": x, "y": y}


@finds("targets unscaled")
def prices_of_houses():
    x, y = numbers()
    y = 300_000 + 80_000 * y
    yield {"model": mlp(outputs=1), "x": x, "y": y}


# --- the network --------------------------------------------------------------------------------


@finds("does not run")
def layers_that_do_not_fit():
    x, y = table()
    names = yield {"model": mlp(columns=5), "x": x, "y": y}
    yield {**names, "model": mlp(columns=4)}


@finds("softmax before the loss")
def softmax_and_cross_entropy():
    x, y = table()
    model = nn.Sequential(*mlp(), nn.Softmax(dim=1))
    yield {"model": model, "x": x, "y": y}


@finds("softmax before the loss")
def softmax_and_a_cross_entropy_by_hand():
    x, y = table()
    model = nn.Sequential(*mlp(), nn.Softmax(dim=1))

    def loss(outputs, targets):
        return -F.log_softmax(outputs, dim=1)[cr.arange(len(targets)), targets].mean()

    yield {"model": model, "x": x, "y": y, "loss": loss}


@finds("softmax before the loss")
def sigmoid_and_bce_with_logits():
    x, y = table()
    model = nn.Sequential(*mlp(outputs=1), nn.Sigmoid())
    yield {"model": model, "x": x, "y": y[:, None].astype(np.float32), "loss": "bce_with_logits"}


@finds("loss far from guessing")
def a_last_layer_that_is_sure():
    x, y = table()
    model = mlp()
    with cr.no_grad():
        model[4].weight.mul_(100)
    yield {"model": model, "x": x, "y": y}


@finds("loss far from guessing")
def a_last_layer_that_is_wild():
    x, y = numbers()
    model = mlp(outputs=1)
    with cr.no_grad():
        model[4].weight.mul_(100)
    yield {"model": model, "x": x, "y": y}


@finds("dead ReLUs")
def biases_far_below_0():
    x, y = table()
    model = mlp()
    with cr.no_grad():
        model[2].bias.fill_(-10)
    yield {"model": model, "x": x, "y": y}


@finds("saturated units")
def tanh_against_its_walls():
    x, y = table()
    model = mlp(activation=nn.Tanh)
    with cr.no_grad():
        model[0].weight.mul_(100)
    yield {"model": model, "x": x, "y": y}


@finds("wrong mode")
def left_in_eval_mode():
    x, y = table()
    model = nn.Sequential(mlp(), nn.Dropout(0.5), nn.BatchNorm1d(2)).eval()
    yield {"model": model, "x": x, "y": y, "optimizer": optim.Adam(model.parameters())}


@finds("nothing to learn")
def everything_frozen():
    x, y = table()
    yield {"model": mlp().requires_grad_(False), "x": x, "y": y}


class Unused(nn.Module):
    """A network with a layer that its forward leaves out, or not."""

    def __init__(self, used):
        super().__init__()
        cr.manual_seed(0)
        self.first, self.between, self.last = nn.Linear(4, 16), nn.Linear(16, 16), nn.Linear(16, 2)
        self.used = used

    def forward(self, x):
        x = self.first(x).relu()
        if self.used:
            x = self.between(x).relu()
        return self.last(x)


@finds("no gradient arrives")
def a_layer_that_is_not_called():
    x, y = table()
    names = yield {"model": Unused(used=False), "x": x, "y": y}
    yield {**names, "model": Unused(used=True)}


@finds("not in the optimiser")
def only_the_last_layer_is_given():
    x, y = table()
    model = mlp()
    optimizer = optim.SGD(model[4].parameters(), lr=0.1)
    yield {"model": model, "x": x, "y": y, "optimizer": optimizer}


@finds("another model's optimiser")
def an_optimiser_made_before_the_model():
    x, y = table()
    optimizer = optim.SGD(mlp().parameters(), lr=0.1)
    yield {"model": mlp(), "x": x, "y": y, "optimizer": optimizer}


@finds("frozen in the optimiser")
def a_frozen_weight():
    x, y = table()
    model = mlp()
    model[0].weight.requires_grad_(False)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    yield {"model": model, "x": x, "y": y, "optimizer": optimizer}


@finds("batch norm of one row")
def a_last_batch_of_one():
    x, y = table(257)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    dataset = TensorDataset(x, y)
    data = DataLoader(dataset, batch_size=64, shuffle=True)
    yield {"model": model, "data": data, "dataset": dataset}


@finds("batch norm of one row")
def batches_of_one():
    x, y = table()
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    dataset = TensorDataset(x, y)
    data = DataLoader(dataset, batch_size=1, shuffle=True)
    yield {"model": model, "data": data, "dataset": dataset}


# --- the steps ----------------------------------------------------------------------------------


@finds("gradients vanish")
def eight_sigmoids():
    x, y = table()
    names = yield {"model": deep(nn.Sigmoid, weight=None), "x": x, "y": y}
    yield {**names, "model": deep(nn.Tanh, weight=0.25)}


@finds("gradients vanish")
def weights_too_small():
    x, y = table()
    yield {"model": deep(nn.ReLU, weight=0.01), "x": x, "y": y}


class Sine(nn.Module):
    """Bounded on the way forward, and steep where its weights are large."""

    def forward(self, x):
        return x.sin()


@finds("gradients explode")
def steep_sines():
    x, y = table()
    model = deep(Sine, weight=3.0)
    nn.init.normal_(model[18].weight, 0.0, 0.1)
    yield {"model": model, "x": x, "y": y}


@finds("updates of the wrong size")
def a_learning_rate_of_10():
    x, y = table()
    model = mlp()
    yield {"model": model, "x": x, "y": y, "optimizer": optim.Adam(model.parameters(), lr=10.0)}


@finds("updates of the wrong size")
def a_learning_rate_that_no_number_outlives():
    x, y = table()
    model = mlp()
    yield {"model": model, "x": x, "y": y, "optimizer": optim.SGD(model.parameters(), lr=1e9)}


@finds("updates of the wrong size")
def a_learning_rate_of_next_to_nothing():
    x, y = table()
    model = mlp()
    yield {"model": model, "x": x, "y": y, "optimizer": optim.SGD(model.parameters(), lr=1e-9)}


class Absent(nn.Module):
    """A network whose last layer sees nothing of the rows but their mean, or all."""

    def __init__(self, minded):
        super().__init__()
        self.layers, self.scale = mlp(), nn.Linear(2, 2)
        self.minded = minded

    def forward(self, x):
        y = self.layers(x)
        return self.scale(y if self.minded else y * 0.0 + y.detach().mean())


@finds("cannot learn one batch")
def scores_that_lose_the_rows():
    x, y = table()
    names = yield {"model": Absent(minded=False), "x": x, "y": y}
    yield {**names, "model": Absent(minded=True)}


@finds("cannot learn one batch")
def a_relu_behind_the_last_layer():
    x, y = numbers()
    model = nn.Sequential(*mlp(outputs=1), nn.ReLU())
    names = yield {"model": model, "x": x, "y": -1 - abs(y)}
    yield {**names, "model": mlp(outputs=1)}


def step_of(model, optimizer, *, clears=True, steps=True):
    """A training step, whole or with a line left out."""

    def step(x, y):
        if clears:
            optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if steps:
            optimizer.step()

    return step


@finds("zero_grad forgotten")
def a_step_without_zero_grad():
    x, y = table()
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    names = yield {"model": model, "x": x, "y": y, "step": step_of(model, optimizer, clears=False)}
    yield {**names, "step": step_of(model, optimizer)}


@finds("the step changes nothing")
def a_step_without_step():
    x, y = table()
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    names = yield {"model": model, "x": x, "y": y, "step": step_of(model, optimizer, steps=False)}
    yield {**names, "step": step_of(model, optimizer)}
