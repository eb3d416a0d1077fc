"""The networks of `MLPClassifier` and `MLPRegressor`, begun as scikit-learn's are (floor 5).

Weights and intercepts come from the same draws of a `RandomState` in the same order, so with the
same random_state they are the same numbers. X. Glorot and Y. Bengio, "Understanding the difficulty
of training deep feedforward neural networks", AISTATS 2010.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.errors import OptionError

__all__ = ["ACTIVATIONS", "Plan", "built", "initialised", "linear_layers", "of_each"]

ACTIVATIONS: dict[str, Callable[[], nn.Module] | None] = {
    "identity": None,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "hardtanh": nn.Hardtanh,
}


class Plan(NamedTuple):
    """What a network is made of: plain values, by which two of a kind are known.

    Attributes:
        units: of each layer, from the columns of X to the outputs.
        activations: of each hidden layer.
        dropout: after each hidden layer, the share that is left out.
        batch_norm: whether hidden layers are normed over the rows of a batch,
        layer_norm: or over their units.
        sizes: of each column 0 or how many categories it has, if there are any or numbers may be
            missing; else nothing.
        gaps: of each column whether numbers are missing.
        dtype: of the weights.
    """

    units: tuple[int, ...]
    activations: tuple[str, ...]
    dropout: tuple[float, ...]
    batch_norm: bool
    layer_norm: bool
    sizes: tuple[int, ...]
    gaps: tuple[bool, ...]
    dtype: str


def of_each(name: str, given: Any, hidden: int) -> tuple[Any, ...]:
    """Return one value for each hidden layer.

    Raises:
        OptionError: a list of another length.
    """
    if isinstance(given, str) or not hasattr(given, "__len__"):
        return (given,) * hidden
    if len(given) != hidden:
        raise OptionError(
            f"{name} must be one value, or one for each of the {hidden} hidden layers; "
            f"got {len(given)}"
        )
    return tuple(given)


def built(plan: Plan, generator: Generator) -> nn.Sequential:
    """Return the network of a plan, whose weights are yet to be set.

    Args:
        plan: says what it is made of.
        generator: what dropout and the vectors of categories draw from.
    """
    layers: list[nn.Module] = []
    units = list(plan.units)
    if plan.sizes:
        layers.append(_columns(plan, generator))
        units[0] = layers[0].out_features
    hidden = len(units) - 2
    for i in range(hidden + 1):
        layers.append(nn.Linear(units[i], units[i + 1]))
        if i < hidden:
            layers += _after(plan, i, units[i + 1], generator)
    return nn.Sequential(*layers).to(np.dtype(plan.dtype))


def _after(plan: Plan, i: int, units: int, generator: Generator) -> list[nn.Module]:
    """What follows a hidden layer: a norm, the activation, dropout."""
    found: list[nn.Module] = []
    if plan.batch_norm:
        found.append(nn.BatchNorm1d(units))
    if plan.layer_norm:
        found.append(nn.LayerNorm(units))
    activation = ACTIVATIONS[plan.activations[i]]
    if activation is not None:
        found.append(activation())
    if plan.dropout[i]:
        found.append(nn.Dropout(plan.dropout[i], generator=generator))
    return found


def _columns(plan: Plan, generator: Generator) -> nn.Columns:
    """The first layer of a table; the category that nobody has seen is a vector of zeros."""
    columns = nn.Columns(plan.sizes, plan.gaps, generator=generator)
    for table in columns.tables:
        table.weight.array[0] = 0
    return columns


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """Return the layers of weights and intercepts, in order."""
    return [layer for layer in model.children() if isinstance(layer, nn.Linear)]


def initialised(model: nn.Sequential, activations: Sequence[str], random: Any) -> None:
    """Set weights and intercepts to numbers from -b to b, b^2 = 6 / (inputs + outputs).

    For logistic layers it is 2 in place of 6.

    Args:
        model: the network.
        activations: of its hidden layers.
        random: a `RandomState`.
    """
    layers = linear_layers(model)
    of_layers = [*activations, activations[-1] if activations else "identity"]
    for layer, activation in zip(layers, of_layers):
        fan_in, fan_out = layer.in_features, layer.out_features
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
        layer.weight.array[...] = random.uniform(-bound, bound, (fan_in, fan_out)).T
        assert layer.bias is not None
        layer.bias.array[...] = random.uniform(-bound, bound, fan_out)
