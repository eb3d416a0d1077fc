"""A network as a plain description, and back (floor 4; knows the classes of `chainrule.nn`).

A description is JSON: the name of a class of `chainrule.nn` and its arguments. Layers keep each
argument as an attribute of the same name, so writing one needs no table; reading one only ever
makes classes of that list, so a file from outside can name nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import ChainruleError, DataError, did_you_mean
from chainrule.tensor import Generator, Tensor

__all__ = ["build", "describe"]

_ROWS: dict[str, type[nn.Module]] = {"Sequential": nn.Sequential, "ModuleList": nn.ModuleList}
_LAYERS: dict[str, type[nn.Module]] = {
    name: value
    for name, value in vars(nn).items()
    if name in nn.__all__
    and isinstance(value, type)
    and issubclass(value, nn.Module)
    and value is not nn.Module
    and name not in _ROWS
    and "Loss" not in name
}


class _Blank(Generator):
    """Draws nothing: layers made with it hold place-holders until their weights are loaded."""

    def manual_seed(self, seed: int) -> Generator:
        """Do nothing."""
        self.state = None  # type: ignore[assignment]
        return self


def describe(module: nn.Module) -> dict[str, Any]:
    """Return the architecture of a network as plain data.

    Args:
        module: layers of `chainrule.nn`, in `Sequential` and `ModuleList`.

    Raises:
        DataError: a module of another class, which no description can stand for.

    Examples:
        >>> describe(nn.Sequential(nn.Linear(2, 3), nn.Flatten()))["modules"]["0"]
        {'type': 'Linear', 'in_features': 2, 'out_features': 3, 'bias': True}
    """
    kind = type(module).__name__
    if _ROWS.get(kind) is type(module):
        return {
            "type": kind,
            "modules": {name: describe(child) for name, child in module.named_children()},
        }
    if _LAYERS.get(kind) is not type(module):
        raise DataError(
            f"a {kind} is not a layer of chainrule.nn, so a file cannot describe it; save its "
            "state_dict() instead, and load it into the class it came from"
        )
    return {"type": kind, **{name: _plain(module, name) for name in _arguments(type(module))}}


def _arguments(kind: type[nn.Module]) -> list[str]:
    if kind.__init__ is object.__init__:
        return []
    return [
        n for n in inspect.signature(kind.__init__).parameters if n not in ("self", "generator")
    ]


def _plain(module: nn.Module, name: str) -> Any:
    value = getattr(module, name)
    if name == "bias":
        return value is not None
    if isinstance(value, Tensor):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def build(description: Any, limit: int) -> nn.Module:
    """Return the network that a description stands for, its weights yet to be loaded.

    Args:
        description: what `describe` made, from a file that is not trusted.
        limit: no size in it may be larger; the number of weights that there are.

    Raises:
        DataError: it is not such a description.
    """
    if not isinstance(description, Mapping) or not isinstance(description.get("type"), str):
        raise DataError("the description of the network must name the type of every layer")
    kind = description["type"]
    if kind in _ROWS:
        return _built_row(_ROWS[kind], description, limit)
    if kind not in _LAYERS:
        known = (*_ROWS, *_LAYERS)
        raise DataError(
            f"the description names an unknown layer {kind!r}" + did_you_mean(kind, known)
        )
    arguments = {k: _argument(kind, k, v, limit) for k, v in description.items() if k != "type"}
    unknown = [name for name in arguments if name not in _arguments(_LAYERS[kind])]
    if unknown:
        raise DataError(f"{kind} in the description has an unknown argument {unknown[0]!r}")
    if "generator" in inspect.signature(_LAYERS[kind].__init__).parameters and kind != "Dropout":
        arguments["generator"] = _Blank()
    try:
        return _LAYERS[kind](**arguments)
    except (ChainruleError, TypeError, ValueError) as error:
        raise DataError(f"{kind} in the description is not valid: {error}") from None


def _built_row(kind: type[nn.Module], description: Mapping[str, Any], limit: int) -> nn.Module:
    modules = description.get("modules")
    if not isinstance(modules, Mapping) or any("." in str(name) for name in modules):
        raise DataError(f"a {kind.__name__} in the description must list its modules by name")
    row = kind()
    for name, child in modules.items():
        if not str(name).isidentifier() and not str(name).isdecimal():
            raise DataError(f"{name!r} in the description is no name of a module")
        setattr(row, str(name), build(child, limit))
    return row


def _argument(kind: str, name: str, value: Any, limit: int) -> Any:
    """A value from JSON, if it is a number, text or a list of numbers of reasonable size."""
    if isinstance(value, list):
        if len(value) > limit:
            raise DataError(f"{kind}.{name} in the description has {len(value)} numbers")
        if name in ("mean", "std"):
            return np.asarray([_argument(kind, name, v, limit) for v in value], dtype=np.float32)
        return tuple(_argument(kind, name, v, limit) for v in value)
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int) and abs(value) <= max(limit, 1 << 16):
        return value
    raise DataError(
        f"{kind}.{name} in the description is {value!r:.40}, more than the weights file can hold"
    )
