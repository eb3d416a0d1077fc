"""The ranks that take the steps of a run together, each its rows of every batch (floor 4).

Rank r of n takes rows r, r + n, r + 2n, ... of a batch, and its gradients count by their number, so
that the step is that of one process with the whole batch, to rounding. The figures of the ranks are
put together now and then (`settle`), and always before anybody is told of them: callbacks, and
whoever stops or saves by a figure, see those of all rows, the same on every rank. What hangs on a
clock or a person is decided by rank 0 (`as_first`).
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator, Tensor, from_numpy
from chainrule.backend import ranks
from chainrule.backend.arrays import to_host
from chainrule.backend.ranks.agreement import agree
from chainrule.backend.ranks.lost import EverywhereError
from chainrule.data import DataLoader
from chainrule.data.sampler import DistributedSampler
from chainrule.errors import DataError, OptionError
from chainrule.io.nested import packed, unpacked
from chainrule.io.weights import parsed, write_weights
from chainrule.nn.parallel import DistributedDataParallel
from chainrule.nn.usual import rows_weighed
from chainrule.ops import Array, new_state
from chainrule.train.checkpointing.chance import Chance
from chainrule.train.compiling.structure import mapped
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.tally import Tally

__all__ = ["Crew", "crew_of"]

# Seconds between two times that figures are put together, about; and steps at most.
_APART, _MOST = 0.1, 256


class Run(Protocol):
    """What is counted of a run, which the ranks keep alike."""

    model: nn.Module
    loss: Any
    step: int
    seen: int
    step_loss: float
    stopped: str
    halted: bool

    def finite(self, loss: float) -> float:
        """Return a loss that is a finite number; any other is refused."""

    def take(self, totals: Sequence[float], rows: Sequence[int], tallies: Sequence[Any]) -> None:
        """Add the figures of steps that all ranks have taken."""


def crew_of(model: nn.Module, loader: DataLoader, metrics: Mapping[str, Metric]) -> Crew | None:
    """Return the ranks that train `model` together; `None` where one process does.

    Args:
        model: of several ranks it is a `DistributedDataParallel`.
        loader: of batches for all of them.
        metrics: what is measured in an epoch.

    Raises:
        OptionError: the data are shared out already.
        EverywhereError: the ranks have other batches each.
    """
    world = ranks.world()
    if world.size == 1 or not isinstance(model, DistributedDataParallel):
        return None
    if isinstance(loader.sampler, DistributedSampler):
        raise OptionError(
            "fit shares batches out among the ranks itself; give it the whole data on every rank, "
            "without a DistributedSampler"
        )
    agree("the run", {"batches in an epoch": len(loader), "examples in a batch": _size(loader)})
    return Crew(model, world, metrics)


class Crew:
    """This rank among those that train one network.

    Args:
        network: what a step goes through.
        world: the ranks.
        metrics: what is measured in an epoch.

    Attributes:
        is_first: whether this is rank 0, which speaks and writes for all.
        rows: how many the batch under way has on all ranks.
        each_step: whether figures are put together after every step.
        uneven: whether ranks have had different numbers of rows in this epoch.
    """

    def __init__(
        self,
        network: DistributedDataParallel,
        world: ranks.Alone,
        metrics: Mapping[str, Metric],
    ) -> None:
        self.network, self._world = network, world
        network.checks_data = False  # each rank is given rows of its own, or none that count
        self.is_first = world.rank == 0
        self.rows = 0
        self.each_step = self.uneven = False
        self._tally = Tally(metrics)
        self._losses: list[tuple[float, int]] = []  # of the steps since: part times rows; rows
        self._turn, self._last = 1, time.perf_counter()
        self._generators: list[Generator] = []

    # --- words ----------------------------------------------------------------------------------

    def exchanged(self, value: Any) -> list[Any]:
        """Return everybody's `value`, by rank: arrays and plain values, also nested."""
        arrays, described = packed(value)
        file = io.BytesIO()
        write_weights(file, arrays, described)
        found = self._world.gather(np.frombuffer(file.getvalue(), np.uint8))
        contents = (parsed(part.tobytes(), "what a rank has sent") for part in found)
        return [unpacked(own, text or "") for own, text in contents]

    def as_first(self, number: float) -> float:
        """Return the number that rank 0 has."""
        array = np.array([number], np.float64)
        self._world.broadcast_(array)
        return float(array[0])

    def agree(self, run: Run) -> None:
        """End the run where rank 0 ends it."""
        if self.as_first(bool(run.stopped) + run.halted):
            run.stopped, run.halted = self._world.tell([run.stopped, run.halted])[0]
        else:
            run.stopped, run.halted = "", False

    def begin_alike(self, run: Run, *things: Any) -> None:
        """Let all begin at the same step, with the random numbers that rank 0 would draw.

        Args:
            run: before its first step here.
            things: that take part in it, besides network and loss.

        Raises:
            DataError: not all have resumed from the same checkpoint.
        """
        steps = self._world.tell(run.step)
        if len(set(steps)) > 1:
            raise DataError(
                f"the ranks are at different steps: {', '.join(map(str, steps))}; let all see the "
                "same folder of checkpoints"
            )
        chance = Chance(run.model, run.loss, *things)
        chance.go_on(self.exchanged(chance.state() if self.is_first else None)[0])
        self._generators = Chance(run.model, run.loss).generators

    def without_exchange(self) -> AbstractContextManager[None]:
        """Inside the block gradients are this rank's own: for who looks at the network."""
        return self.network.no_sync()

    @staticmethod
    @contextmanager
    def whole_state(optimizer: Any) -> Iterator[None]:
        """Inside the block rank 0 has all of an optimiser's state, also what others remember."""
        is_shared = hasattr(optimizer, "consolidate_state_dict")
        if is_shared:
            optimizer.consolidate_state_dict(0)
        yield
        if is_shared:
            optimizer.forget_consolidated()

    # --- rows -----------------------------------------------------------------------------------

    def own(self, rows: Array) -> Array:
        """Return this rank's part of the numbers of a batch's rows; where there is none, one."""
        part = rows[self._world.rank :: self._world.size]
        return part if len(part) else rows[:1]

    def part(self, batch: Any) -> Any:
        """Return this rank's rows of a batch, which may be none."""
        place = slice(self._world.rank, None, self._world.size)
        return mapped(batch, lambda t: _rows(t, place))

    def place(self, n: int) -> slice:
        """Return where this rank's rows of a batch of n are; where there is none, one."""
        return self.place_of(self._world.rank, n)

    def place_of(self, rank: int, n: int) -> slice:
        """Return where the rows of a rank are."""
        return slice(rank, None, self._world.size) if n > rank else slice(1)

    def own_part(self, batch: Any, n: int) -> Any:
        """Return this rank's rows of a batch of n; where there is none, one."""
        return mapped(batch, lambda t: _rows(t, self.place(n)))

    def part_in(self, loss: Any, targets: Tensor, in_step: bool = True) -> float:
        """Return this rank's part in the loss of a batch; for a mean they add up to 1.

        Args:
            loss: what is made of outputs and targets.
            targets: of the whole batch.
            in_step: whether it is for a step, to which every rank has to have something to say.

        Raises:
            EverywhereError: of the rows of a rank none counts.
        """
        n, size, rank = len(targets), self._world.size, self._world.rank
        if getattr(loss, "reduction", "mean") == "sum":
            return float(rank < n)
        weighed = rows_weighed(loss, targets.array)
        if weighed is None:
            return len(range(rank, n, size)) / n
        weights = to_host(weighed).astype(np.float64)
        parts = [float(weights[self.place_of(r, n)].sum()) for r in range(size)]
        if in_step and not all(parts):
            raise EverywhereError(
                f"none of the rows that rank {parts.index(0.0)} has of a batch counts in the loss, "
                "by their classes; take larger batches, or fewer ranks"
            )
        total = sum(parts[:n])
        return parts[rank] / total if total else math.nan

    def share_of(self, rows: int) -> int:
        """Return this rank's part of so many rows, the larger one where it does not come out."""
        return -(-rows // self._world.size)

    def step(
        self, run: Run, take: Callable[[], tuple[float, Array, Array]], rows: int, part: float
    ) -> None:
        """Take a step with the others, and note what came of it.

        Args:
            run: whose step it is.
            take: does it; returns loss, outputs and targets.
            rows: how many all ranks have.
            part: that this rank has in the loss.
        """
        size, rank = self._world.size, self._world.rank
        own = len(range(rank, rows, size))
        self.rows = rows
        self.uneven |= rows % size > 0
        part *= own > 0
        self.network.share[...] = part * size
        with self._chance_of_its_own(run):
            loss, outputs, targets = take()
        run.finite(loss)
        run.step += 1
        run.seen += rows
        run.step_loss = loss
        self._losses.append((loss * part * rows, rows))
        if own:
            self._tally.add(to_host(outputs), to_host(targets))

    @contextmanager
    def _chance_of_its_own(self, run: Run) -> Iterator[None]:
        """Let this rank draw other numbers in a step than the others do.

        What is drawn hangs on rank, step and where the common generators are, so that these stay
        the same everywhere, also where ranks have different numbers of rows.
        """
        kept = [g.get_state() for g in self._generators]
        for generator, state in zip(self._generators, kept):
            seed = f"{state.tolist()} {self._world.rank} {run.step}".encode()
            generator.set_state(new_state(_hashed(seed)))
        try:
            yield
        finally:
            for generator, state in zip(self._generators, kept):
                generator.set_state(state)

    # --- figures --------------------------------------------------------------------------------

    def is_due(self) -> bool:
        """Whether the figures are to be put together after this step; the same on every rank."""
        return self.each_step or len(self._losses) >= self._turn

    def settle(self, run: Run) -> None:
        """Put the figures of the steps since the last time together.

        Args:
            run: to whose figures they are added.
        """
        now = time.perf_counter()
        own = {
            "losses": np.array([loss for loss, _ in self._losses]),
            "tally": self._tally.state_dict(),
            "seconds": now - self._last,
        }
        found = self.exchanged(own)
        rows = [n for _, n in self._losses]
        totals = sum(one["losses"] for one in found)
        run.take(totals.tolist(), rows, [one["tally"] for one in found])
        self._losses.clear()
        self._tally.clear()
        self._turn = _next_turn(self._turn, found[0]["seconds"])
        self._last = now

    def put_together(self, total: float, count: float, tally: Tally) -> tuple[float, float]:
        """Add up what the ranks have measured, each on its part.

        Args:
            total: the sum of losses over rows,
            count: and how many they are.
            tally: of these rows; afterwards of all.

        Returns:
            Total and count of all ranks.
        """
        found = self.exchanged([total, count, tally.state_dict()])
        tally.clear()
        for _, _, state in found:
            tally.take(state)
        return sum(one[0] for one in found), sum(one[1] for one in found)

    def end_epoch(self) -> None:
        """Take over rank 0's running values, and its weights where ranks had other numbers of rows.

        By its values, which are those that are saved, all measure. A step of another shape may
        round otherwise, so that weights would part in the last bit.
        """
        weights = self.network.parameters() if self.uneven else ()
        for t in (*weights, *self.network.buffers()):
            self._world.broadcast_(t.array)
        self.uneven = False


def _size(loader: DataLoader) -> int | None:
    return None if loader.batch_size is None else int(loader.batch_size)


def _rows(t: Any, which: slice) -> Any:
    return from_numpy(np.ascontiguousarray(t.array[which])) if isinstance(t, Tensor) else t


def _hashed(text: bytes) -> int:
    from hashlib import blake2b

    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def _next_turn(turn: int, seconds: float) -> int:
    """How many steps until the next time, after so many that took so long."""
    if seconds < _APART / 2:
        return min(2 * turn, _MOST)
    return max(turn // 2, 1) if seconds > 2 * _APART else turn
