"""What a step has to do, line by line, with the three terms of each line (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chainrule.explain.napkin.calibration import phase_in, work_of
from chainrule.explain.napkin.machine import Load, Machine, Terms
from chainrule.explain.trace import Trace
from chainrule.ops import Shape

__all__ = ["Work", "bound_of", "works_of"]


@dataclass(frozen=True)
class Work:
    """One call of an operation, or one part of a compiled step.

    Attributes:
        path: the module that it belongs to, as `"encoder.0 (Linear)"`, or `""`.
        phase: "forward", "backward" or "update".
        what: the operation, or operations, in words.
        out: the shape of the result.
        flops: floating-point operations.
        moved: bytes read and written.
        terms: what each of the three terms takes.
    """

    path: str
    phase: str
    what: str
    out: Shape
    flops: float
    moved: float
    terms: Terms

    @property
    def seconds(self) -> float:
        """What it should take."""
        return self.terms.seconds

    @property
    def bound(self) -> str:
        """The term that takes longest: "overhead", "arithmetic" or "memory"."""
        return bound_of([self.terms])


def bound_of(terms: Iterable[Terms]) -> str:
    """The term that most of the time of some calls goes to."""
    spent = {"overhead": 0.0, "arithmetic": 0.0, "memory": 0.0}
    for each in terms:
        spent["overhead"] += each.overhead
        larger = "arithmetic" if each.arithmetic >= each.memory else "memory"
        spent[larger] += max(each.arithmetic, each.memory)
    return max(spent, key=spent.__getitem__)


def works_of(trace: Trace, machine: Machine) -> Sequence[Work]:
    """The lines of an eager step, one for each call.

    Args:
        trace: of the step.
        machine: that it is to run on.
    """
    phase = phase_in(trace.calls)
    loads = [work_of(call) for call in trace.calls]
    step = sum(moved for _, moved in loads)
    found = []
    for call, (flops, moved) in zip(trace.calls, loads):
        load = Load(flops, moved, math.prod(call.out), step)
        terms = machine.terms(call.op.name, phase(call), load)
        found.append(Work(call.path, call.phase, call.op.name, call.out, flops, moved, terms))
    return found
