"""Activation functions made of the elementwise ops and the reductions (floor 1, composites)."""

from __future__ import annotations

import math

from chainrule.errors import OptionError
from chainrule.ops.core import Value, composite
from chainrule.ops.elementwise import (
    abs,
    add,
    clip,
    div,
    erf,
    exp,
    expm1,
    ge,
    gt,
    le,
    log,
    log1p,
    minimum,
    mul,
    neg,
    sigmoid,
    sub,
    tanh,
    where,
)
from chainrule.ops.reduce import peak, sum


@composite
def leaky_relu(x: Value, negative_slope: float = 0.01) -> Value:
    """x above 0, negative_slope x below; the slope at 0 is the negative one.

    Examples:
        >>> leaky_relu(np.array([-1.0, 2.0]))
        array([-0.01,  2.  ])
    """
    return where(gt(x, 0), x, mul(x, negative_slope))


@composite
def elu(x: Value, alpha: float = 1.0) -> Value:
    """x above 0, alpha (e^x - 1) below; the slope at 0 is alpha.

    D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", ICLR 2016.

    Examples:
        >>> elu(np.array([-1.0, 2.0])).round(4)
        array([-0.6321,  2.    ])
    """
    # The exponential sees no large x, which it would overflow on in the half not taken.
    return where(gt(x, 0), x, mul(expm1(clip(x, max=0.0)), alpha))


@composite
def gelu(x: Value, approximate: str = "none") -> Value:
    """x Phi(x), Phi the normal distribution function; or its approximation by tanh.

    D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016.

    Raises:
        OptionError: `approximate` is neither "none" nor "tanh".

    Examples:
        >>> gelu(np.array([-1.0, 2.0])).round(4)
        array([-0.1587,  1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise OptionError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    if approximate == "tanh":
        cubic = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), math.sqrt(2 / math.pi))
        return mul(mul(x, 0.5), add(tanh(cubic), 1.0))
    return mul(mul(x, 0.5), add(erf(mul(x, math.sqrt(0.5))), 1.0))


@composite
def silu(x: Value) -> Value:
    """x sigmoid(x), also called swish.

    Examples:
        >>> silu(np.array([-1.0, 2.0])).round(4)
        array([-0.2689,  1.7616])
    """
    return mul(x, sigmoid(x))


@composite
def softplus(x: Value, beta: float = 1.0, threshold: float = 20.0) -> Value:
    """ln(1 + e^(beta x)) / beta, and x itself where beta x is above `threshold`, as in PyTorch.

    Examples:
        >>> softplus(np.array([0.0, 100.0])).round(4)
        array([  0.6931, 100.    ])
    """
    bx = mul(x, beta)
    large = gt(bx, threshold)
    return where(large, x, div(log1p(exp(where(large, 0.0, bx))), beta))


@composite
def log_sigmoid(x: Value) -> Value:
    """ln sigmoid(x) = -ln(1 + e^-x), without overflow.

    Examples:
        >>> log_sigmoid(np.array([0.0, -1000.0])).round(4)
        array([-6.931e-01, -1.000e+03])
    """
    return sub(minimum(x, 0.0), log1p(exp(neg(abs(x)))))


@composite
def hardtanh(x: Value, min_val: float = -1.0, max_val: float = 1.0) -> Value:
    """x, clipped to [min_val, max_val]; the slope is 0 at the bounds, unlike that of `clip`.

    Examples:
        >>> hardtanh(np.array([-3.0, 0.5, 3.0]))
        array([-1. ,  0.5,  1. ])
    """
    return where(le(x, min_val), min_val, where(ge(x, max_val), max_val, x))


@composite
def log_softmax(x: Value, dim: int = -1) -> Value:
    """ln of softmax: x - ln(sum of e^x along `dim`), safe for x of any size.

    Examples:
        >>> log_softmax(np.array([0.0, 1000.0]))
        array([-1000.,     0.])
    """
    # Shifted first, and not x - logsumexp(x): what the logarithm adds to a large x would be rounded
    # to the digits of x.
    z = sub(x, peak(x, dim=dim, keepdim=True))
    return sub(z, log(sum(exp(z), dim=dim, keepdim=True)))


@composite
def softmax(x: Value, dim: int = -1) -> Value:
    """e^x divided by its sum along `dim`: positive, adding up to 1; safe for x of any size.

    Examples:
        >>> softmax(np.array([0.0, 0.0, 1000.0]))
        array([0., 0., 1.])
    """
    return exp(log_softmax(x, dim=dim))
