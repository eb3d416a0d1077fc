"""Every distribution beside PyTorch's: densities, moments, entropies, divergences, gradients.

Each row of the table makes a distribution from the library it is given (`d`, and `t` for its
tensors), so both are made by the same words.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import distributions

# name: how it is made, by its parameters; values to ask about (None: what PyTorch draws).
A, B = [0.7, 2.5, 4.0], [1.5, 0.4, 3.0]
P = [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]
L = [[1.3, 0.0], [-0.4, 0.6]]
MAKERS = {
    "Normal": (lambda d, a, b: d.Normal(a, b), (A, B)),
    "Normal-scalar": (lambda d, a: d.Normal(a, 2.0), (A,)),
    "LogNormal": (lambda d, a, b: d.LogNormal(a, b), (A, B)),
    "HalfNormal": (lambda d, b: d.HalfNormal(b), (B,)),
    "Laplace": (lambda d, a, b: d.Laplace(a, b), (A, B)),
    "Cauchy": (lambda d, a, b: d.Cauchy(a, b), (A, B)),
    "HalfCauchy": (lambda d, b: d.HalfCauchy(b), (B,)),
    "Gumbel": (lambda d, a, b: d.Gumbel(a, b), (A, B)),
    "StudentT": (lambda d, f, a, b: d.StudentT(f, a, b), ([3.5, 1.5, 0.5], A, B)),
    "Uniform": (lambda d, a, b: d.Uniform(a, a + b), (A, B)),
    "Exponential": (lambda d, b: d.Exponential(b), (B,)),
    "Gamma": (lambda d, a, b: d.Gamma(a, b), (A, B)),
    "Chi2": (lambda d, a: d.Chi2(a), (A,)),
    "InverseGamma": (lambda d, a, b: d.InverseGamma(a, b), (A, B)),
    "Beta": (lambda d, a, b: d.Beta(a, b), (A, B)),
    "Dirichlet": (lambda d, p: d.Dirichlet(p), ([A, B],)),
    "FisherSnedecor": (lambda d, a, b: d.FisherSnedecor(a, b), (A, B)),
    "Weibull": (lambda d, a, b: d.Weibull(a, b), (A, B)),
    "Pareto": (lambda d, a, b: d.Pareto(b, a), (A, B)),
    "Kumaraswamy": (lambda d, a, b: d.Kumaraswamy(a, b), (A, B)),
    "Bernoulli": (lambda d, p: d.Bernoulli(p), (P,)),
    "Bernoulli-logits": (lambda d, a: d.Bernoulli(logits=a), (A,)),
    "Geometric": (lambda d, p: d.Geometric(p), (P,)),
    "Binomial": (lambda d, p: d.Binomial(5, p), (P,)),
    "NegativeBinomial": (lambda d, p: d.NegativeBinomial(4.0, p), (P,)),
    "Poisson": (lambda d, a: d.Poisson(a), (A,)),
    "Categorical": (lambda d, p: d.Categorical(p), (P,)),
    "Categorical-logits": (lambda d, p: d.Categorical(logits=p), (P,)),
    "OneHotCategorical": (lambda d, p: d.OneHotCategorical(p), (P,)),
    "Multinomial": (lambda d, p: d.Multinomial(4, p), (P,)),
    "RelaxedOneHotCategorical": (lambda d, t, p: d.RelaxedOneHotCategorical(t, p), (0.7, P)),
    "RelaxedBernoulli": (lambda d, t, p: d.RelaxedBernoulli(t, p), (0.7, P)),
    "MultivariateNormal-tril": (
        lambda d, a, m: d.MultivariateNormal(a, scale_tril=m),
        ([[0.3, 1.0], [2.0, -1.0], [0.0, 0.0]], L),
    ),
    "MultivariateNormal": (
        lambda d, a, m: d.MultivariateNormal(a, m @ m.mT),
        ([0.3, 1.0], [L, [[0.5, 0.0], [0.2, 2.0]]]),
    ),
    "MultivariateNormal-precision": (
        lambda d, a, m: d.MultivariateNormal(a, precision_matrix=m @ m.mT),
        ([0.3, 1.0], L),
    ),
    "Independent": (lambda d, a, b: d.Independent(d.Normal(a, b), 1), ([A, A], [B, A])),
    "Independent-0": (lambda d, p: d.Independent(d.Bernoulli(p), 0), (P,)),
    "Tanh": (
        lambda d, a, b: d.TransformedDistribution(
            d.Normal(a, b), [d.TanhTransform(cache_size=1), d.AffineTransform(1.0, -2.0)]
        ),
        (A, B),
    ),
    "Affine-batch": (
        lambda d, a, b: d.TransformedDistribution(d.Normal(0.0, 1.0), d.AffineTransform(a, b)),
        (A, B),
    ),
    "Sigmoid-Power": (
        lambda d, a, b: d.TransformedDistribution(
            d.Normal(a, b), [d.SigmoidTransform(), d.PowerTransform(2.0), d.ExpTransform().inv]
        ),
        (A, B),
    ),
    "LogisticNormal": (lambda d, a, b: d.LogisticNormal(a, b), ([A, A], [B, A])),
    "Reshaped": (
        lambda d, a, b: d.TransformedDistribution(
            d.Independent(d.Normal(a, b), 1), d.ReshapeTransform((4,), (2, 2))
        ),
        ([0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0]),
    ),
    "Mixture": (
        lambda d, p, a, b: d.MixtureSameFamily(d.Categorical(p), d.Normal(a, b)),
        (P, [A, B], B),
    ),
    "Mixture-vectors": (
        lambda d, p, a, m: d.MixtureSameFamily(
            d.Categorical(p), d.MultivariateNormal(a, scale_tril=m)
        ),
        ([0.25, 0.75], [[0.3, 1.0], [2.0, -1.0]], L),
    ),
}
# PyTorch's slope of digamma is good to 1e-8, and its ln n! of a multinomial is a float32.
CLOSE = {"rtol": 1e-7, "atol": 1e-9}

# A Weibull variable of concentration below 1 is most often near 0, of which PyTorch says NaN; and
# its mode of Kumaraswamy's is none.
OTHERWISE = {("Weibull", "mode"), ("Kumaraswamy", "mode")}

each = pytest.mark.parametrize("name", MAKERS)


def made(name, torch):
    """The distribution in both libraries, and its parameters there, in float64."""
    build, parameters = MAKERS[name]
    ours = [cr.tensor(np.array(p), requires_grad=True) for p in parameters]
    theirs = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in parameters]
    return build(distributions, *ours), build(torch.distributions, *theirs), ours, theirs


def same(ours, theirs, what):
    """Fail unless the numbers, shapes and formats agree."""
    a, b = np.asarray(ours.detach()), theirs.detach().numpy()
    assert a.shape == b.shape, what
    np.testing.assert_allclose(a, b, **CLOSE, err_msg=what)


def same_gradients(ours, theirs, y, y_torch, what):
    """Fail unless the gradients of the sums agree, by every parameter."""
    for p in (*ours, *theirs):
        p.grad = None
    if not y_torch.requires_grad:
        assert not y.requires_grad, what
        return
    y.sum().backward()
    y_torch.sum().backward()
    for a, b in zip(ours, theirs):
        if b.grad is not None:
            same(a.grad, b.grad, f"gradient of {what}")


def values_of(theirs, torch):
    torch.manual_seed(0)
    return theirs.sample((4,))


def translated(value):
    return cr.tensor(value.numpy())


@each
def test_shapes_and_formats(torch, name):
    ours, theirs, _, _ = made(name, torch)
    assert ours.batch_shape == tuple(theirs.batch_shape)
    assert ours.event_shape == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    assert ours.sample((4, 2)).shape == tuple(theirs.sample((4, 2)).shape)
    assert str(ours.sample().dtype).rpartition(".")[2] == str(theirs.sample().dtype)[6:]


@each
def test_log_prob_and_its_gradient(torch, name):
    ours, theirs, p, p_torch = made(name, torch)
    value = values_of(theirs, torch)
    found, expected = ours.log_prob(translated(value)), theirs.log_prob(value)
    same(found, expected, "log_prob")
    same_gradients(p, p_torch, found, expected, "log_prob")


@each
@pytest.mark.parametrize("what", ["mean", "mode", "variance", "stddev", "entropy", "perplexity"])
def test_moments_and_entropy_with_their_gradients(torch, name, what):
    if (name, what) in OTHERWISE:
        pytest.skip("here it is another, see OTHERWISE")
    ours, theirs, p, p_torch = made(name, torch)

    def asked(d):
        found = getattr(d, what)
        return found() if callable(found) else found

    try:
        expected = asked(theirs)
    except NotImplementedError:
        pytest.skip("PyTorch has none")
    found = asked(ours)
    same(found, expected, what)
    if np.isfinite(expected.detach().numpy()).all() and what != "mode":
        same_gradients(p, p_torch, found, expected, what)


@each
@pytest.mark.parametrize("what", ["cdf", "icdf"])
def test_distribution_functions_and_their_gradients(torch, name, what):
    ours, theirs, p, p_torch = made(name, torch)
    chance = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    try:
        value = chance.expand(theirs.batch_shape) if what == "icdf" else values_of(theirs, torch)
        expected = getattr(theirs, what)(value)
    except (NotImplementedError, RuntimeError):
        pytest.skip("PyTorch has none")
    found = getattr(ours, what)(translated(value))
    same(found, expected, what)
    if expected.requires_grad and name not in {"Gamma", "Chi2", "InverseGamma"}:
        same_gradients(p, p_torch, found, expected, what)


@each
def test_expanded_over_a_larger_batch(torch, name):
    ours, theirs, _, _ = made(name, torch)
    shape = (2, *theirs.batch_shape)
    ours, theirs = ours.expand(shape), theirs.expand(shape)
    value = values_of(theirs, torch)
    assert ours.batch_shape == shape
    assert ours.sample((4,)).shape == tuple(value.shape)
    same(ours.log_prob(translated(value)), theirs.log_prob(value), "log_prob")


@each
def test_samples_have_the_mean_and_variance(torch, name):
    ours, _, _, _ = made(name, torch)
    cr.manual_seed(3)
    try:
        mean, variance = np.asarray(ours.mean.detach()), np.asarray(ours.variance.detach())
    except NotImplementedError:
        pytest.skip("it has no mean")
    count = 20_000
    sample = np.asarray(ours.sample((count,)), dtype=np.float64)
    finite = np.isfinite(variance) & np.isfinite(mean)
    away = np.abs(sample.mean(0) - mean)[finite]
    assert (away < 4.5 * np.sqrt(variance[finite] / count) + 1e-12).all()


CONTINUOUS = [
    *("Normal", "Laplace", "Cauchy", "Gumbel", "HalfNormal", "HalfCauchy", "LogNormal", "Uniform"),
    *("Exponential", "Weibull", "Pareto", "Kumaraswamy", "Gamma", "Chi2", "InverseGamma"),
    *("Tanh", "Mixture"),
]


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_are_spread_as_the_distribution_function_says(torch, name):
    """Kolmogorov and Smirnov's test: beyond 1.95 / sqrt(n) once in a thousand."""
    ours, _, _, _ = made(name, torch)
    cr.manual_seed(5)
    count = 4000
    sample = ours.sample((count,))
    heights = np.sort(np.asarray(ours.cdf(sample).detach()), axis=0)
    steps = (np.arange(count) + 0.5)[:, None] / count
    assert np.abs(heights - steps).max() < 1.95 / np.sqrt(count) + 0.5 / count


# --- divergences --------------------------------------------------------------------------------

PAIRS = [
    ("Normal", "Normal"),
    ("HalfNormal", "HalfNormal"),
    ("Laplace", "Laplace"),
    ("Cauchy", "Cauchy"),
    ("Gumbel", "Gumbel"),
    ("Exponential", "Exponential"),
    ("Gamma", "Gamma"),
    ("Chi2", "Gamma"),
    ("Chi2", "Chi2"),
    ("Beta", "Beta"),
    ("Dirichlet", "Dirichlet"),
    ("Bernoulli", "Bernoulli"),
    ("Geometric", "Geometric"),
    ("Binomial", "Binomial"),
    ("Poisson", "Poisson"),
    ("Categorical", "Categorical"),
    ("OneHotCategorical", "OneHotCategorical"),
    ("MultivariateNormal", "MultivariateNormal"),
    ("Independent", "Independent"),
    ("LogNormal", "LogNormal"),
    ("Exponential", "Gamma"),
    ("Gamma", "Exponential"),
    ("Uniform", "Normal"),
    ("Laplace", "Normal"),
    ("Normal", "Laplace"),
    ("Bernoulli-logits", "Poisson"),
    ("Uniform", "Uniform"),
]


def shifted(name, torch):
    """The same kind with other parameters."""
    build, parameters = MAKERS[name]
    moved = [np.flip(np.array(p), -1 if np.ndim(p) == 1 else 0).copy() for p in parameters]
    ours = [cr.tensor(p, requires_grad=True) for p in moved]
    theirs = [torch.tensor(p, requires_grad=True) for p in moved]
    return build(distributions, *ours), build(torch.distributions, *theirs), ours, theirs


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_divergence_and_its_gradients(torch, first, second):
    p, p_torch, a, a_torch = made(first, torch)
    q, q_torch, b, b_torch = shifted(second, torch)
    found = distributions.kl_divergence(p, q)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = torch.distributions.kl_divergence(p_torch, q_torch)
    same(found, expected, "kl")
    if np.isfinite(expected.detach().numpy()).all():
        same_gradients([*a, *b], [*a_torch, *b_torch], found, expected, "kl")
    own = distributions.kl_divergence(p, p) if first == second else None
    if own is not None:
        np.testing.assert_allclose(np.asarray(own.detach()), 0, atol=1e-12)
