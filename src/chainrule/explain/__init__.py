"""Seeing inside a network: its equations, its cost, its health, what it looks at (floor 4).

Everything here reads the table of operations or what one run did, and has no mathematics of its own
about any layer. Each name is imported when first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainrule.errors import did_you_mean

if TYPE_CHECKING:
    from chainrule.explain.doctor.origin import Origin, nan_origin
    from chainrule.explain.napkin import Machine, Napkin, napkin
    from chainrule.explain.rate import RateTest, lr_find
    from chainrule.explain.summary import Summary, summary
    from chainrule.explain.trace import trace

__all__ = [
    "Machine",
    "Napkin",
    "Origin",
    "RateTest",
    "Summary",
    "lr_find",
    "nan_origin",
    "napkin",
    "summary",
    "trace",
]

# Imported when first asked for: the name, and the file that has it.
_LATER = {
    "Machine": "napkin",
    "Napkin": "napkin",
    "Origin": "doctor.origin",
    "RateTest": "rate",
    "Summary": "summary",
    "lr_find": "rate",
    "nan_origin": "doctor.origin",
    "napkin": "napkin",
    "summary": "summary",
    "trace": "trace",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"chainrule.explain has no {name!r}" + did_you_mean(name, __all__))
    found = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


class _Package(ModuleType):
    """A function stays what its name means, also when a file of that name has been imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _LATER and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
