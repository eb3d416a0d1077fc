"""What estimators take beyond scikit-learn's: each parameter, by what comes of it."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import train_test_split

from chainrule import nn
from chainrule.nn import functional as F
from chainrule.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor
from chainrule.train import Callback

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = DIGITS[:400] / 16
DIGIT = DIGIT[:400]
LINE = np.linspace(0, 1, 300)[:, None]
NOISE = np.random.RandomState(0).exponential(size=300)


def layers(model):
    return [type(layer).__name__ for layer in model.module_]


# --- the network --------------------------------------------------------------------------------


def test_activations_norms_and_dropout_of_each_layer():
    model = MLPClassifier(
        (20, 10), ["gelu", "identity"], dropout=[0.5, 0], layer_norm=True, max_iter=2
    ).fit(DIGITS, DIGIT)
    assert layers(model) == [
        "Linear",
        "LayerNorm",
        "GELU",
        "Dropout",
        "Linear",
        "LayerNorm",
        "Linear",
    ]
    assert model.n_layers_ == 4
    model = MLPClassifier((20,), batch_norm=True, batch_size=399, max_iter=2).fit(DIGITS, DIGIT)
    assert layers(model) == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert not model.module_.training


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "selu", "silu", "mish", "softplus"])
def test_further_activations_learn(activation):
    model = MLPClassifier((30,), activation, max_iter=60, learning_rate_init=0.01, random_state=0)
    assert model.fit(DIGITS, DIGIT).score(DIGITS, DIGIT) > 0.97


@pytest.mark.parametrize("options", [{"dropout": 0.3}, {"batch_norm": True, "batch_size": 150}])
def test_chance_follows_the_seed(options):
    first, again, other = (
        MLPClassifier((20,), random_state=seed, max_iter=8, **options).fit(DIGITS, DIGIT)
        for seed in (1, 1, 2)
    )
    assert first.loss_curve_ == again.loss_curve_ != other.loss_curve_
    np.testing.assert_array_equal(first.predict_proba(DIGITS), again.predict_proba(DIGITS))


def test_dropout_makes_it_harder():
    losses = [
        MLPClassifier((30,), dropout=p, random_state=0, max_iter=20).fit(DIGITS, DIGIT).loss_
        for p in (0, 0.7)
    ]
    assert losses[1] > 1.1 * losses[0]


# --- losses and outputs -------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_quantile_has_its_share_below(level):
    model = MLPRegressor(
        "quantile", quantile=level, max_iter=300, learning_rate_init=0.01, random_state=0
    ).fit(LINE, LINE[:, 0] + NOISE)
    assert np.mean(LINE[:, 0] + NOISE < model.predict(LINE)) == pytest.approx(level, abs=0.06)


def test_absolute_error_and_huber_mind_no_outlier():
    y = 2 * LINE[:, 0]
    y[::10] = 50
    far = {}
    for loss in ("squared_error", "absolute_error", "huber"):
        model = MLPRegressor(loss, solver="lbfgs", delta=0.1, random_state=0, max_iter=300)
        far[loss] = np.abs(model.fit(LINE, y).predict(LINE) - 2 * LINE[:, 0]).max()
    assert far["absolute_error"] < 0.3 > far["huber"]
    assert far["squared_error"] > 3


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("softplus", 0, 9), ("relu", 0, 9), ("logistic", 0, 1), ("tanh", -1, 1), ("exp", 0, 9)],
)
def test_outputs_stay_where_they_are_sent(activation, low, high):
    model = MLPRegressor(out_activation=activation, max_iter=20, random_state=1)
    found = model.fit(LINE, LINE[:, 0]).predict(30 * LINE - 15)
    assert model.out_activation_ == activation
    assert found.min() >= low
    assert found.max() <= high or activation == "exp"


def test_poisson_with_another_output_has_the_same_least():
    y = np.random.RandomState(0).poisson(3 + 2 * LINE[:, 0])
    means = [
        MLPRegressor("poisson", out_activation=o, solver="lbfgs", random_state=0)
        .fit(LINE, y)
        .predict(LINE)
        for o in (None, "softplus")
    ]
    np.testing.assert_allclose(*means, rtol=0.1)
    with pytest.raises(ValueError, match="takes counts, and y has numbers below 0"):
        MLPRegressor("poisson").fit(LINE, y - 5)


def test_each_class_by_itself():
    model = MLPClassifier(out_activation="logistic", solver="lbfgs", random_state=0)
    model.fit(DIGITS, DIGIT)
    np.testing.assert_allclose(model.predict_proba(DIGITS).sum(axis=1), 1)
    assert model.score(DIGITS, DIGIT) > 0.95


def test_two_classes_with_two_outputs():
    model = MLPClassifier(out_activation="softmax", max_iter=50, random_state=0)
    model.fit(DIGITS, DIGIT > 4)
    assert model.n_outputs_ == 2
    assert model.score(DIGITS, DIGIT > 4) > 0.95


def test_hinge():
    model = MLPClassifier(loss="hinge", max_iter=60, random_state=0).fit(DIGITS, DIGIT)
    assert model.score(DIGITS, DIGIT) > 0.97


def of_rows(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize("own", [F.cross_entropy, of_rows], ids=["one number", "of rows"])
def test_a_loss_of_ones_own(own):
    plain, model = (
        MLPClassifier(loss=loss, max_iter=5, random_state=0).fit(DIGITS, DIGIT)
        for loss in ("log_loss", own)
    )
    np.testing.assert_allclose(model.loss_curve_, plain.loss_curve_, rtol=1e-6)


def test_a_loss_of_one_number_has_no_weights():
    with pytest.raises(ValueError, match="gives one number for a batch, so rows cannot"):
        MLPClassifier(loss=F.cross_entropy, class_weight="balanced").fit(DIGITS, DIGIT)
    with pytest.raises(ValueError, match="loss must return a tensor, of one number or of a number"):
        MLPRegressor(loss=lambda p, y: p - y[:, :0]).fit(LINE, NOISE)


# --- weights ------------------------------------------------------------------------------------


def test_weights_of_classes_are_weights_of_rows():
    few = np.r_[0:100, np.flatnonzero(DIGIT == 1)]
    y = (DIGIT[few] == 0).astype(int)
    n = np.bincount(y)
    weight = (len(y) / 2 / n)[y]
    balanced = MLPClassifier(class_weight="balanced", random_state=0, max_iter=10)
    weighted = MLPClassifier(random_state=0, max_iter=10).fit(DIGITS[few], y, weight)
    assert balanced.fit(DIGITS[few], y).loss_curve_ == pytest.approx(weighted.loss_curve_)
    named = MLPClassifier(class_weight={0: 1, 1: 99}, random_state=0, max_iter=10)
    assert named.fit(DIGITS[few], y).predict_proba(DIGITS)[:, 1].mean() > (
        weighted.predict_proba(DIGITS)[:, 1].mean()
    )


def test_a_weight_is_a_number_of_rows():
    weight = np.random.RandomState(0).randint(0, 4, 150)
    repeated = np.repeat(np.arange(150), weight)
    options = {"shuffle": False, "random_state": 0, "max_iter": 20}
    weighted = MLPRegressor(**options).fit(DIGITS[:150], DIGIT[:150], weight)
    options["batch_size"] = len(repeated)  # all at once, as the others are
    longer = MLPRegressor(**options).fit(DIGITS[repeated], DIGIT[repeated])
    np.testing.assert_allclose(weighted.predict(DIGITS), longer.predict(DIGITS), rtol=1e-6)


@pytest.mark.parametrize(
    ("weight", "said"), [(np.zeros(400), "zero"), (-np.ones(400), "[Nn]egative")]
)
def test_weights_that_cannot_be(weight, said):
    with pytest.raises(ValueError, match=said):
        MLPClassifier().fit(DIGITS, DIGIT, weight)


# --- what is held out ---------------------------------------------------------------------------


def test_an_eval_set_is_measured_on():
    model = MLPClassifier(random_state=0, max_iter=5)
    model.fit(DIGITS, DIGIT, eval_set=(DIGITS, DIGIT))
    assert len(model.validation_loss_curve_) == 5
    # After an epoch, the loss on the same rows is less than it was on average during it.
    assert model.validation_loss_curve_[-1] < model.loss_
    assert model.validation_scores_ is None
    with pytest.raises(ValueError, match=r"eval_set must be a pair \(X, y\)"):
        model.fit(DIGITS, DIGIT, eval_set=DIGITS)


@pytest.mark.parametrize(
    "scoring", [None, "loss", "balanced_accuracy", make_scorer(lambda a, b: np.mean(a == b))]
)
def test_early_stopping_puts_the_best_back(scoring):
    X, X_held, y, y_held = train_test_split(DIGITS, DIGIT, random_state=0)
    model = MLPClassifier(
        early_stopping=True, scoring=scoring, learning_rate_init=0.05, random_state=0, max_iter=40
    ).fit(X, y, eval_set=(X_held, y_held))
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores)
    if scoring == "loss":
        np.testing.assert_allclose(scores, [-loss for loss in model.validation_loss_curve_])
        penalty = 0.5 * model.alpha / len(y_held) * sum(np.square(w).sum() for w in model.coefs_)
        found = log_loss(y_held, model.predict_proba(X_held)) + penalty
        assert found == pytest.approx(-max(scores), rel=1e-6)
    elif scoring is None:
        assert model.score(X_held, y_held) == max(scores)


def test_calibration_makes_less_sure():
    X, X_test, y, y_test = train_test_split(DIGITS, DIGIT, test_size=0.5, random_state=0)
    noisy = np.where(np.random.RandomState(0).rand(len(y)) < 0.3, 0, y)
    model = MLPClassifier(
        calibrate=True, validation_fraction=0.3, solver="lbfgs", random_state=0, alpha=0
    ).fit(X, noisy)
    calibrated = log_loss(y_test, model.predict_proba(X_test))
    assert model.temperature_ > 1.5
    model.temperature_ = 1.0
    assert calibrated < log_loss(y_test, model.predict_proba(X_test))


# --- members, callbacks, progress ---------------------------------------------------------------


def test_members_differ_and_are_averaged():
    model = MLPClassifier((10,), n_members=3, random_state=0, max_iter=20).fit(DIGITS, DIGIT)
    each = np.stack([member.predict_proba(DIGITS) for member in model.estimators_])
    np.testing.assert_allclose(model.predict_proba(DIGITS), each.mean(axis=0))
    np.testing.assert_allclose(model.predict_std(DIGITS), each.std(axis=0))
    assert each.std(axis=0).max() > 0.01
    again = clone(model).fit(DIGITS, DIGIT)
    np.testing.assert_array_equal(again.predict_proba(DIGITS), model.predict_proba(DIGITS))
    model = MLPRegressor(hidden_layer_sizes=(10,), n_members=2, random_state=0, max_iter=20).fit(
        LINE, NOISE
    )
    assert model.predict_std(LINE).shape == (300,)
    for _ in range(2):
        model.partial_fit(LINE, NOISE)
    assert len(model.estimators_[0].loss_curve_) == 22
    with pytest.raises(ValueError, match="n_members of at least 2"):
        MLPRegressor(max_iter=2).fit(LINE, NOISE).predict_std(LINE)


class Counter(Callback):
    each_step = False
    epochs = 0

    def on_epoch_end(self, run):
        self.epochs += 1
        if self.epochs == 3:
            run.stop("three are enough")


def test_callbacks_see_the_run():
    counter = Counter()
    model = MLPClassifier(callbacks=[counter], random_state=0).fit(DIGITS, DIGIT)
    assert counter.epochs == model.n_iter_ == 3


def test_progress_is_shown(capsys):
    MLPClassifier(verbose=True, max_iter=3, random_state=0).fit(DIGITS, DIGIT)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1/3", "2/3", "3/3"]


# --- parts, warm starts -------------------------------------------------------------------------


def test_part_by_part_comes_to_what_fit_does():
    whole = MLPRegressor(shuffle=False, random_state=0, max_iter=3, batch_size=50)
    parts = clone(whole)
    for _ in range(3):
        parts.partial_fit(DIGITS, DIGIT)
    whole.fit(DIGITS, DIGIT)
    np.testing.assert_array_equal(parts.predict(DIGITS), whole.predict(DIGITS))
    assert not hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")


def test_parts_go_on_after_a_pickle():
    one, other = (MLPClassifier(random_state=0) for _ in range(2))
    one.partial_fit(DIGITS, DIGIT, classes=range(10))
    other.partial_fit(DIGITS, DIGIT, classes=range(10))
    other = pickle.loads(pickle.dumps(other))
    for model in (one, other):
        model.partial_fit(DIGITS, DIGIT)
    np.testing.assert_array_equal(one.predict_proba(DIGITS), other.predict_proba(DIGITS))


def test_parts_with_what_is_not_known():
    model = MLPClassifier(random_state=0)
    model.partial_fit(DIGITS, DIGIT, classes=range(10))
    with pytest.raises(ValueError, match="`y` has classes not in"):
        model.partial_fit(DIGITS, DIGIT + 5)
    model = MLPRegressor(random_state=0).partial_fit(LINE, NOISE)
    with pytest.raises(ValueError, match="y must have 1 columns, as before, got 2"):
        model.partial_fit(LINE, np.c_[NOISE, NOISE])
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        MLPRegressor(early_stopping=True).partial_fit(LINE, NOISE)


# --- any network --------------------------------------------------------------------------------


def test_a_network_of_images():
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    model = NetClassifier(network, learning_rate_init=0.01, max_iter=12, random_state=0)
    images = DIGITS.reshape(-1, 1, 8, 8)
    assert model.fit(images, DIGIT).score(images, DIGIT) > 0.95
    assert model.module_ is not network
    assert isinstance(network[-1], nn.LazyLinear)


def test_a_network_that_is_made():
    asked = []

    def make(n_features, n_outputs):
        asked.append((n_features, n_outputs))
        return nn.Sequential(nn.Linear(n_features, 8), nn.Tanh(), nn.Linear(8, n_outputs))

    first, again = (
        NetClassifier(make, random_state=3, max_iter=4).fit(DIGITS, DIGIT) for _ in range(2)
    )
    assert asked == [(64, 10)] * 2
    assert first.loss_curve_ == again.loss_curve_
    y = np.c_[NOISE, -NOISE]
    assert NetRegressor(make, max_iter=2).fit(LINE, y).predict(LINE).shape == (300, 2)
    labels = np.c_[LINE > 0.5, LINE > 0.2].astype(int)
    assert NetClassifier(make, max_iter=2).fit(LINE, labels).predict(LINE).shape == (300, 2)


def test_a_given_network_starts_from_its_weights():
    network = nn.Linear(1, 1)
    network.weight.data.fill_(2.0)
    network.bias.data.fill_(1.0)
    y = 2 * LINE[:, 0] + 1
    model = NetRegressor(network, max_iter=1).fit(LINE, y)
    assert model.loss_ < 1e-10


def test_networks_that_do_not_fit():
    for given, said in [
        (nn.Linear(64, 3), r"must give 10 numbers for a row, \(N, 10\); for one row it gives"),
        (3, "module must be a network, or a function that makes one, got int"),
        (lambda: 3, "module must make an nn.Module, it made int"),
    ]:
        with pytest.raises(ValueError, match=said):
            NetClassifier(given).fit(DIGITS, DIGIT)


def test_another_optimizer():
    model = MLPClassifier(solver="adamw", max_iter=40, random_state=0, learning_rate_init=0.01)
    assert model.fit(DIGITS, DIGIT).score(DIGITS, DIGIT) > 0.95


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activation": "rel"}, "activation must be one of .* got 'rel'; did you mean 'relu'"),
        ({"activation": ["relu"] * 2}, "one for each of the 1 hidden layers; got 2"),
        ({"alpha": -1}, "alpha must be a number, at least 0, got -1"),
        ({"alpha": True}, "alpha must be a number"),
        ({"hidden_layer_sizes": (3, 0)}, r"whole numbers of at least 1, got \(3, 0\)"),
        ({"dropout": 1}, "dropout must be a number, at least 0 and below 1"),
        ({"loss": "mse"}, "loss must be one of 'log_loss', 'hinge', or a function"),
        ({"solver": "adm"}, "did you mean 'adam'"),
        ({"batch_size": "all"}, "batch_size must be a whole number of at least 1, or 'auto'"),
        ({"out_activation": "tanh"}, "of a classifier must be None, 'softmax' or 'logistic'"),
        ({"callbacks": [3]}, "callbacks must be a list of chainrule.train.Callback"),
        ({"n_members": 0}, "n_members must be a whole number of at least 1"),
        ({"categorical_features": "all"}, "must be 'from_dtype', a list of columns"),
        ({"categorical_features": [64]}, "holds 64; X has columns 0 to 63"),
        ({"categorical_features": ["a"]}, "names 'a', and X has no such column"),
    ],
)
def test_parameters_that_cannot_be(options, said):
    with pytest.raises(ValueError, match=said):
        MLPClassifier(**options).fit(DIGITS, DIGIT)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_run_that_leaves_the_numbers_is_told():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(solver="sgd", learning_rate_init=10.0, random_state=0).fit(1e3 * X, 1e3 * y)


def test_targets_that_are_no_classes():
    with pytest.raises(ValueError, match="one column of classes, or columns of 0 and 1"):
        MLPClassifier().fit(DIGITS, np.c_[DIGIT, DIGIT])


class Interrupter(Callback):
    each_step = False

    def on_epoch_end(self, run):
        if run.epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_fit_keeps_what_was_learned():
    model = MLPClassifier(callbacks=[Interrupter()], random_state=0)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        model.fit(DIGITS, DIGIT)
    short = MLPClassifier(max_iter=2, random_state=0).fit(DIGITS, DIGIT)
    np.testing.assert_array_equal(model.predict_proba(DIGITS), short.predict_proba(DIGITS))


def test_a_search_makes_one_plan_and_no_difference():
    from chainrule.sklearn import trainer

    trainer._idle.clear()
    options = {"max_iter": 20, "random_state": 0}
    alone = [MLPClassifier(alpha=a, **options).fit(DIGITS, DIGIT).loss_curve_ for a in (0, 0.1)]
    assert len(trainer._idle) == 1
    again = [MLPClassifier(alpha=a, **options).fit(DIGITS, DIGIT).loss_curve_ for a in (0.1, 0)]
    assert alone == again[::-1]
    for units in range(2, 12):
        MLPClassifier((units,), max_iter=1).fit(DIGITS, DIGIT)
    assert len(trainer._idle) == trainer._KEPT


def test_the_same_job_gives_the_same_numbers_whatever_was_before():
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    from chainrule.sklearn import trainer

    trainer._idle.clear()
    options = {"max_iter": 170, "random_state": 0, "tol": 0, "batch_size": 100, "shuffle": True}
    curves = [
        MLPClassifier((8,), **options).fit(DIGITS[:350], DIGIT[:350]).loss_curve_ for _ in "ab"
    ]
    (kept,) = trainer._idle.values()
    assert "auto" in [executor for executor, _ in kept._plans]
    assert curves[0] == curves[1]
