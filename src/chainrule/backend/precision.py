"""How exact products of float32 numbers are on a GPU: by choice less than in full (floor 0).

A GPU multiplies matrices several times as fast if their numbers may lose digits on the way in: TF32
keeps ten bits behind the point, bfloat16 seven; sums are float32 in either case. The choice is
CuPy's to carry out, which is told of it as soon as a GPU is used. On the processor products are in
full.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from chainrule.backend import arrays
from chainrule.errors import OptionError

__all__ = ["get_float32_matmul_precision", "set_float32_matmul_precision"]

# What CuPy calls the ways, by the names of the choice.
_WAYS = {
    "highest": "COMPUTE_TYPE_DEFAULT",
    "high": "COMPUTE_TYPE_TF32",
    "medium": "COMPUTE_TYPE_BF16",
}


class _Choice:
    precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Choose how exact products of float32 matrices are on a GPU.

    Args:
        precision: "highest": float32 throughout; "high": factors in TF32; "medium": in bfloat16.
            Sums are float32, and products on the processor in full, in all three.

    Raises:
        OptionError: none of these.
    """
    if precision not in _WAYS:
        raise OptionError(f"precision is one of {', '.join(_WAYS)}, got {precision!r}")
    if precision != _Choice.precision:
        _Choice.precision = precision
        arrays.when_used(_tell)


def get_float32_matmul_precision() -> str:
    """Return how exact products are.

    Examples:
        >>> get_float32_matmul_precision()
        'highest'
    """
    return _Choice.precision


def _tell() -> None:
    """Let CuPy know; a `CUPY_TF32` of the environment counts until somebody chooses."""
    ways: Any = importlib.import_module("cupy._core._routines_linalg")
    ways.set_compute_type(np.float32, getattr(ways, _WAYS[_Choice.precision]))
