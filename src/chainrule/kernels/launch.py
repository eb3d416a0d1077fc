"""How kernels are compiled and launched: CuPy's `RawModule`, blocks and grids (floor 2).

A text is compiled when a kernel of it is first launched, once for each type of numbers; CuPy keeps
what it compiled from process to process. Numbers of Python are handed over as what the kernels
take: integers of 32 bits, and floating-point numbers of the type of the arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule.backend import arrays

__all__ = [
    "BLOCK",
    "NOWHERE",
    "Declined",
    "blocks",
    "contiguous",
    "launch",
    "real_of",
    "reals",
    "shared_at_most",
    "spread",
    "three",
    "widened",
]

# An array on a GPU.
GpuArray: TypeAlias = Any

# What the types of arrays are called in CUDA C.
_NAMES = {"float32": "float", "float64": "double"}
# Threads to a block where nothing says otherwise.
BLOCK = 256
# Blocks to a grid whose threads take turns: more than any GPU runs at once.
_MOST_BLOCKS = 1 << 14
# Elements that 32 bits count.
_MOST = 1 << 31
# A pointer to nothing, where a kernel may be told of an array or none.
NOWHERE = np.uint64(0)
# Bytes of shared memory that need no asking.
_FREELY = 48 << 10


class Declined(Exception):  # noqa: N818  # not an error: the plain body does it
    """The kernel is not for such arrays."""


def real_of(*given: Any) -> np.dtype[Any]:
    """Return the type of arrays that are all of one that kernels are compiled for.

    Raises:
        Declined: they are of several, of another, or too large to be counted with 32 bits.
    """
    held = [x for x in given if x is not None]
    dtype = held[0].dtype
    if any(x.dtype != dtype or x.size >= _MOST for x in held):
        raise Declined
    return reals(dtype)


def widened(kernel: Callable[..., GpuArray]) -> Callable[..., GpuArray]:
    """`kernel` for arrays of several floating-point types too: they are computed with in one.

    That is the type of the result, but float32 where that is float16: numbers are stored with 16
    bits and added up with 32.
    """

    @functools.wraps(kernel)
    def run(*given: Any, **attrs: Any) -> GpuArray:
        held = [x for x in given if _is_real(x)]
        wanted = np.result_type(*(x.dtype for x in held))
        real = np.dtype(np.float32) if wanted == np.float16 else wanted
        if all(x.dtype == real for x in held):
            return kernel(*given, **attrs)
        cast = (x.astype(real, copy=False) if _is_real(x) else x for x in given)
        return kernel(*cast, **attrs).astype(wanted, copy=False)

    return run


def _is_real(x: Any) -> bool:
    return arrays.is_gpu(x) and x.dtype.kind == "f"


def reals(dtype: Any) -> np.dtype[Any]:
    """Return `dtype`, if kernels are compiled for it.

    Raises:
        Declined: they are not.
    """
    if dtype.name not in _NAMES:
        raise Declined
    return np.dtype(dtype)


def contiguous(x: GpuArray) -> GpuArray:
    """Return x, or a copy that lies row by row: kernels are told nothing of strides."""
    return x if x.flags.c_contiguous else arrays.gpu().ascontiguousarray(x)


def blocks(count: int, each: int = BLOCK) -> int:
    """Return how many blocks have a thread for each of `count`.

    Raises:
        Declined: there are too many to be counted.
    """
    if count >= _MOST:
        raise Declined
    return max(1, -(-count // each))


def spread(count: int) -> tuple[int]:
    """Return the grid of a kernel whose threads take turns with `count` elements."""
    return (min(blocks(count), _MOST_BLOCKS),)


def shared_at_most() -> int:
    """Return how many bytes of shared memory the GPU in use grants a block that asks for them."""
    return int(arrays.gpu().cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"])


def three(sizes: Sequence[int], fill: int = 1) -> tuple[int, int, int]:
    """Return the sizes of an image as those of one with three dimensions.

    Raises:
        Declined: it has more.
    """
    if len(sizes) > 3:
        raise Declined
    return (*[fill] * (3 - len(sizes)), *sizes)  # type: ignore[return-value]


@functools.cache
def text(source: str) -> str:
    """The text of a source: what all share, then its own."""
    here = Path(__file__).parent
    both = (here / f"{name}.cu" for name in ("common", source))
    return "\n".join(path.read_text(encoding="utf-8") for path in both)


@functools.cache
def _kernel(module: Any, source: str, name: str, real: str) -> Any:
    """The compiled kernel; `module` is the GPU's array module, which compiles it."""
    return _compiled(module, source, real).get_function(name)


@functools.cache
def _compiled(module: Any, source: str, real: str) -> Any:
    return module.RawModule(code=text(source), options=("-std=c++17", f"-DREAL={real}"))


def launch(
    source: str,
    name: str,
    real: np.dtype[Any],
    grid: tuple[int, ...],
    block: tuple[int, ...],
    *args: Any,
    shared: int = 0,
) -> None:
    """Launch the kernel `name` of a source.

    Args:
        source: name of the text's file.
        name: of the kernel in it.
        real: type of the numbers.
        grid: how many blocks, in up to three dimensions.
        block: how many threads to a block, likewise.
        args: arrays, contiguous, and numbers.
        shared: bytes of shared memory beyond what the text declares.
    """
    kernel = _kernel(arrays.gpu(), source, name, _NAMES[real.name])
    if shared > _FREELY and kernel.max_dynamic_shared_size_bytes < shared:
        kernel.max_dynamic_shared_size_bytes = shared
    kernel(grid, block, tuple(_handed(a, real) for a in args), shared_mem=shared)


def _handed(value: Any, real: np.dtype[Any]) -> Any:
    """An argument with the type that kernels take it as.

    Raises:
        Declined: a number that has more than 32 bits.
    """
    if isinstance(value, (bool, int)):
        if value >= _MOST:
            raise Declined
        return np.int32(value)
    return real.type(value) if type(value) is float else value
