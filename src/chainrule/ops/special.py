"""Special functions: of the normal distribution, of the gamma function, Bessel's (floor 1).

Their bodies are in `erf`, `gamma` and `bessel`; here are their slopes, and what is written with
them.
"""

from __future__ import annotations

import math

from chainrule.errors import OptionError
from chainrule.ops.bessel import bessel_body
from chainrule.ops.core import Array, Value, composite, quiet
from chainrule.ops.elementwise import (
    add,
    div,
    elementwise,
    eq,
    exp,
    log,
    log1p,
    lt,
    mul,
    neg,
    sign,
    square,
    sub,
    where,
)
from chainrule.ops.erf import erfc_body, erfinv_body, ndtri_body
from chainrule.ops.formulas import times_log
from chainrule.ops.gamma import digamma_body, gammainc_body, lgamma_body, zeta_body

_ROOT_PI = math.sqrt(math.pi)

# --- the normal distribution --------------------------------------------------------------------


@elementwise(lambda _y, x: mul(exp(neg(square(x))), -2 / _ROOT_PI), flops=30)
@quiet
def erfc(x: Array) -> Array:
    """1 - erf(x), exact also where that is tiny.

    Examples:
        >>> erfc(np.array([0.0, 1.0, 10.0]))
        array([1.00000000e+00, 1.57299207e-01, 2.08848758e-45])
    """
    return erfc_body(x)


@elementwise(lambda y, x: sub(mul(mul(x, y), 2), 2 / _ROOT_PI), flops=30)
@quiet
def erfcx(x: Array) -> Array:
    """e^(x^2) erfc(x), which stays in range where erfc does not.

    Examples:
        >>> erfcx(np.array([0.0, 100.0])).round(6)
        array([1.      , 0.005642])
    """
    return erfc_body(x, scaled=True)


@elementwise(lambda y, _x: mul(exp(square(y)), _ROOT_PI / 2), flops=200)
@quiet
def erfinv(x: Array) -> Array:
    """The y with erf(y) = x; infinite at 1 and -1, NaN beyond.

    Examples:
        >>> erfinv(np.array([0.0, 0.5, 1.0])).round(6)
        array([0.      , 0.476936,      inf])
    """
    return erfinv_body(x)


@elementwise(lambda y, _x: mul(exp(mul(square(y), 0.5)), math.sqrt(2 * math.pi)), flops=200)
@quiet
def ndtri(x: Array) -> Array:
    """The y that a normal variable does not exceed with probability x.

    Examples:
        >>> ndtri(np.array([0.025, 0.975])).round(4)
        array([-1.96,  1.96])
    """
    return ndtri_body(x)


@composite
def ndtr(x: Value) -> Value:
    """The probability that a normal variable does not exceed x.

    Examples:
        >>> ndtr(np.array([0.0, 1.96])).round(4)
        array([0.5  , 0.975])
    """
    return mul(erfc(mul(x, -math.sqrt(0.5))), 0.5)


@composite
def log_ndtr(x: Value) -> Value:
    """The logarithm of `ndtr`, also where that is 0.

    Examples:
        >>> log_ndtr(np.array([0.0, -100.0])).round(2)
        array([-6.90000e-01, -5.00552e+03])
    """
    low = lt(x, -1)
    below = where(low, x, -1.0)
    above = where(low, -1.0, x)
    tail = sub(log(mul(erfcx(mul(below, -math.sqrt(0.5))), 0.5)), mul(square(below), 0.5))
    return where(low, tail, log1p(mul(erfc(mul(above, math.sqrt(0.5))), -0.5)))


@composite
def entr(x: Value) -> Value:
    """-x ln x; 0 at 0, minus infinity below.

    Examples:
        >>> entr(np.array([0.5, 1.0, -1.0])).round(4)
        array([ 0.3466, -0.    ,    -inf])
    """
    return where(lt(x, 0), -math.inf, neg(times_log(x, x, log)))


@composite
def xlog1py(x: Value, y: Value) -> Value:
    """x ln(1 + y), and 0 where x is 0 and y is not NaN.

    Examples:
        >>> xlog1py(np.array([0.0, 2.0]), np.array([-1.0, 0.0]))
        array([0., 0.])
    """
    return times_log(x, y, log1p, pole=-1)


# --- the gamma function -------------------------------------------------------------------------


@elementwise(lambda _y, x: digamma(x), flops=50)
@quiet
def lgamma(x: Array) -> Array:
    """ln |gamma(x)|; infinite at 0, -1, -2 and so on.

    Examples:
        >>> lgamma(np.array([1.0, 5.0])).round(4)
        array([0.    , 3.1781])
    """
    return lgamma_body(x)


@elementwise(lambda _y, x: zeta(2.0, x), flops=100)
@quiet
def digamma(x: Array) -> Array:
    """The slope of `lgamma`.

    Examples:
        >>> digamma(np.array([1.0, 2.0])).round(4)
        array([-0.5772,  0.4228])
    """
    return digamma_body(x)


@elementwise(None, lambda _y, s, q: neg(mul(s, zeta(add(s, 1), q))), flops=100)
@quiet
def zeta(s: Array, q: Array) -> Array:
    """Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, 2, ...; no slope by s.

    Examples:
        >>> zeta(np.array([2.0]), np.array([1.0])).round(4)
        array([1.6449])
    """
    return zeta_body(s, q)


@composite
def polygamma(n: int, x: Value) -> Value:
    """The n-th derivative of `digamma`.

    Examples:
        >>> polygamma(1, np.array([1.0])).round(4)
        array([1.6449])
    """
    if n < 0:
        raise OptionError(f"polygamma takes an order of 0 or more, got {n}")
    if n == 0:
        return digamma(x)
    return mul(zeta(float(n + 1), x), (-1.0) ** (n + 1) * math.factorial(n))


@composite
def multigammaln(x: Value, p: int) -> Value:
    """The logarithm of the gamma function of p dimensions.

    Examples:
        >>> multigammaln(np.array([3.0]), 2).round(4)
        array([1.5502])
    """
    if p < 1:
        raise OptionError(f"multigammaln takes one dimension or more, got {p}")
    total = add(lgamma(x), p * (p - 1) / 4 * math.log(math.pi))
    for j in range(1, p):
        total = add(total, lgamma(sub(x, j / 2)))
    return total


def _density(a: Value, x: Value) -> Value:
    """The slope of `gammainc` by x: x^(a - 1) e^-x / gamma(a)."""
    return exp(sub(sub(times_log(sub(a, 1), x, log), x), lgamma(a)))


@elementwise(None, lambda _y, a, x: _density(a, x), flops=200)
@quiet
def gammainc(a: Array, x: Array) -> Array:
    """The lower incomplete gamma function, divided by gamma(a); no slope by a.

    Examples:
        >>> gammainc(np.array([1.0]), np.array([1.0])).round(4)
        array([0.6321])
    """
    return gammainc_body(a, x, upper=False)


@elementwise(None, lambda _y, a, x: neg(_density(a, x)), flops=200)
@quiet
def gammaincc(a: Array, x: Array) -> Array:
    """The upper incomplete gamma function, divided by gamma(a): 1 - `gammainc`; no slope by a.

    Examples:
        >>> gammaincc(np.array([1.0]), np.array([1.0])).round(4)
        array([0.3679])
    """
    return gammainc_body(a, x, upper=True)


# --- Bessel's modified functions ----------------------------------------------------------------


def _over(y: Value, x: Value) -> Value:
    """y / x, and its limit 1/2 at 0, of the functions of order 1."""
    zero = eq(x, 0)
    return where(zero, 0.5, div(y, where(zero, 1.0, x)))


@elementwise(lambda _y, x: i1(x), flops=500)
@quiet
def i0(x: Array) -> Array:
    """Bessel's modified function of order 0.

    Examples:
        >>> i0(np.array([0.0, 1.0])).round(4)
        array([1.    , 1.2661])
    """
    return bessel_body(x, order=0, scaled=False)


@elementwise(lambda y, x: sub(i0(x), _over(y, x)), flops=500)
@quiet
def i1(x: Array) -> Array:
    """Bessel's modified function of order 1.

    Examples:
        >>> i1(np.array([0.0, 1.0])).round(4)
        array([0.    , 0.5652])
    """
    return bessel_body(x, order=1, scaled=False)


@elementwise(lambda y, x: sub(i1e(x), mul(sign(x), y)), flops=500)
@quiet
def i0e(x: Array) -> Array:
    """e^-|x| `i0`.

    Examples:
        >>> i0e(np.array([0.0, 1000.0])).round(4)
        array([1.    , 0.0126])
    """
    return bessel_body(x, order=0, scaled=True)


@elementwise(lambda y, x: sub(sub(i0e(x), mul(sign(x), y)), _over(y, x)), flops=500)
@quiet
def i1e(x: Array) -> Array:
    """e^-|x| `i1`.

    Examples:
        >>> i1e(np.array([0.0, 1000.0])).round(4)
        array([0.    , 0.0126])
    """
    return bessel_body(x, order=1, scaled=True)
