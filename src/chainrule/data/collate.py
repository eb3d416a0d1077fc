"""Collating: samples become a batch, and what is in a sample a tensor (floor 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, as_tensor, from_numpy
from chainrule.errors import ShapeError
from chainrule.ops import stack

__all__ = ["default_collate", "default_convert"]


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
    if isinstance(first, Tensor) and first.is_cuda:
        _alike("shapes", [tuple(s.shape) for s in samples])
        return stack([s.detach() for s in samples])
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


def default_convert(data: Any) -> Any:
    """Make tensors of the arrays in a sample, also inside tuples, lists and dicts.

    What a `DataLoader` without batches does with each sample.

    Examples:
        >>> default_convert({"x": np.ones(2, np.float32), "name": "two"})
        {'x': tensor([1., 1.]), 'name': 'two'}
    """
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "fiub":
        return from_numpy(np.asarray(data))
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, (tuple, list)):
        parts = [default_convert(value) for value in data]
        return type(data)(*parts) if hasattr(data, "_fields") else parts
    return data


def _alike(what: str, found: Sequence[Any]) -> None:
    odd = next((one for one in found if one != found[0]), None)
    if odd is not None:
        raise ShapeError(
            f"the samples of a batch have different {what}, {found[0]} and {odd}; make them equal, "
            "or give the DataLoader a collate_fn"
        )
