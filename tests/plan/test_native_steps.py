"""Whole training steps as machine code against the same steps carried out eagerly."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, ops, optim
from chainrule.errors import ShapeError

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native import executor
from chainrule.plan.native.executor import Native
from chainrule.plan.native.team import sharing
from chainrule.plan.native.team.threads import Team
from chainrule.plan.passes import simplified
from chainrule.plan.record import record

sys.path.insert(0, str(Path(__file__).parent))
from workloads import WORKLOADS, begun, training


def compiled(step, folder):
    """A step as machine code; that it is recorded takes one step."""
    _, program = record(step.run, step.batch)
    return Native(simplified(program), folder)


def compare(make, folder, rtol, memory=True, steps=20):
    """Take steps eagerly and natively, from the same start, and hold them against each other."""
    eager, ours = make(), make()
    native = compiled(ours, folder)
    eager.run(*eager.batch)
    for _ in range(steps):
        expected, (found,) = eager.run(*eager.batch), native(*ours.batch)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
    for a, b in zip(ours.memory(), eager.memory(), strict=True) if memory else ():
        np.testing.assert_allclose(a, b, rtol=10 * rtol, atol=10 * rtol)
    return native


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "digits"])
def test_every_workload_learns_the_same(name, folder):
    # A bias before batch normalisation has no slope but rounding's, of which RMSprop makes steps.
    compare(lambda: begun(name), folder, rtol=2e-5, memory=name != "images")


def make_mlp(dtype, optimizer, activation=nn.Tanh):
    """An MLP with cross-entropy, in `dtype`."""

    def make():
        cr.manual_seed(1)
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Linear(5, 33), activation(), nn.Linear(33, 4))
        for p in model.parameters():
            p.array = p.array.astype(dtype)
        x, y = rng.normal(size=(50, 5)).astype(dtype), rng.integers(0, 4, 50)
        step = training(model, nn.CrossEntropyLoss(), optimizer(model.parameters()), (x, y))
        step.run(*step.batch)
        return step

    return make


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "adam": lambda p: optim.Adam(p, lr=1e-2),
    "amsgrad": lambda p: optim.Adam(p, lr=1e-2, amsgrad=True, weight_decay=1e-2),
    "adamw": lambda p: optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    "rmsprop": lambda p: optim.RMSprop(p, lr=1e-3, momentum=0.5, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_in_double(name, folder):
    native = compare(make_mlp(np.float64, OPTIMIZERS[name]), folder, rtol=1e-12)
    assert set(native.foreign) <= {"check"}


@pytest.mark.parametrize(
    "activation", [nn.ReLU, nn.Sigmoid, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.ELU, nn.Softplus]
)
def test_every_activation_in_double(activation, folder):
    native = compare(make_mlp(np.float64, OPTIMIZERS["sgd"], activation), folder, rtol=1e-12)
    assert set(native.foreign) <= {"check"}


def test_dropout_draws_what_eager_draws(folder):
    losses = []
    for natively in (False, True):
        step = begun("digits")
        run = compiled(step, folder) if natively else None
        if run is None:
            step.run(*step.batch)  # as many steps as recording takes
        losses.append(
            [np.ravel(run(*step.batch) if run else step.run(*step.batch))[0] for _ in range(20)]
        )
        assert run is None or set(run.foreign) <= {"check"}
    np.testing.assert_allclose(*losses, rtol=2e-5)


def test_two_threads_give_the_bits_of_one(folder, monkeypatch):
    if not sharing.is_supported():
        pytest.skip("this system has no threads as POSIX knows them")
    helpers = Team(2)
    memories = []
    for team in (None, helpers):
        monkeypatch.setattr(executor, "team", lambda team=team: team)
        step = begun("digits")
        native = compiled(step, folder)
        for _ in range(10):
            native(*step.batch)
        memories.append([a.tobytes() for a in step.memory()])
    helpers.stop()
    assert memories[0] == memories[1]


# --- how it is called ---------------------------------------------------------------------------


def test_what_changes_between_runs_is_read_anew(folder):
    cr.manual_seed(0)
    step = begun("neuron")
    native = compiled(step, folder)
    x, y = step.batch
    first = native(x, y)[0]
    x *= 2  # the same array with other numbers
    assert native(x, y)[0] != first
    other = native(np.zeros_like(x), y)[0]
    assert other == pytest.approx(np.mean((step.memory()[1] - y) ** 2), rel=0.1)


def test_outputs_are_the_callers_own(folder):
    _, program = record(lambda x: ops.mul(x, 2.0), [np.ones(3)])
    native = Native(program, folder)
    first = native(np.ones(3))[0]
    native(np.zeros(3))
    np.testing.assert_array_equal(first, [2.0, 2.0, 2.0])


def test_views_of_inputs_and_states_outlive_the_executor(folder):
    state = np.arange(6.0).reshape(2, 3)

    def function(x):
        return [ops.reshape(x, shape=(6,)), ops.permute(state, dims=(1, 0)), x]

    _, program = record(function, [np.zeros((2, 3))])
    x = np.ones((3, 2)).T  # lies oddly, so that a copy is taken
    flat, turned, whole = Native(program, folder)(x)
    expected = state.T.copy()
    del x, program, function
    np.testing.assert_array_equal(flat, np.ones(6))
    np.testing.assert_array_equal(whole, np.ones((2, 3)))
    np.testing.assert_array_equal(turned, expected)


def test_another_shape_or_dtype_is_refused(folder):
    _, program = record(lambda x: ops.mul(x, 2.0), [np.ones(3)])
    native = Native(program, folder)
    for wrong in (np.ones(4), np.ones(3, np.float32)):
        with pytest.raises(ShapeError, match="recorded for"):
            native(wrong)
    with pytest.raises(ValueError, match="argument"):
        native()


def test_two_threads_take_turns(folder):
    total = np.zeros(1)
    _, program = record(lambda: ops.increment(total, 1.0), [])
    native = Native(program, folder)
    threads = [threading.Thread(target=lambda: [native() for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total[0] == 2001
