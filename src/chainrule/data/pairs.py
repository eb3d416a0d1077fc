"""Examples to learn from, however they are given, as a loader of pairs (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule.autograd import Generator
from chainrule.backend.arrays import to_host
from chainrule.data.dataset import Dataset, TensorDataset
from chainrule.data.loader import DataLoader
from chainrule.data.sampler import BlockSampler
from chainrule.data.stored import is_stored
from chainrule.errors import DataError, OptionError, kind_of
from chainrule.ops import Array

__all__ = ["first_targets", "loader_of"]


def loader_of(
    data: Any, batch_size: int, shuffle: bool = False, generator: Generator | None = None
) -> DataLoader:
    """Return a loader of pairs (x, y).

    Args:
        data: a pair of arrays or tensors, a `Dataset` of pairs, or a `DataLoader`, which is
            returned as it is.
        batch_size: examples in a batch.
        shuffle: in a new order on every pass.
        generator: where the order comes from; the default one if `None`.

    Raises:
        OptionError: it is none of these.

    Examples:
        >>> len(loader_of((np.zeros((5, 3)), np.zeros(5)), 2))
        3
    """
    if isinstance(data, DataLoader):
        return data
    if isinstance(data, tuple) or (isinstance(data, list) and len(data) == 2):
        on_disk = shuffle and any(map(is_stored, data))
        data = TensorDataset(*data)
        if on_disk:
            sampler = BlockSampler(data, generator)
            return DataLoader(data, batch_size, sampler=sampler, generator=generator)
    if not isinstance(data, Dataset) and not hasattr(data, "__getitem__"):
        raise OptionError(
            f"data must be a pair (x, y), a Dataset or a DataLoader, got {type(data).__name__}"
        )
    return DataLoader(data, batch_size, shuffle, generator=generator)


def first_targets(loader: DataLoader) -> Array:
    """Return the y of the first pair.

    Raises:
        DataError: there is no batch to take, or the samples are no pairs.
    """
    if not len(loader):
        raise DataError(
            f"there is no batch to take: {len(loader.dataset)} examples in batches of "
            f"{loader.batch_size}" + (", drop_last" if loader.drop_last else "")
        )
    sample = loader.dataset[0]
    if not isinstance(sample, (tuple, list)) or len(sample) != 2:
        count = f" of {len(sample)}" if isinstance(sample, (tuple, list)) else ""
        raise DataError(
            f"every sample must be a pair (x, y), the first is {kind_of(sample)}{count}"
        )
    return to_host(getattr(sample[1], "array", sample[1]))
