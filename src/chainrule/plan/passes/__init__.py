"""Passes: each takes a program and returns another, or a plan of how to carry it out (floor 2)."""

from __future__ import annotations

from chainrule.plan.passes.common import without_repetition
from chainrule.plan.passes.constants import with_constants_folded
from chainrule.plan.passes.dead import without_dead_code
from chainrule.plan.passes.identities import without_identities
from chainrule.plan.program import Program

__all__ = ["PASSES", "simplified"]

# In this order: constants show what is neutral, and what is left out may leave others alike.
PASSES = (with_constants_folded, without_identities, without_repetition, without_dead_code)


def simplified(program: Program) -> Program:
    """The program with less to do and the same results, to the last bit.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> def twice(x):
        ...     return ops.mul(ops.exp(ops.mul(x, 1)), ops.exp(x))
        >>> _, program = record(twice, [np.ones(2)])
        >>> [instruction.op.name for instruction in program]
        ['mul', 'exp', 'exp', 'mul']
        >>> [instruction.op.name for instruction in simplified(program)]
        ['exp', 'mul']
    """
    for improve in PASSES:
        program = improve(program)
    return program
