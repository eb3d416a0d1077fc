"""What can be set about a network on points of a plane (floor 5)."""

from __future__ import annotations

from types import MappingProxyType

from chainrule.playground.engine.plane.features import FEATURES
from chainrule.playground.engine.plane.network import BEGINNINGS, LOSSES
from chainrule.playground.engine.settings import (
    Amount,
    Choice,
    Count,
    Points,
    Setting,
    Several,
    Sizes,
)
from chainrule.playground.engine.training.choices import ACTIVATIONS, OPTIMIZERS

__all__ = ["SETTINGS", "SPAN"]

SPAN = 2.0  # of the plane that points are drawn into, and tables scaled

_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_PENALTIES = (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

_DATA = {
    "moons": "Moons",
    "circles": "Circles",
    "ring": "Ring",
    "spiral": "Spiral",
    "xor": "XOR",
    "blobs": "Blobs",
    "slope": "Slope",
    "hill": "Hill",
    "waves": "Waves",
    "drawn": "Drawn",
    "csv": "CSV file",
}

SETTINGS: MappingProxyType[str, Setting] = MappingProxyType(
    {
        "data": Choice(
            label="Data",
            usual="moons",
            group="data",
            options=_DATA,
            help="What the network is to learn: classes of points, or the height of a surface.",
        ),
        "points": Count(
            label="Points",
            usual=400,
            group="data",
            low=20,
            high=5000,
            steps=(20, 50, 100, 200, 400, 700, 1000, 2000, 5000),
            help="How many points are drawn at random.",
        ),
        "noise": Amount(
            label="Noise",
            usual=0.05,
            group="data",
            low=0,
            high=0.5,
            steps=(0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5),
            help="Standard deviation of what is added to each point at random.",
        ),
        "share": Amount(
            label="Training share",
            usual=0.7,
            group="data",
            low=0.1,
            high=0.9,
            steps=tuple(k / 10 for k in range(1, 10)),
            help="Part of the points that the network learns from; the others are its test.",
        ),
        "drawn": Points(
            label="Drawn points",
            usual=[],
            group="data",
            most=5000,
            span=SPAN,
            help="Points drawn by hand, each with its class or its number.",
        ),
        "drawn_as": Choice(
            label="Drawn points have",
            usual="classes",
            group="data",
            options={"classes": "classes", "number": "numbers"},
            help="Whether a drawn point belongs to a class or has a number to be predicted.",
        ),
        "seed": Count(
            label="Seed",
            usual=0,
            group="data",
            low=0,
            high=2**31 - 1,
            help="All that is random hangs on it: the points, the first weights, the batches.",
        ),
        "features": Several(
            label="Features",
            usual=["x1", "x2"],
            group="features",
            options={name: feature.label for name, feature in FEATURES.items()},
            help="What the network is given of each point.",
        ),
        "layers": Sizes(
            label="Hidden layers",
            usual=[4, 4],
            group="network",
            most=32,
            high=1024,
            help="The units of each hidden layer; none at all for a linear model.",
        ),
        "activation": Choice(
            label="Activation",
            usual="tanh",
            group="network",
            options={name: one.label for name, one in ACTIVATIONS.items()},
            help="What each hidden unit does to its sum.",
        ),
        "init": Choice(
            label="First weights",
            usual="usual",
            group="network",
            options={name: one.label for name, one in BEGINNINGS.items()},
            help="How the weights are drawn before training begins.",
        ),
        "dropout": Amount(
            label="Dropout",
            usual=0.0,
            group="network",
            low=0,
            high=0.9,
            steps=(0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
            help="Part of the hidden units that each training step leaves out at random.",
        ),
        "optimizer": Choice(
            label="Optimiser",
            usual="adam",
            group="training",
            options={name: one.label for name, one in OPTIMIZERS.items()},
            help="How a step is made of the gradient.",
        ),
        "lr": Amount(
            label="Learning rate",
            usual=0.01,
            group="training",
            live=True,
            low=1e-6,
            high=100,
            steps=_RATES,
            help="How far a step goes. It can be changed while training runs.",
        ),
        "batch_size": Count(
            label="Batch size",
            usual=32,
            group="training",
            low=1,
            high=5000,
            steps=_BATCHES,
            help="How many points a step learns from; all of them if there are fewer.",
        ),
        "loss": Choice(
            label="Loss of numbers",
            usual="mse",
            group="training",
            options={name: one.label for name, one in LOSSES.items()},
            help="What is made small where a number is predicted; for classes cross-entropy is.",
        ),
        "l1": Amount(
            label="L1",
            usual=0.0,
            group="training",
            live=True,
            low=0,
            high=10,
            steps=_PENALTIES,
            help="Penalty l1 sum |w| of the weights, which pushes many of them to 0.",
        ),
        "l2": Amount(
            label="L2",
            usual=0.0,
            group="training",
            live=True,
            low=0,
            high=10,
            steps=_PENALTIES,
            help="Penalty l2/2 sum w² of the weights, which keeps them small.",
        ),
    }
)
