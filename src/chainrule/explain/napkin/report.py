"""A prediction as figures, and its arithmetic line by line as text and as a table (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.explain.napkin.machine import Machine
from chainrule.explain.napkin.memory import Memory, bytes_text
from chainrule.explain.napkin.work import Work, bound_of, joined, shares
from chainrule.explain.telling.tables import Table
from chainrule.explain.telling.words import amount, seconds_text
from chainrule.picture import Markup, element

__all__ = ["Job", "Measured", "Napkin"]

SEEN = 0.01  # the share of a line's time below which a term is not told
LINES = 24  # of the arithmetic that `print` shows, the longest first to stay
PHASES = ("forward", "backward", "update")


@dataclass(frozen=True)
class Job:
    """What there is to do.

    Attributes:
        rows: in a step; `None` if its arguments have none.
        steps: in an epoch.
        epochs: in all.
        compiled: whether the step is replayed as machine code.
    """

    rows: int | None
    steps: int
    epochs: int
    compiled: bool


@dataclass(frozen=True)
class Measured:
    """What the clock says.

    Attributes:
        seconds: of a step, the least of several.
        memory: bytes, the most that were held during one.
    """

    seconds: float
    memory: int


class Napkin:
    """What a step, an epoch and a job should take; `print` shows the arithmetic.

    Attributes:
        machine: on which.
        works: what there is to do, line by line.
        memory: what is held, in bytes; `memory.total` is all of it.
        job: rows of a step, steps of an epoch, epochs.
        measured: what the clock says, if it was asked.
    """

    def __init__(
        self,
        machine: Machine,
        works: Sequence[Work],
        memory: Memory,
        job: Job,
        measured: Measured | None = None,
    ) -> None:
        self.machine, self.works, self.memory = machine, works, memory
        self.job, self.measured = job, measured

    @property
    def seconds(self) -> float:
        """What a step should take."""
        return sum(work.seconds for work in self.works)

    @property
    def epoch(self) -> float:
        """What an epoch should take, in seconds."""
        return self.seconds * self.job.steps

    @property
    def total(self) -> float:
        """What all epochs should take, in seconds."""
        return self.epoch * self.job.epochs

    @property
    def calls(self) -> int:
        """How many calls of operations, or parts, a step has."""
        return len(self.works)

    @property
    def bound(self) -> str:
        """What most of the time goes to: "overhead", "arithmetic" or "memory"."""
        return bound_of(self.works)

    @property
    def advice(self) -> str:
        """What would make it quicker, in a sentence."""
        if self.bound == "overhead":
            if self.job.compiled:
                return "Take many steps in one call (step.many), or more rows in each."
            return "Compile the step (chainrule.compile), or take more rows in each."
        if self.bound == "memory" and not self.job.compiled:
            return (
                "Compile the step (chainrule.compile): what one operation leaves, the next then "
                "finds in a register or the nearest cache."
            )
        if self.bound == "memory":
            return "Numbers are read oftener than they are used: take fewer or narrower ones."
        return (
            "The machine multiplies about as fast as it can: let more threads do it "
            "(chainrule.set_num_threads), or do less of it."
        )

    def by_layer(self) -> Table:
        """A table of the layers: seconds forward, backward and of the update, share and bound."""
        layers: dict[str, list[Work]] = {}
        for work in self.works:
            layers.setdefault(_named(work), []).append(work)
        clock = any(work.measured is not None for work in self.works)
        heads = ["layer", *PHASES, "share", "bound by", *(["predicted", "measured"] * clock)]
        rows = [self._layer(name, works, clock) for name, works in layers.items()]
        if len(layers) > 1:
            rows.append(self._layer("all", self.works, clock))
        return Table(heads, rows, frozenset({0, 5}))

    def _layer(self, name: str, works: Sequence[Work], clock: bool) -> list[str]:
        spent = [sum(w.seconds for w in works if w.phase == phase) for phase in PHASES]
        cells = [seconds_text(s) if s else "" for s in spent]
        share = f"{sum(spent) / (self.seconds or math.inf):.0%}"
        found = [name, *cells, share, bound_of(works)]
        if clock:
            found += [seconds_text(sum(spent)), seconds_text(sum(w.measured or 0 for w in works))]
        return found

    def arithmetic(self, most: int | None = None) -> Table:
        """The three terms of each line, with their numbers.

        Args:
            most: how many lines; of more those that take least are added up in one.
        """
        lines = joined(self.works)
        ranked = sorted(lines, key=lambda work: -work.seconds)
        shown = {id(work) for work in ranked[:most]}
        rest = [work for work in lines if id(work) not in shown]
        clock = any(work.measured is not None for work in lines)
        rows = [_row(work, clock) for work in lines if id(work) in shown]
        if rest:
            told = f"{len(rest)} shorter lines"
            cells = [seconds_text(sum(w.seconds for w in rest)), bound_of(rest)]
            clocks = [seconds_text(sum(w.measured or 0.0 for w in rest))] * clock
            rows.append(["", told, "", "", "", *cells, *clocks])
        heads = ["layer", "operation", "overhead", "arithmetic", "memory", "takes", "bound by"]
        return Table(heads + ["measured"] * clock, rows, frozenset({0, 1, 6}))

    def _sums(self) -> list[str]:
        """The totals, as lines."""
        spent, whole = shares(self.works), self.seconds or math.inf
        told = " + ".join(f"{k} {seconds_text(s)} ({s / whole:.0%})" for k, s in spent.items())
        lines = [f"a step    {told} = {seconds_text(self.seconds)}"]
        job = self.job
        if job.steps > 1:
            lines.append(
                f"an epoch  {job.steps:,} steps x {seconds_text(self.seconds)} = "
                f"{seconds_text(self.epoch)}"
            )
        if job.epochs > 1:
            lines.append(
                f"all       {job.epochs:,} epochs x {seconds_text(self.epoch)} = "
                f"{seconds_text(self.total)}"
            )
        lines.append(f"memory    {self.memory}")
        if self.measured:
            seconds, held = self.measured.seconds, self.measured.memory
            lines.append(
                f"measured  a step {seconds_text(seconds)}, predicted / measured "
                f"{self.seconds / seconds:.2f}; memory {bytes_text(held)}, predicted / measured "
                f"{self.memory.total / max(1, held):.2f}"
            )
        return [*lines, f"bound by {self.bound}. {self.advice}"]

    def _title(self) -> str:
        rows = f" of {self.job.rows} rows" if self.job.rows else ""
        way = ", compiled," if self.job.compiled else ""
        return f"A step{rows}{way} on {self.machine}"

    def __str__(self) -> str:
        tables = (self.arithmetic(LINES), self.by_layer())
        return "\n\n".join([self._title(), *map(str, tables), "\n".join(self._sums())])

    def __repr__(self) -> str:
        return (
            f"<a step {seconds_text(self.seconds)}, bound by {self.bound}; all "
            f"{seconds_text(self.total)}, {bytes_text(self.memory.total)}>"
        )

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> Markup:
        """All of it as an element, for a page."""
        return element(
            "div",
            element("p", self._title()),
            self.arithmetic(LINES).html(),
            self.by_layer().html(),
            *(element("p", line) for line in self._sums()),
        )


def _named(work: Work) -> str:
    """The layer that some work belongs to, or what else it is for."""
    if work.phase == "update":
        return "(optimizer)"
    return work.path or "(outside of modules)"


def _row(work: Work, clock: bool) -> list[str]:
    layer = f"{work.phase:<8}  {work.path}" if work.path else work.phase
    cells = [layer, work.what, _overhead(work), _arithmetic(work), _memory(work)]
    clocks = [seconds_text(work.measured or 0.0)] if clock else []
    return [*cells, seconds_text(work.seconds), work.bound, *clocks]


def _overhead(work: Work) -> str:
    seconds = work.terms.overhead
    if seconds <= SEEN * work.seconds:
        return ""
    return f"{work.calls:g} x {seconds_text(seconds / work.calls)}"


def _arithmetic(work: Work) -> str:
    """As `64 x 128 x 1,569 = 12.9 Mflop / 95 Gflop/s = 135 us`."""
    if work.terms.arithmetic <= SEEN * work.seconds:
        return ""
    factors = ""
    if work.out is not None:
        each = work.flops / work.calls / max(1, math.prod(work.out))
        many = [f"{work.calls:g} x"] if work.calls > 1 else []
        sizes = " x ".join(
            [*(f"{n:,}" for n in work.out), *([f"{each:,.4g}"] if each != 1 else [])]
        )
        factors = f"{' '.join([*many, sizes])} = " if sizes else ""
    seconds = work.terms.arithmetic
    return f"{factors}{_rate(work.flops, seconds, 'flop')} = {seconds_text(seconds)}"


def _memory(work: Work) -> str:
    """As `0.8 MB / 12 GB/s = 67 us + new pages 12 us`."""
    seconds, pages = work.terms.memory, work.terms.pages
    told = []
    if seconds > SEEN * work.seconds:
        told.append(f"{_rate(work.moved, seconds, 'B')} = {seconds_text(seconds)}")
    if pages > SEEN * work.seconds:
        told.append(f"new pages {seconds_text(pages)}")
    return " + ".join(told)


def _rate(count: float, seconds: float, unit: str) -> str:
    """So many, and how many a second."""
    return f"{_with(count, unit)} / {_with(count / max(seconds, 1e-15), unit)}/s"


def _with(count: float, unit: str) -> str:
    number, _, thousands = amount(count).partition(" ")
    return f"{number} {thousands}{unit}"
