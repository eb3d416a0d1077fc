"""Dead code: what nobody needs is not computed (floor 2)."""

from __future__ import annotations

from dataclasses import replace

from chainrule.ops.exchange import MEETINGS
from chainrule.plan.changes import has_effect, is_constant
from chainrule.plan.passes.rewrite import with_instructions
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["without_dead_code"]


def without_dead_code(program: Program) -> Program:
    """Leave out instructions that neither change memory nor give what an output needs.

    Every effect stays: a generator is advanced also by numbers that nobody uses, what is checked is
    checked, and where other ranks are met they are. Constants that are no longer read go too.
    """
    needed: set[Value] = set(program.outputs)
    kept: list[Instruction] = []
    for instruction in reversed(program.instructions):
        met = instruction.op.name in MEETINGS
        if instruction.out in needed or has_effect(instruction) or met:
            kept.append(instruction)
            needed.update(instruction.values)
    state = [v for v in program.state if v in needed or not is_constant(v)]
    return with_instructions(replace(program, state=state), reversed(kept))
