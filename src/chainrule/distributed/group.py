"""Joining the processes that a launcher started, and leaving them (floor 4)."""

from __future__ import annotations

import importlib.util
from typing import Any

from chainrule.backend import ranks, threads
from chainrule.distributed.handshake import agree_on_code
from chainrule.errors import OptionError

__all__ = [
    "destroy_process_group",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init",
    "init_process_group",
    "is_available",
    "is_initialized",
    "is_mpi_available",
    "rank",
    "world_size",
]


def init_process_group(backend: str | None = None, *args: Any, **pytorch: Any) -> None:
    """Join the processes that were started together; a process alone joins nobody.

    Processes of different versions of this library are refused. The cores of a machine are divided
    among its processes, unless `chainrule.set_num_threads` has been called.

    Args:
        backend: "mpi", the only one there is; "gloo" and "nccl", as programs for PyTorch name
            them, are understood as it.
        args: PyTorch's further arguments, without effect: the launcher knows who belongs together.
        pytorch: likewise.

    Raises:
        OptionError: another backend; or the ranks run different code.
        MissingExtraError: there are others, and mpi4py is not installed.

    Examples:
        >>> init_process_group()
        >>> get_rank(), get_world_size()
        (0, 1)
    """
    known = ("mpi", "gloo", "nccl")
    if backend is not None and backend.rpartition(":")[2] not in known:
        raise OptionError(f"backend must be 'mpi', got {backend!r}")
    if ranks.launched() and not ranks.is_joined():
        threads.share_cores(ranks.join().neighbours)
        agree_on_code()


def init() -> None:
    """Join the processes that were started together; as `init_process_group()`."""
    init_process_group()


def destroy_process_group(group: Any = None) -> None:
    """Part from the others; every rank has to."""
    ranks.leave()


def is_available() -> bool:
    """Whether processes can be joined: whether mpi4py is installed."""
    return importlib.util.find_spec("mpi4py") is not None


def is_mpi_available() -> bool:
    """As `is_available`."""
    return is_available()


def is_initialized() -> bool:
    """Whether this process has joined others.

    Examples:
        >>> is_initialized()
        False
    """
    return ranks.is_joined()


def get_backend(group: Any = None) -> str:
    """Return what carries the exchanges: "mpi"."""
    return "mpi"


def get_rank(group: Any = None) -> int:
    """Return the number of this process, from 0.

    Examples:
        >>> get_rank()
        0
    """
    return ranks.world().rank


def get_world_size(group: Any = None) -> int:
    """Return how many processes there are.

    Examples:
        >>> get_world_size()
        1
    """
    return ranks.world().size


rank = get_rank
world_size = get_world_size
