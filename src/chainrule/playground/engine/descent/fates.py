"""What became of a descent, in a sentence (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.playground.engine.descent.grounds import Ground
from chainrule.playground.engine.descent.slopes import slopes
from chainrule.playground.engine.descent.ways import Way

__all__ = ["fate"]

_NEAR = 0.02  # of the picture's diagonal counts as there
_EQUAL = 1e-9  # heights that differ by less are the same
_FLAT = 1e-3  # of a height of 1 over the picture's diagonal is hardly a slope


def fate(ground: Ground, name: str, way: Way, settings: Mapping[str, Any]) -> str:
    """Return what became of a way.

    Args:
        ground: that it goes over.
        name: of the optimiser.
        way: its way.
        settings: with `lr`.

    Examples:
        >>> from chainrule.playground.engine.descent.grounds import GROUNDS
        >>> from chainrule.playground.engine.descent.ways import walk
        >>> settings = {"lr": 1.1, "steps": 30, "noise": 0.0, "seed": 0}
        >>> ways = walk(GROUNDS["parabola"], [-2.0], ["sgd"], settings)
        >>> fate(GROUNDS["parabola"], "sgd", ways["sgd"], settings)
        'oversteps: the curvature is 2, so rates above 2/2 = 1 diverge; left the picture at step 3'
    """
    oversteps = _oversteps(ground, settings["lr"]) if name == "sgd" else ""
    if way.left:
        return "; ".join(
            part for part in (oversteps, f"left the picture at step {way.left}") if part
        )
    return oversteps or _where(ground, way)


def _oversteps(ground: Ground, lr: float) -> str:
    if ground.curvature is None or lr * ground.curvature <= 2 + 1e-9:
        return ""
    told, bound = f"{ground.curvature:g}", 2 / ground.curvature
    return f"oversteps: the curvature is {told}, so rates above 2/{told} = {bound:g} diverge"


def _where(ground: Ground, way: Way) -> str:
    """Where it stands at the end."""
    points, minima = np.stack(way.points), np.array(ground.minima)
    diagonal = float(np.linalg.norm(np.subtract(ground.high, ground.low)))
    off = np.linalg.norm(points[:, None, :] - minima[None], axis=-1)  # (points, minima)
    nearest = int(off[-1].argmin())
    if off[-1, nearest] < _NEAR * diagonal:
        away = np.flatnonzero(off[:, nearest] >= _NEAR * diagonal)
        return _at_a_minimum(ground, nearest, int(away[-1]) + 1 if away.size else 0)
    there = slopes(ground, way.points[-1].tolist())
    if float(np.linalg.norm(there.gradient)) * diagonal < _FLAT:
        return "stands where there is next to no slope"
    if ground.dims > 1 and there.curvatures[0] < 0 < there.curvatures[-1]:
        return "on its way, where the ground curves up one way and down the other"
    return "on its way"


def _at_a_minimum(ground: Ground, which: int, since: int) -> str:
    heights = ground.at(np.array(ground.minima))
    higher = float(heights[which] - heights.min())
    when = f"from step {since} on" if since else "from the start"
    if higher < _EQUAL:
        lowest = "a lowest point" if int((heights < heights.min() + _EQUAL).sum()) > 1 else None
        return f"at {lowest or 'the lowest point'} {when}"
    return f"in a local valley {when}, {higher:.3g} above the lowest point"
