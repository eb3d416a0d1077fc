"""Heads of attention: their sizes, and where their queries, keys and values lie (floor 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.plan.native.kernels.attention.batched import Label, Operand, Sizes, copied
from chainrule.plan.native.llvm.ir import Unsupported, llvm_type
from chainrule.plan.native.llvm.vectors import Vector
from chainrule.plan.native.matrices.choice import core
from chainrule.plan.native.site import Site
from chainrule.plan.passes.views import View, row_major

__all__ = ["Given", "Plan", "in_rows", "parts", "read", "steps_of"]


@dataclass(frozen=True)
class Plan:
    """Sizes of one attention, and how it is cut up.

    Attributes:
        lead: labels and sizes of the batch, the heads of keys last.
        share: query heads for each of them.
        queries: how many in each head.
        keys: likewise.
        size: of a query and a key.
        width: of a value.
        dtype: of all numbers.
        scale: of the scores.
        causal: whether query i sees keys 0 to i alone.
        p: the share of weights that is dropped.
    """

    lead: Sizes
    share: int
    queries: int
    keys: int
    size: int
    width: int
    dtype: np.dtype[Any]
    scale: float
    causal: bool
    p: float

    @property
    def vector(self) -> Vector:
        """The kind of vector."""
        lanes = core().width // self.dtype.itemsize
        return Vector(self.dtype, lanes, lanes)

    @property
    def block(self) -> int:
        """Queries that are done together: a vector of them."""
        return self.vector.lanes

    @property
    def blocks(self) -> int:
        """Blocks of queries in a head."""
        return -(-self.queries // self.block)

    @property
    def heads(self) -> Sizes:
        """Labels and sizes that make up the heads of queries."""
        return {**self.lead, "share": self.share}

    @property
    def work(self) -> int:
        """Multiplications in the product of all queries and keys."""
        return math.prod(self.heads.values()) * self.queries * self.keys * self.size


@dataclass(frozen=True)
class Given:
    """The operands; `mask` and `place` may be missing."""

    query: Operand
    key: Operand
    value: Operand
    mask: Operand | None
    place: View | None


def read(site: Site, operands: Sequence[Any]) -> tuple[Plan, Given]:
    """Return the sizes, and the operands with rows whose numbers lie next to one another."""
    query, key, value, mask, place = [*operands, None, None][:5]
    views = [v for v in (query, key, value) if isinstance(v, View)]
    numbers = [*views, *([mask] if mask is not None and mask.base.dtype.kind != "b" else [])]
    dtype = views[0].base.dtype
    if dtype.kind != "f" or any(v.base.dtype != dtype for v in (*numbers, site.out)):
        raise Unsupported("attention in mixed formats")
    if any(0 in v.shape for v in views):
        raise Unsupported("attention to nothing")
    llvm_type(dtype)
    attrs = {"scale": 1.0, "causal": False, "p": 0.0, **site.attrs}
    shape = query.shape
    lead: Sizes = dict(enumerate(shape[:-3]))
    own = key.shape[-3] if len(shape) > 2 else 1
    plan = Plan(
        lead={**lead, "own": own},
        share=shape[-3] // own if len(shape) > 2 else 1,
        queries=shape[-2],
        keys=key.shape[-2],
        size=shape[-1],
        width=value.shape[-1],
        dtype=dtype,
        **attrs,
    )
    seen = over(mask, (*shape[:-1], plan.keys)) if isinstance(mask, View) else None
    return plan, Given(
        in_rows(site, query, plan, plan.share, (plan.queries, plan.size)),
        in_rows(site, key, plan, 1, (plan.keys, plan.size)),
        in_rows(site, value, plan, 1, (plan.keys, plan.width)),
        Operand(seen, steps_of(seen, plan, plan.share)) if seen else None,
        place if isinstance(place, View) else None,
    )


def steps_of(view: View, plan: Plan, share: int) -> dict[Label, int]:
    """How far the numbers of a view lie apart, `share` of its heads for each head of keys."""
    *lead, row, column = view.strides
    found: dict[Label, int] = dict(enumerate(lead[:-1]))
    head = lead[-1] if lead else 0
    shared = head if share > 1 else 0
    return {**found, "own": head * share, "share": shared, "row": row, "column": column}


def in_rows(site: Site, view: View, plan: Plan, share: int, shape: tuple[int, int]) -> Operand:
    """A view as an operand, or a copy of it if the numbers of a row do not lie in order."""
    found = Operand(view, steps_of(view, plan, share))
    if view.strides[-1] == 1 or shape[1] == 1:
        return found
    sizes = {**plan.lead, "share": share, "row": shape[0], "column": shape[1]}
    return copied(site, sizes, [*sizes], found, plan.dtype)


def over(mask: View, shape: tuple[int, ...]) -> View:
    """A mask as a view of the scores' shape."""
    lead = len(shape) - len(mask.shape)
    steps = (s if n > 1 else 0 for s, n in zip(mask.strides, mask.shape))
    return View(mask.base, mask.offset, shape, (*[0] * lead, *steps))


def parts(out: View, operands: Sequence[Any]) -> list[View]:
    """The gradients of queries, keys and values in the array that has them all."""
    if len(out.shape) > 1:
        starts = [out.offset + k * out.strides[0] for k in range(3)]
        return [View(out.base, start, out.shape[1:], out.strides[1:]) for start in starts]
    found, start = [], out.offset
    for view in operands:
        found.append(View(out.base, start, view.shape, row_major(view.shape)))
        start += math.prod(view.shape)
    return found
