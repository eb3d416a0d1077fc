"""A doctor over a training run: planted faults, what is said of them, silence where all is well."""

import numpy as np
import pytest

from chainrule import nn, optim
from chainrule.autograd import Generator
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case
from chainrule.explain.doctor.course import Course
from chainrule.explain.doctor.course_checks import AT_THE_END, updates
from chainrule.explain.doctor.watch import Watch
from chainrule.train import Callback, fit
from explain.planted_runs import (
    PLANTED,
    network,
    normed,
    plain,
    some_digits,
    some_moons,
    some_xor,
    watched,
)

# --- planted faults -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.check.replace(" ", "-"))
def test_a_planted_fault_is_found_and_gone_when_the_advice_is_followed(fault):
    found = {finding.check: finding for finding in fault.findings()}
    assert fault.check in found
    finding = found[fault.check]
    assert fault.said in finding.evidence
    assert fault.advice in finding.advice
    assert fault.check not in {f.check for f in fault.findings_after(finding)}


def test_every_check_has_a_planted_fault():
    planted = {fault.check for fault in PLANTED}
    assert planted | {"updates too large"} == {check.name for check in AT_THE_END}


def test_updates_that_have_become_too_large():
    """At the start all is well; then a schedule has made the rate five thousand times as high."""
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    course = Course(Case(model, some_moons(), None, optimizer))
    course.add({"loss": 0.5, "learning_rate": 1e-3}, [0.5])
    assert updates.look(course) is None
    optimizer.param_groups[0]["lr"] = 5.0
    finding = updates.look(course)
    assert finding.check == "updates too large"
    assert finding.evidence.startswith("after epoch 1 a step changes it by")
    optimizer.param_groups[0]["lr"] = finding.figures["better"]
    assert updates.look(course) is None


def test_worn_out_gradients_are_no_fault():
    """At the bottom of the loss updates are next to nothing, and that is as it should be."""
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    model = plain(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    data = (x, x[:, :1] - x[:, 1:2])
    fit(model, data, optimizer=optimizer, epochs=300, progress=False)
    course = Course(Case(model, data, None, optimizer))
    course.add({"loss": 0.0, "learning_rate": 0.1}, [0.0])
    assert updates.look(course) is None


# --- silence --------------------------------------------------------------------------------------


def line(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    return x, x[:, :1] * 3 - x[:, 1:2] + 0.3 * rng.normal(size=(300, 1)).astype(np.float32)


HEALTHY = {
    "moons": lambda seed: (network(seed=seed), some_moons(seed=seed), {"lr": 0.01}),
    "moons by plain descent": lambda seed: (
        network(seed=seed),
        some_moons(seed=seed),
        {"lr": 0.1, "optimizer": "sgd"},
    ),
    "digits": lambda seed: (network(64, 32, 10, seed), some_digits(), {"lr": 0.002, "epochs": 8}),
    "digits, the usual way": lambda seed: (network(64, 32, 10, seed), some_digits(), {"epochs": 5}),
    "a noisy line": lambda seed: (network(4, 32, 1, seed), line(seed), {"lr": 0.01}),
    "with batch norm": lambda seed: (normed(seed), some_moons(seed=seed), {"lr": 0.01}),
    "with validation": lambda seed: (
        network(seed=seed),
        some_moons(seed=seed),
        {"lr": 0.01, "validation": some_moons(200, seed + 10), "schedule": "cosine"},
    ),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", HEALTHY)
def test_nothing_is_said_of_a_healthy_run(kind, seed):
    model, data, options = HEALTHY[kind](seed)
    assert [str(finding) for finding in watched(model, data, **options)] == []


# --- what it leaves alone -------------------------------------------------------------------------


def noisy(seed=0):
    g = Generator(seed)
    return nn.Sequential(
        nn.Linear(2, 16, generator=g), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2, generator=g)
    )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rate", [0.01, 3.0])
def test_the_run_is_the_same_with_a_doctor_and_without(compiled, rate):
    """To the last bit, also where copies are trained to find out more."""
    from chainrule.autograd import manual_seed

    left = []
    for doctor in (False, True):
        manual_seed(4)
        model = noisy()
        history = fit(
            model,
            some_moons(),
            lr=rate,
            epochs=10,
            generator=Generator(1),
            compile=compiled,
            doctor=doctor,
            progress=False,
        )
        left.append([history["loss"], *(p.tolist() for p in model.parameters())])
        assert bool(history.findings) is (doctor and rate == 3.0)
    assert left[0] == left[1]


def test_many_steps_are_taken_in_one_call_with_a_doctor_too(monkeypatch):
    from chainrule.train.fitting.step import TapeStep

    calls = []
    at_once = TapeStep.at_once

    def counting(step, *args):
        calls.append(args[2] - args[1])
        return at_once(step, *args)

    monkeypatch.setattr(TapeStep, "at_once", counting)
    pytest.importorskip("llvmlite")
    watched(network(), some_moons(), compile=True, batch_size=8)
    assert max(calls) > 8


def test_a_step_or_data_that_fail_say_so_themselves():
    with pytest.raises(ValueError, match=r"0 \(Linear\): expected"):
        watched(network(3), some_moons())


def test_a_step_may_give_the_model_more_than_a_doctor_can():
    class Both(nn.Linear):
        def forward(self, x, shift):
            return super().forward(x + shift)

    def step(run, x, y):
        return 1.0, run.model(x, 1.0).detach().array

    assert watched(Both(2, 2), some_moons(), step=step, epochs=2) == []
    with pytest.raises(ChainruleError, match="shift"):
        watched(Both(2, 2), some_moons(), epochs=2)


def test_a_run_that_is_interrupted_is_not_summed_up():
    class Hand(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                raise KeyboardInterrupt

    from chainrule.train import History

    history = History()
    with pytest.raises(KeyboardInterrupt):
        watched(plain(), some_xor(), lr=1e-9, history=history, callbacks=[Hand()])
    assert "learning rate too low" not in {f.check for f in history.findings}


def test_a_run_that_stops_early_is_summed_up():
    class Hand(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 30:
                run.stop("enough")

    found = watched(network(), some_moons(), lr=1e-6, epochs=300, callbacks=[Hand()])
    assert [finding.check for finding in found] == ["learning rate too low"]


def test_without_a_doctor_there_are_no_findings():
    assert fit(plain(), some_xor(), lr=3.0, epochs=2, progress=False).findings == []


# --- the watch itself -----------------------------------------------------------------------------


def test_a_long_run_is_looked_at_meanwhile(monkeypatch):
    """Every hundred thousand examples, and no more often; each finding once."""
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    watch = Watch(Case(model, some_moons(), None, optimizer))
    assert watch.begin() == []
    row = {"loss": 0.5, "learning_rate": 1e-3}
    model[0].bias.array[...] = -100.0
    assert watch.epoch(row, [0.5], 60_000) == []
    assert [f.check for f in watch.epoch(row, [0.5], 60_000)] == ["units died"]
    assert watch.epoch(row, [0.5], 90_000) == []
    assert watch.epoch(row, [0.5], 20_000) == []
    assert [f.check for f in watch.findings] == ["units died"]


def test_a_model_that_does_not_run_is_not_watched():
    watch = Watch(Case(network(3), some_moons(), None, None))
    assert watch.begin() == []
    assert watch.epoch({"loss": 1.0}, [1.0], 10**9) == []
    assert watch.end() == []


def test_stretches_are_means_of_steps_of_equal_number():
    course = Course(Case(network(), some_moons()))
    for start in (0, 100):
        course.add({"loss": 0.0}, np.arange(start, start + 100.0).tolist())
    np.testing.assert_allclose(course.stretches, np.arange(200.0).reshape(20, 10).mean(axis=1))
    course.add({"loss": 0.0}, [1.0] * 200)
    assert len(course.stretches) == 20
    assert course.stretches[-1] == 1.0
