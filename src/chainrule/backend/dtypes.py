"""The number formats, and which one wins when two meet: PyTorch's rules (floor 0).

Of tensors with different formats the "larger" category wins (bool, integer, float), and within it
the wider format; a tensor without dimensions, or a Python number, only counts if its category is
larger than that of all tensors with dimensions. Integers turned into fractions become the default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule.backend.arrays import is_gpu
from chainrule.errors import OptionError

__all__ = [
    "DType",
    "Unavailable",
    "as_dtype",
    "can_cast",
    "finfo",
    "get_default_dtype",
    "iinfo",
    "promote_types",
    "promoted",
    "result_type",
    "set_default_dtype",
    "set_default_tensor_type",
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


class Unavailable:
    """A format that programs name, in a table or a comparison, and that NumPy has not.

    Args:
        name: PyTorch's.
    """

    is_floating_point = True
    is_complex = False

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"chainrule.{self.name}"


bfloat16 = Unavailable("bfloat16")

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


def set_default_tensor_type(t: Any) -> None:
    """Make new floating-point tensors of the type `t`, `FloatTensor` or its like, from now on."""
    set_default_dtype(t)


# Formats by what PyTorch calls tensors of them.
TENSOR_TYPES = {
    "FloatTensor": float32,
    "DoubleTensor": float64,
    "HalfTensor": float16,
    "ByteTensor": uint8,
    "CharTensor": int8,
    "ShortTensor": int16,
    "IntTensor": int32,
    "LongTensor": int64,
    "BoolTensor": bool_,
}


def as_dtype(dtype: Any) -> DType:
    """Return `dtype`, in whatever way it is named, as a NumPy dtype.

    Examples:
        >>> as_dtype("LongTensor")
        dtype('int64')
    """
    if dtype is float:
        return _default
    if isinstance(dtype, str):
        name = dtype.rpartition(".")[2]
        dtype = TENSOR_TYPES.get(name, name)
    inner = getattr(dtype, "dtype", None)
    if isinstance(inner, np.dtype):
        return inner
    if isinstance(dtype, Unavailable):
        raise OptionError(f"NumPy has no {dtype.name}; use chainrule.float32 or chainrule.float16")
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
        if isinstance(v, (np.ndarray, np.generic)) or is_gpu(v):
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


# --- questions about formats --------------------------------------------------------------------


@dataclass(frozen=True, init=False)
class finfo:  # noqa: N801  # PyTorch's name
    """What a floating-point format can hold.

    Args:
        dtype: the format; the default one if `None`.

    Attributes:
        bits: how many a number takes.
        eps: from 1 to the next number.
        max: the largest number.
        min: the smallest, below 0.
        tiny: the smallest above 0 with all its digits; also `smallest_normal`.
        resolution: how finely decimal numbers are told apart.
        dtype: the name of the format.

    Examples:
        >>> finfo(np.float32).max
        3.4028234663852886e+38
    """

    bits: int
    eps: float
    max: float
    min: float
    tiny: float
    smallest_normal: float
    resolution: float
    dtype: str

    def __init__(self, dtype: Any = None) -> None:
        found = _default if dtype is None else as_dtype(dtype)
        if found.kind != "f":
            raise OptionError(f"finfo takes a floating-point dtype, got {found}; see iinfo")
        facts = np.finfo(found)
        numbers = {name: float(getattr(facts, name)) for name in _FACTS}
        vars(self).update(numbers, bits=facts.bits, dtype=str(found))


_FACTS = ("eps", "max", "min", "tiny", "smallest_normal", "resolution")


@dataclass(frozen=True, init=False)
class iinfo:  # noqa: N801  # PyTorch's name
    """What an integer format can hold.

    Args:
        dtype: the format.

    Attributes:
        bits: how many a number takes.
        max: the largest number.
        min: the smallest.
        dtype: the name of the format.

    Examples:
        >>> iinfo(np.uint8).max
        255
    """

    bits: int
    max: int
    min: int
    dtype: str

    def __init__(self, dtype: Any) -> None:
        found = as_dtype(dtype)
        if found.kind not in "iu":
            raise OptionError(f"iinfo takes an integer dtype, got {found}; see finfo")
        facts = np.iinfo(found)
        vars(self).update(bits=facts.bits, max=facts.max, min=facts.min, dtype=str(found))


def result_type(x: Any, other: Any) -> DType:
    """Return the format in which two tensors or numbers meet.

    Examples:
        >>> result_type(np.ones(2, np.int64), 0.5)
        dtype('float32')
    """
    return promoted([getattr(v, "array", v) for v in (x, other)])


def promote_types(type1: Any, type2: Any) -> DType:
    """Return the smallest format that holds what either can hold, by PyTorch's rules.

    Examples:
        >>> promote_types(np.int32, np.float16)
        dtype('float16')
    """
    return _widest([as_dtype(type1), as_dtype(type2)])


def can_cast(from_: Any, to: Any) -> bool:
    """Return whether numbers of one format may become another's without leaving their category.

    Examples:
        >>> can_cast(np.float64, np.float32), can_cast(np.float32, np.int64)
        (True, False)
    """
    return _CATEGORY[as_dtype(from_).kind] <= _CATEGORY[as_dtype(to).kind]
