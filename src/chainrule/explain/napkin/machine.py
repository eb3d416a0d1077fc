"""A machine in three numbers, and how near to them each kind of work comes (floor 4).

Seconds of a call are `overhead + max(flops / peak, bytes / bandwidth) / reach`. The reach is a
measured share: a large product of matrices comes near the peak, an exponential does not, and what
lies in a cache is had sooner than from memory. It is looked up among samples of calls of the same
operation, of which those weigh most that are alike in size and in operations for each byte.
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
from chainrule.explain.napkin.calibration import TINY, calibrated
from chainrule.explain.napkin.pages import Pages
from chainrule.explain.words import amount, seconds_text
from chainrule.ops import REGISTRY
from chainrule.plan.costs import limits
from chainrule.plan.machine import measured, processor

__all__ = ["Load", "Machine", "Sample", "Speeds", "Terms"]

MOST = 30.0  # a reach above that is the noise of a tiny call
NEAR = 2**20  # bytes of a step that stay in a near cache in any case
SEEN = 0.3  # the share of a call's time that is work, if that is to be seen in it
NEAREST = 3  # samples that are asked
NO_PAGES = Pages(0.0, 0.0)
SHARED = 500_000  # operations of a part of machine code that threads share


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
        pages: and the pages among them that are new to the process.
    """

    flops: float
    moved: float
    out: float
    step: float
    calls: float
    made: float = 0
    pages: float = 0

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


def _log_ratio(a: float, b: float) -> float:
    return math.log((a + 1) / (b + 1))


class Sample(NamedTuple):
    """A call that was timed: what it had to do, and the least seconds that it took."""

    load: Load
    seconds: float


class Terms(NamedTuple):
    """The three terms of a call, in seconds; arithmetic and memory overlap.

    Attributes:
        overhead: before anything is computed.
        arithmetic: operations.
        memory: bytes to and from memory,
        pages: and those for which the system had to find a page first.
    """

    overhead: float
    arithmetic: float
    memory: float
    pages: float = 0.0

    @property
    def seconds(self) -> float:
        """What the call takes."""
        return self.overhead + max(self.arithmetic, self.memory) + self.pages


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
        pages: what memory costs that is new to the process.
        basis: `flops` and `bandwidth` when the samples were timed; as they are by default.
        threads: that share the work; `flops` is what they do together.
        name: in words.

    Examples:
        >>> given = Machine(overhead=1e-6, flops=1e12, bandwidth=1e11)
        >>> given.terms("exp", "forward", Load(1e6, 8e6, 1e6, 8e6, 1))
        Terms(overhead=1e-06, arithmetic=1e-06, memory=8e-05, pages=0.0)
    """

    overhead: float
    flops: float
    bandwidth: float
    near: Mapping[int, float] = field(default_factory=dict)
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    pages: Pages = NO_PAGES
    basis: tuple[float, float] | None = None
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
            basis=self.basis or (self.flops, self.bandwidth),
            name=f"{self.name}, changed",
        )

    def __str__(self) -> str:
        return (
            f"{self.name}: {seconds_text(self.overhead)} a call, {amount(self.flops)}flop/s, "
            f"{amount(self.bandwidth)}B/s"
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
        # A call that computes next to nothing does it beside its overhead.
        most = self._far(load) / (self._least(load) or 1.0) or 1.0
        reach = most if max(load[:2]) < TINY else min(most, self._reach(op, samples, load))
        new = self.pages.seconds(load.pages, load.made)
        return Terms(
            self._overhead(samples, load),
            load.flops / self.flops / reach,
            load.moved / self.bandwidth / reach,
            new,
        )

    def beginning(self, phase: str, load: Load) -> float:
        """Seconds that pass before the first call of a phase, beside its own."""
        return self._overhead(self.samples.get(f"begin {phase}", ()), load, otherwise=0.0)

    # --- what the samples say -------------------------------------------------------------------

    def _of(self, op: str, phase: str) -> Sequence[Sample]:
        """Samples of an operation, in this phase if there are any; else of all of its kind."""
        phases = (phase, "forward", "backward", "inference", "update")
        found = next((self.samples[k] for p in phases if (k := f"{op} {p}") in self.samples), ())
        return found or self._of_kind.get(REGISTRY[op].kind, ())

    @cached_property
    def _of_kind(self) -> Mapping[str, Sequence[Sample]]:
        found: dict[str, list[Sample]] = {}
        for key, samples in self.samples.items():
            op = key.partition(" ")[0]
            if op in REGISTRY:
                found.setdefault(REGISTRY[op].kind, []).extend(samples)
        return found

    def _far(self, load: Load, basis: tuple[float, float] | None = None) -> float:
        """The seconds at the machine's three numbers: with all that is moved in memory."""
        flops, bandwidth = basis or (self.flops, self.bandwidth)
        return max(load.flops / flops, load.moved / bandwidth)

    def _least(self, load: Load) -> float:
        """The seconds that it takes at the least: with what is moved in the nearest cache."""
        return max(load.flops / self.flops, load.moved / self.speed(load.moved))

    def _overhead(
        self, samples: Sequence[Sample], load: Load, otherwise: float | None = None
    ) -> float:
        """What a call costs as such: as those did that computed next to nothing."""
        if not samples:
            return self.overhead if otherwise is None else otherwise
        tiny = [s for s in samples if max(s.load[:2]) < TINY]
        least = min(samples, key=lambda s: s.seconds)
        near = [(s.load.elsewhere(load), s.seconds) for s in tiny or [least]]
        weights = [1 / (0.2 + apart) ** 2 for apart, _ in near]
        found = sum(w * seconds for w, (_, seconds) in zip(weights, near)) / sum(weights)
        return found * self.overhead / self._known_overhead

    @cached_property
    def _known_overhead(self) -> float:
        return overhead_of(self.samples)

    def _reach(self, op: str, samples: Sequence[Sample], load: Load) -> float:
        """The share of the machine's limits that work of this kind and size comes to.

        It is above 1 where a cache is nearer than memory.
        """
        found = []
        for s in samples:
            rest = s.seconds - self._overhead(samples, s.load)
            if max(s.load[:2]) >= TINY and rest > SEEN * s.seconds:
                found.append((s.load.apart(load), min(MOST, self._far(s.load, self.basis) / rest)))
        if not found:
            kind = self._of_kind.get(REGISTRY[op].kind, ())
            return 1.0 if samples is kind else self._reach(op, kind, load)
        found.sort()
        weights = [1 / (0.1 + apart) ** 2 for apart, _ in found[:NEAREST]]
        logs = [w * math.log(r) for w, (_, r) in zip(weights, found)]
        return math.exp(sum(logs) / sum(weights))


def overhead_of(samples: Mapping[str, Sequence[Sample]]) -> float:
    """Seconds of a call in the middle, of those that compute next to nothing."""
    return median([min(s.seconds for s in each) for each in samples.values()] or [1e-6])


@cache
def _here(threads: int) -> Machine:
    known, (pages, samples) = limits(), measured("eager", calibrated, _read)
    counted = "1 thread" if threads == 1 else f"{threads} threads"
    return Machine(
        overhead_of(samples),
        known.flops,
        min(known.copied.values()),
        known.copied,
        samples,
        pages,
        threads=threads,
        name=f"{processor()}, {counted}",
    )


def _read(found: Any) -> tuple[Pages, Mapping[str, Sequence[Sample]]]:
    samples = {
        key: tuple(Sample(Load(*map(float, s[:-1])), float(s[-1])) for s in each)
        for key, each in found["calls"].items()
    }
    if not all(each and min(s.seconds for s in each) >= 0 for each in samples.values()):
        raise ValueError("these are no samples")
    return Pages(*map(float, found["pages"])), samples
