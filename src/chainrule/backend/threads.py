"""How many processor threads the matrix products may use (floor 0).

NumPy's BLAS starts a thread on every core for all but the smallest products, and on a busy machine
its threads wait for one another longer than they work: on two cores with other work on them, a
small network trained tenfold slower with two threads than with one. So products are given threads
by the size of their work: one below `SMALL` operations, all that are allowed above. Inside `policy`
the BLAS is told when that number changes; outside of it `matmul` tells it before and after, so that
NumPy's own setting is left alone for whoever else uses it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import OptionError

__all__ = [
    "fit_to_work",
    "fitted",
    "get_num_threads",
    "matmul",
    "policy",
    "set_num_threads",
    "share_cores",
]

# Below this many operations a product gains less from a second thread than it can lose by it.
SMALL = 50_000_000
# Below this many the BLAS itself (OpenBLAS) uses one thread.
TINY = 500_000

_allowed: int | None = None
_policies: list[_Policy] = []  # those that are entered, in the order of entering, of all threads
_current = 0  # what the BLAS was told last, 0 where somebody else may have spoken since
_natural = 1
_entering = threading.Lock()
_libraries: list[Any] = []  # threadpoolctl's controllers
_before: list[int] = []  # their numbers of threads when `policy` was entered


def _available() -> int:
    """How many threads this process has cores for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def get_num_threads() -> int:
    """Return how many threads large products may use.

    As many as were set; else as there are cores, or fewer where the BLAS was told so.
    """
    for entered in reversed(_policies):
        if entered.allowed:
            return entered.allowed
    if not _allowed:
        _blas()
    return _allowed or _natural


def set_num_threads(n: int) -> None:
    """Let large matrix products use `n` threads, in this process, from now on.

    Args:
        n: at least 1.

    Raises:
        OptionError: `n` is below 1.

    Examples:
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
    """
    global _allowed
    if n < 1:
        raise OptionError(f"the number of threads must be at least 1, got {n}")
    _allowed = int(n)
    for entered in _policies:
        entered.allowed = None
    _set(_allowed)
    _before[:] = [_allowed] * len(_before)


def share_cores(processes: int) -> None:
    """Leave the other processes of this machine their cores, unless a number of threads was set.

    Examples:
        >>> set_num_threads(1)
        >>> share_cores(2)
        >>> get_num_threads()
        1
    """
    if _allowed is None:
        set_num_threads(max(1, min(get_num_threads(), _available() // processes)))


def _blas() -> list[Any]:
    # Looking the libraries up costs milliseconds, so it is done once; threadpoolctl is imported
    # only by a process that comes here.
    global _natural
    if not _libraries:
        from threadpoolctl import ThreadpoolController

        cores = _available()
        found = ThreadpoolController().select(user_api="blas").lib_controllers
        # SciPy may have brought a second one, which no product of this library goes to.
        own = [library for library in found if "numpy" in library.filepath]
        _libraries.extend(own or found)
        _natural = min([cores, *(library.num_threads for library in _libraries)])
    return _libraries


def _set(n: int) -> None:
    global _current
    if n != _current:
        libraries = _blas()
        if _policies and not _before:
            _before.extend(library.num_threads for library in libraries)
        for library in libraries:
            library.set_num_threads(n)
        _current = n


def fit_to_work(operations: int) -> None:
    """Give the product about to run, of so many operations, the threads that it is worth."""
    if _policies:
        _set(1 if operations < SMALL else get_num_threads())


class _Alone:
    """Inside, the BLAS uses one thread; after the last who was, as many as before the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.before: list[int] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.before = [library.num_threads for library in _blas()]
                self.set([1] * len(self.before))
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.set(self.before)

    def set(self, numbers: list[int]) -> None:
        for library, now, n in zip(_blas(), self.before, numbers):
            if now > 1:
                library.set_num_threads(n)


_alone = _Alone()


def matmul(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return `np.matmul(a, b)`, made by as many threads as it is worth.

    Args:
        a: (..., m, k).
        b: (..., k, n).
        out: where to put the product.

    Examples:
        >>> import numpy as np
        >>> matmul(np.ones((2, 3)), np.ones((3, 1)))
        array([[3.],
               [3.]])
    """
    operations = 2 * a.size * b.shape[-1]
    if _policies:
        fit_to_work(operations)
    elif TINY <= operations < SMALL:
        with _alone:
            return np.matmul(a, b, out=out)
    return np.matmul(a, b, out=out)


@contextmanager
def fitted(operations: int) -> Iterator[None]:
    """Give the products inside, each of at most so many operations, the threads that one is worth.

    Args:
        operations: of the largest.

    Examples:
        >>> import numpy as np
        >>> with fitted(2 * 2 * 3):
        ...     np.matmul(np.ones((2, 3)), np.ones((3, 1)))
        array([[3.],
               [3.]])
    """
    fit_to_work(operations)
    with _alone if not _policies and TINY <= operations < SMALL else nullcontext():
        yield


class _Policy:
    """One block under the policy, with the most threads that a product gets in it."""

    def __init__(self, allowed: int | None) -> None:
        self.allowed = allowed


@contextmanager
def policy(n: int | None = None) -> Iterator[None]:
    """Give products threads by the size of their work inside the block.

    The BLAS has one setting for the whole process: where blocks of several Python threads overlap,
    the one entered last says how many, and the last to leave puts back what was found.

    Args:
        n: the most threads a product gets; as set before if `None`.

    Examples:
        >>> with policy(1):
        ...     pass
    """
    global _current
    entered = _Policy(n)
    with _entering:
        if not _policies:
            _current = 0
        _policies.append(entered)
    try:
        yield
    finally:
        with _entering:
            _policies.remove(entered)
            if not _policies:
                for library, threads in zip(_libraries, _before):
                    library.set_num_threads(threads)
                _before.clear()
                _current = 0
