"""One run of a network, forward and back, of which nothing is left behind (floor 4).

It is made on copies of the model and of its arguments, and the default generator goes on from where
it was. What comes of it: the trace, and the memory that the tape kept for the way back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.autograd import Tensor, backward, enable_grad, from_numpy, ones_like
from chainrule.autograd.following import made_in
from chainrule.autograd.tape import Node, owner, reachable
from chainrule.errors import OptionError, kind_of
from chainrule.explain.runs.trace import Trace, trace
from chainrule.nn import Module, UninitializedParameter
from chainrule.ops import Array
from chainrule.ops.scope import Entry, enter
from chainrule.random import fork_rng

__all__ = ["Kept", "Rehearsal"]


class Kept(NamedTuple):
    """Memory that the tape keeps for the way back.

    Attributes:
        entries: the calls of modules in which it was first kept.
        size: in bytes.
    """

    entries: tuple[Entry, ...]
    size: int


class Rehearsal:
    """A model and its arguments, copied, to be run as often as wanted.

    Args:
        model: is left as it is, and so is all that it is made of; a compiled one too.
        args: of the model; arrays and tensors, and whatever else it takes.
        loss: takes what the model returns, gives one number; the way back is that of the sum of all
            results without one.

    Attributes:
        model: the copy, in the mode of the model.
        kept: what the tape kept in the latest run, each memory once, in the order of the run;
            without that of parameters, buffers and arguments, which are there anyway.

    Raises:
        OptionError: `model` is no module.
    """

    def __init__(
        self, model: Any, args: Sequence[Any], loss: Callable[[Any], Tensor] | None = None
    ) -> None:
        if not isinstance(model, Module):
            model = getattr(model, "function", model)  # of which a compiled one was made
        if not isinstance(model, Module):
            raise OptionError(f"a module is taken apart layer by layer, got {kind_of(model)}")
        self.model: Module = copy.deepcopy(model)
        self.model.zero_grad()
        self.kept: list[Kept] = []
        self._args, self._loss = args, copy.deepcopy(loss)

    def run(self) -> Trace:
        """Run it once; an error ends the run and is in the trace.

        Layers that have no weights yet get them in a run before: this is one like any other.
        """
        if any(isinstance(p, UninitializedParameter) for p in self.model.parameters()):
            first = self._run()
            if first.error is not None:
                return first
        return self._run()

    def _run(self) -> Trace:
        with fork_rng(), enable_grad():
            args = [_copied(a) for a in self._args]
            return trace(self._forward_and_back, *args, catch=(Exception,))

    def _forward_and_back(self, *args: Any) -> Any:
        y = self.model(*args)
        results = _with_history(y if self._loss is None else self._lost(y))
        there = (*self.model.parameters(), *self.model.buffers(), *args)
        self.kept = list(_kept_by(results, [a.array for a in there if isinstance(a, Tensor)]))
        if results:
            backward(results, [ones_like(r) for r in results])
        self.model.zero_grad()
        return y

    def _lost(self, y: Any) -> Any:
        """The loss, inside of a call of its own."""
        assert self._loss is not None
        entry = enter("loss", self._loss)
        try:
            found = self._loss(y)
        finally:
            entry.leave()
        if not isinstance(found, Tensor) or found.numel() != 1:
            came = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else kind_of(found)
            raise OptionError(f"the loss must return a tensor of one number, got {came}")
        return found


def _copied(a: Any) -> Any:
    """An argument, as a tensor if it is an array, in memory of its own."""
    if isinstance(a, np.ndarray):
        return from_numpy(a.copy())
    if isinstance(a, Tensor):
        return a.detach().clone().requires_grad_(a.requires_grad)
    return copy.deepcopy(a)


def _with_history(y: Any) -> list[Tensor]:
    """The tensors in a result that a way back begins at."""
    if isinstance(y, Tensor):
        return [y] if y.requires_grad and y.node is not None else []
    parts = y.values() if isinstance(y, dict) else y if isinstance(y, (tuple, list)) else ()
    return [t for part in parts for t in _with_history(part)]


def _kept_by(results: Sequence[Tensor], there: Sequence[Array]) -> Iterator[Kept]:
    known = {id(owner(a)) for a in there}
    for node in reachable([r.node for r in results if r.node is not None]):
        for array in _read_by(node):
            memory = owner(array)
            if id(memory) not in known:
                known.add(id(memory))
                yield Kept(made_in(node), memory.nbytes)


def _read_by(node: Node) -> list[Array]:
    """The arrays that the rules of a node will read."""
    return [a for a in (*(node.xs or ()), node.y) if isinstance(a, np.ndarray)]
