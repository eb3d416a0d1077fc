"""Identities: what gives back its argument, bit for bit, is left out (floor 2).

Copies of what nobody changes, casts to the dtype that is there, views that show everything as it
is, multiplying and dividing by 1, taking 0 away, the opposite of the opposite. Adding 0 is not
among them: it makes 0 of -0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.plan.changes import roots
from chainrule.plan.passes.rewrite import Substitution, changed_roots, with_instructions
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["without_identities"]


def without_identities(program: Program) -> Program:
    """Let the argument stand for the result of instructions that change nothing about it.

    Where the result has memory of its own, neither it nor the argument may be changed in place,
    and an output stays the person's own copy.
    """
    memory = roots(program)
    restless = changed_roots(program, memory)
    given = {memory[v] for v in program.outputs}
    stands = Substitution()
    negated: dict[Value, Value] = {}
    kept: list[Instruction] = []
    for before in program:
        instruction = stands.into(before)
        same = _unchanged(instruction, negated)
        own = memory[before.out]
        base = memory.get(same, same) if same else None
        quiet = base not in restless and own not in restless and own not in given
        if same and (own is base or quiet):
            stands.instead[instruction.out] = same
        else:
            kept.append(instruction)
        if instruction.op.name == "neg" and instruction.values:
            negated[instruction.out] = instruction.values[0]
    return with_instructions(program, kept, stands)


def _unchanged(instruction: Instruction, negated: Mapping[Value, Value]) -> Value | None:
    """The value that the result equals in every bit, if there is one."""
    op, out, args = instruction.op, instruction.out, instruction.args
    if not instruction.values:
        return None
    x = instruction.values[0]
    if op.name == "neg":
        return negated.get(x)
    if (x.shape, x.dtype) != (out.shape, out.dtype):
        return None
    if op.name in ("clone", "cast", "reshape", "broadcast_to"):
        return x
    if op.name == "permute":
        dims = [d % len(x.shape) for d in instruction.attrs["dims"]]
        return x if dims == sorted(dims) else None
    return x if len(args) == 2 and _is_neutral(op.name, *args) else None


def _is_neutral(name: str, a: Operand, b: Operand) -> bool:
    if isinstance(b, Value):
        return name == "mul" and _is_number(a, 1)
    if name in ("mul", "div", "pow"):
        return _is_number(b, 1)
    return name == "sub" and _is_number(b, 0) and math.copysign(1, b) == 1


def _is_number(a: Operand, n: int) -> bool:
    return not isinstance(a, Value) and a is not None and a == n
