"""Recordings of a step with certain arguments, and the plan that two equal ones give (floor 4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.autograd.tape import wrap
from chainrule.errors import CaptureError, ChainruleError
from chainrule.ops import Array
from chainrule.ops.core import listen
from chainrule.plan.compare import compare, equal
from chainrule.plan.program import Program
from chainrule.plan.record import Recorder
from chainrule.train.capture import Gradients, Leaves, Surroundings
from chainrule.train.executor import Maker
from chainrule.train.names import Names
from chainrule.train.structure import (
    Slot,
    mapped,
    put_together,
    with_history,
    without_history,
)

__all__ = ["Plan", "Recording", "Signature", "is_recording"]

# How many recordings may differ in what surrounds the step, and how many plans are kept, for
# arguments of one kind.
_PATIENCE = 6


class _Here(threading.local):
    recording = False


_here = _Here()


def is_recording() -> bool:
    """Whether this thread is recording a step."""
    return _here.recording


class Recording:
    """One call of a step, which counts like any other, and the program of what it did.

    Args:
        function: the step.
        args: its arguments,
        kwargs: those by name,
        arrays: and the arrays in them.
        leaves: what is known of the gradients that it has to do with.
        names: that it reads from outside.
        keep: leave all gradients.

    Attributes:
        result: what the step returned, without history.
        refusal: why it cannot be replayed, if it cannot.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        arrays: Sequence[Array],
        leaves: Leaves,
        names: Names,
        keep: bool,
    ) -> None:
        recorder = Recorder(arrays)
        self.surroundings = Surroundings(leaves, names)
        args, kwargs = put_together((args, kwargs), recorder.inputs)
        _here.recording = True
        try:
            with recorder.running(), listen(self.surroundings.listen):
                result = function(*args, **kwargs)
                self.gradients = Gradients(self.surroundings, recorder, leaves, keep)
        finally:
            _here.recording = False
        history = with_history(result)
        if history:
            recorder.refuse(history)
        self.result = without_history(result)
        del result, args, kwargs
        self._close(recorder)

    def _close(self, recorder: Recorder) -> None:
        outputs: list[Array] = []
        self.template = mapped(self.result, lambda r: _slot(r, outputs, recorder))
        self.program = recorder.program([*outputs, *self.gradients.arrays])
        self.results = len(outputs)
        self.surroundings.close(recorder)
        self.gradients.arrays.clear()
        self.refusal = recorder.refusal or recorder.left(self.program)


def _slot(r: Any, outputs: list[Array], recorder: Recorder) -> Any:
    """What stands for `r` in the results of every run."""
    tensor = isinstance(r, Tensor)
    if not tensor and not isinstance(r, np.ndarray):
        return r
    array = r.array if tensor else r
    known = recorder.value(array)
    if known is not None and known.array is array:
        return _Same(r)
    outputs.append(array)
    return Slot(len(outputs) - 1, tensor)


class _Same:
    """Stands for a result that is the same object in every run."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and _inside(self.thing) is _inside(other.thing)

    __hash__ = None  # type: ignore[assignment]


def _inside(thing: Any) -> Any:
    return thing.array if isinstance(thing, Tensor) else thing


class Plan:
    """A recording that is replayed."""

    def __init__(self, recording: Recording, maker: Maker) -> None:
        self.program: Program = recording.program
        self._surroundings = recording.surroundings
        self._gradients = recording.gradients
        self._template = recording.template
        self._results = recording.results
        self._run = maker(self.program)
        places = {v: i for i, v in enumerate(self.program.inputs)}
        self._checks = [(f, places.get(v), v.array) for f, v in self.program.notes["checks"]]

    def fits(self) -> bool:
        """Whether everything that is no argument is as it was when the plan was recorded."""
        return not self._surroundings.changed() and self._gradients.fit()

    def allows(self, arrays: Sequence[Array]) -> bool:
        """Whether the numbers are such as were recorded: labels within classes, and the like."""
        try:
            for check, place, array in self._checks:
                check(array if place is None else arrays[place])
        except ChainruleError:
            return False
        return True

    def __call__(self, arrays: Sequence[Array]) -> Any:
        """Take the step."""
        found = self._run(*arrays)
        for t in self._surroundings.moved:
            t.version += 1
        self._gradients.leave(found[self._results :])
        template = self._template
        if type(template) is Slot:
            return wrap(found[0]) if template.tensor else found[0]
        return mapped(template, lambda r: _filled(r, found))


def _filled(r: Any, found: Sequence[Array]) -> Any:
    if isinstance(r, Slot):
        return wrap(found[r.number]) if r.tensor else found[r.number]
    return r.thing if isinstance(r, _Same) else r


class Signature:
    """The recordings and plans for arguments of one kind.

    Args:
        pinned: what must stay, so that its identity stays taken.
        maker: makes the executors.
    """

    def __init__(self, pinned: Any, maker: Maker) -> None:
        self.plans: list[Plan] = []
        self._pinned = pinned
        self._maker = maker
        self._waiting: list[Recording] = []
        self._fruitless = 0  # recordings since the last plan

    def plan(self) -> Plan | None:
        """The plan that fits, if there is one."""
        return next((plan for plan in self.plans if plan.fits()), None)

    def add(self, recording: Recording) -> None:
        """Take a recording in: the second of two that agree makes a plan.

        Raises:
            CaptureError: it could not be replayed, or differs from the one before.
        """
        if recording.refusal:
            self._waiting.clear()
            raise recording.refusal
        differing = "something"
        self._waiting = [w for w in self._waiting if not w.surroundings.replaced()]
        for first in self._waiting:
            differing = first.surroundings.differs(recording.surroundings)
            if not differing:
                self._waiting.remove(first)
                self._agree(first, recording)
                self.plans = [*self.plans[1 - _PATIENCE :], Plan(recording, self._maker)]
                self._fruitless = 0
                return
        self._waiting.append(recording)
        self._fruitless += 1
        if self._fruitless >= _PATIENCE:
            self._waiting.clear()
            self._fruitless = 0
            raise CaptureError(
                f"{differing} is another in every run, so that no two recordings are alike; leave "
                "it as it is from step to step, or keep what changes in a tensor"
            )

    def _agree(self, first: Recording, second: Recording) -> None:
        compare(first.program, second.program)
        if not equal(first.template, second.template):
            raise CaptureError(
                f"the step returned {first.result!r:.60} in one run and {second.result!r:.60} in "
                "the next; return tensors, for plain values are recorded once and for all"
            )
