"""Memory that a GPU copies from by itself, while the processor goes on: pinned (floor 0).

It is had from CuPy, as NumPy arrays. Without a GPU there is none, and every array will do.
"""

from __future__ import annotations

import math
import weakref
from typing import Any, TypeAlias

import numpy as np

from chainrule.backend.arrays import gpu

__all__ = ["empty_pinned", "is_pinned", "pinned"]

Array: TypeAlias = np.ndarray[Any, Any]

# The arrays over pinned memory that live, by their ids; all others in it are views of them.
_whole: weakref.WeakValueDictionary[int, Array] = weakref.WeakValueDictionary()


def empty_pinned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array in pinned memory, with anything in it; there is a GPU.

    Args:
        shape: of the array,
        dtype: and its format.
    """
    wanted = np.dtype(dtype)
    count = math.prod(shape)
    memory = gpu().cuda.alloc_pinned_memory(max(count, 1) * wanted.itemsize)
    whole = np.frombuffer(memory, wanted, count)
    _whole[id(whole)] = whole
    return whole.reshape(shape)


def pinned(array: Array) -> Array:
    """Return the numbers of `array` in pinned memory; the array itself if it is, or without a GPU.

    Examples:
        >>> a = np.ones(2)
        >>> pinned(a) is a or is_pinned(pinned(a))
        True
    """
    if gpu() is None or is_pinned(array):
        return array
    copy = empty_pinned(array.shape, array.dtype)
    np.copyto(copy, array)
    return copy


def is_pinned(array: Any) -> bool:
    """Whether an array lies in memory that `empty_pinned` gave.

    Examples:
        >>> is_pinned(np.ones(2))
        False
    """
    while isinstance(array, np.ndarray):
        if id(array) in _whole:
            return True
        array = array.base
    return False
