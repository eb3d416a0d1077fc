"""The batches of a loader put together, several to a step (floor 4)."""

from __future__ import annotations

from chainrule.data import DataLoader
from chainrule.data.dataset import IterableDataset
from chainrule.data.sampler import RandomSampler, SequentialSampler
from chainrule.errors import OptionError

__all__ = ["gathered"]


def gathered(loader: DataLoader, times: int) -> DataLoader:
    """Return a loader of the same examples in the same order, with larger batches.

    Args:
        loader: of batches of some size.
        times: how many of them make one.

    Raises:
        OptionError: its batches have no one size, or it is a person's own kind of loader.

    Examples:
        >>> import numpy as np
        >>> from chainrule.data import TensorDataset
        >>> loader = DataLoader(TensorDataset(np.arange(7)), 2)
        >>> [x.tolist() for (x,) in gathered(loader, 3)]
        [[0, 1, 2, 3, 4, 5], [6]]
    """
    if times == 1:
        return loader
    if type(loader) is not DataLoader or loader.batch_size is None:
        raise OptionError(
            "accumulate puts batches of one size together, and this loader gives batches of its "
            "own making; let it give larger ones, or give a DataLoader with a batch_size"
        )
    given = loader.sampler
    usual = isinstance(loader.dataset, IterableDataset) or type(given) is SequentialSampler
    usual = usual or (loader.shuffle and type(given) is RandomSampler)
    return DataLoader(
        loader.dataset,
        loader.batch_size * times,
        loader.shuffle,
        None if usual else given,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        drop_last=loader.drop_last,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
        pin_memory_device=loader.pin_memory_device,
        in_order=loader.in_order,
    )
