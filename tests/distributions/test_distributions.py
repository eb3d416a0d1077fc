"""Distributions by themselves: what they refuse, what they show, how their values move."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import distributions as d
from chainrule import ops
from chainrule.distributions import constraints
from chainrule.errors import OptionError, ShapeError

HALF = np.array([0.5, 0.5])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: d.Normal(0.0, -1.0), r"Normal's scale must satisfy GreaterThan.*got -1\.0"),
        (lambda: d.Normal(np.array([0.0, np.nan]), 1.0), "Normal's loc must satisfy Real"),
        (lambda: d.Categorical(np.array([0.5, -0.5, 2.0])), "Categorical's probs must satisfy"),
        (lambda: d.Categorical(HALF, HALF), "exactly one of probs and logits .* got probs and lo"),
        (lambda: d.Bernoulli(), "exactly one of probs and logits must be given, got neither"),
        (
            lambda: d.Bernoulli(0.5).log_prob(0.3),
            r"a value of Bernoulli must satisfy Boolean\(\), got 0.3",
        ),
        (lambda: d.Uniform(1.0, 0.0), "Uniform needs low < high"),
        (lambda: d.Uniform(0.0, 1.0).log_prob(2.0), "a value of Uniform"),
        (lambda: d.Multinomial(np.ones(2), HALF), "Multinomial's total_count is one int"),
        (lambda: d.Independent(d.Normal(0.0, 1.0), 1), "has only 0 batch dimensions"),
        (lambda: d.MixtureSameFamily(d.Bernoulli(0.5), d.Normal(HALF, 1.0)), "is a Categorical"),
        (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), [np.exp]), "must be Transforms"),
        (lambda: d.ExpTransform(cache_size=2), "cache_size must be 0 or 1, got 2"),
        (lambda: d.register_kl(int, d.Normal), "register_kl takes subclasses of Distribution"),
    ],
)
def test_what_it_is_not_is_said_in_a_sentence(make, sentence):
    with pytest.raises(OptionError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: d.Categorical(0.5), "Categorical's probs needs a dimension"),
        (lambda: d.Dirichlet(0.5), "Dirichlet's concentration needs a dimension"),
        (lambda: d.Normal(np.zeros(2), 1.0).log_prob(np.zeros(3)), "do not broadcast"),
        (lambda: d.Dirichlet(HALF).log_prob(np.ones(3)), r"ends in the dimensions \(2,\)"),
        (lambda: d.MultivariateNormal(0.0, np.eye(2)), "loc of shape"),
        (lambda: d.MixtureSameFamily(d.Categorical(HALF), d.Normal(0.0, 1.0)), "must be 2"),
        (lambda: d.ReshapeTransform((2,), (3,)), "different numbers of elements"),
    ],
)
def test_shapes_that_do_not_fit_are_said_in_a_sentence(make, sentence):
    with pytest.raises(ShapeError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: d.Bernoulli(0.5).rsample(), "Bernoulli has no rsample.*weight log_prob"),
        (lambda: d.StudentT(1.0).cdf(0.0), "StudentT has no cdf"),
        (lambda: d.kl_divergence(d.Cauchy(0.0, 1.0), d.Normal(0.0, 1.0)), "no formula for"),
        (lambda: d.Binomial(np.array([1, 2]), 0.5).entropy(), "no common list"),
    ],
)
def test_what_it_has_not_is_said_in_a_sentence(ask, sentence):
    with pytest.raises(NotImplementedError, match=sentence):
        ask()


def test_a_name_it_has_not_is_refused_with_the_nearest():
    with pytest.raises(AttributeError, match="no 'Norml'; did you mean 'Normal'"):
        _ = d.Norml


def test_checks_can_be_left_out():
    assert d.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    d.Distribution.set_default_validate_args(False)
    try:
        d.Normal(0.0, -1.0)
    finally:
        d.Distribution.set_default_validate_args(True)


def test_representations():
    normal = d.Normal(0.0, np.ones(2))
    assert repr(normal) == "Normal(loc: (2,), scale: (2,))"
    assert repr(d.Independent(normal, 1)) == "Independent(Normal(loc: (2,), scale: (2,)), 1)"
    assert repr(d.Bernoulli(logits=0.5)) == "Bernoulli(logits: 0.5)"
    assert repr(d.ComposeTransform([d.ExpTransform().inv])) == (
        "ComposeTransform([ExpTransform().inv])"
    )
    assert repr(constraints.real_vector) == "IndependentConstraint(Real(), 1)"


def test_the_same_seed_draws_the_same():
    several = [
        d.Normal(0.0, 1.0),
        d.Gamma(2.0, 1.0),
        d.Poisson(3.0),
        d.Binomial(9, 0.5),
        d.Categorical(HALF),
        d.Dirichlet(HALF),
    ]

    def drawn():
        cr.manual_seed(1)
        return [np.asarray(each.sample((20,))) for each in several]

    for a, b in zip(drawn(), drawn()):
        np.testing.assert_array_equal(a, b)


def test_values_that_cannot_be_are_never_drawn():
    cr.manual_seed(2)
    assert (d.Categorical(np.array([0.0, 1.0, 0.0])).sample((1000,)) == 1).all()
    assert (d.Bernoulli(np.array([0.0, 1.0])).sample((1000,)) == cr.tensor([0.0, 1.0])).all()
    assert (d.OneHotCategorical(np.array([1.0, 0.0])).log_prob(np.array([0.0, 1.0]))) < -30


# --- values that move with their parameters -----------------------------------------------------

WAYS = {
    "gamma": lambda a: d.Gamma(a, 1.0),
    "beta": lambda a: d.Beta(a, 2.0),
    "chi2": lambda a: d.Chi2(a),
    "student": lambda a: d.StudentT(a + 4.0),
    "dirichlet": lambda a: d.Dirichlet(ops.stack([a, a * 0 + 1.5], -1)),
    "normal": lambda a: d.Normal(a, a),
    "weibull": lambda a: d.Weibull(a, 2.0 + a),
    "gumbel": lambda a: d.Gumbel(a, a),
    "laplace": lambda a: d.Laplace(a, a),
}


@pytest.mark.parametrize("way", WAYS)
def test_gradients_through_values_are_those_of_expectations(way):
    """d E[cos x^2] / da by values that move, and by weighting with the slope of log p."""
    cr.manual_seed(4)
    a = cr.tensor(np.full(100_000, 1.3), requires_grad=True)
    x = WAYS[way](a).rsample()

    def measure(x):
        y = (x * x / 4).cos()
        return y[..., 0] if y.ndim > 1 else y

    measure(x).sum().backward()
    moved = np.asarray(a.grad)
    a.grad = None
    x = x.detach()
    weight = measure(x) - measure(x).mean()
    (weight * WAYS[way](a).log_prob(x)).sum().backward()
    weighted = np.asarray(a.grad)
    error = np.sqrt((moved.var() + weighted.var()) / len(moved))
    assert abs(moved.mean() - weighted.mean()) < 4.5 * error


@pytest.mark.parametrize("a", [0.05, 0.7, 3.0, 80.0, 3000.0])
def test_gamma_drift_keeps_the_probability(a):
    """P(a + h, z + h dz/da) is P(a, z)."""
    z = np.random.default_rng(0).standard_gamma(a, 200)
    h = 1e-4 * a
    drift = ops.gamma_drift(np.full_like(z, a), z)
    ahead = ops.gammainc(np.full_like(z, a + h), z + h * drift)
    behind = ops.gammainc(np.full_like(z, a - h), z - h * drift)
    density = np.exp((a - 1) * np.log(z) - z - ops.lgamma(np.array(a)))
    away = (ahead - behind) / (2 * h) / density
    assert np.median(np.abs(away) / drift) < 1e-5


def test_straight_through_values_pass_the_slope_of_the_probabilities():
    logits = cr.tensor([0.3, 0.1], requires_grad=True)
    value = d.OneHotCategoricalStraightThrough(logits=logits).rsample()
    assert sorted(value.tolist()) == [0, 1]
    value[0].backward()
    p = logits.detach().softmax(-1).numpy()
    np.testing.assert_allclose(logits.grad, [p[0] * p[1], -p[0] * p[1]], rtol=1e-5)


def test_what_drawing_computed_on_the_way_still_has_a_gradient():
    logits = cr.tensor([0.3, 0.1], requires_grad=True)
    policy = d.Categorical(logits=logits)
    policy.sample()
    policy.entropy().backward()
    assert (logits.grad != 0).all()


def test_a_cache_takes_a_squashed_value_back_exactly():
    wide = d.Normal(0.0, 30.0)  # whose tanh is mostly 1 to the last digit
    squashed = d.TransformedDistribution(wide, d.TanhTransform(cache_size=1))
    assert squashed.log_prob(squashed.rsample((100,))).isfinite().all()


# --- in a recorded step -------------------------------------------------------------------------


def test_a_recorded_step_draws_anew_and_keeps_its_checks():
    loc = cr.tensor([0.0, 1.0], requires_grad=True)

    def step(scale):
        policy = d.Normal(loc, scale)
        action = policy.sample()
        (-policy.log_prob(action).sum()).backward()
        return action

    recorded = cr.compile(step)
    ones = cr.ones(2)
    drawn = {tuple(recorded(ones).tolist()) for _ in range(6)}
    assert len(drawn) == 6
    with pytest.raises(OptionError, match="Normal's scale"):
        recorded(-ones)


@pytest.mark.parametrize("way", ["gamma", "dirichlet", "beta"])
def test_recorded_values_move_as_those_that_are_not(way):
    def run(compiled):
        a = cr.tensor(np.full(3, 0.8), requires_grad=True)

        def step(shift):
            x = WAYS[way](a + shift).rsample()
            x.reshape(3, -1)[:, 0].sum().backward()
            return x

        step = cr.compile(step) if compiled else step
        cr.manual_seed(7)
        drawn = [np.array(step(cr.tensor(np.full(3, i))).detach()) for i in range(5)]
        return [*drawn, a.grad.numpy()]

    for found, expected in zip(run(True), run(False)):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
