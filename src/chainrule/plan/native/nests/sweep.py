"""The loops of a nest as they are written: over all rows, or over those of one unit (floor 2).

A row of the space is gone through in *phases*: members that read a reduction of the row come in the
loop of columns after the one that reduces, so that the row is still in the nearest cache. The loop
of columns is the one that LLVM vectorises. Sums over rows are collected in variables, or, a number
for each column, on the stack, from which they are put down when the rows have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from chainrule.plan.native.llvm.ir import INDEX, Number, Register
from chainrule.plan.native.nests import special
from chainrule.plan.native.nests.access import Access
from chainrule.plan.native.nests.member import advance, how, length, reduced, seed
from chainrule.plan.native.nests.phases import phases
from chainrule.plan.native.nests.space import Halves, lines, operands
from chainrule.plan.native.nests.totals import Total
from chainrule.plan.native.site import Inside
from chainrule.plan.passes.fuse import Member
from chainrule.plan.program import Value

__all__ = ["Part", "Sweep", "Target"]

PIECE = 4096  # elements of a row that are summed up in one go

# Where the sums over rows of a member go, number by number or column by column.
Target = Callable[[Member], str]


class Part:
    """The part of a nest's rows, or, if it has one row, of its columns, that one unit goes through.

    Attributes:
        unit: the register with the number of the unit.
        lead: outer dimensions that are cut up together; of a single row none.
        first, count: of the indices of `lead` in row-major order, or of the columns.
    """

    def __init__(self, unit: Register, lead: Sequence[int], size: int, units: int) -> None:
        self.unit, self.lead = unit, tuple(lead)
        if self.lead:
            self.first = unit * size / units
            self.count: Number = (unit + 1) * size / units - self.first
        else:
            step = -(-size // units)
            self.first = unit * step
            left = -self.first + size
            self.count = left.lt(step).select(left, step)


class Sweep:
    """The loops of a nest in one function.

    Args:
        inside: the function.
        halves: of the nest's space.
        members: in order, without what is done elsewhere.
        access: of the nest's values from within the function.
        rooms: for a value that passes from loop to loop over a row, room for its numbers.
        part: what to go through; everything by default.
    """

    def __init__(
        self,
        inside: Inside,
        halves: Halves,
        members: Sequence[Member],
        access: Access,
        rooms: Callable[[Value], str],
        part: Part | None = None,
    ) -> None:
        self.w, self.halves, self.members, self.access = inside.w, halves, members, access
        self.inside, self.rooms, self.part = inside, rooms, part
        self.phases = phases(members, halves)
        self.last = max(self.phases.values(), default=0)
        self.totals: dict[Member, Total] = {}
        self.sums: dict[Member, str] = {}

    def write(self, end: Callable[[Sweep, Member], None]) -> None:
        """Write the loops.

        Args:
            end: writes what becomes of a reduction over rows once they are through.
        """
        halves = self.halves
        self._look_ahead()
        self.seeds = self._seeds()
        over_rows = [m for m in self.members if halves.over_rows(m)]
        with ExitStack() as batch:
            self._enter(batch, halves.batch)
            for member in over_rows:
                self._begin(member)
            with ExitStack() as rows:
                self._enter(rows, halves.rows)
                for phase in range(self.last + 1):
                    self._row(phase)
                    self._columns(phase)
                self._end_columns(self.last, end)
            for d in halves.rows:
                self.access.index.pop(d, None)
            for member in over_rows:
                end(self, member)

    def _look_ahead(self) -> None:
        """Read, before the loops, single numbers that they take."""
        made = {m.out.base for m in self.members}
        for view in (v for m in self.members for v in operands(m)):
            if self.halves.over(view) and not any(view.strides) and view.base not in made:
                self.access.prepare(view)

    def _seeds(self) -> dict[Member, special.Seed]:
        drawn: dict[Value, int] = {}
        seeds: dict[Member, special.Seed] = {}
        for m in self.members:
            draws = m.instruction.op.kind == "random"
            before = drawn.get(operands(m)[0].base, 0) if draws else 0
            seeds[m] = seed(self.access, m, before)
            if draws:
                drawn[operands(m)[0].base] = before + special.count(m)
        return seeds

    def _enter(self, loops: ExitStack, dims: Sequence[int]) -> None:
        """Write the beginning of loops over dimensions: of those that are cut, over the part."""
        part, index, space = self.part, self.access.index, self.halves.space
        lead = [d for d in dims if part and d in part.lead]
        if part and lead:
            left = loops.enter_context(self.w.loop(part.count)) + part.first
            for d in reversed(lead[1:]):
                before = left / space[d]
                index[d] = left - before * space[d]
                left = before
            index[lead[0]] = left
        for d in dims:
            if d not in lead:
                index[d] = loops.enter_context(self.w.loop(space[d]))

    # --- sums over rows -------------------------------------------------------------------------

    def _begin(self, member: Member) -> None:
        """Write where a sum over rows begins."""
        if not self.halves.by_column(member):
            self.totals[member] = self._total(member)
            return
        dtype = member.instruction.out.dtype
        if member not in self.sums:
            self.sums[member] = self.rooms(member.out.base)
        start = self.w.number(how(member).start(dtype), dtype)
        with self.w.loop(self.halves.columns, parallel=True) as c:
            self.w.store(start, self.w.at(self.sums[member], dtype, c))

    def each_sum(self, member: Member, place: Callable[[Register], str], whole: bool) -> None:
        """Write that the sum for each column goes to a place, `whole` if there is no more to it."""
        dtype = member.instruction.out.dtype
        with self.w.loop(self.halves.columns, parallel=True) as c:
            y = self.w.load(self.w.at(self.sums[member], dtype, c), dtype)
            self.w.store(how(member).after(y, length(member)) if whole else y, place(c))

    # --- parts of the loops ---------------------------------------------------------------------

    def _row(self, phase: int) -> None:
        """Write what runs once a row before the loop of columns of `phase`."""
        self._end_columns(phase - 1)
        for member, own in self.phases.items():
            if own != phase or not self.halves.by_row(member):
                continue
            if self.halves.over_rows(member):
                self.totals[member].add(reduced(self.access, member, None))
            else:
                advance(self.access, member, self.seeds[member], None)

    def _end_columns(self, phase: int, end: Callable[[Sweep, Member], None] | None = None) -> None:
        """Write what the loop of columns of `phase` has come to."""
        for member, own in self.phases.items():
            if own != phase or not self.halves.within_row(member):
                continue
            if end and self.part and not self.part.lead:
                end(self, member)
            else:
                self.access.keep(member, self.result(member), None)

    def _columns(self, phase: int) -> None:
        """Write the loop of columns of a phase."""
        members = [m for m, own in self.phases.items() if own == phase]
        members = [m for m in members if not self.halves.by_row(m)]
        if not members:
            return
        for member in members:
            self._prepare(member)
        summed = [m for m in members if m in self.totals]
        with self._pieces(bool(summed)) as (start, count):
            parts = {m: self.w.variable(self._start(m)) for m in summed}
            with self.w.loop(count, parallel=True) as i:
                c = i if start is None else start + i
                self.access.cell = {}
                for member in members:
                    self._element(member, c, parts)
            for member, part in parts.items():
                self.totals[member].add(self.w.load(part, self.totals[member].dtype))

    @contextmanager
    def _pieces(self, summed: bool) -> Iterator[tuple[Register | None, Number]]:
        """A loop over pieces of a long row if anything is summed up, else the row in one go."""
        mine = self.part if self.part and not self.part.lead else None
        columns: Number = mine.count if mine else self.halves.columns
        first = mine.first if mine else None
        if not summed or (isinstance(columns, int) and columns <= PIECE):
            yield first, columns
            return
        columns = self.w.number(columns, INDEX)
        with self.w.loop((columns + (PIECE - 1)) / PIECE) as piece:
            start = piece * PIECE
            left = columns - start
            count = left.lt(PIECE).select(left, PIECE)
            yield start + first if first else start, count

    # --- one member -----------------------------------------------------------------------------

    def _prepare(self, member: Member) -> None:
        """Write, before a loop of columns, what a member needs once a row."""
        if self.halves.within_row(member):
            self.totals[member] = self._total(member)
        elif member.out.base not in self.access.kept:
            readers = [m for m, own in self.phases.items() if own > self.phases[member]]
            if any(v.base is member.out.base for m in readers for v in operands(m)):
                self.access.room(member.out.base, self.rooms(member.out.base))
        for view in (*lines(member), *([] if member.reduced else [member.out])):
            if self.halves.over(view):
                self.access.prepare(view)

    def _element(self, member: Member, c: Register, parts: Mapping[Member, str]) -> None:
        """Write one member for column `c` of a row."""
        dtype = member.instruction.out.dtype
        if not member.reduced:
            advance(self.access, member, self.seeds[member], c)
        elif member in parts:
            place = parts[member]
            new = how(member).combine(self.w.load(place, dtype), reduced(self.access, member, c))
            self.w.store(new, place)
        else:
            place = self.w.at(self.sums[member], dtype, c)
            new = how(member).combine(self.w.load(place, dtype), reduced(self.access, member, c))
            self.w.store(new, place)

    # --- reductions -----------------------------------------------------------------------------

    def _start(self, member: Member) -> Register:
        dtype = member.instruction.out.dtype
        return self.w.number(how(member).start(dtype), dtype)

    def _total(self, member: Member) -> Total:
        return Total(self.w, how(member), member.instruction.out.dtype)

    def result(self, member: Member) -> Register:
        """What a reduction to one number has come to."""
        total = self.totals[member]
        return total.how.after(total.result(), length(member))
