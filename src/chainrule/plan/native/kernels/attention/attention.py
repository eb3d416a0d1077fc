"""Attention and its gradients, some queries and keys at a time (floor 2)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chainrule.plan.native.kernels.attention.batched import Operand, started
from chainrule.plan.native.kernels.attention.heads import in_rows, parts, read, steps_of
from chainrule.plan.native.kernels.attention.strips import Back, Work, clear
from chainrule.plan.native.llvm.ir import Register, Unsupported
from chainrule.plan.native.matrices.products import cut
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["ATTENTION"]

UINT = np.dtype(np.uint64)


def attention(site: Site) -> None:
    """Write softmax(scale Q K^T + mask) V: a unit is a block of queries."""
    plan, given = read(site, site.operands)
    out = Operand(site.out, steps_of(site.out, plan, plan.share))

    def unit(inside: Inside, number: Register) -> None:
        head = number / plan.blocks
        block = number - head * plan.blocks
        work = Work(inside, plan, given, plan.heads, head)
        target = started(inside, out, plan.heads, head), out.steps["row"]
        for_each = cut(inside.w, block, plan.queries, plan.block)
        for_each(lambda live: work.forward(block * plan.block, live, target))

    site.each(math.prod(plan.heads.values()) * plan.blocks, 2 * plan.work, unit)


def attention_back(site: Site) -> None:
    """Write the gradients of queries, keys and values: a unit is all that has the same keys."""
    g, *operands = site.operands
    plan, given = read(site, operands)
    if not isinstance(g, View) or g.base.dtype != plan.dtype:
        raise Unsupported("attention in mixed formats")
    slope = in_rows(site, g, plan, plan.share, (plan.queries, plan.width))
    outs = [
        Operand(view, steps_of(view, plan, share))
        for view, share in zip(parts(site.out, operands[:3]), (plan.share, 1, 1))
    ]

    def unit(inside: Inside, number: Register) -> None:
        w = inside.w
        dk, dv = ((started(inside, x, plan.lead, number), x.steps["row"]) for x in outs[1:])
        clear(w, dk, plan.keys, plan.size, plan.dtype)
        clear(w, dv, plan.keys, plan.width, plan.dtype)
        with w.loop(plan.share) as turn:
            head = number * plan.share + turn
            work = Work(inside, plan, given, plan.heads, head)
            dq, come = (
                (started(inside, x, plan.heads, head), x.steps["row"]) for x in (outs[0], slope)
            )
            back = Back(work, come, dq, dk, dv)
            with w.loop(plan.blocks) as block:
                for_each = cut(w, block, plan.queries, plan.block)
                for_each(lambda live: back.block(block * plan.block, live))

    site.each(math.prod(plan.lead.values()), 5 * plan.work, unit)


def random_place(site: Site) -> None:
    """Write the copy of where a generator stands, which then skips some numbers."""
    state = site.operands[0]
    if not isinstance(state, View):
        raise Unsupported("a generator that is no array")
    w, source, target = site.w, site.start(state), site.start(site.out)
    key, count = (w.at(source, UINT, k * state.strides[0]) for k in range(2))
    place = w.load(count, UINT)
    w.store(w.load(key, UINT), target)
    w.store(place, w.at(target, UINT, site.out.strides[0]))
    w.store(place + site.attrs["count"], count)


ATTENTION: dict[str, Callable[[Site], None]] = {
    "attention": attention,
    "attention_back": attention_back,
    "random_place": random_place,
}
