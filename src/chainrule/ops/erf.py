"""The error function and its relatives in NumPy, which has none (floor 1, bodies of ops).

float64 follows W. J. Cody's rational Chebyshev approximations ("Rational Chebyshev approximations
for the error function", Mathematics of Computation 23, 1969) on three ranges of |x|; float32 takes
one rational function in x^2 on [-4, 4], outside of which erf is 1 to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule.backend.arrays import as_array
from chainrule.ops.core import Array

# |x| <= 0.5: erf(x) = x P(x^2) / Q(x^2). Coefficients from the highest power down.
_NEAR_P = (
    1.85777706184603153e-1,
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
)
_NEAR_Q = (
    1.0,
    2.36012909523441209e01,
    2.44024637934444173e02,
    1.28261652607737228e03,
    2.84423683343917062e03,
)
# 0.5 <= |x| <= 4: erfc(x) = e^(-x^2) P(x) / Q(x).
_MID_P = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e01,
    2.98635138197400131e02,
    8.81952221241769090e02,
    1.71204761263407058e03,
    2.05107837782607147e03,
    1.23033935479799725e03,
)
_MID_Q = (
    1.0,
    1.57449261107098347e01,
    1.17693950891312499e02,
    5.37181101862009858e02,
    1.62138957456669019e03,
    3.29079923573345963e03,
    4.36261909014324716e03,
    3.43936767414372164e03,
    1.23033935480374942e03,
)
# |x| >= 4: erfc(x) = e^(-x^2) / x (1 / sqrt(pi) - P(1 / x^2) / (x^2 Q(1 / x^2))).
_FAR_P = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_FAR_Q = (
    1.0,
    2.56852019228982242e00,
    1.87295284992346725e00,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)
_SINGLE_P = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_SINGLE_Q = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)


def _horner(coefficients: Sequence[float], x: Array) -> Array:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total *= x
        total += c
    return total


def _single(x: Array) -> Array:
    x = np.clip(x, np.float32(-4), np.float32(4))
    square = x * x
    return np.clip(x * _horner(_SINGLE_P, square) / _horner(_SINGLE_Q, square), -1, 1)


def _near(x: Array) -> Array:
    square = x * x
    return x * _horner(_NEAR_P, square) / _horner(_NEAR_Q, square)


def _mid(x: Array) -> Array:
    """e^(x^2) erfc(x) for 0.5 < x < 4."""
    return _horner(_MID_P, x) / _horner(_MID_Q, x)


def _far(x: Array) -> Array:
    """e^(x^2) erfc(x) for x >= 4."""
    inverse = 1 / (x * x)
    tail = inverse * _horner(_FAR_P, inverse) / _horner(_FAR_Q, inverse)
    return (1 / math.sqrt(math.pi) - tail) / x


def _scaled_tail(x: Array) -> Array:
    """e^(x^2) erfc(x) for x >= 0.5."""
    return np.where(x < 4, _mid(np.clip(x, 0.5, 4)), _far(np.maximum(x, 4)))


def erf_body(x: Array) -> Array:
    """Return erf of every element, in the dtype of `x` (integers: float64)."""
    x = as_array(x)
    if x.dtype in (np.float32, np.float16):
        return _single(x.astype(np.float32, copy=False)).astype(x.dtype, copy=False)
    x = x.astype(np.float64, copy=False)
    size = np.abs(x)
    tail = np.where(np.isnan(x), np.nan, 1 - np.exp(-x * x) * _scaled_tail(size))
    return np.where(size <= 0.5, _near(np.clip(x, -0.5, 0.5)), np.copysign(tail, x))


def erfc_body(x: Array, *, scaled: bool = False) -> Array:
    """Return 1 - erf(x), exact also where that is tiny; `scaled` by e^(x^2)."""
    wide = as_array(x).astype(np.float64)
    size = np.abs(wide)
    lost = np.exp(-wide * wide)
    tail = _scaled_tail(size)
    near = 1 - _near(np.clip(wide, -0.5, 0.5))
    if scaled:
        y = np.where(size <= 0.5, near / lost, np.where(wide > 0, tail, 2 / lost - tail))
    else:
        y = np.where(size <= 0.5, near, np.where(wide > 0, lost * tail, 2 - lost * tail))
    return _back(np.where(np.isnan(wide), np.nan, y), x)


def _back(y: Array, like: Array) -> Array:
    """y in the dtype of `like` (integers: float64)."""
    dtype = as_array(like).dtype
    return y.astype(dtype) if dtype.kind == "f" else y


def _guess(tail: Array) -> Array:
    """Winitzki's formula for the y with erfc(y) = `tail`, from 0 to 1: within 0.4 %."""
    a = 0.147
    logarithm = np.log(tail * (2 - tail))
    half = 2 / (math.pi * a) + logarithm / 2
    return np.sqrt(np.maximum(np.sqrt(half * half - logarithm / a) - half, 0))


def _from_tail(tail: Array) -> Array:
    """The y with erfc(y) = `tail`, from 0 to 1, by Newton's method on the logarithms of both."""
    wanted, y = np.log(tail), np.minimum(_guess(tail), 27.0)
    for _ in range(4):
        scaled = erfc_body(y, scaled=True)
        y = y + (np.log(scaled) - y * y - wanted) * scaled * (math.sqrt(math.pi) / 2)
    return np.where(tail == 0, np.inf, y)


def _from_middle(x: Array) -> Array:
    """The y with erf(y) = x, below 1/2, by Newton's method."""
    y = _guess(1 - x)
    for _ in range(4):
        y = y + (x - erf_body(y)) * np.exp(y * y) * (math.sqrt(math.pi) / 2)
    return y


def erfinv_body(x: Array) -> Array:
    """Return the y with erf(y) = x; infinite at 1 and -1, NaN beyond."""
    wide = as_array(x).astype(np.float64)
    size = np.abs(wide)
    middle = _from_middle(np.minimum(size, 0.5))
    return _back(np.copysign(np.where(size < 0.5, middle, _from_tail(1 - size)), wide), x)


def ndtri_body(p: Array) -> Array:
    """Return the y that a normal variable does not exceed with probability p."""
    wide = as_array(p).astype(np.float64)
    side = np.where(wide > 0.5, 1 - wide, wide)
    y = math.sqrt(2) * _from_tail(2 * side)
    return _back(np.where(wide > 0.5, y, -y), p)
