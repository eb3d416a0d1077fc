"""Constants: what depends on nothing that can change is computed once, now (floor 2).

A state's numbers may be changed between two runs by anybody who holds its array: a learning rate is
one. What cannot change are Python numbers and states whose arrays are read-only all the way down,
which is how a recorder marks what no one else holds. Nothing else is folded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chainrule.ops import Array, Shape, quiet
from chainrule.ops.exchange import MEETINGS
from chainrule.plan.changes import is_constant, roots
from chainrule.plan.passes.rewrite import Substitution, changed_roots, with_instructions
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["with_constants_folded"]


def with_constants_folded(program: Program) -> Program:
    """Compute what constants and numbers alone give; write numbers for constants all of a kind.

    What is changed in place later on, or given away as a result, has to be made in every run.
    """
    memory = roots(program)
    lasting = changed_roots(program, memory) | {memory[v] for v in program.outputs}
    stands = Substitution()
    kept: list[Instruction] = []
    folded: list[Value] = []
    for before in program:
        instruction = stands.into(before)
        if _is_foldable(instruction) and memory[before.out] not in lasting:
            out = instruction.out
            constant = replace(out, origin="state", base=None, array=_computed(instruction))
            stands.instead[out] = constant
            folded.append(constant)
        else:
            kept.append(_with_numbers(instruction))
    program = replace(program, state=[*program.state, *folded])
    return with_instructions(program, kept, stands)


def _is_foldable(instruction: Instruction) -> bool:
    if instruction.op.kind in ("update", "random") or instruction.op.name in MEETINGS:
        return False
    return all(is_constant(v) for v in instruction.values)


@quiet
def _computed(instruction: Instruction) -> Array:
    """The result, read-only; where every element comes out the same, one number and no strides."""
    args = [a.array if isinstance(a, Value) else a for a in instruction.args]
    shape = instruction.out.shape
    if instruction.op.kind == "elementwise":
        args = [_without_repeats(a) if isinstance(a, np.ndarray) else a for a in args]
    y = np.asarray(instruction.op.forward(*args, **instruction.attrs))
    if y.base is None or not is_constant(replace(instruction.out, array=y)):
        y = np.array(y)
        y.flags.writeable = False
    return _spread(y, shape)


def _without_repeats(a: Array) -> Array:
    """The array with 1 for the size of every dimension along which it only repeats itself."""
    return a[
        tuple(slice(0, 1) if n > 1 and not s else slice(None) for n, s in zip(a.shape, a.strides))
    ]


def _spread(y: Array, shape: Shape) -> Array:
    return y if y.shape == shape else np.broadcast_to(y, shape)


# --- numbers for constants ----------------------------------------------------------------------


def _with_numbers(instruction: Instruction) -> Instruction:
    """An elementwise instruction in which an operand that is one number throughout is that number.

    The other operand has to settle shape and dtype: a Python number takes part in any.
    """
    if instruction.op.name not in ("add", "sub", "mul", "div") or len(instruction.values) != 2:
        return instruction
    a, b = instruction.values
    args: Sequence[Operand] = instruction.args
    if _settles(b, instruction.out) and a.dtype == b.dtype and _is_uniform(a):
        args = (_number(a), b)
    elif _settles(a, instruction.out) and a.dtype == b.dtype and _is_uniform(b):
        args = (a, _number(b))
    return instruction if args is instruction.args else replace(instruction, args=tuple(args))


def _settles(value: Value, out: Value) -> bool:
    return value.shape == out.shape and value.dtype == out.dtype and value.dtype.kind == "f"


def _is_uniform(value: Value) -> bool:
    if value.array is None or not math.prod(value.shape) or not is_constant(value):
        return False
    return all(n == 1 or not s for n, s in zip(value.shape, value.array.strides))


def _number(value: Value) -> float:
    assert value.array is not None
    return float(value.array[(0,) * value.array.ndim])
