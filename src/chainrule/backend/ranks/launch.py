"""How a process finds out that a launcher started it as one of several (floor 0)."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import Any

from chainrule.errors import MissingExtraError

__all__ = ["is_first", "launched", "require_mpi", "told"]

# By which variables launchers tell a process its number and how many there are: Hydra (MPICH,
# Intel MPI) and Slurm's PMI, Open MPI, MVAPICH. Slurm's own are set in every job, so not asked for.
_TOLD = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
)

_MISSING = "several processes need mpi4py and an MPI; pip install 'chainrule[mpi]' brings both"


def told(environment: Mapping[str, str] | None = None) -> tuple[int, int]:
    """Return the rank and the number of processes that a launcher told, (0, 1) if there is none.

    Examples:
        >>> told({"PMI_RANK": "2", "PMI_SIZE": "4"}), told({})
        ((2, 4), (0, 1))
    """
    given = os.environ if environment is None else environment
    for rank, size in _TOLD:
        if given.get(rank, "").isdigit() and given.get(size, "").isdigit():
            return int(given[rank]), int(given[size])
    return 0, 1


def launched() -> bool:
    """Whether a launcher (mpiexec, srun) started this process as one of several."""
    return told()[1] > 1


def is_first() -> bool:
    """Whether this process is alone, or of several the first: who speaks before they have joined.

    Examples:
        >>> is_first()
        True
    """
    return told()[0] == 0


def require_mpi() -> Any:
    """Return mpi4py's MPI.

    Raises:
        MissingExtraError: mpi4py is not installed, or finds no MPI.
    """
    if importlib.util.find_spec("mpi4py") is None:
        raise MissingExtraError(_MISSING)
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise MissingExtraError(f"{_MISSING} ({reason})") from None
    return MPI
