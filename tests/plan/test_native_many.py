"""Many steps in one call of machine code against the same steps one by one, to the last bit."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, ops, optim
from chainrule.errors import DataError, ShapeError
from chainrule.ops.core import Finite, checked
from chainrule.plan.many import Each, Rows, Table, at, one_by_one
from chainrule.plan.passes import simplified
from chainrule.plan.record import record
from chainrule.plan.replay import Replay

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.course import FIRST
from chainrule.plan.native.executor import Native

sys.path.insert(0, str(Path(__file__).parent))
from workloads import WORKLOADS, begun, training

STEPS = 8 * FIRST + 5  # several calls, the last of fewer steps


def compiled(step, folder):
    _, program = record(step.run, step.batch)
    return Native(simplified(program), folder)


def shuffled(batch, steps=STEPS):
    """The rows of a batch in another order in each step."""
    count = len(batch[0])
    rows = np.random.default_rng(0).permuted(np.tile(np.arange(count), (steps, 1)), axis=1)
    return [Rows(x, rows) for x in batch]


def compare(make, folder, given):
    """Take steps one by one and all at once, from the same start."""
    memories, taken = [], []
    for how in (one_by_one, Native.many):
        step = make()
        native = compiled(step, folder)
        taken.append(how(native, STEPS, given(step.batch)))
        memories.append(step.memory())
    assert (taken[1].steps, taken[1].refuse) == (STEPS, None)
    for a, b in zip(taken[0].outputs, taken[1].outputs, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(*memories, strict=True):
        np.testing.assert_array_equal(a, b)
    return native


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_on_the_same_batch(name, folder):
    compare(partial(begun, name), folder, list)


@pytest.mark.parametrize("name", ["neuron", "moons"])
def test_every_step_takes_rows_of_its_own(name, folder):
    assert compare(partial(begun, name), folder, shuffled).whole


def test_every_step_takes_the_next_batch(folder):
    def given(batch):
        return [Each(at_all(rows)) for rows in shuffled(batch)]

    def at_all(rows):
        return np.stack([at(rows, s) for s in range(STEPS)])

    assert compare(partial(begun, "moons"), folder, given).whole


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, bool])
def test_rows_of_any_dtype(dtype, folder):
    x = np.random.default_rng(0).integers(0, 2, (9, 3, 5)).astype(dtype)
    order = np.array([[0, 8], [3, 3], [5, 1]])
    _, program = record(lambda x: ops.cast(x, dtype=np.dtype(np.int64)), [x[:2]])
    native = Native(program, folder)
    assert native.whole
    np.testing.assert_array_equal(native.many(3, [Rows(x, order)]).outputs[0], x[order])


def test_a_state_may_be_another_in_each_step(folder):
    rates = np.linspace(0.1, 0.01, STEPS)
    memories = []
    for how in (Native.many, one_by_one):
        cr.manual_seed(0)
        model = nn.Linear(4, 1)
        sgd = optim.SGD(model.parameters(), lr=0.5)
        x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
        step = training(model, nn.MSELoss(), sgd, (x, x[:, :1]))
        native, rate = compiled(step, folder), sgd.param_groups[0].array("lr")
        assert native.whole
        how(native, STEPS, step.batch, tables=[Table(rate, rates)])
        assert rate == 0.5
        memories.append(step.memory())
    for a, b in zip(*memories, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_table_for_a_state_that_the_steps_change(folder):
    results = []
    for how in (Native.many, one_by_one):
        total = np.zeros(2)
        _, program = record(lambda x, t=total: ops.assign(t, ops.add(t, x)), [np.ones(2)])
        native = Native(program, folder)
        table = Table(total, np.arange(6.0).reshape(3, 2))
        results.append(how(native, 3, [np.ones(2)], tables=[table]).outputs[0])
        np.testing.assert_array_equal(total, [1.0, 1.0])  # by the recording
    np.testing.assert_array_equal(*results)


def test_what_only_the_last_step_gives(folder):
    _, program = record(lambda x: [ops.exp(x), ops.neg(x)], [np.ones(3)])
    native, x = Native(program, folder), np.arange(12.0).reshape(4, 3)
    exps, last = native.many(4, [Each(x)], stacked=1).outputs
    np.testing.assert_array_equal(last, -x[3])
    np.testing.assert_array_equal(exps, one_by_one(native, 4, [Each(x)]).outputs[0])


def test_outputs_of_every_sort(folder):
    state = np.arange(6.0).reshape(2, 3)

    def function(x):
        y = ops.mul(x, 2.0)
        ops.increment(state, 1.0)
        return [y, y, ops.permute(y, dims=(1, 0)), ops.flip(y, dim=0), state, ops.sum(y)]

    _, program = record(function, [np.zeros((2, 3))])
    native, x = Native(program, folder), np.arange(24.0).reshape(4, 2, 3)
    assert native.whole
    found = native.many(4, [Each(x)]).outputs
    expected = [2 * x, 2 * x, 2 * x.transpose(0, 2, 1), 2 * x[:, ::-1], np.stack([state] * 4)]
    for a, b in zip(found, [*expected, 2 * x.sum((1, 2))], strict=True):
        np.testing.assert_array_equal(a, b)


def guarded(total):
    """A step that refuses what is not finite before it changes anything."""

    def refuse(number):
        raise DataError(f"it came to {number}")

    def function(x):
        y = ops.sum(x)
        checked(Finite(refuse), y)
        ops.assign(total, ops.add(total, y))
        return [y]

    return function


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_check_ends_the_steps(bad, folder):
    total = np.zeros(())
    _, program = record(guarded(total), [np.zeros(2)])
    native, x = Native(program, folder), np.ones((STEPS, 2))
    assert native.whole
    total[...], x[20, 1] = 0, bad
    taken = native.many(STEPS, [Each(x)])
    assert (taken.steps, total) == (20, 40)
    np.testing.assert_array_equal(taken.outputs[0], np.full(20, 2.0))
    with pytest.raises(DataError, match=f"it came to {bad}"):
        taken.refuse()
    with pytest.raises(DataError, match=f"it came to {bad}"):
        native(x[20])
    assert total == 40
    assert native(x[21]) == (2.0,)


def test_a_step_that_is_not_native_throughout(folder):
    function = lambda x: ops.det(ops.exp(x))  # noqa: E731
    _, program = record(function, [np.eye(2)])
    native, x = Native(program, folder), np.arange(16.0).reshape(4, 2, 2)
    assert not native.whole
    np.testing.assert_array_equal(
        native.many(4, [Each(x)]).outputs[0], np.stack([native(row)[0] for row in x])
    )


def test_an_output_that_is_an_input(folder):
    _, program = record(lambda x: [x, ops.exp(x)], [np.ones(3)])
    native, x = Native(program, folder), np.arange(12.0).reshape(4, 3)
    same, _ = native.many(4, [Each(x)]).outputs
    np.testing.assert_array_equal(same, x)


def test_a_call_after_many_steps_is_as_before(folder):
    _, program = record(lambda x: ops.mul(x, 2.0), [np.ones(3)])
    native, x = Native(program, folder), np.ones(3)
    assert native(x)[0][0] == 2
    native.many(2, [Each(np.zeros((2, 3)))])
    x[0] = 4
    np.testing.assert_array_equal(native(x)[0], [8, 2, 2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Rows(np.ones((5, 3)), np.array([[0], [5]])), "row 5 was asked for; there are rows 0 to 4"),
        (Rows(np.ones((5, 3)), np.array([[0], [-1]])), "row -1 was asked for"),
        (Rows(np.ones((5, 3)), np.array([[0, 1], [2, 3]])), "numbers of rows must be 2 x 1"),
        (Rows(np.ones((5, 4)), np.array([[0], [1]])), "recorded for"),
        (Rows(np.ones((5, 3), np.float32), np.array([[0], [1]])), "recorded for"),
        (Each(np.ones((3, 1, 3))), "recorded for"),
        (np.ones((2, 3)), "recorded for"),
    ],
)
def test_what_does_not_fit_is_refused(given, message, folder):
    _, program = record(lambda x: ops.mul(x, 2.0), [np.ones((1, 3))])
    with pytest.raises(ShapeError, match=message):
        Native(program, folder).many(2, [given])


def test_numpy_takes_many_steps_too():
    _, program = record(lambda x: ops.mul(x, 2.0), [np.ones(3)])
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(one_by_one(Replay(program), 4, [Each(x)]).outputs[0], 2 * x)
