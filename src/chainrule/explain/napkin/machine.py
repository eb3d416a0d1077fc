"""A machine in three numbers, and how near to them each kind of work comes (floor 4).

Seconds of a call are `overhead + max(flops / peak, bytes / bandwidth) / reach`. The reach is a
measured share: a large product of matrices comes near the peak, an exponential does not. It is
looked up among samples of calls of the same operation, of which those weigh most that are alike in
size and in operations for each byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from statistics import fmean, median
from typing import Any, NamedTuple

from chainrule.backend.threads import get_num_threads
from chainrule.explain.napkin.calibration import calibrated
from chainrule.plan.costs import limits
from chainrule.plan.machine import measured, processor

__all__ = ["Machine", "Sample", "Terms"]

MOST = 4.0  # a reach above that is the noise of a tiny call
NEAREST = 3  # samples that are asked
QUICK = 0.25  # a call whose arithmetic is that share of its time shows the overhead


class Sample(NamedTuple):
    """One call that was timed.

    Attributes:
        flops: its floating-point operations.
        moved: the bytes that it read and wrote.
        seconds: the least that it took.
    """

    flops: float
    moved: float
    seconds: float


class Terms(NamedTuple):
    """The three terms of a call, in seconds; the last two overlap."""

    overhead: float
    arithmetic: float
    memory: float

    @property
    def seconds(self) -> float:
        """What the call takes."""
        return self.overhead + max(self.arithmetic, self.memory)


@dataclass(frozen=True)
class Machine:
    """What a machine can do.

    With three numbers alone, every operation runs at the machine's limits. `Machine.here()` is this
    one, calibrated; `Machine.here().but(flops=1e12)` one as well used that multiplies faster.

    Args:
        overhead: seconds that any call costs before it computes anything.
        flops: floating-point operations a second, of float32 in a large product.
        bandwidth: bytes a second from and to memory.
        near: of some numbers of bytes, the smallest first, how many a second are moved where so
            many are, which a cache may hold.
        samples: by operation and phase, calls that were timed here.
        name: in words.

    Examples:
        >>> Machine(overhead=1e-6, flops=1e12, bandwidth=1e11).terms("exp", "forward", 1e6, 8e6)
        Terms(overhead=1e-06, arithmetic=1e-06, memory=8e-05)
    """

    overhead: float
    flops: float
    bandwidth: float
    near: Mapping[int, float] = field(default_factory=dict)
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    name: str = "a machine"

    @classmethod
    def here(cls) -> Machine:
        """This machine with as many threads as are allowed: measured once, then kept on disk."""
        return _here(get_num_threads())

    def but(self, **numbers: float) -> Machine:
        """The same with other numbers: `overhead`, `flops` or `bandwidth`.

        Examples:
            >>> Machine(1e-6, 1e11, 1e10).but(bandwidth=2e10).bandwidth
            20000000000.0
        """
        share = numbers.get("bandwidth", self.bandwidth) / self.bandwidth
        near = {size: share * speed for size, speed in self.near.items()}
        return replace(self, near=near, name=f"{self.name}, changed", **numbers)

    def __str__(self) -> str:
        return (
            f"{self.name}: {1e6 * self.overhead:.2g} us a call, {self.flops / 1e9:.3g} Gflop/s, "
            f"{self.bandwidth / 1e9:.3g} GB/s"
        )

    def speed(self, moved: float) -> float:
        """Bytes a second where so many are moved."""
        if not self.near:
            return self.bandwidth
        return next((speed for most, speed in self.near.items() if moved <= most), self.bandwidth)

    def terms(self, op: str, phase: str, flops: float, moved: float) -> Terms:
        """The three terms of a call of an operation.

        Args:
            op: its name.
            phase: "forward", "backward", "update", or "inference" for forward without a tape.
            flops: floating-point operations.
            moved: bytes read and written.
        """
        samples = self._of(op, phase)
        arithmetic, memory = flops / self.flops, moved / self.speed(moved)
        reach = self._reach(samples, flops, moved)
        return Terms(self._overhead(samples, phase), arithmetic / reach, memory / reach)

    # --- what the samples say -------------------------------------------------------------------

    def _of(self, op: str, phase: str) -> Sequence[Sample]:
        """Samples of an operation, in this phase if there are any."""
        phases = (phase, "forward", "backward", "inference", "update")
        return next((self.samples[k] for p in phases if (k := f"{op} {p}") in self.samples), ())

    def _floor(self, flops: float, moved: float) -> float:
        """The seconds at the machine's limits."""
        return max(flops / self.flops, moved / self.speed(moved))

    def _overhead(self, samples: Sequence[Sample], phase: str) -> float:
        quick = [s.seconds for s in samples if self._floor(s.flops, s.moved) < QUICK * s.seconds]
        if quick:
            return fmean(quick) * self.overhead / self._known_overhead
        return self.overhead

    @cached_property
    def _known_overhead(self) -> float:
        return overhead_of(self.samples)

    def _reach(self, samples: Sequence[Sample], flops: float, moved: float) -> float:
        """The share of its limits that work of this kind and size comes to."""
        least = min((s.seconds for s in samples), default=0.0)
        found = []
        for s in samples:
            floor, rest = self._floor(s.flops, s.moved), s.seconds - least
            if floor > QUICK * least and rest > 0:
                found.append((_apart(s, flops, moved), min(MOST, floor / rest)))
        if not found:
            return 1.0
        found.sort()
        weights = [1 / (0.1 + apart) ** 2 for apart, _ in found[:NEAREST]]
        logs = [w * math.log(r) for w, (_, r) in zip(weights, found)]
        return math.exp(sum(logs) / sum(weights))


def overhead_of(samples: Mapping[str, Sequence[Sample]]) -> float:
    """Seconds of a call in the middle, of those that compute next to nothing."""
    return median([min(s.seconds for s in each) for each in samples.values()] or [1e-6])


def _apart(s: Sample, flops: float, moved: float) -> float:
    """How little alike two calls are: by size, and by operations for each byte."""
    size = math.log((s.moved + 1) / (moved + 1))
    density = math.log((s.flops / (s.moved + 1) + 1e-3) / (flops / (moved + 1) + 1e-3))
    return math.hypot(size, density)


@cache
def _here(threads: int) -> Machine:
    known, samples = limits(), measured("eager", calibrated, _read)
    counted = "1 thread" if threads == 1 else f"{threads} threads"
    return Machine(
        overhead_of(samples),
        known.flops,
        min(known.copied.values()),
        known.copied,
        samples,
        f"{processor()}, {counted}",
    )


def _read(found: Any) -> Mapping[str, Sequence[Sample]]:
    samples = {k: tuple(Sample(*map(float, s)) for s in each) for k, each in found.items()}
    if not all(each and min(s.seconds for s in each) > 0 for each in samples.values()):
        raise ValueError("these are no samples")
    return samples
