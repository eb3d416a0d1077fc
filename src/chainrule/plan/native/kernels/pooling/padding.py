"""Padding with a number: rows that are copied between rows of that number (floor 2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from chainrule.plan.native.kernels.pooling.regions import region
from chainrule.plan.native.kernels.pooling.windows import index, unravelled
from chainrule.plan.native.llvm.ir import Register, Unsupported
from chainrule.plan.native.llvm.vectors import when
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["PADDING"]


def _pad(site: Site) -> None:
    """Write `pad_constant`."""
    x, y = site.operands[0], site.out
    if not isinstance(x, View) or 0 in y.shape:
        raise Unsupported("padding around a number, or of nothing")
    border = Border(x, y, site.attrs["widths"], site.attrs.get("value", 0.0))
    outer, inner = border.order[:2], border.order[2:]

    def unit(inside: Inside, number: Register) -> None:
        w, zero = inside.w, index(inside.w, 0)
        found = unravelled(number, [y.shape[d] for d in outer])
        source, target, real = zero, zero, None
        for d, i in zip(outer, found):
            before, n = border.widths[d][0], x.shape[d]
            target = i * y.strides[d] + target
            source = (i - before) * x.strides[d] + source
            if any(border.widths[d]):
                here = i.ge(before) & i.lt(before + n)
                real = here if real is None else real & here
        if real is None:
            border.rows(inside, inner, source, target)
        else:
            when(
                w,
                real,
                lambda: border.rows(inside, inner, source, target),
                lambda: border.fill(inside, [y.shape[d] for d in inner], inner, target),
            )

    site.each(math.prod(y.shape[d] for d in outer), math.prod(y.shape), unit)


class Border:
    """An array with a number around it.

    Args:
        x: the array.
        y: where it goes.
        widths: how much there is before and after in each dimension.
        value: the number.

    Attributes:
        order: the dimensions, those first in which the result's elements lie farthest apart.
    """

    def __init__(self, x: View, y: View, widths: Sequence[tuple[int, int]], value: float) -> None:
        self.x, self.y, self.widths, self.value = x, y, widths, value
        self.order = sorted(range(len(y.shape)), key=lambda d: -abs(y.strides[d]))

    def rows(self, inside: Inside, dims: Sequence[int], source: Register, target: Register) -> None:
        """Write what is within and around it in some dimensions, where it is inside in others.

        Args:
            inside: the function under construction.
            dims: in the order of `order`.
            source: of the array's first element, how far it is from the start.
            target: likewise of the result's first.
        """
        x, y = self.x, self.y
        if not any(any(self.widths[d]) for d in dims):
            self._copy(inside, [x.shape[d] for d in dims], dims, source, target)
            return
        d, *inner = dims
        (before, after), n = self.widths[d], x.shape[d]
        sizes = [y.shape[e] for e in inner]
        if before:
            self.fill(inside, [before, *sizes], dims, target)
        if after:
            self.fill(inside, [after, *sizes], dims, target + (before + n) * y.strides[d])
        if not n:
            return
        first = target + before * y.strides[d]
        if not any(any(self.widths[e]) for e in inner):
            self._copy(inside, [n, *sizes], dims, source, first)
            return
        with inside.w.loop(n) as i:
            here = i * x.strides[d] + source
            self.rows(inside, inner, here, i * y.strides[d] + first)

    def fill(
        self, inside: Inside, sizes: Sequence[int], dims: Sequence[int], target: Register
    ) -> None:
        """Write the number to a part of the result."""
        w, dtype = inside.w, self.y.base.dtype
        number = w.number(self.value, dtype)
        start = w.at(inside.start(self.y), dtype, target)
        steps = [self.y.strides[d] for d in dims]
        region(w, sizes, [steps], lambda at: w.store(number, w.at(start, dtype, at)))

    def _copy(
        self,
        inside: Inside,
        sizes: Sequence[int],
        dims: Sequence[int],
        source: Register,
        target: Register,
    ) -> None:
        if 0 in sizes:
            return
        w, dtype = inside.w, self.y.base.dtype
        there = w.at(inside.start(self.x), dtype, source)
        here = w.at(inside.start(self.y), dtype, target)
        steps = [[view.strides[d] for d in dims] for view in (self.y, self.x)]

        def one(to: Register, at: Register) -> None:
            w.store(w.load(w.at(there, dtype, at), dtype), w.at(here, dtype, to))

        region(w, sizes, steps, one)


PADDING: dict[str, Callable[[Site], None]] = {"pad_constant": _pad}
