"""A group as rounds: nests of loops one after another (floor 2).

What reads a sum over rows can only come when the loops that add it up have ended. So the members of
a group go in rounds: each is one nest of loops over the group's space, or over the smaller space of
members that have fewer elements, and knows what the rounds before have made. What one round makes
element by element and a later one reads is made again there, where that is as quick as to put it
down and read it, and else put down.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from chainrule.ops import Shape
from chainrule.ops.update import CHANGED
from chainrule.plan.native.nests.order import along_rows, best, is_row
from chainrule.plan.native.nests.space import operands, within
from chainrule.plan.passes.again import SLOW
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["Round", "rounds"]

# The largest row, in elements, that goes through several loops of columns before the next row.
LONG = 2**17

# Members that are made again for one value, and streams from memory for that, at most.
AGAIN, STREAMS = 12, 2


@dataclass(frozen=True)
class Round:
    """One nest of loops.

    Attributes:
        group: its members over its space.
        row: dimensions that have to be the loop of columns.
        order: the dimensions from the slowest to the fastest, if they have to be so.
        kept: what has to lie in memory of what it makes or reads.
    """

    group: Group
    row: frozenset[int]
    order: tuple[int, ...]
    kept: frozenset[Value]


def rounds(group: Group) -> list[Round]:
    """Return the rounds of a group of kind "loop"."""
    return _Rounds(group).found()


# Which nest of a round a member is in: those over smaller spaces come first, then that over the
# whole, then sums of the whole over other dimensions.
Class: TypeAlias = tuple[int, Shape, frozenset[int]]
Time: TypeAlias = tuple[int, Class]


class _Rounds:
    """The rounds of a group while they are being found."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.members = (*group.members, *group.finish)
        self.order = best(group.space, self.members)
        self.row = _row(group, self.members, self.order)
        self.summed = self._summed()
        self._first: dict[Shape, frozenset[int]] = {}  # over what smaller spaces are summed first
        self.of = {m: self._class(m) for m in self.members}
        self.number = {m: k for k, m in enumerate(self.members)}
        self.maker = {m.out.base: m for m in self.members}
        self.at: dict[Member, int] = {}
        self._schedule()
        self._delay()

    # --- which nest -----------------------------------------------------------------------------

    def _summed(self) -> frozenset[int]:
        """The dimensions over which the nest over the whole space sums from row to row."""
        over = (frozenset(m.reduced) for m in self.members if self._is_whole(m) and m.reduced)
        return next((r for r in over if r != self.row and self._suits_row(r)), frozenset())

    def _suits_row(self, reduced: frozenset[int]) -> bool:
        return not self.row or reduced & self.row in (frozenset(), self.row)

    def _is_whole(self, member: Member) -> bool:
        """Whether a member runs over the whole space, or once for each of its rows."""
        return _absent(self.group.space, member) in (frozenset(), self.row)

    def _class(self, member: Member) -> Class:
        if not self._is_whole(member):
            reduced = frozenset(member.reduced)
            first = self._first.setdefault(member.space, reduced) if reduced else reduced
            return (0, member.space, frozenset() if reduced == first else reduced)
        reduced = frozenset(member.reduced)
        same = reduced - self.row == self.summed - self.row and self._suits_row(reduced)
        if not reduced or reduced == self.row or (same and (self.row or reduced == self.summed)):
            return (1, self.group.space, frozenset())
        return (2, self.group.space, reduced)

    def _in_row(self, member: Member) -> bool:
        """Whether it is a reduction of a row, which later members of the same nest can read."""
        return frozenset(member.reduced) == self.row and self.of[member][0] == 1

    # --- which round ----------------------------------------------------------------------------

    def _schedule(self, least: Mapping[Member, int] | None = None) -> None:
        """Find the first round for each member in which all is there that it needs."""
        self.at = {}
        writer: dict[Value, Member] = {}
        for k, m in enumerate(self.members):
            soonest = [least[m]] if least and m in least else [0]
            soonest += [self._after(writer[v.base], m) for v in operands(m) if v.base in writer]
            for memory in _changed(m):
                before = (r for r in self.members[:k] if _touches(r, memory))
                soonest += [self._behind(r, m, memory) for r in before]
            self.at[m] = max(soonest)
            writer[m.out.base] = m

    def _after(self, source: Member, m: Member) -> int:
        """The first round in which `m` can read what `source` makes."""
        mine, other = self.of[m], self.of[source]
        if mine == other:
            summed = bool(source.reduced) and not self._in_row(source)
            return self.at[source] + summed
        return self.at[source] + (other[0] >= mine[0])

    def _behind(self, earlier: Member, m: Member, memory: Value) -> int:
        """The first round in which `m` can change memory that an earlier one reads or changes."""
        mine, other = self.of[m], self.of[earlier]
        if mine != other:
            return self.at[earlier] + (other[0] >= mine[0])
        views = [v for v in (*operands(earlier), earlier.out) if _shared(v.base, memory)]
        here = all((v.strides, v.offset) == (m.out.strides, m.out.offset) for v in views)
        return self.at[earlier] + (not here and m.instruction.op.kind != "random")

    def _delay(self) -> None:
        """Let small changes wait till all large loops that read the memory before are through."""
        last = max(self.at.values(), default=0)
        least: dict[Member, int] = {}
        for k, m in enumerate(self.members):
            if m.instruction.op.kind != "update" or self.of[m][0]:
                continue
            later = any(_touches(r, m.out.base) for r in self.members[k + 1 :])
            before = any(self.of[r][0] and _touches(r, m.out.base) for r in self.members[:k])
            if before and not later:
                least[m] = last + 1
        if least and last:
            self._schedule(least)

    # --- what is made where ---------------------------------------------------------------------

    def found(self) -> list[Round]:
        """The rounds in order."""
        times: dict[Time, list[Member]] = {}
        for m in self.members:
            times.setdefault((self.at[m], self.of[m]), []).append(m)
        order = sorted(times, key=lambda t: (t[0], t[1][0], self.number[times[t][0]]))
        nests = [(t, self._completed(t, times[t])) for t in order]
        return list(self._rounds(self._live(nests)))

    def _completed(self, time: Time, members: Sequence[Member]) -> list[Member]:
        """The members of a nest, with those that it makes again."""
        if time[1][0] == 0:
            return [*members]
        here = {m.out.base for m in members}
        again: dict[Member, None] = {}
        streams = {v.base for m in members for v in self._streams(m) if v.base not in self.maker}
        for v in [v for m in members for v in self._streams(m)]:
            if v.base in here or v.base in {m.out.base for m in again}:
                continue
            chain = self._chain(v.base, time, here)
            if chain is None:
                continue
            read = {u.base for m in chain for u in self._streams(m) if u.base not in self.maker}
            put_down = {
                u.base
                for m in chain
                for u in self._streams(m)
                if u.base in self.maker and self.maker[u.base] not in chain and u.base not in here
            }
            if len((read | put_down) - streams) <= STREAMS:
                again.update(dict.fromkeys(chain))
                streams |= read | put_down
        return sorted({*members, *again}, key=self.number.__getitem__)

    def _streams(self, member: Member) -> Iterator[View]:
        """The operands that have an element for each of the space, or nearly."""
        size = math.prod(self.group.space)
        for view in operands(member):
            reach = (n for n, step in zip(view.shape, view.strides) if step)
            if view.shape == self.group.space and math.prod(reach) * 2 > size:
                yield view

    def _chain(self, value: Value, time: Time, here: set[Value]) -> dict[Member, None] | None:
        """The members that make a value out of what there is, or `None` if that is too much."""
        maker = self.maker.get(value)
        if maker is None or value in here or value in self.group.outputs or not self._cheap(maker):
            return None
        chain = {maker: None}
        for view in self._streams(maker):
            if view.base in self.maker and view.base not in here:
                chain.update(self._chain(view.base, time, here) or {})
        safe = len(chain) <= AGAIN and all(self._still_there(m, time) for m in chain)
        return chain if safe else None

    def _cheap(self, member: Member) -> bool:
        op = member.instruction.op
        whole = member.space == self.group.space
        return op.kind == "elementwise" and op.name not in SLOW and whole

    def _still_there(self, member: Member, time: Time) -> bool:
        """Whether what a member reads has not been changed since, when a nest begins."""
        seen = [v.base for v in operands(member)]
        later = self.members[self.number[member] + 1 :]
        changing = (m for m in later if any(_shared(c, v) for c in _changed(m) for v in seen))
        mine = (time[0], time[1][0])
        return all(
            (self.at[m], self.of[m][0]) > mine or (self.at[m], self.of[m]) == time for m in changing
        )

    def _live(self, nests: list[tuple[Time, list[Member]]]) -> list[tuple[Time, list[Member]]]:
        """The nests without what nobody reads any more, now that it is made elsewhere again."""
        wanted = {*self.group.outputs}
        found: list[tuple[Time, list[Member]]] = []
        for time, members in reversed(nests):
            kept: list[Member] = []
            made = {m.out.base for m in members}
            read: set[Value] = set()
            for m in reversed(members):
                base = m.out.base
                lasting = m.instruction.op.kind in ("update", "random")
                if lasting or base in wanted or base in read:
                    kept.append(m)
                    read |= {v.base for v in operands(m)}
            wanted |= read - made
            if kept:
                found.append((time, kept[::-1]))
        return found[::-1]

    def _rounds(self, nests: list[tuple[Time, list[Member]]]) -> Iterator[Round]:
        reads = [{v.base for m in members for v in operands(m)} for _, members in nests]
        makes = [{m.out.base for m in members} for _, members in nests]
        for k, (time, members) in enumerate(nests):
            others = (read - makes[j] for j, read in enumerate(reads) if j != k)
            elsewhere = set().union(*others) & {*self.maker}
            inside = tuple(within(m, self.group.space, time[1][1]) for m in members)
            group = replace(self.group, space=time[1][1], members=inside, finish=())
            row, order = (self.row, self.order) if time[1][0] == 1 else (frozenset[int](), [])
            kept = frozenset({*self.group.outputs, *elsewhere})
            yield Round(group, row, tuple(order), kept)


# --- rows -----------------------------------------------------------------------------------------


def _row(group: Group, members: Sequence[Member], order: Sequence[int]) -> frozenset[int]:
    """The dimensions of a row: over which members reduce whose results others of the row read."""
    space = group.space
    wide = frozenset(d for d, n in enumerate(space) if n != 1)
    if along_rows(members):
        return wide & {len(space) - 1}
    read = {v.base for m in members for v in operands(m)}
    sets = [wide & {d for d, n in enumerate(m.space) if n == 1} for m in members]
    sets += [frozenset(m.reduced) for m in members if m.reduced and m.out.base in read]
    counted = Counter(s for s in sets if s and math.prod(space[d] for d in s) <= LONG)
    for row in sorted(counted, key=lambda s: -counted[s]):
        own = [m for m in members if _absent(space, m) in (frozenset(), row)]
        last = row == {*order[len(order) - len(row) :]}
        if last and is_row(replace(group, members=tuple(own), finish=()), row, order):
            return row
    return frozenset()


def _absent(space: Shape, member: Member) -> frozenset[int]:
    """The dimensions of a space over which a member does not run."""
    return frozenset(d for d, n in enumerate(space) if n != 1 and member.space[d] == 1)


# --- memory ---------------------------------------------------------------------------------------


def _changed(member: Member) -> list[Value]:
    """What a member changes in place."""
    op = member.instruction.op
    places = CHANGED.get(op.name, (0,) if op.kind == "random" else ())
    found = (member.operands[k] for k in places)
    return [v.base for v in found if isinstance(v, View)]


def _touches(member: Member, memory: Value) -> bool:
    """Whether a member reads or writes memory."""
    return any(_shared(v.base, memory) for v in (*operands(member), member.out))


def _shared(a: Value, b: Value) -> bool:
    """Whether two values may have memory in common."""
    if a is b or a.array is None or b.array is None:
        return a is b
    return np.may_share_memory(a.array, b.array)
