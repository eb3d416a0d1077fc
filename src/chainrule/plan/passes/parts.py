"""Parts: what is put together from parts that lie together in memory is there already (floor 2).

The gradient of what was sliced apart is a sum of slices, each in its place among zeros. Where they
cover the whole and lie in the memory of one value as they do there, that memory is the sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from chainrule import ops
from chainrule.ops import Shape
from chainrule.plan.changes import roots
from chainrule.plan.passes.dead import without_dead_code
from chainrule.plan.passes.rewrite import changed_roots, with_instructions
from chainrule.plan.passes.views import View, row_major, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["with_parts_in_place"]


class Part(NamedTuple):
    """A slice, and where it belongs.

    Attributes:
        view: where it lies.
        starts: its first index in each dimension of the whole.
    """

    view: View
    starts: Shape


def with_parts_in_place(program: Program) -> Program:
    """Return the program without sums of slices that lie together as they shall.

    Examples:
        >>> import numpy as np
        >>> from chainrule.plan.record import record
        >>> def in_halves(x):
        ...     y, halves = ops.exp(x), [(np.s_[:2],), (np.s_[2:],)]
        ...     apart = [ops.unslice(ops.slice(y, key=k), key=k, shape=(4,)) for k in halves]
        ...     return ops.neg(ops.add(*apart))
        >>> _, program = record(in_halves, [np.ones(4)])
        >>> [i.op.name for i in with_parts_in_place(program)]
        ['exp', 'permute', 'reshape', 'neg']
    """
    found, makers = views(program), {i.out: i for i in program}
    memory = roots(program)
    restless = changed_roots(program, memory)
    kept: list[Instruction] = []
    for instruction in program:
        base = None
        if instruction.op.name == "add" and instruction.out not in program.outputs:
            base = _whole(instruction, makers, found)
        if base is None or {memory[base], memory[instruction.out]} & restless:
            kept.append(instruction)
        else:
            kept += _seen(base, instruction.out, program.notes.get("orders", {}).get(base))
    if len(kept) == len(program.instructions):
        return program
    return without_dead_code(with_instructions(program, kept))


def _whole(
    instruction: Instruction, makers: Mapping[Value, Instruction], found: Mapping[Value, View]
) -> Value | None:
    """The value in whose memory all parts of a sum lie as they shall, if there is one."""
    parts = list(_parts(instruction, makers, found))
    shape = instruction.out.shape
    if None in parts or sum(math.prod(p.view.shape) for p in parts if p) != math.prod(shape):
        return None
    whole = [p for p in parts if p]
    base, steps = whole[0].view.base, row_major(shape)
    if base.origin != "made" or math.prod(base.shape) != math.prod(shape):
        return None
    lie = all(p.view.base is base and _lies(p, steps) for p in whole)
    return base if lie and all(_apart(p, q) for p, q in combinations(whole, 2)) else None


def _parts(
    instruction: Instruction, makers: Mapping[Value, Instruction], found: Mapping[Value, View]
) -> Iterator[Part | None]:
    """The slices of a sum; `None` for a term that is none."""
    for value in instruction.args:
        maker = makers.get(value) if isinstance(value, Value) else None
        if maker and maker.op.name == "add" and maker.out.shape == instruction.out.shape:
            yield from _parts(maker, makers, found)
        elif maker and maker.op.name == "unslice" and maker.out.shape == instruction.out.shape:
            yield _part(maker, found)
        else:
            yield None


def _part(instruction: Instruction, found: Mapping[Value, View]) -> Part | None:
    key, shape = instruction.attrs["key"], instruction.out.shape
    if any(not isinstance(k, slice) or k.step not in (None, 1) for k in key):
        return None
    starts = tuple(k.indices(n)[0] for k, n in zip(key, shape))
    return Part(found[instruction.values[0]], (*starts, *[0] * (len(shape) - len(starts))))


def _lies(part: Part, steps: Shape) -> bool:
    """Whether a part lies where it does in a whole with such steps."""
    view = part.view
    there = sum(start * step for start, step in zip(part.starts, steps))
    alike = all(a == b for a, b, n in zip(view.strides, steps, view.shape) if n > 1)
    return view.offset == there and alike


def _apart(a: Part, b: Part) -> bool:
    """Whether two parts share no place."""
    each = zip(a.starts, a.view.shape, b.starts, b.view.shape)
    return any(i + n <= j or j + m <= i for i, n, j, m in each)


def _seen(base: Value, out: Value, order: Shape | None) -> list[Instruction]:
    """A value as all of the memory of another, in the order in which that lies."""
    order = order or tuple(range(len(base.shape)))
    shape = tuple(base.shape[d] for d in order)
    turned = Value(f"{out.name}.in", shape, out.dtype, "made", base=base)
    return [
        Instruction(ops.permute, (base,), {"dims": order}, turned),
        Instruction(ops.reshape, (turned,), {"shape": out.shape}, out),
    ]
