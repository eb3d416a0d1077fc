"""`DataLoader`: a data set in batches, shuffled anew on every pass (floor 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any

import numpy as np

from chainrule.autograd import Generator
from chainrule.autograd.generator import state_of
from chainrule.backend.arrays import gpu
from chainrule.backend.devices import device
from chainrule.data.batches import Batches
from chainrule.data.collate import default_collate, default_convert
from chainrule.data.dataset import IterableDataset
from chainrule.data.onto import pinned_batch
from chainrule.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from chainrule.data.workers import Job, Team
from chainrule.errors import OptionError
from chainrule.ops import Array, random_uniform

__all__ = ["DataLoader"]

_AHEAD = 2  # batches that a worker may be ahead, if nobody says otherwise


class DataLoader:
    """Batches of a data set.

    Args:
        dataset: any object with `__getitem__` and `__len__`, or an `IterableDataset`; with `take`
            as well, batches are gathered whole.
        batch_size: samples in a batch; the last may have fewer. `None`: each sample by itself.
        shuffle: a new random order on every pass.
        sampler: gives the numbers of the samples instead.
        batch_sampler: gives lists of numbers, a batch each, instead.
        num_workers: processes that make the batches; 0 for this one.
        collate_fn: makes a batch from a list of samples.
        pin_memory: give batches in memory that a GPU copies from while the processor goes on, for
            `x.to("cuda", non_blocking=True)`; nothing without a GPU. `fit` needs it not: it brings
            batches to the model's device itself, one ahead.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker's batch; for ever if 0.
        worker_init_fn: called in each worker with its number before it starts.
        multiprocessing_context: how workers are started, of `multiprocessing`.
        generator: where the order comes from; the default one if `None`.
        prefetch_factor: batches that each worker may be ahead; 2 if `None`.
        persistent_workers: keep the workers from pass to pass.
        pin_memory_device: the GPU that it is for; memory that is pinned serves all.
        in_order: accepted; batches always come in their order.

    Raises:
        OptionError: an option is outside what it may be, or does not go with another.

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
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        if pin_memory_device:
            device(pin_memory_device)  # a name that is none is refused
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._check_workers()
        self._check_sampling(batch_size, sampler, batch_sampler, drop_last)
        self.sampler = self._default_sampler() if sampler is None else sampler
        batched = batch_sampler is not None
        self.batch_size = None if batched or batch_size is None else _size(batch_size)
        self.drop_last = False if batched else drop_last
        self.batch_sampler = batch_sampler
        if self.batch_size is not None:
            self.batch_sampler = BatchSampler(self.sampler, self.batch_size, bool(drop_last))
        self.collate_fn = collate_fn or (
            default_convert if self.batch_sampler is None else default_collate
        )
        self._team: Team | None = None
        self._passes = 0

    def _check_workers(self) -> None:
        if not isinstance(self.num_workers, (int, np.integer)) or self.num_workers < 0:
            raise OptionError(
                f"num_workers must be a whole number of at least 0, got {self.num_workers!r}"
            )
        if self.timeout < 0:
            raise OptionError(f"timeout must be at least 0 seconds, got {self.timeout}")
        if self.num_workers == 0 and (self.prefetch_factor is not None or self.persistent_workers):
            name = "persistent_workers" if self.persistent_workers else "prefetch_factor"
            raise OptionError(f"{name} is for workers; give num_workers of at least 1 with it")
        if self.prefetch_factor is not None and self.prefetch_factor < 1:
            raise OptionError(f"prefetch_factor must be at least 1, got {self.prefetch_factor}")

    def _check_sampling(
        self, batch_size: int | None, sampler: Any, batch_sampler: Any, drop_last: bool
    ) -> None:
        given = {"shuffle": self.shuffle, "sampler": sampler is not None}
        if batch_sampler is not None:
            given |= {"batch_size": batch_size != 1, "drop_last": drop_last}
            _refuse_beside("batch_sampler", given)
        elif sampler is not None:
            _refuse_beside("sampler", {"shuffle": self.shuffle})
        if isinstance(self.dataset, IterableDataset):
            given |= {"batch_sampler": batch_sampler is not None}
            _refuse_beside("an IterableDataset, which has an order of its own,", given)
        if batch_size is None and drop_last:
            raise OptionError(
                "drop_last cannot be given beside batch_size=None: there are no batches"
            )

    def _default_sampler(self) -> Any:
        if isinstance(self.dataset, IterableDataset):
            return repeat(0)  # it matters only how many numbers there are
        if self.shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    @property
    def gathers_rows(self) -> bool:
        """Whether batches are rows of the data set in an order that `order` gives, and no more."""
        return (
            self.num_workers == 0
            and self.batch_size is not None
            and self.collate_fn is default_collate
            and _has_order(self.sampler)
        )

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            n, size = len(self.dataset), self.batch_size or 1  # type: ignore[arg-type]
            return n // size + (n % size > 0 and not self.drop_last)
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        single = self.batch_sampler is None
        batches = Batches(self.dataset, self.collate_fn, single, self.drop_last)
        found = self._from_workers(batches) if self.num_workers else self._from_here(batches)
        return map(pinned_batch, found) if self.pin_memory and gpu() is not None else found

    def _from_here(self, batches: Batches) -> Iterator[Any]:
        batches.start()
        for which in self._tasks():
            try:
                batch = batches.made(which)
            except StopIteration:
                return
            yield batch

    def _from_workers(self, batches: Batches) -> Iterator[Any]:
        team = self._team or self._new_team(batches)
        self._team = team if self.persistent_workers else None
        try:
            yield from team.batches(iter(self._tasks()))
        finally:
            if team is not self._team:
                team.close()

    def _new_team(self, batches: Batches) -> Team:
        job = Job(batches, int(self.num_workers), self._seed(), self.worker_init_fn)
        ahead = _AHEAD if self.prefetch_factor is None else self.prefetch_factor
        return Team(job, ahead, self.timeout, self.multiprocessing_context)

    def _seed(self) -> int:
        """Where the workers' random numbers begin, another one for every pass."""
        # Drawn from a copy, so that samples have the same order with workers and without.
        state = state_of(self.generator).copy()
        self._passes += 1
        return int(random_uniform(state, shape=(), dtype=np.float64) * 2**53) + (self._passes << 20)

    def __del__(self) -> None:
        if getattr(self, "_team", None) is not None:
            self._team.close()  # type: ignore[union-attr]

    def _tasks(self) -> Iterable[Any]:
        """What makes each batch: numbers of samples, or a number where there are no batches."""
        if self.batch_sampler is None:
            return iter(self.sampler)
        if not self.gathers_rows:
            return iter(self.batch_sampler)
        return self._spans()

    def _spans(self) -> Iterator[Any]:
        size, n = self.batch_size or 1, len(self.sampler)
        order = None if type(self.sampler) is SequentialSampler else self.order()
        for i in range(len(self)):
            span = slice(i * size, min((i + 1) * size, n))
            yield span if order is None else order[span]

    def state_dict(self) -> dict[str, Any]:
        """Return what passes have left behind; generators are kept by whoever holds them."""
        return {"passes": self._passes, "epoch": getattr(self.sampler, "epoch", None)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Args:
            state: likewise.
        """
        self._passes = int(state["passes"])
        if state["epoch"] is not None and hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(int(state["epoch"]))

    def order(self) -> Array:
        """Return the numbers of the samples in the order of a pass, a new one if they shuffle."""
        if _has_order(self.sampler):
            found: Array = self.sampler.order()
            return found
        return np.fromiter(self.sampler, np.int64)


def _has_order(sampler: Any) -> bool:
    """Whether a sampler of this library's own class gives a pass in one array, by `order()`."""
    own = type(sampler)
    return own.__module__.startswith("chainrule.") and "order" in vars(own)


def _size(batch_size: Any) -> int:
    if (
        isinstance(batch_size, bool)
        or not isinstance(batch_size, (int, np.integer))
        or batch_size < 1
    ):
        raise OptionError(f"batch_size must be a whole number of at least 1, got {batch_size!r}")
    return int(batch_size)


def _refuse_beside(name: str, given: dict[str, bool]) -> None:
    wrong = next((other for other, is_given in given.items() if is_given), None)
    if wrong is not None:
        raise OptionError(f"{wrong} cannot be given beside {name}; leave one of them out")
