"""Every network that a lesson trains takes the same steps with every executor.

The lessons run as they are. Whatever an optimizer trains in them is met where it happens: its
third step is recorded, from `zero_grad()` to the end of `step()`. Afterwards ten are taken from
where that one began, by the operations one after another, and each of them by every executor too.
So no network of a lesson, written or to be written, can be left out.
"""

from __future__ import annotations

import functools
import re
import runpy

import numpy as np
import pytest

import chainrule as cr
from chainrule.backend import threads
from chainrule.learn import lessons
from chainrule.optim import Optimizer
from chainrule.plan.passes import simplified
from chainrule.plan.program import Value
from chainrule.plan.record import Recorder
from chainrule.plan.replay import Replay

STEPS = 10
TRAINING = [
    lesson
    for lesson in lessons()
    if re.search(r"\boptim\.|\bfit\(", lesson.path.read_text(encoding="utf-8"))
]


def bits(arrays):
    return [(a.dtype, a.shape, a.tobytes()) for a in map(np.asarray, arrays)]


# --- taking steps -------------------------------------------------------------------------------


def literally(program, rounded=lambda op, y: y):
    """The outputs of a program whose operations are carried out one after another."""
    found = {v: v.array for v in program.state}
    with np.errstate(all="ignore"):
        for instruction in program:
            op = instruction.op
            args = [found[a] if isinstance(a, Value) else a for a in instruction.args]
            y = np.asarray(op.forward(*args, **instruction.attrs))
            found[instruction.out] = rounded(op, y)
    return [found[v] for v in program.outputs]


class Otherwise:
    """What operations could have given if every result had been rounded to a neighbour."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, op, y):
        if y.dtype.kind != "f" or op.kind not in ("elementwise", "reduce", "contract"):
            return y
        step = np.finfo(y.dtype).eps * self.rng.choice([-1, 1], y.shape)
        return y * (1 + step).astype(y.dtype)


class Case:
    """A recorded step, and all that it read and changed.

    Args:
        program: what was recorded; its outputs are the gradients.
        before: what the arrays that it changes held before, by their identity.
        gradients: as the lesson found them.
    """

    def __init__(self, program, before, gradients):
        self.program = program
        arrays = [v.array for v in program.state if v.array.flags.writeable]
        self.begin = [(a, before.get(id(a), a).copy()) for a in arrays]
        self.changed = [a for a in arrays if id(a) in before]
        self.happened = bits([*gradients, *self.changed])
        self.places: list[list[np.ndarray]] = []  # what the changed arrays hold before each step

    def rewind(self):
        for array, numbers in self.begin:
            array[...] = numbers

    def is_what_happened(self):
        self.rewind()
        assert bits([*literally(self.program), *self.changed]) == self.happened

    def go_on(self):
        """Take all the steps eagerly and remember where each began."""
        self.rewind()
        for _ in range(STEPS):
            self.places.append([a.copy() for a in self.changed])
            literally(self.program)
        self.rewind()

    def steps(self, run):
        """For each place, what a step from there gives, and what it leaves."""
        found = []
        for place in self.places:
            for array, numbers in zip(self.changed, place):
                array[...] = numbers
            gradients = [np.array(g) for g in run()]
            found.append([*gradients, *(a.copy() for a in self.changed)])
        return found

    def agrees_to_the_bit(self, executor):
        found = self.steps(executor(simplified(self.program)))
        expected = self.steps(lambda: literally(self.program))
        assert list(map(bits, found)) == list(map(bits, expected))

    def agrees_to_rounding(self, executor):
        """No further away than another rounding takes eager, or a row at the kink of a ReLU."""
        found = self.steps(executor(simplified(self.program)))
        expected = self.steps(lambda: literally(self.program))
        otherwise = Otherwise()
        others = self.steps(lambda: literally(self.program, otherwise))
        for step in zip(found, expected, others, strict=True):
            for a, b, c in zip(*step, strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                if b.dtype.kind == "f":
                    far = 32 * largest(b - c) + 0.01 * largest(b)
                    assert largest(a - b) <= far
                else:
                    np.testing.assert_array_equal(a, b)


def largest(x):
    return float(np.abs(x).max(initial=0))


# --- meeting the networks -----------------------------------------------------------------------


class Training:
    """What one optimizer does. Its second step shows what it changes, its third is the case.

    Fewer than three steps are no training.
    """

    def __init__(self, optimizer):
        self.params = [p for group in optimizer.param_groups for p in group["params"]]
        self.optimizer = optimizer  # an identity that is taken stays taken
        self.begun = 0
        self.changed = []
        self.recorder = self.running = self.case = None

    def begin(self):
        self.begun += 1
        if self.begun in (2, 3):
            self.before = {id(a): a.copy() for a in self.changed}
            self.recorder = Recorder([])
            self.running = self.recorder.running()
            self.running.__enter__()

    def end(self):
        if self.running is None:
            return
        self.running.__exit__(None, None, None)
        self.running = None
        gradients = [p.grad.array for p in self.params if p.grad is not None]
        program = self.recorder.program(gradients)
        changed = [v.array for v in program.state if self.recorder.is_changed(v.array)]
        if self.begun == 2:
            self.changed = changed
        else:
            assert {*map(id, changed)} <= self.before.keys()
            self.case = Case(program, self.before, gradients)
        self.recorder = None


@pytest.fixture
def trainings(monkeypatch):
    """What every optimizer does from now on, by its identity."""
    found: dict[int, Training] = {}
    zero_grad, step = Optimizer.zero_grad, Optimizer.step

    def begin(optimizer, *args, **kwargs):
        zero_grad(optimizer, *args, **kwargs)
        found.setdefault(id(optimizer), Training(optimizer)).begin()

    def end(optimizer, *args, **kwargs):
        result = step(optimizer, *args, **kwargs)
        found[id(optimizer)].end()
        return result

    monkeypatch.setattr(Optimizer, "zero_grad", begin)
    monkeypatch.setattr(Optimizer, "step", end)
    monkeypatch.setattr(cr, "fit", functools.partial(cr.fit, compile=False))
    return found


@pytest.fixture
def native(tmp_path_factory):
    """What makes machine code of a program, or None."""
    try:
        from chainrule.plan.native.executor import Native
    except ImportError:
        return None
    return functools.partial(Native, folder=tmp_path_factory.mktemp("code"))


@pytest.mark.parametrize("lesson", TRAINING, ids=lambda lesson: lesson.name)
def test_every_network_of_a_lesson_takes_the_same_steps(
    lesson, trainings, native, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with threads.policy(1):
        runpy.run_path(str(lesson.path), run_name="__main__")
        cases = [training.case for training in trainings.values() if training.case]
        assert cases
        for case in cases:
            case.is_what_happened()
            case.go_on()
            case.agrees_to_the_bit(Replay)
            if native:
                case.agrees_to_rounding(native)
