"""Derivatives by finite differences, and where others differ from them (floor 1).

What every check of a gradient shares, on whichever floor the gradient comes from: the slopes of a
number by every element of an array, the weights that make one number of many outputs, and the
element at which two arrays of slopes disagree most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from chainrule.ops.core import Array, Shape

__all__ = ["Fault", "central_differences", "unequal", "worst_fault"]


def central_differences(f: Callable[[Array], float], x: Array, eps: float = 1e-6) -> Array:
    """Return (f(x + eps e) - f(x - eps e)) / (2 eps) for the unit vector e of every element.

    Args:
        f: gives a number for an array like x, which it may keep.
        x: float64; it is not changed.
        eps: half the difference.

    Examples:
        >>> central_differences(lambda x: float((x**2).sum()), np.array([1.0, 3.0])).round(6)
        array([2., 6.])
    """
    slopes = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        ends = []
        for step in (eps, -eps):
            moved = x.copy()
            moved[i] += step
            ends.append(f(moved))
        slopes[i] = (ends[0] - ends[1]) / (2 * eps)
    return slopes


def unequal(shape: Shape, phase: float = 0.0) -> Array:
    """Return fixed weights of many sizes, none 0, so that errors in two places cannot cancel.

    Args:
        shape: of the outputs.
        phase: other numbers give other weights.

    Examples:
        >>> unequal((3,)).round(2)
        array([2.5 , 2.04, 1.08])
    """
    count = int(np.prod(shape, dtype=int))
    return (np.cos(np.arange(count, dtype=np.float64) + phase) + 1.5).reshape(shape)


class Fault(NamedTuple):
    """Where two arrays of slopes disagree: how many elements do, and the worst of them."""

    wrong: int
    total: int
    at: tuple[int, ...]
    stated: float
    measured: float

    def __str__(self) -> str:
        return (
            f"wrong in {self.wrong} of {self.total} elements, most at element {list(self.at)}: "
            f"the rules give {self.stated:.10g}, differences give {self.measured:.10g}, "
            f"which differ by {abs(self.stated - self.measured):.3g}"
        )


def worst_fault(stated: Array, measured: Array, atol: float, rtol: float) -> Fault | None:
    """Return the worst of the elements that differ by more than atol + rtol |measured|, if any.

    Examples:
        >>> worst_fault(np.array([1.0, 2.0]), np.array([1.0, 3.0]), atol=1e-6, rtol=1e-6).at
        (1,)
    """
    error = np.abs(stated - measured)
    wrong = ~(error <= atol + rtol * np.abs(measured))  # so that NaN is wrong too
    if not wrong.any():
        return None
    worst = np.unravel_index(int(np.argmax(np.where(wrong, error, -1))), error.shape)
    at = tuple(int(i) for i in worst)
    return Fault(int(wrong.sum()), wrong.size, at, float(stated[at]), float(measured[at]))
