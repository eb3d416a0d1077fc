"""Recordings of a step with certain arguments, and the plan that two equal ones give (floor 4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.autograd import Tensor, is_grad_enabled
from chainrule.autograd.following import following
from chainrule.autograd.tape import mark_changed, wrap
from chainrule.errors import CaptureError, ChainruleError
from chainrule.ops import Array
from chainrule.ops.core import LISTENERS, listen, tell
from chainrule.plan.arrays import is_array, owner, share
from chainrule.plan.compare import compare, equal
from chainrule.plan.costs import Part, kept, table
from chainrule.plan.many import Given, Table, Taken
from chainrule.plan.program import Program
from chainrule.plan.record import Recorder
from chainrule.train.compiling.capture import Gradients, Leaves, Surroundings
from chainrule.train.compiling.executor import Maker
from chainrule.train.compiling.profile import Profile
from chainrule.train.compiling.structure import (
    Slot,
    mapped,
    put_together,
    with_history,
    without_history,
)

__all__ = ["Many", "Plan", "Recording", "Signature", "is_recording"]

# For arguments of one kind: how many plans are kept, and how many recordings may be made without
# one of them being replayed.
_KEPT, _PATIENCE = 6, 12


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
        keep: leave all gradients.
        is_wide: whether it takes the ways that are for all numbers.

    Attributes:
        result: what the step returned, without history.
        is_wide: also whether it has met numbers for which it had to.
        refusal: why it cannot be replayed, if it cannot.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        arrays: Sequence[Array],
        leaves: Leaves,
        keep: bool,
        is_wide: bool,
    ) -> None:
        recorder = Recorder(arrays, is_wide)
        self.surroundings = Surroundings(leaves, function)
        args, kwargs = put_together((args, kwargs), recorder.inputs)
        _here.recording, mode = True, is_grad_enabled()
        try:
            with recorder.running(), listen(self.surroundings.listen):
                with self.surroundings.reads.watching(), following():
                    result = function(*args, **kwargs)
                self.gradients = Gradients(self.surroundings, recorder, leaves, keep)
        finally:
            _here.recording = False
        for sentence in (with_history(result), _left_on_or_off(mode)):
            if sentence:
                recorder.refuse(sentence)
        self.result = without_history(result)
        del result, args, kwargs
        self._close(recorder, arrays)

    def _close(self, recorder: Recorder, arrays: Sequence[Array]) -> None:
        outputs: list[Array] = []
        self.template = mapped(self.result, lambda r: _slot(r, outputs, recorder))
        self.program = recorder.program([*outputs, *self.gradients.arrays])
        self.results, self.is_wide = len(outputs), recorder.is_wide
        self.surroundings.close(recorder)
        state = [v.array for v in self.program.state if v.array is not None]
        self.changed = [a for a in state if recorder.is_changed(a)]
        if any(share(a, b) for a in arrays for b in self.changed):
            recorder.refuse(
                "an argument of the step shares its memory with a tensor that the step changes; "
                "pass a copy of it, x.detach().clone()"
            )
        self.gradients.arrays.clear()
        self.refusal = recorder.refusal or recorder.left(self.program)


def _left_on_or_off(mode: bool) -> str:
    if is_grad_enabled() is mode:
        return ""
    return (
        "the step leaves gradients switched on or off, and a replay would not; switch them inside "
        "of `with`, or outside of the step"
    )


def _slot(r: Any, outputs: list[Array], recorder: Recorder) -> Any:
    """What stands for `r` in the results of every run."""
    tensor = isinstance(r, Tensor)
    if not tensor and not is_array(r):
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
        self._owners = {id(owner(a)) for a in recording.changed}
        # Whether many steps can be one call, the next finding what the last has left.
        self.has_many = getattr(self._run, "whole", False) and self._gradients.repeat()
        places = {v: i for i, v in enumerate(self.program.inputs)}
        self._checks = [(f, places.get(v), v.array) for f, v in self.program.notes["checks"]]
        self._looks: Callable[..., Any] | None = None

    def __str__(self) -> str:
        work = getattr(self._run, "work", ())
        return "\n".join([str(self.program), *work, table(self.parts)])

    @property
    def parts(self) -> Sequence[Part]:
        """What is carried out together."""
        return self._run.parts

    @property
    def bytes(self) -> int:
        """The memory for what is made on the way."""
        return self._run.bytes

    def profile(self, arrays: Sequence[Array], runs: int) -> Profile:
        """Say where the time goes, and leave everything as it was."""
        put_back = kept(self.program)
        try:
            seconds = self._run.laps(arrays, runs)
        finally:
            put_back()
        return Profile(self.parts, seconds)

    def fits(self) -> bool:
        """Whether, at a glance, all besides arguments is as it was; if not, `differing` knows."""
        return self._surroundings.same() and self._gradients.fit()

    def differing(self) -> str:
        """What, besides arguments, is not as it was when the plan was recorded; if anything."""
        other = self._surroundings.changed()
        return other or ("" if self._gradients.fit() else "whether there are gradients")

    def allows(self, arrays: Sequence[Array]) -> bool:
        """Whether the arguments are such as were recorded: labels within classes, and the like."""
        for a in arrays:
            if id(a if a.base is None else owner(a)) in self._owners:
                return False
        if not self._checks:
            return True
        if self._looks is None:  # of a GPU: all of them with one question to it
            self._looks = getattr(self._run, "looks", _none)(self._checks, arrays) or _none
        if self._looks is not _none:
            return bool(self._looks(arrays))
        try:
            for check, place, array in self._checks:
                check(array if place is None else arrays[place])
        except ChainruleError:
            return False
        return True

    def __call__(self, arrays: Sequence[Array]) -> Any:
        """Take the step."""
        if LISTENERS:
            tell("replaying", self, 1)
        try:
            found = self._run(*arrays)
        finally:
            if LISTENERS:
                tell("replayed", self)
        mark_changed(*self._surroundings.moved)
        self._gradients.leave(found[self._results :])
        template = self._template
        if type(template) is Slot:
            return wrap(found[0]) if template.tensor else found[0]
        return mapped(template, lambda r: _filled(r, found))

    def many(self, steps: int, inputs: Sequence[Given], tables: Sequence[Table]) -> Many:
        """Take many steps in one call, if there are many (`has_many`)."""
        if LISTENERS:
            tell("replaying", self, steps)
        try:
            taken: Taken = self._run.many(steps, inputs, tables, stacked=self._results)  # type: ignore[attr-defined]
        finally:
            if LISTENERS:
                tell("replayed", self)
            mark_changed(*self._surroundings.moved)
        self._gradients.leave(taken.outputs[self._results :])
        result = mapped(self._template, lambda r: _stacked(r, taken))
        return Many(taken.steps, result, taken.refuse)


def _none(*_: Any) -> None:
    """Stands for an executor that has no way of its own to look at arguments."""


class Many(NamedTuple):
    """What came of many steps.

    Attributes:
        steps: how many were done.
        result: what they returned, each tensor and array stacked, (steps, ...).
        refuse: raises what a check has to say, if one has ended the steps.
    """

    steps: int
    result: Any
    refuse: Callable[[], Any] | None


def _filled(r: Any, found: Sequence[Array]) -> Any:
    if isinstance(r, Slot):
        return wrap(found[r.number]) if r.tensor else found[r.number]
    return r.thing if isinstance(r, _Same) else r


def _stacked(r: Any, taken: Taken) -> Any:
    if isinstance(r, _Same):
        array = np.repeat(_inside(r.thing)[None], taken.steps, axis=0)
        return wrap(array) if isinstance(r.thing, Tensor) else array
    return _filled(r, taken.outputs)


class Signature:
    """The recordings and plans for arguments of one kind.

    Args:
        pinned: what must stay, so that its identity stays taken.
        maker: makes the executors.

    Attributes:
        plans: the latest.
        is_wide: whether they are for all numbers, and not only for such as were met at first.
    """

    def __init__(self, pinned: Any, maker: Maker) -> None:
        self.plans: list[Plan] = []
        self.is_wide = False
        self._pinned = pinned
        self._maker = maker
        self._waiting: list[Recording] = []
        self._fruitless = 0  # recordings since a plan was replayed
        self._differing = ""

    def plan(self) -> Plan | None:
        """The plan that fits, if there is one."""
        for plan in self.plans:
            if not plan.fits():
                self._differing = plan.differing()
                if self._differing:
                    continue
            self._fruitless = 0
            return plan
        return None

    @property
    def is_waiting(self) -> bool:
        """Whether there is a recording of which no plan was made yet."""
        return bool(self._waiting)

    def widen(self) -> None:
        """Begin anew, with recordings that are for all numbers."""
        self.is_wide = True
        self.plans.clear()
        self._waiting.clear()

    def hear(self, what: str, *things: Any) -> None:
        """Listen to a step that no plan is for, which may be so for its numbers."""
        if what == "any such" and things[0][0] and not self.is_wide:
            self.widen()

    def add(self, recording: Recording) -> None:
        """Take a recording in: the second of two that agree makes a plan.

        One that has met numbers for which all go a longer way from now on makes none.

        Raises:
            CaptureError: it could not be replayed, or differs from the one before.
        """
        if recording.refusal:
            self._waiting.clear()
            raise recording.refusal
        self._be_patient(recording)
        if recording.is_wide and not self.is_wide:
            self.widen()
            return  # before it met such numbers it did without
        self._waiting = [w for w in self._waiting if not w.surroundings.replaced()]
        for first in self._waiting:
            self._differing = first.surroundings.differs(recording.surroundings)
            if not self._differing:
                self._waiting.remove(first)
                self._agree(first, recording)
                if LISTENERS:
                    tell("compiling")
                try:
                    self.plans = [*self.plans[1 - _KEPT :], Plan(recording, self._maker)]
                finally:
                    if LISTENERS:
                        tell("compiled")
                return
        self._waiting = [*self._waiting[1 - _KEPT :], recording]

    def _be_patient(self, recording: Recording) -> None:
        self._fruitless += 1
        if self._fruitless <= _PATIENCE:
            return
        self._fruitless = 0
        for other in self._waiting:
            self._differing = other.surroundings.differs(recording.surroundings)
            if self._differing:
                try:
                    self._agree(other, recording)
                except CaptureError as error:
                    sentence = f"{self._differing} is another in every run: {error}"
                    raise CaptureError(sentence) from None
        raise CaptureError(
            f"{self._differing} is another in every run, so that no recording is of use in the "
            "next; leave it as it is from step to step, keep what changes in a tensor, or give "
            "it to the step as an argument"
        )

    def _agree(self, first: Recording, second: Recording) -> None:
        compare(first.program, second.program)
        if not equal(first.template, second.template):
            raise CaptureError(
                f"the step returned {first.result!r:.60} in one run and {second.result!r:.60} in "
                "the next; return tensors, for plain values are recorded once and for all"
            )
