"""Views: which memory a value is read from, and in what steps (floor 2).

Every value that owns memory lies there in row-major order, unless the program's notes give it
another ("orders", see `layouts`); a state lies as its array does. What reshapes, permutes,
broadcasts, slices or flips such a value is the same memory read in other steps, and needs no work
of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.ops import Array, Shape
from chainrule.plan.changes import roots
from chainrule.plan.passes.rewrite import changed_roots
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["View", "seen_through", "views", "whole"]


@dataclass(frozen=True)
class View:
    """Elements of a value: index (i, j, ...) is element offset + i strides[0] + j strides[1] + ...

    Attributes:
        base: the value that owns the memory.
        offset: of the first element, in elements.
        shape: how many elements in each dimension.
        strides: elements from one to the next in each dimension; 0 where it is the same again.
    """

    base: Value
    offset: int
    shape: Shape
    strides: tuple[int, ...]

    def __str__(self) -> str:
        start = f"+{self.offset}" if self.offset else ""
        return f"{self.base.name}{start}{list(self.strides)}"


def views(program: Program) -> dict[Value, View]:
    """Return for every value where it is read from; one that owns memory is its own base.

    A view whose elements cannot be had by steps through the base's memory, as it lies in a plan, is
    a copy and owns memory. So is one that the recorder found to be a copy, if it or its base is
    changed in place.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> mirror = lambda x: ops.flip(ops.reshape(x, shape=(2, 3)), dim=1)
        >>> _, program = record(mirror, [np.ones(6)])
        >>> print(views(program)[program.outputs[0]])
        x0+2[3, -1]
    """
    memory = roots(program)
    restless = changed_roots(program, memory)
    orders = program.notes.get("orders", {})
    found = {v: whole(v) for v in (*program.inputs, *program.state)}
    for instruction in program:
        out = instruction.out
        if out in found:
            continue
        seen = None
        if instruction.op.kind == "view" and instruction.values:
            base = instruction.values[0]
            if memory[out] is memory[base] or not {memory[out], memory[base]} & restless:
                seen = seen_through(instruction, found[base])
        found[out] = seen or whole(out, orders.get(out))
    return found


def whole(value: Value, order: Sequence[int] | None = None) -> View:
    """All of a value that owns memory, as it lies there.

    Args:
        value: the value.
        order: its dimensions from the slowest to the fastest; as they come by default.
    """
    if value.array is None:
        return View(value, 0, value.shape, in_order(value.shape, order))
    size = value.dtype.itemsize
    return View(value, 0, value.shape, tuple(s // size for s in value.array.strides))


def row_major(shape: Shape) -> tuple[int, ...]:
    """The strides of elements one after another, the last dimension fastest."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def in_order(shape: Shape, order: Sequence[int] | None) -> tuple[int, ...]:
    """The strides of elements one after another, the last dimension in `order` fastest.

    Examples:
        >>> in_order((2, 3, 4, 5), (0, 2, 3, 1))
        (60, 1, 15, 3)
    """
    if order is None:
        return row_major(shape)
    strides = row_major(tuple(shape[d] for d in order))
    return tuple(strides[order.index(d)] for d in range(len(shape)))


def seen_through(instruction: Instruction, view: View) -> View | None:
    """What a view op makes of a view: asked of NumPy, on memory that nobody touches."""
    if not math.prod(view.shape):
        return None
    memory, start = _stand_in(view)
    x = np.ndarray(view.shape, np.uint8, memory, start + view.offset, view.strides)
    y = np.asarray(instruction.op.forward(x, **instruction.attrs))
    if not np.may_share_memory(y, memory):
        return None
    return View(view.base, _address(y) - _address(memory) - start, y.shape, y.strides)


def _stand_in(view: View) -> tuple[Array, int]:
    """A byte for each element, so that strides and addresses count elements; and where 0 is."""
    reach = [(n - 1) * s for n, s in zip(view.shape, view.strides)]
    first = view.offset + sum(r for r in reach if r < 0)
    last = view.offset + sum(r for r in reach if r > 0)
    start = max(-first, 0)
    return np.empty(start + last + 1, np.uint8), start


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def mapped(view: View, onto: Mapping[int, int], rank: int) -> tuple[int, ...]:
    """The strides of a view over a space of `rank` dimensions, its own d being `onto[d]` there."""
    strides = [0] * rank
    for d, there in onto.items():
        strides[there] = view.strides[d] if view.shape[d] != 1 else 0
    return tuple(strides)
