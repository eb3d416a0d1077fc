"""cuBLAS on the stand-in: the functions that plans call, with C's interface, on NumPy's memory.

It refuses what cuBLAS refuses: leading dimensions shorter than a column, a stream that is not the
one in use, and, while a stream is captured, a handle whose memory to work in would be taken anew.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np

from chainrule.plan.cuda.products import SIGNATURES
from device.standin.launches import MACHINE, changed

__all__ = ["CALLS", "library"]

INVALID, INTERNAL = 7, 14
TYPES = {0: np.float32, 1: np.float64, 2: np.float16}
SUMS = {68: np.float32, 70: np.float64, 75: np.float32, 77: np.float32}
# How products were added up, in order.
CALLS: list[int] = []


class Handle:
    """What is remembered between calls."""

    stream = 0
    has_room = False


def create(place: Any) -> int:
    place[0] = 1
    return 0


def destroy(handle: int) -> int:
    return 0


def set_stream(handle: int, stream: int | None) -> int:
    Handle.stream, Handle.has_room = stream or 0, False
    return 0


def set_workspace(handle: int, place: int, size: int) -> int:
    Handle.has_room = bool(place and size)
    return 0


def matrices(place: int, kind: int, rows: int, columns: int, line: int, each: int, count: int):
    """Matrices whose columns lie side by side, as cuBLAS has them."""
    dtype = np.dtype(TYPES[kind])
    size = dtype.itemsize * ((count - 1) * each + (columns - 1) * line + rows)
    memory = (ctypes.c_char * size).from_address(place)
    steps = tuple(n * dtype.itemsize for n in (each, 1, line))
    return np.ndarray((count, rows, columns), dtype, memory, 0, steps)


def gemm(handle, turn_a, turn_b, m, n, k, alpha, a, kind_a, line_a, each_a, b, *rest) -> int:
    """C = alpha A B + beta C for each of a batch; `alpha` and `beta` are 1 and 0 here."""
    kind_b, line_b, each_b, beta, c, kind_c, line_c, each_c, count, sums, how = rest
    high_a, high_b = (k if turn_a else m), (n if turn_b else k)
    if line_a < max(1, high_a) or line_b < max(1, high_b) or line_c < max(1, m) or how != -1:
        return INVALID
    stream = MACHINE.stream()
    if Handle.stream != (stream.ptr if stream is not None else 0):
        return INVALID
    if MACHINE.noting() is not None and not Handle.has_room:
        return INTERNAL
    CALLS.append(sums)
    number = ctypes.c_double if sums == 70 else ctypes.c_float
    if (number.from_address(alpha).value, number.from_address(beta).value) != (1, 0):
        return INVALID
    x = matrices(a, kind_a, high_a, m if turn_a else k, line_a, each_a, count)
    y = matrices(b, kind_b, high_b, k if turn_b else n, line_b, each_b, count)
    x, y = (z.swapaxes(1, 2) if turn else z for z, turn in ((x, turn_a), (y, turn_b)))
    into = matrices(c, kind_c, m, n, line_c, each_c, count)

    def work() -> None:
        into[...] = np.matmul(x.astype(SUMS[sums]), y.astype(SUMS[sums]))

    changed(work)
    return 0


def library(gpu: Any) -> SimpleNamespace:
    """The library, called as `ctypes` calls one."""
    functions = (create, destroy, set_stream, set_workspace, gemm)
    return SimpleNamespace(
        **{
            name: ctypes.CFUNCTYPE(ctypes.c_int, *types)(function)
            for (name, types), function in zip(SIGNATURES.items(), functions, strict=True)
        }
    )
