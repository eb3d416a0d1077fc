"""Outputs that own their memory: each can be written where its taker wants it (floor 2)."""

from __future__ import annotations

import math
from dataclasses import replace

from chainrule import ops
from chainrule.plan.passes.views import View, row_major, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["with_own_outputs"]


def with_own_outputs(program: Program) -> Program:
    """Return the program with a copy of each output that is made but only part of what is.

    An output that is made is all of its base afterwards, in the base's order, and its base is that
    of no other. Inputs and states, and views of them, are left as they are.

    Examples:
        >>> import numpy as np
        >>> from chainrule.plan.record import record
        >>> _, program = record(lambda x: ops.permute(ops.exp(x), dims=(1, 0)), [np.ones((2, 3))])
        >>> [instruction.op.name for instruction in with_own_outputs(program)]
        ['exp', 'permute', 'clone']
    """
    found, given = views(program), set[Value]()
    instructions, outputs = list(program.instructions), list(program.outputs)
    for k, value in enumerate(outputs):
        view = found[value]
        if view.base.origin != "made":
            continue
        if view.base in given or not _is_whole(view):
            copy = Value(f"{value.name}.{k}", value.shape, value.dtype, "made")
            instructions.append(Instruction(ops.clone, (value,), {}, copy))
            outputs[k] = copy
        else:
            given.add(view.base)
    return replace(program, instructions=instructions, outputs=outputs)


def _is_whole(view: View) -> bool:
    in_order = view.offset == 0 and view.strides == row_major(view.shape)
    return in_order and math.prod(view.shape) == math.prod(view.base.shape)
