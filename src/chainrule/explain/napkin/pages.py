"""Memory that is new to the process, which the system hands out page by page (floor 4).

NumPy's arrays come from the allocator, which gives large ones back to the system and asks for them
anew. The first touch of each page then stops the program until the system has found and emptied
one, which on a virtual machine may take longer than all that is computed in it. How many pages a
call has stopped for is counted by the system itself; a large array may lie in pages of 2 MiB.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.ops import Op

__all__ = ["Counter", "Pages", "faults", "measured_pages"]

SMALL = mmap.PAGESIZE  # bytes of a page that is not huge
TRIED = 9


class Pages(NamedTuple):
    """What a new page costs, in seconds."""

    small: float
    huge: float

    def seconds(self, count: float, made: float) -> float:
        """What so many new pages cost.

        Args:
            count: of pages.
            made: bytes that are made meanwhile; if the pages do not hold these, they are huge ones.

        Examples:
            >>> cost = Pages(small=1e-6, huge=2e-4)
            >>> cost.seconds(256, 2**20), cost.seconds(4, 2**23)
            (0.000256, 0.0008)
        """
        return count * (self.huge if count * SMALL < made / 4 else self.small)


def _counted() -> Callable[[], int]:
    try:
        import resource
    except ImportError:  # nobody counts on Windows
        return lambda: 0
    usage, whose = resource.getrusage, resource.RUSAGE_SELF
    return lambda: usage(whose).ru_minflt


faults = _counted()


class Counter:
    """A watcher that counts, call by call, the pages that were new.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> counter = Counter()
        >>> with ops.watch(counter):
        ...     _ = ops.exp(np.ones(3))
        >>> len(counter.pages)
        1
    """

    def __init__(self) -> None:
        self.pages: list[int] = []
        self._before = faults()

    def __call__(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        now = faults()
        self.pages.append(now - self._before)
        self._before = now


def measured_pages() -> Pages:
    """Measure what new pages cost."""
    return Pages(_least(_small_pages, 2**20), _least(_huge_pages, 2**25))


def _least(touch: Callable[[int], None], size: int) -> float:
    """The least seconds of a page, of some tries."""
    found = []
    for _ in range(TRIED):
        before, begun = faults(), time.perf_counter()
        touch(size)
        seconds, count = time.perf_counter() - begun, faults() - before
        found.append(seconds / max(1, count))
    return min(found)


def _small_pages(size: int) -> None:
    with mmap.mmap(-1, size) as memory:
        pages = np.frombuffer(memory, np.uint8)
        pages[::SMALL] = 1
        del pages


def _huge_pages(size: int) -> None:
    np.empty(size, np.uint8)[::SMALL] = 1
