"""Memory as arrays: where one begins, and an array at an address (floor 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.ops import Array
from chainrule.plan.passes.memory import ALIGNMENT
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["address", "aligned", "array_at", "room_for", "same_place"]


class _Place:
    """Memory at an address, for NumPy, and its owner, who must live as long."""

    def __init__(self, start: int, view: View, owner: Any) -> None:
        self.owner = owner
        size = view.base.dtype.itemsize
        self.__array_interface__ = {
            "version": 3,
            "data": (start + view.offset * size, False),
            "typestr": view.base.dtype.str,
            "shape": view.shape,
            "strides": tuple(s * size for s in view.strides),
        }


def array_at(start: int, view: View, owner: Any) -> Array:
    """Return a view as an array, its base beginning at the address `start`."""
    return np.asarray(_Place(start, view, owner))


def aligned(size: int) -> Array:
    """Return bytes whose first has an address that is a multiple of `ALIGNMENT`."""
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


def room_for(value: Value, count: int | None = None) -> Array:
    """Return an array for a value, or for `count` of them one after another."""
    shape = value.shape if count is None else (count, *value.shape)
    size = value.dtype.itemsize
    for n in shape:
        size *= n
    return aligned(size).view(value.dtype).reshape(shape)


def address(array: Array) -> int:
    """Return where an array begins."""
    return int(array.__array_interface__["data"][0])


def same_place(a: Array, b: Array) -> bool:
    """Return whether two arrays are the same numbers in the same memory."""
    return (address(a), a.shape, a.strides, a.dtype) == (address(b), b.shape, b.strides, b.dtype)
