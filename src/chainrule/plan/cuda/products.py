"""Products of matrices that a graph can hold: cuBLAS through its own interface (floor 2).

CuPy refuses to call cuBLAS while a stream is captured, and a step is products for the most part. So
the library that CuPy has loaded is called here, with a handle and working memory of its own, which
stay where they are as long as the graph. Matrices are told as they lie: neither a transpose nor the
rows of a larger array are copied.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import weakref
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.backend.precision import get_float32_matmul_precision

__all__ = ["SIGNATURES", "Products", "library"]

# An array on a GPU.
GpuArray: TypeAlias = Any

_ADDRESS, _INT, _LONG = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
_MATRICES = (_ADDRESS, _INT, _INT, _LONG)  # where, the type, the leading dimension, the step
# What the functions take; all of them give a status.
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "cublasCreate_v2": (ctypes.POINTER(_ADDRESS),),
    "cublasDestroy_v2": (_ADDRESS,),
    "cublasSetStream_v2": (_ADDRESS, _ADDRESS),
    "cublasSetWorkspace_v2": (_ADDRESS, _ADDRESS, ctypes.c_size_t),
    "cublasGemmStridedBatchedEx": (
        *(_ADDRESS, _INT, _INT, _INT, _INT, _INT),
        *(_ADDRESS, *_MATRICES, *_MATRICES, _ADDRESS, *_MATRICES),
        *(_INT, _INT, _INT),
    ),
}

# Of cuBLAS's headers: the types of numbers, how they are multiplied and added up, and by what.
_TYPES = {"float16": 2, "float32": 0, "float64": 1}
_SUMS = {"float16": 68, "float64": 70}
_SUMS_OF_SINGLES = {"highest": 68, "high": 77, "medium": 75}
_DEFAULT = -1
# Its integers have 32 bits.
_MOST = 1 << 31
# Bytes to work in, which NVIDIA advises for GPUs from Hopper on, and before.
_ROOM, _ROOM_BEFORE, _HOPPER = 32 << 20, 4 << 20, 90


@functools.cache
def library(gpu: Any) -> Any:
    """Return cuBLAS as CuPy has loaded it, or `None` where it does not go by its usual name.

    Args:
        gpu: CuPy.
    """
    major = int(gpu.cuda.runtime.runtimeGetVersion()) // 1000
    name = f"cublas64_{major}.dll" if os.name == "nt" else f"libcublas.so.{major}"
    try:
        importlib.import_module("cupy_backends.cuda.libs.cublas")  # which finds it
        found = ctypes.CDLL(name)
    except (ImportError, OSError):
        return None
    for function, types in SIGNATURES.items():
        getattr(found, function).argtypes = types
    return found


class CublasError(RuntimeError):
    """cuBLAS refused."""


class Products:
    """cuBLAS on the GPU in use; where it is not found CuPy multiplies, and no graph holds it.

    Args:
        gpu: CuPy.
    """

    def __init__(self, gpu: Any) -> None:
        self._gpu, self._library = gpu, library(gpu)
        self._handle = ctypes.c_void_p()
        if self._library is None:
            return
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        end = weakref.finalize(self, self._library.cublasDestroy_v2, self._handle)
        end.atexit = False  # the driver has gone by then
        recent = int(gpu.cuda.Device().compute_capability) >= _HOPPER
        self._room = gpu.empty((_ROOM if recent else _ROOM_BEFORE,), np.uint8)

    def _call(self, name: str, *args: Any) -> None:
        status = getattr(self._library, name)(*args)
        if status:
            raise CublasError(f"{name} of cuBLAS gave status {status}")

    def multiply(self, a: GpuArray, b: GpuArray, out: GpuArray) -> None:
        """Put the product of a and b, or of each of the matrices in them, into `out`."""
        try:
            self.capture(a, b, out)
        except CublasError:  # CuPy knows more ways
            self._gpu.matmul(a, b, out=out)

    def capture(self, a: GpuArray, b: GpuArray, out: GpuArray) -> None:
        """Do the same, also while a stream is captured: what cannot be done then is an error."""
        if self._library is None or not _are_known(a, b, out):
            self._gpu.matmul(a, b, out=out)
            return
        if not (a.size and b.size):
            out.fill(0)
            return
        there = _lying(out, out.shape[:-2])
        if there is None:
            apart = self._gpu.empty(out.shape, out.dtype)
            self.capture(a, b, apart)
            self._gpu.copyto(out, apart)
        elif there.turned:
            self._into(b.swapaxes(-1, -2), a.swapaxes(-1, -2), out.swapaxes(-1, -2))
        else:
            self._into(a, b, out)

    def _into(self, a: GpuArray, b: GpuArray, out: GpuArray) -> None:
        """Multiply into rows that lie one after another.

        What cuBLAS calls columns are rows here: it is told the transposes, and so b before a.
        """
        batch, kind = out.shape[:-2], _TYPES[out.dtype.name]
        (a, left), (b, right), (_, there) = (self._told(x, batch) for x in (a, b, out))
        name = out.dtype.name
        how = _SUMS[name] if name in _SUMS else _SUMS_OF_SINGLES[get_float32_matmul_precision()]
        number = ctypes.c_double if name == "float64" else ctypes.c_float
        stream = self._gpu.cuda.get_current_stream().ptr
        self._call("cublasSetStream_v2", self._handle, stream)
        # The stream takes the memory to work in away, so it is given anew.
        self._call("cublasSetWorkspace_v2", self._handle, self._room.data.ptr, self._room.nbytes)
        self._call(
            "cublasGemmStridedBatchedEx",
            *(self._handle, int(right.turned), int(left.turned)),
            *(out.shape[-1], out.shape[-2], a.shape[-1], ctypes.byref(number(1))),
            *(b.data.ptr, kind, right.line, right.each),
            *(a.data.ptr, kind, left.line, left.each, ctypes.byref(number(0))),
            *(out.data.ptr, kind, there.line, there.each),
            *(int(np.prod(batch, dtype=np.int64)), how, _DEFAULT),
        )

    def _told(self, x: GpuArray, batch: Sequence[int]) -> tuple[GpuArray, _Lying]:
        """Matrices, or a copy of them that lies as cuBLAS can be told, and how they lie."""
        found = _lying(x, batch)
        if found is None:
            x = self._gpu.ascontiguousarray(self._gpu.broadcast_to(x, (*batch, *x.shape[-2:])))
            found = _lying(x, batch)
        assert found is not None
        return x, found


def _are_known(*arrays: GpuArray) -> bool:
    """Whether arrays are matrices of one type that cuBLAS has, of sizes that it can count."""
    alike = all(x.dtype == arrays[0].dtype and x.ndim >= 2 for x in arrays)
    most = max(n for x in arrays for n in x.shape)
    return alike and most < _MOST and arrays[0].dtype.name in _TYPES


class _Lying(NamedTuple):
    """How matrices lie, in elements.

    Attributes:
        turned: whether the numbers of a column lie side by side, rather than those of a row.
        line: from one row to the next, or from one column if turned.
        each: from one matrix to the next.
    """

    turned: bool
    line: int
    each: int


def _lying(x: GpuArray, batch: Sequence[int]) -> _Lying | None:
    """How the matrices in x lie, repeated to a batch; `None` if not as cuBLAS can be told."""
    *steps, down, across = (s // x.itemsize for s in x.strides)
    rows, columns = x.shape[-2:]
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        turned, line = False, down if rows > 1 else columns
    elif (down == 1 or rows == 1) and (across >= rows or columns == 1):
        turned, line = True, across if columns > 1 else rows
    else:
        return None
    each = _step(x.shape[:-2], steps, batch)
    return None if each is None or line >= _MOST else _Lying(turned, line, each)


def _step(shape: Sequence[int], steps: Sequence[int], batch: Sequence[int]) -> int | None:
    """From one matrix of a batch to the next, if that is always as far."""
    repeated = [0 if n == 1 else s for n, s in zip(shape, steps)]
    repeated = [0] * (len(batch) - len(repeated)) + repeated
    wide = [(n, s) for n, s in zip(batch, repeated) if n > 1]
    if any(s != n * t for (_, s), (n, t) in pairwise(wide)):
        return None
    return wide[-1][1] if wide else 0
