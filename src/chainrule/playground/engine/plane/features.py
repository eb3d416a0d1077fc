"""What a network is given of a point: its coordinates, and numbers made of them (floor 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from chainrule.ops import Array

__all__ = ["FEATURES", "Feature", "features"]


class Feature(NamedTuple):
    """A number made of a point.

    Attributes:
        label: what a person calls it.
        source: how a program makes it, of `x1` and `x2`.
        make: it, of the two coordinates, (n,) each.
    """

    label: str
    source: str
    make: Callable[[Array, Array], Array]


FEATURES = MappingProxyType(
    {
        "x1": Feature("x₁", "x1", lambda x1, x2: x1),
        "x2": Feature("x₂", "x2", lambda x1, x2: x2),
        "x1^2": Feature("x₁²", "x1 * x1", lambda x1, x2: x1 * x1),
        "x2^2": Feature("x₂²", "x2 * x2", lambda x1, x2: x2 * x2),
        "x1x2": Feature("x₁x₂", "x1 * x2", lambda x1, x2: x1 * x2),
        "sin_x1": Feature("sin(πx₁)", "np.sin(np.pi * x1)", lambda x1, x2: np.sin(np.pi * x1)),
        "sin_x2": Feature("sin(πx₂)", "np.sin(np.pi * x2)", lambda x1, x2: np.sin(np.pi * x2)),
    }
)


def features(points: Array, names: Sequence[str]) -> Array:
    """Return what a network is given of points.

    Args:
        points: (n, 2).
        names: of `FEATURES`.

    Returns:
        An array (n, F) of float32.

    Examples:
        >>> features(np.array([[2.0, 3.0]]), ["x2", "x1x2"])
        array([[3., 6.]], dtype=float32)
    """
    x1, x2 = np.asarray(points, np.float32).T
    return np.stack([FEATURES[name].make(x1, x2) for name in names], axis=1)
