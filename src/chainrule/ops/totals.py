"""Sums of numbers that lie far apart, such as those of a channel, added up in pieces (floor 1).

NumPy adds what lies side by side in pairs of pairs, so that rounding hardly grows, but rows one to
the other in order: after 32,768 rows of equal sign a float32 is wrong by some 1e-4. Here rows are
added in pieces of a few, then the pieces, which is also quicker, as the pieces are long.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.ops.core import Array

__all__ = ["add_up"]

PIECES = 128  # of which a sum of rows is made
LEAST = 4096  # numbers; for fewer it is not worth looking
_reduce: Any = np.add.reduce  # as plans call it, with everything by position


def add_up(
    x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Array:
    """Do what `np.add.reduce` does, more exactly where whole rows are added.

    Args:
        x: numbers.
        axis: one, several, or `None` for all.
        dtype: of the result.
        out: where to write it.
        keepdims: whether summed axes stay, with size 1.

    Examples:
        >>> x = np.full((100_000, 2), 0.1, np.float32)
        >>> add_up(x, 0).round(1), np.add.reduce(x, 0).round(1)
        (array([10000., 10000.], dtype=float32), array([9998.6, 9998.6], dtype=float32))
    """
    rows = None
    if x.size >= LEAST and axis is not None and dtype is None and x.dtype.kind == "f":
        summed = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}
        rows = _rows(x, summed)
    if rows is None:
        reduced: Array = _reduce(x, axis, dtype, out, keepdims)
        return reduced
    shape = [1 if a in summed else n for a, n in enumerate(x.shape) if keepdims or a not in summed]
    total = _total(rows).reshape(shape)
    if out is None:
        return total
    out[...] = total
    return out


def _rows(x: Array, summed: set[int]) -> Array | None:
    """x seen as the rows to be added, (rows, numbers), if it lies in memory that way."""
    first, last = sorted(summed, key=lambda a: -x.strides[a]), set(range(x.ndim)) - summed
    count = math.prod(x.shape[a] for a in summed)
    if count < 2 * PIECES or count == x.size:
        return None
    seen = x.transpose(*first, *sorted(last))
    return seen.reshape(count, -1) if seen.flags.c_contiguous else None


def _total(rows: Array) -> Array:
    """The sum of rows."""
    count, numbers = rows.shape
    if count < 2 * PIECES:
        return np.add.reduce(rows, 0)
    each = count // PIECES
    pieces = rows[: each * PIECES].reshape(PIECES, each * numbers)
    total = _total(np.add.reduce(pieces, 0).reshape(each, numbers))
    return total + np.add.reduce(rows[each * PIECES :], 0) if count % PIECES else total
