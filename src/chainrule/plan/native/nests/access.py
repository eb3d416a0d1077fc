"""Reading and writing the values of a group from within its loops (floor 2).

A value that the group itself makes is read from its register as long as that is at hand; between
two loops over the same row it is kept in room for one row, if it has no memory of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from chainrule.plan.native.llvm.ir import Number, Register, Unsupported, Writer
from chainrule.plan.native.nests.space import Halves
from chainrule.plan.passes.fuse import Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["Access", "Memory"]


class Memory(Protocol):
    """Where values lie, as registers that hold pointers."""

    @property
    def links(self) -> list[Any]:
        """The table of pointers of the function's group, as it is so far."""

    @property
    def taken(self) -> dict[Value, int]:
        """Where in the scratch memory those values begin that have no other, in bytes."""

    def linked(self, link: Any) -> str:
        """Return a pointer of the table, which has it from now on."""

    def pointer(self, value: Value) -> str:
        """Return where the memory of a value begins."""

    def scratch(self, count: int, dtype: Any) -> str:
        """Return room for so many numbers until the group is done."""

    def take(self, count: int, dtype: Any) -> int:
        """Take such room, and return where it begins in the scratch memory."""

    def scratch_at(self, start: int) -> str:
        """Return a pointer to what lies so many bytes from where the scratch memory begins."""


class Access:
    """The values of a group while its loops are being written.

    Args:
        w: of the group's function.
        halves: of the group's space.
        memory: where values lie.
        made: the member that makes each value of the group.
        kept: values that have memory of their own, or need it.

    Attributes:
        index: the numbers of the rows, by outer dimension.
        cell: registers of an element, of what the present loop of columns has made.
    """

    def __init__(
        self,
        w: Writer,
        halves: Halves,
        memory: Memory,
        made: Mapping[Value, Member],
        kept: set[Value],
    ) -> None:
        self.w, self.halves, self.memory, self.made, self.kept = w, halves, memory, made, kept
        self.index: dict[int, Register] = {}
        self.cell: dict[Value, Register] = {}
        self._row: dict[Value, Register] = {}
        self._rooms: dict[Value, str] = {}
        self._pointers: dict[Any, str] = {}
        self._loaded: dict[Any, Register] = {}

    # --- reading --------------------------------------------------------------------------------

    def operand(self, operand: Any, c: Register | None) -> Number:
        """What an operand is at column `c` of a row, or, without one, for the row."""
        if not isinstance(operand, View):
            return operand
        value = operand.base
        at_hand = value in self._row or value in self.cell or value in self._rooms
        if not at_hand:
            if value in self.made and value not in self.kept:
                raise Unsupported("a value read before it is made")
            return self._read(operand, c)
        if not self.halves.same(operand, self.made[value].out):
            raise Unsupported("a value read in another order than it is made in")
        if value in self._row or value in self.cell:
            return self._row.get(value) or self.cell[value]
        return self.w.load(self.w.at(self._rooms[value], value.dtype, c or 0), value.dtype)

    def element(self, view: View, place: Register, c: Register | None, first: View) -> Register:
        """Element `place` along the last dimension of a table, whose row begins at `first`."""
        value, dtype = view.base, view.base.dtype
        if value in self._rooms:
            return self.w.load(self.w.at(self._rooms[value], dtype, place), dtype)
        if value in self.made and value not in self.kept:
            raise Unsupported("a gather from what is not kept")
        row = self.place(first, c)
        return self.w.load(self.w.at(row, dtype, place * view.strides[-1]), dtype)

    def _read(self, view: View, c: Register | None) -> Register:
        dtype = view.base.dtype
        if c is not None and self.halves.step(view):
            return self.w.load(self.place(view, c), dtype)
        key = _key(view)
        if key not in self._loaded:
            self._loaded[key] = self.w.load(self._begins(view), dtype)
        return self._loaded[key]

    def prepare(self, view: View) -> None:
        """Write, before a loop of columns, what reading or writing a view needs once a row."""
        if view.base in self._row or (view.base in self.made and view.base not in self.kept):
            return
        self._begins(view)
        if view.base not in self.made and not self.halves.step(view):
            self._read(view, None)

    # --- writing --------------------------------------------------------------------------------

    def keep(self, member: Member, y: Register, c: Register | None) -> None:
        """Take note of what a member has made, and put it where it is to be found later."""
        value = member.out.base
        if c is None:
            self._row[value] = y
        else:
            self.cell[value] = y
        if value in self.kept:
            self.w.store(y, self.place(member.out, c))
        elif value in self._rooms and c is not None:
            self.w.store(y, self.w.at(self._rooms[value], y.dtype, c))

    def remember(self, member: Member, y: Register) -> None:
        """Take note of what a member has made once, somewhere else."""
        self._row[member.out.base] = y

    def made_once(self, member: Member) -> Register:
        """What a member has made before the loops."""
        return self._row[member.out.base]

    def keep_total(self, member: Member, y: Register) -> None:
        """Put down what the loops have come to, now that they have ended."""
        if member.out.base in self.kept:
            self.w.store(y, self.total(member.out))

    def room(self, value: Value, room: str) -> None:
        """Have a value kept for the length of a row, in room for so many numbers."""
        self._rooms[value] = room

    # --- places ---------------------------------------------------------------------------------

    def place(self, view: View, c: Register | None) -> str:
        """Where column `c` of the present row of a view lies."""
        stride = self.halves.step(view)
        start = self._begins(view)
        if c is None or not stride:
            return start
        return self.w.at(start, view.base.dtype, c * stride if stride != 1 else c)

    def total(self, view: View) -> str:
        """Where the first number lies that all summed rows share."""
        shared = {d: i for d, i in self.index.items() if d in self.halves.batch}
        return self._row_place(view, shared)

    def number(self, view: View, k: int = 0) -> Register:
        """Number `k` of a small array that holds for the whole group."""
        start = self.w.at(self.memory.pointer(view.base), view.base.dtype, view.offset)
        stride = view.strides[-1] if len(view.shape) == 1 else 1
        return self.w.load(self.w.at(start, view.base.dtype, k * stride), view.base.dtype)

    def _begins(self, view: View) -> str:
        key = _key(view)
        if key not in self._pointers:
            self._pointers[key] = self._row_place(view, self.index)
        return self._pointers[key]

    def _row_place(self, view: View, index: Mapping[int, Register]) -> str:
        place: Number = view.offset
        for d, i in index.items():
            if view.strides[d]:
                place = i * view.strides[d] + place
        return self.w.at(self.memory.pointer(view.base), view.base.dtype, place)


def _key(view: View) -> tuple[Value, int, tuple[int, ...]]:
    return view.base, view.offset, view.strides
