"""The program that repeats a training of the plane, for a person to read and go on with (floor 5).

Each part of it is written from what the session itself was made of. Whatever came from outside
stands in it as a literal of Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.playground.engine.plane.data import PlaneData, is_toy
from chainrule.playground.engine.plane.features import FEATURES
from chainrule.playground.engine.plane.network import BEGINNINGS, layers_of, loss_of
from chainrule.playground.engine.plane.training import Training
from chainrule.playground.engine.training.choices import OPTIMIZERS, Named

__all__ = ["script_of"]

_MOST_INLINE = 60  # points that stand in the program; more are read from data.csv

_PROGRAM = '''\
"""Trains a network on points of a plane, as in the playground of chainrule.{beside}"""

{imports}import numpy as np

import chainrule as cr
from chainrule import data, nn, optim

SEED, BATCH = {seed}, {batch}
cr.set_num_threads(1)  # as there: how sums are divided among threads shows in their last digits

{data}
train, test = {split}


def features(points):
    """What the network is given of points (n, 2)."""
    x1, x2 = points.T
    return np.stack([{features}], axis=1)


def tensors(part):
    """Features and targets."""
    return cr.tensor(features(part.x)), cr.tensor(part.y{column})


generator = cr.Generator(SEED)  # of the first weights{dropout}
{beginning}model = nn.Sequential(
{layers}
)
loss_of = nn.{loss}()
optimizer = optim.{optimizer}
{penalties}

@cr.compile
def step(x, y):
    optimizer.zero_grad()
    loss = loss_of(model(x), y)
{backward}
    optimizer.step()
    return loss


def take(first, last):
    """Take the steps from number `first` up to `last`; every epoch has an order of its own."""
    x, y = tensors(train)
    batches = len(train) // BATCH
    while first < last:
        epoch, begin = divmod(first, batches)
        end = min(batches, begin + last - first)
        order = np.random.default_rng([SEED, epoch]).permutation(len(train))
        step.many(x, y, rows=order[begin * BATCH : end * BATCH].reshape(-1, BATCH))
        first += end - begin


def report(name, part):
    """Print the loss of a part of the points, and how good that is."""
    x, y = tensors(part)
    with cr.no_grad():
        outputs = model(x)
    score = {score}
    print(f"{{name}} loss {{loss_of(outputs, y).item():.9g}}, {scored}")


{course}
model.eval()
{report}
'''

_SCORES = {
    True: "(outputs.argmax(1) == y).numpy().mean()",
    False: "1 - ((outputs - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()",
}
_SCORED = {True: "accuracy {score:.2%}", False: "R2 {score.item():.4f}"}

_READING = """\
with open("data.csv", newline="", encoding="utf-8") as file:
    rows = list(csv.reader(file))[1:]
"""


def script_of(settings: Mapping[str, Any], training: Training) -> str:
    """Return a program that repeats a training and prints the same loss.

    Args:
        settings: of the session.
        training: as far as it has come.
    """
    data = training.data
    reads = not is_toy(settings) and len(data.whole) > _MOST_INLINE
    log = [one for one in training.log if one[0] < training.steps]
    return _PROGRAM.format(
        beside="\n\nIts points are in data.csv, which is to lie beside it.\n" * reads,
        imports="import csv\n\n" * reads,
        seed=settings["seed"],
        batch=training.batch,
        data=_data(settings, data, reads),
        split=_split(settings, data),
        features=", ".join(FEATURES[name].source for name in settings["features"]),
        column="" if data.classes else "[:, None]",
        dropout=", and of dropout" if settings["dropout"] else "",
        beginning=_beginning(BEGINNINGS[settings["init"]]),
        layers=_layers(settings, data),
        loss=loss_of(settings, data.classes).name,
        optimizer=_optimizer(OPTIMIZERS[settings["optimizer"]], training.first["lr"]),
        **_penalties(training.first, log),
        course=_course(log, training.steps),
        score=_SCORES[bool(data.classes)],
        scored=_SCORED[bool(data.classes)],
        report="\n".join(f'report("{name}", {part})' for name, part in _parts(data)),
    )


# --- the points ---------------------------------------------------------------------------------


def _data(settings: Mapping[str, Any], data: PlaneData, reads: bool) -> str:
    """What makes `points`."""
    if is_toy(settings):
        given = f"n={settings['points']}, noise={settings['noise']!r}, seed=SEED"
        return f"points = data.{settings['data']}({given})"
    lines = []
    if data.classes:
        lines.append(f"CLASSES = {data.classes!r}")
    if reads:
        lines += [_READING + "x = np.array([row[:2] for row in rows], np.float32)", _answers(data)]
    else:
        lines += _inline(data)
    if data.table is not None:
        lines += _scaled(data)
    classes = "CLASSES" if data.classes else "None"
    return "\n".join([*lines, f'points = data.Examples("points", x, y, {classes}, "")'])


def _answers(data: PlaneData) -> str:
    if data.classes:
        return "y = np.array([CLASSES.index(row[2]) for row in rows])"
    return "y = np.array([row[2] for row in rows], np.float32)"


def _inline(data: PlaneData) -> list[str]:
    x, y = data.original()
    if not len(x):
        kind = "np.int64" if data.classes else "np.float32"
        return ["x, y = np.zeros((0, 2), np.float32), np.zeros(0, " + kind + ")"]
    points = [f"    [{a!s}, {b!s}]," for a, b in x]
    kind = "" if data.classes else ", np.float32"
    answers = ", ".join(str(one) for one in y)
    return ["x = np.array([", *points, "], np.float32)", f"y = np.array([{answers}]{kind})"]


def _scaled(data: PlaneData) -> list[str]:
    """How the columns of a table become coordinates."""
    table = data.table
    assert table is not None
    middle, unit = (list(ends) for ends in zip(*table.scales))
    lines = [
        "",
        "# The middle of each column becomes 0.",
        f"middle, unit = np.array({middle!r}), np.array({unit!r})",
        "x = ((x.astype(np.float64) - middle) / unit).astype(np.float32)",
    ]
    if table.answer is not None:
        low, high = table.answer
        lines.append(f"y = ((y.astype(np.float64) - {low!r}) / {high!r}).astype(np.float32)")
    return lines


def _split(settings: Mapping[str, Any], data: PlaneData) -> str:
    if len(data.test):
        return f"points.split(1 - {settings['share']!r}, seed=SEED)"
    return "points, points.take([])  # too few to hold any out"


def _parts(data: PlaneData) -> list[tuple[str, str]]:
    """The parts of the points that there are, and what the program calls them."""
    found = [("training", "train", data.train), ("test", "test", data.test)]
    return [(name, called) for name, called, part in found if len(part)]


# --- the network --------------------------------------------------------------------------------


def _beginning(kind: Named) -> str:
    """A function that makes a layer whose weights begin otherwise than by themselves."""
    if not kind.name:
        return ""
    options = "".join(f", {name}={value!r}" for name, value in kind.options.items())
    drawn = "" if kind.name == "zeros_" else f"{options}, generator=generator"
    return (
        "\n\ndef linear(inputs, outputs):\n"
        "    layer = nn.Linear(inputs, outputs, generator=generator)\n"
        f"    nn.init.{kind.name}(layer.weight{drawn})\n"
        "    nn.init.zeros_(layer.bias)\n"
        "    return layer\n\n\n"
    )


def _layers(settings: Mapping[str, Any], data: PlaneData) -> str:
    own = bool(BEGINNINGS[settings["init"]].name)
    lines = []
    for name, sizes in layers_of(settings, data.outputs):
        given = ", ".join(map(repr, sizes))
        if name == "Linear":
            lines.append(f"linear({given})" if own else f"nn.Linear({given}, generator=generator)")
        else:
            lines.append(f"nn.{name}({given}{', generator=generator' * (name == 'Dropout')})")
    return "\n".join(f"    {line}," for line in lines)


def _optimizer(kind: Named, lr: float) -> str:
    options = "".join(f", {option}={value!r}" for option, value in kind.options.items())
    return f"{kind.name}(model.parameters(), lr={lr!r}{options})"


# --- training -----------------------------------------------------------------------------------


def _penalties(first: Mapping[str, float], log: list[tuple[int, str, float]]) -> dict[str, str]:
    """The penalties that there ever were, and how they get into the gradient."""
    used = [name for name in ("l1", "l2") if first[name] or any(one[1] == name for one in log)]
    if not used:
        return {"penalties": "", "backward": "    loss.backward()"}
    terms = {"l1": "l1 * w.abs().sum()", "l2": "l2 / 2 * (w * w).sum()"}
    made = "".join(f"{name} = cr.tensor({first[name]!r})\n" for name in used)
    return {
        "penalties": f"{made}weights = [p for p in model.parameters() if p.ndim == 2]\n",
        "backward": (
            "    total = loss\n"
            "    for w in weights:\n"
            f"        total = total + {' + '.join(terms[name] for name in used)}\n"
            "    total.backward()"
        ),
    }


def _course(log: list[tuple[int, str, float]], steps: int) -> str:
    """The calls that take all steps, and what was set in between."""
    lines, done = [], 0
    for at, name, value in log:
        if at > done:
            lines.append(f"take({done}, {at})")
            done = at
        target = (
            'optimizer.param_groups[0]["lr"] = {!r}' if name == "lr" else f"{name}.fill_({{!r}})"
        )
        lines.append(target.format(value))
    return "\n".join([*lines, f"take({done}, {steps})"]) if steps else "# No step was taken yet."
