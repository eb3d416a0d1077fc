"""Biases apart: a product with a bias as a product and a sum that can join others (floor 2).

For an executor that hands products to a library and fuses the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chainrule import ops
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["with_bias_apart"]


def with_bias_apart(program: Program) -> Program:
    """Return the program with every `linear` written out as its formula.

    Examples:
        >>> import numpy as np
        >>> from chainrule.plan.record import record
        >>> x, w, b = np.ones((4, 3)), np.ones((2, 3)), np.ones(2)
        >>> _, program = record(ops.linear, [x, w, b])
        >>> [i.op.name for i in with_bias_apart(program)]
        ['permute', 'matrix_product', 'add']
    """
    if all(i.op.name != "linear" for i in program):
        return program
    return replace(program, instructions=[new for i in program for new in _instead(i)])


def _instead(instruction: Instruction) -> Iterator[Instruction]:
    if instruction.op.name != "linear":
        yield instruction
        return
    (x, w, *rest), out, place = instruction.args, instruction.out, instruction.place
    bias = next((b for b in rest if b is not None), None)
    assert isinstance(w, Value)
    turned = Value(f"{out.name}.w", w.shape[::-1], w.dtype, "made", base=w)
    product = out if bias is None else Value(f"{out.name}.xw", out.shape, out.dtype, "made")
    yield Instruction(ops.permute, (w,), {"dims": (1, 0)}, turned, place)
    yield Instruction(ops.matrix_product, (x, turned), {}, product, place)
    if bias is not None:
        yield Instruction(ops.add, (product, bias), {}, out, place)
