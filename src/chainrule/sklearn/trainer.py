"""A network with what trains it, and its step, recorded once for all networks of a kind (floor 5).

A search over parameters fits hundreds of networks that differ in their numbers alone: weights,
penalty, rates. All of these are arrays that a recorded step reads; so the step is kept, and the
next network of the kind lends it its numbers.

How a step is taken depends on what the job is, never on what was there before, so the same job
gives the same numbers: a long one goes on in machine code after some steps, a short one does not.
What NumPy replays comes to the last bit to what it replays.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from chainrule import nn, ops, optim
from chainrule.autograd import Generator, Tensor, from_numpy
from chainrule.backend.arrays import to_host
from chainrule.backend.devices import beside
from chainrule.backend.threads import get_num_threads
from chainrule.nn.place import place_of
from chainrule.ops import Array
from chainrule.plan.many import Table
from chainrule.sklearn.losses import Objective
from chainrule.train import Run
from chainrule.train.compiling.compiled import Compiled, compile
from chainrule.train.fitting.feed import Feed
from chainrule.train.fitting.step import Saving, TapeStep

__all__ = ["Step", "Trainer", "borrowed", "given_back"]

# Steps of each shape that every job takes as they are, in which a plan may come to be.
_EAGER = 4

# Jobs of fewer steps are not recorded; one that machine code saves more seconds is compiled.
_FEW, _WORTH = 12, 0.25

# Trainers that are kept, and the most numbers that the network of one may have.
_KEPT, _LARGE = 8, 500_000


class Trainer:
    """A network, its optimiser, and the step that they take.

    Args:
        model: the network.
        objective: what is made small.
        optimizer: makes the optimiser, of parameters.
        generator: what the network's chance is drawn from, if any.
        safe: whether nothing is in model and objective that a replay could leave out.
        keep_gradients: whether somebody looks at them.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        optimizer: Callable[[Any], optim.Optimizer],
        generator: Generator | None = None,
        safe: bool = True,
        keep_gradients: bool = False,
    ) -> None:
        self.model, self.objective, self.generator = model, objective, generator
        self.optimizer = optimizer(model.parameters())
        self.safe = safe
        self.taken = 0
        self._keep = keep_gradients
        self._penalised = [p for p in model.parameters() if p.ndim >= 2]
        dtype = self._penalised[0].array.dtype if self._penalised else np.float64
        self._alpha = from_numpy(np.zeros((), dtype)).to(place_of(model))
        self._plans: dict[tuple[str, int], Compiled] = {}
        self._savings: dict[Any, float] = {}

    def begin(self, model: nn.Module, alpha: float, seed: int, memory: Any = None) -> None:
        """Take over the numbers of a network, and what its optimiser remembered.

        Args:
            model: of the same kind.
            alpha: the strength of the penalty.
            seed: of its chance.
            memory: what `memory` returned; nothing is remembered by default.
        """
        if model is not self.model:
            copied(model, self.model)
        ops.assign(self._alpha.array, float(alpha))
        if self.generator is not None:
            self.generator.manual_seed(seed)
        for i, tensors in enumerate(self._states()):
            for name, tensor in tensors.items():
                before = 0.0 if memory is None else beside(memory[i][name], tensor.array)
                ops.assign(tensor.array, before)

    def memory(self) -> list[dict[str, Array]]:
        """Return what the optimiser remembers, in the processor's memory."""
        return [
            {k: np.array(to_host(t.array)) for k, t in tensors.items()}
            for tensors in self._states()
        ]

    def _states(self) -> list[dict[str, Tensor]]:
        found = []
        for group in self.optimizer.param_groups:
            for p in group["params"]:
                state = self.optimizer._state_of(p, group)
                found.append({k: v for k, v in state.items() if isinstance(v, Tensor)})
        return found

    def step(self, x: Tensor, packed: Tensor) -> Tensor:
        """Take a step as it is, and return the loss."""
        self.optimizer.zero_grad()
        loss = self.loss(x, packed)
        loss.backward()
        self.optimizer.step()
        return loss

    def loss(self, x: Tensor, packed: Tensor) -> Tensor:
        """Return what is made small, of a batch."""
        return self.objective(self.model(x), packed, self.penalty())

    def penalty(self) -> Any:
        """Return alpha |weights|^2 / 2; of intercepts there is none."""
        squares: Any = sum((w * w).sum() for w in self._penalised)
        return 0.5 * self._alpha * squares

    def plan(self, executor: str) -> Compiled:
        """Return the step, recorded, for one of the executors."""
        kind = executor, get_num_threads()  # how many share the work is laid down when compiling
        if kind not in self._plans:
            self._plans[kind] = compile(
                self.step, strict=False, keep_gradients=self._keep, executor=executor
            )
        return self._plans[kind]

    def saving(self, x: Tensor, packed: Tensor) -> tuple[float, Tensor]:
        """Take a step, and return the seconds that machine code would save of it, and the loss."""
        kind = (x.shape, packed.shape)
        if kind in self._savings:
            return self._savings[kind], self.step(x, packed)
        seen = Saving()
        with ops.watch(seen):
            loss = self.step(x, packed)
        self._savings[kind] = seen.saved
        return seen.saved, loss


class Step(TapeStep):
    """The step of a trainer, as `fit` takes it.

    Args:
        trainer: whose step it is.
        steps: how many there will be at most.
    """

    def __init__(self, trainer: Trainer, steps: int) -> None:
        super().__init__(None, False, False)
        self._trainer, self._steps = trainer, steps
        self._counts: dict[Any, int] = {}
        self._executor = ""

    def __call__(self, run: Run, x: Tensor, y: Tensor) -> tuple[float, Array]:
        """Take the step; in place of outputs, which nobody asks for, return the loss again."""
        loss = self._taken_as_due(x, y)
        self._trainer.taken += 1
        return loss.item(), loss.array

    def _taken_as_due(self, x: Tensor, y: Tensor) -> Tensor:
        trainer, kind = self._trainer, (x.shape, y.shape)
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if not self._executor:
            saved, loss = trainer.saving(x, y)
            self._executor = self._chosen(saved, loss.is_cuda)
            return loss
        if self._executor == "none":
            return trainer.step(x, y)
        plan = trainer.plan(self._executor)
        if self._executor == "auto" and count <= _EAGER and plan.recorded(x, y):
            return trainer.step(x, y)
        return plan(x, y)

    def _chosen(self, saved: float, on_gpu: bool) -> str:
        """How the steps of this job are taken."""
        if not self._trainer.safe or self._trainer.taken + self._steps < _FEW:
            return "none"
        if saved * self._steps > _WORTH:
            return "auto"
        return "none" if on_gpu else "numpy"  # NumPy replays what is on the processor

    def is_ready(self, run: Run, feed: Feed, first: int) -> bool:
        """Whether many steps can be taken at once."""
        shapes = feed.shapes
        return (
            self._executor == "auto"
            and self._counts.get(shapes, 0) >= _EAGER
            and self._trainer.plan("auto").is_ready(feed, first)
        )

    def at_once(
        self, feed: Feed, first: int, last: int, tables: Sequence[Table]
    ) -> tuple[list[float], Array, Callable[[], Any] | None]:
        """Take many steps in one call."""
        taken = self._trainer.plan("auto").at_once(feed, first, last, tables)
        assert taken is not None
        losses = taken.result.array
        self._trainer.taken += taken.steps
        return losses.reshape(taken.steps).tolist(), losses, taken.refuse


def copied(source: nn.Module, target: nn.Module) -> None:
    """Give one network the numbers of another of its kind, in place."""
    there = target.state_dict()
    for name, tensor in source.state_dict().items():
        ops.assign(there[name].array, tensor.array)


# --- trainers that are kept ---------------------------------------------------------------------

_idle: OrderedDict[Hashable, Trainer] = OrderedDict()
_lock = threading.Lock()


def borrowed(kind: Hashable, make: Callable[[], Trainer]) -> Trainer:
    """Return a trainer of a kind, one that is kept if there is one."""
    with _lock:
        kept = _idle.pop(kind, None)
    return make() if kept is None else kept


def given_back(kind: Hashable, trainer: Trainer) -> None:
    """Keep a trainer for the next network of its kind, unless it is large."""
    if sum(p.array.size for p in trainer.model.parameters()) > _LARGE:
        return
    with _lock:
        _idle[kind] = trainer
        while len(_idle) > _KEPT:
            _idle.popitem(last=False)
