"""What follows a product, done on each piece of the result while it is at hand (floor 2).

Bias, activation, mask and the optimiser's step of the parameter whose gradient the product is
become a function of a piece, as `products` wants it. What they compute once for the whole group
(rates, the place in a sequence of random numbers) is put into the context before the product and
read from there. A product whose result nobody else reads leaves no trace in memory. What has to
wait for the whole result, a sum over its rows for instance, comes after it, in loops.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.plan.formulas.updates import STEPS
from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Writer
from chainrule.plan.native.llvm.vectors import value
from chainrule.plan.native.matrices.factors import rows_of
from chainrule.plan.native.nests import special
from chainrule.plan.native.nests.access import Access, Memory
from chainrule.plan.native.nests.member import advance, seed
from chainrule.plan.native.nests.space import Halves, operands
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.memory import ALIGNMENT
from chainrule.plan.passes.views import View

__all__ = ["PARAMETERS", "Epilogue", "parted"]

PARAMETERS = "ptr %piece, i64 %step, i64 %row, i64 %column, i64 %rows, i64 %columns, ptr %context"
WORD = np.dtype(np.uint64)


# Columns of a result from which on a row of a piece fills a good part of a vector.
WIDE = 8


def parted(group: Group, together: bool = True) -> tuple[Group, Group | None]:
    """Part the group of a product into what is done piece by piece and what comes after that.

    What waits for the whole result comes after, with all that reads it; also what only that reads
    and has no memory of its own. A narrow result is better gone through in one long loop.

    Args:
        group: of the product.
        together: whether anything may be done piece by piece.
    """
    product, *others = group.members
    late = {m for m in others if not _by_piece(m)}
    ordered = any(m.instruction.op.kind in ("update", "random") for m in others)
    narrow = len(group.space) != 2 or group.space[1] < WIDE
    if narrow or not together or (ordered and (late or group.finish)):
        late = set(others)
    while more := {m for m in others if m not in late and _belongs(m, late, group)}:
        late |= more
    near = [m for m in others if m not in late]
    after = tuple(m for m in others if m in late)
    rest = replace(group, kind="loop", members=after) if after or group.finish else None
    if not near:
        return rows_of(group), rest
    read = {v.base for m in (*after, *group.finish) for v in operands(m)}
    outputs = dict.fromkeys((*group.outputs, *({product.out.base} & read)))
    return replace(group, members=(product, *near), finish=(), outputs=tuple(outputs)), rest


def _by_piece(member: Member) -> bool:
    op = member.instruction.op
    return op.kind in ("elementwise", "random") or op.name in STEPS


def _belongs(member: Member, late: Iterable[Member], group: Group) -> bool:
    """Whether a member reads what is made late, or makes without memory what is read late."""
    made = {m.out.base for m in late}
    read = {v.base for m in (*late, *group.finish) for v in operands(m)}
    unkept = member.out.base in read and member.out.base not in group.outputs
    return unkept or any(v.base in made for v in operands(member))


class Epilogue:
    """What follows a product.

    Args:
        group: of the product, all of whose other members follow piece by piece.
        bias: what is added to every row first, over the group's space.
    """

    def __init__(self, group: Group, bias: View | None) -> None:
        self.group, self.bias = group, bias
        self.product, *self.rest = group.members
        self.context: list[tuple[Member, str, Any]] = []  # whose number, its name and dtype

    def _access(self, w: Writer, memory: Memory) -> Access:
        halves = Halves(replace(self.group, members=tuple(self.rest)))
        made = {m.out.base: m for m in self.group.members}
        return Access(w, halves, memory, made, set(self.group.outputs))

    def before(self, w: Writer, memory: Memory, c: str) -> str:
        """Write, before the product, what is computed once; return where the context is.

        Args:
            w: of the group's function.
            memory: of the group.
            c: where the result of the product goes, if it is kept.
        """
        access = self._access(w, memory)
        numbers: list[Register] = []
        for member in self.rest:
            own = dict(seed(access, member))
            if member.instruction.op.kind == "random":
                special.move_on(access, member)
            if access.halves.once(member):
                advance(access, member, own, None)
                own = {"": access.made_once(member)}
            self.context += [(member, name, y.dtype) for name, y in own.items()]
            numbers += own.values()
        place = memory.scratch(len(numbers) + 2, WORD)
        w.do(f"store ptr %table, ptr {place}")
        w.do(f"store ptr {c}, ptr {w.at(place, WORD, 1)}")
        for k, number in enumerate(numbers, start=2):
            w.store(number, w.at(place, WORD, k))
        return place

    def on_piece(self, w: Writer, memory: Memory) -> None:
        """Write what is done on a piece of the result."""
        access = self._access(w, memory)
        seeds: dict[Member, dict[str, Register]] = {m: {} for m in self.rest}
        for k, (member, name, dtype) in enumerate(self.context, start=2):
            seeds[member][name] = w.load(w.at("%context", WORD, k), dtype)
            if not name:
                access.remember(member, seeds[member][name])
        members = [m for m in self.rest if not access.halves.once(m)]
        row, column, rows, columns, step = (
            Register(name, INDEX, w) for name in ("%row", "%column", "%rows", "%columns", "%step")
        )
        with w.loop(rows) as i:
            if 0 in access.halves.outer:
                access.index[0] = row + i
            for view in self._views(members):
                access.prepare(view)
            line = w.at("%piece", self._dtype, i * step)
            kept = self._line_of_result(w, row + i, column)
            with w.loop(columns, parallel=True) as j:
                y = w.load(w.at(line, self._dtype, j), self._dtype)
                self._element(access, members, seeds, y, column + j)
                if kept:
                    w.store(access.cell[self.product.out.base], w.at(kept, self._dtype, j))

    def _line_of_result(self, w: Writer, row: Register, column: Register) -> str:
        """Write where a line of a piece goes, if the result of the product is kept."""
        if self.product.out.base not in self.group.outputs:
            return ""
        c = w.at("%context", WORD, 1)
        whole = value(w, f"load ptr, ptr {c}")
        return w.at(whole, self._dtype, row * self.group.space[1] + column)

    @property
    def updates(self) -> bool:
        """Whether the product is the gradient of a parameter that changes at once."""
        return any(m.instruction.op.name in STEPS for m in self.rest)

    def ahead(self, w: Writer, memory: Memory) -> None:
        """Write what calls the numbers that a row of a piece will be met with out of memory."""
        access = self._access(w, memory)
        row, column, columns = (Register(n, INDEX, w) for n in ("%row", "%column", "%columns"))
        access.index[0] = row

        def call(view: View, c: Register) -> None:
            w.call_in(access.place(view, c), changed=view.base in access.kept)

        for view in dict.fromkeys(self._views(self.rest)):
            if view.base not in access.made and view.strides[0] and view.strides[1] == 1:
                line = ALIGNMENT // view.base.dtype.itemsize
                with w.loop((columns + line - 1) / line) as k:
                    call(view, column + k * line)
                call(view, column + columns - 1)

    @property
    def _dtype(self) -> Any:
        return self.product.out.base.dtype

    def _views(self, members: list[Member]) -> list[View]:
        own = [v for m in members for v in (*operands(m), m.out)]
        bias = [self.bias] if self.bias else []
        over = [v for v in (*bias, *own) if len(v.shape) == len(self.group.space)]
        return [v for v in over if v.base is not self.product.out.base]

    def _element(
        self,
        access: Access,
        members: list[Member],
        seeds: dict[Member, dict[str, Register]],
        y: Register,
        c: Register,
    ) -> None:
        """Write what is done on one number of a piece."""
        if self.bias:
            bias: Number = access.operand(self.bias, c)
            y = y + bias
        access.cell = {self.product.out.base: y}
        for member in members:
            advance(access, member, seeds[member], c)
