"""EMA: which weights are averaged, measured with, trained on and kept."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import layers, nn, optim
from chainrule.autograd import Generator
from chainrule.errors import OptionError
from chainrule.train import EMA, BestWeights, Callback, evaluate, explicit_step, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 4)).astype(np.float32)
Y = (X[:, 0] + RNG.normal(size=103) > 0.5).astype(np.int64)


class Eyes(Callback):
    """Keeps the weights after each step."""

    def __init__(self):
        self.seen = []

    def on_step_end(self, run):
        self.seen.append([np.array(p.array) for p in run.model.parameters()])


class AtEnds(Callback):
    """Keeps the weights at the end of each epoch and at the start of the next."""

    def __init__(self):
        self.ends, self.starts = [], []

    def on_epoch_start(self, run):
        self.starts.append(weights(run.model))

    def on_epoch_end(self, run):
        self.ends.append(weights(run.model))


def weights(model):
    return [np.array(p.array) for p in model.parameters()]


def network():
    return nn.Sequential(
        nn.Linear(4, 6, generator=Generator(0)),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        nn.Linear(6, 2, generator=Generator(1)),
    )


def trained(*callbacks, **options):
    model = network()
    kept = {"epochs": 3, "batch_size": 10, "progress": False, "generator": Generator(0), "lr": 0.05}
    return model, fit(model, (X, Y), callbacks=callbacks, **{**kept, **options})


def averaged(steps, decay):
    """The averages after each step, by their formula."""
    found, average = [], [w.astype(np.float64) for w in weights(network())]
    for t, after in enumerate(steps, 1):
        d = min(decay, (1 + t) / (10 + t))
        average = [d * a + (1 - d) * w for a, w in zip(average, after, strict=True)]
        found.append(average)
    return found


def assert_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])
def test_the_averages_are_those_of_the_formula(decay, compile):
    eyes = Eyes()
    model, _ = trained(EMA(decay), eyes, compile=compile)
    assert len(eyes.seen) == 33
    assert_close(weights(model), averaged(eyes.seen, decay)[-1])


def test_training_goes_on_with_the_weights_as_they_are():
    """To the last bit as without, also where many steps are one call."""
    for compile in (False, True):
        plain, eyes, ends = Eyes(), Eyes(), AtEnds()
        trained(plain, compile=compile)
        trained(EMA(), eyes, ends, compile=compile)
        for a, b in zip(plain.seen, eyes.seen, strict=True):
            for one, other in zip(a, b, strict=True):
                np.testing.assert_array_equal(one, other)
        for start, before in zip(ends.starts[1:], (eyes.seen[10], eyes.seen[21]), strict=True):
            for one, other in zip(start, before, strict=True):
                np.testing.assert_array_equal(one, other)


def test_many_steps_at_once_are_averaged_alike():
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")
    several, single = (trained(EMA(0.9), *eyes, compile=True)[0] for eyes in ((), (Eyes(),)))
    for one, other in zip(weights(several), weights(single), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_ends_of_epochs_see_the_averages():
    """Whatever the order of the callbacks is: validation too."""
    for order in (0, 1):
        eyes, ends, average = Eyes(), AtEnds(), EMA(0.9)
        model, history = trained(
            *((average, ends), (ends, average))[order], eyes, validation=(X, Y)
        )
        expected = averaged(eyes.seen, 0.9)
        for found, step in zip(ends.ends, (10, 21, 32), strict=True):
            assert_close(found, expected[step])
        last = evaluate(model, (X, Y))
        assert history["validation_loss"][-1] == pytest.approx(last["loss"], rel=1e-6)


@pytest.mark.parametrize("order", [0, 1])
def test_the_best_weights_are_averages(order):
    average, best, ends = EMA(0.9), BestWeights("validation_loss"), AtEnds()
    model, history = trained(
        *((average, best), (best, average))[order], ends, validation=(X, 1 - Y), epochs=4
    )
    assert history.best_epoch < 4  # of data that say the contrary the first is the best
    assert_close(weights(model), ends.ends[history.best_epoch - 1])


@pytest.mark.parametrize("order", [0, 1])
def test_a_run_that_is_broken_off_keeps_averages(order):
    class Stops(Callback):
        def on_step_end(self, run):
            if run.step == 15:
                raise KeyboardInterrupt

    model, eyes, ends = network(), Eyes(), AtEnds()
    average, best = EMA(0.9), BestWeights("loss")
    with pytest.raises(KeyboardInterrupt):
        fit(
            *(model, (X, Y)),
            callbacks=[eyes, ends, *((average, best), (best, average))[order], Stops()],
            **{"batch_size": 10, "progress": False, "lr": 0.05},
        )
    assert_close(weights(model), ends.ends[0])  # the best epoch's, and there was one
    model, eyes = network(), Eyes()
    with pytest.raises(KeyboardInterrupt):
        fit(model, (X, Y), callbacks=[EMA(0.9), eyes, Stops()], batch_size=10, progress=False)
    assert_close(weights(model), averaged(eyes.seen, 0.9)[-1])


def test_a_second_run_begins_anew_and_hangs_nothing_on_the_optimizer():
    model, average = network(), EMA(0.9)
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    options = {"batch_size": 10, "epochs": 1, "progress": False}
    fit(model, (X, Y), None, optimizer, callbacks=[average], **options)
    before, eyes = weights(model), Eyes()
    fit(model, (X, Y), None, optimizer, callbacks=[average, eyes], **options)
    expected = before
    for t, after in enumerate(eyes.seen, 1):
        d = min(0.9, (1 + t) / (10 + t))
        expected = [d * a + (1 - d) * w for a, w in zip(expected, after, strict=True)]
    assert_close(weights(model), expected)
    kept = [np.array(one) for one in average.state_dict()["others"]]
    optimizer.step()
    assert_close(average.state_dict()["others"], kept)


def test_it_goes_on_where_it_was():
    """Its state, taken in the middle and at the end of an epoch, is all that it needs."""
    states = {}

    class Saves(Callback):
        def __init__(self, average):
            self.average = average

        def on_step_end(self, run):
            self.taken(run.step, run)

        def on_epoch_end(self, run):
            self.taken(f"end {run.epoch}", run)

        def taken(self, when, run):
            kept = {
                k: [np.array(a) for a in v] if k == "others" else v
                for k, v in self.average.state_dict().items()
            }
            states[when] = kept, weights(run.model)

    average = EMA(0.9)
    trained(average, Saves(average))
    assert states[11][0]["count"] == 11
    assert not states[11][0]["shown"]
    assert states["end 1"][0]["shown"]
    assert_close(states["end 1"][0]["others"], states[11][1])
    other, model = EMA(0.9), network()
    other.load_state_dict(states["end 1"][0])
    for p, array in zip(model.parameters(), states["end 1"][1], strict=True):
        p.array[...] = array

    class Run:
        step, optimizer = 11, optim.SGD(model.parameters())

    Run.model, Run.history = model, type("History", (), {"best_epoch": None})
    other.on_fit_start(Run)
    other.on_epoch_start(Run)
    assert_close(weights(model), states[11][1])
    other.on_fit_end(Run)
    assert_close(weights(model), states["end 1"][1])


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_is_none(decay):
    with pytest.raises(OptionError, match="decay must be a number from 0 to below 1"):
        EMA(decay)


def test_a_step_that_calls_no_optimizer():
    model = nn.Sequential(nn.Linear(4, 2))
    step = explicit_step(model, layers.CrossEntropyLoss())
    with pytest.raises(OptionError, match="EMA averages the weights at each optimizer"):
        fit(
            *(model, (X, Y)),
            optimizer="sgd",
            lr=0.1,
            step=step,
            callbacks=[EMA()],
            progress=False,
        )
