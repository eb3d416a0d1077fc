"""Fusion: instructions that run over the same elements become one group, one nest of loops (floor 2).

A group has an iteration space, a shape. Each of its members is an instruction whose operands and
result are views over that space: at index (i, j, ...) of the space a member reads each operand's
element at (i, j, ...) and writes its result's. Whatever was a reshape, a permutation, a broadcast or
a slice in the program has become steps of those views and is no member of anything.

The kinds of group:

- "loop": elementwise members, reductions along the last dimension (of a row: sum, mean, peak, ...)
  whose results the row's later members read, and reductions over the leading dimensions, which add
  up from row to row. Softmax with cross-entropy and its gradient is one such group over rows.
- "product": the first member is a product of matrices, whose result is the space; the others are
  its epilogue, a loop over the tile just computed.
- "alone": one instruction that is none of these, its operands with shapes of their own.

Members that read a sum over the leading dimensions (or come after one that does) can only run when
the loop has ended: they are the group's `finish`. Updates stand with the gradient they consume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from chainrule.ops import Shape
from chainrule.plan.passes.views import View
from chainrule.plan.program import Instruction, Value

__all__ = ["Group", "Member"]

Kind: TypeAlias = Literal["loop", "product", "alone"]


@dataclass(frozen=True)
class Member:
    """One instruction of a group, seen from the group's iteration space.

    Attributes:
        instruction: what is computed.
        operands: a view over the group's space for each argument, or the number itself. The
            factors of a product, the table of a `take_along` and all of an "alone" group keep
            shapes of their own.
        out: where the result goes, a view over the space as well: stride 0 in the dimensions that
            were reduced and in those the result does not have.
        space: the group's space with 1 in the dimensions over which this member does not run: of a
            (64, 10) group (64, 1) is once a row, (1, 1) once in all. A reduction has the space of
            what it reads.
    """

    instruction: Instruction
    operands: tuple[View | float | int | bool, ...]
    out: View
    space: Shape

    @property
    def reduced(self) -> tuple[int, ...]:
        """The dimensions of the space over which a reduction runs; of other members none."""
        if self.instruction.op.kind != "reduce":
            return ()
        steps = enumerate(zip(self.space, self.out.strides))
        return tuple(d for d, (n, step) in steps if n != 1 and not step)


@dataclass(frozen=True)
class Group:
    """Members over one iteration space, to become one nest of loops.

    Attributes:
        kind: "loop", "product" or "alone".
        space: sizes of the loops, outermost first.
        members: what each turn does, in order.
        finish: what is done once the loops have ended, in order; of these too the views are over
            the space, and `space` of each has 1 in the dimensions that were summed over.
        inputs: values that own memory read here and made elsewhere.
        outputs: values that own memory written here and read elsewhere, changed states included.
            What is made and read only here needs no memory.
    """

    kind: Kind
    space: Shape
    members: tuple[Member, ...]
    finish: tuple[Member, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    def __str__(self) -> str:
        lines = [f"{self.kind} over {self.space}"]
        for member in (*self.members, *self.finish):
            told = ", ".join(str(v) for v in member.operands)
            mark = "  then " if member in self.finish else "  "
            lines.append(f"{mark}{member.out} = {member.instruction.op.name}({told})")
        return "\n".join(lines)
