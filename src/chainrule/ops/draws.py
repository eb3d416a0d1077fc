"""Random numbers whose distribution has parameters of its own: gamma, Poisson, binomial (floor 1).

Drawn by NumPy's samplers from a stream of their own that the state of the generator is the key of,
so the same state gives the same numbers; the state then counts on by one for each of them. They
have no slope: how a gamma variable moves with its parameter is `gamma_drift`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.backend.arrays import as_array, near
from chainrule.ops.core import Array, Shape, broadcast_shape, primitive, quiet
from chainrule.ops.elementwise import elementwise
from chainrule.ops.gamma import digamma_body

_NEGLIGIBLE = 40.0  # e^-40 is nothing beside 1 in float64
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def _stream(state: Array, count: int) -> np.random.Generator:
    """NumPy's generator for this state, which counts on by `count`."""
    drawn = np.random.Generator(np.random.Philox(key=state))
    state[1] += np.uint64(count)
    return drawn


def _drawn(_state: Shape, *parameters: Shape, **_attrs: Any) -> Shape:
    return broadcast_shape(*parameters)


@primitive(kind="random", shape=_drawn, arity=2, flops=50)
def random_gamma(state: Array, concentration: Array) -> Array:
    """For each concentration a number of the gamma distribution with rate 1.

    Examples:
        >>> from chainrule.ops import new_state
        >>> random_gamma(new_state(0), np.full(1000, 3.0)).mean().round()
        np.float64(3.0)
    """
    a = np.ascontiguousarray(concentration, dtype=np.float64)
    return np.asarray(_stream(state, a.size).standard_gamma(a)).astype(concentration.dtype)


@primitive(kind="random", shape=_drawn, arity=2, flops=50)
def random_poisson(state: Array, rate: Array) -> Array:
    """For each rate a number of the Poisson distribution, in the dtype of the rates.

    Examples:
        >>> from chainrule.ops import new_state
        >>> random_poisson(new_state(0), np.array([0.0, 0.0]))
        array([0., 0.])
    """
    mean = np.ascontiguousarray(rate, dtype=np.float64)
    return np.asarray(_stream(state, mean.size).poisson(mean)).astype(rate.dtype)


@primitive(kind="random", shape=_drawn, arity=3, flops=50)
def random_binomial(state: Array, count: Array, chance: Array) -> Array:
    """How often an event of that chance happens in so many trials, in the dtype of the chances.

    Examples:
        >>> from chainrule.ops import new_state
        >>> random_binomial(new_state(0), np.array([3, 3]), np.array([0.0, 1.0]))
        array([0., 3.])
    """
    n, p = np.broadcast_arrays(np.asarray(count, np.int64), np.asarray(chance, np.float64))
    n, p = np.ascontiguousarray(n), np.ascontiguousarray(p)
    return np.asarray(_stream(state, n.size).binomial(n, p)).astype(chance.dtype)


@elementwise(None, None, flops=2000)
@quiet
def gamma_drift(concentration: Array, value: Array) -> Array:
    """How a gamma variable moves with its concentration while its probability stays: dz/da.

    With P the distribution's function and p its density, -(dP/da) / p at z; of P, whose slope by a
    is an integral of (ln t - psi(a)) p(t) below z, or above it. With t = z e^v the integrand is
    smooth and dies off on either side; the side that z lies on is taken, by Gauss and Legendre's
    rule (M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization gradients", 2018). No slope
    of its own.

    Examples:
        >>> gamma_drift(np.array([1.0]), np.array([1.0])).round(4)
        array([1.1736])
    """
    nodes, weights = near(_NODES, concentration), near(_WEIGHTS, concentration)
    a, z = np.broadcast_arrays(as_array(concentration), as_array(value))
    dtype = np.result_type(a, z)
    a, z = a.astype(np.float64)[..., None], z.astype(np.float64)[..., None]
    below = z < a
    reach = np.where(below, -_reach_below(a), _reach_above(z))
    v = reach * (nodes + 1) / 2
    integrand = z * (np.log(z) + v - digamma_body(a)) * np.exp(a * v - z * np.expm1(v))
    total = (integrand @ weights)[..., None] * np.abs(reach) / 2
    return np.where(below, -total, total)[..., 0].astype(dtype)


def _reach_below(a: Array) -> Array:
    """How far below z < a the integrand counts: where a (e^-v - 1 + v) is beyond what does."""
    return _NEGLIGIBLE / a + np.sqrt(2 * _NEGLIGIBLE / a)


def _reach_above(z: Array) -> Array:
    """How far above z > a it does: where z (e^v - 1 - v) is."""
    c = _NEGLIGIBLE / z
    return np.where(c < 1, np.sqrt(2 * c), 2 * np.log1p(c))
