"""Elementwise operations: arithmetic, powers, exponentials, trigonometry, comparisons (floor 1).

Each states its *local* derivative dy/dx, one formula per argument as a function of the output and
the inputs, and is broadcast over its arguments as NumPy does. The vector-Jacobian product follows:
g * dy/dx, summed over whatever dimensions broadcasting had added.

Values at kinks and ties are PyTorch's: abs, sign and relu have slope 0 at 0; at a tie `maximum` and
`minimum` give half of the gradient to each side; `clip` passes it at the bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.backend.arrays import as_array, module_of, near
from chainrule.ops.core import (
    Array,
    Op,
    Rule,
    Value,
    broadcast_shape,
    primitive,
    quiet,
    register,
    run,
    same_shape,
)
from chainrule.ops.erf import erf_body
from chainrule.ops.shape import unbroadcast

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def derived(i: int, local: Rule | float | None) -> Rule | None:
    """Return the vector-Jacobian product of argument `i` that its local derivative implies."""
    if local is None:
        return None
    if callable(local):
        formula = local

        def rule(g: Value, y: Value, *xs: Value, **attrs: Any) -> Value:
            return unbroadcast(run(mul, (g, formula(y, *xs, **attrs)), {}), xs[i].shape)

        rule.formula = formula  # type: ignore[attr-defined]
        return rule
    slope = local

    def constant(g: Value, _y: Value, *_xs: Value, **_attrs: Any) -> Value:
        return unbroadcast(g if slope == 1 else mul(g, slope), _xs[i].shape)

    return constant


def elementwise(
    *local: Rule | float | None, flops: float = 1
) -> Callable[[Callable[..., Any]], Op]:
    """Decorate a forward body to make it an elementwise op.

    Args:
        local: for each array argument dy/dx: a formula `(y, *xs, **attrs)`, a constant slope, or
            `None` where the output does not depend on it smoothly.
        flops: operations an element, for predictions of cost.
    """

    def made(forward: Callable[..., Any]) -> Op:
        rules = [derived(i, formula) for i, formula in enumerate(local)]
        return register(
            Op(
                forward.__name__,
                forward,
                kind="elementwise",
                shape=broadcast_shape,
                vjp=rules if any(rules) else None,
                local=local,
                flops=flops,
                arity=len(local),
            )
        )

    return made


# --- arithmetic ---------------------------------------------------------------------------------


@elementwise(1, 1)
def add(a: Array, b: Array) -> Array:
    """y = a + b.

    Examples:
        >>> add(np.array([1.0, 2.0]), 1.0)
        array([2., 3.])
    """
    return np.add(a, b)


@elementwise(1, -1)
def sub(a: Array, b: Array) -> Array:
    """y = a - b.

    Examples:
        >>> sub(np.array([1.0, 2.0]), 1.0)
        array([0., 1.])
    """
    return np.subtract(a, b)


@elementwise(lambda _y, _a, b: b, lambda _y, a, _b: a)
def mul(a: Array, b: Array) -> Array:
    """y = a b, element by element.

    Examples:
        >>> mul(np.array([1.0, 2.0]), 3.0)
        array([3., 6.])
    """
    return np.multiply(a, b)


@elementwise(lambda _y, _a, b: div(1.0, b), lambda y, _a, b: neg(div(y, b)))
@quiet
def div(a: Array, b: Array) -> Array:
    """y = a / b; division by zero gives an infinity or NaN, as IEEE 754 says.

    Examples:
        >>> div(np.array([1.0, 2.0]), 4.0)
        array([0.25, 0.5 ])
    """
    return np.true_divide(a, b)


@elementwise(-1)
def neg(x: Array) -> Array:
    """y = -x.

    Examples:
        >>> neg(np.array([1.0, -2.0]))
        array([-1.,  2.])
    """
    return np.negative(x)


@elementwise(None, None)
@quiet
def floor_divide(a: Array, b: Array) -> Array:
    """The largest integer not above a / b. Not differentiable.

    Examples:
        >>> floor_divide(np.array([7.0, -7.0]), 2.0)
        array([ 3., -4.])
    """
    return np.floor_divide(a, b)


@elementwise(1, lambda _y, a, b: neg(floor_divide(a, b)))
@quiet
def remainder(a: Array, b: Array) -> Array:
    """y = a - b floor(a / b): has the sign of b, as in Python.

    Examples:
        >>> remainder(np.array([7.0, -7.0]), 3.0)
        array([1., 2.])
    """
    return np.remainder(a, b)


# --- powers and roots ---------------------------------------------------------------------------


def _power_slope(_y: Value, a: Value, b: Value) -> Value:
    # b a^(b-1); where b is 0 the output is constant, also at a = 0.
    if isinstance(b, (int, float)):
        return mul(a if b == 2 else pow(a, b - 1), b) if b else 0.0
    return where(eq(b, 0), 0.0, mul(b, pow(a, sub(b, 1))))


def _exponent_slope(y: Value, a: Value, b: Value) -> Value:
    # y ln a; at a = 0 with b >= 0 the limit is 0, as in PyTorch.
    if isinstance(a, (int, float)):
        if a > 0:
            return mul(y, math.log(a))
        a = near(np.asarray(a, dtype=y.dtype), y)  # `where` would take two numbers for float64
    flat = logical_and(eq(a, 0), ge(b, 0))
    return where(flat, 0.0, mul(y, log(where(flat, 1.0, a))))


@elementwise(_power_slope, _exponent_slope, flops=20)
@quiet
def pow(a: Array, b: Array) -> Array:
    """y = a^b. A negative number to a fractional power is NaN; 0^0 is 1.

    The slope by a is b a^(b-1), and 0 where b = 0; the slope by b is y ln a, and 0 where a = 0 and
    b >= 0.

    Examples:
        >>> pow(np.array([1.0, 2.0, 3.0]), 2)
        array([1., 4., 9.])
    """
    return np.power(a, b)


@elementwise(lambda _y, x: mul(x, 2))
def square(x: Array) -> Array:
    """y = x^2.

    Examples:
        >>> square(np.array([1.0, -3.0]))
        array([1., 9.])
    """
    return np.multiply(x, x)


@elementwise(lambda y, _x: div(0.5, y), flops=4)
@quiet
def sqrt(x: Array) -> Array:
    """y = x^(1/2); NaN below 0; the slope 1 / (2 y) is infinite at 0.

    Examples:
        >>> sqrt(np.array([4.0, 9.0]))
        array([2., 3.])
    """
    return np.sqrt(x)


@elementwise(lambda y, x: mul(div(y, x), -0.5), flops=5)
@quiet
def rsqrt(x: Array) -> Array:
    """y = x^(-1/2).

    Examples:
        >>> rsqrt(np.array([4.0, 0.25]))
        array([0.5, 2. ])
    """
    return 1 / np.sqrt(x)


@elementwise(lambda y, _x: neg(square(y)))
@quiet
def reciprocal(x: Array) -> Array:
    """y = 1 / x.

    Examples:
        >>> reciprocal(np.array([4.0, 0.5]))
        array([0.25, 2.  ])
    """
    return np.true_divide(1, x)


# --- exponentials and logarithms ----------------------------------------------------------------


@elementwise(lambda y, _x: y, flops=10)
@quiet
def exp(x: Array) -> Array:
    """y = e^x, its own derivative.

    Examples:
        >>> exp(np.array([0.0, 1.0]))
        array([1.        , 2.71828183])
    """
    return np.exp(x)


@elementwise(lambda y, _x: add(y, 1), flops=12)
@quiet
def expm1(x: Array) -> Array:
    """y = e^x - 1, exact also for small x.

    Examples:
        >>> expm1(np.array([0.0, 1e-12]))
        array([0.e+00, 1.e-12])
    """
    return np.expm1(x)


@elementwise(lambda y, _x: mul(y, math.log(2)), flops=10)
@quiet
def exp2(x: Array) -> Array:
    """y = 2^x.

    Examples:
        >>> exp2(np.array([0.0, 3.0]))
        array([1., 8.])
    """
    return np.exp2(x)


@elementwise(lambda _y, x: reciprocal(x), flops=10)
@quiet
def log(x: Array) -> Array:
    """y = ln x: minus infinity at 0, NaN below.

    Examples:
        >>> log(np.array([1.0, np.e]))
        array([0., 1.])
    """
    return np.log(x)


@elementwise(lambda _y, x: reciprocal(add(x, 1)), flops=12)
@quiet
def log1p(x: Array) -> Array:
    """y = ln(1 + x), exact also for small x.

    Examples:
        >>> log1p(np.array([0.0, 1e-12]))
        array([0.e+00, 1.e-12])
    """
    return np.log1p(x)


@elementwise(lambda _y, x: reciprocal(mul(x, math.log(2))), flops=10)
@quiet
def log2(x: Array) -> Array:
    """y = ln x / ln 2.

    Examples:
        >>> log2(np.array([1.0, 8.0]))
        array([0., 3.])
    """
    return np.log2(x)


@elementwise(lambda _y, x: reciprocal(mul(x, math.log(10))), flops=10)
@quiet
def log10(x: Array) -> Array:
    """y = ln x / ln 10.

    Examples:
        >>> log10(np.array([1.0, 1000.0]))
        array([0., 3.])
    """
    return np.log10(x)


@elementwise(
    lambda y, a, _b: exp(sub(a, y)),
    lambda y, _a, b: exp(sub(b, y)),
    flops=24,
)
@quiet
def logaddexp(a: Array, b: Array) -> Array:
    """y = ln(e^a + e^b), without overflow.

    Examples:
        >>> logaddexp(np.array([0.0, 1000.0]), np.array([0.0, 0.0])).round(4)
        array([6.931e-01, 1.000e+03])
    """
    return np.logaddexp(a, b)


# --- trigonometry -------------------------------------------------------------------------------


@elementwise(lambda _y, x: cos(x), flops=15)
@quiet
def sin(x: Array) -> Array:
    """y = sin x, x in radians.

    Examples:
        >>> sin(np.array([0.0, np.pi / 2]))
        array([0., 1.])
    """
    return np.sin(x)


@elementwise(lambda _y, x: neg(sin(x)), flops=15)
@quiet
def cos(x: Array) -> Array:
    """y = cos x, x in radians.

    Examples:
        >>> cos(np.array([0.0, np.pi]))
        array([ 1., -1.])
    """
    return np.cos(x)


@elementwise(lambda y, _x: add(square(y), 1), flops=20)
@quiet
def tan(x: Array) -> Array:
    """y = tan x, x in radians.

    Examples:
        >>> tan(np.array([0.0, np.pi / 4])).round(6)
        array([0., 1.])
    """
    return np.tan(x)


@elementwise(lambda _y, x: rsqrt(sub(1, square(x))), flops=20)
@quiet
def asin(x: Array) -> Array:
    """y = arcsin x for -1 <= x <= 1, NaN outside; the slope is infinite at the ends.

    Examples:
        >>> asin(np.array([0.0, 1.0])).round(6)
        array([0.      , 1.570796])
    """
    return np.arcsin(x)


@elementwise(lambda _y, x: neg(rsqrt(sub(1, square(x)))), flops=20)
@quiet
def acos(x: Array) -> Array:
    """y = arccos x for -1 <= x <= 1, NaN outside; the slope is infinite at the ends.

    Examples:
        >>> acos(np.array([1.0, 0.0])).round(6)
        array([0.      , 1.570796])
    """
    return np.arccos(x)


@elementwise(lambda _y, x: reciprocal(add(square(x), 1)), flops=20)
def atan(x: Array) -> Array:
    """y = arctan x.

    Examples:
        >>> atan(np.array([0.0, 1.0])).round(6)
        array([0.      , 0.785398])
    """
    return np.arctan(x)


def _distance_squared(a: Value, b: Value) -> Value:
    # Infinite at the origin, where the angle has no slope: so that the slopes are 0, not NaN.
    square_sum = add(square(a), square(b))
    return where(eq(square_sum, 0), math.inf, square_sum)


@elementwise(
    lambda _y, a, b: div(b, _distance_squared(a, b)),
    lambda _y, a, b: neg(div(a, _distance_squared(a, b))),
    flops=25,
)
def atan2(a: Array, b: Array) -> Array:
    """The angle of the point (b, a) from the first axis, in (-pi, pi]; its slopes at 0 are 0.

    Examples:
        >>> atan2(np.array([1.0, -1.0]), np.array([1.0, 1.0])).round(6)
        array([ 0.785398, -0.785398])
    """
    return np.arctan2(a, b)


@elementwise(lambda _y, x: cosh(x), flops=20)
@quiet
def sinh(x: Array) -> Array:
    """y = (e^x - e^-x) / 2.

    Examples:
        >>> sinh(np.array([0.0, 1.0])).round(6)
        array([0.      , 1.175201])
    """
    return np.sinh(x)


@elementwise(lambda _y, x: sinh(x), flops=20)
@quiet
def cosh(x: Array) -> Array:
    """y = (e^x + e^-x) / 2.

    Examples:
        >>> cosh(np.array([0.0, 1.0])).round(6)
        array([1.      , 1.543081])
    """
    return np.cosh(x)


@elementwise(lambda y, _x: sub(1, square(y)), flops=15)
def tanh(x: Array) -> Array:
    """y = (e^x - e^-x) / (e^x + e^-x), with slope 1 - y^2.

    Examples:
        >>> tanh(np.array([0.0, 1.0])).round(6)
        array([0.      , 0.761594])
    """
    return np.tanh(x)


@elementwise(lambda _y, x: rsqrt(add(square(x), 1)), flops=20)
@quiet
def asinh(x: Array) -> Array:
    """The inverse of sinh: ln(x + sqrt(x^2 + 1)).

    Examples:
        >>> asinh(np.array([0.0, 1.0])).round(6)
        array([0.      , 0.881374])
    """
    return np.arcsinh(x)


@elementwise(lambda _y, x: rsqrt(sub(square(x), 1)), flops=20)
@quiet
def acosh(x: Array) -> Array:
    """The inverse of cosh for x >= 1, NaN below.

    Examples:
        >>> acosh(np.array([1.0, 2.0])).round(6)
        array([0.      , 1.316958])
    """
    return np.arccosh(x)


@elementwise(lambda _y, x: reciprocal(sub(1, square(x))), flops=20)
@quiet
def atanh(x: Array) -> Array:
    """The inverse of tanh for -1 < x < 1, infinite at the ends, NaN outside.

    Examples:
        >>> atanh(np.array([0.0, 0.5])).round(6)
        array([0.      , 0.549306])
    """
    return np.arctanh(x)


# --- functions of probability and activation ----------------------------------------------------


@elementwise(lambda _y, x: mul(exp(neg(square(x))), _TWO_OVER_SQRT_PI), flops=25)
@quiet
def erf(x: Array) -> Array:
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.

    Within 3 units in the last place in float64, 8 in float32 (W. J. Cody, "Rational Chebyshev
    approximations for the error function", Mathematics of Computation 23, 1969).

    Examples:
        >>> erf(np.array([0.0, 1.0])).round(6)
        array([0.      , 0.842701])
    """
    return erf_body(x)


@elementwise(lambda y, _x: mul(y, sub(1, y)), flops=12)
@quiet
def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + e^-x), with slope y (1 - y); no overflow at either end.

    Examples:
        >>> sigmoid(np.array([0.0, -1000.0, 1000.0]))
        array([0.5, 0. , 1. ])
    """
    # 0.0 - x rather than -x, which wraps around for unsigned integers.
    return np.true_divide(1, 1 + np.exp(np.subtract(0.0, x)))


@elementwise(lambda y, _x: gt(y, 0))
def relu(x: Array) -> Array:
    """y = max(x, 0), with slope 0 at 0.

    Examples:
        >>> relu(np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    return np.maximum(x, 0)


# --- kinks: absolute value, extremes, rounding --------------------------------------------------


@elementwise(lambda _y, x: sign(x))
def abs(x: Array) -> Array:
    """y = |x|, with slope 0 at 0.

    Examples:
        >>> abs(np.array([-1.0, 2.0]))
        array([1., 2.])
    """
    return np.absolute(x)


@elementwise(0)
def sign(x: Array) -> Array:
    """-1, 0 or 1; its slope is 0 everywhere.

    Examples:
        >>> sign(np.array([-3.0, 0.0, 2.0]))
        array([-1.,  0.,  1.])
    """
    return np.sign(x)


def _share(_y: Value, mine: Value, other: Value) -> Value:
    # 1 where mine wins, or there is NaN; one half at a tie.
    return cast(where(eq(mine, other), 0.5, logical_not(lt(mine, other))), dtype=_y.dtype)


@elementwise(lambda _y, a, b: _share(_y, a, b), lambda _y, a, b: _share(_y, b, a))
def maximum(a: Array, b: Array) -> Array:
    """The larger of two; NaN if either is. At a tie each side gets half of the gradient.

    Examples:
        >>> maximum(np.array([1.0, 5.0]), 2.0)
        array([2., 5.])
    """
    return np.maximum(a, b)


@elementwise(lambda _y, a, b: _share(_y, b, a), lambda _y, a, b: _share(_y, a, b))
def minimum(a: Array, b: Array) -> Array:
    """The smaller of two; NaN if either is. At a tie each side gets half of the gradient.

    Examples:
        >>> minimum(np.array([1.0, 5.0]), 2.0)
        array([1., 2.])
    """
    return np.minimum(a, b)


def _inside(_y: Value, x: Value, *, min: float | None = None, max: float | None = None) -> Value:
    bounds: Sequence[Value] = [ge(x, min)] if min is not None else []
    bounds = [*bounds, le(x, max)] if max is not None else bounds
    return logical_and(*bounds) if len(bounds) == 2 else bounds[0] if bounds else 1.0


@elementwise(_inside)
def clip(x: Array, min: float | None = None, max: float | None = None) -> Array:
    """x, not below `min` nor above `max`; the slope is 1 within, at the bounds too, 0 outside.

    Examples:
        >>> clip(np.array([-2.0, 0.5, 3.0]), 0.0, 1.0)
        array([0. , 0.5, 1. ])
    """
    low = x if min is None else np.maximum(x, min)
    return low if max is None else np.minimum(low, max)


@elementwise(0)
def floor(x: Array) -> Array:
    """The largest integer not above x; its slope is 0.

    Examples:
        >>> floor(np.array([1.5, -1.5]))
        array([ 1., -2.])
    """
    return np.floor(x)


@elementwise(0)
def ceil(x: Array) -> Array:
    """The smallest integer not below x; its slope is 0.

    Examples:
        >>> ceil(np.array([1.5, -1.5]))
        array([ 2., -1.])
    """
    return np.ceil(x)


@elementwise(0)
def round(x: Array) -> Array:
    """The nearest integer, halves to the even one; its slope is 0.

    Examples:
        >>> round(np.array([0.5, 1.5, 1.6]))
        array([0., 2., 2.])
    """
    return np.rint(x)


@elementwise(0)
def trunc(x: Array) -> Array:
    """x without its fraction; its slope is 0.

    Examples:
        >>> trunc(np.array([1.7, -1.7]))
        array([ 1., -1.])
    """
    return np.trunc(x)


# --- choice and comparison ----------------------------------------------------------------------


@elementwise(
    None,
    lambda _y, condition, _a, _b: condition,
    lambda _y, condition, _a, _b: logical_not(condition),
)
def where(condition: Array, a: Array, b: Array) -> Array:
    """a where `condition` holds, b elsewhere.

    Examples:
        >>> where(np.array([True, False]), 1.0, 2.0)
        array([1., 2.])
    """
    return np.where(condition, a, b)


@elementwise(None, None)
def eq(a: Array, b: Array) -> Array:
    """Whether a = b, element by element.

    Examples:
        >>> eq(np.array([1.0, 2.0]), 1.0)
        array([ True, False])
    """
    return np.equal(a, b)


@elementwise(None, None)
def ne(a: Array, b: Array) -> Array:
    """Whether a differs from b.

    Examples:
        >>> ne(np.array([1.0, 2.0]), 1.0)
        array([False,  True])
    """
    return np.not_equal(a, b)


@elementwise(None, None)
def lt(a: Array, b: Array) -> Array:
    """Whether a < b.

    Examples:
        >>> lt(np.array([1.0, 2.0]), 2.0)
        array([ True, False])
    """
    return np.less(a, b)


@elementwise(None, None)
def le(a: Array, b: Array) -> Array:
    """Whether a <= b.

    Examples:
        >>> le(np.array([1.0, 2.0, 3.0]), 2.0)
        array([ True,  True, False])
    """
    return np.less_equal(a, b)


@elementwise(None, None)
def gt(a: Array, b: Array) -> Array:
    """Whether a > b.

    Examples:
        >>> gt(np.array([1.0, 2.0]), 1.0)
        array([False,  True])
    """
    return np.greater(a, b)


@elementwise(None, None)
def ge(a: Array, b: Array) -> Array:
    """Whether a >= b.

    Examples:
        >>> ge(np.array([1.0, 2.0]), 2.0)
        array([False,  True])
    """
    return np.greater_equal(a, b)


@elementwise(None, None)
def logical_and(a: Array, b: Array) -> Array:
    """Whether both hold (nonzero counts as true).

    Examples:
        >>> logical_and(np.array([True, True]), np.array([True, False]))
        array([ True, False])
    """
    return np.logical_and(a, b)


@elementwise(None, None)
def logical_or(a: Array, b: Array) -> Array:
    """Whether at least one holds.

    Examples:
        >>> logical_or(np.array([False, True]), np.array([False, False]))
        array([False,  True])
    """
    return np.logical_or(a, b)


@elementwise(None, None)
def logical_xor(a: Array, b: Array) -> Array:
    """Whether exactly one holds.

    Examples:
        >>> logical_xor(np.array([True, True]), np.array([True, False]))
        array([False,  True])
    """
    return np.logical_xor(a, b)


@elementwise(None)
def logical_not(x: Array) -> Array:
    """Whether x does not hold.

    Examples:
        >>> logical_not(np.array([True, False]))
        array([False,  True])
    """
    return np.logical_not(x)


@elementwise(None)
def isnan(x: Array) -> Array:
    """Whether x is NaN.

    Examples:
        >>> isnan(np.array([1.0, np.nan]))
        array([False,  True])
    """
    return np.isnan(x)


@elementwise(None)
def isfinite(x: Array) -> Array:
    """Whether x is neither infinite nor NaN.

    Examples:
        >>> isfinite(np.array([1.0, np.inf]))
        array([ True, False])
    """
    return np.isfinite(x)


@elementwise(1)
def clone(x: Array) -> Array:
    """A copy of x.

    Examples:
        >>> clone(np.array([1.0, 2.0]))
        array([1., 2.])
    """
    return module_of(x).array(x)


@primitive(
    kind="elementwise",
    shape=same_shape,
    vjp=[lambda g, _y, _x, *, dtype: cast(g, dtype=_x.dtype)],
    arity=1,
)
def cast(x: Array, dtype: Any) -> Array:
    """The same numbers in another dtype; the gradient goes back in the dtype of x.

    Examples:
        >>> cast(np.array([1.7, -1.7]), dtype=np.int64)
        array([ 1, -1])
    """
    return as_array(x).astype(dtype, copy=False)
