"""Reductions: where one begins, how it goes on, how it ends, in registers (floor 2).

Numbers are combined in whatever order suits who writes the loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.plan.formulas.elementwise import maximum, minimum
from chainrule.plan.formulas.registers import Register, Unsupported

__all__ = ["REDUCTIONS", "SUM", "Reduction", "reduction"]

Dtype: TypeAlias = "np.dtype[Any]"


class Reduction(NamedTuple):
    """How many numbers become one.

    Attributes:
        start: what to combine the first with, by dtype.
        combine: two numbers into one, in any order.
        before: what is done to each number first.
        after: what is done to the last result, given how many numbers there were.
        sums: whether it is a sum, which wants more digits.
    """

    start: Callable[[Dtype], float]
    combine: Callable[[Register, Register], Register]
    before: Callable[[Register], Register] = lambda x: x
    after: Callable[[Register, int], Register] = lambda y, _count: y
    sums: bool = False


def _lowest(dtype: Dtype) -> float:
    return -math.inf if dtype.kind == "f" else 0 if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: Dtype) -> float:
    return math.inf if dtype.kind == "f" else 1 if dtype.kind == "b" else np.iinfo(dtype).max


def _total(a: Register, b: Register) -> Register:
    return a.plus(b)


def _finite_or_zero(y: Register, _count: int) -> Register:
    if y.dtype.kind != "f":
        return y
    return y.writer.intrinsic("fabs", y).lt(math.inf).select(y, 0)


SUM = Reduction(lambda _: 0, _total, sums=True)

REDUCTIONS: dict[str, Reduction] = {
    "sum": SUM,
    "sum_to": SUM,
    "mean": SUM._replace(after=lambda y, count: y / count),
    "prod": Reduction(lambda _: 1, lambda a, b: a.times(b)),
    "amax": Reduction(_lowest, maximum),
    "amin": Reduction(_highest, minimum),
    "peak": Reduction(_lowest, maximum, after=_finite_or_zero),
    "euclidean_norm": SUM._replace(
        before=lambda x: x * x, after=lambda y, _count: y.writer.intrinsic("sqrt", y)
    ),
}


def reduction(name: str, dtype: Dtype) -> Reduction:
    """Return how the op `name` reduces to `dtype`.

    Raises:
        Unsupported: it is none of these.
    """
    if name not in REDUCTIONS:
        raise Unsupported(name)
    if name in ("mean", "euclidean_norm") and dtype.kind != "f":
        raise Unsupported(f"{name} in {dtype}")
    return REDUCTIONS[name]
