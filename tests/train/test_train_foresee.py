"""What a job will take is said of the job as it is, and nothing of it is changed by saying so."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.data import load
from chainrule.explain import Machine
from chainrule.train.job.foresee import foresee
from chainrule.train.job.outcome import Settings
from chainrule.train.job.prepare import prepare

HERE = Machine(overhead=5e-6, flops=1e11, bandwidth=1e10)


@pytest.fixture(autouse=True)
def _a_machine(monkeypatch):
    """One whose numbers are known."""
    monkeypatch.setattr(Machine, "here", lambda: HERE)


def job(**settings):
    return prepare(load("moons"), Settings(model="mlp", hidden=(8,), **settings))


def test_seconds_are_those_of_steps_and_of_measuring():
    few, many = foresee(job(epochs=2)), foresee(job(epochs=6))
    assert few.training.job.steps == 12  # of 64, for 720 examples
    assert many.training.seconds == few.training.seconds
    assert many.training.total == 3 * few.training.total
    alone = foresee(job(epochs=2, validation=0.0))
    steps = -(-800 // 64)
    assert alone.training.job.steps == steps
    assert few.seconds - few.training.total > alone.seconds - alone.training.total > 0


def test_memory_has_the_data_in_it():
    found = foresee(job(epochs=2))
    examples = load("moons")
    assert found.memory == found.training.memory.total + examples.x.nbytes + examples.y.nbytes


@pytest.mark.parametrize("engine", [{}, {"engine": "layers", "optimizer": "sgd", "lr": 0.3}])
@pytest.mark.parametrize("epochs", [2, 30000], ids=["eager", "compiled"])
def test_nothing_is_changed(engine, epochs):
    prepared = job(epochs=epochs, dropout=0.2, **engine)
    weights = {k: v.numpy().copy() for k, v in prepared.model.state_dict().items()}
    states = cr.get_rng_state().tolist(), prepared.generator.get_state().tolist()
    found = foresee(prepared)
    assert found.training.job.compiled is (epochs > 2 and not engine)
    np.testing.assert_equal({k: v.numpy() for k, v in prepared.model.state_dict().items()}, weights)
    assert (cr.get_rng_state().tolist(), prepared.generator.get_state().tolist()) == states
    assert all(p.grad is None for p in prepared.model.parameters())
    assert all(m.training for m in prepared.model.modules())
