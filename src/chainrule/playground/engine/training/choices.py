"""Activations and optimisers to choose from, by the names that `nn` and `optim` have (floor 5).

What a session builds and what a program that it writes says come from one table, so they cannot
differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["ACTIVATIONS", "OPTIMIZERS", "Named"]


class Named(NamedTuple):
    """A choice.

    Attributes:
        label: what a person calls it.
        name: in `nn`, `nn.init` or `optim`.
        options: what it is given besides.
    """

    label: str
    name: str
    options: Mapping[str, Any] = MappingProxyType({})


ACTIVATIONS: Mapping[str, Named] = MappingProxyType(
    {
        "tanh": Named("tanh", "Tanh"),
        "relu": Named("ReLU", "ReLU"),
        "leaky_relu": Named("leaky ReLU", "LeakyReLU"),
        "elu": Named("ELU", "ELU"),
        "gelu": Named("GELU", "GELU"),
        "silu": Named("SiLU", "SiLU"),
        "softplus": Named("softplus", "Softplus"),
        "sigmoid": Named("sigmoid", "Sigmoid"),
        "linear": Named("none (linear)", "Identity"),
    }
)

OPTIMIZERS: Mapping[str, Named] = MappingProxyType(
    {
        "sgd": Named("SGD", "SGD"),
        "momentum": Named("SGD with momentum", "SGD", MappingProxyType({"momentum": 0.9})),
        "nesterov": Named(
            "SGD, Nesterov", "SGD", MappingProxyType({"momentum": 0.9, "nesterov": True})
        ),
        "rmsprop": Named("RMSprop", "RMSprop"),
        "adagrad": Named("Adagrad", "Adagrad"),
        "adam": Named("Adam", "Adam"),
    }
)
