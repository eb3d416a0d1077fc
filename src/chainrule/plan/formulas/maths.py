"""Exponential, logarithm and what is made of them, as straight lines that vectorise (floor 2).

Each function takes a register of float or double and writes the instructions for its value: a
reduction of the argument, a polynomial (interpolated at Chebyshev's points in 60 digits, or fitted
so that its largest errors are alike), and the way back, without a branch or a table. Infinities,
NaN, zeros and their signs, and numbers too small or too large come out as in NumPy. The errors, in
units of the last place, are held to the bounds in `ULPS` by a test over the whole range. A language
that has such a function itself, and no worse, uses its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.ops.erf import (
    _FAR_P,
    _FAR_Q,
    _MID_P,
    _MID_Q,
    _NEAR_P,
    _NEAR_Q,
    _SINGLE_P,
    _SINGLE_Q,
)
from chainrule.plan.formulas.registers import Register

__all__ = ["ULPS", "erf", "exp", "expm1", "log", "log1p", "sigmoid", "tanh"]

# The largest errors, in units of the last place, of float32 and of float64.
ULPS = {
    "exp": (1, 1),
    "expm1": (3, 3),
    "log": (1, 1),
    "log1p": (2, 2),
    "tanh": (4, 4),
    "sigmoid": (3, 3),
    "erf": (8, 4),
}


class Kind(NamedTuple):
    """What the functions need to know about a type of floating-point number.

    Attributes:
        whole: the integers of the same size.
        digits: bits of the significand that are stored.
        bias: of the exponent.
        ln2: ln 2 in two parts, the first so short that small multiples of it are exact.
        exponential: (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, lowest power first.
        logarithm: (ln((1 + s) / (1 - s)) - 2 s) / s^3 in s^2 for s of a number between sqrt(1/2)
            and sqrt(2), lowest power first.
        least, most: e^x is 0 below and infinite above.
        saturated: tanh x is 1 above.
    """

    whole: np.dtype[Any]
    digits: int
    bias: int
    ln2: tuple[float, float]
    exponential: Sequence[float]
    logarithm: Sequence[float]
    least: float
    most: float
    saturated: float

    @property
    def rounder(self) -> float:
        """A number so large that adding it leaves no fraction."""
        return 1.5 * 2.0**self.digits

    def bits(self, x: float) -> int:
        """How `x` is stored, as an integer."""
        real = np.float32 if self.whole.itemsize == 4 else np.float64
        return int(real(x).view(self.whole))


KINDS = {
    4: Kind(
        whole=np.dtype(np.int32),
        digits=23,
        bias=127,
        ln2=(0.693359375, -2.1219444005469058e-4),
        exponential=(
            *(0.499999934321, 0.166665203990, 0.0416683907874),
            *(0.00836874511637, 0.00138145399888),
        ),
        logarithm=(
            *(0.66666666553585081, 0.40000122584957255),
            *(0.28550736363107811, 0.23332762955117523),
        ),
        least=-104.0,
        most=89.0,
        saturated=9.1,
    ),
    8: Kind(
        whole=np.dtype(np.int64),
        digits=52,
        bias=1023,
        ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
        exponential=(
            *(0.5, 0.16666666666666670991, 0.041666666666666669755, 0.0083333333333261351258),
            *(0.0013888888888883748305, 0.00019841269874820625271, 2.4801587325547741216e-5),
            *(2.755725540020642443e-6, 2.7557273643110295328e-7, 2.5105217004720745164e-8),
            2.0914686968086877233e-9,
        ),
        logarithm=(
            *(0.66666666666666666462, 0.40000000000000889534, 0.28571428570795934749),
            *(0.22222222393452627488, 0.18181795454526501038, 0.15386249788196104628),
            *(0.13268503312794760136, 0.13089445145246311412),
        ),
        least=-746.0,
        most=710.0,
        saturated=20.0,
    ),
}


def kind(x: Register) -> Kind:
    return KINDS[x.dtype.itemsize]


Rule: TypeAlias = Callable[[Register], Register]


def of_the_language(rule: Rule) -> Rule:
    """A rule that gives way to a function of the same name that the language has itself."""

    def found(x: Register) -> Register:
        y = x.writer.own(rule.__name__, x)
        return rule(x) if y is None else y

    return found


def fma(a: Register, b: Register | float, c: Register | float) -> Register:
    """a b + c, rounded once where the processor can."""
    w, dtype = a.writer, a.dtype
    return w.intrinsic("fmuladd", a, w.number(b, dtype), w.number(c, dtype))


def polynomial(coefficients: Sequence[float], x: Register) -> Register:
    """A polynomial of x by Horner's rule, the lowest power first."""
    total = x.writer.number(coefficients[-1], x.dtype)
    for c in reversed(coefficients[:-1]):
        total = fma(total, x, c)
    return total


def size(x: Register) -> Register:
    return x.writer.intrinsic("fabs", x)


def at_most(x: Register, bound: float) -> Register:
    """The smaller of both, NaN where x is."""
    return x.gt(bound).select(x.writer.number(bound, x.dtype), x)


def at_least(x: Register, bound: float) -> Register:
    """The larger of both, NaN where x is."""
    return x.lt(bound).select(x.writer.number(bound, x.dtype), x)


def signed_as(y: Register, x: Register) -> Register:
    """y with the sign of x."""
    return y.writer.intrinsic("copysign", y, x)


def power_of_two(k: Register, dtype: np.dtype[Any]) -> Register:
    """2^k for an integer k whose power is a normal number."""
    real = KINDS[dtype.itemsize]
    return ((k + real.bias) << real.digits).bits(dtype)


# --- exponentials -------------------------------------------------------------------------------


def reduced(x: Register, ln2: Sequence[float] = ()) -> tuple[Register, Register]:
    """The integer k and e^r - 1, |r| <= ln 2 / 2, where x = k ln 2 + r.

    Args:
        x: the argument.
        ln2: ln 2 in parts; in so many that r has all digits by default.
    """
    real = kind(x)
    shifted = fma(x, 1 / math.log(2), real.rounder)  # the last bits of the sum are k
    k, r = shifted - real.rounder, x
    for part in ln2 or real.ln2:
        r = fma(k, -part, r)
    whole = shifted.bits(real.whole) - real.bits(real.rounder)
    return whole, fma(r * r, polynomial(real.exponential, r), r)


@of_the_language
def exp(x: Register) -> Register:
    """e^x."""
    real = kind(x)
    k, rest = reduced(at_most(at_least(x, real.least), real.most))
    # In two steps, because 2^k alone may be too large or too small to be normal.
    half = k >> 1
    return (rest + 1) * power_of_two(half, x.dtype) * power_of_two(k - half, x.dtype)


@of_the_language
def expm1(x: Register) -> Register:
    """e^x - 1, with all digits also near 0."""
    real = kind(x)
    lowest = -(real.digits + 3) * math.log(2)  # from here on the answer is -1
    k, rest = reduced(at_most(at_least(x, lowest), real.most))
    half = power_of_two(k - 1, x.dtype)
    y = fma(rest, half, half - 0.5)
    return x.eq(0).select(x, y + y)


@of_the_language
def tanh(x: Register) -> Register:
    """(e^2x - 1) / (e^2x + 1), of |x|, with the sign of x."""
    a = at_most(size(x), kind(x).saturated)
    k, rest = reduced(a + a, (math.log(2),))  # what r lacks is nothing beside e^2x
    half = power_of_two(k - 1, x.dtype)
    return signed_as(fma(rest, half, half - 0.5) / fma(rest, half, half + 0.5), x)


def sigmoid(x: Register) -> Register:
    """1 / (1 + e^-x)."""
    e = exp(-x)
    return x.writer.number(1, x.dtype) / (e + 1)


# --- logarithms ---------------------------------------------------------------------------------


@of_the_language
def log(x: Register) -> Register:
    """ln x."""
    real, w = kind(x), x.writer
    normal = 2.0 ** (1 - real.bias)
    lift = real.digits + 2
    small = x.lt(normal)
    bits = small.select(x * 2.0**lift, x).bits(real.whole)
    k = (bits - real.bits(math.sqrt(0.5))) >> real.digits  # x = 2^k m, sqrt(1/2) <= m < sqrt(2)
    f = (bits - (k << real.digits)).bits(x.dtype) - 1
    lifted = small.select(w.number(lift, real.whole), 0)
    y = _log_near_one(f, (k - lifted).to(x.dtype))
    y = x.compare("ult", "", 0).select(w.number(math.nan, x.dtype), y)
    y = x.eq(math.inf).select(x, y)
    return x.eq(0).select(w.number(-math.inf, x.dtype), y)


def _log_near_one(f: Register, k: Register) -> Register:
    """ln(1 + f) + k ln 2, f not far from 0."""
    real = kind(f)
    high, low = real.ln2
    s = f / (f + 2)
    square = s * s
    half = f * f * 0.5
    rest = fma(square, polynomial(real.logarithm, square), half)
    return fma(k, high, f - (half - fma(s, rest, k * low)))


@of_the_language
def log1p(x: Register) -> Register:
    """ln(1 + x), with all digits also near 0."""
    u = x + 1
    lost = (x - (u - 1)) / u  # what rounding took from 1 + x
    outside = u.eq(math.inf) | u.eq(0)
    y = log(u) + outside.select(x.writer.number(0, x.dtype), lost)
    return u.eq(1).select(x, y)


# --- the error function -------------------------------------------------------------------------


@of_the_language
def erf(x: Register) -> Register:
    """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, by the formulas of the op `erf`."""
    return _erf_single(x) if x.dtype.itemsize == 4 else _erf_double(x)


def ratio(over: Sequence[float], under: Sequence[float], x: Register) -> Register:
    """A quotient of polynomials of x, the highest power first."""
    return polynomial(over[::-1], x) / polynomial(under[::-1], x)


def _erf_single(x: Register) -> Register:
    near = at_most(at_least(x, -4), 4)
    y = near * polynomial(_SINGLE_P[::-1], near * near)
    return at_most(at_least(y / polynomial(_SINGLE_Q[::-1], near * near), -1), 1)


def _erf_double(x: Register) -> Register:
    one = x.writer.number(1, x.dtype)
    a = at_most(size(x), 6)  # beyond, erf is 1 to the last bit
    square = a * a
    bell = exp(-square)
    inverse = one / square
    near = x * ratio(_NEAR_P, _NEAR_Q, square)
    mid = one - bell * ratio(_MID_P, _MID_Q, a)
    tail = inverse * ratio(_FAR_P, _FAR_Q, inverse)
    far = one - bell / a * (x.writer.number(1 / math.sqrt(math.pi), x.dtype) - tail)
    y = signed_as(a.lt(4).select(mid, far), x)
    return a.le(0.5).select(near, y)
