"""Random numbers that distributions are made of, from the default generator (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, rand, randn
from chainrule.autograd.generator import state_of

__all__ = ["binomial", "exponential", "gamma", "normal", "poisson", "uniform"]


def normal(shape: Sequence[int], like: Tensor) -> Any:
    """Numbers of the standard normal distribution, in the dtype of a tensor and where it is."""
    return randn(*shape, dtype=like.dtype, device=like.device)


def uniform(shape: Sequence[int], like: Tensor) -> Any:
    """Numbers evenly spread between 0 and 1, never 0 and never 1; as those of `normal` are."""
    smallest = 2.0 ** -(np.finfo(like.dtype).nmant + 2)  # half of a step: in place of 0
    return ops.maximum(rand(*shape, dtype=like.dtype, device=like.device), smallest)


def exponential(shape: Sequence[int], like: Tensor) -> Any:
    """Numbers of the exponential distribution with rate 1, above 0; as those of `normal` are."""
    return -(-uniform(shape, like)).log1p()


def gamma(concentration: Any) -> Any:
    """For each concentration a number of the gamma distribution with rate 1, above 0.

    Its derivative by the concentration is `ops.gamma_drift`, taken for a constant.
    """
    fixed = concentration.detach()
    tiny = float(np.finfo(concentration.dtype).tiny)
    z = ops.maximum(_drawn(ops.random_gamma, fixed), tiny)
    if not concentration.requires_grad:
        return z
    return z + ops.gamma_drift(fixed, z) * (concentration - fixed)


def poisson(rate: Any) -> Any:
    """For each rate a number of the Poisson distribution."""
    return _drawn(ops.random_poisson, rate.detach())


def binomial(count: Any, chance: Any) -> Any:
    """For each count and chance a number of the binomial distribution."""
    return _drawn(ops.random_binomial, count.detach(), chance.detach())


def _drawn(op: ops.Op, *parameters: Any) -> Any:
    return op(state_of(None, parameters[0]), *parameters)
