"""Batches from a data set: one for each list of numbers, or one after another (floor 3).

What a `DataLoader` does for a batch, in its own process or in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from chainrule.data.collate import default_collate
from chainrule.data.dataset import Dataset, IterableDataset

__all__ = ["Batches"]


class Batches:
    """Makes batches of a data set.

    Args:
        dataset: with `__getitem__`, or an `IterableDataset`.
        collate: makes a batch of a list of samples, or of a single one.
        single: there are no batches, each sample comes by itself.
        drop_last: of a stream, leave out a last batch that is not full.

    Examples:
        >>> Batches("abc", "".join).made([2, 0])
        'ca'
    """

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[Any], Any],
        single: bool = False,
        drop_last: bool = False,
    ) -> None:
        self.dataset, self.collate, self.single = dataset, collate, single
        self.drop_last = drop_last
        self._stream: Iterator[Any] | None = None

    def start(self) -> None:
        """Begin a stream anew; a data set with numbers needs no beginning."""
        if isinstance(self.dataset, IterableDataset):
            self._stream = iter(self.dataset)

    def made(self, which: Any) -> Any:
        """Return a batch.

        Args:
            which: numbers of samples, or a slice of them; one number where samples are single. Of a
                stream it matters only how many they are.

        Raises:
            StopIteration: a stream is at its end.
        """
        if self._stream is not None:
            return self._next(self._stream, which)
        if self.single:
            return self.collate(self.dataset[_number(which)])
        if self.collate is default_collate and _gathers(self.dataset):
            return list(self.dataset.take(which if isinstance(which, slice) else np.asarray(which)))
        if isinstance(which, slice):
            which = range(which.start, which.stop)
        if hasattr(self.dataset, "__getitems__"):
            return self.collate(self.dataset.__getitems__(list(which)))
        return self.collate([self.dataset[_number(i)] for i in which])

    def _next(self, stream: Iterator[Any], which: Any) -> Any:
        if self.single:
            return self.collate(next(stream))
        samples = list(islice(stream, len(which)))
        if not samples or (self.drop_last and len(samples) < len(which)):
            raise StopIteration
        return self.collate(samples)


def _gathers(dataset: Any) -> bool:
    """Whether a data set of this library's kind has `take`; those of others mean other things."""
    return isinstance(dataset, Dataset) and hasattr(dataset, "take")


def _number(i: Any) -> Any:
    """A sample's number as Python has it; what else a sampler may give stays as it is."""
    return int(i) if isinstance(i, np.integer) else i
