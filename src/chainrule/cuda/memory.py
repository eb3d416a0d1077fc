"""How much memory of a GPU is in use: what CuPy's pool says of it (floor 3).

The pool keeps what was freed for what comes next. It does not note how much was in use at most;
what it has set apart is the nearest to it that there is, and never less.
"""

from __future__ import annotations

from typing import Any

from chainrule.backend.arrays import gpu
from chainrule.cuda.hardware import device, index_of

__all__ = [
    "empty_cache",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
]


def _asked(name: str, where: Any) -> int:
    """A count of the pool of a GPU: 0 where there is none."""
    if gpu() is None:
        return 0
    with device(index_of(where)):
        return int(getattr(gpu().get_default_memory_pool(), name)())


def memory_allocated(device: Any = None) -> int:
    """Bytes that arrays on a GPU hold; 0 without one."""
    return _asked("used_bytes", device)


def memory_reserved(device: Any = None) -> int:
    """Bytes that are set apart on a GPU, in use or free for what comes next; 0 without one."""
    return _asked("total_bytes", device)


def max_memory_reserved(device: Any = None) -> int:
    """Bytes that have been set apart at most since `empty_cache`; 0 without a GPU."""
    return _asked("total_bytes", device)


def max_memory_allocated(device: Any = None) -> int:
    """Bytes that were in use at most since `reset_peak_memory_stats`, or somewhat more.

    What is told is what has been set apart: blocks are kept in sizes that suit many.
    """
    return _asked("total_bytes", device)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begin anew to find how much is in use at most, by giving back what is not in use."""
    if gpu() is not None:
        _give_back(device)


def empty_cache() -> None:
    """Give back to the driver what is set apart and not in use, with what is pinned likewise."""
    if gpu() is not None:
        _give_back(None)
        gpu().get_default_pinned_memory_pool().free_all_blocks()


def _give_back(where: Any) -> None:
    with device(index_of(where)):
        gpu().get_default_memory_pool().free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return the bytes that are free on a GPU, for all programs, and those that it has.

    Raises:
        OptionError: it is not there.
    """
    index = index_of(device)
    free, total = gpu().cuda.Device(index).mem_info
    return int(free), int(total)
