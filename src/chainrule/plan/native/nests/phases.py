"""Phases of a row, and a group of narrow rows as several groups, one after another (floor 2).

What reads the reduction of a row comes in a later phase than what is reduced. Wide rows go through
all their phases while they are in the nearest cache. Of narrow ones hardly anything is under way at
a time, each phase waiting for the one before; so all rows go through the first phase, then all
through the next. What runs once a row becomes a loop over the rows, as quick as any other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from chainrule.plan.native.matrices.choice import core
from chainrule.plan.native.nests.space import Halves, operands, within
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.program import Value

__all__ = ["in_turn", "phases"]

NARROW = 4  # vectors in a row
NEAR = 2**18  # bytes that pass from phase to phase in the second cache


def phases(members: Sequence[Member], halves: Halves) -> Mapping[Member, int]:
    """In which phase of a row each member runs; a reduction, the loop that feeds it."""
    made = {m.out.base: m for m in members}
    found: dict[Member, int] = {}
    for member in members:
        before = [made[v.base] for v in operands(member) if v.base in made]
        done = [(m, found[m]) for m in before if m in found]
        found[member] = max((own + _ends(m, member, halves) for m, own in done), default=0)
    return found


def _ends(source: Member, reader: Member, halves: Halves) -> bool:
    """Whether a row of `source` must be whole before `reader` comes."""
    picks = reader.instruction.op.name == "take_along" and not halves.by_row(source)
    return halves.within_row(source) or picks


def in_turn(group: Group, kept: set[Value]) -> Iterator[tuple[Group, set[Value]]]:
    """Give the groups to carry out one after another instead of one, and what each has to keep.

    Args:
        group: of kind "loop", without its `finish`.
        kept: what of it is read elsewhere.
    """
    halves = Halves(group)
    own = phases(group.members, halves)
    if not _are_narrow(group, halves) or not any(own.values()):
        yield group, kept
        return
    turns: dict[tuple[int, bool], list[Member]] = {}
    for member in group.members:
        turns.setdefault((own[member], not halves.by_row(member)), []).append(member)
    for _, members in sorted(turns.items(), key=lambda turn: turn[0]):
        elsewhere = {v.base for m in group.members if m not in members for v in operands(m)}
        space = max((m.space for m in members), key=math.prod)
        inside = tuple(within(m, group.space, space) for m in members)
        yield replace(group, space=space, members=inside), kept | elsewhere


def _are_narrow(group: Group, halves: Halves) -> bool:
    """Whether rows are narrow, and what all of them make stays near."""
    size = sum(math.prod(m.space) * m.instruction.out.dtype.itemsize for m in group.members)
    widest = max(m.instruction.out.dtype.itemsize for m in group.members)
    in_order = all(m.instruction.op.kind not in ("update", "random") for m in group.members)
    narrow = halves.columns * widest <= NARROW * core().width
    return in_order and narrow and size <= NEAR and math.prod(halves.space) > halves.columns
