"""Scikit-learn's perceptrons and ours: the same weights to begin with, the same curves and ends."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import sklearn.neural_network as theirs
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

import chainrule.sklearn as ours

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Got `batch_size`"
)

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS /= 16
SICK, COURSE = load_diabetes(return_X_y=True)
LABELLED, LABELS = make_multilabel_classification(random_state=0)


def both(kind, X, y, weight=None, **options):
    """Scikit-learn's estimator and ours, fitted alike."""
    found = []
    for package in (theirs, ours):
        model = getattr(package, kind)(random_state=3, **options)
        more = {} if weight is None else {"sample_weight": weight}
        found.append(model.fit(X, y, **more))
    return found


def assert_alike(their, our, X, tolerance=1e-9):
    assert our.n_iter_ == their.n_iter_
    np.testing.assert_allclose(our.loss_curve_, their.loss_curve_, rtol=tolerance)
    for a, b in zip(our.coefs_ + our.intercepts_, their.coefs_ + their.intercepts_, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=100 * tolerance, atol=100 * tolerance)
    np.testing.assert_allclose(our.predict(X), their.predict(X), rtol=100 * tolerance)
    for name in ("n_layers_", "n_outputs_", "out_activation_", "t_"):
        assert getattr(our, name) == getattr(their, name)


CASES = {
    "usual": {},
    "rest": {"batch_size": 70},
    "in order": {"shuffle": False, "batch_size": 64},
    "logistic": {"activation": "logistic"},
    "tanh, two layers": {"activation": "tanh", "hidden_layer_sizes": (20, 10)},
    "identity": {"activation": "identity", "hidden_layer_sizes": 5},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "penalty": {"alpha": 0.5},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "plain sgd": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "tol": 0.05,
        "n_iter_no_change": 2,
    },
    "betas": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "learning_rate_init": 0.01},
    "stops": {"tol": 0.1, "n_iter_no_change": 3, "max_iter": 60},
}


@pytest.mark.parametrize("case", CASES)
def test_classes(case):
    X, y = DIGITS[:300], DIGIT[:300]
    their, our = both("MLPClassifier", X, y, **{"max_iter": 15, **CASES[case]})
    assert_alike(their, our, X)
    assert our.best_loss_ == pytest.approx(their.best_loss_)


def test_two_classes_and_rows_of_different_weight():
    X, y = DIGITS[:300], np.where(DIGIT[:300] > 4, "many", "few")
    weight = np.random.RandomState(0).rand(300) + 0.1
    pytest.importorskip("sklearn", minversion="1.7", reason="weights came with 1.7")
    their, our = both("MLPClassifier", X, y, weight, max_iter=15, batch_size=64)
    assert_alike_classes(their, our, X)
    np.testing.assert_allclose(our.loss_curve_, their.loss_curve_, rtol=1e-9)


def assert_alike_classes(their, our, X):
    assert (our.predict(X) == their.predict(X)).all()
    np.testing.assert_allclose(our.predict_proba(X), their.predict_proba(X), rtol=1e-6)
    np.testing.assert_allclose(our.predict_log_proba(X), their.predict_log_proba(X), rtol=1e-6)


@pytest.mark.parametrize("y", [DIGIT, DIGIT > 4], ids=["ten", "two"])
def test_early_stopping(y):
    X, y = DIGITS[:500], y[:500]
    their, our = both(
        "MLPClassifier", X, y, early_stopping=True, max_iter=40, n_iter_no_change=4, tol=0.01
    )
    assert our.n_iter_ == their.n_iter_ < 40
    np.testing.assert_allclose(our.validation_scores_, their.validation_scores_)
    assert our.best_validation_score_ == pytest.approx(their.best_validation_score_)
    assert our.best_loss_ is their.best_loss_ is None
    np.testing.assert_allclose(our.coefs_[0], their.coefs_[0], rtol=1e-6, atol=1e-9)


def test_labels_in_one_go_and_part_by_part():
    their, our = both("MLPClassifier", LABELLED, LABELS, max_iter=20)
    assert_alike(their, our, LABELLED)
    for k in range(3):
        their.partial_fit(LABELLED[k::3], LABELS[k::3])
        our.partial_fit(LABELLED[k::3], LABELS[k::3])
    np.testing.assert_allclose(our.loss_curve_, their.loss_curve_, rtol=1e-9)
    assert our.t_ == their.t_


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_numbers(loss, outputs):
    pytest.importorskip("sklearn", minversion="1.7", reason="its losses came with 1.7")
    y = COURSE / 100 if outputs == 1 else np.c_[COURSE, COURSE[::-1]] / 100
    their, our = both("MLPRegressor", SICK, y, loss=loss, max_iter=15, learning_rate_init=0.01)
    assert_alike(their, our, SICK)


def test_part_by_part():
    their, our = (
        package.MLPClassifier(random_state=0, solver="sgd", learning_rate="invscaling")
        for package in (theirs, ours)
    )
    for k in range(5):
        rows = slice(100 * k, 100 * k + 100)
        their.partial_fit(DIGITS[rows], DIGIT[rows], classes=range(10))
        our.partial_fit(DIGITS[rows], DIGIT[rows], classes=range(10))
    assert_alike(their, our, DIGITS)


def test_a_warm_start():
    their, our = both("MLPClassifier", DIGITS[:300], DIGIT[:300], warm_start=True, max_iter=5)
    for model in (their, our):
        model.fit(DIGITS[:300], DIGIT[:300])
    assert len(our.loss_curve_) == 10
    assert_alike(their, our, DIGITS)


def test_a_long_job_goes_on_in_machine_code_and_stays_close():
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    from chainrule.sklearn.trainer import _idle

    their, our = both("MLPClassifier", DIGITS, DIGIT, max_iter=160, tol=0)
    plans = next(reversed(_idle.values()))._plans
    assert "auto" in [executor for executor, _ in plans]
    np.testing.assert_allclose(our.loss_curve_, their.loss_curve_, rtol=1e-9)


def test_lbfgs_comes_as_far():
    their, our = both("MLPClassifier", DIGITS[:300], DIGIT[:300], solver="lbfgs", alpha=0.1)
    assert our.loss_ == pytest.approx(their.loss_, rel=0.02)
    assert not hasattr(our, "loss_curve_")
    assert not hasattr(our, "partial_fit")


def test_sparse_rows_are_the_same_rows(monkeypatch):
    from scipy import sparse

    from chainrule.sklearn import inputs

    X = sparse.csr_matrix(DIGITS[:300])
    their, our = both("MLPClassifier", X, DIGIT[:300], max_iter=5, batch_size=70)
    assert_alike(their, our, X)
    monkeypatch.setattr(inputs, "_ROOM", 1000)  # batch by batch
    _, again = both("MLPClassifier", X, DIGIT[:300], max_iter=5, batch_size=70)
    np.testing.assert_allclose(again.loss_curve_, our.loss_curve_)


def test_the_limit_is_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        for package in (theirs, ours):
            with pytest.raises(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
                package.MLPClassifier(max_iter=2).fit(DIGITS[:50], DIGIT[:50])


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_parameters_have_their_names_and_defaults(kind):
    their, our = (getattr(package, kind)().get_params() for package in (theirs, ours))
    assert {name: our.get(name, "missing") for name in their} == their


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_have_the_dtype_of_x(dtype):
    their, our = both("MLPClassifier", DIGITS[:50].astype(dtype), DIGIT[:50], max_iter=2)
    assert our.coefs_[0].dtype == their.coefs_[0].dtype == dtype
    proba = our.predict_proba(DIGITS[:50].astype(dtype))
    assert proba.dtype == their.predict_proba(DIGITS[:50].astype(dtype)).dtype == dtype


def test_coefficients_are_the_network():
    model = ours.MLPClassifier(max_iter=2).fit(DIGITS[:50], DIGIT[:50])
    for array in [*model.coefs_, *model.intercepts_]:
        array[...] = 0
    np.testing.assert_allclose(model.predict_proba(DIGITS[:3]), 0.1)
    model.intercepts_ = [np.zeros(100), np.arange(10.0)]
    assert (model.predict(DIGITS[:3]) == 9).all()
    with pytest.raises(ValueError, match=r"coefs_ must be arrays of shapes \(64, 100\), \(100, 10"):
        model.coefs_ = [np.zeros((2, 2))]
