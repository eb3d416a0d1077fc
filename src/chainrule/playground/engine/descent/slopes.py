"""Height, slope and curvature of a ground at a point, by our own derivatives (floor 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.autograd import Tensor
from chainrule.func import grad, hessian
from chainrule.linalg import eigvalsh
from chainrule.playground.engine.descent.grounds import Ground

__all__ = ["Slopes", "slopes"]


class Slopes(NamedTuple):
    """What a ground is like at a point.

    Attributes:
        height: f.
        gradient: of f, shape (dims,).
        curvatures: second derivatives along the axes of the Hessian, rising, shape (dims,).
        stable: the rate up to which plain descent stays near a lowest point so curved, 2 over
            the greatest curvature; infinite where no direction curves upwards.
    """

    height: float
    gradient: NDArray[np.float64]
    curvatures: NDArray[np.float64]
    stable: float


def slopes(ground: Ground, point: Sequence[float]) -> Slopes:
    """Return height, slope and curvature at a point.

    Args:
        ground: the function.
        point: as many coordinates as it takes.

    Examples:
        >>> from chainrule.playground.engine.descent.grounds import GROUNDS
        >>> there = slopes(GROUNDS["ravine"], [1.0, 1.0])
        >>> there.height, there.gradient, there.curvatures, there.stable
        (25.5, array([ 1., 50.]), array([ 1., 50.]), 0.04)
    """
    p = Tensor(np.array(point, float))
    curvatures = eigvalsh(hessian(ground.at)(p)).numpy()
    greatest = float(curvatures[-1])
    stable = 2 / greatest if greatest > 1e-12 else float("inf")
    return Slopes(float(ground.at(p)), grad(ground.at)(p).numpy(), curvatures, stable)
