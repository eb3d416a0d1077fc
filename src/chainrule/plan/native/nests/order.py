"""In which order a group goes along the dimensions of its space (floor 2).

A group's space has the dimensions that a person gave; its values may lie in memory otherwise, such
as images with the channels last. The space is turned so that its last dimension is the one along
which most values lie next to one another, and dimensions along which all values lie in one go
become one. Dimensions of one element are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from chainrule.ops import Shape
from chainrule.plan.native.nests.space import operands
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View, row_major

__all__ = ["along_rows", "best", "is_row", "ordered"]


def ordered(
    group: Group, row: Collection[int] = (), order: Sequence[int] = ()
) -> tuple[Group, tuple[int, ...]]:
    """Return a group over a space that lies as its values do, and the places of random numbers.

    Args:
        group: of kind "loop", without `finish`.
        row: dimensions that have to become the last one, if they can.
        order: the dimensions from the slowest to the fastest; by default as most values lie.

    Returns:
        The group, and for each dimension of its space how many elements of the space before lie
        behind one index in row-major order.
    """
    parts = _parts(group, {*row}, order or best(group.space, group.members, row))
    places = row_major(group.space)
    turn = _Turn(group.space, parts)
    members = tuple(turn.member(m) for m in group.members)
    return replace(group, space=turn.shape(group.space), members=members), turn.steps(places)


def is_row(group: Group, dims: Collection[int], order: Sequence[int]) -> bool:
    """Whether some dimensions, the last in order, can become one of a group's space."""
    parts = _parts(group, {*dims}, order)
    return bool(parts) and {*parts[-1]} == {*dims}


def along_rows(members: Sequence[Member]) -> bool:
    """Whether a member goes to places of a row by their numbers: the last dimension is the row."""
    return any("along" in m.instruction.op.name for m in members)


def best(space: Shape, members: Sequence[Member], row: Collection[int] = ()) -> list[int]:
    """The dimensions from the slowest to the fastest, as most of what lies all over them lies."""
    wide = [d for d, n in enumerate(space) if n != 1]
    votes: Counter[tuple[int, ...]] = Counter()
    for m in members:
        for view in (m.out, *_over(space, m)):
            if all(view.strides[d] for d in wide):
                way = tuple(sorted(wide, key=lambda d: -abs(view.strides[d])))
                votes[way] += 2 if view is m.out else 1
    order = list(votes.most_common(1)[0][0]) if votes else wide
    if along_rows(members):
        row = {len(space) - 1}
    return [d for d in order if d not in row] + [d for d in order if d in row]


def _over(space: Shape, member: Member) -> Iterator[View]:
    """The operands over the space, element by element."""
    return (v for v in operands(member) if v.shape == space)


def _parts(group: Group, row: set[int], order: Sequence[int]) -> list[list[int]]:
    """Dimensions in order, those next to one another that can be one in one list."""
    last, fixed = len(group.space) - 1, along_rows(group.members)
    if fixed:
        order = [*(d for d in order if d != last), last]
    random = any(m.instruction.op.kind == "random" for m in group.members)
    views = [
        v for m in group.members for v in (m.out, *operands(m)) if lies_over(v, m, group.space)
    ]
    steps = {v.strides for v in views} | ({row_major(group.space)} if random else set())
    spaces = {m.space for m in group.members}
    sums = {m.reduced for m in group.members}

    def one(d: int, e: int) -> bool:
        n = group.space[e]
        return (
            not (fixed and e == last)
            and (d in row) == (e in row)
            and all((s[d] == 1) == (s[e] == 1) for s in spaces)
            and all((d in r) == (e in r) for r in sums)
            and all(s[d] == s[e] * n for s in steps)
        )

    parts: list[list[int]] = []
    for d in order:
        if parts and one(parts[-1][-1], d):
            parts[-1].append(d)
        else:
            parts.append([d])
    return parts


def lies_over(view: View, member: Member, space: Shape) -> bool:
    """Whether a view is one over a space, or a table whose rows lie along its last dimension."""
    if view.shape == space:
        return member.instruction.op.kind != "random" or view is member.out
    table = member.instruction.op.name == "take_along" and view is member.operands[0]
    return table and view.shape[:-1] == space[:-1]


class _Turn:
    """The way from one space to another.

    Args:
        space: the one.
        parts: for each dimension of the other those that it is made of.
    """

    def __init__(self, space: Shape, parts: Sequence[Sequence[int]]) -> None:
        self.space, self.parts = space, parts

    def shape(self, shape: Shape) -> Shape:
        return tuple(math.prod(shape[d] for d in part) for part in self.parts)

    def steps(self, strides: Sequence[int]) -> tuple[int, ...]:
        return tuple(strides[part[-1]] for part in self.parts)

    def view(self, view: View) -> View:
        shape = self.shape((*self.space[:-1], *view.shape[-1:]))
        return View(view.base, view.offset, shape, self.steps(view.strides))

    def member(self, member: Member) -> Member:
        turned = tuple(
            self.view(v) if isinstance(v, View) and lies_over(v, member, self.space) else v
            for v in member.operands
        )
        space = self.shape(member.space)
        return Member(member.instruction, turned, self.view(member.out), space)
