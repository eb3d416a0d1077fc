"""`DataLoader`: a data set in batches, shuffled anew on every pass (floor 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Generator, Tensor, as_tensor, from_numpy
from chainrule.autograd.generator import state_of
from chainrule.data.dataset import Dataset
from chainrule.errors import OptionError, ShapeError
from chainrule.ops import Array, random_permutation

__all__ = ["DataLoader", "default_collate"]


def default_collate(samples: Sequence[Any]) -> Any:
    """Stack samples into a batch: numbers, arrays and tensors, also inside tuples, lists, dicts.

    Args:
        samples: all of one kind and shape.

    Raises:
        ShapeError: they differ in shape or length.

    Examples:
        >>> default_collate([(1.0, 2), (3.0, 4)])
        [tensor([1., 3.]), tensor([2, 4])]
    """
    first = samples[0]
    if isinstance(first, (Tensor, np.ndarray)):
        arrays = [np.asarray(s) for s in samples]
        _alike("shapes", [a.shape for a in arrays])
        return from_numpy(np.stack(arrays))
    if isinstance(first, Mapping):
        return {key: default_collate([s[key] for s in samples]) for key in first}
    if isinstance(first, (tuple, list)):
        _alike("lengths", [len(s) for s in samples])
        columns = [default_collate(column) for column in zip(*samples)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    if isinstance(first, (bool, int, float, np.generic)):
        return as_tensor(list(samples))
    return list(samples)


def _alike(what: str, found: Sequence[Any]) -> None:
    odd = next((one for one in found if one != found[0]), None)
    if odd is not None:
        raise ShapeError(
            f"the samples of a batch have different {what}, {found[0]} and {odd}; make them equal, "
            "or give the DataLoader a collate_fn"
        )


class DataLoader:
    """Batches of a data set.

    Args:
        dataset: any object with `__getitem__` and `__len__`; with `take` as well, batches are
            gathered whole.
        batch_size: samples in a batch; the last may have fewer.
        shuffle: a new random order on every pass.
        drop_last: leave out a last batch that is not full.
        generator: where the order comes from; the default one if `None`.
        collate_fn: makes a batch from a list of samples.
        num_workers: accepted for PyTorch's sake; batches are made in this process.

    Raises:
        OptionError: a batch size below 1.

    Examples:
        >>> from chainrule.data import TensorDataset
        >>> from chainrule.autograd import arange
        >>> for (x,) in DataLoader(TensorDataset(arange(5)), batch_size=2):
        ...     print(x)
        tensor([0, 1])
        tensor([2, 3])
        tensor([4])
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: Generator | None = None,
        collate_fn: Callable[[Sequence[Any]], Any] | None = None,
        num_workers: int = 0,
    ) -> None:
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise OptionError(
                f"batch_size must be a whole number of at least 1, got {batch_size!r}"
            )
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = generator
        self.collate_fn = collate_fn
        self.num_workers = num_workers

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = self.order() if self.shuffle else None
        for i in range(len(self)):
            span = slice(i * self.batch_size, min((i + 1) * self.batch_size, n))
            yield self._batch(span if order is None else order[span])

    def order(self) -> Array:
        """Return the numbers of the samples in the order of a pass, a new one if they shuffle."""
        n = len(self.dataset)
        if not self.shuffle:
            return np.arange(n)
        found: Array = random_permutation(state_of(self.generator), shape=(n,))
        return found

    def _batch(self, which: Array | slice) -> Any:
        if self.collate_fn is None and hasattr(self.dataset, "take"):
            return list(self.dataset.take(which))
        if isinstance(which, slice):
            which = np.arange(which.start, which.stop)
        samples = [self.dataset[int(i)] for i in which]
        return (self.collate_fn or default_collate)(samples)
