"""Where the time and the memory of whatever is run go: by operation, module and line (floor 4).

A `profile` watches a person's own program, as it is. It knows pieces of time, and adds them up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from chainrule.errors import OptionError, chosen
from chainrule.explain.profiling.pieces import Cutter, Piece
from chainrule.explain.profiling.tracefile import trace_file
from chainrule.explain.telling.tables import Table
from chainrule.explain.telling.words import seconds_text, size_text
from chainrule.files import replace_text
from chainrule.plan.costs import Part

__all__ = ["Spent", "profile"]

_PARTS = 3  # of a compiled step, named below a table
_SHARES = {
    "op": "operations",
    "python": "Python between them",
    "compile": "compiling",
    "replay": "compiled steps",
}


@dataclass
class Spent:
    """One line of a table: what all pieces of one name took.

    Attributes:
        name: of an operation, a module or a line.
        calls: how many pieces, or steps of a compiled one.
        seconds: of all of them,
        forward: of those on the way forward,
        backward: on the way back,
        update: and in optimisers; the pieces of a compiled step are not told apart.
        made: bytes of results.
    """

    name: str
    calls: int = 0
    seconds: float = 0.0
    forward: float = 0.0
    backward: float = 0.0
    update: float = 0.0
    made: int = 0

    def add(self, piece: Piece) -> None:
        """Count a piece in."""
        self.calls += piece.steps if piece.kind != "python" else 0
        self.seconds += piece.seconds
        if piece.kind in ("op", "python"):
            setattr(self, piece.phase, getattr(self, piece.phase) + piece.seconds)
        self.made += piece.call.made if piece.call else 0


class profile:  # noqa: N801  # PyTorch's name
    """Watch what is run inside of `with profile() as p:`, and say where time and memory go.

    Every operation is seen with its module and the line of yours that it comes from, on the way
    forward, back and in optimisers. What lies between operations is Python: yours, and that of
    modules. On the way back and in optimisers it is counted with the operation that follows. A
    compiled step that is replayed is one block, and so is what it takes to compile it; the step's
    own `profile(...)` looks inside.

    Only the thread that opens the block is watched. The time that watching takes is left out, but
    an operation still takes a microsecond or two more than unwatched.

    Memory is that of results of operations, from when they are made until nobody holds them; what
    an operation needs inside of itself is not seen, and neither are parameters, which are there
    before.

    Attributes:
        pieces: of the time, in order.

    Examples:
        >>> from chainrule import nn
        >>> from chainrule.autograd import ones
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> with profile() as p:
        ...     loss = net(ones(8, 3)).sum()
        ...     loss.backward()
        >>> by_op = {row.name: row for row in p.rows("op")}
        >>> by_op["linear"].calls, by_op["linear"].made
        (2, 192)
        >>> sorted(row.name for row in p.rows("module"))[:3]
        ['(no module)', '0 (Linear)', '1 (ReLU)']
        >>> p.peak > 0, 0 < p.seconds
        (True, True)
    """

    def __init__(self) -> None:
        self._cutter = Cutter()
        self._stack = ExitStack()
        self._entered = False

    def __enter__(self) -> Self:
        if self._entered:
            raise OptionError("a profile is of one block; make another, with profile() as p:")
        self._entered = True
        self._cutter = Cutter()
        self._stack.enter_context(self._cutter.watching())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def pieces(self) -> Sequence[Piece]:
        """The pieces of the time, in order."""
        return self._cutter.pieces

    @property
    def seconds(self) -> float:
        """How long the block took, without watching."""
        return sum(piece.seconds for piece in self.pieces)

    @property
    def watched(self) -> float:
        """The seconds that watching took, which are not counted."""
        return self._cutter.watched

    @property
    def peak(self) -> int:
        """The most bytes of results that there were at once."""
        return self._cutter.alive.peak

    @property
    def current(self) -> int:
        """The bytes of results that there were at the end, or are by now."""
        return self._cutter.alive.current

    def rows(self, by: str = "op") -> list[Spent]:
        """What was spent, the most first: `name`, `calls`, `seconds`, `made`, and seconds by phase.

        Args:
            by: "op", "module" (what it does itself, outside of the modules in it) or "line".

        Raises:
            OptionError: there is no such table.
        """
        name = chosen("table", by, _NAMES)
        found: dict[str, Spent] = {}
        for piece in self.pieces:
            key = name(piece)
            found.setdefault(key, Spent(key)).add(piece)
        return sorted(found.values(), key=lambda row: -row.seconds)

    def table(self, by: str = "op") -> Table:
        """The same as a table, which prints itself and which notebooks show.

        Args:
            by: as for `rows`.

        Raises:
            OptionError: there is no such table.
        """
        rows, whole = self.rows(by), self.seconds
        cells = [
            [
                row.name,
                f"{row.calls:,}" if row.calls else "",
                seconds_text(row.seconds),
                f"{row.seconds / whole:.1%}" if whole else "",
                *(seconds_text(s) if s else "" for s in (row.forward, row.backward, row.update)),
                size_text(row.made) if row.made else "",
            ]
            for row in rows
        ]
        heads = [by, "calls", "time", "share", "forward", "backward", "update", "made"]
        return Table(heads, cells, notes=self._notes())

    def by_module(self) -> Table:
        """The table by module."""
        return self.table("module")

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table().html()

    def _notes(self) -> list[str]:
        whole = self.seconds
        told = [
            f"{sum(seconds) / whole:.1%} {word}"
            for kind, word in _SHARES.items()
            if (seconds := [p.seconds for p in self.pieces if p.kind == kind]) and whole
        ]
        made = sum(p.call.made for p in self.pieces if p.call)
        return [
            f"{seconds_text(whole)} in all: {', '.join(told)}",
            f"{seconds_text(self.watched)} besides went to watching",
            f"results of operations: {size_text(made)} made, at most {size_text(self.peak)} at "
            f"once, {size_text(self.current)} left",
            *self._of_compiled(),
        ]

    def _of_compiled(self) -> list[str]:
        """What there is to say of the compiled step that took longest."""
        spent: dict[int, float] = {}
        replays = [piece for piece in self.pieces if piece.kind == "replay"]
        for piece in replays:
            spent[id(piece.plan)] = spent.get(id(piece.plan), 0.0) + piece.seconds
        if not replays:
            return []
        plan = max(replays, key=lambda piece: spent[id(piece.plan)]).plan
        parts: list[Part] = sorted(plan.parts, key=lambda part: -part.predicted)
        return [
            f"a compiled step is one block, of {len(parts)} parts in {size_text(plan.bytes)}; "
            "step.profile(...) measures them; by prediction the longest are:",
            *(f"  {part}" for part in parts[:_PARTS]),
        ]

    def export_chrome_trace(self, path: str | Path) -> None:
        """Write a file that browsers' trace viewers show on a time line.

        `chrome://tracing`, ui.perfetto.dev and speedscope.app open it. Phases contain modules,
        modules contain modules and operations; below runs the memory of results.

        Args:
            path: of the file, such as "trace.json".

        Raises:
            OSError: it cannot be written.
        """
        replace_text(path, trace_file(self.pieces))


# --- names --------------------------------------------------------------------------------------


_OTHERS = {"python": "(Python)", "compile": "(compiling)", "replay": "(compiled step)"}


def _op(piece: Piece) -> str:
    return piece.call.op.name if piece.call else _OTHERS[piece.kind]


def _module(piece: Piece) -> str:
    if piece.kind in ("compile", "replay"):
        return _OTHERS[piece.kind]
    if not piece.entries:
        return "(no module)"
    last = piece.entries[-1]
    return last.path or type(last.who).__name__


def _line(piece: Piece) -> str:
    return str(piece.place) if piece.place else _OTHERS["python"]


_NAMES: dict[str, Callable[[Piece], str]] = {"op": _op, "module": _module, "line": _line}
