"""Reductions in LLVM's language: where one begins, how it goes on, how it ends (floor 2).

Within a row numbers are combined in whatever order suits vectors. What is summed up over many rows
or many pieces is kept in more digits, so that a sum of float32 is no less exact than NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.plan.native.formulas.elementwise import maximum, minimum
from chainrule.plan.native.llvm.ir import Register, Unsupported, Writer

__all__ = ["REDUCTIONS", "SUM", "Reduction", "Total", "reduction"]

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


class Total:
    """A variable that collects what pieces of a reduction have come to.

    A sum of float32 is collected in float64, one of float64 with what rounding lost beside it
    (A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974).
    """

    def __init__(self, w: Writer, how: Reduction, dtype: Dtype) -> None:
        self.how, self.dtype = how, dtype
        exact = how.sums and dtype.kind == "f"
        self.kept = np.dtype(np.float64) if exact else dtype
        self.place = w.variable(w.number(how.start(dtype), self.kept))
        self.lost = w.variable(w.number(0, dtype)) if exact and dtype == self.kept else ""
        self.writer = w

    def add(self, x: Register) -> None:
        """Collect one more piece."""
        w, old = self.writer, self.writer.load(self.place, self.kept)
        x = x.to(self.kept)
        new = old + x if self.how.sums else self.how.combine(old, x)
        w.store(new, self.place)
        if self.lost:
            back = new - old
            error = (old - (new - back)) + (x - back)
            w.store(w.load(self.lost, self.kept) + error, self.lost)

    def result(self) -> Register:
        """What all pieces come to."""
        return self.exact().to(self.dtype)

    def exact(self) -> Register:
        """The same in as many digits as it was collected in."""
        w, y = self.writer, self.writer.load(self.place, self.kept)
        if self.lost:
            fixed = y + w.load(self.lost, self.kept)
            y = fixed.eq(fixed).select(fixed, y)  # of infinities nothing is lost
        return y
