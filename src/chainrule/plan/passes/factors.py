"""Factors: what a sum has in each of its terms stands before the sum (floor 2).

sum(a x) = a sum(x) where a is the same in all terms. The gradient of a norm consists of such sums:
with the factors taken out several become the same sum, of values that are there anyway, and what
depends on a result of the group itself waits for it no more. The numbers are those of the program
up to rounding; so this is no simplification, which would keep every bit, but something that an
executor may choose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainrule import ops
from chainrule.ops.core import normal_dims
from chainrule.plan.changes import Versions
from chainrule.plan.passes.common import without_repetition
from chainrule.plan.passes.dead import without_dead_code
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["with_factors_outside"]

SUMS = ("sum", "sum_to", "mean")
DEEP = 6  # products of products that are looked into
MANY = 32  # terms from which on it pays


def with_factors_outside(program: Program) -> Program:
    """Return the program with sums of products in which no factor is the same in all terms.

    Examples:
        >>> import numpy as np
        >>> from chainrule.plan.record import record
        >>> def total(x, a):
        ...     return ops.sum(ops.mul(ops.mul(x, a), -1), dim=0, keepdim=True)
        >>> _, program = record(total, [np.ones((64, 2)), np.ones((1, 2))])
        >>> for i in with_factors_outside(program):
        ...     print(i.out, "is", i.op.name, "of", *i.args)
        v2.sum: float64[1, 2] is sum of x0: float64[64, 2]
        v2.1: float64[1, 2] is mul of v2.sum: float64[1, 2] x1: float64[1, 2]
        v2: float64[1, 2] is mul of v2.1: float64[1, 2] -1
    """
    found = _Sums(program)
    instructions = [new for old in program for new in found.instead(old)]
    if not found.any:
        return program
    return without_dead_code(without_repetition(replace(program, instructions=instructions)))


@dataclass
class _Product:
    """A product of two as it was made.

    Attributes:
        instruction: what made it.
        versions: how often the memory of each value that it reads had been changed by then.
    """

    instruction: Instruction
    versions: dict[Value, Any]


class _Sums:
    """The products of a program, walking down it.

    Attributes:
        any: whether a sum has been turned.
    """

    def __init__(self, program: Program) -> None:
        self.any = False
        self.versions = Versions(program)
        self.products: dict[Value, _Product] = {}

    def instead(self, instruction: Instruction) -> Iterator[Instruction]:
        """Give what stands for an instruction, and go past it."""
        new = self._turned(instruction) if instruction.op.name in SUMS else []
        self.any |= bool(new)
        yield from new or [instruction]
        if instruction.op.name in ("mul", "broadcast_to"):
            now = {v: self.versions[v] for v in instruction.values}
            self.products[instruction.out] = _Product(instruction, now)
        self.versions.after(instruction)

    def _turned(self, total: Instruction) -> list[Instruction]:
        """A sum with the factors before it that all its terms have, if there are any."""
        x, out = total.values[0], total.out
        if out.dtype.kind != "f" or x.dtype != out.dtype or 0 in x.shape:
            return []
        factors = list(self._factors(x, x, DEEP))
        summed = _summed(total, len(x.shape))
        if math.prod(x.shape[d] for d in summed) < MANY:
            return []
        outer = [f for f in factors if _is_outer(f, x, out, summed)]
        inner = [f for f in factors if not _is_outer(f, x, out, summed)]
        if not outer or not _are_whole(inner, x):
            return []
        return _written(total, inner, outer)

    def _factors(self, value: Operand, whole: Value, deep: int) -> Iterator[Operand]:
        """The factors of a value that still are what they were when it was made."""
        product = self.products.get(value) if isinstance(value, Value) else None
        if product is None or not deep or not self._lasts(product, whole):
            yield value
            return
        for factor in product.instruction.args:
            yield from self._factors(factor, whole, deep - 1)

    def _lasts(self, product: _Product, whole: Value) -> bool:
        instruction = product.instruction
        alike = all(v.dtype == whole.dtype for v in (instruction.out, *instruction.values))
        return alike and all(self.versions[v] == then for v, then in product.versions.items())


def _summed(total: Instruction, rank: int) -> frozenset[int]:
    """The dimensions that a sum goes over."""
    x, out = total.values[0], total.out
    if total.op.name == "sum_to":
        lead = rank - len(out.shape)
        kept = (lead + d for d, n in enumerate(out.shape) if n == x.shape[lead + d])
        return frozenset(range(rank)) - {*kept}
    return frozenset(normal_dims(total.attrs.get("dim"), rank))


def _is_outer(factor: Operand, x: Value, out: Value, summed: frozenset[int]) -> bool:
    """Whether a factor is the same in all terms, and can stand before the result."""
    if not isinstance(factor, Value):
        return not isinstance(factor, bool)
    if factor.dtype != x.dtype or not factor.shape:
        return factor.dtype == x.dtype
    lead = len(x.shape) - len(factor.shape)
    wide = {lead + d for d, n in enumerate(factor.shape) if n != 1}
    return len(out.shape) == len(x.shape) and not wide & summed


def _are_whole(inner: Sequence[Operand], x: Value) -> bool:
    """Whether the factors that stay are as many numbers as there are terms."""
    return any(isinstance(f, Value) and f.shape == x.shape for f in inner)


def _written(
    total: Instruction, inner: Sequence[Operand], outer: Sequence[Operand]
) -> list[Instruction]:
    """The sum of the inner factors, times the outer ones."""
    out, x = total.out, total.values[0]
    first, *more = sorted(inner, key=lambda f: not (isinstance(f, Value) and f.shape == x.shape))
    new: list[Instruction] = []
    terms = first
    for k, factor in enumerate(more):
        made = Value(f"{out.name}.terms{k}", x.shape, x.dtype, "made")
        new.append(Instruction(ops.mul, (terms, factor), {}, made, total.place))
        terms = made
    found = Value(f"{out.name}.sum", out.shape, out.dtype, "made")
    new.append(replace(total, args=(terms,), out=found))
    for k, factor in enumerate(outer, start=1):
        last = k == len(outer)
        made = out if last else Value(f"{out.name}.{k}", out.shape, out.dtype, "made")
        new.append(Instruction(ops.mul, (found, factor), {}, made, total.place))
        found = made
    return new
