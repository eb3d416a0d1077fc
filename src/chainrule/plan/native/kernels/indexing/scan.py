"""Running sums, products, logarithms of sums and extremes along a dimension (floor 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from chainrule.plan.formulas.elementwise import apply
from chainrule.plan.native.kernels.indexing.lines import lines
from chainrule.plan.native.kernels.indexing.nests import lined
from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Unsupported
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["SCANS"]

Combine: TypeAlias = Callable[[Register, Register], Register]


def running(combine: Combine) -> Callable[[Site], None]:
    """A kernel for y[k] = combine(y[k - 1], x[k]) along a dimension, where y[0] = x[0]."""

    def kernel(site: Site) -> None:
        (x, y), dim = _memories(site)
        dtype, back = y.base.dtype, -y.strides[dim]

        def number(inside: Inside, at: Number) -> Register:
            w, own = inside.w, x.base.dtype
            return w.load(w.at(inside.start(x), own, at), own).to(dtype)

        def begin(inside: Inside, at: Sequence[Number], _k: Register) -> None:
            w = inside.w
            w.store(number(inside, at[0]), w.at(inside.start(y), dtype, at[1]))

        def turn(inside: Inside, at: Sequence[Number], _k: Register) -> None:
            w = inside.w
            target = w.at(inside.start(y), dtype, at[1])
            old = w.load(w.at(target, dtype, back), dtype)
            w.store(combine(old, number(inside, at[0])), target)

        shape, steps = y.shape, [x.strides, y.strides]
        lines(site, (*shape[:dim], 1, *shape[dim + 1 :]), dim, steps, begin)
        lines(site, shape, dim, steps, turn, first=1)

    return kernel


def running_place(better: Combine) -> Callable[[Site], None]:
    """A kernel for the place of the best so far: the last at a tie, and NaN is best of all."""

    def kernel(site: Site) -> None:
        (x, y), dim = _memories(site)
        step, back = x.strides[dim], -y.strides[dim]
        still = (*x.strides[:dim], 0, *x.strides[dim + 1 :])

        def number(inside: Inside, at: Number) -> Register:
            return inside.w.load(inside.w.at(inside.start(x), x.base.dtype, at), x.base.dtype)

        def begin(inside: Inside, at: Sequence[Number], k: Register) -> None:
            inside.w.store(k, inside.w.at(inside.start(y), INDEX, at[1]))

        def turn(inside: Inside, at: Sequence[Number], k: Register) -> None:
            w = inside.w
            target = w.at(inside.start(y), INDEX, at[1])
            old, new = w.load(w.at(target, INDEX, back), INDEX), number(inside, at[0])
            reached = better(new, number(inside, old * step + at[2])) | new.ne(new)
            w.store(reached.select(k, old), target)

        shape, steps = y.shape, [x.strides, y.strides, still]
        lines(site, (*shape[:dim], 1, *shape[dim + 1 :]), dim, steps, begin)
        lines(site, shape, dim, steps, turn, first=1)

    return kernel


def _memories(site: Site) -> tuple[tuple[View, View], int]:
    """What is gone through, what is made, and along which dimension."""
    x = site.operands[0]
    if not isinstance(x, View):
        raise Unsupported("a line of one number")
    y = lined(site.out)
    return (lined(x), y), site.attrs.get("dim", -1) % len(y.shape)


SCANS: dict[str, Callable[[Site], None]] = {
    "cumsum": running(lambda old, new: old + new),
    "cumprod": running(lambda old, new: old * new),
    "logcumsumexp": running(
        lambda old, new: apply(old.writer, "logaddexp", [old, new], {}, old.dtype)
    ),
    "running_argmax": running_place(lambda new, best: new.ge(best)),
    "running_argmin": running_place(lambda new, best: new.le(best)),
}
