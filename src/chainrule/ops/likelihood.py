"""Losses that are the negative logarithm of a likelihood (floor 1, composites)."""

from __future__ import annotations

import math

from chainrule.errors import DataError, ShapeError
from chainrule.ops.core import Array, Value, Within, checked, composite
from chainrule.ops.elementwise import add, clip, div, exp, gt, log, mul, square, sub, where
from chainrule.ops.loss import _reduced, _same
from chainrule.ops.shape import unsqueeze


@composite
def poisson_nll_loss(
    x: Value,
    target: Value,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Value:
    """e^x - target x: counts of Poisson's distribution, x being the logarithm of their mean.

    Args:
        x: the logarithm of the mean, or the mean itself if not `log_input`.
        target: counts, of the same shape.
        log_input: which of the two.
        full: whether to add ln(target!), by Stirling's formula, for targets above 1.
        eps: added to the mean before its logarithm is taken.
        reduction: "mean", "sum" or "none".

    Examples:
        >>> poisson_nll_loss(np.array([0.0]), np.array([2.0]))
        np.float64(1.0)
    """
    _same(x, target)
    loss = sub(exp(x), mul(target, x)) if log_input else sub(x, mul(target, log(add(x, eps))))
    if full:
        many = gt(target, 1)
        t = where(many, target, 1.0)
        stirling = add(sub(mul(t, log(t)), t), mul(log(mul(t, 2 * math.pi)), 0.5))
        loss = add(loss, where(many, stirling, 0.0))
    return _reduced(loss, reduction)


@composite
def gaussian_nll_loss(
    x: Value,
    target: Value,
    var: Value,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Value:
    """(ln var + (x - target)^2 / var) / 2: a normal distribution whose variance is predicted too.

    D. Nix and A. Weigend, "Estimating the mean and variance of the target probability
    distribution", ICNN 1994.

    Args:
        x: the mean.
        target: of the same shape.
        var: the variance, of the same shape, or with 1 as last size, or without a last dimension.
        full: whether to add ln(2 pi) / 2.
        eps: the least variance.
        reduction: "mean", "sum" or "none".

    Raises:
        DataError: a negative variance.
        ShapeError: another shape.

    Examples:
        >>> gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([1.0]))
        np.float64(2.0)
    """
    _same(x, target)
    shape, own = tuple(x.shape), tuple(var.shape)
    if own not in (shape, (*shape[:-1], 1), shape[:-1], ()):
        raise ShapeError(f"the variance of values {shape} must have that shape, got {own}")
    if own == shape[:-1] and own != shape and own:
        var = unsqueeze(var, -1)
    checked(Within(0, math.inf, _no_variance), var)
    var = clip(var, min=eps)
    loss = mul(add(log(var), div(square(sub(x, target)), var)), 0.5)
    return _reduced(add(loss, 0.5 * math.log(2 * math.pi)) if full else loss, reduction)


def _no_variance(var: Array) -> None:
    raise DataError(f"a variance is at least 0, got {var.min():.4g}")
