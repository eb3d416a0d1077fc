"""`fit` compiles where it is safe and pays, and gives what it gives without."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import CaptureError, ChainruleError, OptionError
from chainrule.train import fit
from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting import step as step_module

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.int64)


def network():
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.ReLU(), nn.Linear(8, 2))


def trained(model=None, **options):
    model = model or network()
    options = {"epochs": 6, "batch_size": 8, "progress": False, **options}
    history = fit(model, (X, Y), **options)
    return history, [np.array(p.detach()) for p in model.parameters()]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def recorded(monkeypatch):
    """How many plans were made."""
    made = []
    plan = cr.train.compiling.recording.Plan

    class Counted(plan):
        def __init__(self, *args):
            made.append(self)
            super().__init__(*args)

    monkeypatch.setattr(cr.train.compiling.recording, "Plan", Counted)
    return made


def assert_alike(a, b):
    (one, weights), (other, ours) = a, b
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-4)
    np.testing.assert_allclose(one["accuracy"], other["accuracy"])
    for w, v in zip(weights, ours, strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "sgd", "lr": 0.1, "schedule": "cosine"},
        {"schedule": "onecycle", "max_grad_norm": 0.5},
        {"optimizer": "adamw", "weight_decay": 0.1, "validation": (X[:9], Y[:9])},
    ],
    ids=str,
)
def test_compiled_from_the_first_step_gives_the_same(options, recorded):
    quick = trained(compile=True, **options)
    assert len(recorded) == 2  # whole batches, and the smaller one at the end of an epoch
    assert_alike(quick, trained(compile=False, **options))


def test_short_jobs_are_left_alone(recorded):
    history, _ = trained()
    assert len(history) == 6
    assert not recorded


def test_long_jobs_are_compiled_and_it_is_said(recorded, monkeypatch, capsys):
    monkeypatch.setattr(step_module, "_WORTH", 0.0)
    quick = trained(progress=True)
    assert capsys.readouterr().out.count("the training step is compiled from here on") == 1
    assert len(recorded) == 1  # not for the one small batch of an epoch
    assert_alike(quick, trained(compile=False))


def test_whose_parts_are_unknown_is_not_compiled_unasked(recorded, monkeypatch):
    class Own(nn.Sequential):
        pass

    monkeypatch.setattr(step_module, "_WORTH", 0.0)
    trained(Own(*network()))
    trained(loss=lambda outputs, y: nn.functional.cross_entropy(outputs, y))
    heard = network()
    handle = heard[0].register_forward_hook(lambda *_: None)
    trained(heard)
    assert not recorded
    handle.remove()
    trained(heard)
    assert len(recorded) == 1
    trained(Own(*network()), compile=True)
    assert recorded


def test_what_cannot_be_recorded_is_an_error_where_it_was_asked_for():
    class Odd(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return y * float(y.abs().max())

    with pytest.raises(CaptureError, match=r"float\(\) at test_train_compile.py:\d+ reads numbers"):
        trained(Odd(4, 2), compile=True)


def test_a_bad_loss_is_refused_before_a_weight_changes():
    model = network()
    data = np.array(X)
    data[-8:] = np.inf
    before = []

    class Watch(Callback):
        def on_step_end(self, run):
            before[:] = [np.array(p.detach()) for p in model.parameters()]

    with pytest.raises(ChainruleError, match="the loss became nan in epoch 1, step 6"):
        fit(
            model,
            cr.data.DataLoader(cr.data.TensorDataset(data[-48:], Y[-48:]), 8),
            compile=True,
            callbacks=[Watch()],
            progress=False,
        )
    for p, kept in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.detach(), kept)


def test_callbacks_see_gradients():
    def norms(compile):
        found = []

        class Watch(Callback):
            def on_step_end(self, run):
                found.append([float(p.grad.norm()) for p in run.model.parameters()])

        trained(compile=compile, callbacks=[Watch()])
        return found

    np.testing.assert_allclose(norms(True), norms(False), rtol=1e-3, atol=1e-6)


def test_options_are_checked():
    with pytest.raises(OptionError, match='compile must be True, False or "auto", got 3'):
        trained(compile=3)
    with pytest.raises(OptionError, match="does not apply to a step of your own"):
        trained(compile=True, step=lambda run, x, y: (0.0, y))
