"""The steps of an epoch, one by one or many in one call (floor 4).

Where data are arrays, the step is replayed as machine code and nobody has to see every step, all
that Python does is to hand over the order of the rows, some hundredths of a second at a time. The
numbers are those of single steps to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.autograd import Tensor, from_numpy
from chainrule.backend.devices import CPU
from chainrule.data import DataLoader, Subset, TensorDataset
from chainrule.data.onto import on_device
from chainrule.nn.place import place_of
from chainrule.ops import Array
from chainrule.optim import lr_scheduler
from chainrule.train.callbacks.callback import Callback
from chainrule.train.checkpointing.chance import Chance
from chainrule.train.fitting.ahead import Ahead
from chainrule.train.fitting.augment import Augment, augmented, augmented_part
from chainrule.train.fitting.crew import Crew
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
        augment: changes each batch of x before the step, if it is to be so.

    Attributes:
        chance: the generators that the run draws from, if it is to be saved.
        within: whether an epoch has begun and not ended.
    """

    def __init__(
        self,
        run: Run,
        loader: DataLoader,
        callbacks: Sequence[Callback],
        schedule: Any,
        step: Step,
        augment: Augment | None = None,
    ) -> None:
        self.run, self.loader, self.callbacks = run, loader, callbacks
        self.schedule, self.step, self.augment = schedule, step, augment
        self.chance: Chance | None = None
        self.within = False
        self._done, self._resumed = 0, False
        self._first: dict[str, Any] = {}
        one_by_one = augment is not None or (sees_each_step(callbacks) and run.crew is None)
        self._where = place_of(run.model)
        self._data = None if one_by_one or self._where is not CPU else _at_hand(loader)
        self._turn = _FIRST

    def start(self) -> None:
        """Let the first step come, now that the callbacks are ready."""
        if isinstance(self.step, TapeStep):
            self.step.start()

    def begin(self) -> None:
        """Begin an epoch."""
        self.within, self._done = True, 0
        self._first = {"loader": self.loader.state_dict()} if self.chance else {}
        if self.chance:
            self._first["chance"] = self.chance.state()

    def end(self) -> None:
        """End it, when all that belongs to it is done."""
        self.within = False

    def take_steps(self) -> None:
        """Take the steps of an epoch; of one that has been resumed, those that are left."""
        if self.run.crew is not None:
            self._with_others(self.run.crew)
            return
        if not isinstance(self.step, TapeStep) or not self._data or not _is_ours(self.schedule):
            for x, y in self._batches_left():
                self._one(x, y)
                if self.run.halted:
                    return
            return
        tensors, which = self._data
        order, size = which[self._order()], self.loader.batch_size or 1
        whole = len(order) // size * size
        if whole > self._done * size:
            self._batches(self.step, tensors, order[:whole].reshape(-1, size))
        left = whole < len(order) and self._done * size <= whole and not self.run.halted
        if left and not self.loader.drop_last:
            rest = order[whole:]
            x, y = (from_numpy(t.array[rest]) for t in tensors)
            self._one(x, y, rest)

    def _with_others(self, crew: Crew) -> None:
        """Take the steps of an epoch on several ranks, this one's rows of each batch."""
        for x, y, rows, n, part in self._parts(crew):
            crew.step(self.run, partial(self._own_step, x, y, rows), n, part)
            if self.schedule is not None:
                self.schedule.step()
            self._done += 1
            if crew.is_due() or self._done == len(self.loader):
                crew.settle(self.run)
                tell(self.run, "on_step_end", self.callbacks)
                crew.agree(self.run)
            if self.run.halted:
                break
        crew.end_epoch()

    def _parts(self, crew: Crew) -> Iterator[tuple[Any, Any, Array | None, int, float]]:
        """This rank's part of each batch that is left.

        Beside it are its rows in the data, how many all have, and the part of its own in the loss.
        """
        loss = self.run.loss
        if self._data is None:
            for x, y in self._batches_left():
                own, targets = crew.own_part((x, y), len(y))
                if self.augment is not None:  # as in one process: outside of a rank's own chance
                    own = augmented_part(self.augment, x, crew.place(len(y)))
                yield own, targets, None, len(y), crew.part_in(loss, y)
            return
        tensors, which = self._data
        order, size = which[self._order()], self.loader.batch_size or 1
        end = len(order) // size * size if self.loader.drop_last else len(order)
        for i in range(self._done * size, end, size):
            batch = order[i : i + size]
            rows = crew.own(batch)
            part = crew.part_in(loss, from_numpy(tensors[1].array[batch]))
            x, y = (from_numpy(t.array[rows]) for t in tensors)
            yield x, y, rows, len(batch), part

    def _own_step(self, x: Tensor, y: Tensor, rows: Array | None) -> tuple[float, Array, Array]:
        """Take this rank's part in a step; returns loss, outputs and targets."""
        with origin_named(self.run, lambda: (x, y), rows):
            return *self.step(self.run, x, y), y.array

    def _order(self) -> Array:
        """The order of the samples; in an epoch that has been resumed, as it was drawn then."""
        with self._as_it_began():
            return self.loader.order()

    def _batches_left(self) -> Iterator[Any]:
        """The batches of an epoch without those of which steps have been taken."""
        with self._as_it_began() as is_resumed:
            batches = iter(self.loader)
            for _ in range(self._done if is_resumed else 0):
                next(batches)
        if self._where is CPU:
            return batches
        # Only what draws nothing while a batch is made may be made ahead of its turn.
        alone = self.loader.gathers_rows or self.loader.num_workers > 0
        if self.augment is not None:
            change, alone = self.augment, False
            batches = ((augmented(change, x), y) for x, y in batches)
        return on_device(batches, self._where, ahead=alone)

    @contextmanager
    def _as_it_began(self) -> Iterator[bool]:
        """Let generators be, in an epoch that has been resumed, as they were when it began."""
        resumed, self._resumed = self._resumed, False
        if not resumed or self.chance is None:
            yield False
            return
        now = self.chance.state()
        self.chance.go_on(self._first["chance"])
        self.loader.load_state_dict(self._first["loader"])
        yield True
        self.chance.go_on(now)

    def state_dict(self) -> dict[str, Any]:
        """Return where in the epoch it is, for a checkpoint."""
        step = self.step.state_dict() if hasattr(self.step, "state_dict") else None
        now = {"loader": self.loader.state_dict(), "within": self.within, "step": step}
        return {**now, "done": self._done, "first": self._first} if self.within else now

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.within = self._resumed = bool(state["within"])
        if self.within:
            self._done, self._first = int(state["done"]), dict(state["first"])
        self.loader.load_state_dict(state["loader"])
        if isinstance(self.step, TapeStep):
            self.step.load_state_dict(self.run, state["step"])
        elif hasattr(self.step, "load_state_dict"):
            self.step.load_state_dict(state["step"])

    def _one(self, x: Tensor, y: Tensor, rows: Array | None = None) -> None:
        if self.augment is not None and self._where is CPU:  # else before it was brought there
            x = augmented(self.augment, x)
        with origin_named(self.run, lambda: (x, y), rows):
            loss, outputs = self.step(self.run, x, y)
            self.run.count(loss, outputs, y.array)
        if self.schedule is not None:
            self.schedule.step()
        self._done += 1
        tell(self.run, "on_step_end", self.callbacks)

    def _batches(self, step: TapeStep, tensors: tuple[Tensor, ...], rows: Array) -> None:
        feed = Feed(tensors, {}, rows, None)
        while (done := self._done) < feed.steps and not self.run.halted:
            if step.is_ready(self.run, feed, done):
                self._many(step, feed, done, (tensors[1].array, rows))
            else:
                x, y = feed.at(done)[0]
                self._one(x, y, rows[done])

    def _many(self, step: TapeStep, feed: Feed, first: int, targets: tuple[Array, Array]) -> None:
        """Take many steps in one call."""
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
        self._done += done
        tell(self.run, "on_step_end", self.callbacks)

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
