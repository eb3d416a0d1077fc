"""A group as nests of loops in LLVM's language, large ones shared by a team (floor 2).

A group goes in rounds (`rounds`), each a nest over a space that is turned as its values lie
(`order`). A large nest is cut into units, by its size alone: so many of the outermost rows each, or
of a single row so many columns. The threads of a team share them. What a unit has summed up goes
into room of its own, and the units' sums are added up in order: the bits do not depend on how many
threads there are.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.plan.native.llvm.ir import Register, Writer
from chainrule.plan.native.llvm.vectors import Vector
from chainrule.plan.native.matrices.choice import core
from chainrule.plan.native.matrices.tiles import UNDER_WAY, cover, outer
from chainrule.plan.native.nests import special
from chainrule.plan.native.nests.access import Access
from chainrule.plan.native.nests.member import how, length
from chainrule.plan.native.nests.order import ordered
from chainrule.plan.native.nests.phases import in_turn, phases
from chainrule.plan.native.nests.rounds import rounds
from chainrule.plan.native.nests.space import Halves, operands
from chainrule.plan.native.nests.sweep import Part, Sweep
from chainrule.plan.native.nests.totals import Total
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["emit"]

NEAR = 2**19  # bytes that are still in the second cache when the loops over them have ended
STACK = 2**13  # numbers for which there is room on the stack, a few times over
UNIT, LARGE = 2**14, 2**16  # elements of a unit at least, and of a nest that is cut up
MOST = 32  # units


def emit(site: Site, group: Group) -> None:
    """Write a group of kind "loop".

    Raises:
        Unsupported: a member has no form in LLVM's language.
    """
    for each in rounds(group):
        turned, places = ordered(each.group, each.row, each.order)
        for part, kept in in_turn(turned, {*each.kept}):
            again = (turned, places) if part is turned else ordered(part)
            Nest(site, *again, kept).write()


class Nest:
    """One nest of loops.

    Args:
        site: where it is written.
        group: its members.
        places: see `Halves`.
        kept: values that have memory of their own, or need it.
    """

    def __init__(self, site: Site, group: Group, places: tuple[int, ...], kept: set[Value]) -> None:
        self.site, self.halves, self.kept = site, Halves(group, places), kept
        self.every = group.members
        self.made = {m.out.base: m for m in group.members}
        self.sums = [m for m in group.members if self._is_near(m)]
        self.members = [m for m in group.members if m not in self.sums]
        self.units = self._units()
        self.partial: dict[Member, Room] = {}
        self.rows: dict[Value, Room] = {}

    def write(self) -> None:
        """Write the nest."""
        for value in self._in_memory():
            self.site.memory.pointer(value)
        if self.members and self.units > 1:
            self._shared()
        elif self.members:
            whole = self._sweep(self.site)
            whole.write(self._put_down)
        access = self._access(self.site)
        for member in self.members:
            if member.instruction.op.kind == "random":
                special.move_on(access, member)
        for member in self.sums:
            self._add_up(member, access)

    def _in_memory(self) -> list[Value]:
        """What other nests read of what is made here, or make of what is read."""
        seen = [v.base for m in self.every for v in (*operands(m), m.out)]
        return [v for v in dict.fromkeys(seen) if v in self.kept or v not in self.made]

    def _access(self, inside: Inside) -> Access:
        return Access(inside.w, self.halves, inside.memory, self.made, self.kept)

    def _sweep(self, inside: Inside, part: Part | None = None) -> Sweep:
        def room(value: Value) -> str:
            if self.halves.columns <= STACK:
                return inside.reserve(value.dtype, self.halves.columns)
            if value not in self.rows:
                self.rows[value] = self.site.take(self.units * self.halves.columns, value.dtype)
            start = inside.room(self.rows[value])
            mine = part.unit * self.halves.columns if part else 0
            return inside.w.at(start, value.dtype, mine)

        access = self._access(inside)
        return Sweep(inside, self.halves, self.members, access, room, part)

    def _put_down(self, sweep: Sweep, member: Member) -> None:
        """Write where a sum over rows goes that is whole."""
        access, out = sweep.access, member.out
        if not self.halves.by_column(member):
            access.keep_total(member, sweep.result(member))
            return
        start, step = access.total(out), self.halves.step(out)
        sweep.each_sum(member, lambda c: sweep.w.at(start, out.base.dtype, c * step), whole=True)

    # --- units ----------------------------------------------------------------------------------

    @property
    def _lead(self) -> tuple[int, ...]:
        """The outer dimensions that are cut up together: as many as it takes."""
        dims = self.halves.batch or self.halves.rows
        wanted = min(MOST, math.prod(self.halves.space) // UNIT)
        for k in range(1, len(dims) + 1):
            if math.prod(self.halves.space[d] for d in dims[:k]) >= wanted:
                return dims[:k]
        return dims

    def _units(self) -> int:
        """Into how many units the nest is cut."""
        size = math.prod(self.halves.space)
        if size < LARGE:
            return 1
        wanted = min(MOST, size // UNIT)
        if self.halves.outer:
            return min(wanted, self._ways)
        whole = max(phases(self.members, self.halves).values(), default=0) == 0
        return wanted if whole else 1

    @property
    def _ways(self) -> int:
        """How many indices there are to share out, or columns of a single row."""
        lead = math.prod(self.halves.space[d] for d in self._lead)
        return lead if self.halves.outer else self.halves.columns

    def _shared(self) -> None:
        """Write the nest as a function of units, the call of it, and what becomes of the sums."""
        partial = [m for m in self.members if m.reduced and self._is_partial(m)]
        for member in partial:
            count = self.halves.columns if self.halves.by_column(member) else 1
            self.partial[member] = self.site.take(self.units * count, self._kept_dtype(member))

        def body(inside: Inside, unit: Register) -> None:
            part = Part(unit, self._lead, self._ways, self.units)
            self._sweep(inside, part).write(self._end_of_unit)

        work = math.prod(self.halves.space) * len(self.members)
        self.site.each(self.units, work, body)
        access = self._access(self.site)
        for member in partial:
            self._together(member, access)

    def _is_partial(self, member: Member) -> bool:
        """Whether each unit has a part of a sum."""
        if self.halves.over_rows(member):
            return not self.halves.batch
        return not self.halves.outer

    def _kept_dtype(self, member: Member) -> Any:
        dtype = member.instruction.out.dtype
        if self.halves.by_column(member):
            return dtype
        return Total(Writer(), how(member), dtype).kept

    def _end_of_unit(self, sweep: Sweep, member: Member) -> None:
        """Write where a sum over rows goes when a unit is through."""
        if member not in self.partial:
            self._put_down(sweep, member)
            return
        assert sweep.part
        w, room, unit = sweep.w, self.partial[member], sweep.part.unit
        start = sweep.inside.room(room)
        if self.halves.by_column(member):
            line = w.at(start, room.dtype, unit * self.halves.columns)
            sweep.each_sum(member, lambda c: w.at(line, room.dtype, c), whole=False)
        else:
            w.store(sweep.totals[member].exact(), w.at(start, room.dtype, unit))

    def _together(self, member: Member, access: Access) -> None:
        """Write what the units' sums come to."""
        w, room, out = self.site.w, self.partial[member], member.out
        start, dtype = self.site.room(room), out.base.dtype
        if self.halves.by_column(member):
            columns, step, place = self.halves.columns, self.halves.step(out), access.total(out)
            with w.loop(self.units - 1) as turn:
                line = w.at(start, room.dtype, (turn + 1) * columns)
                with w.loop(columns, parallel=True) as c:
                    first = w.at(start, room.dtype, c)
                    more = w.load(w.at(line, room.dtype, c), room.dtype)
                    w.store(how(member).combine(w.load(first, room.dtype), more), first)
            with w.loop(columns, parallel=True) as c:
                y = how(member).after(w.load(w.at(start, room.dtype, c), dtype), length(member))
                w.store(y, w.at(place, dtype, c * step))
            return
        total = Total(w, how(member), dtype)
        with w.loop(self.units) as turn:
            total.add(w.load(w.at(start, room.dtype, turn), room.dtype))
        access.keep_total(member, total.how.after(total.result(), length(member)))

    # --- sums over rows of what is in memory ----------------------------------------------------

    def _is_near(self, member: Member) -> bool:
        """Whether a member adds up the rows of a matrix that is in memory and not far away."""
        view, dtype = (*member.operands, None)[0], member.instruction.out.dtype
        if not self.halves.by_column(member) or not isinstance(view, View):
            return False
        in_memory = view.base not in self.made or view.base in self.kept
        real = dtype.kind == "f" and view.base.dtype == dtype
        in_order = len(self.halves.outer) == 1 and {self.halves.step(view)} == {1}
        together = self.halves.step(member.out) == 1
        near = math.prod(member.space) * dtype.itemsize <= NEAR
        sums = how(member).sums and member.instruction.op.name != "euclidean_norm"
        # Of a mean the sum is divided afterwards, which this way does not.
        plain = member.instruction.op.name != "mean"
        return in_memory and real and in_order and together and near and sums and plain

    def _add_up(self, member: Member, access: Access) -> None:
        """Write the sum of a matrix's rows: the product of a row of ones with it."""
        w, view, dtype = self.site.w, member.operands[0], member.instruction.out.dtype
        assert isinstance(view, View)
        (rows,) = self.halves.outer
        one = w.variable(w.number(1, dtype))
        lanes = core().width // dtype.itemsize
        begin, end = access.total(view), access.total(member.out)

        def some(at: Register | int, columns: int) -> None:
            source, target = w.at(begin, dtype, at), w.at(end, dtype, at)
            outer(
                w,
                self.halves.space[rows],
                (one, 0, 0),
                (source, view.strides[rows], 1),
                (target, 0),
                1,
                cover(Vector(dtype, lanes, lanes), columns),
            )

        chunk = UNDER_WAY * lanes
        if self.halves.columns // chunk:
            with w.loop(self.halves.columns // chunk) as turn:
                some(turn * chunk, chunk)
        if rest := self.halves.columns % chunk:
            some(self.halves.columns - rest, rest)
