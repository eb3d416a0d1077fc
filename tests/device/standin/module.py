"""The module `cupy` of the stand-in, put together."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np

from device.standin import array, cuda, kernels, names
from device.standin.array import ndarray
from device.standin.functions import Ufunc, function, give_operators, maker

__all__ = ["make"]


def asnumpy(
    a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True
) -> Any:
    """`a` on the host."""
    if type(a) is ndarray:
        return a.get(stream, order, out, blocking)
    return np.asarray(a, order=order)


def get_array_module(*args: Any) -> Any:
    """The module of the arrays: this one if one of them is on a device."""
    return MODULE if any(type(a) is ndarray for a in args) else np


def size(a: Any, axis: Any = None) -> int:
    """How many elements an array has."""
    return a.size if axis is None else a.shape[axis]


class Grid:
    """`ogrid`: for each slice its places, along a dimension of their own."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return MODULE.asarray(np.ogrid[key])
        return [MODULE.asarray(line) for line in np.ogrid[key]]


def as_strided(x: Any, shape: Any = None, strides: Any = None) -> Any:
    """A view of the memory of x with other sizes and steps."""
    return x._view(np.lib.stride_tricks.as_strided(x._m, shape, strides))


def linalg() -> types.ModuleType:
    """`cupy.linalg`."""
    module = types.ModuleType("cupy.linalg")
    module.LinAlgError = np.linalg.LinAlgError
    for name, text in names.LINALG.items():
        setattr(module, name, function(name, text, kernels.solver(name)))
    return module


def make() -> types.ModuleType:
    """The module, which is one for all."""
    return MODULE


def _made() -> types.ModuleType:
    module = types.ModuleType("device.standin.cupy")  # beside it lies `cupyx`
    here = Path(__file__).parent
    module.__path__ = [str(here), str(here.parent / "emulator")]  # code of a library
    module.__version__ = "14.2.0"
    module.ogrid = Grid()
    for name in names.FACTS:
        setattr(module, name, getattr(np, name))
    functions = {n: function(n, text, getattr(np, n)) for n, text in names.FUNCTIONS.items()}
    functions |= {n: maker(n, text) for n, text in names.MAKERS.items()}
    ufuncs = {name: Ufunc(name) for name in names.UFUNCS}
    give_operators(ufuncs, functions)
    for name, thing in {**functions, **ufuncs}.items():
        setattr(module, name, thing)
    for thing in (asnumpy, get_array_module, size, ndarray):
        setattr(module, thing.__name__, thing)
    module.RawModule, module.RawKernel = kernels.RawModule, kernels.RawKernel
    pool, pinned = cuda.MemoryPool(), cuda.PinnedMemoryPool()
    module.get_default_memory_pool = lambda: pool
    module.get_default_pinned_memory_pool = lambda: pinned
    module.cuda, module.linalg = cuda.namespace(), linalg()
    module.ufunc = Ufunc
    module.lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=as_strided))
    return module


MODULE = _made()
array.MODULE.append(MODULE)
