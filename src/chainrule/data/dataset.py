"""Data sets as sequences of samples, PyTorch's way (floor 3).

A data set that keeps its samples in arrays also has `take(which)`, which gathers a whole batch in
one indexing operation per array; `DataLoader` uses it where it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

import numpy as np

from chainrule.autograd import Generator, Tensor, as_tensor, randperm
from chainrule.autograd.tape import wrap
from chainrule.backend.devices import beside
from chainrule.errors import DataError, OptionError
from chainrule.ops import Array

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

Sample_co = TypeVar("Sample_co", covariant=True)


class Dataset(Generic[Sample_co]):
    """A sequence of samples: write `__getitem__` and `__len__`.

    Examples:
        >>> class Squares(Dataset):
        ...     def __getitem__(self, i):
        ...         return i, i * i
        ...
        ...     def __len__(self):
        ...         return 10
        >>> Squares()[3]
        (3, 9)
    """

    def __getitem__(self, index: int) -> Sample_co:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__(self, i); write one")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no __len__(self); write one")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Generic[Sample_co]):
    """A stream of samples: write `__iter__`, and `__len__` where the length is known.

    In a `DataLoader` with workers each of them has a copy; `get_worker_info` tells it which part of
    the stream is its own.

    Examples:
        >>> class Countdown(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(Countdown() + Countdown())
        [3, 2, 1, 3, 2, 1]
    """

    def __iter__(self) -> Iterator[Sample_co]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__(self); write one")

    def __add__(self, other: IterableDataset[Any]) -> ChainDataset:
        return ChainDataset([self, other])


class ChainDataset(IterableDataset[Any]):
    """Streams one after another.

    Args:
        datasets: the streams.

    Examples:
        >>> list(ChainDataset([range(2), "ab"]))
        [0, 1, 'a', 'b']
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples along the first dimension of tensors of equal length.

    Args:
        tensors: tensors or arrays; arrays are shared, not copied.

    Raises:
        DataError: none are given, or their lengths differ.

    Examples:
        >>> from chainrule.autograd import arange
        >>> x, y = TensorDataset(arange(3), arange(3) * 2)[1]
        >>> x.item(), y.item()
        (1, 2)
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tuple(as_tensor(t) for t in tensors)
        lengths = {len(t) for t in self.tensors}
        if len(lengths) != 1:
            shapes = ", ".join(str(tuple(t.shape)) for t in self.tensors) or "none"
            raise DataError(f"TensorDataset needs tensors of equal length, got shapes {shapes}")

    def __getitem__(self, index: int | slice) -> tuple[Tensor, ...]:
        if not isinstance(index, slice) and not -len(self) <= index < len(self):
            raise IndexError(f"there is no sample {index}, only {len(self)}")  # ends a for loop
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def take(self, which: Array | slice) -> tuple[Tensor, ...]:
        """Return the samples that an index array or a slice names, as a batch of its own."""
        if isinstance(which, slice):  # a view, where those of an index array are copies
            return tuple(wrap(t.array[which].copy()) for t in self.tensors)
        return tuple(wrap(t.array[beside(which, t.array)]) for t in self.tensors)


class Subset(Dataset[Any]):
    """Some samples of another data set.

    Args:
        dataset: where they come from.
        indices: which, by their numbers.

    Raises:
        OptionError: indices that are no whole numbers, such as a mask of booleans.

    Examples:
        >>> from chainrule.autograd import arange
        >>> len(Subset(TensorDataset(arange(10)), [1, 3]))
        2
    """

    def __init__(self, dataset: Dataset[Any], indices: Sequence[int] | Array) -> None:
        self.dataset = dataset
        numbers = np.asarray(indices)
        if numbers.size and (numbers.ndim != 1 or numbers.dtype.kind not in "iu"):
            raise OptionError(
                f"indices must be a list of whole numbers, got {numbers.dtype} of shape "
                f"{numbers.shape}; of a mask, take np.flatnonzero(mask)"
            )
        self.indices = numbers.astype(np.int64)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]

    def __len__(self) -> int:
        return len(self.indices)

    def __getattr__(self, name: str) -> Any:
        # A subset can gather whole batches if what it is a subset of can.
        if name == "take" and hasattr(self.dataset, "take"):
            gather = self.dataset.take
            return lambda which: gather(self.indices[which])
        raise AttributeError(f"Subset has no attribute {name!r}")


class ConcatDataset(Dataset[Any]):
    """Data sets one after another.

    Args:
        datasets: at least one.

    Examples:
        >>> from chainrule.autograd import arange
        >>> both = ConcatDataset([TensorDataset(arange(3)), TensorDataset(arange(2))])
        >>> len(both), both[3][0].item()
        (5, 0)
    """

    def __init__(self, datasets: Sequence[Dataset[Any]]) -> None:
        if not datasets:
            raise DataError("ConcatDataset needs at least one data set")
        self.datasets = list(datasets)
        self.ends = np.cumsum([len(d) for d in self.datasets])

    def __getitem__(self, index: int) -> Any:
        i = range(len(self))[index]
        which = int(np.searchsorted(self.ends, i, side="right"))
        return self.datasets[which][i - int(self.ends[which - 1]) if which else i]

    def __len__(self) -> int:
        return int(self.ends[-1])


class StackDataset(Dataset[Any]):
    """Data sets of equal length side by side: a sample has a part from each.

    Args:
        args: data sets; a sample is then a tuple,
        kwargs: or by name; a sample is then a dictionary.

    Raises:
        OptionError: there are none, or both kinds.
        DataError: their lengths differ.

    Examples:
        >>> StackDataset("abc", [1, 2, 3])[1]
        ('b', 2)
        >>> StackDataset(letter="abc", number=[1, 2, 3])[1]
        {'letter': 'b', 'number': 2}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) is bool(kwargs):
            raise OptionError(
                "StackDataset takes data sets either in a row or by name, got "
                f"{len(args)} and {len(kwargs)}"
            )
        self.datasets: Any = kwargs or args
        lengths = [len(d) for d in kwargs.values() or args]
        if len(set(lengths)) > 1:
            raise DataError(f"StackDataset needs data sets of equal length, got {lengths}")

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: d[index] for name, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __len__(self) -> int:
        parts = self.datasets
        return len(next(iter(parts.values() if isinstance(parts, dict) else parts)))


def random_split(
    dataset: Dataset[Any], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Split a data set at random into parts that do not overlap.

    Args:
        dataset: what to split.
        lengths: sizes that add up to its length, or shares that add up to 1.
        generator: where the order comes from.

    Raises:
        OptionError: they do not add up.

    Examples:
        >>> from chainrule.autograd import arange
        >>> [len(part) for part in random_split(TensorDataset(arange(10)), [0.75, 0.25])]
        [8, 2]
    """
    sizes = _sizes(len(dataset), lengths)
    order = randperm(len(dataset), generator=generator, device="cpu").array
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - n : end]) for n, end in zip(sizes, ends)]


def _sizes(total: int, lengths: Sequence[float]) -> list[int]:
    shares = all(0 <= n <= 1 for n in lengths) and not all(isinstance(n, int) for n in lengths)
    if shares and abs(sum(lengths) - 1) < 1e-9:
        sizes = [int(total * share) for share in lengths]
        # What rounding down leaves over goes round the parts, one each, as in PyTorch.
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
        return sizes
    if sum(lengths) != total or any(n < 0 or n != int(n) for n in lengths):
        raise OptionError(
            f"the lengths {list(lengths)} must be sizes that add up to {total}, "
            "or shares that add up to 1"
        )
    return [int(n) for n in lengths]
