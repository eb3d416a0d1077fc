"""Kernels that are called as CuPy's are, and run on the processor.

`RawModule` and `RawKernel` have CuPy's names, arguments and refusals, and refuse more: an argument
of another type than the parameter (on a GPU it would be read as whatever its bytes mean), a place
outside an array. An array is anything with an ndarray in its attribute `memory`.

Each launch works on copies of the arrays' memory that end before a page nobody may touch; what lies
between the page before and the array is looked at afterwards.
"""

from __future__ import annotations

import ctypes
import mmap
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from device.emulator.build import kernels, library

PAGE = mmap.PAGESIZE
NOBODYS = 1 << 22  # bytes on either side of an array that may not be touched
GUARD = 0xA5
SHARED, MOST_SHARED = 48 << 10, 227 << 10


class LaunchError(Exception):
    """What would go wrong, or undefined, on a GPU."""


class Order:
    """In which order threads, and blocks, are run: it must not matter.

    Attributes:
        backwards: the last first.
    """

    backwards = False


class RawModule:
    """Kernels of one text.

    Args:
        code: in CUDA C.
        options: of the compiler.
        backend: the compiler, which is g++ whatever is asked for.
        name_expressions: as CuPy takes them; kernels are found by their plain names here.
    """

    def __init__(
        self,
        code: str | None = None,
        *,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        name_expressions: Sequence[str] | None = None,
    ) -> None:
        if code is None:
            raise ValueError("a module is made of code here")
        if name_expressions is not None:
            raise ValueError('kernels are extern "C" here, without name expressions')
        if backend not in ("nvrtc", "nvcc"):
            raise ValueError(f"backend must be nvrtc or nvcc, got {backend!r}")
        if not isinstance(options, tuple):
            raise TypeError(f"options are a tuple, got {options!r}")
        self.code, self.options, self.backend = code, options, backend

    def compile(self, log_stream: Any = None) -> None:
        """Compile now, rather than when a kernel is asked for."""
        library(self.code, self.options)

    def get_function(self, name: str) -> RawKernel:
        """Return the kernel of that name."""
        return RawKernel(self.code, name, self.options, self.backend)


class RawKernel:
    """One kernel of a text, called with a grid, a block and arguments."""

    def __init__(
        self, code: str, name: str, options: tuple[str, ...] = (), backend: str = "nvrtc"
    ) -> None:
        if name not in kernels(code):
            raise LaunchError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}")
        self.code, self.name, self.options, self.backend = code, name, options, backend
        self.max_dynamic_shared_size_bytes = SHARED
        self._run: Any = None
        self._parameters: list[str] = []

    def compile(self, log_stream: Any = None) -> None:
        """Compile now, rather than at the first call."""
        self._loaded()

    def _loaded(self) -> None:
        if self._run is None:
            made = library(self.code, self.options)
            text = ctypes.create_string_buffer(4096)
            getattr(made, f"emulator_types_{self.name}")(text)
            self._parameters = text.value.decode().split()
            self._run = getattr(made, f"emulator_run_{self.name}")

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Sequence[Any],
        *,
        shared_mem: int = 0,
        stream: Any = None,
    ) -> None:
        self._loaded()
        grid, block = _three(grid), _three(block)
        self._refuse(grid, block, shared_mem)
        if len(args) != len(self._parameters):
            raise LaunchError(
                f"{self.name} takes {len(self._parameters)} arguments, got {len(args)}"
            )
        memory = _Copies()
        pointers = (ctypes.c_void_p * max(len(args), 1))()
        kept = []
        for i, (value, parameter) in enumerate(zip(args, self._parameters)):
            held = self._argument(i, value, parameter, memory)
            kept.append(held)
        memory.take()
        for i, held in enumerate(kept):
            if isinstance(held, np.ndarray):
                held = np.array([memory.address(held)], dtype=np.uint64)
            else:
                held = np.array([held])
            kept[i] = held
            pointers[i] = held.ctypes.data
        shared = ctypes.create_string_buffer(shared_mem + 64)
        text = ctypes.create_string_buffer(1024)
        failed = self._run(
            (ctypes.c_uint * 3)(*grid),
            (ctypes.c_uint * 3)(*block),
            pointers,
            ctypes.c_void_p(-(-ctypes.addressof(shared) // 64) * 64),
            ctypes.c_size_t(shared_mem),
            int(Order.backwards),
            text,
            ctypes.c_size_t(len(text)),
        )
        problem = text.value.decode() if failed else memory.problem()
        memory.give_back(not failed)
        if problem:
            raise LaunchError(f"{self.name}: {problem}")

    def _refuse(self, grid: Sequence[int], block: Sequence[int], shared_mem: int) -> None:
        if min(*grid, *block) < 1 or grid[0] >= 1 << 31 or max(grid[1:]) > 65535:
            raise LaunchError(f"{self.name}: CUDA_ERROR_INVALID_VALUE: grid {grid}, block {block}")
        if block[0] * block[1] * block[2] > 1024 or block[2] > 64:
            raise LaunchError(f"{self.name}: CUDA_ERROR_INVALID_VALUE: a block of {block} threads")
        if self.max_dynamic_shared_size_bytes > MOST_SHARED:
            raise LaunchError(f"{self.name}: no GPU has so much shared memory")
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise LaunchError(
                f"{self.name}: CUDA_ERROR_INVALID_VALUE: {shared_mem} bytes of shared memory, at "
                f"most {self.max_dynamic_shared_size_bytes}"
            )

    def _argument(self, i: int, value: Any, parameter: str, memory: _Copies) -> Any:
        """An array, which is noted in `memory`, or a number, as the kernel will see it."""
        array = getattr(value, "memory", None)
        if isinstance(array, np.ndarray):
            given = f"{array.dtype.kind}{array.dtype.itemsize}"
            vector = parameter[1:2] == "V"  # such as float4, made of numbers
            if parameter[0] not in "pc" or not (vector or parameter[1:] in ("*", given)):
                raise LaunchError(f"{self.name}: argument {i} is {given}[], parameter {parameter}")
            memory.note(array, written=parameter[0] == "p")
            return array
        # CuPy hands on Python's numbers with 8 bytes, whatever the kernel takes.
        widths = {bool: np.bool_, int: np.int64, float: np.float64}
        if type(value) in widths:
            value = widths[type(value)](value)
        if parameter[0] in "pc" and isinstance(value, np.uint64) and value == 0:
            return value  # a pointer to nothing
        if not isinstance(value, np.generic):
            raise TypeError(f"Unsupported type {type(value)}")
        given = f"{value.dtype.kind}{value.dtype.itemsize}"
        # An unsigned parameter may be given as a signed number of its size, and the other way.
        same = {given, given.replace("i", "u"), given.replace("u", "i")}
        if parameter not in same:
            raise LaunchError(f"{self.name}: argument {i} is {given}, parameter {parameter}")
        return value


def _three(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if not isinstance(sizes, tuple) or not 1 <= len(sizes) <= 3:
        raise ValueError(f"a grid or a block has one to three sizes, got {sizes!r}")
    if not all(isinstance(n, int) for n in sizes):
        raise TypeError(f"sizes are integers, got {sizes!r}")
    return (*sizes, *[1] * (3 - len(sizes)))


# --- memory between guards ----------------------------------------------------------------------


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_READ_WRITE, _NOTHING = 3, 0
_FREE: dict[int, list[int]] = defaultdict(list)


def _pages(count: int) -> int:
    """The address of so many pages between what nobody may touch."""
    if _FREE[count]:
        return _FREE[count].pop()
    size = count * PAGE + 2 * NOBODYS
    made = _libc.mmap(None, size, _NOTHING, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    start = int(made) + NOBODYS
    if _libc.mprotect(start, count * PAGE, _READ_WRITE):
        raise MemoryError(f"no memory for {count} pages")
    return start


class _Copies:
    """Copies of the memory of arrays; arrays that overlap are copied as one."""

    def __init__(self) -> None:
        self.ranges: list[list[int]] = []  # first byte, one past the last, whether written
        self.at: list[tuple[int, int, int]] = []  # pages, their count, where the copy begins

    def note(self, array: np.ndarray, written: bool) -> None:
        """Take an array in."""
        if not array.size:
            return
        low, high = np.lib.array_utils.byte_bounds(array)
        apart = [r for r in self.ranges if r[1] <= low or high <= r[0]]
        for r in self.ranges:
            if r not in apart:
                low, high, written = min(low, r[0]), max(high, r[1]), written or bool(r[2])
        self.ranges = [*apart, [low, high, int(written)]]

    def take(self) -> None:
        """Copy what has been noted."""
        for low, high, _ in self.ranges:
            size = high - low
            count = -(-(size + 15) // PAGE)
            pages = _pages(count)
            end = pages + count * PAGE
            # As far back as keeps what vectors of 16 bytes need.
            start = end - size - (end - size - low) % 16
            ctypes.memset(pages, GUARD, count * PAGE)
            ctypes.memmove(start, low, size)
            self.at.append((pages, count, start))

    def address(self, array: np.ndarray) -> int:
        """Where the copy of an array begins."""
        own = array.ctypes.data
        for (low, high, _), (_, _, start) in zip(self.ranges, self.at):
            if array.size and low <= own < high:
                return start + own - low
        return 0

    def problem(self) -> str:
        """Whether something around the arrays has been written."""
        for (low, high, _), (pages, count, start) in zip(self.ranges, self.at):
            after = start + high - low
            for first, past in ((pages, start), (after, pages + count * PAGE)):
                around = np.frombuffer(ctypes.string_at(first, past - first), np.uint8)
                if (around != GUARD).any():
                    return f"something has been written beside an array of {high - low} bytes"
        return ""

    def give_back(self, good: bool) -> None:
        """Copy what has been written to where it belongs, and let the pages go."""
        for (low, high, written), (pages, count, start) in zip(self.ranges, self.at):
            if good and written:
                ctypes.memmove(low, start, high - low)
            _FREE[count].append(pages)
