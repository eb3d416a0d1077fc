"""The settings of an experiment in the address of its page (floor 5).

The same as `pages/shared/address.js`, which reads it: `#name=value&...` with what is not as usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from chainrule.playground.engine.settings import Setting

__all__ = ["hash_of"]

_LETTERS = "-_.!~*'(),;"  # that need no escape


def hash_of(settings: Mapping[str, Any], table: Mapping[str, Setting]) -> str:
    """Return the end of an address that describes an experiment: "#..." or "".

    Args:
        settings: the value of every setting.
        table: what can be set.

    Examples:
        >>> from chainrule.playground import Plane
        >>> plane = Plane(layers=[8, 4], seed=3)
        >>> hash_of(plane.settings, plane.SETTINGS)
        '#seed=3&layers=8,4'
    """
    parts = [
        f"{quote(name, safe=_LETTERS)}={quote(_written(setting, settings[name]), safe=_LETTERS)}"
        for name, setting in table.items()
        if settings[name] != setting.usual
    ]
    return "#" + "&".join(parts) if parts else ""


def _written(setting: Setting, value: Any) -> str:
    if setting.kind == "points":
        return ";".join(",".join(_number(round(one, 3)) for one in point) for point in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (list, tuple)):
        return ",".join(one if isinstance(one, str) else _number(one) for one in value)
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    """A number as the language of the pages writes it: 2, 0.00001, 1e-7."""
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return np.format_float_positional(value + 0.0, trim="-")
    return np.format_float_scientific(value, trim="-", exp_digits=1)
