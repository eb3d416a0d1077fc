"""What is computed in one nest of loops: a first operation and elementwise ones on it (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.export.c.rules import BLOCKS, CELLS
from chainrule.ops import Shape
from chainrule.plan.passes.views import View
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Group", "groups"]


@dataclass(eq=False)
class Group:
    """Instructions that share their loops.

    Attributes:
        instructions: in order; all but the first are elementwise, and so may the first be.
        stored: what others read, so that it needs memory.
    """

    instructions: list[Instruction]
    stored: list[Value] = field(default_factory=list)

    @property
    def shape(self) -> Shape:
        """The space that the loops run over."""
        return self.instructions[0].out.shape

    @property
    def is_flat(self) -> bool:
        """Whether all is elementwise, so that dimensions may be gone through as one."""
        return all(i.op.kind == "elementwise" for i in self.instructions)

    @property
    def made(self) -> set[Value]:
        """What it makes."""
        return {i.out for i in self.instructions}


def groups(program: Program, views: Mapping[Value, View]) -> list[Group]:
    """Cut a program into groups; what is only a view belongs to none."""
    found: list[Group] = []
    for instruction in program:
        if views[instruction.out].base is not instruction.out:
            continue
        if found and _joins(instruction, found[-1], views):
            found[-1].instructions.append(instruction)
        else:
            found.append(Group([instruction]))
    _store(found, program.outputs, views)
    return found


def _joins(instruction: Instruction, group: Group, views: Mapping[Value, View]) -> bool:
    """Whether an instruction can be computed in the loops of those before it."""
    if instruction.op.kind != "elementwise" or instruction.out.shape != group.shape:
        return False
    first = group.instructions[0].op
    if first.kind != "elementwise" and (first.name in BLOCKS or first.name not in CELLS):
        return False
    own = group.made
    reads = [v for v in instruction.values if views[v].base in own]
    # An element of what is made here is there only at the index at which it is made.
    return bool(reads) and all(v in own and v.shape == group.shape for v in reads)


def _store(found: Sequence[Group], outputs: Sequence[Value], views: Mapping[Value, View]) -> None:
    readers: dict[Value, set[int]] = {views[v].base: {-1} for v in outputs}
    for k, group in enumerate(found):
        for instruction in group.instructions:
            for v in instruction.values:
                readers.setdefault(views[v].base, set()).add(k)
    for k, group in enumerate(found):
        made = [i.out for i in group.instructions]
        group.stored = [v for v in made if readers.get(v, {-1}) - {k}]
