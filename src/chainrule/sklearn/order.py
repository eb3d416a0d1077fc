"""In which order rows are taken, and what changes between two steps, as scikit-learn has it.

Floor 5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse

from chainrule import optim
from chainrule.autograd import Tensor, from_numpy
from chainrule.data import Dataset, RandomSampler
from chainrule.ops import Array
from chainrule.optim import lr_scheduler

__all__ = ["EpsilonHat", "Order", "SparseRows"]


class Order(RandomSampler):
    """The numbers of the rows as scikit-learn shuffles them, each order made of the one before.

    Args:
        rows: how many there are.
        size: of a batch.
        random: a `RandomState`; without it rows keep their order.
        filled: whether to fill up the last batch, with the number after that of the last row.
    """

    def __init__(self, rows: int, size: int, random: Any, filled: bool) -> None:
        self._now = np.arange(rows)
        self._random = random
        self._more = np.full(-rows % size if filled else 0, rows)
        super().__init__(range(rows + len(self._more)))

    def order(self) -> Array:
        """Return the numbers of the next pass."""
        if self._random is not None:  # as sklearn.utils.shuffle does it
            places = np.arange(len(self._now))
            self._random.shuffle(places)
            self._now = self._now[places]
        return np.concatenate([self._now, self._more])


class EpsilonHat(lr_scheduler.LRScheduler):
    """The epsilon of Adam as scikit-learn adds it: to sqrt(v), not to sqrt(v / (1 - beta_2^t)).

    The same comes of epsilon / sqrt(1 - beta_2^t) in the place where Adam adds it. D. P. Kingma and
    J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, at the end of section 2.

    Args:
        optimizer: an Adam.
        epsilon: as scikit-learn is given it.
        taken: the steps that the optimiser has taken.
    """

    def __init__(self, optimizer: optim.Adam, epsilon: float, taken: int) -> None:
        self._epsilon = epsilon
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        super().__init__(optimizer, last_epoch=taken - 1)

    def step(self, epoch: int | None = None) -> None:
        """Set the epsilon of the next step."""
        self.last_epoch += 1
        for group in self.optimizer.param_groups:
            left = 1 - group["betas"][1] ** (self.last_epoch + 1)
            group.array("eps")[...] = self._epsilon / math.sqrt(left)


class SparseRows(Dataset[tuple[Tensor, Tensor]]):
    """Rows of a sparse matrix, unfolded when they are taken, with their targets.

    Args:
        X: (N, F), sparse.
        packed: (N, T).
    """

    def __init__(self, X: Any, packed: Array) -> None:
        self._x, self._packed = sparse.csr_matrix(X), packed

    def __len__(self) -> int:
        return len(self._packed)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = self.take(np.array([index]))
        return x[0], y[0]

    def take(self, which: Any) -> tuple[Tensor, Tensor]:
        """Return the rows of these numbers."""
        x = np.ascontiguousarray(self._x[which].toarray())
        return from_numpy(x), from_numpy(np.array(self._packed[which]))
