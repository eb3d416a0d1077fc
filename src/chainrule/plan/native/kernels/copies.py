"""Copies: what is reshaped or cut out in a way that steps through memory cannot show (floor 2)."""

from __future__ import annotations

import math
from collections.abc import Callable

from chainrule.plan.native.ir import Number, Register, Unsupported
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["COPIES"]


def reshape(site: Site) -> None:
    """Write a copy of all elements, in the order of their indices, into another shape."""
    x, y = site.operands[0], site.out
    if not isinstance(x, View) or 0 in x.shape:
        raise Unsupported("a reshape of nothing")
    rows, width = (x.shape[0], math.prod(x.shape[1:])) if x.shape else (1, 1)

    def one(inside: Inside, row: Register) -> None:
        w, dtype = inside.w, x.base.dtype
        source, target = inside.start(x), inside.start(y)
        with w.loop(width) as k:
            at = row * width + k
            y_at = w.at(target, dtype, place(y, at))
            w.store(w.load(w.at(source, dtype, place(x, at)), dtype), y_at)

    site.each(rows, rows * width, one)


def place(view: View, number: Register) -> Number:
    """Write where element `number`, in the order of indices, of a view lies."""
    found: Number = 0
    left = number
    for n, step in zip(reversed(view.shape), reversed(view.strides)):
        whole = left / n
        found = (left - whole * n) * step + found
        left = whole
    return found


COPIES: dict[str, Callable[[Site], None]] = {"reshape": reshape}
