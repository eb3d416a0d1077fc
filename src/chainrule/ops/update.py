"""The steps of the optimisers: operations that change their first argument in place (floor 1).

What changes from step to step (the learning rate, the count of steps, the running averages) comes
in arrays; what does not (decay, momentum) as attributes. Each returns the array it changed. The
numbers are PyTorch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.ops.core import Array, primitive, same_shape


@primitive(kind="update", shape=same_shape)
def assign(x: Array, value: Array) -> Array:
    """x becomes `value`, broadcast, in x's own dtype.

    Examples:
        >>> x = np.zeros(2)
        >>> assign(x, 3.0)
        array([3., 3.])
    """
    np.copyto(x, value, casting="unsafe")
    return x


def _decayed(x: Array, g: Array, weight_decay: float, maximize: bool) -> Array:
    """The gradient with the penalty weight_decay / 2 |x|^2 added."""
    if maximize:
        g = np.negative(g)
    return g + weight_decay * x if weight_decay else g


def _rate(lr: Array, x: Array) -> Any:
    # In the parameter's own dtype, so that a float64 rate does not widen a float32 step.
    return x.dtype.type(lr)


@primitive(kind="update", shape=same_shape, flops=4, arity=5)
def sgd_step(
    x: Array,
    g: Array,
    momentum_buffer: Array,
    lr: Array,
    step: Array,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> Array:
    """x -= lr v with v = momentum v + (1 - dampening) g; the first v is g itself.

    With `nesterov`, x -= lr (g + momentum v). I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On
    the importance of initialization and momentum in deep learning", ICML 2013.

    Args:
        x: the parameter, changed.
        g: its gradient.
        momentum_buffer: v, changed; unused without momentum.
        lr: learning rate, 0-d.
        step: steps taken, this one included, 0-d.
        momentum: share of v kept.
        dampening: share of g left out of v.
        weight_decay: adds weight_decay x to g.
        nesterov: look ahead along v.
        maximize: go uphill.

    Examples:
        >>> x = np.array([1.0])
        >>> sgd_step(x, np.array([2.0]), np.zeros(1), np.array(0.1), np.array(1.0))
        array([0.8])
    """
    g = _decayed(x, g, weight_decay, maximize)
    if momentum:
        if step == 1:
            np.copyto(momentum_buffer, g)
        else:
            momentum_buffer *= momentum
            momentum_buffer += (1 - dampening) * g
        g = g + momentum * momentum_buffer if nesterov else momentum_buffer
    x -= _rate(lr, x) * g
    return x


@primitive(kind="update", shape=same_shape, flops=14, arity=7)
def adam_step(
    x: Array,
    g: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array,
    lr: Array,
    step: Array,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
) -> Array:
    """x -= lr m' / (sqrt(v') + eps), m and v running means of g and g^2, ' their correction.

    m' = m / (1 - beta1^t), v' = v / (1 - beta2^t). D. P. Kingma and J. Ba, "Adam: a method for
    stochastic optimization", ICLR 2015. With `decoupled`, x shrinks by lr weight_decay x first
    (I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019); with
    `amsgrad`, v' is the largest v so far, corrected (S. J. Reddi, S. Kale and S. Kumar, ICLR 2018).

    Args:
        x: the parameter, changed.
        g: its gradient.
        exp_avg: m, changed.
        exp_avg_sq: v, changed.
        max_exp_avg_sq: the largest v, changed; unused without `amsgrad`.
        lr: learning rate, 0-d.
        step: t, steps taken, this one included, 0-d.
        betas: how much of m and of v is kept.
        eps: keeps the quotient finite.
        weight_decay: strength of the decay.
        amsgrad: never let v shrink.
        decoupled: decay x itself rather than through g.
        maximize: go uphill.

    Examples:
        >>> x = np.array([1.0])
        >>> m, v, top = np.zeros((3, 1))
        >>> adam_step(x, np.array([2.0]), m, v, top, np.array(0.1), np.array(1.0)).round(6)
        array([0.9])
    """
    rate = float(lr)
    if decoupled:
        if maximize:
            g = np.negative(g)
        if weight_decay:
            x *= 1 - rate * weight_decay
    else:
        g = _decayed(x, g, weight_decay, maximize)
    beta1, beta2 = betas
    t = float(step)
    exp_avg += (1 - beta1) * (g - exp_avg)
    exp_avg_sq *= beta2
    scratch = np.multiply(g, g)
    scratch *= 1 - beta2
    exp_avg_sq += scratch
    second = exp_avg_sq
    if amsgrad:
        second = np.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq)
    np.sqrt(second, out=scratch)
    scratch *= 1 / (1 - beta2**t) ** 0.5
    scratch += eps
    np.divide(exp_avg, scratch, out=scratch)
    scratch *= rate / (1 - beta1**t)
    x -= scratch
    return x


@primitive(kind="update", shape=same_shape, flops=10, arity=6)
def rmsprop_step(
    x: Array,
    g: Array,
    square_avg: Array,
    momentum_buffer: Array,
    grad_avg: Array,
    lr: Array,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
    maximize: bool = False,
) -> Array:
    """x -= lr g / (sqrt(v) + eps), v a running mean of g^2 (less that of g, squared, if centered).

    T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", Coursera, 2012.

    Args:
        x: the parameter, changed.
        g: its gradient.
        square_avg: v, changed.
        momentum_buffer: changed; unused without momentum.
        grad_avg: running mean of g, changed; unused unless centered.
        lr: learning rate, 0-d.
        alpha: how much of v is kept.
        eps: keeps the quotient finite.
        weight_decay: adds weight_decay x to g.
        momentum: share of the last step kept.
        centered: divide by the deviation rather than the root mean square.
        maximize: go uphill.

    Examples:
        >>> x = np.array([1.0])
        >>> v, b, m = np.zeros((3, 1))
        >>> rmsprop_step(x, np.array([2.0]), v, b, m, np.array(0.01)).round(6)
        array([0.9])
    """
    g = _decayed(x, g, weight_decay, maximize)
    square_avg *= alpha
    square_avg += (1 - alpha) * (g * g)
    spread = square_avg
    if centered:
        grad_avg += (1 - alpha) * (g - grad_avg)
        spread = square_avg - grad_avg * grad_avg
    move = g / (np.sqrt(spread) + eps)
    if momentum:
        momentum_buffer *= momentum
        momentum_buffer += move
        move = momentum_buffer
    x -= _rate(lr, x) * move
    return x


@primitive(kind="update", shape=same_shape, flops=7, arity=5)
def adagrad_step(
    x: Array,
    g: Array,
    sum_sq: Array,
    lr: Array,
    step: Array,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    eps: float = 1e-10,
    maximize: bool = False,
) -> Array:
    """x -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps), s the sum of all g^2 so far.

    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, 2011.

    Args:
        x: the parameter, changed.
        g: its gradient.
        sum_sq: s, changed.
        lr: learning rate, 0-d.
        step: t, steps taken, this one included, 0-d.
        lr_decay: how fast the rate falls.
        weight_decay: adds weight_decay x to g.
        eps: keeps the quotient finite.
        maximize: go uphill.

    Examples:
        >>> x = np.array([1.0])
        >>> adagrad_step(x, np.array([2.0]), np.zeros(1), np.array(0.1), np.array(1.0))
        array([0.9])
    """
    g = _decayed(x, g, weight_decay, maximize)
    sum_sq += g * g
    rate = float(lr) / (1 + (float(step) - 1) * lr_decay)
    x -= rate * g / (np.sqrt(sum_sq) + eps)
    return x
