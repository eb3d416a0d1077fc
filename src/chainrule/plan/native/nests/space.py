"""The two parts of a group's space: dimensions with a loop each, and the columns (floor 2).

The outer dimensions have a loop each; the last one is the loop of columns. What runs over fewer
elements than the space runs once a row (it has 1 in the last dimension). Sums over rows are sums
over some of the outer dimensions, the same ones for all members of a group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chainrule.ops import Shape
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View, row_major

__all__ = ["Halves", "beginnings", "lines", "operands", "within"]


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


def within(member: Member, space: Shape, part: Shape) -> Member:
    """A member over a space as one over the part of it that it runs over."""
    if space == part:
        return member

    def cut(view: Any, table: bool = False) -> Any:
        if not isinstance(view, View) or not (table or view.shape == space):
            return view
        return replace(view, shape=(*part[:-1], view.shape[-1]) if table else part)

    tables = member.instruction.op.name == "take_along"
    read = tuple(cut(v, tables and not k) for k, v in enumerate(member.operands))
    return replace(member, operands=read, out=cut(member.out))


class Halves:
    """A space cut in two.

    Args:
        group: what runs over the space.
        places: for each dimension how many random numbers are drawn before the next index; by
            default as many as lie behind one index in row-major order.

    Attributes:
        space: all sizes.
        places: as given.
        outer: the outer dimensions of more than one element.
        inner: the last one, if it has more than one element.
        columns: how many elements a row has.
        rows: the outer dimensions that are summed over.
        batch: the other outer dimensions, or all if none is summed over.
    """

    def __init__(self, group: Group, places: Sequence[int] | None = None) -> None:
        self.space = group.space
        self.places = tuple(row_major(self.space) if places is None else places)
        last = max(len(self.space) - 1, 0)
        self.outer = wide(self.space, range(last))
        self.inner = wide(self.space, range(last, len(self.space)))
        self.columns = math.prod(self.space[last:])
        summed = {d for m in group.members for d in m.reduced} & {*self.outer}
        self.rows = tuple(d for d in self.outer if d in summed)
        self.batch = tuple(d for d in self.outer if d not in summed)

    def over(self, view: View) -> bool:
        """Whether a view is one over this space; generators have shapes of their own."""
        return len(view.shape) == len(self.space)

    def step(self, view: View) -> int:
        """Elements from one column to the next."""
        return view.strides[self.inner[-1]] if self.inner else 0

    def same(self, a: View, b: View) -> bool:
        """Whether two views show the same element at each place of the space."""
        dims = (*self.outer, *self.inner)
        return a.offset == b.offset and all(a.strides[d] == b.strides[d] for d in dims)

    def once(self, member: Member) -> bool:
        """Whether a member runs once in all."""
        return not member.reduced and all(n == 1 for n in member.space)

    def by_row(self, member: Member) -> bool:
        """Whether a member runs once a row."""
        return bool(self.inner) and all(member.space[d] == 1 for d in self.inner)

    def over_rows(self, member: Member) -> bool:
        """Whether a member is a reduction over outer dimensions, and perhaps the columns too."""
        return bool(set(member.reduced) & set(self.outer))

    def within_row(self, member: Member) -> bool:
        """Whether a member is a reduction over the columns alone."""
        return bool(member.reduced) and not self.over_rows(member)

    def by_column(self, member: Member) -> bool:
        """Whether a member is a reduction over the rows that leaves a number for each column."""
        over = self.over_rows(member) and not set(member.reduced) & set(self.inner)
        return over and not self.by_row(member) and self.columns > 1


def wide(space: Sequence[int], dims: range) -> tuple[int, ...]:
    """Those of the dimensions that have more than one element."""
    return tuple(d for d in dims if space[d] != 1)
