"""Rows of draws whose distribution has parameters, and of how a gamma variable moves."""

from __future__ import annotations

import numpy as np

from case import at, between, case, kink, positive, state, whole


def stream(state):
    """NumPy's generator that the state of ours is the key of."""
    return np.random.Generator(np.random.Philox(key=np.array(state, dtype=np.uint64)))


def one_by_one(sampler):
    """The reference: NumPy's sampler, called for one element after another."""

    def draw(state, *parameters):
        rng, together = stream(state), np.broadcast_arrays(*parameters)
        drawn = [
            sampler(rng, *(a[i].item() for a in together)) for i in np.ndindex(together[0].shape)
        ]
        return np.reshape(drawn, together[0].shape).astype(np.float64)

    return draw


gamma = one_by_one(lambda rng, a: rng.standard_gamma(a))
poisson = one_by_one(lambda rng, rate: rng.poisson(rate))
binomial = one_by_one(lambda rng, n, p: rng.binomial(n, p))


def quadrature(a, z):
    """dz/da: Simpson's rule for the integral of (ln t - psi(a)) p(t) on z's side of a."""
    out = np.empty(np.broadcast_shapes(a.shape, z.shape))
    for i in np.ndindex(out.shape):
        b, x = np.broadcast_to(a, out.shape)[i], np.broadcast_to(z, out.shape)[i]
        end = -60 / b - np.sqrt(120 / b) if x < b else np.log1p(60 / x) + np.sqrt(120 / x)
        v = np.linspace(0, end, 200_001)
        f = (np.log(x) + v - psi(b)) * np.exp(b * v - x * np.expm1(v))
        weights = np.full(v.size, 2.0)
        weights[1::2], weights[[0, -1]] = 4, 1
        out[i] = x * (weights @ f) * v[1] / 3
    return out


def psi(x):
    """The slope of ln gamma: by its recurrence far out, where it is a short series."""
    below = sum(1 / (x + k) for k in range(30))
    x = x + 30
    return np.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6) - below


DRAWS = [
    case("random_gamma", [state(5), positive(3, 4)], gamma),
    case("random_poisson", [state(6), between(0.0, 30.0, 3, 4)], poisson),
    case("random_binomial", [state(7), whole(0, 9, 3, 1), between(0.0, 1.0, 4)], binomial),
    case(
        "gamma_drift",
        [between(0.3, 8.0, 5), between(0.1, 9.0, 4, 1)],
        quadrature,
        wrt=[],
    ),
    kink("gamma_drift", [at(0.5, 30.0), at(1e-30, 30.0)], quadrature, note="far", wrt=[]),
]
