"""What can be set of a network that reads digits (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.playground.engine.settings import Amount, Choice, Count, Flag, Setting, Sizes
from chainrule.playground.engine.training.choices import ACTIVATIONS, OPTIMIZERS

__all__ = ["SETTINGS"]

_RATES = [
    value * 10.0**power for power in range(-5, 0) for value in (1, 3)
] + [1.0, 3.0]  # fmt: skip

SETTINGS: Mapping[str, Setting] = {
    "data": Choice(
        label="Digits",
        usual="digits",
        options={"digits": "8x8, 1,797 of them", "mnist": "MNIST: 28x28, 70,000 of them"},
        group="data",
        help="The small ones come with the package; MNIST is read from disk or downloaded.",
    ),
    "augment": Flag(
        label="Shift images",
        usual=False,
        group="data",
        help="Moves each training image at random: MNIST's by two pixels, others by one sideways.",
    ),
    "seed": Count(
        label="Seed",
        usual=0,
        low=0,
        high=2**31 - 1,
        group="data",
        help="Of the first weights, the order of the images, dropout and shifts.",
    ),
    "kind": Choice(
        label="Kind",
        usual="mlp",
        options={"mlp": "fully connected", "cnn": "convolutional"},
        group="network",
        help="A convolution slides small kernels over the image.",
    ),
    "channels": Sizes(
        label="Kernels of each convolution",
        usual=[8, 16],
        most=6,
        high=256,
        group="network",
        help="After each convolution the largest of each 2x2 pixels goes on, while there are 4.",
    ),
    "kernel": Count(label="Kernel's side", usual=3, low=3, high=7, group="network", unit="pixels"),
    "layers": Sizes(
        label="Units of each hidden layer",
        usual=[64],
        most=16,
        high=4096,
        group="network",
        help="Behind the convolutions, where there are any.",
    ),
    "activation": Choice(
        label="Activation",
        usual="relu",
        options={name: one.label for name, one in ACTIVATIONS.items()},
        group="network",
    ),
    "dropout": Amount(
        label="Dropout",
        usual=0.0,
        low=0.0,
        high=0.9,
        group="network",
        help="The share of hidden values that a step of training leaves out.",
    ),
    "optimizer": Choice(
        label="Optimiser",
        usual="adam",
        options={name: one.label for name, one in OPTIMIZERS.items()},
        group="training",
    ),
    "lr": Amount(
        label="Learning rate",
        usual=0.003,
        low=0.0,
        high=10.0,
        steps=[round(rate, 5) for rate in _RATES],
        group="training",
        live=True,
    ),
    "l2": Amount(
        label="L2 penalty",
        usual=0.0,
        low=0.0,
        high=1.0,
        steps=[0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1],
        group="training",
        help="Penalty l2/2 sum w² of the weights, which keeps them small.",
        live=True,
    ),
    "batch_size": Count(
        label="Images a step", usual=32, low=1, high=1024, group="training", help=""
    ),
}
