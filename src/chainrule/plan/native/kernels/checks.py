"""Checks: numbers that are looked at before a run goes on (floor 2).

What a check refuses is said by the check itself, which is handed the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.ops.core import Finite, Within
from chainrule.plan.native.formulas.elementwise import apply
from chainrule.plan.native.kernels.indexing.copies import copied
from chainrule.plan.native.kernels.indexing.nests import place, simplest, turns
from chainrule.plan.native.llvm.ir import BOOL, INDEX, Register, Unsupported
from chainrule.plan.native.site import Site
from chainrule.plan.passes.views import View

__all__ = ["CHECKS"]

# Writes whether a number is refused.
Refused: TypeAlias = Callable[[Register], Register]


def check(site: Site) -> None:
    """Write a look at all numbers, and a copy of them: who reads it has waited for the check."""
    x = site.operands[0]
    if not isinstance(x, View):
        raise Unsupported("a check of a number")
    refused = _refused(site.attrs["check"], x.base.dtype)
    if 0 not in x.shape:
        site.insist(_none(site, x, refused))
        copied(site, x, site.out)


def _none(site: Site, x: View, refused: Refused) -> Register:
    """Write whether no number is refused."""
    w, start, dtype = site.w, site.start(x), x.base.dtype
    seen = w.variable(w.number(0, INDEX))
    shape, (steps,) = simplest(x.shape, x.strides)

    def look(index: list[Register]) -> None:
        wrong = refused(w.load(w.at(start, dtype, place(index, steps)), dtype))
        w.store(w.load(seen, INDEX) | wrong.to(INDEX), seen)

    turns(w, shape, look)
    return w.load(seen, INDEX).eq(0)


def _refused(check: Any, dtype: np.dtype[Any]) -> Refused:
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


CHECKS: dict[str, Callable[[Site], None]] = {"check": check}
