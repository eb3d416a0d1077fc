"""What one run did, as a person would write it: units of operations and their values (floor 4).

A watcher at the door hears every operation with its arrays. Operations inside a composite, which
nothing announces at the door, are found by Python's own hook for profilers: it sees the calls of
functions, and a composite is a function that `ops.COMPOSITES` knows. A unit is a composite called
from outside of any other, or an operation outside of all.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.ops import COMPOSITES, Array, Op
from chainrule.ops.core import listen
from chainrule.ops.scope import SCOPE, Entry

__all__ = ["Call", "Recording", "Unit", "array_of", "record"]


@dataclass(eq=False)
class Call:
    """One operation that was performed: the op, its arguments and attributes, and the result."""

    op: Op
    args: tuple[Any, ...]
    attrs: Mapping[str, Any]
    y: Array


@dataclass(eq=False)
class Unit:
    """One operation or composite as a person wrote it.

    Attributes:
        called: the composite's name; "" for an operation by itself.
        given: the arguments of the composite, by name.
        entries: the calls of modules that it was inside of.
        calls: the operations that it consists of, in order.
        first: the id of the composite's result, or of the first of several.
    """

    called: str
    given: dict[str, Any]
    entries: tuple[Entry, ...]
    calls: list[Call] = field(default_factory=list)
    first: int = 0

    @property
    def path(self) -> str:
        """The module that it belongs to, as "0 (Linear)", or ""."""
        return self.entries[-1].path if self.entries else ""


@dataclass(eq=False)
class Recording:
    """A run.

    Attributes:
        units: in order.
        result: what the function returned.
        returned: the arrays that calls of modules returned, by id.
        later: for an array that an operation gave back as its result, that array and the one that
            stands for the result, by the id of the first.
    """

    units: list[Unit] = field(default_factory=list)
    result: Any = None
    returned: dict[int, Array] = field(default_factory=dict)
    later: dict[int, tuple[Array, Array]] = field(default_factory=dict)

    def now(self, thing: Any) -> Any:
        """What stands for an array, or whatever else it is, at this point of the run."""
        return self.later[id(thing)][1] if id(thing) in self.later else thing


def array_of(thing: Any) -> Any:
    """The array inside a tensor, or the thing itself."""
    return getattr(thing, "array", thing)


def record(function: Callable[..., Any], *args: Any) -> Recording:
    """Run a function once and return what it did.

    Args:
        function: of tensors.
        args: its arguments.

    Examples:
        >>> from chainrule.autograd import ones
        >>> from chainrule import nn
        >>> run = record(lambda x: nn.functional.softmax(x * 2.0, -1), ones(2, 3))
        >>> [unit.called or unit.calls[0].op.name for unit in run.units]
        ['mul', 'softmax']
    """
    found = Recording()
    watching = _Watching(found)
    with listen(watching.hear), ops.watch(watching.note), watching.composites():
        found.result = function(*args)
    found.units = [unit for unit in found.units if unit.calls]
    return found


class _Watching:
    def __init__(self, found: Recording) -> None:
        self.found = found
        self.open: list[Any] = []  # the composites that are under way
        self.unit: Unit | None = None

    def note(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        same = isinstance(y, np.ndarray) and any(y is a for a in args)
        if op.kind == "update" or (same and op.kind == "view"):
            return
        args = [self.found.now(a) for a in args]
        if same:  # another value in the same memory, which has to be told from the first
            self.found.later[id(y)] = (y, y.view())
            y = self.found.now(y)
        unit = self.unit
        if unit is None:
            unit = Unit("", {}, SCOPE.entries)
            self.found.units.append(unit)
        unit.calls.append(Call(op, tuple(args), dict(attrs), np.asarray(y)))

    def hear(self, what: str, *things: Any) -> None:
        if what == "left" and isinstance(array_of(things[1]), np.ndarray):
            y = self.found.now(array_of(things[1]))
            self.found.returned[id(y)] = y

    @contextmanager
    def composites(self) -> Iterator[None]:
        """See the calls of composites."""
        names = {inspect.unwrap(f).__code__: name for name, f in COMPOSITES.items()}

        def seen(frame: Any, event: str, returned: Any) -> None:
            if event == "call" and frame.f_code in names:
                self._begin(names[frame.f_code], frame)
            elif event == "return" and self.open and self.open[-1] is frame:
                self._end(returned)

        before = sys.getprofile()
        sys.setprofile(seen)
        try:
            yield
        finally:
            _give_back(before)

    def _begin(self, name: str, frame: Any) -> None:
        given = dict(frame.f_locals)
        if self.open or not _plain(given):
            return
        given = {word: self.found.now(array_of(thing)) for word, thing in given.items()}
        self.open.append(frame)
        self.unit = Unit(name, given, SCOPE.entries)
        self.found.units.append(self.unit)

    def _end(self, returned: Any) -> None:
        while isinstance(returned, tuple) and returned:
            returned = returned[0]
        if self.unit is not None:
            self.unit.first = id(self.found.now(array_of(returned)))
        self.open.pop()
        self.unit = None


def _give_back(profiler: Any) -> None:
    """Let the profiler that was at work before go on; one in C is told to, and not set."""
    sys.setprofile(None)
    if hasattr(profiler, "enable"):
        profiler.enable()
    else:
        sys.setprofile(profiler)


def _plain(given: Mapping[str, Any]) -> bool:
    """Whether arguments are values and settings, and none is a list of values."""
    lists = [v for v in given.values() if isinstance(v, (list, tuple))]
    return not any(isinstance(array_of(a), np.ndarray) for v in lists for a in v)
