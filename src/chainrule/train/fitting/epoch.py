"""The steps of an epoch, one by one or many in one call (floor 4).

Where data are arrays, the step is replayed as machine code and nobody has to see every step, all
that Python does is to hand over the order of the rows, some hundredths of a second at a time. The
numbers are those of single steps to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.autograd import Tensor, from_numpy
from chainrule.data import DataLoader, Subset, TensorDataset
from chainrule.ops import Array
from chainrule.optim import lr_scheduler
from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting.ahead import Ahead
from chainrule.train.fitting.feed import Feed
from chainrule.train.fitting.origin import origin_named
from chainrule.train.fitting.run import Run, Step
from chainrule.train.fitting.step import TapeStep

__all__ = ["Epoch", "sees_each_step", "tell"]

# Steps in the first call; seconds that a call is to take, and bytes that its outputs may.
_FIRST, _LONG, _ROOM = 8, 0.05, 2**25


def tell(run: Run, moment: str, callbacks: Sequence[Callback]) -> None:
    """Let all callbacks know."""
    for callback in callbacks:
        getattr(callback, moment)(run)


def sees_each_step(callbacks: Sequence[Callback]) -> bool:
    """Whether one of the callbacks has to be told of every step."""
    return any(c.each_step and type(c).on_step_end is not Callback.on_step_end for c in callbacks)


class AtHand(NamedTuple):
    """Tensors whose rows a loader gives.

    Attributes:
        tensors: the tensors.
        which: of each sample of the data set, the number of its row.
    """

    tensors: tuple[Tensor, ...]
    which: Array


class Epoch:
    """What is done in each epoch.

    Args:
        run: whose figures the steps add to.
        loader: the data.
        callbacks: told after a step, or after several.
        schedule: called after each step, if there is one.
        step: takes a step.
    """

    def __init__(
        self,
        run: Run,
        loader: DataLoader,
        callbacks: Sequence[Callback],
        schedule: Any,
        step: Step,
    ) -> None:
        self.run, self.loader, self.callbacks = run, loader, callbacks
        self.schedule, self.step = schedule, step
        self._data = None if sees_each_step(callbacks) else _at_hand(loader)
        self._turn = _FIRST

    def take_steps(self) -> None:
        """Take the steps of an epoch."""
        if not isinstance(self.step, TapeStep) or not self._data or not _is_ours(self.schedule):
            for x, y in self.loader:
                self._one(x, y)
            return
        tensors, which = self._data
        order, size = which[self.loader.order()], self.loader.batch_size or 1
        whole = len(order) // size * size
        if whole:
            self._batches(self.step, tensors, order[:whole].reshape(-1, size))
        if whole < len(order) and not self.loader.drop_last:
            rest = order[whole:]
            x, y = (from_numpy(t.array[rest]) for t in tensors)
            self._one(x, y, rest)

    def _one(self, x: Tensor, y: Tensor, rows: Array | None = None) -> None:
        with origin_named(self.run, lambda: (x, y), rows):
            loss, outputs = self.step(self.run, x, y)
            self.run.count(loss, outputs, y.array)
        if self.schedule is not None:
            self.schedule.step()
        tell(self.run, "on_step_end", self.callbacks)

    def _batches(self, step: TapeStep, tensors: tuple[Tensor, ...], rows: Array) -> None:
        feed, done = Feed(tensors, {}, rows, None), 0
        while done < feed.steps:
            if step.is_ready(self.run, feed, done):
                done += self._many(step, feed, done, (tensors[1].array, rows))
            else:
                x, y = feed.at(done)[0]
                self._one(x, y, rows[done])
                done += 1

    def _many(self, step: TapeStep, feed: Feed, first: int, targets: tuple[Array, Array]) -> int:
        """Take many steps in one call, and return how many."""
        ahead = Ahead(self.run.optimizer, self.schedule, min(self._turn, feed.steps - first))
        begun, last = time.perf_counter(), first + ahead.steps
        done = 0
        try:
            losses, outputs, refuse = step.at_once(feed, first, last, ahead.tables)
            done = len(losses)
        finally:
            ahead.finish(done)
        self._turn = self._next_turn(time.perf_counter() - begun, outputs.nbytes // max(done, 1))
        all_of_them, rows = targets
        self.run.count_many(losses, outputs, all_of_them[rows[first : first + done]])
        if refuse is not None:
            failed = first + done
            with origin_named(self.run, lambda: feed.at(failed)[0], rows[failed]):
                refuse()
        tell(self.run, "on_step_end", self.callbacks)
        return done

    def _next_turn(self, seconds: float, size: int) -> int:
        """How many steps the next call takes, after one of so many seconds and bytes a step."""
        turn = self._turn * 2 if seconds < _LONG else self._turn
        turn = self._turn // 2 if seconds > 4 * _LONG else turn
        return max(1, min(turn, _ROOM // max(size, 1)))


def _at_hand(loader: DataLoader) -> AtHand | None:
    """The tensors whose rows a loader would give, if it is as simple as that."""
    if type(loader) is not DataLoader or not loader.gathers_rows:
        return None
    data: Any = loader.dataset
    which = np.arange(len(data))
    while type(data) is Subset:
        data, which = data.dataset, data.indices[which]
    if type(data) is not TensorDataset:
        return None
    good = all(t.array.flags.c_contiguous and not t.needs_grad for t in data.tensors)
    return AtHand(data.tensors, which) if good else None


def _is_ours(schedule: Any) -> bool:
    """Whether a schedule looks at nothing but how often it was called."""
    if schedule is None:
        return True
    known = isinstance(schedule, lr_scheduler.LRScheduler)
    return known and type(schedule).__module__.startswith("chainrule.")
