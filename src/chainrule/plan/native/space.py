"""The two parts of a group's space: dimensions with a loop each, and the columns (floor 2).

The outer dimensions have a loop each; the inner ones lie next to one another in all operands and
make one loop of columns. What runs over fewer elements than the space runs once a row (it has 1 in
all inner dimensions), or once in all.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from chainrule.ops import Shape
from chainrule.plan.native.ir import Unsupported
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View

__all__ = ["Halves", "beginnings", "lines", "operands"]


def operands(member: Member) -> list[View]:
    """The operands that are arrays."""
    return [v for v in member.operands if isinstance(v, View)]


def lines(member: Member) -> list[View]:
    """The operands as they are gone through: of a table, where its rows begin."""
    views = operands(member)
    if member.instruction.op.name == "take_along" and views:
        views[0] = beginnings(views[0])
    return views


def beginnings(table: View) -> View:
    """The first element of each row of a table."""
    return replace(table, strides=(*table.strides[:-1], 0))


class Halves:
    """A space cut in two.

    Args:
        group: what runs over the space.
        split: the first inner dimension, if it has to be a certain one.

    Attributes:
        space: all sizes.
        outer: the outer dimensions of more than one element.
        inner: likewise the inner ones.
        columns: how many elements a row has.

    Raises:
        Unsupported: there is no cut that suits all members.
    """

    def __init__(self, group: Group, split: int | None = None) -> None:
        self.space = group.space
        for cut in range(len(self.space) + 1) if split is None else (split,):
            self.outer = wide(self.space, range(cut))
            self.inner = wide(self.space, range(cut, len(self.space)))
            self.columns = math.prod(self.space[cut:])
            if all(self._fits(m) for m in group.members):
                return
        raise Unsupported("operands that lie too oddly")

    def _fits(self, member: Member) -> bool:
        inner, outer, reduced = set(self.inner), set(self.outer), set(member.reduced)
        absent = {d for d in inner | outer if member.space[d] == 1}
        if inner & absent not in (set(), inner):
            return False
        if reduced not in (set(), inner, outer, inner | outer):
            return False
        if reduced and inner <= absent and reduced != outer:
            return False
        return all(self.step(v) is not None for v in (*lines(member), member.out) if self.over(v))

    def over(self, view: View) -> bool:
        """Whether a view is one over this space; generators have shapes of their own."""
        return len(view.shape) == len(self.space)

    def step(self, view: View) -> int | None:
        """Elements from one column to the next if that is always the same, else `None`."""
        if any(view.strides[d] != view.strides[e] * self.space[e] for d, e in pairwise(self.inner)):
            return None
        return view.strides[self.inner[-1]] if self.inner else 0

    def same(self, a: View, b: View) -> bool:
        """Whether two views show the same element at each place of the space."""
        dims = (*self.outer, *self.inner)
        return a.offset == b.offset and all(a.strides[d] == b.strides[d] for d in dims)

    def once(self, member: Member) -> bool:
        """Whether a member runs once in all, before the loops."""
        return not member.reduced and all(n == 1 for n in member.space)

    def by_row(self, member: Member) -> bool:
        """Whether a member runs once a row."""
        return bool(self.inner) and all(member.space[d] == 1 for d in self.inner)

    def over_rows(self, member: Member) -> bool:
        """Whether a member is a reduction over the outer dimensions, and perhaps the inner too."""
        return bool(set(member.reduced) & set(self.outer))

    def within_row(self, member: Member) -> bool:
        """Whether a member is a reduction over the columns alone."""
        return bool(member.reduced) and not self.over_rows(member)

    def by_column(self, member: Member) -> bool:
        """Whether a member is a reduction over the rows that leaves a number for each column."""
        over = self.over_rows(member) and set(member.reduced) == set(self.outer)
        return over and not self.by_row(member) and self.columns > 1


def wide(space: Shape, dims: range) -> tuple[int, ...]:
    """Those of the dimensions that have more than one element."""
    return tuple(d for d in dims if space[d] != 1)
