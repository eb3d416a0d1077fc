"""Blocks: a program that treats every row alike, cut into programs of a few rows (floor 2).

Rows are the first dimension of a large input, followed through the program (`axes`). What has rows
is made block by block; a sum over rows (a loss, the gradient of a weight) is a *total*: each block
adds its part to it. Whatever needs totals, such as the update of a weight, comes once, at the end.
So rows are read from memory once, and stay in the cache from the first product to the last
gradient. The sums are those of the whole program, taken in another order.

A program is not cut if rows look at one another: if something with rows is made of a total, or of
memory that has been changed by then, or if an op works across rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainrule import ops
from chainrule.ops import Array
from chainrule.ops.core import normal_dims
from chainrule.plan.changes import Versions, changed, has_effect, is_constant, root
from chainrule.plan.passes.axes import Axis, axis
from chainrule.plan.passes.dead import without_dead_code
from chainrule.plan.passes.memory import bytes_of
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["Cut", "cut"]


@dataclass(frozen=True)
class Cut:
    """A program cut along its rows.

    Attributes:
        program: the whole.
        rows: how many there are.
        sliced: inputs and states of which a block gets its rows.
        shared: inputs that every block gets as they are.
        totals: to which every block adds its part.
        results: outputs with rows, of which a block writes its own.
        axis: the rows.
        work: the instructions that every block carries out.
    """

    program: Program
    rows: int
    sliced: tuple[Value, ...]
    shared: tuple[Value, ...]
    totals: tuple[Value, ...]
    results: tuple[Value, ...]
    axis: Axis
    work: tuple[Instruction, ...]

    def row_bytes(self) -> int:
        """The bytes of a row: of what blocks are given, and of what products read or make."""
        products = [i for i in self.work if i.op.kind == "contract"]
        seen = [root(v) for i in products for v in (*i.values, i.out)]
        held = dict.fromkeys((*self.sliced, *seen))
        return sum(bytes_of(v) for v in held if v in self.axis.dims) // self.rows

    def block(self, size: int) -> Program:
        """Return the program of `size` rows.

        Its inputs are, in this order: the rows of what is sliced, what is shared, the totals, to
        which it adds, and the rows of the results, which it writes. It has no outputs. Its note
        "going on" is what is sliced, after whose rows in memory those of the next block lie.
        """
        return _Block(self, size).program()

    def end(self, parts: Sequence[Array]) -> Program:
        """Return the program of what comes once: its inputs and outputs are the whole's.

        Of the outputs those with rows are left out.

        Args:
            parts: for each total an array whose elements along the first dimension add up to it.
        """
        state: list[Value] = []
        instructions: list[Instruction] = []
        makers = {i.out: i for i in self.work}
        for total, array in zip(self.totals, parts, strict=True):
            of = Value(f"{total.name}.parts", array.shape, array.dtype, "state", array)
            state.append(of)
            instructions += _added_up(of, makers[total])
        rest = [i for i in self.program if not _has(i, self.axis.dims)]
        outputs = [v for v in self.program.outputs if v not in self.axis.dims]
        own = [v for v in self.program.state if v not in self.axis.dims]
        every = [*instructions, *rest]
        return without_dead_code(Program(self.program.inputs, [*own, *state], every, outputs))


def cut(program: Program, smallest: int) -> Cut | None:
    """Cut a program along the rows of its largest input that it can be cut along, or `None`.

    Args:
        program: what to cut.
        smallest: bytes that an input must have at least.

    Examples:
        >>> from chainrule.plan.record import record
        >>> rows = np.ones((6, 2))
        >>> _, program = record(lambda x: ops.mean(ops.exp(x)), [rows])
        >>> for instruction in cut(program, smallest=0).block(3):
        ...     print(instruction.out, "is", instruction.op.name)
        v0: float64[3, 2] is exp
        v1.part: float64[] is sum
        v1.sum: float64[] is add
        v1: float64[] is assign
    """
    given = [v for v in (*program.inputs, *program.state) if v.shape and bytes_of(v) >= smallest]
    for value in sorted(given, key=bytes_of, reverse=True):
        along = axis(program, value)
        found = None if along.whole else _along(program, value.shape[0], along)
        if found:
            return found
    return None


def _along(program: Program, rows: int, along: Axis) -> Cut | None:
    """The program cut along an axis, or `None` where rows look at one another."""
    dims = along.dims
    given = [v for v in (*program.inputs, *program.state) if v in dims]
    sliced = [v for v in given if not _is_repeated(v, dims[v])]
    results = [v for v in dict.fromkeys(program.outputs) if v in dims]
    sums = [i for i in program if _has(i, dims) and i.out not in dims]
    totals = [i.out for i in sums]
    work = _work(program, dims, totals, results)
    first = all(dims[v] == 0 for v in (*sliced, *results)) and all(map(_lies_in_order, sliced))
    fits = first and all(v.origin == "made" for v in results) and all(map(_adds_up, sums))
    if work is None or not fits:
        return None
    shared = tuple(v for v in program.inputs if v not in dims)
    return Cut(
        program, rows, tuple(sliced), shared, tuple(totals), tuple(results), along, tuple(work)
    )


def _has(instruction: Instruction, dims: Mapping[Value, int]) -> bool:
    return any(v in dims for v in (*instruction.values, instruction.out))


def _work(
    program: Program, dims: Mapping[Value, int], totals: Sequence[Value], results: Sequence[Value]
) -> list[Instruction] | None:
    """What blocks have to do, or `None` if it cannot be done before what comes at the end."""
    needed = {*totals, *results}
    kept: list[Instruction] = []
    for instruction in reversed(program.instructions):
        is_check = has_effect(instruction) and instruction.out in dims
        if is_check or (instruction.op.kind != "update" and instruction.out in needed):
            kept.append(instruction)
            needed.update(instruction.values)
    late = {*totals}
    versions = Versions(program)
    work = {i.out for i in kept}
    for instruction in program:
        if instruction.op.kind != "update" and instruction.out in work:
            moved = any(count for _, count in versions.of(instruction.values))
            if moved or changed(instruction) or late & {*instruction.values}:
                return None
        elif late & {*instruction.values} or instruction.op.name == "check":
            late.add(instruction.out)
        versions.after(instruction)
    return kept[::-1]


def _is_repeated(value: Value, dim: int) -> bool:
    """Whether every row is the same memory."""
    return value.array is not None and is_constant(value) and not value.array.strides[dim]


def _lies_in_order(value: Value) -> bool:
    return value.array is None or value.array.flags.c_contiguous


def _adds_up(instruction: Instruction) -> bool:
    """Whether parts of a total can be added without another dtype coming of it."""
    dtype = instruction.out.dtype
    alike = instruction.op is not ops.mean or instruction.values[0].dtype == dtype
    return alike and (dtype.kind == "f" or dtype == np.int64)


# --- a block ------------------------------------------------------------------------------------


class _Block:
    """The program of a block: every value with rows has fewer of them."""

    def __init__(self, whole: Cut, size: int) -> None:
        self.whole, self.size = whole, size
        self._values: dict[Value, Value] = {}

    def program(self) -> Program:
        """The program."""
        whole = self.whole
        inputs = [self.value(v) for v in (*whole.sliced, *whole.shared)]
        totals = {v: replace(v, origin="input", base=None) for v in whole.totals}
        targets = {v: self._target(v) for v in whole.results}
        instructions: list[Instruction] = []
        for instruction in whole.work:
            if instruction.out in totals:
                instructions += self._adding(instruction, totals[instruction.out])
            else:
                instructions.append(self._here(instruction))
        for value, target in targets.items():
            instructions.append(Instruction(ops.assign, (target, self.value(value)), {}, target))
        used = dict.fromkeys(v for i in instructions for v in i.values if v.origin == "state")
        given = [*inputs, *totals.values(), *targets.values()]
        notes = {"going on": inputs[: len(whole.sliced)]}
        return Program(given, [*used], instructions, [], notes)

    def value(self, value: Value) -> Value:
        """What stands for a value of the whole."""
        if value not in self._values:
            self._values[value] = self._made(value)
        return self._values[value]

    def _made(self, value: Value) -> Value:
        dim = self.whole.axis.dims.get(value)
        base = None if value.base is None else self.value(value.base)
        if dim is None:
            return value if base is value.base else replace(value, base=base)
        shape = (*value.shape[:dim], self.size, *value.shape[dim + 1 :])
        if value in self.whole.sliced:
            return replace(value, shape=shape, origin="input", array=None)
        part = (*(slice(None) for _ in range(dim)), slice(self.size))
        array = None if value.array is None else value.array[part]
        return replace(value, shape=shape, base=base, array=array)

    def _target(self, value: Value) -> Value:
        return replace(self.value(value), name=f"{value.name}.rows", origin="input", base=None)

    def _operand(self, a: Operand) -> Operand:
        return self.value(a) if isinstance(a, Value) else a

    def _here(self, instruction: Instruction) -> Instruction:
        """The instruction on a block's rows."""
        out = self.value(instruction.out)
        args = tuple(map(self._operand, instruction.args))
        attrs = instruction.attrs
        if "shape" in attrs and out.shape != instruction.out.shape:
            attrs = {**attrs, "shape": out.shape}
        return replace(instruction, args=args, attrs=attrs, out=out)

    def _adding(self, instruction: Instruction, total: Value) -> Iterator[Instruction]:
        """The part of a total that the block's rows make, added to what is there."""
        here = self._here(instruction)
        part = replace(total, name=f"{total.name}.part", origin="made")
        more = replace(part, name=f"{total.name}.sum")
        yield replace(here, op=ops.sum if here.op is ops.mean else here.op, out=part)
        yield Instruction(ops.add, (total, part), {}, more, here.place)
        yield Instruction(ops.assign, (total, more), {}, total, here.place)


# --- the end ------------------------------------------------------------------------------------


def _added_up(parts: Value, whole: Instruction) -> Iterator[Instruction]:
    """A total from its parts; what blocks have summed up for a mean is divided here."""
    total, place = whole.out, whole.place
    if whole.op is not ops.mean:
        yield Instruction(ops.sum, (parts,), {"dim": (0,)}, total, place)
        return
    shape = whole.values[0].shape
    count = math.prod(shape[d] for d in normal_dims(whole.attrs.get("dim"), len(shape)))
    summed = replace(total, name=f"{total.name}.sum", base=None)
    yield Instruction(ops.sum, (parts,), {"dim": (0,)}, summed, place)
    yield Instruction(ops.div, (summed, count), {}, total, place)
