"""The number formats, and which one wins when two meet: PyTorch's rules (floor 0).

Of tensors with different formats the "larger" category wins (bool, integer, float), and within it
the wider format; a tensor without dimensions, or a Python number, only counts if its category is
larger than that of all tensors with dimensions. Integers turned into fractions become the default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import OptionError

__all__ = [
    "DType",
    "as_dtype",
    "get_default_dtype",
    "promoted",
    "set_default_dtype",
]

DType: TypeAlias = np.dtype[Any]

float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
bool_ = np.dtype(np.bool_)

_default = float32


def get_default_dtype() -> DType:
    """Return the format of new floating-point tensors, float32 unless set."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Make new floating-point tensors `dtype` from now on.

    Raises:
        OptionError: `dtype` is not a floating-point format.

    Examples:
        >>> set_default_dtype(np.float64)
        >>> get_default_dtype()
        dtype('float64')
        >>> set_default_dtype(np.float32)
    """
    global _default
    found = as_dtype(dtype)
    if found.kind != "f":
        raise OptionError(f"the default dtype must be a floating-point one, got {found}")
    _default = found


def as_dtype(dtype: Any) -> DType:
    """Return `dtype`, in whatever way it is named, as a NumPy dtype."""
    if dtype is float:
        return _default
    try:
        return np.dtype(dtype)
    except TypeError:
        raise OptionError(f"{dtype!r} is not a dtype; use chainrule.float32 or the like") from None


_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def promoted(values: Sequence[Any]) -> DType:
    """Return the format in which arrays and numbers meet.

    Args:
        values: arrays of any shape, and Python numbers.

    Examples:
        >>> promoted([np.ones(2, np.float32), np.array(1.0)])
        dtype('float32')
        >>> promoted([np.ones(2, np.int64), 0.5])
        dtype('float32')
    """
    tiers: tuple[list[DType], list[DType], list[DType]] = ([], [], [])
    for v in values:
        if isinstance(v, (np.ndarray, np.generic)):
            tiers[0 if v.ndim else 1].append(v.dtype)
        else:
            tiers[2].append(np.dtype(bool) if v is True or v is False else _of_number(v))
    best: DType | None = None
    for tier in tiers:
        if tier:
            found = _widest(tier)
            if best is None or _CATEGORY[found.kind] > _CATEGORY[best.kind]:
                best = found
    assert best is not None
    return best


def _widest(dtypes: Sequence[DType]) -> DType:
    """The format for equals: of the largest category there is, the widest."""
    top = max(_CATEGORY[d.kind] for d in dtypes)
    return np.result_type(*(d for d in dtypes if _CATEGORY[d.kind] == top))


def _of_number(v: Any) -> DType:
    return int64 if isinstance(v, int) else _default
