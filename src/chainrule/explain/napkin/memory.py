"""What a step holds in memory, by what it is for (floor 4)."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.backend.arrays import is_gpu
from chainrule.errors import OptionError
from chainrule.explain.telling.words import amount
from chainrule.ops import Op, watch
from chainrule.ops.core import listen
from chainrule.ops.scope import SCOPE
from chainrule.plan.arrays import owner

__all__ = ["Memory", "Watch", "bytes_text", "watched"]


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they are for.

    Attributes:
        arguments: of the step: the rows of a batch.
        parameters: and buffers, of the modules that are called.
        optimizer: what optimisers remember.
        activations: results of the way forward that are there when the way back begins.
        gradients: of parameters, and results of the way back, at the moment when most is held; of
            inference the results of operations then.
        workspace: of a compiled step, in place of these two: where all that is made on the way is.
    """

    arguments: int
    parameters: int
    optimizer: int
    activations: int = 0
    gradients: int = 0
    workspace: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return sum(vars(self).values())

    @property
    def lasting(self) -> int:
        """What is there between two steps: all but what a step makes."""
        return self.arguments + self.parameters + self.optimizer

    def __str__(self) -> str:
        told = [f"{name} {bytes_text(count)}" for name, count in vars(self).items() if count]
        return f"{' + '.join(told)} = {bytes_text(self.total)}"


def bytes_text(count: float) -> str:
    """Return a number of bytes in three digits, by thousands, as speeds of memory are told.

    Examples:
        >>> bytes_text(12_300_000)
        '12.3 MB'
    """
    number, _, thousands = amount(count).partition(" ")
    return f"{number} {thousands}B"


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
        if is_gpu(y):
            raise OptionError(
                "napkin reckons with what this processor does in a second, and the step is on a "
                "GPU; move the model and its batch with .cpu()"
            )
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

    def memory(self, args: Sequence[Any], workspace: int | None = None) -> Memory:
        """What a step held; to be asked when it has been taken.

        Args:
            args: of the step.
            workspace: of a compiled step.
        """
        trained = [p for o in self.optimizers.values() for g in o.param_groups for p in g["params"]]
        called = [t for m in self.modules.values() for t in (*m.parameters(), *m.buffers())]
        states = (named for o in self.optimizers.values() for named in o.state.values())
        known = (
            sum(_size(a) for a in args),
            _held(t.array for t in (*called, *trained)),
            _held(getattr(v, "array", None) for named in states for v in named.values()),
        )
        if workspace is not None:
            return Memory(*known, workspace=workspace)
        forward = self.forward or 0
        return Memory(*known, activations=forward, gradients=self.most - forward)

    def forget_gradients(self) -> None:
        """Drop the gradients that the step has left, which the next would take for its own."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch what is made inside, and how long it lives."""
    found = Watch()
    with watch(found), listen(found.hear):
        yield found


def _held(arrays: Iterable[Any]) -> int:
    """The bytes of arrays, of those that share memory once."""
    owners = {id(owner(a)): owner(a).nbytes for a in arrays if isinstance(a, np.ndarray)}
    return sum(owners.values())


def _size(a: Any) -> int:
    if isinstance(a, (list, tuple)):
        return sum(map(_size, a))
    if isinstance(a, dict):
        return sum(map(_size, a.values()))
    array = getattr(a, "array", a)
    return array.nbytes if isinstance(array, np.ndarray) else 0
