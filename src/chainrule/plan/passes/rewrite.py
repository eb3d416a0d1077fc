"""Putting one value in the place of another throughout a program (floor 2): shared by passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from chainrule.plan.changes import changed, root
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["Substitution", "changed_roots", "with_instructions"]


class Substitution:
    """What stands for what, from some point of a program on down.

    A view of a value that has been replaced becomes a view of what stands for it.
    """

    def __init__(self) -> None:
        self.instead: dict[Value, Value] = {}

    def of(self, value: Value) -> Value:
        """The value that stands for `value`."""
        while value in self.instead:
            value = self.instead[value]
        return value

    def into(self, instruction: Instruction) -> Instruction:
        """The instruction on what stands for its arguments: itself where nothing does."""
        args: tuple[Operand, ...] = tuple(
            self.of(a) if isinstance(a, Value) else a for a in instruction.args
        )
        out = self._rebased(instruction.out)
        if out is instruction.out and all(a is b for a, b in zip(args, instruction.args)):
            return instruction
        return replace(instruction, args=args, out=out)

    def _rebased(self, out: Value) -> Value:
        out = self.of(out)
        if out.base is None or out.base not in self.instead:
            return out
        moved = replace(out, base=self.of(out.base))
        self.instead[out] = moved
        return moved


def with_instructions(
    program: Program, instructions: Iterable[Instruction], substitution: Substitution | None = None
) -> Program:
    """The program with other instructions; the outputs are what stands for them."""
    of = substitution.of if substitution else lambda v: v
    return replace(
        program, instructions=list(instructions), outputs=[of(v) for v in program.outputs]
    )


def changed_roots(program: Program, roots: Mapping[Value, Value]) -> set[Value]:
    """The memory that any instruction changes in place."""
    return {roots.get(v, root(v)) for i in program for v in changed(i)}
