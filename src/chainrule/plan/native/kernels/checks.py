"""Checks: numbers that are looked at before a run goes on (floor 2).

What a check refuses is said by the check itself, which is handed the numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.plan.formulas.checks import Refused, refused_by
from chainrule.plan.native.kernels.indexing.copies import copied
from chainrule.plan.native.kernels.indexing.nests import place, simplest, turns
from chainrule.plan.native.llvm.ir import INDEX, Register, Unsupported
from chainrule.plan.native.site import Site
from chainrule.plan.passes.views import View

__all__ = ["CHECKS"]


def check(site: Site) -> None:
    """Write a look at all numbers, and a copy of them: who reads it has waited for the check."""
    x = site.operands[0]
    if not isinstance(x, View):
        raise Unsupported("a check of a number")
    refused = refused_by(site.attrs["check"], x.base.dtype)
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


CHECKS: dict[str, Callable[[Site], None]] = {"check": check}
