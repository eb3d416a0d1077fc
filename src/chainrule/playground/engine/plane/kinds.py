"""A few points of each kind of data, for small pictures to choose by (floor 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.data import toys
from chainrule.playground.engine.plane.data import is_toy
from chainrule.playground.engine.plane.settings import SETTINGS

__all__ = ["kinds"]

_POINTS, _NOISE, _SEED = 90, 0.08, 0


def kinds() -> dict[str, dict[str, Any]]:
    """Return points of each kind that is drawn by a function, by its name.

    Returns:
        For each kind `x` (n, 2), `y` (n,), both float32, and `kind`: "classes" or "number".

    Examples:
        >>> kinds()["waves"]["kind"]
        'number'
        >>> kinds()["moons"]["x"].shape
        (90, 2)
    """
    options = SETTINGS["data"].plain()["options"]
    return {name: _few(name) for name in options if is_toy({"data": name})}


def _few(name: str) -> dict[str, Any]:
    made = getattr(toys, name)(_POINTS, _NOISE, _SEED)
    kind = "classes" if made.classes else "number"
    return {"x": made.x, "y": made.y.astype(np.float32), "kind": kind}
