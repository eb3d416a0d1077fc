"""Time cut into pieces: operations, the Python between them, compiled steps (floor 4).

Operations are seen at the one door. Where one begins, and where modules and optimisers do, is told
beside it; so is where a step is compiled and where it is replayed, which is one piece each: in a
replay the door sees nothing. The pieces follow one another without a gap, and what it takes to
watch lies in none of them.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from chainrule import ops
from chainrule.autograd.following import following
from chainrule.autograd.tape import owner
from chainrule.explain.runs.trace import Call, Watcher
from chainrule.ops import Array
from chainrule.ops.core import listen
from chainrule.ops.scope import SCOPE, Entry, Phase, phase_of
from chainrule.plan.program import Place
from chainrule.plan.record import user_place

__all__ = ["Alive", "Cutter", "Piece"]

Kind: TypeAlias = Literal["op", "python", "compile", "replay"]

# What is told where a piece that is whole begins and ends, and besides where one of Python ends.
_BEGIN = ("compiling", "replaying")
_END: dict[str, Kind] = {"compiled": "compile", "replayed": "replay"}
_HEARD = {*_BEGIN, *_END, "tensors", "begun", "left"}


@dataclass
class Piece:
    """A stretch of time.

    Attributes:
        kind: "op": one operation; "python": between operations; "compile": of a step that has been
            recorded; "replay": of a compiled one.
        start: seconds since the first piece began.
        seconds: how long it is.
        entries: the calls of modules, or of an optimiser, that it is inside of.
        phase: "forward", "backward" or "update"; of a compiled step it means nothing.
        place: the person's line; not known of Python.
        alive: bytes of results that there are when it ends.
        call: the operation.
        plan: what was replayed,
        steps: and how often.
    """

    kind: Kind
    start: float
    seconds: float
    entries: tuple[Entry, ...]
    phase: Phase
    place: Place | None = None
    alive: int = 0
    call: Call | None = None
    plan: Any = None
    steps: int = 1

    @property
    def end(self) -> float:
        """When it ends."""
        return self.start + self.seconds


class Alive:
    """The memory that results of operations lie in, as long as somebody holds them.

    Attributes:
        current: bytes of those that there are.
        peak: the most that there were at once.
    """

    def __init__(self) -> None:
        self.current = self.peak = 0
        self._held: dict[int, weakref.ref[Array]] = {}

    def add(self, array: Array) -> None:
        """Count in the memory of an array, unless it is counted."""
        memory = owner(array)
        key, size = id(memory), memory.nbytes
        if key in self._held:
            return

        def gone(reference: weakref.ref[Array]) -> None:
            if self._held.get(key) is reference:
                del self._held[key]
                self.current -= size

        self._held[key] = weakref.ref(memory, gone)
        self.current += size
        self.peak = max(self.peak, self.current)

    def forget(self) -> None:
        """Stop watching what is left."""
        self._held.clear()


class Cutter:
    """Cuts the time of this thread into pieces while `watching()`.

    Attributes:
        pieces: so far, each beginning where the one before ends.
        watched: seconds that watching took, which lie in no piece.
        alive: the memory of results.
    """

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.watched = 0.0
        self.alive = Alive()
        self._mark = 0.0  # when the latest piece ended, by the clock,
        self._clock = 0.0  # and without what watching took
        self._inside = 0  # so many steps of a replay, or of compiling
        self._thread = threading.get_ident()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Cut what happens inside the block."""
        with following(), listen(self._hear), ops.watch(Watcher(self._see)):
            self._mark = time.perf_counter()
            try:
                yield
            finally:
                self._python((), time.perf_counter())
                self.alive.forget()

    def _see(self, call: Call, y: Array, now: float) -> None:
        if self._inside or threading.get_ident() != self._thread:
            return
        if call.made:
            self.alive.add(y)
        self._cut("op", now, call.entries, call.phase, user_place(), call)
        self._go_on(now)

    def _hear(self, what: str, *things: Any) -> None:
        if what not in _HEARD or threading.get_ident() != self._thread:
            return
        now = time.perf_counter()
        if what in _BEGIN:
            self._python(SCOPE.entries, now)
            self._inside = things[1] if what == "replaying" else 1
        elif what in _END:
            self._cut(_END[what], now, SCOPE.entries, "forward", user_place())
            self.pieces[-1].plan = things[0] if things else None
            self.pieces[-1].steps = self._inside
            self._inside = 0
        elif not self._inside:
            self._python(things[0].outer if what == "begun" else SCOPE.entries, now)
        self._go_on(now)

    def _python(self, entries: tuple[Entry, ...], now: float) -> None:
        """Count what was nothing else, to the piece before if that is of the same calls."""
        phase = phase_of(entries, SCOPE.back)
        last = self.pieces[-1] if self.pieces else None
        if last and last.kind == "python" and (last.entries, last.phase) == (entries, phase):
            last.seconds += now - self._mark
            self._clock += now - self._mark
        else:
            self._cut("python", now, entries, phase)

    def _cut(
        self,
        kind: Kind,
        now: float,
        entries: tuple[Entry, ...],
        phase: Phase,
        place: Place | None = None,
        call: Call | None = None,
    ) -> None:
        start, seconds = self._clock, now - self._mark
        alive = self.alive.current
        self.pieces.append(Piece(kind, start, seconds, entries, phase, place, alive, call))
        self._clock += seconds

    def _go_on(self, now: float) -> None:
        """End the watching that began `now`."""
        self._mark = time.perf_counter()
        self.watched += self._mark - now
