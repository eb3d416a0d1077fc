"""A group as one nest of loops in LLVM's language (floor 2).

The dimensions of the group's space fall into outer ones, a loop each, and inner ones that lie next
to one another in all operands, which make one loop of columns: LLVM vectorises that one. What runs
over fewer elements than the space runs once a row. A row is gone through in *phases*: members that
read a reduction of the row come in the loop of columns after the one that reduces, so that the row
is still in the nearest cache; what they read of an earlier phase is kept for the length of a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from chainrule.ops import Shape
from chainrule.plan.native.elementwise import apply
from chainrule.plan.native.ir import INDEX, Number, Register, Unsupported, Writer
from chainrule.plan.native.reductions import SUM, Reduction, Total, reduction
from chainrule.plan.native.updates import STEPS
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["Memory", "emit"]

PIECE = 4096  # elements of a row that are summed up in one go
UINT = np.dtype(np.uint64)
GOLDEN, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Memory(Protocol):
    """Where values lie, as registers that hold pointers."""

    def pointer(self, value: Value) -> str:
        """Return where the memory of a value begins."""

    def scratch(self, count: int, dtype: Any) -> str:
        """Return room for so many numbers until the group is done."""


def emit(w: Writer, group: Group, memory: Memory) -> None:
    """Write a group of kind "loop".

    Raises:
        Unsupported: a member has no form in LLVM's language, or its operands lie too oddly.
    """
    kept = {v.base for m in group.finish for v in (*_views(m), m.out)}
    Nest(w, group, memory, kept | set(group.outputs)).write()
    for member in group.finish:
        alone = replace(group, space=member.space, members=(member,), finish=())
        Nest(w, alone, memory, kept | set(group.outputs)).write()


def _views(member: Member) -> list[View]:
    return [v for v in member.operands if isinstance(v, View)]


# --- the two parts of a space -------------------------------------------------------------------


def wide(space: Shape, dims: range) -> tuple[int, ...]:
    """Those of the dimensions that have more than one element."""
    return tuple(d for d in dims if space[d] != 1)


def step(view: View, space: Shape, split: int) -> int | None:
    """Elements from one inner element to the next if that is always the same, else `None`."""
    dims = wide(space, range(split, len(space)))
    if any(view.strides[d] != view.strides[e] * space[e] for d, e in pairwise(dims)):
        return None
    return view.strides[dims[-1]] if dims else 0


def lines(member: Member) -> list[View]:
    """The operands as they are gone through: of a table, where its rows begin."""
    views = _views(member)
    if member.instruction.op.name == "take_along" and views:
        views[0] = beginnings(views[0])
    return views


def beginnings(table: View) -> View:
    """The first element of each row of a table."""
    return replace(table, strides=(*table.strides[:-1], 0))


def fits(group: Group, split: int) -> bool:
    """Whether the loop of columns can run over the dimensions from `split` on."""
    space = group.space
    inner = set(wide(space, range(split, len(space))))
    outer = set(wide(space, range(split)))
    for member in group.members:
        absent = {d for d in inner | outer if member.space[d] == 1}
        if inner & absent not in (set(), inner):
            return False
        reduced = set(member.reduced)
        if reduced not in (set(), inner, outer, inner | outer):
            return False
        if reduced and inner <= absent and reduced != outer:
            return False
        over = [v for v in (*lines(member), member.out) if len(v.shape) == len(space)]
        if any(step(v, space, split) is None for v in over):
            return False
    return True


# --- a nest -------------------------------------------------------------------------------------


class Nest:
    """One nest of loops while it is being written."""

    def __init__(self, w: Writer, group: Group, memory: Memory, kept: set[Value]) -> None:
        self.w, self.group, self.memory, self.kept = w, group, memory, kept
        self.space = group.space
        split = next((s for s in range(len(self.space) + 1) if fits(group, s)), None)
        if split is None:
            raise Unsupported("operands that lie too oddly")
        self.split = split
        self.columns = math.prod(self.space[split:])
        self.outer = wide(self.space, range(split))
        self.made = {m.out.base: m for m in group.members}
        self.phases = self._phases()
        self.last = self._last_use()
        self.index: dict[int, Register] = {}  # of the outer loops, by dimension
        self.once: dict[Value, Any] = {}  # registers that hold for the whole nest
        self.row: dict[Value, Register] = {}  # those of a row
        self.cell: dict[Value, Register] = {}  # those of an element
        self.pointers: dict[tuple[Value, int, tuple[int, ...]], str] = {}  # beginnings of rows
        self.loaded: dict[tuple[Value, int, tuple[int, ...]], Register] = {}
        self.rooms: dict[Value, str] = {}
        self.totals: dict[Member, Total] = {}

    # --- what runs where ------------------------------------------------------------------------

    def by_row(self, member: Member) -> bool:
        """Whether a member runs once a row."""
        inner = wide(self.space, range(self.split, len(self.space)))
        return bool(inner) and all(member.space[d] == 1 for d in inner)

    def over_rows(self, member: Member) -> bool:
        """Whether a member is a reduction over the outer dimensions, and perhaps the inner too."""
        return bool(set(member.reduced) & set(self.outer))

    def within_row(self, member: Member) -> bool:
        """Whether a member is a reduction over the columns alone."""
        return bool(member.reduced) and not self.over_rows(member)

    def _phases(self) -> dict[Member, int]:
        """In which phase of a row each member runs; a reduction, the loop that feeds it."""
        phases: dict[Member, int] = {}
        for member in self.group.members:
            phase = 0
            for view in _views(member):
                source = self.made.get(view.base)
                if source in phases and source is not member:
                    gathered = member.instruction.op.name == "take_along" and not self.by_row(
                        source
                    )
                    phase = max(phase, phases[source] + (self.within_row(source) or gathered))
            phases[member] = phase
        return phases

    def _last_use(self) -> dict[Value, int]:
        """The last phase that reads a value, of what is made an element at a time."""
        last: dict[Value, int] = {}
        for member, phase in self.phases.items():
            for view in _views(member):
                last[view.base] = max(last.get(view.base, 0), phase)
        return last

    # --- writing --------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the nest."""
        self._begin()
        if math.prod(self.space):
            with ExitStack() as loops:
                for d in self.outer:
                    self.index[d] = loops.enter_context(self.w.loop(self.space[d]))
                for phase in range(max(self.phases.values(), default=0) + 1):
                    self._row(phase)
                    self._columns(phase)
                self._finish_row()
        for member in self.group.members:
            if self.over_rows(member):
                self._finish(member)

    def _begin(self) -> None:
        for member in self.group.members:
            name = member.instruction.op.name
            if name in STEPS:
                self.once[member.out.base] = self._rates(member)
            elif member.instruction.op.kind == "random":
                self.once[member.out.base] = self._generator(member)
            elif self.over_rows(member):
                self._begin_total(member)

    def _begin_total(self, member: Member) -> None:
        how, dtype = self._reduction(member)
        if set(member.reduced) == set(self.outer) and not self.by_row(member) and self.columns > 1:
            pointer, stride = self._storage(member.out)
            with self.w.loop(self.columns, parallel=True) as c:
                place = self.w.at(pointer, dtype, c * stride)
                self.w.store(self.w.number(how.start(dtype), dtype), place)
        else:
            self.totals[member] = Total(self.w, how, dtype)

    def _finish(self, member: Member) -> None:
        """Write what is left of a reduction over the rows when they have all been seen."""
        if member in self.totals:
            self._store(self._result(member, self.totals[member]), member.out, {})
            return
        how, dtype = self._reduction(member)
        if how.after is SUM.after:
            return
        pointer, stride = self._storage(member.out)
        with self.w.loop(self.columns, parallel=True) as c:
            place = self.w.at(pointer, dtype, c * stride)
            y = how.after(self.w.load(place, dtype), self._count(member))
            self.w.store(y, place)

    def _row(self, phase: int) -> None:
        """Write what runs once a row before the loop of columns of `phase`."""
        for member, own in self.phases.items():
            if self.within_row(member) and own == phase - 1:
                self._keep_row(member, self._result(member, self.totals[member]))
            if own != phase or not self.by_row(member):
                continue
            if self.over_rows(member):
                self.totals[member].add(self._reduced_operand(member, None))
            elif not member.reduced:
                self._advance(member, None)
            else:
                raise Unsupported("a reduction of a row's own number")

    def _finish_row(self) -> None:
        end = max(self.phases.values(), default=0) + 1
        for member, own in self.phases.items():
            if self.within_row(member) and own == end - 1:
                self._keep_row(member, self._result(member, self.totals[member]))

    def _columns(self, phase: int) -> None:
        """Write the loop of columns of a phase."""
        members = [m for m, own in self.phases.items() if own == phase and not self.by_row(m)]
        if not members:
            return
        for member in members:
            if self.within_row(member):
                how, dtype = self._reduction(member)
                self.totals[member] = Total(self.w, how, dtype)
            self._prepare(member)
        collected = [m for m in members if m in self.totals]
        with self._pieces(bool(collected)) as (start, count):
            parts = {m: self._part(m) for m in collected}
            with self.w.loop(count, parallel=True) as i:
                c = i if start is None else start + i
                self.cell = {}
                for member in members:
                    self._element(member, c, parts)
            for member, part in parts.items():
                self.totals[member].add(self.w.load(part, self.totals[member].dtype))

    @contextmanager
    def _pieces(self, summed: bool) -> Iterator[tuple[Register | None, Number]]:
        """A loop over pieces of a long row if anything is summed up, else the row in one go."""
        if not summed or self.columns <= PIECE:
            yield None, self.columns
            return
        with self.w.loop(-(-self.columns // PIECE)) as piece:
            start = piece * PIECE
            left = self.w.number(self.columns, INDEX) - start
            yield start, left.lt(PIECE).select(left, PIECE)

    def _part(self, member: Member) -> str:
        how, dtype = self._reduction(member)
        return self.w.variable(self.w.number(how.start(dtype), dtype))

    def _element(self, member: Member, c: Register, parts: dict[Member, str]) -> None:
        """Write one member for element `c` of a row."""
        if member in parts:
            how, dtype = self._reduction(member)
            old = self.w.load(parts[member], dtype)
            new = how.combine(old, self._reduced_operand(member, c))
            self.w.store(new, parts[member])
        elif self.over_rows(member):
            how, dtype = self._reduction(member)
            pointer, stride = self._storage(member.out)
            place = self.w.at(pointer, dtype, c * stride)
            new = how.combine(self.w.load(place, dtype), self._reduced_operand(member, c))
            self.w.store(new, place)
        else:
            self._advance(member, c)

    # --- one member -----------------------------------------------------------------------------

    def _advance(self, member: Member, c: Register | None) -> None:
        """Compute a member for an element, or once a row, and put the result where it goes."""
        name, kind = member.instruction.op.name, member.instruction.op.kind
        if name in STEPS:
            self._update(member, c)
            return
        if kind == "random":
            y = self._random(member, c)
        elif name == "take_along":
            y = self._taken(member, c)
        elif name == "add_along":
            y = self._added(member, c)
        elif kind == "reduce":  # over dimensions of one element
            how, _ = self._reduction(member)
            y = how.after(self._reduced_operand(member, c), 1)
        elif kind == "elementwise":
            args = [self._operand(v, c) for v in member.operands]
            attrs = member.instruction.attrs
            y = apply(self.w, name, args, attrs, member.instruction.out.dtype)
        else:
            raise Unsupported(name)
        if c is None:
            self._keep_row(member, y)
        else:
            self._keep_element(member, y, c)

    def _keep_row(self, member: Member, y: Register) -> None:
        self.row[member.out.base] = y
        if member.out.base in self.kept:
            self._store(y, member.out, self.index)

    def _keep_element(self, member: Member, y: Register, c: Register) -> None:
        value = member.out.base
        self.cell[value] = y
        if value in self.kept:
            self.w.store(y, self._place(member.out, c))
        elif self.last.get(value, 0) > self.phases[member]:
            self.w.store(y, self.w.at(self._room(value), y.dtype, c))

    def _operand(self, operand: Any, c: Register | None) -> Number:
        """What an operand is at an element, or once a row."""
        if not isinstance(operand, View):
            return operand
        source = self.made.get(operand.base)
        if source is None or operand.base not in {**self.row, **self.cell, **self.rooms}:
            if source is not None and operand.base not in self.kept:
                raise Unsupported("a value read before it is made")
            return self._read(operand, c)
        if not self._same(operand, source.out):
            raise Unsupported("a value read in another order than it is made in")
        if operand.base in self.row:
            return self.row[operand.base]
        if operand.base in self.cell:
            return self.cell[operand.base]
        return self.w.load(
            self.w.at(self.rooms[operand.base], operand.base.dtype, c or 0), operand.base.dtype
        )

    def _same(self, a: View, b: View) -> bool:
        """Whether two views show the same element at each place of the space."""
        dims = wide(self.space, range(len(self.space)))
        return a.offset == b.offset and all(a.strides[d] == b.strides[d] for d in dims)

    def _read(self, view: View, c: Register | None) -> Register:
        """Read an element of what lies in memory, or what is the same for the whole row."""
        dtype = view.base.dtype
        key = self._key(view)
        if c is None or not step(view, self.space, self.split):
            if key not in self.loaded:
                self.loaded[key] = self.w.load(self._begins(view), dtype)
            return self.loaded[key]
        return self.w.load(self._place(view, c), dtype)

    def _key(self, view: View) -> tuple[Value, int, tuple[int, ...]]:
        return view.base, view.offset, view.strides

    def _prepare(self, member: Member) -> None:
        """Write, before a loop of columns, what a member needs once a row."""
        views = [v for v in (*lines(member), member.out) if len(v.shape) == len(self.space)]
        steps = member.instruction.op.name in STEPS
        for view in views:
            needed = view is not member.out or view.base in self.kept
            if view.base in self.made and view.base not in self.kept and not steps:
                if self.last.get(view.base, 0) > self.phases[self.made[view.base]]:
                    self._room(view.base)
            elif needed and view.base not in self.row:
                self._begins(view)
                inner = step(view, self.space, self.split)
                if not inner and view.base not in self.made:
                    self._read(view, None)

    def _begins(self, view: View) -> str:
        """Where the current row of a view begins."""
        key = self._key(view)
        if key not in self.pointers:
            self.pointers[key] = self._row_place(view, self.index)
        return self.pointers[key]

    def _row_place(self, view: View, index: dict[int, Register]) -> str:
        place: Number = view.offset
        for d, i in index.items():
            if view.strides[d]:
                place = i * view.strides[d] + place
        return self.w.at(self.memory.pointer(view.base), view.base.dtype, place)

    def _place(self, view: View, c: Register | None) -> str:
        stride = step(view, self.space, self.split)
        start = self._begins(view)
        if c is None or not stride:
            return start
        return self.w.at(start, view.base.dtype, c * stride if stride != 1 else c)

    def _store(self, y: Register, view: View, index: dict[int, Register]) -> None:
        if view.base in self.kept:
            self.w.store(y, self._row_place(view, index))

    def _storage(self, view: View) -> tuple[str, int]:
        """Where a sum over the rows lies, and the step between its elements."""
        return self._row_place(view, {}), step(view, self.space, self.split) or 0

    def _room(self, value: Value) -> str:
        if value not in self.rooms:
            self.rooms[value] = self.memory.scratch(self.columns, value.dtype)
        return self.rooms[value]

    # --- reductions -----------------------------------------------------------------------------

    def _reduction(self, member: Member) -> tuple[Reduction, Any]:
        dtype = member.instruction.out.dtype
        return reduction(member.instruction.op.name, dtype), dtype

    def _reduced_operand(self, member: Member, c: Register | None) -> Register:
        how, dtype = self._reduction(member)
        x = self._operand(member.operands[0], c)
        return how.before(self.w.number(x, dtype).to(dtype))

    def _result(self, member: Member, total: Total) -> Register:
        return total.how.after(total.result(), self._count(member))

    def _count(self, member: Member) -> int:
        """How many numbers become one."""
        return math.prod(member.space[d] for d in member.reduced)

    # --- reading and writing along a dimension --------------------------------------------------

    def _along(self, index: Number, size: int) -> Register:
        """An index along a dimension of `size`, counted from the front."""
        place = self.w.number(index, INDEX).to(INDEX)
        return place.lt(0).select(place + size, place)

    def _along_rows(self, member: Member) -> None:
        rank = len(member.instruction.out.shape)
        last = member.instruction.attrs["dim"] % max(rank, 1) == len(self.space) - 1
        if rank != len(self.space) or not last:
            raise Unsupported("a gather along another dimension than the last")

    def _taken(self, member: Member, c: Register | None) -> Register:
        table, index = member.operands
        self._along_rows(member)
        if not isinstance(table, View):
            raise Unsupported("a gather from a number")
        size, dtype = table.shape[-1], table.base.dtype
        place = self._along(self._operand(index, c), size)
        within = place.compare("", "ult", size)
        safe = within.select(place, 0)
        if table.base in self.made and size == 1:
            y = self.w.number(self._operand(table, c), dtype)
        elif table.base in self.rooms:
            y = self.w.load(self.w.at(self.rooms[table.base], dtype, safe), dtype)
        elif table.base in self.made and table.base not in self.kept:
            raise Unsupported("a gather from what is not kept")
        else:
            row = self._place(beginnings(table), c)
            y = self.w.load(self.w.at(row, dtype, safe * table.strides[-1]), dtype)
        # Indices are looked at before they come here; this one only has to be safe.
        return within.select(y, math.nan if dtype.kind == "f" else 0)

    def _added(self, member: Member, c: Register | None) -> Register:
        x, index = member.operands
        self._along_rows(member)
        size, dtype = self.space[-1], member.instruction.out.dtype
        inner = wide(self.space, range(self.split, len(self.space)))
        stretched = not isinstance(index, View) or size == 1 or not index.strides[-1]
        if not stretched or (size != 1 and inner != (len(self.space) - 1,)) or c is None:
            raise Unsupported("a scatter of more than one number a row")
        here = self._along(self._operand(index, c), size).eq(c if size != 1 else 0)
        return here.select(self.w.number(self._operand(x, c), dtype).to(dtype), 0)

    # --- random numbers -------------------------------------------------------------------------

    def _generator(self, member: Member) -> tuple[Register, Register]:
        """The key, and the count before the first number; the count is moved on at once."""
        instruction, view = member.instruction, member.operands[0]
        count, strides = 1, []
        for n in reversed(self.space):
            strides.append(count)
            count *= n
        dims = wide(self.space, range(len(self.space)))
        if member.space != self.space or any(
            member.out.strides[d] != strides[::-1][d] for d in dims
        ):
            raise Unsupported("random numbers in another order than they are drawn in")
        if not isinstance(view, View):
            raise Unsupported("a generator that is no array")
        pointer = self.w.at(self.memory.pointer(view.base), UINT, view.offset)
        behind = self.w.at(pointer, UINT, view.strides[-1] if len(view.shape) == 1 else 1)
        key, counter = self.w.load(pointer, UINT), self.w.load(behind, UINT)
        if instruction.op.name != "random_mask" or instruction.attrs["p"] < 1:
            self.w.store(counter + count, behind)
        return key, counter

    def _random(self, member: Member, c: Register | None) -> Register:
        op, attrs = member.instruction.op.name, member.instruction.attrs
        dtype = member.instruction.out.dtype
        key, counter = self.once[member.out.base]
        z = (counter + self._number_of(c) + 1) * GOLDEN + key
        z = (z ^ (z >> 30)) * MIX_1
        z = (z ^ (z >> 27)) * MIX_2
        z = z ^ (z >> 31)
        if op == "random_mask" and dtype.kind == "f":
            p = attrs["p"]
            if p >= 1:
                return self.w.number(0, dtype)
            threshold = min(round(p * 2.0**64), (1 << 64) - 1)
            return z.ge(threshold).select(self.w.number(1 / (1 - p), dtype), 0)
        if op == "random_uniform" and dtype.kind == "f":
            digits = np.finfo(dtype).nmant + 1
            return (z >> (64 - digits)).to(INDEX).to(dtype) * 2.0**-digits
        raise Unsupported(op)

    def _number_of(self, c: Register | None) -> Register:
        """Which element of the space this is, counted in the order of memory."""
        place = self.w.number(0, INDEX) if c is None else c
        for d, i in self.index.items():
            place = i * math.prod(self.space[d + 1 :]) + place
        return place.to(UINT)

    # --- optimisers -----------------------------------------------------------------------------

    def _arguments(self, member: Member) -> dict[str, Any]:
        """The arguments of an update by name, those left out at their defaults."""
        import inspect

        instruction = member.instruction
        parameters = inspect.signature(instruction.op.forward).parameters.values()
        given = dict(zip((p.name for p in parameters), member.operands))
        defaults = {p.name: p.default for p in parameters}
        return {**defaults, **instruction.attrs, **given}

    def _rates(self, member: Member) -> Any:
        """What holds for the whole of an update: its numbers, read once, and what follows."""
        rule, by_element = STEPS[member.instruction.op.name]
        numbers = {
            name: self._hyper(value)
            for name, value in self._arguments(member).items()
            if name not in by_element
        }
        return rule(self.w, numbers, member.out.base.dtype)

    def _hyper(self, value: Any) -> Any:
        double = np.dtype(np.float64)
        if isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return self.w.number(value, double)
        if isinstance(value, tuple):
            return tuple(self._hyper(v) for v in value)
        if not isinstance(value, View):
            raise Unsupported(f"{value!r} as a number of an update")
        pointer = self.w.at(self.memory.pointer(value.base), value.base.dtype, value.offset)
        pair = math.prod(value.base.shape) == 2
        stride = value.strides[-1] if len(value.shape) == 1 else 1
        places = [pointer, self.w.at(pointer, value.base.dtype, stride)] if pair else [pointer]
        found = tuple(self.w.load(p, value.base.dtype).to(double) for p in places)
        return found if pair else found[0]

    def _update(self, member: Member, c: Register | None) -> None:
        _, by_element = STEPS[member.instruction.op.name]
        arguments = self._arguments(member)
        views = {name: arguments[name] for name in by_element}
        used = {n: v for n, v in views.items() if not isinstance(v, View) or v.base.shape != (0,)}
        if math.prod(self.space) == 0:
            return
        element: dict[str, Any] = dict.fromkeys(by_element)
        element |= {
            n: self.w.number(self._operand(v, c), member.out.base.dtype) for n, v in used.items()
        }
        new = self.once[member.out.base](element)
        for name, y in new.items():
            self.w.store(y, self._place(used[name], c))
        held = self.row if c is None else self.cell
        held[member.out.base] = new["x"]
