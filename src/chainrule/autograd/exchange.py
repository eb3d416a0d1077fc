"""Tensors on the numbers of others: of a buffer, or of any library that speaks DLPack (floor 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.autograd.tensor import Tensor, from_numpy
from chainrule.backend.dtypes import as_dtype

__all__ = ["from_dlpack", "frombuffer", "to_dlpack"]


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a tensor on the bytes of a buffer; what changes one changes the other.

    Args:
        buffer: bytes, a bytearray, an `array.array` and the like.
        dtype: how the bytes are read.
        count: how many numbers; all that are there if negative.
        offset: bytes to leave out at the beginning.
        requires_grad: whether its gradient is wanted.

    Examples:
        >>> frombuffer(bytearray([1, 2, 3]), dtype="uint8", offset=1).tolist()
        [2, 3]
    """
    numbers = np.frombuffer(buffer, as_dtype(dtype), count, offset)
    if not numbers.flags.writeable:
        numbers = numbers.copy()
    x = from_numpy(numbers)
    return x.requires_grad_() if requires_grad else x


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor on the numbers of another library's array, by the DLPack protocol.

    Examples:
        >>> from_dlpack(np.array([1.0, 2.0], dtype=np.float32))
        tensor([1., 2.])
    """
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    return from_numpy(np.from_dlpack(ext_tensor))


def to_dlpack(tensor: Tensor) -> Any:
    """Return what another library's `from_dlpack` takes: an array on the same numbers."""
    return tensor.detach().numpy()
