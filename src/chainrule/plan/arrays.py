"""Arrays as plans see them, of the processor's memory or a GPU's (floor 2).

What a plan asks beside numbers: where an array begins, between which addresses it lies, whose
memory it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from chainrule.backend.arrays import is_gpu, module_of, to_host
from chainrule.ops import Array

__all__ = ["bounds", "content", "copied", "is_array", "owner", "share", "start"]


def is_array(x: Any) -> bool:
    """Whether x is an array, on the processor or a GPU.

    Examples:
        >>> is_array(np.ones(2)), is_array(2.0)
        (True, False)
    """
    return isinstance(x, np.ndarray) or is_gpu(x)


def start(x: Any) -> int:
    """The address of the first element."""
    return int(x.data.ptr if is_gpu(x) else x.ctypes.data)


def bounds(x: Any) -> tuple[int, int]:
    """The addresses between which an array lies, the second excluded."""
    if not is_gpu(x):
        return byte_bounds(x)
    first = last = start(x)
    for n, step in zip(x.shape, x.strides):
        if step < 0:
            first += (n - 1) * step
        else:
            last += (n - 1) * step
    return first, last + x.itemsize


def share(a: Any, b: Any) -> bool:
    """Whether two arrays may have memory in common."""
    if is_gpu(a) or is_gpu(b):
        if is_gpu(a) != is_gpu(b) or not a.size or not b.size:
            return False
        (low, high), (first, last) = bounds(a), bounds(b)
        return low < last and first < high
    return np.may_share_memory(a, b)


def owner(x: Any) -> Any:
    """Return the array whose memory `x` is a view of, or itself."""
    while is_array(x.base):
        x = x.base
    return x


def copied(x: Any) -> Any:
    """Return a copy in row-major order, on the same device."""
    return module_of(x).array(x, order="C")


def content(x: Any) -> bytes:
    """The bytes of all elements, in row-major order."""
    held: Array = to_host(x)
    return held.tobytes()
