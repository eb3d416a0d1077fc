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
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from chainrule.ops import Op

__all__ = ["Counter", "Pages", "faults", "measured_pages"]

SMALL, HUGE = mmap.PAGESIZE, 2**21  # bytes of a page
# Memory of this process alone, as an allocator asks for it; Windows knows no other.
OWN = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
LARGE = 2**22  # bytes of an array from which on NumPy asks for huge pages
TRIED = 9


class Pages(NamedTuple):
    """What a new page costs, in seconds."""

    small: float
    huge: float

    def seconds(self, count: float, made: float) -> float:
        """What so many new pages cost.

        Args:
            count: of pages.
            made: bytes that are made meanwhile; if so many pages could not hold these, as many as
                there can be of them are huge ones.

        Examples:
            >>> cost = Pages(small=1e-6, huge=2e-4)
            >>> [round(1e6 * cost.seconds(n, made)) for n, made in ((256, 2**20), (14, 2**23))]
            [256, 810]
        """
        are_small = made < LARGE or count * SMALL >= made / 4
        huge = 0.0 if are_small else min(count, made // HUGE)
        return huge * self.huge + (count - huge) * self.small


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
    return Pages(_least(2**20) / (2**20 / SMALL), _least(2**25, huge=True) / (2**25 / HUGE))


def _least(size: int, huge: bool = False) -> float:
    """The least seconds that it takes to have memory, touch each page of it and give it back."""
    times = []
    for _ in range(TRIED):
        begun = time.perf_counter()
        with mmap.mmap(-1, size, **OWN) as memory:
            if huge and hasattr(mmap, "MADV_HUGEPAGE"):
                with suppress(OSError):
                    memory.madvise(mmap.MADV_HUGEPAGE)
            pages = np.frombuffer(memory, np.uint8)
            pages[::SMALL] = 1
            del pages
        times.append(time.perf_counter() - begun)
    return min(times)
