"""Why a module has no parameters although it seems to (floor 3).

Parameters and modules are found where they are attributes of a module. Those in a plain list, and
tensors that are no parameters, are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.autograd import Tensor
from chainrule.nn.module import Module, Parameter

__all__ = ["overlooked"]


def overlooked(module: Module) -> str:
    """Return what in `module` is not found among its parts, and what to do; or "".

    Examples:
        >>> from chainrule import nn
        >>> class Net(Module):
        ...     def __init__(self):
        ...         self.layers = [nn.Linear(2, 2)]
        >>> overlooked(Net())
        'Net.layers is a plain list, whose layers are not found; put nn.ModuleList(...) around it'
    """
    for part in module.modules():
        for name, value in vars(part).items():
            said = "" if name.startswith("_") else _said(value)
            if said:
                return f"{type(part).__name__}.{name} is {said}"
    return ""


def _said(value: Any) -> str:
    """What is wrong with an attribute."""
    if isinstance(value, Tensor) and not isinstance(value, Parameter) and value.requires_grad:
        return "a tensor and no parameter; put nn.Parameter(...) around it"
    if not isinstance(value, (list, tuple, Mapping)):
        return ""
    kind = type(value).__name__
    container = "Dict" if isinstance(value, Mapping) else "List"
    for inner in _inside(value):
        if isinstance(inner, Module) and next(iter(inner.parameters()), None) is not None:
            found = f"whose layers are not found; put nn.Module{container}(...) around it"
            return f"a plain {kind}, {found}"
        if isinstance(inner, Parameter):
            found = f"whose parameters are not found; put nn.Parameter{container}(...) around it"
            return f"a plain {kind}, {found}"
    return ""


def _inside(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, Mapping) else value
