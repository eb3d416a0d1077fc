"""Ends before the last epoch: by the clock, by a figure, and taken up again."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.errors import OptionError
from chainrule.train import BestWeights, Callback, EarlyStopping, MaxTime, fit
from chainrule.train.callbacks import stopping

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


class Clock:
    """A clock of which each look takes a second."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(stopping.time, "perf_counter", self)

    def __call__(self):
        self.now += 1.0
        return self.now


class Moments(Callback):
    """Which moments come, with the steps that were taken."""

    each_step = False

    def __init__(self):
        self.seen = []

    def on_epoch_trained(self, run):
        self.seen.append(("trained", run.step, len(run.history)))

    def on_epoch_end(self, run):
        self.seen.append(("end", run.step, len(run.history)))


def trained(*callbacks, **options):
    kept = {"epochs": 3, "batch_size": 8, "progress": False, "generator": Generator(0)}
    model = nn.Linear(2, 2, generator=Generator(1))
    return model, fit(model, (X, Y), callbacks=callbacks, **{**kept, **options})


def test_between_training_and_measuring_there_is_a_moment():
    moments = Moments()
    trained(moments, epochs=2)
    assert moments.seen == [("trained", 26, 0), ("end", 26, 1), ("trained", 52, 1), ("end", 52, 2)]


@pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])
def test_the_end_comes_in_the_middle_of_an_epoch(compile):
    """What was trained of it is measured, and no step is taken any more."""

    class Halts(Callback):
        each_step = False

        def on_step_end(self, run):
            if run.step >= 40:
                run.stop("enough", at_once=True)

    moments = Moments()
    _, history = trained(Halts(), moments, validation=(X, Y), compile=compile)
    assert history.stopped == "enough"
    assert len(history) == 2
    steps = moments.seen[-1][1]
    assert 40 <= steps < 52
    assert np.isfinite(history["validation_accuracy"]).all()


def test_time_is_over(monkeypatch):
    clock = Clock(monkeypatch)
    _, history = trained(MaxTime(30.0), compile=False)
    assert history.stopped == "the time of 30 seconds is over"
    assert len(history) < 3
    assert clock.now > 30


def test_there_is_time(monkeypatch):
    Clock(monkeypatch)
    _, history = trained(MaxTime(1e6))
    assert history.stopped == ""
    assert len(history) == 3


def test_measuring_takes_time_too():
    """The clock is looked at after validation as well: no epoch is begun in vain."""

    class Late(Callback):
        each_step = False

        def on_epoch_trained(self, run):
            run.started -= 100.0

    _, history = trained(Late(), MaxTime(50.0))
    assert len(history) == 1


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_no_time_at_all(seconds):
    with pytest.raises(OptionError, match="a number of seconds above 0"):
        MaxTime(seconds)


@pytest.mark.parametrize("make", [lambda: EarlyStopping(3, "accuracy"), BestWeights])
def test_they_go_on_where_they_were(make):
    """Half of a run, its state, and the other half are the whole."""

    class Run:
        def __init__(self):
            self.model = nn.Linear(1, 1, generator=Generator(0))
            self.stopped, self.metrics, self.epoch = "", {}, 0
            self.history = type("History", (), {"rows": [], "best_epoch": None})()

        def stop(self, reason):
            self.stopped = reason

        def go(self, callback, values):
            for value in values:
                self.epoch += 1
                self.model.weight.data.fill_(self.epoch)
                self.history.rows.append({"accuracy": value, "loss": 1 - value})
                callback.on_epoch_end(self)

    values = [0.1, 0.5, 0.3, 0.4, 0.2]
    whole, run = make(), Run()
    run.go(whole, values)
    first, second, other = make(), make(), Run()
    other.go(first, values[:3])
    second.load_state_dict(first.state_dict())
    other.go(second, values[3:])
    assert second.best == whole.best
    assert other.stopped == run.stopped
    whole.on_fit_end(run)
    second.on_fit_end(other)
    assert other.history.best_epoch == run.history.best_epoch
    assert other.model.weight.item() == run.model.weight.item()
