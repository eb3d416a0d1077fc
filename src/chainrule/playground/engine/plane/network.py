"""The network: layers, first weights, loss and optimizer as the settings say (floor 5).

Each choice is kept as the name that it has in `nn` or `optim` with its options, so that what is
built here and what the exported program says cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from chainrule import nn, optim
from chainrule.autograd import Generator
from chainrule.errors import OptionError
from chainrule.playground.engine.training.choices import ACTIVATIONS, OPTIMIZERS, Named

__all__ = [
    "BEGINNINGS",
    "CROSS_ENTROPY",
    "LOSSES",
    "MOST_NUMBERS",
    "layers_of",
    "loss_of",
    "network",
    "optimizer_of",
]

MOST_NUMBERS = 2_000_000  # weights and biases; each change that can be undone keeps a copy of them


BEGINNINGS = MappingProxyType(
    {
        "usual": Named("even, by the inputs", ""),
        "xavier": Named("Xavier", "xavier_uniform_"),
        "he": Named("He", "kaiming_normal_", MappingProxyType({"nonlinearity": "relu"})),
        "small": Named("very small", "normal_", MappingProxyType({"std": 0.01})),
        "large": Named("very large", "normal_", MappingProxyType({"std": 3.0})),
        "zeros": Named("all 0", "zeros_"),
    }
)

LOSSES = MappingProxyType(
    {
        "mse": Named("squared error", "MSELoss"),
        "huber": Named("Huber", "HuberLoss"),
        "l1": Named("absolute error", "L1Loss"),
    }
)
CROSS_ENTROPY = Named("cross-entropy", "CrossEntropyLoss")


def layers_of(settings: Mapping[str, Any], outputs: int) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the layers in order: the name of each in `nn`, and its sizes.

    Args:
        settings: of the session.
        outputs: classes, or 1.

    Raises:
        OptionError: there would be too many weights.

    Examples:
        >>> layers_of({"features": ["x1"], "layers": [3], "activation": "tanh", "dropout": 0}, 2)
        [('Linear', (1, 3)), ('Tanh', ()), ('Linear', (3, 2))]
    """
    sizes = [len(settings["features"]), *settings["layers"], outputs]
    _check_size(sizes)
    found: list[tuple[str, tuple[Any, ...]]] = []
    for inputs, units in pairwise(sizes[:-1]):
        found += [("Linear", (inputs, units)), (ACTIVATIONS[settings["activation"]].name, ())]
        if settings["dropout"]:
            found.append(("Dropout", (settings["dropout"],)))
    return [*found, ("Linear", (sizes[-2], outputs))]


def _check_size(sizes: Sequence[int]) -> None:
    numbers = sum((inputs + 1) * units for inputs, units in pairwise(sizes))
    if numbers > MOST_NUMBERS:
        raise OptionError(
            f"this network would have {numbers:,} weights, and the page takes up to "
            f"{MOST_NUMBERS:,}; take fewer layers or fewer units"
        )


def network(settings: Mapping[str, Any], outputs: int, generator: Generator) -> nn.Sequential:
    """Build the network.

    Args:
        settings: of the session.
        outputs: classes, or 1.
        generator: of the first weights, and of dropout.

    Raises:
        OptionError: there would be too many weights.

    Examples:
        >>> settings = {"features": ["x1"], "layers": [], "init": "zeros", "dropout": 0}
        >>> network(settings, 1, Generator(0))[0].weight.tolist()
        [[0.0]]
    """
    modules: list[nn.Module] = []
    for name, sizes in layers_of(settings, outputs):
        if name == "Linear":
            layer = nn.Linear(*sizes, generator=generator)
            _begin(layer, BEGINNINGS[settings["init"]], generator)
            modules.append(layer)
        elif name == "Dropout":
            modules.append(nn.Dropout(*sizes, generator=generator))
        else:
            modules.append(getattr(nn, name)())
    return nn.Sequential(*modules)


def _begin(layer: nn.Linear, beginning: Named, generator: Generator) -> None:
    """Draw the weights anew, with biases of 0, unless a layer's own are wanted."""
    if not beginning.name:
        return
    if beginning.name == "zeros_":
        nn.init.zeros_(layer.weight)
    else:
        draw = getattr(nn.init, beginning.name)
        draw(layer.weight, **beginning.options, generator=generator)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


def loss_of(settings: Mapping[str, Any], classes: Sequence[str]) -> Named:
    """Return the loss: cross-entropy for classes, else what was set."""
    return CROSS_ENTROPY if classes else LOSSES[settings["loss"]]


def optimizer_of(settings: Mapping[str, Any], model: nn.Module) -> optim.Optimizer:
    """Build the optimizer.

    Args:
        settings: of the session.
        model: whose parameters it changes.
    """
    kind = OPTIMIZERS[settings["optimizer"]]
    found: optim.Optimizer = getattr(optim, kind.name)(
        model.parameters(), lr=settings["lr"], **kind.options
    )
    return found
