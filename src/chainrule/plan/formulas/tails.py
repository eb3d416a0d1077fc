"""Tails of the normal distribution and the slope of ln gamma, in registers (floor 2).

The formulas and coefficients are those of `ops.erf` and `ops.gamma`, all in float64, one number at
a time where they take them for an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.ops.erf import _FAR_P, _FAR_Q, _MID_P, _MID_Q, _NEAR_P, _NEAR_Q
from chainrule.ops.gamma import _BERNOULLI, _FAR
from chainrule.plan.formulas.maths import (
    at_least,
    at_most,
    erf,
    exp,
    log,
    ratio,
    signed_as,
    size,
)
from chainrule.plan.formulas.registers import Register, Unsupported

__all__ = ["TAILS"]

Rule: TypeAlias = Callable[[Register], Register]

DOUBLE = np.dtype(np.float64)


def _number(x: float, like: Register) -> Register:
    return like.writer.number(x, like.dtype)


def _root(x: Register) -> Register:
    return x.writer.intrinsic("sqrt", x)


def _one_of(condition: Register, yes: Register | float, no: Register) -> Register:
    return condition.select(no.writer.number(yes, no.dtype), no)


# --- tails ----------------------------------------------------------------------------------------


def _scaled_tail(x: Register) -> Register:
    """e^(x^2) erfc(x) for x >= 0.5."""
    middle = at_most(at_least(x, 0.5), 4)
    mid = ratio(_MID_P, _MID_Q, middle)
    away = at_least(x, 4)
    inverse = _number(1, x) / (away * away)
    tail = inverse * ratio(_FAR_P, _FAR_Q, inverse)
    far = (_number(1 / math.sqrt(math.pi), x) - tail) / away
    return x.lt(4).select(mid, far)


def _complement(x: Register, scaled: bool = False) -> Register:
    """1 - erf(x), `scaled` by e^(x^2)."""
    a, lost = size(x), exp(-(x * x))
    tail = _scaled_tail(a)
    inside = at_most(at_least(x, -0.5), 0.5)
    near = _number(1, x) - inside * ratio(_NEAR_P, _NEAR_Q, inside * inside)
    if scaled:
        outside = x.gt(0).select(tail, _number(2, x) / lost - tail)
        y = a.le(0.5).select(near / lost, outside)
    else:
        outside = x.gt(0).select(lost * tail, _number(2, x) - lost * tail)
        y = a.le(0.5).select(near, outside)
    return x.ne(x).select(x, y)


def _guess(tail: Register) -> Register:
    a = 0.147
    logarithm = log(tail * (_number(2, tail) - tail))
    half = logarithm / 2 + 2 / (math.pi * a)
    return _root(at_least(_root(half * half - logarithm / a) - half, 0))


def _from_tail(tail: Register) -> Register:
    """The y with erfc(y) = `tail`, from 0 to 1, by Newton's method on the logarithms of both."""
    wanted, y = log(tail), at_most(_guess(tail), 27.0)
    for _ in range(4):
        scaled = _complement(y, scaled=True)
        y = y + (log(scaled) - y * y - wanted) * scaled * (math.sqrt(math.pi) / 2)
    return _one_of(tail.eq(0), math.inf, y)


def _from_middle(x: Register) -> Register:
    """The y with erf(y) = x, below 1/2, by Newton's method."""
    y = _guess(_number(1, x) - x)
    for _ in range(4):
        y = y + (x - erf(y)) * exp(y * y) * (math.sqrt(math.pi) / 2)
    return y


def _inverse(x: Register) -> Register:
    a = size(x)
    middle = _from_middle(at_most(a, 0.5))
    return signed_as(a.lt(0.5).select(middle, _from_tail(_number(1, x) - a)), x)


def _quantile(p: Register) -> Register:
    side = p.gt(0.5).select(_number(1, p) - p, p)
    y = _from_tail(side * 2) * math.sqrt(2)
    return p.gt(0.5).select(y, -y)


# --- the gamma function ---------------------------------------------------------------------------


def _digamma(x: Register) -> Register:
    at = x.lt(0).select(_number(1, x) - x, x)
    total = _number(0, x)
    for _ in range(math.ceil(_FAR)):
        low = at.lt(_FAR)
        total = low.select(total - _number(1, x) / at, total)
        at = low.select(at + 1, at)
    total = total + (log(at) - _number(0.5, x) / at)
    square = at * at
    power = square
    for k, b in enumerate(_BERNOULLI, 1):
        total = total - _number(b / (2 * k), x) / power
        power = power * square
    w = x.writer
    turned = total - _number(math.pi, x) / w.call("tan", x * math.pi)
    reflected = _one_of(x.eq(w.intrinsic("floor", x)), math.nan, turned)
    y = x.lt(0).select(reflected, total)
    return x.eq(0).select(signed_as(_number(math.inf, x), -x), y)


def _wide(rule: Rule) -> Rule:
    """A rule for doubles, and for floats, which are as wide on the way."""

    def found(x: Register) -> Register:
        if x.dtype.kind != "f" or x.dtype.itemsize not in (4, 8):
            raise Unsupported(f"this function of {x.dtype}")
        return rule(x.to(DOUBLE)).to(x.dtype)

    return found


# Each with a function of NumPy that casts its argument likewise.
TAILS: dict[str, tuple[Any, Rule]] = {
    "erfc": (np.exp, _wide(_complement)),
    "erfcx": (np.exp, _wide(lambda x: _complement(x, scaled=True))),
    "erfinv": (np.exp, _wide(_inverse)),
    "ndtri": (np.exp, _wide(_quantile)),
    "digamma": (np.exp, _wide(_digamma)),
}
