"""A group as one nest of loops in LLVM's language (floor 2).

A row of the group's space is gone through in *phases*: members that read a reduction of the row
come in the loop of columns after the one that reduces, so that the row is still in the nearest
cache. The loop of columns is the one that LLVM vectorises. Sums over rows are collected in
variables, or, a number for each column, in memory; what is in memory and not far away is added up
in registers when the loops have ended. Then the group's `finish` runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from chainrule.plan.native import special
from chainrule.plan.native.access import Access, Memory
from chainrule.plan.native.choice import core
from chainrule.plan.native.elementwise import TABLE, apply
from chainrule.plan.native.ir import INDEX, Number, Register, Unsupported, Writer, llvm_type
from chainrule.plan.native.phases import in_turn, phases
from chainrule.plan.native.reductions import REDUCTIONS, SUM, Reduction, Total, reduction
from chainrule.plan.native.space import Halves, lines, operands
from chainrule.plan.native.tiles import UNDER_WAY, cover, outer
from chainrule.plan.native.updates import STEPS
from chainrule.plan.native.vectors import Vector
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Instruction, Value

__all__ = ["advance", "emit", "is_known", "seed"]

PIECE = 4096  # elements of a row that are summed up in one go
NEAR = 2**19  # bytes that are still in the second cache when the loops over them have ended


def emit(w: Writer, group: Group, memory: Memory) -> None:
    """Write a group of kind "loop".

    Raises:
        Unsupported: a member has no form in LLVM's language, or its operands lie too oddly.
    """
    shared = {v.base for m in group.finish for v in (*operands(m), m.out)}
    kept = shared | set(group.outputs)
    for part, needed in in_turn(group, kept) if group.members else ():
        Nest(w, part, memory, needed).write()
    for member in group.finish:
        alone = replace(group, space=member.space, members=(member,), finish=())
        Nest(w, alone, memory, kept).write()


class Nest:
    """One nest of loops while it is being written."""

    def __init__(self, w: Writer, group: Group, memory: Memory, kept: set[Value]) -> None:
        self.w, self.halves = w, Halves(group)
        self.ahead = [m for m in group.members if self.halves.once(m) and self.halves.outer]
        self.made = {m.out.base: m for m in group.members}
        self.access = Access(w, self.halves, memory, self.made, kept)
        self.sums = [m for m in group.members if self._is_near(m)]
        self.members = [m for m in group.members if m not in self.sums]
        self.phases = phases(self.members, self.halves)
        self.last = max(self.phases.values(), default=0)
        self.seeds: dict[Member, special.Seed] = {}
        self.totals: dict[Member, Total] = {}

    # --- the loops ------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the nest."""
        self._begin()
        if self.members and 0 not in self.halves.space:
            with ExitStack() as loops:
                for d in self.halves.outer:
                    turns = self.w.loop(self.halves.space[d])
                    self.access.index[d] = loops.enter_context(turns)
                for phase in range(self.last + 1):
                    self._row(phase)
                    self._columns(phase)
                self._end_columns(self.last)
        for member in self.sums:
            self._add_up(member)
        for member in (*self.members, *self.sums):
            if self.halves.over_rows(member):
                self._finish(member)

    def _begin(self) -> None:
        """Write what comes before the loops."""
        for member in self.members:
            self.seeds[member] = seed(self.access, member)
            if self.halves.by_column(member):
                how, dtype = _reduction(member)
                start = self.w.number(how.start(dtype), dtype)
                self._each_column(lambda c, m=member, y=start: self._put(m, c, y))
            elif self.halves.over_rows(member):
                self.totals[member] = self._total(member)
            elif member in self.ahead:
                advance(self.access, member, self.seeds[member], None)

    def _finish(self, member: Member) -> None:
        """Write what is left of a reduction over the rows when they have all been seen."""
        if member in self.totals:
            self.access.keep_total(member, self._result(member))
            return
        how, _ = _reduction(member)
        if how.after is not SUM.after:
            self._each_column(
                lambda c: self._put(member, c, how.after(self._get(member, c), _count(member)))
            )

    # --- sums over rows of what is in memory ----------------------------------------------------

    def _is_near(self, member: Member) -> bool:
        """Whether a member adds up the rows of a matrix that is in memory and not far away."""
        view, dtype = (*member.operands, None)[0], member.instruction.out.dtype
        if not self.halves.by_column(member) or not isinstance(view, View):
            return False
        in_memory = view.base not in self.made or view.base in self.access.kept
        real = dtype.kind == "f" and view.base.dtype == dtype
        in_order = len(self.halves.outer) == 1 and {self.halves.step(view)} == {1}
        together = self.halves.step(member.out) == 1
        near = math.prod(member.space) * dtype.itemsize <= NEAR
        sums = _reduction(member)[0].sums and member.instruction.op.name != "euclidean_norm"
        return in_memory and real and in_order and together and near and sums

    def _add_up(self, member: Member) -> None:
        """Write the sum of a matrix's rows: the product of a row of ones with it."""
        w, view, dtype = self.w, member.operands[0], member.instruction.out.dtype
        assert isinstance(view, View)
        (rows,) = self.halves.outer
        one = w.variable(w.number(1, dtype))
        lanes = core().width // dtype.itemsize

        def some(at: Register | int, columns: int) -> None:
            source = w.at(self.access.column(view, 0), dtype, at)
            target = w.at(self.access.column(member.out, 0), dtype, at)
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

    # --- parts of the loops ---------------------------------------------------------------------

    def _row(self, phase: int) -> None:
        """Write what runs once a row before the loop of columns of `phase`."""
        self._end_columns(phase - 1)
        for member, own in self.phases.items():
            if own != phase or not self.halves.by_row(member):
                continue
            if self.halves.over_rows(member):
                self.totals[member].add(self._reduced(member, None))
            elif member not in self.ahead:
                advance(self.access, member, self.seeds[member], None)

    def _end_columns(self, phase: int) -> None:
        """Write what the loop of columns of `phase` has come to."""
        for member, own in self.phases.items():
            if own == phase and self.halves.within_row(member):
                self.access.keep(member, self._result(member), None)

    def _columns(self, phase: int) -> None:
        """Write the loop of columns of a phase."""
        members = [m for m, own in self.phases.items() if own == phase and self._by_element(m)]
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

    def _by_element(self, member: Member) -> bool:
        """Whether a member runs in a loop of columns."""
        return member not in self.ahead and not self.halves.by_row(member)

    @contextmanager
    def _pieces(self, summed: bool) -> Iterator[tuple[Register | None, Number]]:
        """A loop over pieces of a long row if anything is summed up, else the row in one go."""
        columns = self.halves.columns
        if not summed or columns <= PIECE:
            yield None, columns
            return
        with self.w.loop(-(-columns // PIECE)) as piece:
            start = piece * PIECE
            left = self.w.number(columns, INDEX) - start
            yield start, left.lt(PIECE).select(left, PIECE)

    def _each_column(self, write: Any) -> None:
        with self.w.loop(self.halves.columns, parallel=True) as c:
            write(c)

    # --- one member -----------------------------------------------------------------------------

    def _prepare(self, member: Member) -> None:
        """Write, before a loop of columns, what a member needs once a row."""
        if self.halves.within_row(member):
            self.totals[member] = self._total(member)
        readers = [m for m, own in self.phases.items() if own > self.phases[member]]
        if any(v.base is member.out.base for m in readers for v in operands(m)):
            self.access.room(member.out.base)
        for view in (*lines(member), *([] if member.reduced else [member.out])):
            if self.halves.over(view):
                self.access.prepare(view)

    def _element(self, member: Member, c: Register, parts: Mapping[Member, str]) -> None:
        """Write one member for column `c` of a row."""
        if not member.reduced:
            advance(self.access, member, self.seeds[member], c)
            return
        how, dtype = _reduction(member)
        if member in parts:
            old = self.w.load(parts[member], dtype)
            self.w.store(how.combine(old, self._reduced(member, c)), parts[member])
        elif self.halves.by_column(member):
            self._put(member, c, how.combine(self._get(member, c), self._reduced(member, c)))
        else:
            advance(self.access, member, self.seeds[member], c)

    # --- reductions -----------------------------------------------------------------------------

    def _reduced(self, member: Member, c: Register | None) -> Register:
        """The number that a reduction takes in."""
        how, dtype = _reduction(member)
        return how.before(
            self.w.number(self.access.operand(member.operands[0], c), dtype).to(dtype)
        )

    def _start(self, member: Member) -> Register:
        how, dtype = _reduction(member)
        return self.w.number(how.start(dtype), dtype)

    def _total(self, member: Member) -> Total:
        return Total(self.w, *_reduction(member))

    def _result(self, member: Member) -> Register:
        total = self.totals[member]
        return total.how.after(total.result(), _count(member))

    def _get(self, member: Member, c: Register) -> Register:
        return self.w.load(self.access.column(member.out, c), member.instruction.out.dtype)

    def _put(self, member: Member, c: Register, y: Register) -> None:
        self.w.store(y, self.access.column(member.out, c))


def is_known(instruction: Instruction) -> bool:
    """Whether an instruction may have a form here, by its op and its dtypes."""
    names = {*TABLE, *REDUCTIONS, *STEPS, *special.NAMES, "linear", "matrix_product"}
    try:
        for value in (*instruction.values, instruction.out):
            llvm_type(value.dtype)
    except Unsupported:
        return False
    return instruction.op.name in names


# --- one member -----------------------------------------------------------------------------------


def seed(access: Access, member: Member) -> special.Seed:
    """Write what a member computes once for all of its elements."""
    if member.instruction.op.name in STEPS:
        return special.rates(access, member)
    if member.instruction.op.kind == "random":
        return special.generator(access, member)
    return {}


def advance(access: Access, member: Member, own: special.Seed, c: Register | None) -> None:
    """Compute a member for an element, or once a row, and put the result where it goes."""
    op, attrs = member.instruction.op, member.instruction.attrs
    if op.name in STEPS:
        special.update(access, member, own, c)
        return
    if op.kind == "random":
        y = special.random(access, member, own, c)
    elif op.name == "take_along":
        y = special.taken(access, member, c)
    elif op.name == "add_along":
        y = special.added(access, member, c)
    elif op.kind == "reduce":  # over dimensions of one element
        y = _reduction(member)[0].after(reduced(access, member, c), 1)
    elif op.kind == "elementwise":
        args = [access.operand(v, c) for v in member.operands]
        y = apply(access.w, op.name, args, attrs, member.instruction.out.dtype)
    else:
        raise Unsupported(op.name)
    access.keep(member, y, c)


def reduced(access: Access, member: Member, c: Register | None) -> Register:
    """The number that a reduction takes in."""
    how, dtype = _reduction(member)
    return how.before(access.w.number(access.operand(member.operands[0], c), dtype).to(dtype))


def _reduction(member: Member) -> tuple[Reduction, Any]:
    dtype = member.instruction.out.dtype
    return reduction(member.instruction.op.name, dtype), dtype


def _count(member: Member) -> int:
    """How many numbers become one."""
    return math.prod(member.space[d] for d in member.reduced)
