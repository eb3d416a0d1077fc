"""A machine in three numbers, and how near to them each kind of work comes (floor 4).

Seconds of a call are `overhead + max(flops / peak, bytes / bandwidth) / reach`. The reach is a
measured share: a large product of matrices comes near the peak, an exponential does not, and what
lies in a cache is had sooner than from memory.
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
from chainrule.errors import OptionError
from chainrule.explain.napkin.calibration import calibrated
from chainrule.explain.napkin.pages import Pages
from chainrule.explain.napkin.samples import Known, Load, Sample
from chainrule.explain.telling.words import amount, seconds_text
from chainrule.ops import REGISTRY
from chainrule.plan.costs import limits
from chainrule.plan.machine import forget, is_kept, measured, processor

__all__ = ["Machine", "Speeds", "Terms"]

NO_PAGES = Pages(0.0, 0.0)
SLOWEST = 1.0  # operations, or bytes, a second
SHARED = 500_000  # operations of a part of machine code that threads share
PHASES = ("forward", "backward", "inference", "update")


class Terms(NamedTuple):
    """The three terms of a call, in seconds.

    Attributes:
        overhead: before anything is computed.
        arithmetic: operations.
        memory: bytes to and from memory,
        pages: and those for which the system had to find a page first.
        overlap: whether arithmetic and memory go on at the same time, so that the longer counts.
    """

    overhead: float
    arithmetic: float
    memory: float
    pages: float = 0.0
    overlap: bool = True

    @property
    def work(self) -> float:
        """Arithmetic and memory together."""
        both = self.arithmetic, self.memory
        return max(both) if self.overlap else sum(both)

    @property
    def seconds(self) -> float:
        """What the call takes."""
        return self.overhead + self.work + self.pages


class Speeds(NamedTuple):
    """What a compiled step costs beside its products and the memory that it moves.

    Attributes:
        call: seconds of a call from Python,
        part: more for each part,
        state: for each array that is changed,
        check: and for each argument whose numbers are looked at.
        bends: floating-point operations a second outside of products, on one thread.
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

    Raises:
        OptionError: one of the three numbers is none that a machine has.

    Examples:
        >>> given = Machine(overhead=1e-6, flops=1e12, bandwidth=1e11)
        >>> given.terms("exp", "forward", Load(1e6, 8e6, 1e6, 8e6, 1))
        Terms(overhead=1e-06, arithmetic=1e-06, memory=8e-05, pages=0.0, overlap=True)
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

    def __post_init__(self) -> None:
        for name, least in (("overhead", 0.0), ("flops", SLOWEST), ("bandwidth", SLOWEST)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise OptionError(
                    f"{name} of a machine is a finite number of at least {least:g}, got {value}"
                )

    @classmethod
    def here(cls, anew: bool = False) -> Machine:
        """This machine with as many threads as are allowed.

        It is measured once, which takes some seconds, and kept in the user's cache.

        Args:
            anew: measure it again: it was busy, or has changed.
        """
        if anew:
            forget()
            limits(anew=True)
            _here.cache_clear()
        return _here(get_num_threads())

    @staticmethod
    def is_known() -> bool:
        """Whether this machine was measured before, so that `here` takes no time."""
        return all(map(is_kept, ("limits", "eager", "compiled")))

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
        found, share = measure(), self.overhead / self._usual
        return Speeds(
            share * found.call,
            share * found.part,
            share * found.state,
            share * found.check,
            found.bends * self.flops / limits().flops,
        )

    def arithmetic(self, products: float, bends: float, speeds: Speeds, alone: bool) -> float:
        """Seconds for operations of machine code.

        Args:
            products: operations in products,
            bends: and outside.
            speeds: of machine code.
            alone: one thread does it by itself, as it does where there is little to do.
        """
        seconds = products / self.flops + bends / speeds.bends / self.threads
        return seconds * self.threads if alone or products + bends < SHARED else seconds

    def terms(self, op: str, phase: str, load: Load) -> Terms:
        """The three terms of a call of an operation.

        Args:
            op: its name.
            phase: "forward", "backward", "update", or "inference" for forward without a tape.
            load: what it has to do.
        """
        known, kind = self._of(op, phase), self._by_name.get(REGISTRY[op].kind)
        found = [k for k in (known, kind) if k is not None]
        overhead = next((k.overhead(load) for k in found), None)
        # What lies in the nearest cache is not had sooner than that; and a call that computes next
        # to nothing does it beside its overhead.
        most = self._at_limits(load)
        reaches = (reach for k in found if (reach := k.reach(load)) is not None)
        reach = most if load.is_tiny else min(most, next(reaches, 1.0))
        return Terms(
            self._scaled(overhead),
            load.flops * load.width / 4 / self.flops / reach,
            load.moved / self.bandwidth / reach,
            self.pages.seconds(load.pages, load.made),
        )

    def beginning(self, phase: str, load: Load) -> float:
        """Seconds that pass before the first call of a phase, beside its own."""
        known = self._by_name.get(f"begin {phase}")
        return self._scaled(known.overhead(load)) if known else 0.0

    # --- what the samples say -------------------------------------------------------------------

    def _of(self, op: str, phase: str) -> Known | None:
        """What is known of an operation, in this phase if possible."""
        keys = (f"{op} {p}" for p in (phase, *PHASES))
        return next((self._by_name[key] for key in keys if key in self._by_name), None)

    @cached_property
    def _by_name(self) -> Mapping[str, Known]:
        """What is known by operation and phase, and by kind of operation."""
        kinds: dict[str, list[Sample]] = {}
        for key, samples in self.samples.items():
            op = key.partition(" ")[0]
            if op in REGISTRY:
                kinds.setdefault(REGISTRY[op].kind, []).extend(samples)
        basis = self.basis or (self.flops, self.bandwidth)
        return {key: Known(each, *basis) for key, each in (*kinds.items(), *self.samples.items())}

    def _at_limits(self, load: Load) -> float:
        """The reach of what is as quick as can be."""
        far = load.seconds(self.flops, self.bandwidth)
        return far / load.seconds(self.flops, self.speed(load.moved)) if far else 1.0

    def _scaled(self, overhead: float | None) -> float:
        """An overhead that was measured here, on this machine."""
        return self.overhead if overhead is None else overhead * self.overhead / self._usual

    @cached_property
    def _usual(self) -> float:
        return overhead_of(self.samples)


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
