"""The gamma function's relatives in NumPy, which has none (floor 1, bodies of ops).

All compute in float64 and give the dtype of their argument (integers: float64).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.backend.arrays import as_array, module_of
from chainrule.ops.core import Array

# Bernoulli's numbers B_2, B_4, ...: the coefficients of Euler and Maclaurin's formula.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_FAR = 20.0  # from where on their terms fall below the last digit


def _wide(x: Array) -> Array:
    return as_array(x).astype(np.float64)


def _back(y: Array, like: Array) -> Array:
    dtype = as_array(like).dtype
    return y.astype(dtype) if dtype.kind == "f" else y


def _meeting(*xs: Any) -> np.dtype[Any]:
    """The dtype of the arrays among xs, without that of Python's numbers."""
    return np.result_type(*(x.dtype for x in xs if hasattr(x, "shape") and not np.isscalar(x)))


def _log_gamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except ValueError:  # a pole
        return math.inf


def lgamma_body(x: Array) -> Array:
    """Return ln |gamma(x)| of every element, by the C library."""
    return _back(np.asarray(np.frompyfunc(_log_gamma, 1, 1)(_wide(x)), dtype=np.float64), x)


def digamma_body(x: Array) -> Array:
    """Return the slope of ln gamma(x): by psi(x) = psi(x + 1) - 1/x until x is large.

    From there on ln x - 1/(2 x) - sum of B_2k / (2k x^2k); below 0 the reflection
    psi(x) = psi(1 - x) - pi / tan(pi x).
    """
    wide = _wide(x)
    at = np.where(wide < 0, 1 - wide, wide)
    total = np.zeros_like(at)
    while (low := at < _FAR).any():
        total -= np.where(low, 1 / at, 0)
        at = np.where(low, at + 1, at)
    total += np.log(at) - 0.5 / at
    for k, b in enumerate(_BERNOULLI, 1):
        total -= b / (2 * k) / at ** (2 * k)
    whole = wide == np.floor(wide)
    reflected = np.where(whole, np.nan, total - math.pi / np.tan(math.pi * wide))
    pole = np.copysign(np.inf, -wide)
    return _back(np.where(wide == 0, pole, np.where(wide < 0, reflected, total)), x)


def zeta_body(s: Array, q: Array) -> Array:
    """Return Hurwitz's zeta function, the sum of (q + k)^-s over k from 0 on, for s > 1.

    The first terms one by one until q + k is large, the rest by Euler and Maclaurin's formula. NaN
    below -10,000, where that would take long.
    """
    make = module_of(s, q)
    power, at = np.broadcast_arrays(*(make.asarray(v, dtype=np.float64) for v in (s, q)))
    at = np.where(at < -10_000, np.nan, at)
    total = np.zeros_like(at)
    while (low := at < _FAR).any():
        total += np.where(low, at**-power, 0)
        at = np.where(low, at + 1, at)
    term = at**-power
    total += at * term / (power - 1) + term / 2
    factor = power * term / at
    for k, b in enumerate(_BERNOULLI, 1):
        total += b / math.factorial(2 * k) * factor
        factor = factor * (power + 2 * k - 1) * (power + 2 * k) / (at * at)
    found = np.where(power == 1, np.inf, np.where(power < 1, np.nan, total))
    return found.astype(_meeting(s, q))


def _converged(term: Array, total: Array) -> bool:
    return bool(np.all((np.abs(term) <= 1e-17 * np.abs(total)) | ~np.isfinite(total)))


def _series(a: Array, x: Array) -> Array:
    """P(a, x) times gamma(a + 1) / (x^a e^-x), for x < a + 1: the sum of x^n / ((a+1)...(a+n))."""
    total = term = np.ones_like(x)
    n = 0
    while not _converged(term, total) and n < 100_000:
        n += 1
        term = term * x / (a + n)
        total = total + term
    return total


def _fraction(a: Array, x: Array) -> Array:
    """Q(a, x) gamma(a) / (x^a e^-x), for x >= a + 1: Legendre's fraction by Lentz's method."""
    b = x + 1 - a
    c, d = np.full_like(x, 1e300), 1 / b
    total = d
    for n in range(1, 100_000):
        weight = n * (a - n)
        b = b + 2
        d = 1 / (weight * d + b)
        c = b + weight / c
        total = total * c * d
        if _converged(c * d - 1, np.full_like(x, 10)):
            break
    return total


def gammainc_body(a: Array, x: Array, *, upper: bool) -> Array:
    """Return the lower, or upper, incomplete gamma function, divided by gamma(a)."""
    wide_a, wide_x = np.broadcast_arrays(_wide(a), _wide(x))
    inside = (wide_a > 0) & (wide_x > 0) & np.isfinite(wide_a) & np.isfinite(wide_x)
    a_in, x_in = np.where(inside, wide_a, 1.0), np.where(inside, wide_x, 1.0)
    below = x_in < a_in + 1
    scale = np.exp(a_in * np.log(x_in) - x_in - lgamma_body(a_in))
    lower = scale / a_in * _series(a_in, np.where(below, x_in, a_in))
    above = scale * _fraction(a_in, np.where(below, a_in + 2, x_in))
    y = np.where(below, 1 - lower, above) if upper else np.where(below, lower, 1 - above)
    y = np.where(inside, y, _at_edges(wide_a, wide_x, upper))
    return y.astype(_meeting(a, x))


def _at_edges(a: Array, x: Array, upper: bool) -> Array:
    """The values at 0 and at infinity; NaN elsewhere outside of the domain."""
    empty, full = (1.0, 0.0) if upper else (0.0, 1.0)
    y = np.where((a > 0) & (x == 0), empty, np.nan)
    y = np.where((a > 0) & np.isfinite(a) & (x == np.inf), full, y)
    y = np.where((a == np.inf) & (x >= 0) & np.isfinite(x), empty, y)
    return np.where((a == 0) & (x > 0), full, y)
