"""Teams: threads that do products together with whoever calls them (floor 2).

The helpers are threads of Python that stay in machine code, without Python's lock, until the
program ends. How many there are is what `backend.threads` allows; how they share is in `sharing`.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
from functools import cache

import numpy as np

from chainrule.backend.threads import get_num_threads
from chainrule.plan.native.llvm import toolchain
from chainrule.plan.native.llvm.ir import Writer
from chainrule.plan.native.matrices.products import Kernel, Product
from chainrule.plan.native.team import sharing

__all__ = ["Team", "shares", "team", "told"]

# Multiplications below which to announce a product costs more than it brings.
SMALL = 250_000
EACH = 4  # shares for each of a team, so that one who comes late does fewer


class Team:
    """The caller and `count - 1` helpers.

    Args:
        count: at least 1.

    Attributes:
        count: how many they are.
        address: of the team's memory, for `sharing.together`.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        room = np.zeros(sharing.SIZE + 64, np.uint8)
        self._memory = room[-room.ctypes.data % 64 :][: sharing.SIZE]
        self.address = self._memory.ctypes.data
        w = Writer()
        self._code = toolchain.compile_text(w.module(sharing.serving(w)))
        self._call("prepare", count)
        self._helpers = [
            threading.Thread(target=self._call, args=("serve", me), daemon=True, name="chainrule")
            for me in range(1, count)
        ]
        for helper in self._helpers:
            helper.start()
        atexit.register(self.stop)

    def _call(self, name: str, *numbers: int) -> None:
        kinds = [ctypes.c_int64] * len(numbers)
        self._code.function(name, ctypes.c_void_p, *kinds)(self.address, *numbers)

    def stop(self) -> None:
        """Let the helpers end; products are done by the caller alone from then on."""
        self._call("stop")
        for helper in self._helpers:
            helper.join()
        self._helpers = []
        atexit.unregister(self.stop)


@cache
def _team(count: int) -> Team:
    return Team(count)


def team(count: int | None = None) -> Team | None:
    """Return the team of this process for a number of threads, or `None` where one works alone.

    Args:
        count: the number; what `backend.threads` allows by default.
    """
    count = count or get_num_threads()
    return _team(count) if count > 1 and sharing.is_supported() else None


def shares(product: Product, kernel: Kernel, count: int) -> int:
    """Return into how many shares a product is best cut for so many threads; 1 is not at all.

    Examples:
        >>> from chainrule.plan.native.llvm.ir import Writer
        >>> from chainrule.plan.native.matrices.products import Tile, write
        >>> small = Product(100, 16, 16, (16, 1), (16, 1), 16, np.dtype(np.float32))
        >>> kernel = write(Writer(), small, Tile("outer", 12, 16, 16, 16), "product")
        >>> shares(small, kernel, 2)
        1
    """
    if count < 2 or product.m * product.n * product.k < SMALL:
        return 1
    return min(kernel.units, EACH * count, sharing.MOST)


def told(product: Product, shares: int, count: int) -> str:
    """Say how much work a product is, and who does it.

    Examples:
        >>> told(Product(64, 128, 784, (784, 1), (1, 784), 128, np.dtype(np.float32)), 8, 2)
        '64 x 784 by 784 x 128: 6.42 million multiplications in 8 shares for 2 threads'
    """
    m, n, k = product.m, product.n, product.k
    who = "by one thread" if shares == 1 else f"in {shares} shares for {count} threads"
    return f"{m} x {k} by {k} x {n}: {m * n * k / 1e6:.3g} million multiplications {who}"
