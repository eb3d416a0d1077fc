"""Importance, calibration, ROC: what is known beforehand, and what scikit-learn says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import explain, nn
from chainrule.errors import DataError, OptionError, ShapeError


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(0)


class Fixed(nn.Module):
    """Gives what a function gives."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


# --- importance ---------------------------------------------------------------------------------


def test_a_column_that_is_not_read_is_worth_nothing(rng):
    x = rng.normal(size=(300, 3)).astype("f4")
    model = nn.Linear(3, 1)
    model.weight.data[:] = [[2.0, 0.0, -1.0]]
    y = (2 * x[:, 0] - x[:, 2]).astype("f4")
    model.bias.data[:] = 0
    found = explain.importance(model, (x, y))
    assert found.order[0] == "x0"
    assert found.losses["x1"] == found.deviations["x1"] == 0
    assert found.base < 1e-6
    # Of independent columns |w| times the mean distance of two normal numbers, 2 / sqrt(pi).
    assert found.losses["x0"] == pytest.approx(2 * 2 / np.sqrt(np.pi), rel=0.1)
    assert not found.classes


def test_importance_agrees_with_scikit_learn(rng):
    inspection = pytest.importorskip("sklearn.inspection", reason="needs scikit-learn")
    linear_model = pytest.importorskip("sklearn.linear_model")
    x = rng.normal(size=(800, 4)).astype("f4")
    y = (x @ [3.0, 1.0, 0.3, 0.0] > 0).astype(int)
    judge = linear_model.LogisticRegression().fit(x, y)
    theirs = inspection.permutation_importance(judge, x, y, n_repeats=20, random_state=0)
    weights = judge.coef_.astype("f4")

    def score(rows):
        return rows @ nn.Parameter(weights.T).detach() + float(judge.intercept_[0])

    ours = explain.importance(Fixed(score), (x, y), repeats=20)
    assert ours.base == judge.score(x, y)
    for mean, loss in zip(theirs.importances_mean, ours.losses.values()):
        assert loss == pytest.approx(mean, abs=0.02)


def test_the_same_seed_gives_the_same_and_the_data_stay(rng):
    x = rng.normal(size=(50, 2)).astype("f4")
    y = (x[:, 0] > 0).astype(int)
    before = x.copy()
    one, other, third = (explain.importance(nn.Identity(), (x, y), seed=s) for s in (1, 1, 2))
    assert one.losses == other.losses
    assert one.losses != third.losses
    np.testing.assert_array_equal(x, before)
    assert "±" in str(one.picture)


def test_importance_is_of_tables(rng):
    with pytest.raises(ShapeError, match="columns of a table"):
        explain.importance(nn.Flatten(), (np.zeros((3, 1, 2, 2), "f4"), np.zeros(3, int)))
    with pytest.raises(OptionError, match="repeats must be at least 1"):
        explain.importance(nn.Identity(), (np.zeros((3, 2), "f4"), np.zeros(3, int)), repeats=0)


# --- calibration --------------------------------------------------------------------------------


def test_a_network_that_is_right_as_often_as_it_says(rng):
    chance = rng.uniform(0.5, 1, 40_000)
    y = (rng.uniform(size=chance.size) < chance).astype(int)
    scores = np.log(chance / (1 - chance)).reshape(-1, 1).astype("f4")
    found = explain.calibration(nn.Identity(), (scores, y))
    assert found.error < 0.01
    surer = explain.calibration(nn.Identity(), (3 * scores, y))
    assert surer.lean == pytest.approx(surer.error, abs=0.01)
    assert surer.error > 0.08
    doubtful = explain.calibration(nn.Identity(), (scores / 3, y))
    assert doubtful.lean < -0.08


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(2, 6))
def test_groups_add_up(seed, bins, k):
    rng = np.random.default_rng(seed)
    scores = (5 * rng.normal(size=(64, k))).astype("f4")
    y = rng.integers(0, k, 64)
    found = explain.calibration(nn.Identity(), (scores, y), bins=bins)
    assert found.counts.sum() == 64
    right = np.nansum(found.accuracy * found.counts)
    assert right == pytest.approx((scores.argmax(axis=1) == y).sum())
    assert abs(found.lean) <= found.error + 1e-12 <= 1 + 1e-9
    str(found.picture)


def test_one_group_is_the_difference_of_the_means(rng):
    scores = rng.normal(size=(100, 3)).astype("f4")
    y = rng.integers(0, 3, 100)
    found = explain.calibration(nn.Identity(), (scores, y), bins=1)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    meant = abs(shares.max(axis=1).mean() - (scores.argmax(axis=1) == y).mean())
    assert found.error == pytest.approx(meant, abs=1e-6)


def test_no_groups():
    with pytest.raises(OptionError, match="bins"):
        explain.calibration(nn.Identity(), (np.zeros((2, 2), "f4"), np.zeros(2, int)), bins=0)


# --- ROC ----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 5, 1000]), st.booleans())
def test_rates_agree_with_scikit_learn(seed, different, one_output):
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, different, 60) / different * 4 - 2).astype("f4")  # with ties
    y = rng.integers(0, 2, 60)
    y[:2] = 0, 1
    columns = scores[:, None] if one_output else np.stack([-scores / 2, scores / 2], axis=1)
    found = explain.roc(nn.Identity(), (columns, y))
    assert found.area == pytest.approx(metrics.roc_auc_score(y, scores))
    assert found.average_precision == pytest.approx(metrics.average_precision_score(y, scores))
    false, true, _ = metrics.roc_curve(y, scores, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positive, false)
    np.testing.assert_allclose(found.true_positive, true)


def test_roc_is_of_two_classes_that_are_there():
    three = np.zeros((4, 3), "f4")
    with pytest.raises(DataError, match="3 classes"):
        explain.roc(nn.Identity(), (three, np.array([0, 1, 2, 1])))
    with pytest.raises(DataError, match="1 of them"):
        explain.roc(nn.Identity(), (three[:, :2], np.zeros(4, int)))


def test_its_picture_names_the_class():
    scores = np.array([[0.1], [0.4], [0.35], [0.8]], dtype=np.float32)
    found = explain.roc(nn.Identity(), (scores, np.array([0, 0, 1, 1])))
    assert "share of 1 that is found" in str(found.picture)
