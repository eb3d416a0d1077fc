"""Expanded: reductions that machine code has no loop for, as several that it has (floor 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chainrule import ops
from chainrule.ops.core import normal_dims
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["with_sums_of_exponentials"]


def with_sums_of_exponentials(program: Program) -> Program:
    """Return the program with every `logsumexp` written out as its formula.

    Examples:
        >>> import numpy as np
        >>> from chainrule.plan.record import record
        >>> _, program = record(lambda x: ops.logsumexp(x, dim=1), [np.ones((3, 2))])
        >>> [i.op.name for i in with_sums_of_exponentials(program)]
        ['peak', 'sub', 'exp', 'sum', 'log', 'add', 'reshape']
    """
    if all(i.op.name != "logsumexp" for i in program):
        return program
    instructions = [new for i in program for new in _instead(i)]
    return replace(program, instructions=instructions)


def _instead(instruction: Instruction) -> Iterator[Instruction]:
    """Give ln(sum of e^(x - top)) + top for a sum of exponentials, anything else as it is."""
    x, out = (*instruction.values, None)[0], instruction.out
    if instruction.op.name != "logsumexp" or x is None or x.dtype.kind != "f":
        yield instruction
        return
    dims = normal_dims(instruction.attrs.get("dim"), len(x.shape))
    kept = tuple(1 if d in dims else n for d, n in enumerate(x.shape))
    over = {"dim": dims, "keepdim": True}
    top, away, powers, total, log, found = (
        Value(
            f"{out.name}.{name}", x.shape if name in ("away", "powers") else kept, x.dtype, "made"
        )
        for name in ("top", "away", "powers", "total", "log", "found")
    )
    last = out if out.shape == kept else found
    place = instruction.place
    yield Instruction(ops.peak, (x,), over, top, place)
    yield Instruction(ops.sub, (x, top), {}, away, place)
    yield Instruction(ops.exp, (away,), {}, powers, place)
    yield Instruction(ops.sum, (powers,), over, total, place)
    yield Instruction(ops.log, (total,), {}, log, place)
    yield Instruction(ops.add, (log, top), {}, last, place)
    if last is not out:
        yield Instruction(ops.reshape, (found,), {"shape": out.shape}, out, place)
