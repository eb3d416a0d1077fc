"""Common sub-expressions: what has been computed before is not computed again (floor 2)."""

from __future__ import annotations

from typing import Any

from chainrule.ops.exchange import MEETINGS
from chainrule.plan.changes import Versions, changed, roots
from chainrule.plan.passes.rewrite import Substitution, changed_roots, with_instructions
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["without_repetition"]

# Whose arguments may change places: what comes is the same to the last bit (of NaN, that it is).
EITHER_WAY = frozenset({"add", "mul", "eq", "ne", "logical_and", "logical_or", "logical_xor"})


def without_repetition(program: Program) -> Program:
    """Let one instruction stand for all with its op, attributes and arguments.

    Two arguments are the same if nothing has changed their memory in between. A result that is
    itself changed in place later on stays on its own.
    """
    memory = roots(program)
    restless = changed_roots(program, memory)
    versions = Versions(program)
    stands = Substitution()
    seen: dict[Any, Value] = {}
    kept: list[Instruction] = []
    for before in program:
        instruction = stands.into(before)
        key = None if memory[before.out] in restless else _key(instruction, versions)
        versions.after(before)
        first = seen.setdefault(key, instruction.out) if key else instruction.out
        if first is instruction.out:
            kept.append(instruction)
        else:
            stands.instead[instruction.out] = first
    return with_instructions(program, kept, stands)


def _key(instruction: Instruction, versions: Versions) -> Any:
    """What two instructions have in common that give the same, or `None` for one of its kind."""
    attrs = repr(sorted(instruction.attrs.items()))
    if changed(instruction) or instruction.op.kind in ("update", "random") or "array(" in attrs:
        return None
    if instruction.op.name in MEETINGS:  # other ranks may not find that it is done twice
        return None
    args: list[Any] = [
        (a.name, versions[a]) if isinstance(a, Value) else (repr(a),) for a in instruction.args
    ]
    if instruction.op.name in EITHER_WAY:
        args.sort(key=lambda arg: arg[0])
    return (instruction.op.name, *args, attrs)
