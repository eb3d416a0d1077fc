"""Samplers: in which order, and how often, the samples of a data set come (floor 3).

A sampler is anything that can be looped over and gives numbers of samples. Those here take their
chance from an explicit generator, or from the default one. This file knows nothing of batches of
data, only of their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from chainrule.autograd import Generator, randint, randperm
from chainrule.autograd.generator import state_of
from chainrule.backend import ranks
from chainrule.backend.arrays import to_host
from chainrule.errors import OptionError
from chainrule.ops import Array, random_uniform

__all__ = [
    "BatchSampler",
    "BlockSampler",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

Number_co = TypeVar("Number_co", covariant=True)


class Sampler(Generic[Number_co]):
    """Base of the samplers: write `__iter__`, and `__len__` where there is an end.

    Examples:
        >>> class Backwards(Sampler):
        ...     def __init__(self, data):
        ...         self.data = data
        ...
        ...     def __iter__(self):
        ...         return iter(range(len(self.data) - 1, -1, -1))
        >>> list(Backwards("abc"))
        [2, 1, 0]
    """

    def __iter__(self) -> Iterator[Number_co]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__(self); write one")


class SequentialSampler(Sampler[int]):
    """The samples in their order.

    Examples:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)

    def order(self) -> Array:
        """Return the numbers of a pass in one array."""
        return np.arange(len(self))


class RandomSampler(Sampler[int]):
    """The samples in random order, another one on every pass.

    Args:
        data_source: what has a length.
        replacement: draw each number anew, so that one may come twice.
        num_samples: how many a pass gives; as many as there are if `None`.
        generator: where chance comes from; the default one if `None`.

    Raises:
        OptionError: `num_samples` is no whole number of at least 1, or `replacement` no truth
            value.

    Examples:
        >>> sorted(RandomSampler("abc"))
        [0, 1, 2]
        >>> len(list(RandomSampler("abc", replacement=True, num_samples=10)))
        10
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = _truth("replacement", replacement)
        self._num_samples = None if num_samples is None else _count("num_samples", num_samples)
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many numbers a pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return self.num_samples

    def order(self) -> Array:
        """Return the numbers of a pass in one array."""
        n, wanted = len(self.data_source), self.num_samples
        if not n and wanted:
            raise OptionError(f"num_samples is {wanted}, but there is no sample to draw from")
        if self.replacement:
            return (
                randint(0, n, (wanted,), generator=self.generator, device="cpu").array
                if n
                else np.arange(0)
            )
        passes = [
            randperm(n, generator=self.generator, device="cpu").array
            for _ in range(math.ceil(wanted / n) if n else 0)
        ]
        return np.concatenate([np.arange(0), *passes])[:wanted]


class BlockSampler(Sampler[int]):
    """The samples in an order that is quick to read from a disk, another one on every pass.

    Blocks of neighbours come in random order, and within a window of several blocks the samples do:
    about as random as need be, and no window is left before all of it has been read.

    Args:
        data_source: what has a length.
        generator: where chance comes from; the default one if `None`.
        block: samples that lie side by side.
        window: samples that are mixed.

    Examples:
        >>> sorted(BlockSampler(range(10), block=2, window=4)) == list(range(10))
        True
    """

    def __init__(
        self,
        data_source: Sized,
        generator: Generator | None = None,
        block: int = 256,
        window: int = 65_536,
    ) -> None:
        self.data_source = data_source
        self.generator = generator
        self.block = _count("block", block)
        self.window = _count("window", window)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return len(self.data_source)

    def order(self) -> Array:
        """Return the numbers of a pass in one array."""
        n = len(self.data_source)
        starts = (
            randperm(-(-n // self.block), generator=self.generator, device="cpu").array * self.block
        )
        order = (starts[:, None] + np.arange(self.block)).ravel()
        order = order[order < n]
        for i in range(0, n, self.window):
            part = order[i : i + self.window]
            part[:] = part[randperm(len(part), generator=self.generator, device="cpu").array]
        return order


class SubsetRandomSampler(Sampler[int]):
    """Given numbers in random order, another one on every pass.

    Args:
        indices: the numbers.
        generator: where chance comes from; the default one if `None`.

    Examples:
        >>> sorted(SubsetRandomSampler([7, 2, 5]))
        [2, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = randperm(len(self.indices), generator=self.generator, device="cpu").tolist()
        return (self.indices[i] for i in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Numbers drawn with given probabilities, by which rare classes come as often as others.

    Without replacement each number is drawn once at most, the heavier sooner: with E exponentially
    distributed, the smallest E / weight come first (P. S. Efraimidis and P. G. Spirakis, "Weighted
    random sampling with a reservoir", 2006).

    Args:
        weights: (n,), of the numbers 0 to n - 1; they need not add up to 1.
        num_samples: how many a pass gives.
        replacement: draw each number anew, so that one may come twice.
        generator: where chance comes from; the default one if `None`.

    Raises:
        OptionError: a weight is negative or not finite, all are 0, or there are fewer that are not
            than numbers to be drawn without replacement.

    Examples:
        >>> list(WeightedRandomSampler([0.0, 3.0, 0.0], 4))
        [1, 1, 1, 1]
        >>> sorted(WeightedRandomSampler([0.1, 0.9, 0.0], 2, replacement=False))
        [0, 1]
    """

    def __init__(
        self,
        weights: Sequence[float] | Array,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        self.num_samples = _count("num_samples", num_samples)
        self.replacement = _truth("replacement", replacement)
        self.weights = _weights(weights)
        positive = np.count_nonzero(self.weights)
        if not replacement and num_samples > positive:
            raise OptionError(
                f"{num_samples} numbers cannot be drawn without replacement where "
                f"{positive} weights are above 0"
            )
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        state = state_of(self.generator)
        if self.replacement:
            ends = np.cumsum(self.weights)
            drawn = to_host(random_uniform(state, shape=(self.num_samples,), dtype=np.float64))
            chosen = np.searchsorted(ends, drawn * ends[-1], side="right")
            return iter(chosen.tolist())
        drawn = to_host(random_uniform(state, shape=self.weights.shape, dtype=np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            arrival = np.where(self.weights > 0, -np.log1p(-drawn) / self.weights, np.inf)
        return iter(np.argsort(arrival, kind="stable")[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The numbers of another sampler, several at a time.

    Args:
        sampler: anything that gives numbers.
        batch_size: how many at a time.
        drop_last: leave out a last batch that is not full.

    Raises:
        OptionError: `batch_size` is no whole number of at least 1, or `drop_last` no truth value.

    Examples:
        >>> list(BatchSampler(SequentialSampler("abcde"), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        self.sampler = sampler
        self.batch_size = _count("batch_size", batch_size)
        self.drop_last = _truth("drop_last", drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(islice(numbers, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (rest > 0 and not self.drop_last)


class DistributedSampler(Sampler[int]):
    """One part of a data set out of as many as there are processes that train together.

    All parts have the same length: the first samples come again at the end where it does not come
    out even, or the last ones are left out.

    Args:
        dataset: what has a length.
        num_replicas: how many processes there are; as many as have joined if `None`.
        rank: the number of this one, from 0; its own among those if `None`.
        shuffle: a new random order for each `set_epoch`, the same in all processes.
        seed: of that order.
        drop_last: leave samples out rather than give some twice.

    Raises:
        OptionError: `num_replicas` or `rank` is missing and no others were joined, or `rank` is not
            below it.

    Examples:
        >>> [list(DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in range(2)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if (num_replicas is None or rank is None) and not ranks.is_joined():
            raise OptionError(
                "DistributedSampler needs num_replicas, how many processes there are, and rank, "
                "the number of this one: give both, or call distributed.init() before"
            )
        world = ranks.world()
        num_replicas = world.size if num_replicas is None else num_replicas
        rank = world.rank if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise OptionError(f"rank must be from 0 to {num_replicas - 1}, got {rank}")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        part = len(dataset) / num_replicas
        self.num_samples = math.floor(part) if drop_last else math.ceil(part)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        generator = Generator(self.seed + self.epoch)
        order = (
            randperm(n, generator=generator, device="cpu").array if self.shuffle else np.arange(n)
        )
        # Of what is longer than the data set, the part beyond it begins anew.
        even = np.resize(order, self.total_size)
        return iter(even[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass have the order of this epoch."""
        self.epoch = epoch


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise OptionError(f"{name} must be a whole number of at least 1, got {value!r:.60}")
    return int(value)


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise OptionError(f"{name} must be True or False, got {value!r:.60}")
    return bool(value)


def _weights(given: Any) -> Array:
    weights = to_host(getattr(given, "array", given)).astype(np.float64)
    if weights.ndim != 1:
        raise OptionError(f"weights must be a list of numbers, got shape {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise OptionError("weights must be numbers of at least 0, one of them above 0")
    return weights
