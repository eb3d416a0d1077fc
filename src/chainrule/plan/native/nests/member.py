"""One member of a group, in LLVM's language (floor 2).

What it computes once for all of its elements, and what it makes of one element, or once a row.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.plan.formulas.elementwise import TABLE, apply
from chainrule.plan.formulas.reductions import REDUCTIONS, Reduction, reduction
from chainrule.plan.formulas.updates import STEPS
from chainrule.plan.native.llvm.ir import Register, Unsupported, llvm_type
from chainrule.plan.native.nests import special
from chainrule.plan.native.nests.access import Access
from chainrule.plan.passes.fuse import Member
from chainrule.plan.program import Instruction

__all__ = ["advance", "how", "is_known", "length", "reduced", "seed"]


def is_known(instruction: Instruction) -> bool:
    """Whether an instruction may have a form here, by its op and its dtypes."""
    names = {*TABLE, *REDUCTIONS, *STEPS, *special.NAMES, "linear", "matrix_product"}
    try:
        for value in (*instruction.values, instruction.out):
            llvm_type(value.dtype)
    except Unsupported:
        return False
    return instruction.op.name in names


def seed(access: Access, member: Member, drawn: int = 0) -> special.Seed:
    """Write what a member computes once for all of its elements.

    Args:
        access: of the loops.
        member: the member.
        drawn: how many random numbers those before it have drawn in the same loops.
    """
    if member.instruction.op.name in STEPS:
        return special.rates(access, member)
    if member.instruction.op.kind == "random":
        return special.generator(access, member, drawn)
    return {}


def advance(access: Access, member: Member, own: special.Seed, c: Register | None) -> None:
    """Compute a member for an element, or once a row, and put the result where it goes."""
    op, attrs = member.instruction.op, member.instruction.attrs
    if op.name in STEPS:
        special.update(access, member, own, c)
        return
    if op.kind == "random":
        y = special.random(access, member, own, c)
    elif op.name == "take_along":
        y = special.taken(access, member, c)
    elif op.name == "add_along":
        y = special.added(access, member, c)
    elif op.kind == "reduce":  # over dimensions of one element
        y = how(member).after(reduced(access, member, c), 1)
    elif op.kind == "elementwise":
        args = [access.operand(v, c) for v in member.operands]
        y = apply(access.w, op.name, args, attrs, member.instruction.out.dtype)
    else:
        raise Unsupported(op.name)
    access.keep(member, y, c)


def reduced(access: Access, member: Member, c: Register | None) -> Register:
    """The number that a reduction takes in."""
    dtype: Any = member.instruction.out.dtype
    x = access.w.number(access.operand(member.operands[0], c), dtype)
    return how(member).before(x.to(dtype))


def how(member: Member) -> Reduction:
    """How a reduction goes."""
    return reduction(member.instruction.op.name, member.instruction.out.dtype)


def length(member: Member) -> int:
    """How many numbers become one."""
    return math.prod(member.space[d] for d in member.reduced)
