"""What a kernel is written with: where its operands lie, room, and shares for a team (floor 2).

A *kernel* writes one instruction that is a nest of loops of its own kind, such as a convolution or
a sequence of recurrent steps, where groups of elementwise instructions do not reach. It is given a
`Site`, the group's function under construction, and writes into `site.w` what one thread does, or
hands `site.each` a body for one unit of work of many, which the threads of the team then share.

How work falls into units must depend on sizes alone, never on the number of threads, and a unit
must not add to what another unit writes: then the bits are the same for any number of threads. Sums
over units go into room of their own and are added up in order afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from chainrule.plan.native.llvm.ir import INDEX, Register, Writer
from chainrule.plan.native.llvm.vectors import reserve, when
from chainrule.plan.native.matrices.products import Kernel, Product
from chainrule.plan.native.nests.access import Memory
from chainrule.plan.passes.fuse import Member
from chainrule.plan.passes.views import View

__all__ = ["Body", "Inside", "Room", "Site"]


class Room(NamedTuple):
    """Memory that a group has until it is done, seen by all threads.

    Attributes:
        start: in bytes, in the scratch memory.
        dtype: of the numbers.
    """

    start: int
    dtype: np.dtype[Any]


class Module(Protocol):
    """What functions are added to; see `stretch`."""

    def kernel(self, product: Product) -> Kernel:
        """The function of a product that nothing follows on."""

    def helper(self, parameters: str, body: Callable[[Writer], None]) -> str:
        """Add a function that kernels call, compiled once for all of them; return its name."""

    def part(self, memory: Memory) -> tuple[Writer, Memory]:
        """Return a writer of a function that threads share, and where that finds values."""

    def shared_out(self, site: Site, part: Writer, units: int, work: float) -> None:
        """Add a part that has been written, and write the call of it: by one thread or by all."""


class Inside:
    """A function of a kernel while it is being written.

    Args:
        module: what it is part of.
        w: its writer.
        memory: where it finds values.
    """

    def __init__(self, module: Module, w: Writer, memory: Memory) -> None:
        self.module, self.w, self.memory = module, w, memory

    def start(self, view: View) -> str:
        """Return a pointer to the first element of a view: index 0 in each dimension."""
        return self.w.at(self.memory.pointer(view.base), view.base.dtype, view.offset)

    def room(self, room: Room) -> str:
        """Return a pointer to the first number of a room."""
        return self.memory.scratch_at(room.start)

    def reserve(self, dtype: np.dtype[Any], count: int) -> str:
        """Return room on the stack, of this thread alone: at most some 100,000 numbers."""
        return reserve(self.w, dtype, count)

    def product(self, product: Product, a: str, b: str, c: str) -> None:
        """Write a product of matrices, carried out here by one thread; `c` is overwritten."""
        kernel = self.module.kernel(product)
        pointers = f"ptr {a}, ptr {b}, ptr {c}, ptr null"
        self.w.do(f"call void @{kernel.name}({pointers}, i64 0, i64 {kernel.units})")


# Writes the unit of a number: on the inside given, at the register that has the number.
Body: TypeAlias = Callable[[Inside, Register], None]


class Site(Inside):
    """Where a kernel is written.

    Args:
        module: what it is part of.
        w: the writer of the group's function.
        memory: where that finds values.
        member: the instruction.

    Attributes:
        operands: of each argument, in order, a view with the argument's own shape, or the number
            that it is, or `None`.
        out: the view where the result goes, of the result's shape; it need not be in order.
        attrs: of the instruction.
        insists: whether the group may end early, with nothing done; see `insist`.
    """

    def __init__(self, module: Module, w: Writer, memory: Memory, member: Member) -> None:
        super().__init__(module, w, memory)
        self.instruction = member.instruction
        self.operands = member.operands
        self.out = member.out
        self.attrs: Mapping[str, Any] = member.instruction.attrs
        self.insists = False

    def insist(self, fine: Register) -> None:
        """End the run here unless a bit is set: the op's own body then says what it dislikes."""
        self.w.leave(fine ^ True, "ret i1 false")
        self.insists = True

    def take(self, count: int, dtype: np.dtype[Any]) -> Room:
        """Return room for so many numbers until the group is done; all threads see the same."""
        return Room(self.memory.take(count, dtype), dtype)

    def each(self, units: int, work: float, body: Body) -> None:
        """Write `body` for the units 0, ..., units - 1, shared by the team where that pays.

        Args:
            units: how many; the numbers do not depend on how many threads there are.
            work: of all units together, in multiplications of numbers, or in numbers moved.
            body: writes one unit, for the register that holds its number.
        """
        w, memory = self.module.part(self.memory)
        inside = Inside(self.module, w, memory)
        first, last = (Register(name, INDEX, w) for name in ("%first", "%last"))

        def turns() -> None:
            with w.loop(last - first) as turn:
                body(inside, turn + first)

        when(w, first.lt(last), turns)
        self.module.shared_out(self, w, units, work)
