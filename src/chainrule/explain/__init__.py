"""Seeing inside a network: its equations, its cost, its health, what it looks at (floor 4).

Everything here reads the table of operations or what one run did, and has no mathematics of its own
about any layer. Each name is imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.errors import did_you_mean

if TYPE_CHECKING:
    from chainrule.explain.doctor.origin import Origin, nan_origin
    from chainrule.explain.rate import RateTest, lr_find
    from chainrule.explain.trace import trace

__all__ = ["RateTest", "lr_find", "trace"]

# Imported when first asked for: the name, and the file that has it.
_LATER = {
    "RateTest": "rate",
    "lr_find": "rate",
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
