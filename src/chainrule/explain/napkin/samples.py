"""Calls that were timed, and what they say of another call of the same operation (floor 4).

Of the samples those weigh most that are alike: for the overhead of a call those from steps of like
length, for the pace of its work those of like size and as many operations for each byte.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

__all__ = ["TINY", "Known", "Load", "Sample"]

TINY = 20_000  # bytes and operations of a call that computes next to nothing
MOST = 30.0  # a reach above that is the noise of a short call
NEAR = 2**20  # bytes of a step that stay in a near cache in any case
SEEN = 0.3  # the share of a call's time that is work, if that is to be seen in it
NEAREST = 3  # samples that are asked


class Load(NamedTuple):
    """What a call has to do, and beside how much else.

    Attributes:
        flops: floating-point operations.
        moved: bytes that it reads and writes.
        out: numbers that it gives.
        step: bytes that all calls of the step move; what does not stay in a cache between two calls
            makes them slower.
        calls: how many there are in the step.
        made: bytes that are made,
        pages: and how many pages they are in that are new to the process.
        width: bytes of a number; the wider they are, the fewer are computed with at a time.
    """

    flops: float
    moved: float
    out: float
    step: float
    calls: float
    made: float = 0
    pages: float = 0
    width: float = 4

    @property
    def is_tiny(self) -> bool:
        """Whether it is next to nothing."""
        return max(self.flops, self.moved) < TINY

    def apart(self, other: Load) -> float:
        """How little alike two calls are, in size above all."""
        density = (self.flops / (self.moved + 1) + 1e-3) / (other.flops / (other.moved + 1) + 1e-3)
        return math.hypot(
            _log_ratio(self.moved, other.moved),
            math.log(density),
            0.5 * _log_ratio(self.out, other.out),
            0.25 * _log_ratio(self.step, other.step),
        )

    def elsewhere(self, other: Load) -> float:
        """How little alike the steps are that two calls belong to."""
        size = 0.5 * _log_ratio(max(self.step, NEAR), max(other.step, NEAR))
        return math.hypot(size, _log_ratio(self.calls, other.calls))

    def seconds(self, flops: float, bandwidth: float) -> float:
        """What it takes where so many operations are done, and so many bytes moved, a second."""
        return max(self.flops * self.width / 4 / flops, self.moved / bandwidth)


def _log_ratio(a: float, b: float) -> float:
    return math.log((a + 1) / (b + 1))


class Sample(NamedTuple):
    """A call that was timed: what it had to do, and the least seconds that it took."""

    load: Load
    seconds: float


class Known:
    """What is known of an operation in a phase.

    Args:
        samples: calls of it.
        flops: operations a second of the machine,
        bandwidth: and bytes, that the samples are held against.

    Examples:
        >>> tiny, large = Load(1, 8, 1, 1e6, 1), Load(1e9, 1e6, 1e3, 1e6, 1)
        >>> known = Known([Sample(tiny, 5e-6), Sample(large, 0.02)], flops=1e11, bandwidth=1e10)
        >>> known.overhead(tiny), round(known.reach(large), 2)
        (5e-06, 0.5)
    """

    def __init__(self, samples: Sequence[Sample], flops: float, bandwidth: float) -> None:
        self._samples, self._flops, self._bandwidth = samples, flops, bandwidth
        self._tiny = [s for s in samples if s.load.is_tiny]
        self._tiny = self._tiny or sorted(samples, key=lambda s: s.seconds)[:1]

    def overhead(self, load: Load) -> float | None:
        """What a call costs as such: as those did that computed next to nothing."""
        if not self._tiny:
            return None
        near = sorted((s.load.elsewhere(load), s.seconds) for s in self._tiny)[:NEAREST]
        weights = [1 / (0.2 + apart) ** 2 for apart, _ in near]
        return sum(w * seconds for w, (_, seconds) in zip(weights, near)) / sum(weights)

    def reach(self, load: Load) -> float | None:
        """The share of the machine's limits that such work comes to.

        It is above 1 where a cache is nearer than memory, and `None` where no sample shows it.
        """
        near = sorted((other.apart(load), reach) for other, reach in self._reaches)[:NEAREST]
        if not near:
            return None
        weights = [1 / (0.1 + apart) ** 2 for apart, _ in near]
        logs = [w * math.log(reach) for w, (_, reach) in zip(weights, near)]
        return math.exp(sum(logs) / sum(weights))

    @cached_property
    def _reaches(self) -> list[tuple[Load, float]]:
        """The reach of those samples whose work is to be seen beside their overhead."""
        found = []
        for load, seconds in self._samples:
            rest = seconds - (self.overhead(load) or 0.0)
            if not load.is_tiny and rest > SEEN * seconds:
                reach = load.seconds(self._flops, self._bandwidth) / rest
                found.append((load, min(MOST, reach)))
        return found
