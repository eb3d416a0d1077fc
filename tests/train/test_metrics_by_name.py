"""Metrics by name: figures that scikit-learn has too, at ties, absent classes and with weights."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from chainrule.errors import ChainruleError, DataError, OptionError, ShapeError
from chainrule.train.metrics.metric import Metric, Whole
from chainrule.train.metrics.names import METRICS, is_larger_better, metric_of, metrics_of

sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is what metrics are held against")

RNG = np.random.default_rng(0)
N = 400


def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(scores):
    return 1 / (1 + np.exp(-scores))


def classes_of(k, *, rounded=False, absent=None, n=N):
    """Scores of classes with something in them, and the true classes."""
    targets = RNG.integers(0, k, n)
    if absent is not None:
        targets[targets == absent] = (absent + 1) % k
    scores = RNG.normal(size=(n, k)) + 1.5 * np.eye(k)[targets]
    return (np.round(scores) if rounded else scores), targets


CLASSES = {
    "two": classes_of(2),
    "five": classes_of(5),
    "ties": classes_of(4, rounded=True),
    "absent": classes_of(4, absent=2),
    "float32": (classes_of(3)[0].astype(np.float32), classes_of(3)[1]),
}
SCORE = RNG.normal(size=N)
BINARY = (SCORE, (SCORE + RNG.normal(size=N) > 0.3).astype(np.int64))
LABELS = (RNG.normal(size=(N, 4)), (RNG.random((N, 4)) < 0.3).astype(np.float32))
NUMBERS = {
    "column": (RNG.normal(size=N) + 3, RNG.normal(size=N) + 3),
    "three": (RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3)) * [1, 2, 30]),
    "constant": (RNG.normal(size=(9, 2)), np.ones((9, 2))),
    "met": (np.ones((9, 1)), np.ones((9, 1))),
    "zeros": (np.array([0.5, 1.0, 2.0]), np.array([0.0, 0.0, 2.0])),
}
WEIGHTS = {"alike": None, "weights": RNG.random(N), "counts": RNG.integers(0, 3, N).astype(float)}


@pytest.fixture(autouse=True)
def no_news_of_zero_division():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def held(name, outputs, targets, weights, expected):
    found = metric_of(name)(outputs, targets, weights)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("weighing", WEIGHTS)
@pytest.mark.parametrize("case", CLASSES)
def test_of_classes(case, weighing):
    outputs, targets = CLASSES[case]
    w = WEIGHTS[weighing]
    guesses, k = outputs.argmax(axis=1), outputs.shape[1]
    chances = softmax(outputs.astype(np.float64))
    known = {"sample_weight": w}
    held("accuracy", outputs, targets, w, sk.accuracy_score(targets, guesses, **known))
    held(
        "balanced_accuracy",
        *(outputs, targets, w),
        sk.balanced_accuracy_score(targets, guesses, **known),
    )
    held("matthews", outputs, targets, w, sk.matthews_corrcoef(targets, guesses, **known))
    held("log_loss", outputs, targets, w, sk.log_loss(targets, chances, labels=range(k), **known))
    for share in ("precision", "recall", "f1"):
        of = getattr(sk, f"{share}_score")
        for average in ("macro", "weighted", "micro"):
            expected = of(targets, guesses, average=average, **known)
            held(f"{share}_{average}", outputs, targets, w, expected)
        usual = {"average": "binary"} if k == 2 else {"average": "macro"}
        held(share, outputs, targets, w, of(targets, guesses, **usual, **known))
    found = metric_of("confusion")(outputs, targets, w)
    np.testing.assert_allclose(
        found, sk.confusion_matrix(targets, guesses, labels=range(k), **known)
    )


@pytest.mark.parametrize("weighing", WEIGHTS)
@pytest.mark.parametrize("case", ["five", "ties", "absent", "float32"])
def test_the_first_few(case, weighing):
    outputs, targets = CLASSES[case]
    for k in (1, 2, 3):
        expected = sk.top_k_accuracy_score(
            *(targets, outputs),
            k=k,
            labels=range(outputs.shape[1]),
            sample_weight=WEIGHTS[weighing],
        )
        held(f"top_{k}", outputs, targets, WEIGHTS[weighing], expected)
    held("top_9", outputs, targets, None, 1.0)


@pytest.mark.parametrize("weighing", WEIGHTS)
@pytest.mark.parametrize("case", ["two", "five", "float32"])
def test_of_ranks(case, weighing):
    outputs, targets = CLASSES[case]
    outputs, w = outputs.astype(np.float64), WEIGHTS[weighing]
    chances = softmax(outputs)
    if case == "two":
        of_rank, given = outputs[:, 1] - outputs[:, 0], targets
        held("roc_auc", outputs, targets, w, sk.roc_auc_score(given, of_rank, sample_weight=w))
        held(
            "average_precision",
            *(outputs, targets, w),
            sk.average_precision_score(given, of_rank, sample_weight=w),
        )
        return
    true = np.eye(outputs.shape[1])[targets]
    known = {"average": "macro", "sample_weight": w}
    held("roc_auc", outputs, targets, w, sk.roc_auc_score(true, chances, **known))
    held(
        "average_precision", outputs, targets, w, sk.average_precision_score(true, chances, **known)
    )


@pytest.mark.parametrize("weighing", WEIGHTS)
@pytest.mark.parametrize("shape", ["(N,)", "(N, 1)"])
@pytest.mark.parametrize("ties", [False, True])
def test_of_one_score_for_two_classes(shape, ties, weighing):
    score, targets = BINARY
    score, w = np.round(score, 1) if ties else score, WEIGHTS[weighing]
    outputs = score if shape == "(N,)" else score[:, None]
    true = targets.astype(np.float32).reshape(outputs.shape)  # as binary cross-entropy takes them
    known = {"sample_weight": w}
    guesses, chance = score > 0, sigmoid(score)
    for name, expected in {
        "accuracy": sk.accuracy_score(targets, guesses, **known),
        "f1": sk.f1_score(targets, guesses, **known),
        "precision": sk.precision_score(targets, guesses, **known),
        "matthews": sk.matthews_corrcoef(targets, guesses, **known),
        "roc_auc": sk.roc_auc_score(targets, score, **known),
        "average_precision": sk.average_precision_score(targets, score, **known),
        "log_loss": sk.log_loss(targets, chance, **known),
        "brier": sk.brier_score_loss(targets, chance, **known),
    }.items():
        held(name, outputs, true, w, expected)
        held(name, outputs, targets, w, expected)


@pytest.mark.parametrize("weighing", WEIGHTS)
@pytest.mark.parametrize("ties", [False, True])
def test_of_several_labels(ties, weighing):
    outputs, targets = LABELS
    outputs = np.round(outputs) if ties else outputs
    w, known = WEIGHTS[weighing], {"sample_weight": WEIGHTS[weighing]}
    guesses, chances = outputs > 0, sigmoid(outputs)
    held("accuracy", outputs, targets, w, sk.accuracy_score(targets, guesses, **known))
    for share in ("precision", "recall", "f1"):
        of = getattr(sk, f"{share}_score")
        for average in ("macro", "weighted", "micro"):
            expected = of(targets, guesses, average=average, **known)
            held(f"{share}_{average}", outputs, targets, w, expected)
        held(share, outputs, targets, w, of(targets, guesses, average="macro", **known))
    for name in ("roc_auc", "average_precision"):
        expected = getattr(sk, f"{name}_score")(targets, outputs, **known)
        held(name, outputs, targets, w, expected)
    per_label = range(4)
    losses = [sk.log_loss(targets[:, i], chances[:, i], **known) for i in per_label]
    held("log_loss", outputs, targets, w, np.mean(losses))
    squares = [sk.brier_score_loss(targets[:, i], chances[:, i], **known) for i in per_label]
    held("brier", outputs, targets, w, np.mean(squares))
    np.testing.assert_allclose(
        metric_of("confusion")(outputs, targets, w),
        sk.multilabel_confusion_matrix(targets, guesses, **known),
    )


@pytest.mark.parametrize("weighing", WEIGHTS)
@pytest.mark.parametrize("case", ["two", "five", "absent"])
def test_brier(case, weighing):
    outputs, targets = CLASSES[case]
    chances, k = softmax(outputs), outputs.shape[1]
    expected = sk.brier_score_loss(
        *(targets, chances[:, 1] if k == 2 else chances),
        sample_weight=WEIGHTS[weighing],
        **({} if k == 2 else {"labels": range(k)}),
    )
    held("brier", outputs, targets, WEIGHTS[weighing], expected)


def test_perplexity():
    outputs, targets = CLASSES["five"]
    held("perplexity", outputs, targets, None, np.exp(sk.log_loss(targets, softmax(outputs))))
    held("perplexity", np.zeros((7, 50)), np.zeros(7, dtype=np.int64), None, 50.0)


@pytest.mark.parametrize("weighing", WEIGHTS)
@pytest.mark.parametrize("case", NUMBERS)
def test_of_numbers(case, weighing):
    outputs, targets = NUMBERS[case]
    w = WEIGHTS[weighing]
    w = None if w is None else w[: len(targets)] + 0.1
    known = {"sample_weight": w}
    for name, of in {
        "mae": sk.mean_absolute_error,
        "mse": sk.mean_squared_error,
        "rmse": sk.root_mean_squared_error,
        "r2": sk.r2_score,
        "mape": sk.mean_absolute_percentage_error,
        "median_absolute_error": sk.median_absolute_error,
    }.items():
        held(name, outputs, targets, w, of(targets, outputs, **known))


def test_the_middle_by_weights():
    """Ties, rows that do not count, and a half that is reached exactly."""
    zeros = np.zeros(6)
    values = np.array([3.0, 1.0, 1.0, 2.0, 9.0, 4.0])
    for weights in ([1, 1, 1, 1, 1, 1], [0, 1, 1, 2, 0, 0], [5, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 0]):
        w = np.array(weights, dtype=np.float64)
        expected = sk.median_absolute_error(zeros, values, sample_weight=w)
        held("median_absolute_error", values, zeros, w, expected)


def test_a_column_against_a_row_of_numbers():
    """(N, 1) against (N,) is no table of N times N distances."""
    assert metric_of("mae")(np.ones((5, 1)), np.zeros(5)) == 1.0
    assert metric_of("r2")(np.arange(5.0)[:, None], np.arange(5.0)) == 1.0
    with pytest.raises(ShapeError, match=r"outputs of shape \(5, 2\) are held against targets"):
        metric_of("mse")(np.ones((5, 2)), np.zeros(5))


def test_positions_of_sequences_and_those_left_out():
    outputs = RNG.normal(size=(6, 4, 7))  # N, classes, positions: as cross-entropy takes them
    targets = RNG.integers(0, 4, (6, 7))
    targets[:, 5:] = -100
    rows = np.moveaxis(outputs, 1, -1)[targets >= 0]
    kept = targets[targets >= 0]
    last = np.moveaxis(outputs, 1, -1)
    for name in ("accuracy", "f1", "log_loss", "perplexity", "roc_auc", "top_2"):
        expected = pytest.approx(metric_of(name)(rows, kept))
        for given in (outputs, last, last.reshape(-1, 4)):
            assert metric_of(name)(given, targets) == expected


def test_what_cannot_be_said_is_nan():
    """One class alone has no rank, no row no mean."""
    outputs, targets = CLASSES["two"]
    only = np.zeros(N, dtype=np.int64)
    assert math.isnan(metric_of("roc_auc")(outputs, only))
    assert math.isnan(metric_of("average_precision")(outputs, only))
    assert math.isnan(metric_of("r2")(np.ones(1), np.ones(1)))
    spoiled = outputs.copy()
    spoiled[3, 0] = np.nan
    assert math.isnan(metric_of("roc_auc")(spoiled, targets))
    for name, metric in METRICS.items():
        if name == "confusion":
            continue
        numbers = name in ("mae", "mse", "rmse", "r2", "mape", "median_absolute_error")
        none = np.zeros(0), np.zeros(0, dtype=np.float64 if numbers else np.int64)
        given = none if numbers else (np.zeros((0, 3)), none[1])
        assert math.isnan(metric(*given)), name


def test_an_absent_class_has_no_rank_and_the_others_do():
    outputs, targets = CLASSES["absent"]
    chances = softmax(outputs)
    there = [k for k in range(4) if k != 2]
    expected = np.mean([sk.roc_auc_score(targets == k, chances[:, k]) for k in there])
    held("roc_auc", outputs, targets, None, expected)


def test_ranks_do_not_drown_in_probabilities():
    """Where softmax is 1 to rounding, the order is still that of the scores."""
    score = np.linspace(40, 90, 50)
    outputs = np.stack([np.zeros(50), score], axis=1).astype(np.float32)
    targets = (np.arange(50) >= 25).astype(np.int64)
    assert metric_of("roc_auc")(outputs, targets) == 1.0


# --- by name ------------------------------------------------------------------------------------


def test_names_and_functions():
    def spread(outputs, targets):
        return float(outputs.std())

    found = metrics_of(["accuracy", "top_7", spread], np.zeros(1, dtype=np.int64))
    assert list(found) == ["accuracy", "top_7", "spread"]
    assert isinstance(found["spread"], Whole)
    own = metrics_of({"mine": "f1", "b": spread, "c": metric_of("recall")}, np.zeros(1))
    assert [one.name for one in own.values()] == ["f1", "b", "recall"]
    assert list(metrics_of("f1_weighted", np.zeros(1))) == ["f1_weighted"]
    assert list(metrics_of(None, np.zeros(1, dtype=np.uint8))) == ["accuracy"]
    assert list(metrics_of(None, np.zeros(1))) == ["mae"]
    assert metrics_of([], np.zeros(1)) == metrics_of({}, np.zeros(1)) == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["acuracy"], "did you mean 'accuracy'"),
        (["top_0"], "top_0"),
        ([3], "a metric is a name or a function"),
        ({"a": None}, "'a' is None"),
        (7, "metrics must be a list of names or functions, or a mapping, got"),
        ([float], "a metric is a name or a function"),
    ],
)
def test_what_is_no_metric(given, sentence):
    with pytest.raises(OptionError, match=sentence):
        metrics_of(given, np.zeros(1))


@pytest.mark.parametrize(
    ("outputs", "targets", "error", "sentence"),
    [
        (np.zeros((3, 2)), np.array([0, 1, 2]), DataError, "classes 0 to 2, there are scores for"),
        (np.zeros((3, 2)), np.array([0, 1, -1]), DataError, "classes -1 to 1"),
        (np.zeros((3, 2)), np.array([0.0, 1, 1]), DataError, "whole numbers as targets"),
        (np.zeros((3, 2)), np.zeros((4,), int), ShapeError, "are no classes"),
        (np.zeros((3, 2)), np.full((3, 2), 0.5), DataError, "targets of 0 and 1"),
        (np.zeros(3), np.full(3, 2), DataError, "targets of 0 and 1"),
    ],
)
def test_what_are_no_classes(outputs, targets, error, sentence):
    with pytest.raises(error, match=sentence):
        metric_of("accuracy")(outputs, targets)


@pytest.mark.parametrize("name", ["balanced_accuracy", "matthews", "top_3", "perplexity"])
def test_what_several_labels_have_not(name):
    with pytest.raises(DataError, match=f"{name} is of rows that have one class each"):
        metric_of(name)(*LABELS)


@pytest.mark.parametrize("name", METRICS)
def test_one_weight_for_each_row(name):
    numbers = name in ("mae", "mse", "rmse", "r2", "mape", "median_absolute_error")
    given = NUMBERS["column"] if numbers else CLASSES["five"]
    with pytest.raises(ChainruleError, match="one weight for each of 400 rows"):
        metric_of(name)(*given, np.ones(3))


def test_which_way_is_better():
    larger = {name for name, metric in METRICS.items() if metric.largest}
    smaller = {name for name, metric in METRICS.items() if metric.largest is False}
    assert smaller == {
        *("log_loss", "brier", "perplexity", "mae", "rmse", "mse", "mape"),
        "median_absolute_error",
    }
    assert METRICS.keys() - larger - smaller == {"confusion"}
    for name in larger:
        assert is_larger_better(f"validation_{name}", {}) is is_larger_better(name, {}) is True
    assert is_larger_better("validation_top_77", {})
    assert not is_larger_better("validation_loss", {})
    own: dict[str, Metric] = metrics_of({"good": "mae", "own": lambda y, t: 0.0}, np.zeros(1))
    assert not is_larger_better("validation_good", own)
    for unknown in ("own", "seconds", "confusion"):
        with pytest.raises(OptionError, match="largest=True or False"):
            is_larger_better(unknown, own)
