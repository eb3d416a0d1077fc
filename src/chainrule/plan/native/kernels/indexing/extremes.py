"""Where the largest and the smallest are, in LLVM's language (floor 2).

A unit is one result: it goes through its numbers in row-major order and keeps the first of the
best; NaN counts as better than any number, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from chainrule.ops.core import normal_dims
from chainrule.plan.native.kernels.indexing.nests import place, simplest, split
from chainrule.plan.native.llvm.ir import INDEX, Register, Unsupported
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["EXTREMES"]

Better = Callable[[Register, Register], Register]


def _where(better: Better) -> Callable[[Site], None]:
    """How to write the search for the number that none is better than."""

    def write(site: Site) -> None:
        x, out = site.operands[0], site.out
        if not isinstance(x, View) or 0 in x.shape:
            raise Unsupported("a search through nothing")
        gone = normal_dims(site.attrs.get("dim"), len(x.shape))
        kept = [d for d in range(len(x.shape)) if d not in gone]
        rows, (along, results) = simplest(
            tuple(x.shape[d] for d in kept),
            tuple(x.strides[d] for d in kept),
            tuple(
                out.strides[d if len(out.shape) == len(x.shape) else k] for k, d in enumerate(kept)
            ),
        )
        numbers, (within,) = simplest(
            tuple(x.shape[d] for d in gone), tuple(x.strides[d] for d in gone)
        )
        length = math.prod(numbers)

        def one(inside: Inside, unit: Register) -> None:
            w, dtype = inside.w, x.base.dtype
            row = split(unit, rows)
            start = w.at(inside.start(x), dtype, place(row, along))
            best = w.variable(w.load(start, dtype))
            found = w.variable(w.number(0, INDEX))
            with w.loop(length) as k:
                here = w.at(start, dtype, place(split(k, numbers), within))
                y, old = w.load(here, dtype), w.load(best, dtype)
                wins = better(y, old)
                if dtype.kind == "f":
                    wins = wins | (y.ne(y) & old.eq(old))
                w.store(wins.select(y, old), best)
                w.store(wins.select(k, w.load(found, INDEX)), found)
            y = w.load(found, INDEX).to(out.base.dtype)
            w.store(y, w.at(inside.start(out), out.base.dtype, place(row, results)))

        site.each(math.prod(rows), math.prod(x.shape), one)

    return write


EXTREMES: dict[str, Callable[[Site], None]] = {
    "argmax": _where(lambda y, best: y.gt(best)),
    "argmin": _where(lambda y, best: y.lt(best)),
}
