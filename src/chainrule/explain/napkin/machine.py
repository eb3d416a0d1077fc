"""A machine in three numbers, and how near to them each kind of work comes (floor 4).

Seconds of a call are `overhead + max(flops / peak, bytes / bandwidth) / reach`. The reach is a
measured share: a large product of matrices comes near the peak, an exponential does not. It is
looked up among samples of calls of the same operation, of which those weigh most that are alike in
size and in operations for each byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from chainrule.backend.threads import get_num_threads
from chainrule.explain.napkin.calibration import calibrated
from chainrule.plan.costs import limits
from chainrule.plan.machine import measured, processor

__all__ = ["Load", "Machine", "Sample", "Speeds", "Terms"]

MOST = 4.0  # a reach above that is the noise of a tiny call
NEAREST = 3  # samples that are asked
SHARED = 500_000  # operations of a part of machine code that threads share
TINY = 3e-7  # seconds of work besides which a call is overhead alone


class Load(NamedTuple):
    """What a call has to do, and beside how much else.

    Attributes:
        flops: floating-point operations.
        moved: bytes that it reads and writes.
        out: numbers that it gives.
        step: bytes that all calls of the step move; what does not stay in a cache between two calls
            makes them slower.
    """

    flops: float
    moved: float
    out: float
    step: float

    def apart(self, other: Load) -> float:
        """How little alike two calls are, in size above all."""
        density = (self.flops / (self.moved + 1) + 1e-3) / (other.flops / (other.moved + 1) + 1e-3)
        return math.hypot(
            _log_ratio(self.moved, other.moved),
            math.log(density),
            0.5 * _log_ratio(self.out, other.out),
            0.25 * _log_ratio(self.step, other.step),
        )


def _log_ratio(a: float, b: float) -> float:
    return math.log((a + 1) / (b + 1))


class Sample(NamedTuple):
    """A call that was timed: what it had to do, and the least seconds that it took."""

    load: Load
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


class Speeds(NamedTuple):
    """What a compiled step costs beside its products and the memory that it moves.

    Attributes:
        call: seconds of a call from Python,
        part: more for each part,
        state: for each array that is changed,
        check: and for each argument whose numbers are looked at.
        bends: floating-point operations a second outside of products.
    """

    call: float
    part: float
    state: float
    check: float
    bends: float

    def call_of(self, parts: int, states: int, checks: int) -> float:
        """Seconds of a call with so much to look after."""
        return self.call + parts * self.part + states * self.state + checks * self.check


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
            many are, which a cache may hold; between two sizes it goes evenly.
        samples: by operation and phase, calls that were timed here.
        threads: that share the work; `flops` is what they do together.
        name: in words.

    Examples:
        >>> given = Machine(overhead=1e-6, flops=1e12, bandwidth=1e11)
        >>> given.terms("exp", "forward", Load(1e6, 8e6, 1e6, 0))
        Terms(overhead=1e-06, arithmetic=1e-06, memory=8e-05)
    """

    overhead: float
    flops: float
    bandwidth: float
    near: Mapping[int, float] = field(default_factory=dict)
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    threads: int = 1
    name: str = "a machine"

    @classmethod
    def here(cls) -> Machine:
        """This machine with as many threads as are allowed: measured once, then kept on disk."""
        return _here(get_num_threads())

    def but(
        self,
        overhead: float | None = None,
        flops: float | None = None,
        bandwidth: float | None = None,
    ) -> Machine:
        """The same with other numbers, as well used.

        Examples:
            >>> Machine(1e-6, 1e11, 1e10).but(bandwidth=2e10).bandwidth
            20000000000.0
        """
        bandwidth = bandwidth or self.bandwidth
        near = {size: bandwidth / self.bandwidth * speed for size, speed in self.near.items()}
        return replace(
            self,
            overhead=self.overhead if overhead is None else overhead,
            flops=flops or self.flops,
            bandwidth=bandwidth,
            near=near,
            name=f"{self.name}, changed",
        )

    def __str__(self) -> str:
        return (
            f"{self.name}: {1e6 * self.overhead:.2g} us a call, {self.flops / 1e9:.3g} Gflop/s, "
            f"{self.bandwidth / 1e9:.3g} GB/s"
        )

    def speed(self, moved: float) -> float:
        """Bytes a second where so many are moved."""
        if not self.near:
            return self.bandwidth
        sizes, speeds = [*self.near], [math.log(speed) for speed in self.near.values()]
        return math.exp(float(np.interp(math.log(moved + 1), np.log(sizes), speeds)))

    def compiled(self, measure: Callable[[], Speeds]) -> Speeds:
        """What compiled steps cost besides: at the limits, or as `measure` finds it here."""
        if not self.samples:
            return Speeds(self.overhead, 0.0, 0.0, 0.0, self.flops)
        found, share = measure(), self.overhead / self._known_overhead
        return Speeds(
            share * found.call,
            share * found.part,
            share * found.state,
            share * found.check,
            found.bends * self.flops / limits().flops,
        )

    def arithmetic(self, products: float, bends: float, speeds: Speeds) -> float:
        """Seconds for operations of machine code, in products and outside, on one thread or all."""
        seconds = products / self.flops + bends / speeds.bends
        return seconds if products + bends >= SHARED else seconds * self.threads

    def terms(self, op: str, phase: str, load: Load) -> Terms:
        """The three terms of a call of an operation.

        Args:
            op: its name.
            phase: "forward", "backward", "update", or "inference" for forward without a tape.
            load: what it has to do.
        """
        samples = self._of(op, phase)
        reach = self._reach(samples, load)
        memory = load.moved / self.speed(load.moved)
        overhead = self._overhead(samples, load)
        return Terms(overhead, load.flops / self.flops / reach, memory / reach)

    # --- what the samples say -------------------------------------------------------------------

    def _of(self, op: str, phase: str) -> Sequence[Sample]:
        """Samples of an operation, in this phase if there are any."""
        phases = (phase, "forward", "backward", "inference", "update")
        return next((self.samples[k] for p in phases if (k := f"{op} {p}") in self.samples), ())

    def _floor(self, load: Load) -> float:
        """The seconds at the machine's limits."""
        return max(load.flops / self.flops, load.moved / self.speed(load.moved))

    def _overhead(self, samples: Sequence[Sample], load: Load) -> float:
        """What a call costs as such: as those did that computed next to nothing."""
        if not samples:
            return self.overhead
        tiny = [s for s in samples if self._floor(s.load) < TINY]
        least = min(samples, key=lambda s: s.seconds)
        near = [(abs(_log_ratio(s.load.step, load.step)), s.seconds) for s in tiny or [least]]
        weights = [1 / (0.1 + apart) for apart, _ in near]
        found = sum(w * seconds for w, (_, seconds) in zip(weights, near)) / sum(weights)
        return found * self.overhead / self._known_overhead

    @cached_property
    def _known_overhead(self) -> float:
        return overhead_of(self.samples)

    def _reach(self, samples: Sequence[Sample], load: Load) -> float:
        """The share of its limits that work of this kind and size comes to."""
        found = []
        for s in samples:
            floor, rest = self._floor(s.load), s.seconds - self._overhead(samples, s.load)
            if floor > TINY and rest > 0:
                found.append((s.load.apart(load), min(MOST, floor / rest)))
        if not found:
            return 1.0
        found.sort()
        weights = [1 / (0.1 + apart) ** 2 for apart, _ in found[:NEAREST]]
        logs = [w * math.log(r) for w, (_, r) in zip(weights, found)]
        return math.exp(sum(logs) / sum(weights))


def overhead_of(samples: Mapping[str, Sequence[Sample]]) -> float:
    """Seconds of a call in the middle, of those that compute next to nothing."""
    return median([min(s.seconds for s in each) for each in samples.values()] or [1e-6])


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
        threads,
        f"{processor()}, {counted}",
    )


def _read(found: Any) -> Mapping[str, Sequence[Sample]]:
    samples = {
        key: tuple(Sample(Load(*map(float, s[:-1])), float(s[-1])) for s in each)
        for key, each in found.items()
    }
    if not all(each and min(s.seconds for s in each) > 0 for each in samples.values()):
        raise ValueError("these are no samples")
    return samples
