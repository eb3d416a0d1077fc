"""What NumPy replays is what was recorded: to the last bit, for every op and for whole steps."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from case import Case, own_state
from cases import CASES
from chainrule import nn, ops, optim
from chainrule.backend import threads
from chainrule.plan.passes import simplified
from chainrule.plan.record import record
from chainrule.plan.replay import Replay
from plan.workloads import WORKLOADS, begun, classes, normal, training

every_workload = pytest.mark.parametrize("name", WORKLOADS)


def bits(arrays):
    """Everything about arrays that can be compared."""
    return [(a.dtype, a.shape, a.tobytes()) for a in map(np.asarray, arrays)]


# --- every op -----------------------------------------------------------------------------------


def on_arrays(case: Case, dtype):
    """The row as a function of its arrays, and those."""
    given = case.arrays(dtype)
    places = [i for i, a in enumerate(given) if isinstance(a, np.ndarray)]

    def function(*arrays):
        full = list(given)
        for i, a in zip(places, arrays):
            full[i] = a
        return case.ours(*full)

    return function, [given[i] for i in places]


def drawn_from(case: Case) -> bool:
    """Whether the row makes a generator of its own, whose numbers a replay would go on from."""
    return case.kind == "random" or case.form is own_state


ROWS = [c for c in CASES.values() if c.kind != "update" and not drawn_from(c)]
STEPS = [c for c in CASES.values() if c.kind == "update"]


def by_name(rows):
    return pytest.mark.parametrize("case", rows, ids=[c.name for c in rows])


@by_name(ROWS)
def test_every_op_is_replayed_to_the_last_bit(case):
    for dtype in (np.float64, np.float32):
        function, arrays = on_arrays(case, dtype)
        _, program = record(function, arrays)
        expected = bits(function(*arrays))
        for each in (program, simplified(program)):
            replay = Replay(each)
            assert [bits(replay(*arrays)) for _ in range(3)] == [expected] * 3


@by_name(STEPS)
def test_every_update_changes_the_same_memory_in_the_same_way(case):
    for dtype in (np.float64, np.float32):
        function, eager = on_arrays(case, dtype)
        held = [a.copy() for a in eager]
        _, program = record(lambda held=held, function=function: function(*held), [])
        function(*eager)
        replay = Replay(simplified(program))
        for _ in range(3):
            function(*eager)
            replay()
            assert bits(held) == bits(eager)


@pytest.mark.parametrize(
    "draw",
    [
        lambda s: ops.random_uniform(s, shape=(3, 5)),
        lambda s: ops.random_normal(s, shape=(7,)),
        lambda s: ops.random_mask(s, shape=(4, 4), p=0.3),
        lambda s: ops.random_permutation(s, shape=(9,)),
    ],
    ids=["uniform", "normal", "mask", "permutation"],
)
def test_draws_go_on_where_the_last_run_ended(draw):
    state, eager = ops.new_state(1), ops.new_state(1)
    _, program = record(lambda: draw(state), [])
    draw(eager)
    replay = Replay(program)
    for _ in range(3):
        assert bits(replay()) == bits([draw(eager)])


# --- whole steps --------------------------------------------------------------------------------


@every_workload
def test_twenty_steps_are_eagers_to_the_last_bit(name):
    eager = begun(name)
    eager.run(*eager.batch)
    expected = [bits([eager.run(*eager.batch)]) for _ in range(20)]
    for improve in (lambda program: program, simplified):
        step = begun(name)
        replay = Replay(improve(record(step.run, step.batch)[1]))
        assert [bits(replay(*step.batch)) for _ in range(20)] == expected
        assert bits(step.memory()) == bits(eager.memory())


def peak(run):
    """The most memory that a call takes at once."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@every_workload
def test_a_replay_takes_no_more_memory_than_eager(name):
    step = begun(name)
    eager = peak(lambda: step.run(*step.batch))
    replay = Replay(simplified(record(step.run, step.batch)[1]))
    replay(*step.batch)
    assert replay.bytes + peak(lambda: replay(*step.batch)) <= eager


def test_a_replay_takes_no_more_memory_where_steps_go_in_pieces():
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    adam = optim.Adam(model.parameters(), weight_decay=0.1)
    step = training(model, nn.CrossEntropyLoss(), adam, (normal(64, 784), classes(64, 10)))
    for _ in range(2):  # the first makes the state, and what threads keep for the pieces
        eager = peak(lambda: step.run(*step.batch))
    replay = Replay(simplified(record(step.run, step.batch)[1]))
    replay(*step.batch)
    assert replay.bytes + peak(lambda: replay(*step.batch)) <= eager


def test_products_get_the_threads_that_their_work_is_worth(monkeypatch):
    asked = []
    a = np.ones((8, 8))
    _, program = record(ops.matrix_product, [a, a])
    monkeypatch.setattr(threads, "matmul", lambda *args: asked.append(args) or np.matmul(*args))
    replay = Replay(program)
    replay(a, a)
    asked.clear()
    replay(a, a)
    assert [(x.shape, y.shape) for x, y, _ in asked] == [((8, 8), (8, 8))]


# --- what is handed out and taken in ------------------------------------------------------------


def test_outputs_are_the_callers_own():
    _, program = record(lambda x: ops.add(x, 1.0), [np.zeros(3)])
    replay = Replay(program)
    replay(np.zeros(3))
    first = replay(np.zeros(3))[0]
    replay(np.ones(3))
    assert first.tolist() == [1, 1, 1]


def test_a_state_is_handed_out_itself():
    state = np.zeros(2)
    _, program = record(lambda: (ops.increment(state), ops.reshape(state, shape=(1, 2))), [])
    replay = Replay(program)
    for _ in range(2):
        same, view = replay()
        assert same is state
        assert np.shares_memory(view, state)


def test_inputs_may_lie_otherwise_from_run_to_run():
    x = np.arange(6.0).reshape(2, 3)
    _, program = record(lambda x: ops.sum(ops.exp(x), dim=0), [x])
    replay = Replay(program)
    for given in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(replay(given)[0], np.exp(x).sum(0), rtol=1e-15)


def test_nothing_is_held_of_the_inputs():
    x = np.ones(1000)
    _, program = record(lambda x: ops.sum(ops.reshape(x, shape=(10, 100))), [x])
    replay = Replay(program)
    replay(x)
    replay(x)
    assert replay._slots == [None] * len(replay._slots)


def test_infinities_and_nan_come_without_a_warning():
    x = np.array([0.0, -1.0, np.inf], dtype=np.float32)
    _, program = record(lambda x: ops.mul(ops.log(x), 2.0), [x])
    replay = Replay(program)
    for _ in range(2):
        np.testing.assert_array_equal(replay(x)[0], [-np.inf, np.nan, np.inf])
