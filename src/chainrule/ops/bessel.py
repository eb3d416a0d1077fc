"""Bessel's modified functions in NumPy, which has only one of them (floor 1, bodies of ops).

I_n(x) is the mean of e^(x cos t) cos(n t) over a circle. For |x| up to 50 the mean over 32 points
of half a circle has all digits, since it converges faster than any power; above, Hankel's series.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.backend.arrays import as_array
from chainrule.ops.core import Array

_POINTS = 32
_COSINES = np.cos((np.arange(_POINTS) + 0.5) * (math.pi / _POINTS))
_NEAR = 50.0
_TERMS = 16


def _mean(x: Array, order: int) -> Array:
    """e^-|x| I_n(x) for |x| <= 50, n = 0 or 1."""
    total = np.zeros_like(x)
    for cosine in _COSINES[: _POINTS // 2]:  # the other half gives the same
        total += np.sinh(x * cosine) * cosine if order else np.cosh(x * cosine)
    return total * (2 / _POINTS) * np.exp(-np.abs(x))


def _hankel(size: Array, order: int) -> Array:
    """e^-x I_n(x) for x >= 50: the sum of (-1)^k (4n^2 - 1)(4n^2 - 9)... / (k! (8x)^k), scaled."""
    total = term = np.ones_like(size)
    for k in range(1, _TERMS):
        term = -term * (4 * order * order - (2 * k - 1) ** 2) / (8 * k * size)
        total = total + term
    return total / np.sqrt(2 * math.pi * size)


def bessel_body(x: Array, *, order: int, scaled: bool) -> Array:
    """Return I_0 or I_1 of every element, or e^-|x| times it."""
    x = as_array(x)
    wide = x.astype(np.float64)
    size = np.abs(wide)
    near = _mean(np.clip(wide, -_NEAR, _NEAR), order)
    far = _hankel(np.maximum(size, _NEAR), order)
    y = np.where(size <= _NEAR, near, np.copysign(far, wide) if order else far)
    y = np.where(np.isnan(wide), np.nan, y)
    if not scaled:
        half = np.exp(size / 2)  # twice, so that it does not overflow before the whole does
        y = np.where(
            size == np.inf, np.copysign(np.inf, wide) if order else np.inf, y * half * half
        )
    dtype = x.dtype
    return y.astype(dtype) if dtype.kind == "f" else y
