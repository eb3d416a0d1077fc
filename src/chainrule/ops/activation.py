"""Activation functions, made of elementwise ops and reductions (floor 1, composites)."""

from __future__ import annotations

import math

import numpy as np

from chainrule.backend.arrays import module_of
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import Array, Value, composite, constant, normal_dim
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
    lt,
    minimum,
    mul,
    neg,
    sigmoid,
    sub,
    tanh,
    where,
)
from chainrule.ops.gather import put_along
from chainrule.ops.random import random_uniform
from chainrule.ops.reduce import argmax, peak, sum
from chainrule.ops.shape import narrow, reshape, unsqueeze


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


# --- bounded, cut off and shrunk ----------------------------------------------------------------


@composite
def relu6(x: Value) -> Value:
    """x, clipped to [0, 6]; the slope is 0 at the bounds.

    Examples:
        >>> relu6(np.array([-1.0, 2.0, 7.0]))
        array([0., 2., 6.])
    """
    return hardtanh(x, 0.0, 6.0)


@composite
def hardsigmoid(x: Value) -> Value:
    """x / 6 + 1/2, clipped to [0, 1]; the slope is 0 at the bounds.

    Examples:
        >>> hardsigmoid(np.array([-4.0, 0.0, 4.0]))
        array([0. , 0.5, 1. ])
    """
    return div(relu6(add(x, 3.0)), 6.0)


@composite
def hardswish(x: Value) -> Value:
    """x hardsigmoid(x). A. Howard and others, "Searching for MobileNetV3", ICCV 2019.

    Examples:
        >>> hardswish(np.array([-4.0, 0.0, 4.0]))
        array([-0.,  0.,  4.])
    """
    return mul(x, hardsigmoid(x))


@composite
def threshold(x: Value, threshold: float, value: float) -> Value:
    """x above `threshold`, `value` elsewhere.

    Examples:
        >>> threshold(np.array([0.5, 2.0]), 1.0, -3.0)
        array([-3.,  2.])
    """
    return where(le(x, threshold), value, x)


@composite
def hardshrink(x: Value, lambd: float = 0.5) -> Value:
    """x, but 0 from -lambd to lambd.

    Examples:
        >>> hardshrink(np.array([-1.0, 0.25, 1.0]))
        array([-1.,  0.,  1.])
    """
    return where(le(abs(x), lambd), 0.0, x)


@composite
def softshrink(x: Value, lambd: float = 0.5) -> Value:
    """x brought nearer to 0 by lambd; 0 from -lambd to lambd.

    Raises:
        OptionError: lambd is negative.

    Examples:
        >>> softshrink(np.array([-1.0, 0.25, 1.0]))
        array([-0.5,  0. ,  0.5])
    """
    if lambd < 0:
        raise OptionError(f"softshrink needs a lambd of at least 0, got {lambd}")
    return where(gt(x, lambd), sub(x, lambd), where(lt(x, -lambd), add(x, lambd), mul(x, 0.0)))


@composite
def tanhshrink(x: Value) -> Value:
    """x - tanh(x).

    Examples:
        >>> tanhshrink(np.array([0.0, 2.0])).round(4)
        array([0.   , 1.036])
    """
    return sub(x, tanh(x))


@composite
def softsign(x: Value) -> Value:
    """x / (1 + |x|).

    Examples:
        >>> softsign(np.array([-1.0, 3.0]))
        array([-0.5 ,  0.75])
    """
    return div(x, add(abs(x), 1.0))


# --- relatives of relu and elu ------------------------------------------------------------------


@composite
def celu(x: Value, alpha: float = 1.0) -> Value:
    """x above 0, alpha (e^(x / alpha) - 1) below: of slope 1 at 0. J. T. Barron, 2017.

    Raises:
        OptionError: alpha is 0.

    Examples:
        >>> celu(np.array([-1.0, 2.0])).round(4)
        array([-0.6321,  2.    ])
    """
    if not alpha:
        raise OptionError("celu divides by alpha, which must not be 0")
    return where(gt(x, 0), x, mul(expm1(div(clip(x, max=0.0), alpha)), alpha))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@composite
def selu(x: Value) -> Value:
    """1.0507 elu(x, 1.6733): keeps mean 0 and variance 1 from layer to layer.

    G. Klambauer and others, "Self-normalizing neural networks", NeurIPS 2017.

    Examples:
        >>> selu(np.array([-1.0, 2.0])).round(4)
        array([-1.1113,  2.1014])
    """
    return mul(elu(x, _SELU_ALPHA), _SELU_SCALE)


@composite
def mish(x: Value) -> Value:
    """x tanh(softplus(x)). D. Misra, "Mish", BMVC 2020.

    Examples:
        >>> mish(np.array([-1.0, 2.0])).round(4)
        array([-0.3034,  1.944 ])
    """
    return mul(x, tanh(softplus(x)))


@composite
def prelu(x: Value, weight: Value) -> Value:
    """x above 0, weight x below; a weight for all, or one for each channel (dimension 1).

    K. He and others, "Delving deep into rectifiers", ICCV 2015.

    Args:
        x: any shape.
        weight: one number or (1,), or (C,).

    Raises:
        ShapeError: as many weights as there are no channels.

    Examples:
        >>> prelu(np.array([-1.0, 2.0]), np.array([0.25]))
        array([-0.25,  2.  ])
    """
    count = math.prod(weight.shape)
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if len(weight.shape) > 1 or count not in (1, channels):
        raise ShapeError(
            f"prelu takes one weight or one for each of {channels} channels, got shape "
            f"{tuple(weight.shape)}"
        )
    shape = (1,) * (len(x.shape) > 0) if count == 1 else (1, count, *([1] * (len(x.shape) - 2)))
    return where(gt(x, 0), x, mul(x, reshape(weight, shape=shape)))


@composite
def rrelu(
    x: Value,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    *,
    state: Array | None = None,
) -> Value:
    """x above 0, a x below: a drawn evenly from lower to upper in training, their mean in use.

    B. Xu and others, "Empirical evaluation of rectified activations in convolutional network",
    2015.

    Args:
        x: any shape.
        lower: the least a.
        upper: the largest a.
        training: which of the two.
        state: of the generator to draw from.

    Raises:
        OptionError: lower is above upper.

    Examples:
        >>> rrelu(np.array([-1.0, 2.0]), 0.25, 0.75)
        array([-0.5,  2. ])
    """
    if lower > upper:
        raise OptionError(f"rrelu needs lower <= upper, got {lower} and {upper}")
    if not training:
        return leaky_relu(x, (lower + upper) / 2)
    drawn = random_uniform(state, shape=tuple(x.shape), dtype=x.dtype)
    return where(gt(x, 0), x, mul(x, add(mul(drawn, upper - lower), lower)))


# --- of several elements ------------------------------------------------------------------------


@composite
def glu(x: Value, dim: int = -1) -> Value:
    """The first half of x along `dim`, times the sigmoid of the second: a gated linear unit.

    Y. Dauphin and others, "Language modeling with gated convolutional networks", ICML 2017.

    Raises:
        ShapeError: an odd size.

    Examples:
        >>> glu(np.array([2.0, 0.0]))
        array([1.])
    """
    size = x.shape[normal_dim(dim, len(x.shape))] if len(x.shape) else 1
    if size % 2:
        raise ShapeError(f"glu halves a dimension, and {size} of shape {tuple(x.shape)} is odd")
    a, b = narrow(x, dim, 0, size // 2), narrow(x, dim, size // 2, size // 2)
    return mul(a, sigmoid(b))


@composite
def softmin(x: Value, dim: int = -1) -> Value:
    """softmax(-x): positive, adding up to 1, the largest where x is smallest.

    Examples:
        >>> softmin(np.array([0.0, 0.0, 1000.0]))
        array([0.5, 0.5, 0. ])
    """
    return softmax(neg(x), dim=dim)


@composite
def gumbel_softmax(
    logits: Value, tau: float = 1, hard: bool = False, dim: int = -1, *, state: Array
) -> Value:
    """softmax((x + g) / tau), g of Gumbel's distribution: a draw from softmax(x) that has a slope.

    E. Jang, S. Gu and B. Poole, "Categorical reparameterization with Gumbel-softmax", ICLR 2017.

    Args:
        logits: x, any shape.
        tau: the smaller, the nearer to a draw.
        hard: whether to give 1 and 0s, with the slope of the soft ones.
        dim: along which they add up to 1.
        state: of the generator to draw from.

    Examples:
        >>> gumbel_softmax(np.array([0.0, 1000.0]), state=np.array([1, 0], dtype=np.uint64))
        array([0., 1.])
    """
    uniform = random_uniform(state, shape=tuple(logits.shape), dtype=logits.dtype)
    waiting = clip(neg(log1p(neg(uniform))), min=float(np.finfo(logits.dtype).tiny))
    soft = softmax(div(sub(logits, log(waiting)), tau), dim=dim)
    if not hard:
        return soft
    place = argmax(soft, dim=dim, keepdim=True)
    make = module_of(logits)
    one = constant(make.ones(tuple(place.shape), dtype=soft.dtype))
    none = constant(make.zeros(tuple(soft.shape), dtype=soft.dtype))
    drawn = put_along(none, place, one, dim=dim)
    # The largest over a dimension of size 1 is soft itself, as a constant.
    return add(sub(drawn, peak(unsqueeze(soft, 0), dim=0)), soft)
