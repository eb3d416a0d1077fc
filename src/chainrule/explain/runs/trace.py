"""One run of a function, call by call: what every explanation begins from (floor 4).

A trace is a list of the operations that went through the door, each with its shapes, the module it
belongs to and whether it was on the way forward, back or in an optimiser. It keeps no arrays. Who
wants formulas, costs or times has them from the op's record, and from nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.following import following
from chainrule.backend.arrays import as_array
from chainrule.ops import Array, Op, Shape
from chainrule.ops.core import Cost, listen
from chainrule.ops.scope import SCOPE, Entry, Phase, phase_of
from chainrule.plan.arrays import is_array

__all__ = ["Call", "Layer", "Trace", "Watcher", "trace"]


@dataclass(frozen=True)
class Call:
    """One operation that was performed.

    Attributes:
        op: its record in the table.
        shapes: of its arguments; `()` for a number, `None` for what was left out.
        attrs: its static attributes.
        out: the shape of the result.
        dtype: of the result.
        made: bytes of memory taken for the result; 0 for a view or a change in place.
        entries: the calls of modules, or of an optimiser, that it was inside of; on the way back
            those that it leads back through.
        phase: "forward", "backward" or "update".
        seconds: since the call before, Python around it included.
    """

    op: Op
    shapes: tuple[Shape | None, ...]
    attrs: Mapping[str, Any]
    out: Shape
    dtype: np.dtype[Any]
    made: int
    entries: tuple[Entry, ...]
    phase: Phase
    seconds: float

    @property
    def cost(self) -> Cost:
        """Floating-point operations, and elements read and written, by the op's own account."""
        shapes: list[Any] = list(self.shapes)
        return self.op.cost(*shapes, **self.attrs)

    @property
    def path(self) -> str:
        """The module that it belongs to, as `"encoder.0 (Linear)"`, or `""`."""
        return self.entries[-1].path if self.entries else ""


@dataclass(frozen=True)
class Layer:
    """One call of a module, from begin to end.

    Attributes:
        entry: the call; `entry.who` is the module.
        shape: of what it returned; of several results a list, of none `None`.
        calls: how many operations had been performed when it began, and when it ended.
    """

    entry: Entry
    shape: Any
    calls: tuple[int, int]


@dataclass
class Trace:
    """What a run did.

    Attributes:
        calls: the operations in order.
        layers: the calls of modules that came to an end, in the order of their ends.
        begun: how many operations had been performed when each call of a module began, in order.
        result: what the function returned; `None` if it failed.
        error: what it raised, if it was let through.
    """

    calls: list[Call] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    begun: dict[Entry, int] = field(default_factory=dict)
    result: Any = None
    error: Exception | None = None


def trace(
    function: Callable[..., Any], *args: Any, catch: tuple[type[Exception], ...] = (), **kwargs: Any
) -> Trace:
    """Run a function once and return what it did; what it changes is changed.

    Args:
        function: forward, or a whole step with `backward()` and the `step()` of an optimiser.
        args: its arguments.
        catch: errors that end the trace and are kept in it, rather than raised.
        kwargs: further arguments.

    Examples:
        >>> from chainrule import nn
        >>> from chainrule.autograd import ones
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        >>> seen = trace(lambda x: net(x).sum().backward(), ones(4, 3))
        >>> [(call.op.name, call.path) for call in seen.calls if call.phase == "forward"][:2]
        [('linear', '0 (Linear)'), ('relu', '1 (ReLU)')]
        >>> [layer.shape for layer in seen.layers]
        [(4, 2), (4, 2), (4, 2)]
    """
    found = Trace()
    tracer = _Tracer(found)
    watcher = Watcher(tracer.add)
    try:
        with following(), listen(tracer.hear), ops.watch(watcher):
            watcher.last = time.perf_counter()
            found.result = function(*args, **kwargs)
    except catch as error:
        found.error = error
    return found


class Watcher:
    """Makes a `Call` of every operation that is performed, and hands it on.

    Args:
        sink: is given the call, the array that came of it, and when it ended, by
            `time.perf_counter`. What it takes is not counted.

    Attributes:
        last: when watching the operation before ended.
    """

    def __init__(self, sink: Callable[[Call, Array, float], None]) -> None:
        self.sink = sink
        self.last = time.perf_counter()

    def __call__(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        now = time.perf_counter()
        y = as_array(y)
        shared = op.kind in ("view", "update") and any(
            is_array(a) and np.may_share_memory(a, y) for a in args[:1]
        )
        call = Call(
            op,
            tuple(None if a is None else np.shape(a) for a in args),
            dict(attrs),
            y.shape,
            y.dtype,
            0 if shared else y.nbytes,
            SCOPE.entries,
            phase_of(SCOPE.entries, SCOPE.back),
            now - self.last,
        )
        self.sink(call, y, now)
        self.last = time.perf_counter()


class _Tracer:
    def __init__(self, found: Trace) -> None:
        self.found = found

    def add(self, call: Call, _y: Array, _now: float) -> None:
        self.found.calls.append(call)

    def hear(self, what: str, *things: Any) -> None:
        if what == "begun":
            self.found.begun[things[0]] = len(self.found.calls)
        elif what == "left":
            entry, y = things
            begun = self.found.begun.get(entry, 0)
            self.found.layers.append(Layer(entry, shape_of(y), (begun, len(self.found.calls))))


def shape_of(y: Any) -> Any:
    """The shape of what a module returned: of several things the list of their shapes."""
    if isinstance(y, (tuple, list)):
        return [shape_of(part) for part in y]
    if isinstance(y, dict):
        return {name: shape_of(part) for name, part in y.items()}
    shape = getattr(y, "shape", None)
    return None if shape is None else tuple(shape)
