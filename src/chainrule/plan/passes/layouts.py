"""Layouts: in which order the elements of images lie in memory (floor 2).

The (N, C, H, W) of a convolution's result lie with the channels fastest: the next convolution, the
norm and the pooling that follow find the numbers of a pixel in one vector. Values made of such
values element by element lie as they do. What attention gives lies as it is read, the heads of a
row together, and its gradients as queries, keys and values do. Shapes, and what a person gets, stay
as they are: an order is a matter of strides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from chainrule.plan.passes.forms import DRAWS
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["with_orders"]

Order: TypeAlias = tuple[int, ...]

# Ops whose result has channels second and is made with them last.
IMAGES = frozenset({"convolution", "convolution_input"})

# Ops, beside elementwise ones, whose result lies as what they are made from.
PASSED_ON = frozenset(
    {
        "concatenate",
        "max_pooling",
        "max_pooling_winners",
        "max_pooling_spread",
        "max_pooling_picked",
        "max_pooling_places",
        "pad_constant",
        "resample",
        "sum_pooling",
        "sum_pooling_spread",
        "unslice",
    }
)


def with_orders(program: Program, images: bool = True) -> Program:
    """Return the program with a note, "orders", of the values that do not lie in row-major order.

    Args:
        program: whose values are to lie well.
        images: whether those of convolutions lie with the channels fastest.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> x, w = np.ones((1, 2, 4, 4)), np.ones((3, 2, 3, 3))
        >>> _, program = record(lambda x: ops.exp(ops.relu(ops.convolution(x, w))), [x])
        >>> [(v.name, order) for v, order in with_orders(program).notes["orders"].items()]
        [('v0', (0, 2, 3, 1)), ('v1', (0, 2, 3, 1))]
    """
    orders: dict[Value, Order] = {}
    found, read = views(program), _as_read(program)
    given = {found[v].base for v in program.outputs}
    drawn = {i.out for i in program if i.op.name in DRAWS} - given
    for instruction in program:
        order = _order(instruction, orders, images) or _of_attention(instruction, read, found)
        if order and instruction.out not in given and _is_own(instruction):
            orders[instruction.out] = order
            # Random numbers are made in any order: as they are wanted first.
            alike = (v for v in instruction.values if v.shape == instruction.out.shape)
            orders.update({v: order for v in alike if v in drawn and v not in orders})
    return replace(program, notes={**program.notes, "orders": orders}) if orders else program


def _is_own(instruction: Instruction) -> bool:
    return instruction.op.kind not in ("view", "update") and instruction.out.origin == "made"


def _order(instruction: Instruction, orders: dict[Value, Order], images: bool) -> Order | None:
    """The order in which a result had best lie, or `None` where it is row-major."""
    shape = instruction.out.shape
    if instruction.op.name in IMAGES:
        if not images:
            return None
        rank = len(shape)
        one = shape[1] == 1 or math.prod(shape[2:]) == 1
        return None if one else (0, *range(2, rank), 1)
    if instruction.op.kind != "elementwise" and instruction.op.name not in PASSED_ON:
        return None
    found = (orders[v] for v in instruction.values if v in orders and len(v.shape) == len(shape))
    return next(found, None)


# --- attention ----------------------------------------------------------------------------------


def _as_read(program: Program) -> dict[Value, Order]:
    """The order in which what is permuted is read, by the first who does."""
    found: dict[Value, Order] = {}
    for instruction in program:
        if instruction.op.name == "permute":
            rank = len(instruction.out.shape)
            order = tuple(d % rank for d in instruction.attrs["dims"])
            found.setdefault(instruction.values[0], order)
    return found


def _of_attention(
    instruction: Instruction, read: Mapping[Value, Order], found: Mapping[Value, View]
) -> Order | None:
    """The order of what attention gives, or of its gradients in one array."""
    if instruction.op.name == "attention":
        return read.get(instruction.out)
    if instruction.op.name != "attention_back" or len(instruction.out.shape) < 2:
        return None
    query, key, value = (found[v] for v in instruction.values[1:4])
    apart = key.offset - query.offset
    alike = {(v.base, v.strides) for v in (query, key, value)}
    even = len(alike) == 1 and value.offset - key.offset == apart > 0
    strides = (apart if even else math.inf, *query.strides)
    return tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))
