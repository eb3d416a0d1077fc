"""Recorded programs on the GPU give what eager gives on the processor, to rounding."""

from __future__ import annotations

import numpy as np
import pytest

from cases import LISTS
from chainrule import ops
from chainrule.backend.arrays import to_gpu, to_host
from chainrule.plan.arrays import start
from chainrule.plan.cuda.executor import Cuda
from chainrule.plan.passes import simplified
from chainrule.plan.record import record
from device.emulator import build
from device.emulator.launch import Order
from device.plan_on_gpu import compiled, found, on_gpu
from plan.test_every_op import REFUSED, assert_close, is_asked, together
from plan.test_random_programs import arrays, expected_of, writing

pytestmark = pytest.mark.skipif(build.COMPILER is None, reason="there is no g++")

# Ops of which every kind of kernel makes something, in the case table with their gradients.
ROWS = [
    *("exp", "where", "bitwise_and", "sum", "slice", "mm", "softmax", "take"),
]


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_do_what_eager_does(gpu, seed):
    inputs, states = arrays(seed)[:3], arrays(seed)[3:]
    run = Cuda(on_gpu(simplified(record(writing(seed, states), inputs)[1])))
    for expected in expected_of(seed):
        for a, b in zip(found(run, inputs), expected):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    assert [s.graph for s in run.stretches] == [True]
    assert run.foreign == []


@pytest.mark.parametrize("rows", [r for r in LISTS if r[0].op in ROWS], ids=lambda r: r[0].op)
def test_rows_of_the_case_table_there_and_back(gpu, rows):
    cases = [case for case in rows if is_asked(case) and case.name not in REFUSED]
    function, given = together(cases, np.float32)
    run = compiled(function, given)
    for _ in range(2):
        for y, expected in zip(found(run, given), function(*given), strict=True):
            assert_close(y, expected)


# --- forms of kernels ---------------------------------------------------------------------------


def normed(x):
    """Several walks along each row, one hanging on the other."""
    away = ops.sub(x, ops.mean(x, dim=-1, keepdim=True))
    spread = ops.mean(ops.square(away), dim=-1, keepdim=True)
    y = ops.div(away, ops.sqrt(ops.add(spread, 1e-5)))
    return y, ops.amax(y, dim=-1)


def summed(x):
    """Two sums over rows of one thing."""
    y = ops.exp(x)
    return ops.sum(y, dim=0), ops.mean(ops.mul(y, x), dim=0)


FORMS = {
    "a thread each": (lambda x: (ops.exp(x),), (33, 7), 1),
    "numbers in a row": (normed, (5, 10), 1),
    "a block for each row": (normed, (3, 700), 1),
    "columns": (summed, (40, 11), 1),
    "the middle": (lambda x: (ops.sum(ops.square(x), dim=(0, 2)),), (4, 3, 50), 1),
    "a long sum": (lambda x: (ops.neg(ops.sum(ops.exp(x))),), (20_000,), 2),
    "long columns": (lambda x: (ops.sum(ops.mul(x, x), dim=0),), (3000, 5), 2),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("backwards", [False, True])
def test_each_form_gives_numpys_numbers_in_whatever_order_threads_run(gpu, form, backwards):
    function, shape, launches = FORMS[form]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    run = compiled(function, [x])
    assert run.kernels == launches
    before, Order.backwards = Order.backwards, backwards
    try:
        for y, expected in zip(found(run, [x]), function(x), strict=True):
            np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    finally:
        Order.backwards = before


def test_sums_of_float32_are_collected_in_more_digits(gpu):
    x = np.full(100_000, 0.1, np.float32)
    (y,) = found(compiled(ops.sum, [x]), [x])
    assert y == np.float32(x.astype(np.float64).sum())


def test_many_updates_are_one_launch_and_equal_to_the_last_bit(gpu):
    sizes = [(3,), (4, 5), (1,), (2, 130)]
    states = [[np.ones(s, np.float32) * k for k in (1, 0, 0)] for s in sizes]
    lr, step = np.array(0.1), np.array(0.0)

    def function(*gradients):
        ops.increment(step)
        for (x, m, v), g in zip(states, gradients):
            ops.adam_step(x, g, m, v, np.zeros(0, np.float32), lr, step)
        return gradients[0]

    gradients = [np.linspace(-1, 1, int(np.prod(s))).reshape(s).astype(np.float32) for s in sizes]
    _, program = record(function, gradients)
    kept = {id(v.array): v for v in program.state}
    home = [kept[id(step)], kept[id(lr)]]
    for value in program.state:
        if value not in home:
            value.array = to_gpu(np.array(value.array))
    run = Cuda(simplified(program))
    assert run.kernels == 1
    changed = [[kept[id(a)].array for a in those] for those in states]
    for _ in range(3):
        found(run, gradients)
    before = float(step)
    step[...] = 1
    for _ in range(3):
        function(*gradients)
    assert before == float(step) == 4
    for there, here in zip(changed, states):
        for a, b in zip(there, here):
            assert to_host(a).tobytes() == b.tobytes()


def test_everything_lies_where_a_gpu_can_read_it(gpu):
    x = np.arange(5, dtype=np.uint8)
    run = compiled(lambda x: ops.add(ops.mul(x, 2.0), ops.sum(ops.exp(x))), [x])
    places = [*run._arrays.values(), run._stop]
    assert len(places) > 2
    assert all(start(a) % 64 == start(run._arena) % 64 for a in places)


def test_an_input_may_come_from_the_processor_and_has_to_have_its_shape(gpu):
    run = compiled(lambda x: ops.mul(x, 2.0), [np.ones(3)])
    assert to_host(run(np.arange(3.0))[0]).tolist() == [0, 2, 4]
    with pytest.raises(ValueError, match="record it again"):
        run(np.ones(4))


def test_numbers_of_the_processor_are_those_of_each_run(gpu):
    rate, total = np.array(1.0), np.zeros(3)

    def function(x):
        y = ops.mul(x, rate)
        ops.increment(rate)
        ops.assign(total, ops.add(total, ops.mul(y, rate)))
        return y

    x = np.arange(3.0)
    _, program = record(function, [x])
    state = next(v for v in program.state if v.array is total)
    state.array = to_gpu(np.zeros(3))
    run = Cuda(program)
    rate[...] = 1
    ys = [found(run, [x])[0][1] for _ in range(3)]
    assert ys == [1, 2, 3]
    assert float(rate) == 4
    assert to_host(state.array).tolist() == [0, 1 * 2 + 2 * 3 + 3 * 4, 2 * (2 + 6 + 12)]


def test_a_state_can_be_assigned_from_its_own_transpose(gpu):
    x = np.arange(6400.0).reshape(80, 80)
    _, program = record(lambda y: (ops.assign(x, ops.transpose(x, 0, 1)), ops.neg(y))[1], [x[0]])
    run = Cuda(on_gpu(program))
    found(run, [np.ones(80)])
    (state,) = program.state
    assert (to_host(state.array) == np.arange(6400.0).reshape(80, 80)).all()
    found(run, [np.ones(80)])
    assert (to_host(state.array) == np.arange(6400.0).reshape(80, 80).T).all()


def test_random_numbers_are_eagers_and_move_on(gpu):
    state = ops.new_state(5)
    shape = (4, 30)

    def function(x):
        return ops.add(
            ops.mul(x, ops.random_mask(state, shape=shape, p=0.3, dtype=np.float32)),
            ops.random_uniform(state, shape=shape, dtype=np.float32),
        )

    x = np.ones(shape, np.float32)
    _, program = record(function, [x])
    run = Cuda(on_gpu(program))
    for _ in range(3):
        (y,) = found(run, [x])
        np.testing.assert_array_equal(y, function(x))
    assert run.foreign == []


def test_the_time_of_each_part_is_told(gpu):
    x = np.ones((4, 8), np.float32)
    run = compiled(lambda x: ops.exp(ops.matmul(x, ops.transpose(x, 0, 1))), [x])
    laps = run.laps([to_gpu(x)], 2)
    assert len(laps) == len(run.parts) == 2
    assert all(s >= 0 for s in laps)
