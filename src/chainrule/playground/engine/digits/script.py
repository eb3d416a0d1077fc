"""The program that repeats a training of digits, for a person to read and go on with (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule import nn
from chainrule.playground.engine.digits.data import HELD_OUT, SAMPLE, SPLIT
from chainrule.playground.engine.digits.network import Network
from chainrule.playground.engine.digits.training import Training, reach_of
from chainrule.playground.engine.training.choices import OPTIMIZERS

__all__ = ["script_of"]

_PROGRAM = '''\
"""Trains a network that reads digits, as it was trained in the playground of chainrule."""

import numpy as np

import chainrule as cr
from chainrule import data, nn, optim

SEED, BATCH = {seed}, {batch}
cr.set_num_threads(1)  # as there: how sums are divided among threads shows in their last digits

{data}
generator = cr.Generator(SEED)
{dropout}network = nn.Sequential(
{layers}
)
optimizer = optim.{optimizer}
loss_of = nn.CrossEntropyLoss()
{penalty}

@cr.compile
def step(x, y):
    optimizer.zero_grad()
    loss = loss_of(network(x), y)
{backward}
    optimizer.step()
    return loss

{moved}
def train_until(steps):
    """Take steps until there are so many; every epoch has an order of its own."""
    global taken
    batches = len(train) // BATCH
    while taken < steps:
        epoch, first = divmod(taken, batches)
        last = min(batches, first + steps - taken)
        order = np.random.default_rng([SEED, epoch]).permutation(len(train))
        rows = order[first * BATCH : last * BATCH]
{steps}
        taken += last - first


taken = 0
{course}

def figures(examples):
    """The mean loss, and the share read right, of {sample} images at most, evenly taken."""
    some = np.arange(0, len(examples), max(1, len(examples) // {sample}))[:{sample}]
    with cr.no_grad():
        scores = network(cr.from_numpy(examples.x[some]))
        loss = loss_of(scores, cr.from_numpy(examples.y[some]))
    return loss.item(), (scores.numpy().argmax(axis=1) == examples.y[some]).mean()


network.eval()
print(f"after {{taken:,}} steps")
for name, examples in (("train", train), ("test", test)):
    loss, accuracy = figures(examples)
    print(f"{{name}} loss {{loss:.9g}}, accuracy {{accuracy:.2%}}")
'''

_DATA = {
    "digits": f"""\
# 8x8 images as bytes; the first layer brings them to scale.
train, test = data.digits().split({HELD_OUT}, seed={SPLIT})
""",
    "mnist": """\
# 28x28 images as bytes; the first layer brings them to scale.
train = data.mnist()
test = train.test
""",
}

_MOVED = """
def moved(images, epoch, first):
    \"\"\"Move images of an epoch, from number `first` on, at random by whole pixels.\"\"\"
    far = np.array([{down}, {right}])  # down or up, and to either side
    chance = np.random.default_rng([SEED, epoch, 1])
    by = chance.integers(-far, far, (len(train), 2), endpoint=True)
    wide = np.pad(images, [(0, 0), (0, 0), ({down}, {down}), ({right}, {right})])
    height, width = images.shape[2:]
    places = zip(wide, far - by[first : first + len(images)])
    return np.stack([one[:, y : y + height, x : x + width] for one, (y, x) in places])

"""

_STEPS = {
    False: """\
        x, y = cr.from_numpy(train.x), cr.from_numpy(train.y)
        step.many(x, y, rows=rows.reshape(-1, BATCH))""",
    True: """\
        x = cr.from_numpy(moved(train.x[rows], epoch, first * BATCH))
        y = cr.from_numpy(train.y[rows])
        step.many(x, y, rows=np.arange(len(rows)).reshape(-1, BATCH))""",
}


def script_of(settings: Mapping[str, Any], training: Training, rows: int) -> str:
    """Return a program that repeats a training and prints the same losses.

    Args:
        settings: of the session.
        training: as far as it has come.
        rows: how many images there are to train on.
    """
    batch = min(settings["batch_size"], rows)
    changes = [change for change in training.rates if change[0] < training.steps]
    has_penalty = bool(training.first["l2"]) or any(rates.get("l2") for _, rates in changes)
    network = training.network
    return _PROGRAM.format(
        seed=settings["seed"],
        batch=batch,
        data=_DATA[settings["data"]],
        dropout="dropout = cr.Generator(SEED + 1)\n" if settings["dropout"] else "",
        layers="\n".join(f"    {_layer(module, network)}," for module in network.trained),
        optimizer=_optimizer(settings["optimizer"], training.first["lr"]),
        penalty=f"l2 = cr.tensor({training.first['l2']!r})\n" if has_penalty else "",
        backward=_BACKWARD[has_penalty],
        moved=_moved(training.side) if settings["augment"] else "",
        steps=_STEPS[settings["augment"]],
        course=_course(changes, training.steps),
        sample=SAMPLE,
    )


_BACKWARD = {
    False: "    loss.backward()",
    True: """\
    total = loss
    for w in network.parameters():
        if w.ndim > 1:
            total = total + l2 / 2 * (w * w).sum()
    total.backward()""",
}


def _layer(module: nn.Module, network: Network) -> str:
    """What makes a layer."""
    if isinstance(module, nn.Normalize):
        return f"nn.Normalize({module.mean.item()!r}, {module.std.item()!r})"
    if isinstance(module, nn.Linear):
        return f"nn.Linear({module.in_features}, {module.out_features}, generator=generator)"
    if isinstance(module, nn.Conv2d):
        sizes = f"{module.in_channels}, {module.out_channels}, {module.kernel_size[0]}"
        return f"nn.Conv2d({sizes}, padding={module.padding[0]}, generator=generator)"
    if isinstance(module, nn.Dropout):
        return f"nn.Dropout({module.p!r}, generator=dropout)"
    if isinstance(module, nn.MaxPool2d):
        return "nn.MaxPool2d(2)"
    return f"nn.{type(module).__name__}()"


def _optimizer(name: str, lr: float) -> str:
    kind = OPTIMIZERS[name]
    options = "".join(f", {option}={value!r}" for option, value in kind.options.items())
    return f"{kind.name}(network.parameters(), lr={lr!r}{options})"


def _moved(side: int) -> str:
    down, right = reach_of(side)
    return _MOVED.format(down=down, right=right)


def _course(changes: Sequence[tuple[int, Mapping[str, float]]], steps: int) -> str:
    """The calls that take all steps, and the rates that are set in between."""
    lines = []
    for after, rates in changes:
        lines.append(f"train_until({after})")
        for name, value in rates.items():
            target = 'optimizer.param_groups[0]["lr"] = {!r}' if name == "lr" else "l2.fill_({!r})"
            lines.append(target.format(value))
    return "\n".join([*lines, f"train_until({steps})"]) + "\n"
