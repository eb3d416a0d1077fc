"""Weights that are computed from others whenever they are asked for (floor 3).

A module keeps its parts in its attributes. Here one of them becomes a property, of a class made for
this one module: looking at it computes it, setting it sets what it is computed from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import OptionError
from chainrule.nn.module import Module

__all__ = ["compute", "given_class", "restore"]


def given_class(module: Module) -> type[Module]:
    """Return the class that a module was made from, before it had computed parts."""
    kind: type[Module] = vars(type(module)).get("_given_class", type(module))
    return kind


def part_of(module: Module, name: str) -> Any:
    """Return the tensor that is to be computed from now on, if there is one of that name."""
    part = vars(module).get(name)
    if part is None:
        raise OptionError(f"{type(module).__name__} has no parameter or buffer {name!r}")
    return part


def compute(
    module: Module,
    name: str,
    get: Callable[[Any], Any],
    put: Callable[[Any, Any], None] | None = None,
    prefix: str = "",
) -> None:
    """Make `module.name` what `get(module)` gives; setting it calls `put(module, value)`.

    Args:
        module: it gets a class of its own.
        name: of a part that is taken out.
        get: computes the part.
        put: sets what it is computed from.
        prefix: put before the name of the class.
    """
    delattr(module, name)
    kind = type(module)
    if "_given_class" not in vars(kind):
        own = {"_given_class": kind, "__module__": kind.__module__}
        module.__class__ = type(prefix + kind.__name__, (kind,), own)
    setattr(type(module), name, property(get, put))


def restore(module: Module, name: str, value: Any) -> None:
    """Make `module.name` an attribute again."""
    kind = type(module)
    delattr(kind, name)
    if not any(isinstance(v, property) for v in vars(kind).values()):
        module.__class__ = given_class(module)
    setattr(module, name, value)
