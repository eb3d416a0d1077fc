"""The clock beside a prediction: of a step as a whole, line by line, and its memory (floor 4)."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.explain.napkin.work import Work
from chainrule.explain.runs.trace import trace

__all__ = ["by_calls", "least", "peak"]

SPENT, FEWEST, MOST = 1.0, 3, 50  # seconds in which a step is taken that often


def least(work: Callable[[], Any]) -> float:
    """The least seconds that `work` takes, of some times."""
    times: list[float] = []
    end = time.perf_counter() + SPENT
    while len(times) < FEWEST or (time.perf_counter() < end and len(times) < MOST):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def by_calls(
    step: Callable[..., Any], args: Sequence[Any], works: Sequence[Work], whole: float
) -> list[Work]:
    """Put beside each call of an eager step what it took.

    Args:
        step: as it runs without a plan.
        args: its arguments.
        works: a line for each call.
        whole: the seconds of a step that nobody watches; watching takes time, which is taken off.
    """
    seen = [[call.seconds for call in trace(step, *args).calls] for _ in range(FEWEST)]
    if {len(each) for each in seen} != {len(works)}:  # it takes another way each time
        return list(works)
    found = np.min(seen, axis=0)
    found = found * (whole / found.sum())
    return [replace(work, measured=float(s)) for work, s in zip(works, found)]


def peak(step: Callable[[], Any]) -> int:
    """The most bytes that a step takes beside what was there before."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
