"""Steps of training until a moment: which rows each is given, and how many go in a call (floor 5).

The order of an epoch's rows hangs on the seed and the number of the epoch alone. So the count of
the steps says all about where a run is, and a program that counts likewise repeats it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.autograd import from_numpy
from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = ["Prepare", "Stepping", "order_of"]

# From the rows of an epoch, the number of the first of them in it and the number of the epoch, to
# what steps are given in their place.
Prepare: TypeAlias = Callable[[Sequence[Array], int, int], Sequence[Array]]

_MOST = 4096  # steps in a call


def order_of(n: int, seed: int, epoch: int) -> Array:
    """Return the order in which an epoch takes rows.

    Args:
        n: how many rows there are.
        seed: of the run.
        epoch: counted from 0.

    Examples:
        >>> order_of(4, seed=0, epoch=1).tolist()
        [3, 0, 2, 1]
    """
    return np.random.default_rng([seed, epoch]).permutation(n)


class Stepping:
    """Takes steps, whole batches in a fixed order.

    Args:
        step: compiled; takes as many tensors as there are arrays, and returns the loss.
        arrays: the training set, (N, ...) each.
        batch_size: rows a step; all of them where there are fewer.
        seed: of the order.
        prepare: changes rows before they are given to steps, if that is to be done.

    Attributes:
        steps: how many were taken.
        batches: of an epoch. Rows that are left over wait for the next epoch, in another order.
        loss: of the latest step.
        tell: is given the losses of steps, (steps,), as they come.
    """

    def __init__(
        self,
        step: Any,
        arrays: Sequence[Array],
        batch_size: int,
        seed: int,
        prepare: Prepare | None = None,
    ) -> None:
        self._step, self._arrays, self._seed, self._prepare = step, arrays, seed, prepare
        self._n = len(arrays[0])
        self._batch = min(batch_size, self._n)
        self.batches = self._n // self._batch
        self.steps, self.loss = 0, float("nan")
        self.tell: Callable[[Array], None] = lambda losses: None
        self._tensors = [from_numpy(array) for array in arrays]
        self._order: tuple[int, Array] = -1, np.empty((0, 0), dtype=np.int64)
        self._each = 0.0  # seconds that a step takes, lately
        self._turn = 1  # steps in the next call, at most

    @property
    def epoch(self) -> float:
        """How often the training set was gone through."""
        return self.steps / self.batches

    def advance(self, until: float, most: int | None = None) -> int:
        """Take steps until a moment, one at least.

        How many are taken in one call follows the clock; the numbers do not.

        Args:
            until: the moment, by `time.perf_counter()`.
            most: steps at most; any number if `None`.

        Returns:
            How many were taken.

        Raises:
            DataError: the loss is no finite number any more.
        """
        taken = 0
        while most is None or taken < most:
            now = time.perf_counter()
            if taken and now >= until:
                break
            count = self._at_once(until - now)
            if self._prepare is not None:  # which is done by the epoch
                count = min(count, self.batches - self.steps % self.batches)
            count = count if most is None else min(count, most - taken)
            self._take(count)
            self._measure(count, time.perf_counter() - now)
            taken += count
        return taken

    def _at_once(self, seconds: float) -> int:
        if not self._each:
            return 1
        return max(1, int(min(self._turn, seconds / self._each)))

    def _measure(self, count: int, seconds: float) -> None:
        """Remember how long a step takes; the few that are long, as they are recorded, soon go."""
        each = seconds / count
        self._each = each if each < self._each or not self._each else 0.7 * self._each + 0.3 * each
        self._turn = min(2 * max(count, self._turn), _MOST)

    def _take(self, count: int) -> None:
        rows = self._rows(count)
        if self._prepare is None:
            losses = self._step.many(*self._tensors, rows=rows)
        else:
            epoch, first = divmod(self.steps, self.batches)
            given = [array[rows.ravel()] for array in self._arrays]
            here = self._prepare(given, first * self._batch, epoch)
            each = np.arange(rows.size).reshape(rows.shape)
            losses = self._step.many(*map(from_numpy, here), rows=each)
        found = losses.array.reshape(count)
        self.loss = float(found[-1])
        self.tell(found)
        self.steps += count
        if not np.isfinite(found).all():
            at = self.steps - count + int(np.argmin(np.isfinite(found))) + 1
            raise DataError(
                f"the loss became {found[~np.isfinite(found)][0]} in step {at:,}: take this back "
                "or begin anew, with a lower learning rate"
            )

    def _rows(self, count: int) -> Array:
        """The rows of the next steps, (count, rows a step)."""
        found, step = [], self.steps
        while step < self.steps + count:
            epoch, first = divmod(step, self.batches)
            last = min(first + self.steps + count - step, self.batches)
            found.append(self._of_epoch(epoch)[first:last])
            step += last - first
        return np.concatenate(found)

    def _of_epoch(self, epoch: int) -> Array:
        """The rows of each step of an epoch, (batches, rows a step)."""
        if self._order[0] != epoch:
            order = order_of(self._n, self._seed, epoch)[: self.batches * self._batch]
            self._order = epoch, order.reshape(self.batches, self._batch)
        return self._order[1]
