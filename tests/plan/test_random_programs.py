"""Programs that nobody would write, drawn at random: passes, replay and groups agree with eager."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.check import check
from chainrule.plan.passes import simplified
from chainrule.plan.passes.fuse import fuse
from chainrule.plan.record import record
from chainrule.plan.replay import Replay
from plan.groups import Literally, each_in_one_group
from plan.test_replay import bits

ONE = [ops.neg, ops.square, ops.tanh, ops.sigmoid, ops.relu, ops.clone, ops.abs, ops.exp]
TWO = [ops.add, ops.sub, ops.mul, ops.maximum, ops.minimum]
FOLDS = [ops.sum, ops.mean, ops.amax, ops.peak]
NUMBERS = [0.0, -0.0, 1.0, 1, 2.0, -1, 0.5]


class Writer:
    """Draws one operation after another: the same for the same seed, whatever the numbers."""

    def __init__(self, seed, inputs, states):
        self.rng = np.random.default_rng(seed)
        self.values = [*inputs, *states]
        self.states = states

    def pick(self, these):
        return these[self.rng.integers(len(these))]

    def write(self, count):
        for _ in range(count):
            step = self.pick(
                [self.one, self.two, self.two, self.number, self.fold, self.view, self.change]
            )
            step()
        return [self.pick(self.values) for _ in range(3)]

    def keep(self, y):
        self.values.append(ops.tanh(y) if self.rng.random() < 0.3 else y)

    def one(self):
        self.keep(self.pick(ONE)(self.pick(self.values)))

    def two(self):
        a = self.pick(self.values)
        fitting = [v for v in self.values if v.ndim <= a.ndim and _broadcasts(v.shape, a.shape)]
        self.keep(self.pick(TWO)(a, self.pick(fitting)))

    def number(self):
        args = [self.pick(self.values), self.pick(NUMBERS)]
        self.keep(self.pick([*TWO, ops.div])(args[0], args[1] or 1.0))

    def fold(self):
        a = self.pick(self.values)
        if a.ndim:
            dim = int(self.rng.integers(a.ndim))
            self.keep(self.pick(FOLDS)(a, dim=dim, keepdim=bool(self.rng.integers(2))))

    def view(self):
        a = self.pick(self.values)
        ways = [lambda: ops.reshape(a, shape=(a.size,)), lambda: ops.reshape(a, shape=a.shape)]
        if a.ndim == 2:
            ways += [
                lambda: ops.permute(a, dims=(1, 0)),
                lambda: ops.flip(a, dim=0),
                lambda: ops.slice(a, key=(slice(0, 1),)),
                lambda: ops.broadcast_to(a, shape=(2, *a.shape)),
            ]
        self.values.append(self.pick(ways)())

    def change(self):
        state = self.pick(self.states)
        if self.rng.random() < 0.3:
            state = ops.exp(state)
            self.values.append(state)
        whole = self.rng.random() < 0.5
        part = state if whole else ops.slice(state, key=(slice(0, 1),))
        fitting = [v for v in self.values if v.shape == part.shape]
        if self.rng.random() < 0.5 or not fitting:
            ops.increment(part, 0.25)
        else:
            ops.assign(part, ops.tanh(self.pick(fitting)))


def _broadcasts(own, shape):
    return all(n in (1, m) for n, m in zip(own[::-1], shape[::-1]))


def arrays(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((4, 5), (5,), (4, 1), (4, 5), (5,), (4, 4))]


def writing(seed, states):
    """A program as a function: what the seed draws, on these states."""
    return lambda *inputs: Writer(seed, list(inputs), states).write(20)


def runs_of(make, seed, improve):
    """Three runs, after the one that was recorded: outputs and states of each."""
    inputs, states = arrays(seed)[:3], arrays(seed)[3:]
    original = record(writing(seed, states), inputs)[1]
    program = check(improve(original), original)
    assert each_in_one_group(program, fuse(program))
    run = make(program)
    return [[np.array(a) for a in (*run(*inputs), *states)] for _ in range(3)]


def expected_of(seed):
    inputs, states = arrays(seed)[:3], arrays(seed)[3:]
    run = writing(seed, states)
    return [[np.array(a) for a in (*run(*inputs), *states)] for _ in range(4)][1:]


IMPROVEMENTS = [lambda program: program, simplified]


@pytest.mark.parametrize("seed", range(50))
def test_replays_of_random_programs_are_eagers(seed):
    expected = [bits(run) for run in expected_of(seed)]
    for improve in IMPROVEMENTS:
        assert [bits(run) for run in runs_of(Replay, seed, improve)] == expected


def assert_close(make, seed):
    for improve in IMPROVEMENTS:
        for found, expected in zip(runs_of(make, seed, improve), expected_of(seed)):
            for a, b in zip(found, expected):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(50))
def test_groups_of_random_programs_do_what_eager_does(seed):
    assert_close(Literally, seed)


@pytest.mark.parametrize("seed", range(20))
def test_machine_code_of_random_programs_does_what_eager_does(seed):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    from chainrule.plan.native.executor import Native

    assert_close(Native, seed)
