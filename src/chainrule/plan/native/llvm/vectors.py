"""Vectors in LLVM's language, of a few numbers at once, and choices between blocks (floor 2).

Other loops are written for one number at a time, and LLVM makes vectors of them; the tile of a
product says itself which numbers stand in which register. Sums that grow from turn to turn are kept
in slots on the stack, which LLVM turns into registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.native.llvm.ir import Register, Writer, llvm_type

__all__ = ["At", "Vector", "reserve", "when"]

At: TypeAlias = int | Register  # an index: a constant, or the register that has it


@dataclass(frozen=True)
class Vector:
    """A kind of vector, of which the first lanes are meant.

    Attributes:
        dtype: of the numbers.
        lanes: how many there are.
        live: how many count; the others are read as 0 and never written.

    Examples:
        >>> print(Vector(np.dtype(np.float32), 16, 10))
        <16 x float>
    """

    dtype: np.dtype[Any]
    lanes: int
    live: int

    def __str__(self) -> str:
        return f"<{self.lanes} x {llvm_type(self.dtype)}>"

    @property
    def whole(self) -> bool:
        """Whether all lanes count."""
        return self.live == self.lanes

    def part(self, lanes: int, live: int) -> Vector:
        """The same kind of numbers in another vector."""
        return Vector(self.dtype, lanes, live)

    def load(self, w: Writer, pointer: str) -> str:
        """Return the numbers that lie one after another from `pointer`."""
        if self.whole:
            return value(w, f"load {self}, ptr {pointer}, align {self.dtype.itemsize}")
        name = f"llvm.masked.load.{self._suffix}.p0"
        w.declared[name] = f"declare {self} @{name}(ptr, i32, <{self.lanes} x i1>, {self})"
        place = f"ptr {pointer}, i32 {self.dtype.itemsize}, {self._mask}"
        return value(w, f"call {self} @{name}({place}, {self} zeroinitializer)")

    def collect(self, w: Writer, pointer: str, step: int) -> str:
        """Return numbers that lie `step` apart."""
        if step == 1:
            return self.load(w, pointer)
        vector = "zeroinitializer"
        for lane in range(self.live):
            number = w.load(w.at(pointer, self.dtype, lane * step), self.dtype)
            vector = value(w, f"insertelement {self} {vector}, {number.typed}, i64 {lane}")
        return vector

    def store(self, w: Writer, numbers: str, pointer: str) -> None:
        """Put numbers down one after another from `pointer`."""
        if self.whole:
            w.do(f"store {self} {numbers}, ptr {pointer}, align {self.dtype.itemsize}")
            return
        name = f"llvm.masked.store.{self._suffix}.p0"
        w.declared[name] = f"declare void @{name}({self}, ptr, i32, <{self.lanes} x i1>)"
        place = f"ptr {pointer}, i32 {self.dtype.itemsize}, {self._mask}"
        w.do(f"call void @{name}({self} {numbers}, {place})")

    def spread(self, w: Writer, pointer: str) -> str:
        """Return the number at `pointer` in every lane."""
        number = w.load(pointer, self.dtype)
        one = value(w, f"insertelement {self} poison, {number.typed}, i64 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return value(w, f"shufflevector {self} {one}, {self} poison, {zeros}")

    def zeros(self, w: Writer) -> str:
        """Return a slot that holds zeros."""
        slot = f"%{w.fresh('sum')}"
        w.head.append(f"  {slot} = alloca {self}")
        w.do(f"store {self} zeroinitializer, ptr {slot}")
        return slot

    def accumulate(self, w: Writer, x: str, y: str, slot: str) -> None:
        """Add x y to what a slot holds, rounded once where the processor can."""
        name = f"llvm.fmuladd.{self._suffix}"
        w.declared[name] = f"declare {self} @{name}({self}, {self}, {self})"
        before = value(w, f"load {self}, ptr {slot}")
        after = value(w, f"call {self} @{name}({self} {x}, {self} {y}, {self} {before})")
        w.do(f"store {self} {after}, ptr {slot}")

    def total(self, w: Writer, slots: Sequence[str]) -> str:
        """Return the sum of what some slots hold."""
        values = [value(w, f"load {self}, ptr {slot}") for slot in slots]
        while len(values) > 1:
            one, other, *rest = values
            values = [*rest, value(w, f"fadd {self} {one}, {other}")]
        return values[0]

    @property
    def _suffix(self) -> str:
        return f"v{self.lanes}f{8 * self.dtype.itemsize}"

    @property
    def _mask(self) -> str:
        bits = ("true" if lane < self.live else "false" for lane in range(self.lanes))
        return f"<{self.lanes} x i1> <{', '.join(f'i1 {bit}' for bit in bits)}>"


def value(w: Writer, instruction: str) -> str:
    """Write an instruction and return the register that has its result."""
    register = f"%{w.fresh('v')}"
    w.do(f"{register} = {instruction}")
    return register


def reserve(w: Writer, dtype: np.dtype[Any], count: int) -> str:
    """Return room on the stack for so many numbers."""
    room = f"%{w.fresh('room')}"
    w.head.append(f"  {room} = alloca {llvm_type(dtype)}, i64 {count}, align 64")
    return room


def when(
    w: Writer,
    condition: Register,
    then: Callable[[], None],
    otherwise: Callable[[], None] = lambda: None,
) -> None:
    """Write two bodies, of which the condition decides which is done."""
    yes, no, end = (w.fresh(stem) for stem in ("then", "else", "end"))
    w.do(f"br i1 {condition}, label %{yes}, label %{no}")
    for label, body in ((yes, then), (no, otherwise)):
        w.lines.append(f"{label}:")
        w.block = label
        body()
        w.do(f"br label %{end}")
    w.lines.append(f"{end}:")
    w.block = end
