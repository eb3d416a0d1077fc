"""What a step has to do, line by line, with the three terms of each line (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chainrule.explain.napkin.calibration import is_first, phase_in, work_of
from chainrule.explain.napkin.machine import Machine, Terms
from chainrule.explain.napkin.samples import Load
from chainrule.explain.runs.trace import Trace
from chainrule.ops import Shape

__all__ = ["Work", "bound_of", "joined", "shares", "works_of"]


@dataclass(frozen=True)
class Work:
    """Calls of an operation, or one part of a compiled step.

    Attributes:
        path: the module that it belongs to, as `"encoder.0 (Linear)"`, or `""`.
        phase: "forward", "backward" or "update".
        what: the operation, or operations, in words.
        out: the shape of the result; of several that differ `None`.
        flops: floating-point operations.
        moved: bytes read and written.
        terms: what each of the three terms takes.
        calls: how many there are.
        measured: the seconds that it took, if a clock was put beside.
    """

    path: str
    phase: str
    what: str
    out: Shape | None
    flops: float
    moved: float
    terms: Terms
    calls: float = 1
    measured: float | None = None

    @property
    def seconds(self) -> float:
        """What it should take."""
        return self.terms.seconds

    @property
    def bound(self) -> str:
        """The term that takes longest: "overhead", "arithmetic" or "memory"."""
        return bound_of([self])


def shares(works: Iterable[Work]) -> dict[str, float]:
    """The seconds of some work by what they go to; where two terms overlap, to the longer one."""
    spent = {"overhead": 0.0, "arithmetic": 0.0, "memory": 0.0}
    for work in works:
        terms = work.terms
        longer = "arithmetic" if terms.arithmetic >= terms.memory else "memory"
        spent["overhead"] += terms.overhead
        spent[longer] += max(terms.arithmetic, terms.memory)
        if not terms.overlap:
            shorter = "memory" if longer == "arithmetic" else "arithmetic"
            spent[shorter] += min(terms.arithmetic, terms.memory)
        spent["memory"] += terms.pages
    return spent


def bound_of(works: Iterable[Work]) -> str:
    """What most of the time of some work goes to."""
    spent = shares(works)
    return max(spent, key=spent.__getitem__)


def joined(works: Sequence[Work]) -> list[Work]:
    """Work in which what the same layer does with the same operation is one line."""
    groups: dict[tuple[str, str, str], list[Work]] = {}
    for work in works:
        groups.setdefault((work.path, work.phase, work.what), []).append(work)
    return [_sum(group) for group in groups.values()]


def _sum(group: Sequence[Work]) -> Work:
    first = group[0]
    clocks = [w.measured for w in group if w.measured is not None]
    arithmetic, memory = (sum(w.terms[k] for w in group) for k in (1, 2))
    # Where the two overlap, they do so call by call, and take longer than the longer sum.
    overlap = first.terms.overlap
    missing = sum(w.terms.work for w in group) - max(arithmetic, memory) if overlap else 0.0
    terms = Terms(
        sum(w.terms.overhead for w in group),
        arithmetic + (missing if arithmetic >= memory else 0.0),
        memory + (missing if arithmetic < memory else 0.0),
        sum(w.terms.pages for w in group),
        overlap,
    )
    return Work(
        first.path,
        first.phase,
        first.what,
        first.out if len({w.out for w in group}) == 1 else None,
        sum(w.flops for w in group),
        sum(w.moved for w in group),
        terms,
        sum(w.calls for w in group),
        sum(clocks) if clocks else None,
    )


def works_of(trace: Trace, machine: Machine, pages: Sequence[int] = ()) -> list[Work]:
    """The lines of an eager step, one for each call.

    Args:
        trace: of the step.
        machine: that it is to run on.
        pages: of each call those that are new to the process.
    """
    phase = phase_in(trace.calls)
    loads = [work_of(call) for call in trace.calls]
    step = sum(moved for _, moved in loads)
    found = []
    news = pages or [0] * len(loads)
    for i, (call, (flops, moved), new) in enumerate(zip(trace.calls, loads, news)):
        width = max(4, call.dtype.itemsize)
        load = Load(flops, moved, math.prod(call.out), step, len(loads), call.made, new, width)
        terms = machine.terms(call.op.name, phase(call), load)
        if is_first(trace.calls, i):
            begun = machine.beginning(phase(call), load)
            terms = terms._replace(overhead=terms.overhead + begun)
        found.append(Work(call.path, call.phase, call.op.name, call.out, flops, moved, terms))
    return found
