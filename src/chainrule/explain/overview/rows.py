"""From one run of a network to a row for each call of a module in it (floor 4).

Knows the trace, the modules, and what the tape kept; prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.explain.runs.rehearsal import Kept
from chainrule.explain.runs.trace import Call, Trace
from chainrule.nn import Module, Parameter, UninitializedParameter
from chainrule.ops.scope import Entry, Phase

__all__ = ["FAILED", "Row", "parameters_of", "rows_of"]

FAILED = "fails here"


@dataclass
class Row:
    """One line of a summary: a call of a module, with all that is inside of it.

    Attributes:
        path: of the module as seen from the model, and its class: `"encoder.0 (Linear)"`.
        depth: how many calls it is inside of.
        shape: of what it returned; of several results a list.
        parameters: numbers in it that no row above, of another module, has counted.
        shared: numbers in it that one has.
        kept: bytes that it keeps for the way back.
        calls: the operations performed in it, on both ways.
        measured: seconds of these, if they were measured.
        own: whether these are only what a `forward` does besides calling modules.
    """

    path: str
    depth: int = 0
    shape: Any = None
    parameters: int = 0
    shared: int = 0
    kept: int = 0
    calls: list[Call] = field(default_factory=list, repr=False)
    measured: float | None = None
    own: bool = False

    @property
    def forward(self) -> float:
        """Multiply-adds on the way forward: half of its floating-point operations."""
        return self._work("forward")

    @property
    def backward(self) -> float:
        """Multiply-adds on the way back."""
        return self._work("backward")

    def _work(self, phase: Phase) -> float:
        return sum(call.cost.flops for call in self.calls if call.phase == phase) / 2

    def add(self, call: Call, seconds: float | None) -> None:
        """Count an operation in."""
        self.calls.append(call)
        if seconds is not None:
            self.measured = (self.measured or 0.0) + seconds


@dataclass
class _Branch:
    """The call of a module, with the rows for all of it and for what it does itself."""

    entry: Entry
    whole: Row
    rest: Row
    inner: list[_Branch] = field(default_factory=list)


def rows_of(
    model: Module, seen: Trace, kept: Sequence[Kept], seconds: Sequence[float] | None
) -> list[Row]:
    """Return a row for each call of a module in a run of `model`, the calling one first.

    What a `forward` does besides calling modules has a row after theirs, and the loss one at the
    end.

    Args:
        model: that was run.
        seen: of the run.
        kept: for the way back.
        seconds: of each operation, if they were measured.
    """
    branches = _branches(seen)
    loss = Row("loss")
    times: Sequence[float | None] = seconds or [None] * len(seen.calls)
    for call, time in zip(seen.calls, times):
        for row in _rows_for(call.entries, branches, loss):
            row.add(call, time)
    for memory in kept:
        for row in _rows_for(memory.entries, branches, loss):
            row.kept += memory.size
    if not branches:
        return [Row(type(model).__name__, shape=FAILED)]
    root = next(iter(branches.values()))
    _count(root, set())
    return [*_listed(root), *([loss] if _tells(loss) else [])]


def _branches(seen: Trace) -> dict[Entry, _Branch]:
    """A branch for each call on the way forward: those that begin before the outermost ends."""
    shapes = {layer.entry: layer.shape for layer in seen.layers}
    begun = [entry for entry in seen.begun if entry.what == "module"]
    if not begun:
        return {}
    root, ends = begun[0], [layer.entry for layer in seen.layers]
    inside = set(ends[: ends.index(root) + 1]) if root in shapes else set(begun)
    innermost = None if root in shapes else [e for e in begun if e not in shapes][-1]
    found: dict[Entry, _Branch] = {}
    for entry in begun:
        if entry not in inside:
            continue
        shape = FAILED if entry is innermost else shapes.get(entry)
        outer = [found[e] for e in entry.outer if e in found]
        row = Row(entry.path, len(outer), shape)
        rest = Row("", len(outer) + 1, own=True)
        found[entry] = _Branch(entry, row, rest)
        if outer:
            outer[-1].inner.append(found[entry])
    return found


def _rows_for(entries: Sequence[Entry], branches: dict[Entry, _Branch], loss: Row) -> Iterator[Row]:
    """The rows that count what is done inside of these calls."""
    known = [branches[entry] for entry in entries if entry in branches]
    if known:
        yield from (branch.whole for branch in known)
        yield known[-1].rest
    elif entries and entries[0].what == "loss":
        yield loss


def _count(branch: _Branch, seen: set[int]) -> set[int]:
    """Count parameters into the rows of a branch; returns the ids of all that are counted."""
    mine = {id(p): p.numel() for p in parameters_of(branch.entry.who)}
    new = mine.keys() - seen
    branch.whole.parameters = sum(mine[i] for i in new)
    branch.whole.shared = sum(mine.values()) - branch.whole.parameters
    counted = set(seen)
    for inner in branch.inner:
        counted |= _count(inner, counted)
    return seen | mine.keys()


def parameters_of(module: Module) -> list[Parameter]:
    """The parameters of a module that have numbers already."""
    return [p for p in module.parameters() if not isinstance(p, UninitializedParameter)]


def _listed(branch: _Branch) -> Iterator[Row]:
    yield branch.whole
    for inner in branch.inner:
        yield from _listed(inner)
    if branch.inner and _tells(branch.rest):
        names = dict.fromkeys(c.op.name for c in branch.rest.calls if c.phase == "forward")
        branch.rest.path = ", ".join(names)
        yield branch.rest


def _tells(row: Row) -> bool:
    """Whether there is anything in a row: work, or memory."""
    return bool(row.kept or row.forward or row.backward)
