"""Kernels in CUDA C on the stand-in, through the emulator; and the solvers of `cupy.linalg`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from device.emulator import launch
from device.standin import cupyx
from device.standin.array import memory, ndarray
from device.standin.launches import changed

__all__ = ["RawKernel", "RawModule", "solver"]


class RawKernel(launch.RawKernel):
    """A kernel: a launch is noted in a graph as anything else is."""

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Sequence[Any],
        *,
        shared_mem: int = 0,
        stream: Any = None,
    ) -> None:
        held = [SimpleNamespace(memory=memory(a)) if type(a) is ndarray else a for a in args]
        run = super().__call__
        changed(lambda: run(grid, block, held, shared_mem=shared_mem, stream=stream))


class RawModule(launch.RawModule):
    """Kernels of one text."""

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self.code, name, self.options, self.backend)


def solver(name: str) -> Callable[..., Any]:
    """NumPy's function of that name, for the kinds of number that cuSOLVER has."""
    numpy_function = getattr(np.linalg, name)

    def solve(*args: Any, **kwargs: Any) -> Any:
        if name != "norm" and any(np.asarray(a).dtype == np.float16 for a in args):
            raise TypeError("array type float16 is unsupported in linalg")
        try:
            y = numpy_function(*args, **kwargs)
        except np.linalg.LinAlgError:
            if cupyx.solvers_raise():
                raise
            return np.full_like(args[-1], np.nan)  # whatever is there
        return tuple(y) if isinstance(y, tuple) else y

    return solve
