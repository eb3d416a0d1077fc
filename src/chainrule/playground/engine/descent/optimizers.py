"""The optimisers that can be compared, and what each is told (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chainrule import optim

__all__ = ["OPTIMIZERS", "Kind"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One of the optimisers.

    Args:
        label: what a person calls it.
        name: of the class in `chainrule.optim`.
        rate: the setting that is its learning rate.
        told: the settings it takes besides, by the names of its arguments.
        fixed: arguments that are always the same.

    Examples:
        >>> settings = {"lr": 0.1, "momentum": 0.9}
        >>> OPTIMIZERS["nesterov"].arguments(settings)
        {'lr': 0.1, 'momentum': 0.9, 'nesterov': True}
        >>> OPTIMIZERS["nesterov"].written(settings)
        'optim.SGD([p], lr=0.1, momentum=0.9, nesterov=True)'
    """

    label: str
    name: str
    rate: str
    told: Mapping[str, str]
    fixed: Mapping[str, Any]

    def arguments(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the class is called with, besides the parameters.

        Args:
            settings: of the session, with rates that are numbers.
        """
        taken = {argument: settings[name] for argument, name in self.told.items()}
        return {"lr": settings[self.rate], **taken, **self.fixed}

    def made(self, params: list[Any], settings: Mapping[str, Any]) -> optim.Optimizer:
        """Return an optimiser.

        Args:
            params: tensors.
            settings: likewise.
        """
        kind: type[optim.Optimizer] = getattr(optim, self.name)
        return kind(params, **self.arguments(settings))

    def written(self, settings: Mapping[str, Any]) -> str:
        """Return the line of a program that makes it.

        Args:
            settings: likewise.
        """
        told = ", ".join(f"{name}={value!r}" for name, value in self.arguments(settings).items())
        return f"optim.{self.name}([p], {told})"


def _plain(label: str, told: Mapping[str, str], **fixed: Any) -> Kind:
    return Kind(label=label, name="SGD", rate="lr", told=told, fixed=fixed)


def _adaptive(label: str, name: str, **told: str) -> Kind:
    return Kind(label=label, name=name, rate="lr_adaptive", told=told, fixed={})


OPTIMIZERS: dict[str, Kind] = {
    "sgd": _plain("plain descent", {}),
    "momentum": _plain("momentum", {"momentum": "momentum"}),
    "nesterov": _plain("Nesterov", {"momentum": "momentum"}, nesterov=True),
    "rmsprop": _adaptive("RMSprop", "RMSprop", alpha="alpha"),
    "adagrad": _adaptive("Adagrad", "Adagrad"),
    "adam": _adaptive("Adam", "Adam"),
    "adamw": _adaptive("AdamW", "AdamW", weight_decay="weight_decay"),
}
