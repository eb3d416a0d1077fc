"""Which numbers a check refuses, in registers (floor 2).

What is said of them is the check's own affair: it is handed the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.ops.core import Finite, Within
from chainrule.plan.formulas.elementwise import apply
from chainrule.plan.formulas.registers import BOOL, Register, Unsupported

__all__ = ["Refused", "refused_by"]

# Writes whether a number is refused.
Refused: TypeAlias = Callable[[Register], Register]


def refused_by(check: Any, dtype: np.dtype[Any]) -> Refused:
    """Return what writes whether `check` refuses a number of a dtype.

    Raises:
        Unsupported: it is no check that is known here.
    """
    if isinstance(check, Finite) and dtype.kind == "f":
        return lambda x: apply(x.writer, "isfinite", [x], {}, BOOL) ^ True
    if isinstance(check, Within):
        return lambda x: _outside(check, x)
    raise Unsupported(f"the check {check!r}")


def _outside(check: Within, x: Register) -> Register:
    """Write whether a number is outside; bounds that none of its dtype can pass are left out."""
    x = x.to(np.uint8) if x.dtype.kind == "b" else x
    least, most = _reach(x.dtype)
    wrong = x.writer.number(False, BOOL)
    if check.low > least:
        wrong = wrong | x.lt(check.low)
    if check.high < most:
        wrong = wrong | x.gt(check.high)
    if check.besides is not None and least <= check.besides <= most:
        wrong = wrong & x.ne(check.besides)
    return wrong


def _reach(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind == "f":
        return -math.inf, math.inf
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
