"""Whose operations are being performed: modules, optimisers, the way back (floor 1).

While somebody listens at the door, a module or an optimiser that is called enters its call here and
leaves it at the end, and a walk back over a tape enters again, node by node, the calls in which the
nodes were made. So whoever watches an operation knows the layer that it belongs to, on both ways.
Where nobody listens nothing is entered.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, Literal, TypeAlias

from chainrule.ops.core import tell

__all__ = ["SCOPE", "Entry", "Phase", "enter", "phase_of"]

Phase: TypeAlias = Literal["forward", "backward", "update"]


class Entry:
    """One call of a module, an optimiser or a loss, from its begin to its end.

    Attributes:
        who: what was called; a module that is called twice enters twice.
        what: "module", "optimizer" or "loss".
        outer: the calls that this one is inside of, the outermost first.
    """

    def __init__(self, what: str, who: Any, outer: tuple[Entry, ...]) -> None:
        self.what, self.who, self.outer = what, who, outer

    @cached_property
    def path(self) -> str:
        """The name of the module called, as seen from the outermost, and its class, in words.

        As `"encoder.0 (Linear)"`; of a module that is in no other its class alone; of an optimiser
        `""`.

        Examples:
            >>> from chainrule import nn
            >>> net = nn.Sequential(nn.Linear(1, 1))
            >>> Entry("module", net[0], (Entry("module", net, ()),)).path
            '0 (Linear)'
        """
        kind = type(self.who).__name__ if self.what == "module" else ""
        for outer in (*self.outer, self):  # one that is made in a forward is in nobody
            if outer.what == self.what == "module":
                name = next((n for n, m in outer.who.named_modules() if m is self.who), None)
                if name is not None:
                    return f"{name} ({kind})" if name else kind
        return kind

    def leave(self) -> None:
        """End the call."""
        SCOPE.entries = self.outer


class _Scope(threading.local):
    """The calls under way in this thread.

    Attributes:
        entries: the outermost first.
        back: whether a walk back is under way.
    """

    entries: tuple[Entry, ...] = ()
    back: bool = False


SCOPE = _Scope()


def enter(what: str, who: Any) -> Entry:
    """Begin a call, and tell who listens of it.

    Args:
        what: "module", "optimizer" or "loss".
        who: what is called.
    """
    tell(what, who)
    entry = Entry(what, who, SCOPE.entries)
    SCOPE.entries = (*SCOPE.entries, entry)
    tell("begun", entry)
    return entry


def phase_of(entries: tuple[Entry, ...], back: bool) -> Phase:
    """Which part of a step it is that happens inside of `entries`."""
    if back:
        return "backward"
    return "update" if any(e.what == "optimizer" for e in entries) else "forward"
