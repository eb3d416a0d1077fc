"""The job behind `chainrule train`, from examples to a folder, and its networks by name."""

import dataclasses
import json
import math
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data import Examples, blobs, digits, moons, rectangles
from chainrule.errors import DataError, OptionError
from chainrule.io import load_model
from chainrule.train import evaluate, predict
from chainrule.train.job.job import run_job
from chainrule.train.job.models import ACTIVATIONS, build_model, chosen_model, scaling
from chainrule.train.job.outcome import Settings
from chainrule.train.reporting.reporting import report_of

QUICK = {"model": "mlp", "hidden": (8,), "epochs": 2, "seed": 3}
FEW = digits().take(range(150))


def job(examples, folder, said=None, overwrite=False, **settings):
    console = Console(file=said or StringIO(), width=100)
    chosen = Settings(**{**QUICK, **settings})
    return run_job(
        examples,
        chosen,
        folder,
        info={"data": examples.name},
        console=console,
        command="chainrule train",
        overwrite=overwrite,
    )


# --- what comes out is what went in -------------------------------------------------------------


@pytest.mark.parametrize(
    ("examples", "settings"),
    [
        (moons(200), {}),
        (moons(200), {"model": "linear"}),
        (moons(200), {"dropout": 0.5, "activation": "gelu"}),
        (rectangles(200), {}),
        (FEW, {}),
        (FEW, {"model": "cnn", "dropout": 0.1}),
        (FEW, {"validation": 0}),
    ],
    ids=str,
)
def test_the_saved_model_is_the_trained_one(tmp_path, examples, settings):
    outcome = job(examples, tmp_path / "out", **settings)
    model, info = load_model(tmp_path / "out")
    np.testing.assert_array_equal(predict(model, outcome.test.x), outcome.outputs)
    assert repr(model) == repr(outcome.model)
    assert not outcome.model.training
    assert info["test"] == outcome.figures
    assert info["settings"] == json.loads(json.dumps(dataclasses.asdict(outcome.settings)))
    lines = (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == outcome.history.rows


def test_the_weights_are_those_of_the_best_epoch(tmp_path):
    outcome = job(moons(300), tmp_path / "out", epochs=12, lr=0.3)
    rest, _ = moons(300).split(0.2, 3)
    _, validation = rest.split(0.1, 4)
    best = outcome.history.best_epoch
    row = outcome.history.rows[best - 1]
    assert row["validation_loss"] == min(outcome.history["validation_loss"])
    measured = evaluate(outcome.model, (validation.x, validation.y))
    assert measured["accuracy"] == row["validation_accuracy"]


def test_the_parts_share_no_example(tmp_path):
    numbered = np.stack([np.arange(100), np.arange(100) % 2], axis=1).astype(np.float32)
    examples = Examples("numbers", numbered, np.arange(100) % 2, ("even", "odd"), "counted")
    said = StringIO()
    outcome = job(examples, tmp_path / "out", said, test=0.3, validation=0.2)
    assert "56 to train on, 14 to choose the best weights by, 30 to test on" in said.getvalue()
    assert len(outcome.test) == 30
    # What was scaled by is the training part's own mean, which the test part had no say in.
    rest, test = examples.split(0.3, 3)
    np.testing.assert_array_equal(test.x, outcome.test.x)
    training, _ = rest.split(0.2, 4)
    assert outcome.model[0].mean.numpy()[0] == pytest.approx(training.x[:, 0].mean())


def test_an_official_test_part_is_what_is_measured_on(tmp_path):
    official = blobs(40, seed=9)
    examples = dataclasses.replace(blobs(200), test=official)
    outcome = job(examples, tmp_path / "out", test=0)
    assert outcome.test is official
    assert outcome.figures["accuracy"] == np.mean(outcome.outputs.argmax(axis=1) == official.y)


@pytest.mark.parametrize(("centre", "spread"), [(0, 1), (1e6, 1e3), (-5, 1e-3), (1e-20, 1e-21)])
def test_numbers_are_learned_in_any_unit(tmp_path, centre, spread):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = (centre + spread * (x[:, 0] - 2 * x[:, 1])).astype(np.float32)
    examples = Examples("line", x, y, None, "a line")
    outcome = job(examples, tmp_path / "out", model="linear", epochs=30, lr=0.1)
    assert outcome.figures["r2"] > 0.98
    assert outcome.figures["mae"] < 0.1 * 3 * spread
    distances = np.abs(outcome.outputs[:, 0] - outcome.test.y)
    assert outcome.figures["mae"] == pytest.approx(distances.mean(), rel=1e-5)


def test_targets_that_are_all_alike(tmp_path):
    examples = Examples("flat", np.ones((30, 2), np.float32), np.full(30, 7.0), None, "flat")
    outcome = job(examples, tmp_path / "out", model="linear", epochs=40, lr=0.05)
    assert outcome.figures.keys() == {"mae"}
    assert outcome.figures["mae"] < 1


# --- what is refused, before anything is written ------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"validation": 1.0}, "--validation is a share from 0 to below 1, got 1.0"),
        ({"test": -0.1}, "--test is a share"),
        ({"test": math.nan}, "--test is a share"),
        ({"test": 0.0}, "brings no test set, so --test must be above 0"),
        ({"label_smoothing": 1}, "--label-smoothing is a share"),
        ({"lr": 0}, "--lr must be above 0"),
        ({"lr": math.inf}, "--lr must be above 0"),
        ({"weight_decay": -1}, "--weight-decay must be at least 0"),
        ({"weight_decay": math.nan}, "--weight-decay must be at least 0"),
        ({"epochs": 0}, "--epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "--batch-size must be at least 1, got 0"),
        ({"patience": 0}, "--patience must be at least 1, got 0"),
        ({"threads": -1}, "--threads must be at least 1, got -1"),
        ({"seed": -1}, "--seed must be at least 0"),
        ({"hidden": (8, 0)}, "--hidden sizes must be at least 1"),
        ({"optimizer": "adma"}, "no optimizer 'adma'; .* did you mean 'adam'"),
        ({"schedule": "cos"}, "no schedule 'cos'"),
        ({"activation": "rleu"}, "no activation 'rleu'; .* did you mean 'relu'"),
        ({"model": "cnm"}, "no model 'cnm'; .* did you mean 'cnn'"),
        ({"model": "cnn"}, "--model cnn needs images"),
    ],
    ids=str,
)
def test_settings_that_are_refused(tmp_path, settings, words):
    said = StringIO()
    with pytest.raises(OptionError, match=words):
        job(moons(50), tmp_path / "out", said, **settings)
    assert not said.getvalue()
    assert not list(tmp_path.iterdir())


def test_too_few_to_split(tmp_path):
    few = Examples("few", np.ones((3, 1)), np.array([0, 1, 0]), ("a", "b"), "")
    with pytest.raises(DataError, match="nothing can be held out"):
        job(few, tmp_path / "out")
    assert not list(tmp_path.iterdir())


# --- networks by name ---------------------------------------------------------------------------


def kinds(model):
    return [type(module).__name__ for module in model]


def test_networks():
    table, images = np.ones((5, 3)), np.ones((5, 2, 9, 6))

    def made(name, x, **more):
        return build_model(name, x, 4, generator=Generator(0), **more)

    assert kinds(made("linear", table, hidden=(8,))) == ["Normalize", "Linear"]
    assert kinds(made("linear", images)) == ["Normalize", "Flatten", "Linear"]
    assert kinds(made("mlp", table, hidden=())) == ["Normalize", "Linear"]
    assert kinds(made("mlp", images, hidden=(8, 7), activation="tanh", dropout=0.5)) == [
        *("Normalize", "Flatten"),
        *("Linear", "Tanh", "Dropout") * 2,
        "Linear",
    ]
    network = made("cnn", images, hidden=(8,))
    assert kinds(network)[:-3] == ["Normalize", *("Conv2d", "ReLU", "MaxPool2d") * 2, "Flatten"]
    assert network(np.ones((2, 2, 9, 6), np.float32)).shape == (2, 4)
    assert network[-3].in_features == 64 * 2 * 1


@pytest.mark.parametrize("name", ["linear", "mlp", "cnn"])
def test_weights_are_those_of_the_generator(name):
    def made(seed):
        network = build_model(name, FEW.x, 10, generator=Generator(seed))
        return np.concatenate([p.detach().numpy().reshape(-1) for p in network.parameters()])

    np.testing.assert_array_equal(made(1), made(1))
    assert (made(1) != made(2)).all()


def test_what_suits_the_data():
    assert chosen_model("auto", np.ones((5, 3))) == "mlp"
    assert chosen_model("auto", np.ones((5, 1, 8, 8))) == "cnn"
    assert chosen_model("auto", np.ones((5, 1, 3, 8))) == "mlp"
    assert chosen_model("linear", np.ones((5, 1, 8, 8))) == "linear"


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_layers(name):
    assert isinstance(ACTIVATIONS[name](), nn.Module)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_scaling(dtype):
    rng = np.random.default_rng(0)
    table = (rng.random((5000, 3)) * [255, 20, 3]).astype(dtype)
    scaled = scaling(table)(table).numpy()
    assert scaled.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-4)
    assert scaled.std(axis=0) == pytest.approx([1, 1, 1], rel=1e-4)
    images = (rng.random((4100, 2, 3, 4)) * 200).astype(dtype)
    images[:, 1] //= 8
    scaled = scaling(images)(images).numpy()
    assert scaled.mean(axis=(0, 2, 3)) == pytest.approx([0, 0], abs=1e-4)
    assert scaled.std(axis=(0, 2, 3)) == pytest.approx([1, 1], rel=1e-4)


def test_a_constant_column_is_only_shifted():
    table = np.full((1000, 2), 0.1, np.float32)
    table[:, 0] = np.arange(1000)
    layer = scaling(table)
    assert layer.std.numpy()[1] == 1
    assert not layer(table).numpy()[:, 1].any()


# --- from the outcome to the report -------------------------------------------------------------


def test_the_report_of_classes(tmp_path):
    outcome = job(FEW, tmp_path / "out", epochs=4)
    report = report_of(outcome, "chainrule train digits")
    test = outcome.test
    guesses = outcome.outputs.argmax(axis=1)
    assert report.confusion.sum() == len(test)
    assert report.confusion.trace() == (guesses == test.y).sum()
    for truth in range(10):
        assert report.confusion[truth].sum() == test.counts()[str(truth)]
    wrong = [mistake.index for mistake in report.mistakes]
    assert set(wrong) <= set(np.flatnonzero(guesses != test.y).tolist())
    sure = [mistake.confidence for mistake in report.mistakes]
    assert sure == sorted(sure, reverse=True)
    for mistake in report.mistakes:
        assert (mistake.truth, mistake.predicted) == (
            str(test.y[mistake.index]),
            str(guesses[mistake.index]),
        )
        np.testing.assert_array_equal(mistake.picture * 16, test.x[mistake.index])
    assert report.weights.shape == (8, 1, 8, 8)
    assert list(report.sample_labels) == [str(k) for k in range(10) for _ in range(2)]
    assert report.samples.max() <= 1
    assert report.boundary is None
    assert [row["loss"] for row in report.history] == outcome.history["loss"]
    assert dict(report.headline)["test accuracy"].endswith(" %")
    assert report.command == "chainrule train digits"


def test_the_report_of_points_has_their_plane(tmp_path):
    outcome = job(moons(200), tmp_path / "out")
    plane = report_of(outcome, "").boundary
    assert plane.probabilities.shape[-1] == 2
    np.testing.assert_allclose(plane.probabilities.sum(axis=-1), 1, rtol=1e-5)
    x0, x1, y0, y1 = plane.extent
    assert x0 < moons(200).x[:, 0].min() < moons(200).x[:, 0].max() < x1
    assert y0 < moons(200).x[:, 1].min() < moons(200).x[:, 1].max() < y1


def test_the_report_of_numbers(tmp_path):
    outcome = job(rectangles(100), tmp_path / "out")
    report = report_of(outcome, "")
    truth, guesses = report.scatter
    np.testing.assert_array_equal(truth, outcome.test.y)
    np.testing.assert_array_equal(guesses, outcome.outputs[:, 0])
    far = [abs(truth[m.index] - guesses[m.index]) for m in report.mistakes]
    assert far == sorted(far, reverse=True)
    assert {"mean error", "R2"} <= set(dict(report.headline))
