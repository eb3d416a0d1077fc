"""Distributions whose parameters are on a GPU: they draw and measure there."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import distributions as d

KINDS = {
    "Normal": lambda t: d.Normal(t([0.5, -1.0]), t([1.0, 2.0])),
    "Uniform": lambda t: d.Uniform(t([0.0, 1.0]), t([1.0, 3.0])),
    "Exponential": lambda t: d.Exponential(t([1.0, 2.0])),
    "Laplace": lambda t: d.Laplace(t([0.0, 1.0]), t([1.0, 2.0])),
    "Gamma": lambda t: d.Gamma(t([2.0, 3.0]), t([1.0, 2.0])),
    "Beta": lambda t: d.Beta(t([2.0, 3.0]), t([1.0, 2.0])),
    "Dirichlet": lambda t: d.Dirichlet(t([2.0, 3.0, 1.0])),
    "Bernoulli": lambda t: d.Bernoulli(t([0.2, 0.7])),
    "Categorical": lambda t: d.Categorical(t([0.2, 0.7, 0.1])),
    "Poisson": lambda t: d.Poisson(t([2.0, 0.7])),
    "MultivariateNormal": lambda t: d.MultivariateNormal(
        t([0.0, 1.0]), t([[2.0, 0.3], [0.3, 1.0]])
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_and_measured_there(kind, gpu):
    found = []
    for device in ("cpu", "cuda"):
        cr.manual_seed(4)
        one = KINDS[kind](lambda values: cr.tensor(values, device=device))  # noqa: B023
        x = one.sample((5,))
        assert x.device.type == device
        found.append((x.tolist(), one.log_prob(x).tolist()))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-4, atol=1e-5)
