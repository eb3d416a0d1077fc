"""How long operations take here, found by watching small networks train (floor 4).

Each network takes a few steps: tiny ones, which show what a call costs as such, and larger ones
that compute. What is kept is, for each operation and phase, a handful of calls with their work and
the least time that they took.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.explain.napkin.networks import networks, own_random_numbers
from chainrule.explain.napkin.pages import Counter, Pages, measured_pages
from chainrule.explain.napkin.samples import TINY
from chainrule.explain.runs.trace import Call, Trace, trace
from chainrule.explain.telling.waiting import waiting

__all__ = ["calibrated", "is_first", "phase_in", "work_of"]

# Floating-point operations, bytes, numbers given, bytes and calls of the whole step, seconds.
Timed: TypeAlias = tuple[float, ...]

# Steps of each network, of which the least time of every call counts: as many as fit into so many
# seconds, but not less than the first nor more than the second number.
SPENT, FEWEST, MOST = 0.04, 3, 30
SHORT = 2e-3  # seconds of a step that shows what each call costs as such
LEAST = 0.2  # of the time of a call that is certainly its own
KEPT = 32  # calls of an operation in a phase


def work_of(call: Call) -> tuple[float, float]:
    """Floating-point operations of a call, and the bytes that it moves."""
    cost = call.cost
    # A view that could not be one has been copied.
    moved = 2 * call.made if call.op.kind == "view" else cost.moved * call.dtype.itemsize
    return float(cost.flops), float(moved)


def phase_in(calls: Sequence[Call]) -> Callable[[Call], str]:
    """Return how to name the phase of a call: forward without a way back is "inference"."""
    trains = any(call.phase != "forward" for call in calls)
    return lambda call: call.phase if trains else "inference"


def is_first(calls: Sequence[Call], i: int) -> bool:
    """Whether a call is the first of its phase."""
    return i == 0 or calls[i].phase != calls[i - 1].phase


def calibrated() -> dict[str, Any]:
    """Time the calls of small networks; that takes about two seconds.

    Returns:
        "pages": seconds of a new page, small and huge. "calls": by operation and phase, as "exp
        forward", some calls: floating-point operations, bytes, numbers given, bytes and calls of
        the whole step, and seconds without those for new pages; as "begin forward" what passes
        before the first call of a phase.
    """
    pages = measured_pages()
    with own_random_numbers():
        seen = [_seen(step, pages) for step in waiting([*networks()], "measuring this machine")]
    # Calls of larger networks are too long to show what it costs to watch them.
    usual = {
        trains: [s.watching for s in seen if s.is_short and s.trains is trains] or [0.0]
        for trains in (True, False)
    }
    found: dict[str, list[Timed]] = {}
    for each in seen:
        _add(found, each, each.watching if each.is_short else float(np.median(usual[each.trains])))
    return {"pages": [*pages], "calls": {key: _chosen(each) for key, each in found.items()}}


# --- one network --------------------------------------------------------------------------------


class _Seen(NamedTuple):
    """What was seen of the steps of a network: its calls, their times, and that of a whole step."""

    calls: Sequence[Call]
    least: Any
    plain: float

    @property
    def is_short(self) -> bool:
        """Whether a step is overhead for the most part."""
        return self.plain < SHORT

    @property
    def watching(self) -> float:
        """The seconds that it takes to watch a call."""
        return max(0.0, float(self.least.sum()) - self.plain) / len(self.calls)

    @property
    def trains(self) -> bool:
        """Whether there is a way back."""
        return any(call.phase != "forward" for call in self.calls)


def _seen(step: Callable[[], Any], pages: Pages) -> _Seen:
    """Take a step some times, unwatched and watched."""
    step()
    runs = int(np.clip(SPENT / 2 / _clocked(step), FEWEST, MOST))
    plain = min(_clocked(step) for _ in range(runs))
    traces, new = zip(*(_traced(step, pages) for _ in range(runs)))
    seconds = np.array([[call.seconds for call in each.calls] for each in traces])
    return _Seen(traces[0].calls, _least(seconds, np.array(new)), plain)


def _clocked(step: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def _traced(step: Callable[[], Any], pages: Pages) -> tuple[Trace, list[float]]:
    """A trace of a step, and what new pages cost each of its calls."""
    counter = Counter()
    with ops.watch(counter):
        seen = trace(step)
    return seen, [pages.seconds(n, call.made) for n, call in zip(counter.pages, seen.calls)]


def _least(seconds: Any, new: Any) -> Any:
    """Of each call the least seconds beside new pages, of those runs that had fewest of these."""
    fewest = new.min(0)
    alike = np.where(new <= fewest, seconds, np.inf).min(0)
    return np.maximum(alike - fewest, LEAST * alike)


# --- what is kept -------------------------------------------------------------------------------


def _add(found: dict[str, list[Timed]], seen: _Seen, watching: float) -> None:
    """Add the calls of a network by operation and phase."""
    tiny: dict[str, list[Timed]] = {}
    first: list[tuple[str, str, Timed]] = []
    for i, (name, key, (*load, seconds)) in enumerate(_timed(seen)):
        timed = (*load, max(seconds - watching, LEAST * seconds))
        if max(load[:2]) >= TINY:
            found.setdefault(key, []).append(timed)
        elif is_first(seen.calls, i):
            first.append((key, f"begin {name}", timed))
        else:
            tiny.setdefault(key, []).append(timed)
    for key, begin, one in first:
        usual = np.mean([each[-1] for each in tiny.get(key, [one])])
        found.setdefault(begin, []).append((*one[:-1], max(0.0, one[-1] - float(usual))))
        tiny.setdefault(key, [one])
    # What some calls cost that compute next to nothing is told by all of them together.
    for key, each in tiny.items():
        found.setdefault(key, []).append(tuple(map(float, np.mean(each, axis=0))))


def _timed(seen: _Seen) -> Iterator[tuple[str, str, Timed]]:
    """Yield of each call the phase, under which name it is kept, and its work and time."""
    phase, step = phase_in(seen.calls), sum(work_of(call)[1] for call in seen.calls)
    for call, seconds in zip(seen.calls, seen.least):
        load = (*work_of(call), float(math.prod(call.out)), step, float(len(seen.calls)))
        yield phase(call), f"{call.op.name} {phase(call)}", (*load, float(seconds))


def _chosen(samples: list[Timed]) -> list[Timed]:
    """Of the calls that are alike the one in the middle, some sizes in all."""
    by_load: dict[Timed, list[float]] = {}
    for *load, seconds in samples:
        by_load.setdefault(tuple(load), []).append(seconds)
    alike = [(*load, float(np.median(each))) for load, each in sorted(by_load.items())]
    picked = np.unique(np.linspace(0, len(alike) - 1, KEPT).round().astype(int))
    return [alike[i] for i in picked]
