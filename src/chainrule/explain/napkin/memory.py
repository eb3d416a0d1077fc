"""What a step holds in memory, by what it is for (floor 4)."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.ops import Array, Op, watch
from chainrule.ops.core import listen
from chainrule.ops.scope import SCOPE
from chainrule.plan.record import owner

__all__ = ["Memory", "Watch", "watched"]


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they are for.

    Attributes:
        arguments: of the step: the rows of a batch.
        parameters: and buffers of the modules that are called.
        gradients: one for each parameter that is trained.
        optimizer: what optimisers remember.
        activations: results of the way forward that are kept for the way back.
        temporaries: the most that is there beside all this at one moment.
    """

    arguments: int
    parameters: int
    gradients: int
    optimizer: int
    activations: int
    temporaries: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(vars(self).values())


class Watch:
    """How much of what operations have made is alive, from moment to moment.

    Attributes:
        alive: bytes now.
        most: the most that there were.
        forward: the bytes that were alive when the way back began.
    """

    def __init__(self) -> None:
        self.alive = self.most = 0
        self.forward: int | None = None
        self.modules: dict[int, Any] = {}
        self.optimizers: dict[int, Any] = {}
        self._known: set[int] = set()

    def __call__(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        if SCOPE.back and self.forward is None:
            self.forward = self.alive
        whole = owner(np.asarray(y))
        given = any(isinstance(a, np.ndarray) and owner(a) is whole for a in args)
        if given or id(whole) in self._known:
            return
        self._known.add(id(whole))
        self.alive += whole.nbytes
        self.most = max(self.most, self.alive)
        weakref.finalize(whole, self._gone, id(whole), whole.nbytes)

    def _gone(self, key: int, nbytes: int) -> None:
        self._known.discard(key)
        self.alive -= nbytes

    def hear(self, what: str, *things: Any) -> None:
        """Hear of modules and optimisers that are called."""
        if what == "module":
            self.modules[id(things[0])] = things[0]
        elif what == "optimizer":
            self.optimizers[id(things[0])] = things[0]

    def memory(self, args: Sequence[Any]) -> Memory:
        """What a step held; to be asked when it has been taken."""
        kept = _distinct(
            t.array for m in self.modules.values() for t in (*m.parameters(), *m.buffers())
        )
        trained = [p for o in self.optimizers.values() for g in o.param_groups for p in g["params"]]
        kept |= _distinct(p.array for p in trained)
        gradients = sum(p.array.nbytes for p in trained if p.grad is not None)
        remembered = _distinct(
            getattr(v, "array", None)
            for o in self.optimizers.values()
            for named in o.state.values()
            for v in named.values()
        )
        activations = self.forward or 0
        beside = max(0, self.most - activations - gradients)
        return Memory(
            sum(_size(a) for a in args),
            sum(kept.values()),
            gradients,
            sum(remembered.values()),
            activations,
            beside,
        )


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch what is made inside, and how long it lives."""
    found = Watch()
    with watch(found), listen(found.hear):
        yield found


def _distinct(arrays: Any) -> dict[int, int]:
    """Bytes by memory, each memory once."""
    found: dict[int, int] = {}
    for array in arrays:
        if isinstance(array, np.ndarray):
            whole: Array = owner(array)
            found[id(whole)] = whole.nbytes
    return found


def _size(a: Any) -> int:
    if isinstance(a, (list, tuple)):
        return sum(map(_size, a))
    if isinstance(a, dict):
        return sum(map(_size, a.values()))
    array = getattr(a, "array", a)
    return array.nbytes if isinstance(array, np.ndarray) else 0
