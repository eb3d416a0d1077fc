"""Pooling first: the largest of what relu leaves is what relu leaves of the largest (floor 2).

A network that pools what relu gives has relu, and on the way back a mask, go over whole images.
Both do as well on the pooled ones, a quarter of them or less. The numbers are the same, up to the
sign of zeros and to the order in which a bias' gradient is summed up; so this is no simplification,
which would keep every bit, but something that an executor may choose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.ops.core import normal_dims
from chainrule.plan.changes import roots
from chainrule.plan.passes.rewrite import changed_roots
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["with_pooling_first"]


def with_pooling_first(program: Program) -> Program:
    """Return the program with relu after max pooling instead of before, and with no second look.

    Relu moves where its result is pooled by one window and used for nothing else but the gradient
    of that. Which pixels have won, which only the gradient asks, is found out right after the
    pooling, while the images are near; they need not be kept for it either.

    Examples:
        >>> import numpy as np
        >>> from chainrule.ops import Window
        >>> from chainrule.plan.record import record
        >>> window = Window((2,), (2,), (0,), (1,))
        >>> def pooled(x):
        ...     return ops.max_pooling(ops.relu(x), window=window)
        >>> _, program = record(pooled, [np.ones((1, 1, 4))])
        >>> [instruction.op.name for instruction in with_pooling_first(program)]
        ['max_pooling', 'relu']
    """
    readers = _readers(program)
    memory = roots(program)
    restless = changed_roots(program, memory)
    instructions: list[Instruction] = list(program)
    for relu in program:
        if relu.op.name != "relu" or not relu.values:
            continue
        if {memory[relu.out], memory[relu.values[0]]} & restless:
            continue
        found = _found(relu, readers)
        if found and not {relu.out, *found.inner()} & {*program.outputs}:
            instructions = found.turned(instructions)
    quiet = {v for v, base in memory.items() if base not in restless}
    return replace(program, instructions=_beside(instructions, quiet))


def _beside(instructions: Sequence[Instruction], quiet: Collection[Value]) -> list[Instruction]:
    """The instructions, with what asks for the winners of a pooling right after the pooling."""
    asked = {
        _key(i): i
        for i in instructions
        if i.op.name == "max_pooling_winners" and i.args[0] in quiet
    }
    moved: list[Instruction] = []
    done: set[Value] = set()
    for instruction in instructions:
        if instruction.out in done:
            continue
        moved.append(instruction)
        done |= {instruction.out} if instruction.op.name == "max_pooling_winners" else set()
        winners = asked.get(_key(instruction)) if instruction.op.name == "max_pooling" else None
        if winners and winners.out not in done:
            moved.append(winners)
            done.add(winners.out)
    return moved


def _key(instruction: Instruction) -> tuple[Operand, Any]:
    return instruction.args[0], instruction.attrs["window"]


Readers = Mapping[Value, Sequence[Instruction]]


def _readers(program: Program) -> Readers:
    readers: dict[Value, list[Instruction]] = {}
    for instruction in program:
        for value in dict.fromkeys(instruction.values):
            readers.setdefault(value, []).append(instruction)
    return readers


@dataclass
class _Pooled:
    """A relu, the pooling of its result, and of the gradient what there is.

    Attributes:
        relu: the instruction.
        pooling: of its result.
        winners: which pixels won; those of the whole program, it may be none.
        mask: where relu's result is more than 0.
        spread: puts a gradient at the pixels that won.
        masked: lets it through where the mask is set.
        sums: of what that gives, over the images.
    """

    relu: Instruction
    pooling: Instruction
    winners: Instruction | None = None
    mask: Instruction | None = None
    spread: Instruction | None = None
    masked: Instruction | None = None
    sums: tuple[Instruction, ...] = ()

    def inner(self) -> list[Value]:
        """The values that are made no more."""
        return [i.out for i in (self.mask, self.spread) if i]

    def turned(self, instructions: Sequence[Instruction]) -> list[Instruction]:
        """Instructions with these turned around."""
        gone = [i for i in (self.relu, self.mask, self.masked) if i]
        instead: dict[int, list[Instruction]] = {id(i): [] for i in gone}
        instead[id(self.pooling)] = self._forward()
        if self.winners:
            x = self.relu.args
            instead[id(self.winners)] = [replace(self.winners, args=x)]
        if self.spread and self.masked:
            instead |= self._backward(self.spread, self.masked)
        return [new for old in instructions for new in instead.get(id(old), [old])]

    def _forward(self) -> list[Instruction]:
        out = self.pooling.out
        largest = replace(out, name=f"{out.name}.largest")
        pooling = replace(self.pooling, args=self.relu.args, out=largest)
        return [pooling, replace(self.relu, args=(largest,), out=out)]

    def _backward(self, spread: Instruction, masked: Instruction) -> dict[int, list[Instruction]]:
        """What the gradient becomes: masked, and only then spread."""
        g, winners = spread.args
        assert isinstance(g, Value)
        y, place = self.pooling.out, masked.place
        mask = Value(f"{masked.out.name}.mask", y.shape, np.dtype(np.bool_), "made")
        let = Value(f"{masked.out.name}.pooled", g.shape, g.dtype, "made")
        first = [
            Instruction(ops.gt, (y, 0), {}, mask, place),
            Instruction(ops.mul, (g, mask), {}, let, place),
            replace(spread, args=(let, winners), out=masked.out),
        ]
        return {id(spread): first, **{id(s): [replace(s, args=(let,))] for s in self.sums}}


def _found(relu: Instruction, readers: Readers) -> _Pooled | None:
    """The pooling of what a relu gives, if that is all that becomes of it."""
    by_name: dict[str, Instruction] = {}
    for instruction in readers.get(relu.out, ()):
        if by_name.setdefault(instruction.op.name, instruction) is not instruction:
            return None
    pooling, winners, mask = (
        by_name.pop(name, None) for name in ("max_pooling", "max_pooling_winners", "gt")
    )
    if by_name or pooling is None or not _is_seen_by_all(pooling):
        return None
    if winners is None and mask is None:
        return _Pooled(relu, pooling)
    if winners is None or mask is None or winners.attrs != pooling.attrs:
        return None
    return _with_gradient(_Pooled(relu, pooling, winners, mask), winners, mask, readers)


def _is_seen_by_all(pooling: Instruction) -> bool:
    """Whether every window has a pixel: with gaps between its taps it may have none."""
    window = pooling.attrs["window"]
    return all(d == 1 or p == 0 for d, p in zip(window.dilation, window.padding))


def _with_gradient(
    found: _Pooled, winners: Instruction, mask: Instruction, readers: Readers
) -> _Pooled | None:
    """The same with its gradient, if that is what the mask and the winners are for."""
    spreads, masked = readers.get(winners.out, ()), readers.get(mask.out, ())
    if mask.args[0] is not found.relu.out or mask.args[1] != 0:
        return None
    if len(spreads) != 1 or len(masked) != 1:
        return None
    (spread,), (through,) = spreads, masked
    if spread.op.name != "max_pooling_spread" or spread.args[1] is not winners.out:
        return None
    if through.op.name != "mul" or {*through.args} != {spread.out, mask.out}:
        return None
    if len(readers.get(spread.out, ())) != 1 or not isinstance(spread.args[0], Value):
        return None
    sums = tuple(i for i in readers.get(through.out, ()) if _is_over_images(i))
    return replace(found, spread=spread, masked=through, sums=sums)


def _is_over_images(instruction: Instruction) -> bool:
    """Whether an instruction is a sum over all pixels, which are as many numbers when pooled."""
    if instruction.op.name != "sum":
        return False
    rank = len(instruction.values[0].shape)
    return {*range(2, rank)} <= {*normal_dims(instruction.attrs.get("dim"), rank)}
