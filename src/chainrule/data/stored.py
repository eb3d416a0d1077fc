"""Arrays that are larger than memory is to hold: in a file, read as they are used (floor 3).

The file has no name in its folder, so that nothing is left of it when the process ends, however it
ends. What has been read of it is the operating system's to forget when memory is short.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from chainrule.data.places import cache_folder
from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = ["AT_ONCE", "blocks_of", "gathered", "is_stored", "stored"]

AT_ONCE = 2**24  # bytes of an array that are handled together


def stored(blocks: Iterable[Array], rows: int, columns: int) -> Array:
    """Write blocks of rows below one another, and return them as one array.

    Args:
        blocks: float32 (n, columns) each.
        rows: of all of them together.
        columns: of each.

    Raises:
        DataError: the disk has no room for them.

    Examples:
        >>> x = stored([np.zeros((2, 3)), np.ones((1, 3))], 3, 3)
        >>> x.sum(axis=1).tolist(), is_stored(x), is_stored(np.asarray(x)[1:])
        ([0.0, 0.0, 3.0], True, True)
    """
    folder = cache_folder() / "tables"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if 4 * rows * columns > shutil.disk_usage(folder).free:
            raise DataError(
                f"{4 * rows * columns:,} bytes are due in {folder}, and there is no room for them; "
                "set XDG_CACHE_HOME to a folder on a larger disk"
            )
        with tempfile.TemporaryFile(dir=folder) as file:
            for block in blocks:
                file.write(np.ascontiguousarray(block, np.float32).data)
            file.flush()
            return np.memmap(file, np.float32, "r+", shape=(rows, columns))
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror or error}") from None


def is_stored(array: Any) -> bool:
    """Whether an array lies in a file.

    Args:
        array: it, or a part of it.
    """
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def gathered(x: Array, rows: Array) -> Array:
    """Return some rows of a stored array as a stored array.

    Args:
        x: (N, columns).
        rows: whole numbers, or a mask of booleans (N,).
    """
    chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
    each = max(AT_ONCE // max(4 * x.shape[1], 1), 1)
    blocks = (x[chosen[i : i + each]] for i in range(0, len(chosen), each))
    return stored(blocks, len(chosen), x.shape[1])


def blocks_of(x: Array) -> Iterator[Array]:
    """Yield the rows of an array in blocks of `AT_ONCE` bytes.

    Args:
        x: (N, ...).
    """
    each = max(AT_ONCE // max(x[:1].nbytes, 1), 1)
    for i in range(0, len(x), each):
        yield x[i : i + each]
