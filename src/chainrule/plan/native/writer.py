"""Lines of a function in LLVM's language: fresh names, loops, addresses, vectors (floor 2).

A writer knows nothing of what is computed. Numbers that change from turn to turn are kept in slots
on the stack, which LLVM turns into registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

__all__ = ["At", "Vector", "Writer"]

At: TypeAlias = int | str  # an index: a constant, or the register that has it


class Vector:
    """A kind of vector, of which the first `live` lanes are meant.

    Args:
        scalar: "float" or "double".
        lanes: how many there are.
        live: how many count; the others are read as 0 and never written.

    Examples:
        >>> print(Vector("float", 16, 10))
        <16 x float>
    """

    def __init__(self, scalar: str, lanes: int, live: int | None = None) -> None:
        self.scalar, self.lanes, self.live = scalar, lanes, live or lanes
        self.align = 4 if scalar == "float" else 8
        self.suffix = f"v{lanes}f{8 * self.align}"

    def __str__(self) -> str:
        return f"<{self.lanes} x {self.scalar}>"

    @property
    def mask(self) -> str:
        """The lanes that count, for LLVM's masked loads and stores."""
        bits = ("true" if lane < self.live else "false" for lane in range(self.lanes))
        return f"<{self.lanes} x i1> <{', '.join(f'i1 {bit}' for bit in bits)}>"


class Writer:
    """The body of one function, written from top to bottom.

    Attributes:
        slots: what is set aside on the stack as the function begins.
        lines: all that follows.
        declarations: of the functions of LLVM that are called.

    Examples:
        >>> w = Writer()
        >>> w.value("add i64 %a, %b"), w.lines
        ('%v1', ['  %v1 = add i64 %a, %b'])
    """

    def __init__(self) -> None:
        self.slots: list[str] = []
        self.lines: list[str] = []
        self.declarations: dict[str, None] = {}
        self.block = "entry"
        self._names = 0

    def name(self, stem: str) -> str:
        """Return a name that was not there before."""
        self._names += 1
        return f"{stem}{self._names}"

    def do(self, instruction: str) -> None:
        """Write an instruction that has no result."""
        self.lines.append(f"  {instruction}")

    def value(self, instruction: str) -> str:
        """Write an instruction and return the register that has its result."""
        register = self.name("%v")
        self.do(f"{register} = {instruction}")
        return register

    def slot(self, kind: str, count: int = 1) -> str:
        """Return the address of room on the stack for `count` of a kind."""
        register = self.name("%s")
        self.slots.append(f"  {register} = alloca {kind}, i64 {count}, align 64")
        return register

    # --- blocks ---------------------------------------------------------------------------------

    def begin(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        """End a block by going to another."""
        self.do(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        """End a block by going to one of two."""
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def when(
        self, condition: str, then: Callable[[], None], otherwise: Callable[[], None] | None = None
    ) -> None:
        """Write two bodies, of which the condition decides which is done."""
        yes, no, end = (self.name(stem) for stem in ("then", "else", "end"))
        self.branch(condition, yes, no)
        for label, body in ((yes, then), (no, otherwise)):
            self.begin(label)
            if body:
                body()
            self.jump(end)
        self.begin(end)

    @contextmanager
    def loop(self, start: At, stop: At, step: int = 1) -> Iterator[str]:
        """Write what is inside once, to be done for start, start + step, ... below stop."""
        head, body, end = (self.name(stem) for stem in ("head", "body", "end"))
        before, index, following = self.block, self.name("%i"), self.name("%i")
        self.jump(head)
        self.begin(head)
        at = len(self.lines)
        self.branch(self.value(f"icmp slt i64 {index}, {stop}"), body, end)
        self.begin(body)
        yield index
        self.do(f"{following} = add i64 {index}, {step}")
        turns = f"[{start}, %{before}], [{following}, %{self.block}]"
        self.lines.insert(at, f"  {index} = phi i64 {turns}")
        self.jump(head)
        self.begin(end)

    # --- indices --------------------------------------------------------------------------------

    def times(self, x: At, y: int) -> At:
        """Return x y."""
        if isinstance(x, int):
            return x * y
        return (0, x)[y] if y in (0, 1) else self.value(f"mul i64 {x}, {y}")

    def plus(self, x: At, y: At) -> At:
        """Return x + y."""
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if 0 in (x, y):
            return y if x == 0 else x
        return self.value(f"add i64 {x}, {y}")

    def address(self, scalar: str, base: str, *steps: At) -> str:
        """Return the address of the element so many steps in all beyond the base."""
        for step in steps:
            if step != 0:
                base = self.value(f"getelementptr {scalar}, ptr {base}, i64 {step}")
        return base

    # --- vectors --------------------------------------------------------------------------------

    def load(self, vector: Vector, pointer: str) -> str:
        """Return the numbers that lie one after another from `pointer`."""
        if vector.live == vector.lanes:
            return self.value(f"load {vector}, ptr {pointer}, align {vector.align}")
        name, lanes = f"@llvm.masked.load.{vector.suffix}.p0", vector.lanes
        self.declarations[f"declare {vector} {name}(ptr, i32, <{lanes} x i1>, {vector})"] = None
        place = f"ptr {pointer}, i32 {vector.align}"
        return self.value(f"call {vector} {name}({place}, {vector.mask}, {vector} zeroinitializer)")

    def store(self, vector: Vector, numbers: str, pointer: str) -> None:
        """Put numbers down one after another from `pointer`."""
        if vector.live == vector.lanes:
            self.do(f"store {vector} {numbers}, ptr {pointer}, align {vector.align}")
            return
        name, lanes = f"@llvm.masked.store.{vector.suffix}.p0", vector.lanes
        self.declarations[f"declare void {name}({vector}, ptr, i32, <{lanes} x i1>)"] = None
        place = f"ptr {pointer}, i32 {vector.align}"
        self.do(f"call void {name}({vector} {numbers}, {place}, {vector.mask})")

    def spread(self, vector: Vector, pointer: str) -> str:
        """Return the number at `pointer` in every lane."""
        number = self.value(f"load {vector.scalar}, ptr {pointer}, align {vector.align}")
        one = self.value(f"insertelement {vector} poison, {vector.scalar} {number}, i64 0")
        zeros = f"<{vector.lanes} x i32> zeroinitializer"
        return self.value(f"shufflevector {vector} {one}, {vector} poison, {zeros}")

    def multiply_add(self, vector: Vector, x: str, y: str, z: str) -> str:
        """Return x y + z, rounded once where the processor can."""
        name = f"@llvm.fmuladd.{vector.suffix}"
        self.declarations[f"declare {vector} {name}({vector}, {vector}, {vector})"] = None
        return self.value(f"call {vector} {name}({vector} {x}, {vector} {y}, {vector} {z})")

    def zeros(self, vector: Vector) -> str:
        """Return a slot that holds a vector of zeros."""
        slot = self.slot(str(vector))
        self.do(f"store {vector} zeroinitializer, ptr {slot}")
        return slot

    def accumulate(self, vector: Vector, x: str, y: str, slot: str) -> None:
        """Add x y to the vector in a slot."""
        before = self.value(f"load {vector}, ptr {slot}")
        after = self.multiply_add(vector, x, y, before)
        self.do(f"store {vector} {after}, ptr {slot}")

    def total(self, vector: Vector, slots: Sequence[str]) -> str:
        """Return the sum of the vectors in some slots."""
        values = [self.value(f"load {vector}, ptr {slot}") for slot in slots]
        while len(values) > 1:
            one, other, *rest = values
            values = [*rest, self.value(f"fadd {vector} {one}, {other}")]
        return values[0]
