"""Both engines of a job, tape and explicit layers, and a training step of one's own in `fit`."""

import json
import math
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from chainrule import layers, nn
from chainrule.autograd import Generator
from chainrule.data import blobs, digits, moons, rectangles
from chainrule.errors import ChainruleError, OptionError
from chainrule.io import load_model
from chainrule.nn import functional as F
from chainrule.train import explicit_step, fit, predict
from chainrule.train.job.job import run_job
from chainrule.train.job.outcome import Settings

FEW = digits().take(range(200))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)


def model(seed=0):
    g = Generator(seed)
    return nn.Sequential(nn.Linear(3, 8, generator=g), nn.Tanh(), nn.Linear(8, 2, generator=g))


def weights(module):
    return np.concatenate([p.detach().numpy().reshape(-1) for p in module.parameters()])


def quiet_fit(module, **named):
    usual = {"epochs": 4, "optimizer": "sgd", "lr": 0.2, "progress": False}
    return fit(module, (X, Y), **{**usual, "generator": Generator(5), **named})


# --- a step of one's own ------------------------------------------------------------------------


def by_hand(run, x, y):
    """The step of the tape, written out."""
    run.optimizer.zero_grad()
    outputs = run.model(x)
    loss = run.loss(outputs, y)
    loss.backward()
    run.optimizer.step()
    return loss.item(), outputs.detach().numpy()


def test_a_step_written_out_is_the_usual_step():
    ours, usual = model(), model()
    history = quiet_fit(ours, step=by_hand, schedule="cosine")
    expected = quiet_fit(usual, schedule="cosine")
    assert history["loss"] == expected["loss"]
    np.testing.assert_array_equal(weights(ours), weights(usual))


def test_the_step_sees_the_run_and_the_learning_rate():
    rates = []

    def step(run, x, y):
        rates.append((run.epoch, run.step, float(run.optimizer.param_groups[0]["lr"])))
        return 1.0, run.model(x).array

    history = quiet_fit(model(), step=step, batch_size=25, schedule="step", lr=0.5, epochs=3)
    assert [at[:2] for at in rates] == [(1, 0), (1, 1), (2, 2), (2, 3), (3, 4), (3, 5)]
    assert [rate for *_, rate in rates] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])
    assert history["loss"] == [1.0] * 3


def test_a_bad_loss_is_refused_before_and_after():
    module = model()
    with pytest.raises(ChainruleError, match="the loss became nan in epoch 1, step 1; use a lower"):
        quiet_fit(module, step=lambda run, x, y: (math.nan, x.array))
    step = explicit_step(module, layers.CrossEntropyLoss())
    with pytest.raises(ChainruleError, match="the loss became nan"):
        fit(module, (X * np.nan, Y), optimizer="sgd", step=step, progress=False)
    np.testing.assert_array_equal(weights(module), weights(model()))


def test_what_does_not_go_with_a_step():
    with pytest.raises(OptionError, match="max_grad_norm does not apply to a step of your own"):
        quiet_fit(model(), step=by_hand, max_grad_norm=1.0)
    with pytest.raises(OptionError, match="step must be a function of run, x and y, got str"):
        quiet_fit(model(), step="layers")


# --- explicit backpropagation -------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_explicit_steps_are_those_of_plain_descent(smoothing):
    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, label_smoothing=smoothing)

    ours, usual = model().double(), model().double()
    step = explicit_step(ours, layers.CrossEntropyLoss(smoothing))
    x = X.astype(np.float64)
    named = {"optimizer": "sgd", "lr": 0.2, "schedule": "cosine", "epochs": 10, "progress": False}
    histories = [
        fit(one, (x, Y), loss, validation=(x, Y), generator=Generator(1), **more, **named)
        for one, more in ((ours, {"step": step}), (usual, {}))
    ]
    for figure in ("loss", "accuracy", "validation_loss", "learning_rate"):
        np.testing.assert_allclose(histories[0][figure], histories[1][figure], rtol=1e-12)
    np.testing.assert_allclose(weights(ours), weights(usual), atol=1e-13)


def job(examples, folder, **settings):
    chosen = {"model": "mlp", "hidden": (8,), "epochs": 6, "seed": 3, "lr": 0.2, **settings}
    console = Console(file=StringIO(), width=100)
    return run_job(examples, Settings(**chosen), folder, info={}, console=console, command="")


@pytest.mark.parametrize(
    ("examples", "settings"),
    [
        (moons(200), {}),
        (moons(200), {"hidden": (8, 8), "activation": "tanh", "dropout": 0.2}),
        (blobs(200), {"model": "linear", "label_smoothing": 0.0, "schedule": "constant"}),
        (rectangles(200), {"activation": "sigmoid", "lr": 0.05}),
        (FEW, {"model": "cnn", "activation": "leaky_relu", "lr": 0.05}),
        (FEW, {"validation": 0, "activation": "none", "patience": 3}),
    ],
    ids=["moons", "deep", "linear", "numbers", "cnn", "digits"],
)
def test_both_engines_give_the_same_figures(tmp_path, examples, settings):
    outcomes = {
        engine: job(examples, tmp_path / engine, engine=engine, optimizer="sgd", **settings)
        for engine in ("tensor", "layers")
    }
    ours, usual = outcomes["layers"], outcomes["tensor"]
    assert len(ours.history) == len(usual.history)
    for figure in ("loss", "validation_loss", "learning_rate"):
        np.testing.assert_allclose(ours.history[figure], usual.history[figure], rtol=1e-4)
    np.testing.assert_allclose(ours.outputs, usual.outputs, rtol=1e-3, atol=1e-3)
    saved, info = load_model(tmp_path / "layers")
    np.testing.assert_array_equal(predict(saved, ours.test.x), ours.outputs)
    assert info["settings"]["engine"] == "layers"
    lines = (tmp_path / "layers" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == ours.history.rows


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"optimizer": "adam"}, "descends plainly, .* knows no --optimizer adam; leave it out"),
        ({"weight_decay": 0.1}, "knows no --weight-decay; leave it out"),
        ({"activation": "gelu"}, r"2: GELU\(.*\) has no counterpart in layers"),
        ({"engine": "layer"}, "there is no engine 'layer'; use one of .* did you mean 'layers'"),
    ],
)
def test_what_layers_do_not_do(tmp_path, settings, sentence):
    with pytest.raises(OptionError, match=sentence):
        job(moons(50), tmp_path / "out", **{"engine": "layers", "optimizer": "sgd", **settings})
    assert not (tmp_path / "out").exists()
