"""Small formulas of one, two or three values, element by element, made of ops (floor 1).

`fmod`, `hypot`, `signbit`, `nextafter` and `bit_exponent` are primitives; all else is written with
others.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.ops import results
from chainrule.ops.core import Array, Value, composite, constant, quiet
from chainrule.ops.elementwise import (
    abs,
    add,
    cast,
    clip,
    div,
    elementwise,
    eq,
    exp2,
    ge,
    gt,
    isfinite,
    isnan,
    le,
    log,
    log1p,
    logaddexp,
    logical_and,
    logical_or,
    lt,
    mul,
    neg,
    pow,
    reciprocal,
    sin,
    sub,
    trunc,
    where,
)

# --- arithmetic ---------------------------------------------------------------------------------


@elementwise(1, lambda _y, a, b: neg(trunc(div(a, b))))
@quiet
def fmod(a: Array, b: Array) -> Array:
    """y = a - b trunc(a / b): has the sign of a, as in C.

    Examples:
        >>> fmod(np.array([7.0, -7.0]), 3.0)
        array([ 1., -1.])
    """
    return np.fmod(a, b)


@elementwise(lambda y, a, _b: div(a, y), lambda y, _a, b: div(b, y), flops=5)
def hypot(a: Array, b: Array) -> Array:
    """y = sqrt(a^2 + b^2), without overflow; no slope at the origin.

    Examples:
        >>> hypot(np.array([3.0]), np.array([4.0]))
        array([5.])
    """
    return np.hypot(a, b)


@composite
def frac(x: Value) -> Value:
    """x without its whole part, with the sign of x.

    Examples:
        >>> frac(np.array([1.5, -1.5]))
        array([ 0.5, -0.5])
    """
    return sub(x, trunc(x))


@composite
def lerp(start: Value, end: Value, weight: Value) -> Value:
    """start + weight (end - start).

    Examples:
        >>> lerp(np.array([0.0, 10.0]), np.array([10.0, 20.0]), 0.5)
        array([ 5., 15.])
    """
    return add(start, mul(weight, sub(end, start)))


@composite
def addcmul(x: Value, tensor1: Value, tensor2: Value, *, value: float = 1) -> Value:
    """x + value tensor1 tensor2.

    Examples:
        >>> addcmul(np.array([1.0]), np.array([2.0]), np.array([3.0]), value=0.5)
        array([4.])
    """
    product = mul(tensor1, tensor2)
    return add(x, product if value == 1 else mul(product, value))


@composite
def addcdiv(x: Value, tensor1: Value, tensor2: Value, *, value: float = 1) -> Value:
    """x + value tensor1 / tensor2.

    Examples:
        >>> addcdiv(np.array([1.0]), np.array([6.0]), np.array([3.0]), value=0.5)
        array([2.])
    """
    quotient = div(tensor1, tensor2)
    return add(x, quotient if value == 1 else mul(quotient, value))


@composite
def float_power(x: Value, exponent: Value) -> Value:
    """x^exponent in float64.

    Examples:
        >>> float_power(np.array([2]), -1)
        array([0.5])
    """
    powers = cast(exponent, dtype=np.float64) if hasattr(exponent, "shape") else exponent
    return pow(cast(x, dtype=np.float64) if hasattr(x, "shape") else x, powers)


@composite
def ldexp(x: Value, other: Value) -> Value:
    """x times 2^other.

    Examples:
        >>> ldexp(np.array([1.5]), np.array([2]))
        array([6.])
    """
    return mul(x, exp2(other))


@elementwise(None)
def bit_exponent(x: Array) -> Array:
    """The e for which |x| / 2^e is from 0.5 up to 1; 0 for 0, infinities and NaN.

    Examples:
        >>> bit_exponent(np.array([1.0, 6.0, 0.0]))
        array([1, 3, 0], dtype=int32)
    """
    return np.where(np.isfinite(x), np.frexp(x)[1], 0).astype(np.int32)


@composite
def frexp(x: Value) -> Value:
    """The mantissa, from 0.5 up to 1 in size, and the exponent of 2: x = mantissa 2^exponent.

    Examples:
        >>> mantissa, exponent = frexp(np.array([6.0]))
        >>> mantissa, exponent
        (array([0.75]), array([3], dtype=int32))
    """
    exponent = bit_exponent(x)
    return results.frexp(mul(x, cast(exp2(neg(exponent)), dtype=x.dtype)), exponent)


@elementwise(None, None)
def nextafter(a: Array, b: Array) -> Array:
    """The number that the format has next to a, on the way to b.

    Examples:
        >>> nextafter(np.array([1.0]), np.array([2.0])) - 1
        array([2.22044605e-16])
    """
    return np.nextafter(a, b)


@composite
def deg2rad(x: Value) -> Value:
    """Degrees in radians: x pi / 180.

    Examples:
        >>> deg2rad(np.array([180.0])).round(4)
        array([3.1416])
    """
    return mul(x, math.pi / 180)


@composite
def rad2deg(x: Value) -> Value:
    """Radians in degrees: x 180 / pi.

    Examples:
        >>> rad2deg(np.array([math.pi]))
        array([180.])
    """
    return mul(x, 180 / math.pi)


@composite
def logaddexp2(a: Value, b: Value) -> Value:
    """The logarithm to base 2 of 2^a + 2^b, without overflow.

    Examples:
        >>> logaddexp2(np.array([1000.0]), np.array([1000.0]))
        array([1001.])
    """
    return div(logaddexp(mul(a, math.log(2)), mul(b, math.log(2))), math.log(2))


# --- signs, steps and extremes ------------------------------------------------------------------


@elementwise(None)
def signbit(x: Array) -> Array:
    """Whether the sign is minus, also that of -0.

    Examples:
        >>> signbit(np.array([-1.0, -0.0, 0.0]))
        array([ True,  True, False])
    """
    return np.signbit(x)


@composite
def copysign(a: Value, b: Value) -> Value:
    """|a| with the sign of b; the slope by a is 0 at 0.

    Examples:
        >>> copysign(np.array([1.0, -2.0]), np.array([-0.0, 3.0]))
        array([-1.,  2.])
    """
    size = abs(a)
    return where(signbit(_of_format(b, a)), neg(size), size)


def _of_format(value: Value, like: Value) -> Value:
    """A Python number in the format of the value beside it; alone it would take the default one."""
    if hasattr(value, "shape") or not hasattr(like, "shape"):
        return value
    return constant(np.asarray(value, dtype=like.dtype), like)


@composite
def heaviside(x: Value, values: Value) -> Value:
    """0 below 0, 1 above, and `values` at 0.

    Examples:
        >>> heaviside(np.array([-1.0, 0.0, 2.0]), np.array(0.5))
        array([0. , 0.5, 1. ])
    """
    return where(eq(x, 0), values, cast(gt(x, 0), dtype=x.dtype))


@composite
def fmax(a: Value, b: Value) -> Value:
    """The larger of two; if one is NaN, the other. At a tie all of the gradient is for a.

    Examples:
        >>> fmax(np.array([1.0, np.nan]), np.array([2.0, 3.0]))
        array([2., 3.])
    """
    return where(logical_or(ge(a, b), isnan(b)), a, b)


@composite
def fmin(a: Value, b: Value) -> Value:
    """The smaller of two; if one is NaN, the other. At a tie all of the gradient is for a.

    Examples:
        >>> fmin(np.array([1.0, np.nan]), np.array([2.0, 3.0]))
        array([1., 3.])
    """
    return where(logical_or(le(a, b), isnan(b)), a, b)


@composite
def clamp(x: Value, min: Value = None, max: Value = None) -> Value:
    """x, not below `min` nor above `max`, which are numbers or broadcast; `max` has the last word.

    Examples:
        >>> clamp(np.array([-2.0, 0.5, 3.0]), np.array([0.0, 1.0, 0.0]), np.array(2.0))
        array([0., 1., 2.])
    """
    if not hasattr(min, "shape") and not hasattr(max, "shape"):
        return clip(x, min=min, max=max)
    if min is not None:
        x = where(lt(x, min), min, x)
    return x if max is None else where(gt(x, max), max, x)


@composite
def nan_to_num(
    x: Value, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Value:
    """x with numbers in place of NaN and of infinities, which become the largest that there are.

    Examples:
        >>> nan_to_num(np.array([np.nan, 1.0, -np.inf]), neginf=-9.0)
        array([ 0.,  1., -9.])
    """
    if np.dtype(x.dtype).kind != "f":
        return x
    most = float(np.finfo(x.dtype).max)
    x = where(isnan(x), nan, x)
    x = where(eq(x, math.inf), most if posinf is None else posinf, x)
    return where(eq(x, -math.inf), -most if neginf is None else neginf, x)


# --- what kind of number ------------------------------------------------------------------------


@composite
def isinf(x: Value) -> Value:
    """Whether x is infinite.

    Examples:
        >>> isinf(np.array([1.0, -np.inf, np.nan]))
        array([False,  True, False])
    """
    return eq(abs(x), math.inf)


@composite
def isposinf(x: Value) -> Value:
    """Whether x is plus infinity.

    Examples:
        >>> isposinf(np.array([1.0, np.inf, -np.inf]))
        array([False,  True, False])
    """
    return eq(x, math.inf)


@composite
def isneginf(x: Value) -> Value:
    """Whether x is minus infinity.

    Examples:
        >>> isneginf(np.array([1.0, np.inf, -np.inf]))
        array([False, False,  True])
    """
    return eq(x, -math.inf)


@composite
def isreal(x: Value) -> Value:
    """Whether x has no imaginary part: always, since there are no complex numbers here.

    Examples:
        >>> isreal(np.array([1.0, np.nan]))
        array([ True,  True])
    """
    return logical_or(eq(x, 0), True)


@composite
def isclose(
    a: Value, b: Value, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Value:
    """Whether |a - b| <= atol + rtol |b|, or both are the same infinity.

    Examples:
        >>> isclose(np.array([1.0, 1.0]), np.array([1.0 + 1e-9, 1.1]))
        array([ True, False])
    """
    both = logical_and(isfinite(a), isfinite(b))
    here, there = where(both, a, 0), where(both, b, 0)  # infinities have no difference
    near = le(abs(sub(here, there)), add(mul(abs(there), rtol), atol))
    found = logical_or(eq(a, b), logical_and(both, near))
    return logical_or(found, logical_and(isnan(a), isnan(b))) if equal_nan else found


# --- logarithms and their like ------------------------------------------------------------------


def times_log(x: Value, y: Value, logarithm: Value, pole: float = 0) -> Value:
    """x times the logarithm of y, which is minus infinity at `pole`: 0 where x is, up to there."""
    y = _of_format(y, x)
    lost = logical_and(eq(x, 0), le(y, pole))
    return where(lost, 0.0, mul(x, logarithm(where(lost, 1.0, y))))


@composite
def xlogy(x: Value, y: Value) -> Value:
    """x ln y, and 0 where x is 0 and y is not NaN.

    Examples:
        >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
        array([0., 0.])
    """
    return times_log(x, y, log)


@composite
def logit(x: Value, eps: float | None = None) -> Value:
    """ln(x / (1 - x)), the inverse of the sigmoid; x is clipped to [eps, 1 - eps] first.

    Examples:
        >>> logit(np.array([0.5, 0.75])).round(4)
        array([0.    , 1.0986])
    """
    x = x if eps is None else clip(x, min=eps, max=1 - eps)
    return sub(log(x), log1p(neg(x)))


@composite
def sinc(x: Value) -> Value:
    """sin(pi x) / (pi x), and 1 at 0.

    Examples:
        >>> sinc(np.array([0.0, 0.5])).round(4)
        array([1.    , 0.6366])
    """
    zero = eq(x, 0)
    angle = mul(where(zero, 1.0, x), math.pi)
    return where(zero, 1.0, mul(sin(angle), reciprocal(angle)))
