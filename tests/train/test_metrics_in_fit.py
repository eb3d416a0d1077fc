"""Metrics of a run: the figures of all rows, however they came, and no mean of means."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data import DataLoader, TensorDataset
from chainrule.errors import OptionError
from chainrule.nn import functional as F
from chainrule.train import BestWeights, Callback, EarlyStopping, evaluate, fit, predict
from chainrule.train.fitting import run as fitting_run
from chainrule.train.metrics.names import metric_of, metrics_of
from chainrule.train.metrics.tally import Tally

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 4)).astype(np.float32)
Y = (X[:, 0] + RNG.normal(size=203) > 0.5).astype(np.int64)
Z = (X @ [1.0, -2.0, 0.0, 3.0]).astype(np.float32)

OF_CLASSES = [
    *("accuracy", "balanced_accuracy", "f1", "f1_weighted", "precision_macro", "matthews"),
    *("roc_auc", "average_precision", "log_loss", "brier", "perplexity", "top_1"),
]
OF_NUMBERS = ["mae", "mse", "rmse", "r2", "mape", "median_absolute_error"]


class Eyes(Callback):
    """Sees every step, which therefore are taken one by one."""

    def on_step_end(self, run):
        assert run.step


def classifier():
    return nn.Sequential(
        nn.Linear(4, 8, generator=Generator(0)), nn.ReLU(), nn.Linear(8, 2, generator=Generator(1))
    )


def trained(**options):
    model = classifier()
    kept = {"epochs": 2, "batch_size": 8, "progress": False, "generator": Generator(0)}
    return model, fit(model, (X, Y), **{**kept, **options})


def test_those_of_validation_are_those_of_all_rows():
    """What is no mean over rows, such as f1 of batches of 1000, is not averaged."""
    model, history = trained(
        validation=DataLoader(TensorDataset(X, Y), 7), metrics=OF_CLASSES, epochs=1
    )
    outputs = predict(model, X)
    for name in OF_CLASSES:
        expected = metric_of(name)(outputs, Y)
        assert history[f"validation_{name}"] == [pytest.approx(expected, rel=1e-6)]
        assert evaluate(model, (X, Y), metrics=[name], batch_size=9)[name] == pytest.approx(
            expected, rel=1e-6
        )


@pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("eyes", [[], [Eyes()]], ids=["many steps", "single steps"])
def test_those_of_training_are_those_of_all_rows(compile, eyes):
    """With a rate of 0 an epoch sees what the network gives before it and after."""
    model, history = trained(
        metrics=OF_CLASSES, lr=1e-30, compile=compile, callbacks=eyes, optimizer="sgd"
    )
    outputs = predict(model, X)
    for name in OF_CLASSES:
        expected = metric_of(name)(outputs, Y)
        assert history[name] == [pytest.approx(expected, rel=1e-5)] * 2, name


def test_of_numbers_in_two_shapes():
    model = nn.Linear(4, 1, generator=Generator(0))

    def loss(outputs, targets):
        return F.mse_loss(outputs.view(-1), targets)

    history = fit(
        *(model, (X, Z), loss, "sgd"),
        **{"lr": 1e-30, "metrics": OF_NUMBERS, "epochs": 1, "batch_size": 10},
        validation=(X, Z),
        progress=False,
    )
    outputs = predict(model, X)[:, 0]
    for name in OF_NUMBERS:
        expected = pytest.approx(metric_of(name)(outputs, Z), rel=1e-5)
        assert history[name] == [expected]
        assert history[f"validation_{name}"] == [expected]


@pytest.mark.parametrize("name", ["f1", "roc_auc", "log_loss", "confusion"])
def test_many_steps_at_once_change_no_bit(name):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")
    several, single = (
        trained(metrics=[name, "accuracy"], compile=True, callbacks=eyes, epochs=3)[1]
        for eyes in ([], [Eyes()])
    )
    if name == "confusion":
        np.testing.assert_array_equal(several.kept[name], single.kept[name])
    assert several[name] == pytest.approx(single[name], abs=0, nan_ok=True)
    assert several["accuracy"] == single["accuracy"]


def test_a_function_of_ones_own_is_called_once_with_all():
    calls = []

    def spread(outputs, targets):
        calls.append((outputs.shape, targets.shape))
        return np.ptp(outputs)

    model, history = trained(metrics=[spread], validation=(X[:50], Y[:50]), epochs=1)
    assert calls == [((203, 2), (203,)), ((50, 2), (50,))]
    assert history["validation_spread"] == [np.ptp(predict(model, X[:50]))]
    assert type(history["spread"][0]) is float


def test_a_confusion_is_kept_beside_the_figures():
    model, history = trained(metrics=["confusion", "accuracy"], validation=(X, Y), epochs=2)
    assert "confusion" not in history.rows[0]
    expected = metric_of("confusion")(predict(model, X), Y)
    np.testing.assert_array_equal(history.kept["validation_confusion"], expected)
    assert history.kept["confusion"].sum() == 203


def test_too_many_outputs_to_be_kept(monkeypatch):
    """Then training says less, and says that it does; validation has them all."""
    monkeypatch.setattr(fitting_run, "_ROOM", 100)
    notices = []

    class Listens(Callback):
        def on_epoch_end(self, run):
            notices.extend(run.notices)

    _, history = trained(
        metrics=["roc_auc", "accuracy"], validation=(X, Y), callbacks=[Listens()], epochs=2
    )
    assert set(history.rows[0]) >= {"accuracy", "validation_roc_auc"}
    assert "roc_auc" not in history.rows[0]
    assert "too many to be kept" in notices[0]


def test_what_is_watched_knows_which_way_is_better():
    """Of a rate that makes it worse the first epoch is the best, by every figure."""
    for figure in ("validation_roc_auc", "validation_accuracy", "validation_log_loss"):
        best = BestWeights(figure)
        _, history = trained(
            metrics=["roc_auc", "accuracy", "log_loss"],
            validation=(X, Y),
            callbacks=[best],
            epochs=8,
            lr=3.0,
        )
        values = history[figure]
        wanted = min(values) if figure.endswith("loss") else max(values)
        assert best.best == wanted
        assert values[history.best_epoch - 1] == wanted
        assert len(set(values)) > 1


def test_early_stopping_by_a_metric():
    _, history = trained(
        metrics=["f1"], lr=1e-12, epochs=50, callbacks=[EarlyStopping(3, "f1")], optimizer="sgd"
    )
    assert len(history) == 4


def test_a_figure_of_which_nothing_is_known():
    def own(outputs, targets):
        return 1.0

    for callback in (BestWeights("own"), EarlyStopping(monitor="own")):
        with pytest.raises(OptionError, match="whether a larger 'own' is better is not known"):
            trained(metrics=[own], callbacks=[callback])
    _, history = trained(metrics=[own], callbacks=[EarlyStopping(1, "own", largest=True)])
    assert len(history) == 2


# --- put together -------------------------------------------------------------------------------


@pytest.mark.parametrize("rows_a_batch", [1, 7, 203])
def test_batches_of_any_size_come_to_the_same(rows_a_batch):
    outputs = RNG.normal(size=(203, 3))
    targets = RNG.integers(0, 3, 203)
    metrics = metrics_of(["accuracy", "f1", "roc_auc", "log_loss", "confusion"], targets)
    tally = Tally(metrics)
    for i in range(0, 203, rows_a_batch):
        tally.add(outputs[i : i + rows_a_batch], targets[i : i + rows_a_batch])
    found = tally.figures()
    for name, metric in metrics.items():
        np.testing.assert_allclose(found[name], metric(outputs, targets), rtol=1e-12)
    assert set(tally.running()) == {"accuracy", "f1", "log_loss"}


def test_a_tally_goes_on_where_it_was():
    metrics = metrics_of(["f1", "roc_auc", "rmse"][:2], Y)
    whole, first = Tally(metrics), Tally(metrics)
    outputs = RNG.normal(size=(4, 5, 3))
    targets = RNG.integers(0, 3, (4, 5))
    whole.add_many(outputs, targets)
    first.add_many(outputs[:3], targets[:3])
    second = Tally(metrics)
    second.load_state_dict(first.state_dict())
    second.add_many(outputs[3:], targets[3:])
    assert second.figures() == whole.figures()


def test_sequences_with_positions_left_out_come_in_many_steps():
    """Outputs (N, K, T) against targets (N, T), a different number of them in each step."""
    outputs = RNG.normal(size=(3, 4, 5, 6))
    targets = RNG.integers(0, 5, (3, 4, 6))
    targets[0, :, 3:] = -100
    targets[2, 0] = -100
    metrics = metrics_of(["accuracy", "perplexity", "f1"], targets)
    several, single = Tally(metrics), Tally(metrics)
    several.add_many(outputs, targets)
    for y, t in zip(outputs, targets):
        single.add(y, t)
    flat = outputs.reshape(12, 5, 6), targets.reshape(12, 6)
    assert several.figures() == single.figures()
    for name, metric in metrics.items():
        assert several.figures()[name] == pytest.approx(metric(*flat))


def test_a_language_model_has_a_perplexity():
    cr.manual_seed(0)
    words = RNG.integers(0, 5, (32, 6))

    class Next(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(5, 5)

        def forward(self, x):
            return self.table(x).transpose(1, 2)

    history = fit(
        Next(),
        (words, words),
        metrics=["perplexity", "accuracy"],
        epochs=30,
        lr=0.1,
        progress=False,
    )
    assert history["perplexity"][-1] < 1.5 < 4 < history["perplexity"][0]
    assert history["perplexity"] == pytest.approx(np.exp(history["loss"]).tolist(), rel=1e-2)
