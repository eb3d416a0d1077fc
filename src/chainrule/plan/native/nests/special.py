"""Members of a group that are more than a formula of their operands (floor 2).

Choosing along a row by an index and its gradient, random numbers, and the steps of optimisers,
which change several arrays at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.formulas.draws import kept, mixed, uniform
from chainrule.plan.formulas.updates import STEPS, arguments
from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Unsupported
from chainrule.plan.native.nests.access import Access
from chainrule.plan.native.nests.space import beginnings
from chainrule.plan.passes.fuse import Member
from chainrule.plan.passes.views import View

__all__ = [
    "NAMES",
    "Seed",
    "added",
    "count",
    "generator",
    "move_on",
    "random",
    "rates",
    "taken",
    "update",
]

NAMES = ("add_along", "random_mask", "random_uniform", "take_along")

# What a member has computed once, for all of its elements.
Seed: TypeAlias = Mapping[str, Register]

UINT, DOUBLE = np.dtype(np.uint64), np.dtype(np.float64)


# --- reading and writing along a row ------------------------------------------------------------


def taken(access: Access, member: Member, c: Register | None) -> Register:
    """y = x[index], along the last dimension."""
    table, index = member.operands
    if not isinstance(table, View):
        raise Unsupported("a gather from a number")
    size, dtype = table.shape[-1], table.base.dtype
    place = _from_the_front(access, access.operand(index, c), size)
    within = place.compare("", "ult", size)
    if table.base in access.made and size == 1:
        y = access.w.number(access.operand(table, c), dtype)
    else:
        y = access.element(table, within.select(place, 0), c, beginnings(table))
    # Indices are looked at before they come here; this one only has to be safe.
    return within.select(y, math.nan if dtype.kind == "f" else 0)


def added(access: Access, member: Member, c: Register | None) -> Register:
    """Zeros, and x at index, along the last dimension: one number a row."""
    x, index = member.operands
    halves, dtype = access.halves, member.instruction.out.dtype
    size = halves.space[-1]
    stretched = not isinstance(index, View) or size == 1 or not index.strides[-1]
    last_alone = size == 1 or halves.inner == (len(halves.space) - 1,)
    if not stretched or not last_alone or c is None:
        raise Unsupported("a scatter of more than one number a row")
    place = _from_the_front(access, access.operand(index, c), size)
    here = place.eq(c if size != 1 else 0)
    return here.select(access.w.number(access.operand(x, c), dtype).to(dtype), 0)


def _from_the_front(access: Access, index: Number, size: int) -> Register:
    place = access.w.number(index, INDEX).to(INDEX)
    return place.lt(0).select(place + size, place)


# --- random numbers -----------------------------------------------------------------------------


def generator(access: Access, member: Member, drawn: int = 0) -> dict[str, Register]:
    """The key, and the count before the first number.

    Args:
        access: of the loops.
        member: what draws.
        drawn: how many numbers the same loops have drawn before.
    """
    view = member.operands[0]
    if member.space != access.halves.space:
        raise Unsupported("random numbers that are fewer than the elements of the loops")
    if not isinstance(view, View):
        raise Unsupported("a generator that is no array")
    key, counter = access.number(view, 0), access.number(view, 1)
    return {"key": key, "counter": counter + drawn if drawn else counter}


def count(member: Member) -> int:
    """How many numbers a member draws."""
    instruction = member.instruction
    none = instruction.op.name == "random_mask" and instruction.attrs["p"] >= 1
    return 0 if none else math.prod(member.space)


def move_on(access: Access, member: Member) -> None:
    """Write that a generator has given a member its numbers."""
    view = member.operands[0]
    if isinstance(view, View) and count(member):
        start = access.w.at(access.memory.pointer(view.base), UINT, view.offset)
        behind = access.w.at(start, UINT, view.strides[-1])
        access.w.store(access.w.load(behind, UINT) + count(member), behind)


def random(access: Access, member: Member, seed: Seed, c: Register | None) -> Register:
    """The random number of an element, by the formulas of `ops.random`."""
    op, attrs = member.instruction.op.name, member.instruction.attrs
    dtype = member.instruction.out.dtype
    z = mixed(seed["key"], seed["counter"] + _number_of(access, c))
    if dtype.kind != "f":
        raise Unsupported(op)
    return kept(z, attrs["p"], dtype) if op == "random_mask" else uniform(z, dtype)


def _number_of(access: Access, c: Register | None) -> Register:
    """Which number of all that are drawn belongs to an element."""
    halves = access.halves
    place = access.w.number(0, INDEX)
    if c is not None and halves.inner:
        place = c * halves.places[-1] if halves.places[-1] != 1 else c
    for d, i in access.index.items():
        place = i * halves.places[d] + place
    return place.to(UINT)


# --- steps of optimisers ------------------------------------------------------------------------


def rates(access: Access, member: Member) -> dict[str, Register]:
    """What holds for the whole of a step, in the dtype of what it changes."""
    step, dtype = STEPS[member.instruction.op.name], member.out.base.dtype
    numbers = {
        name: _rate(access, value)
        for name, value in arguments(member.instruction, member.operands).items()
        if name not in step.by_element
    }
    return {name: y.to(dtype) for name, y in step.once(access.w, numbers).items()}


def _rate(access: Access, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return access.w.number(value, DOUBLE)
    if isinstance(value, tuple):
        return tuple(_rate(access, v) for v in value)
    if not isinstance(value, View):
        raise Unsupported(f"{value!r} as a number of an update")
    if math.prod(value.base.shape) == 2:
        return tuple(access.number(value, k).to(DOUBLE) for k in range(2))
    return access.number(value).to(DOUBLE)


def _crosses(access: Access, value: Any, out: View) -> bool:
    """Whether an operand lies in the memory that a step changes, but in another order."""
    if not isinstance(value, View):
        return False
    if value.base is out.base:
        return not access.halves.over(value) or not access.halves.same(value, out)
    here, there = value.base.array, out.base.array
    return here is not None and there is not None and np.may_share_memory(here, there)


def update(access: Access, member: Member, seed: Seed, c: Register | None) -> None:
    """Write a step for one element: read what it takes, put down what it gives."""
    step, dtype = STEPS[member.instruction.op.name], member.out.base.dtype
    given = arguments(member.instruction, member.operands)
    if any(_crosses(access, v, member.out) for v in given.values()):
        raise Unsupported("an update from memory that it changes")
    options = {name: value for name, value in given.items() if isinstance(value, bool)}
    element: dict[str, Register | None] = {}
    for name in step.by_element:
        value = given[name]
        unused = isinstance(value, View) and value.base.shape == (0,)
        number = None if unused else access.w.number(access.operand(value, c), dtype)
        element[name] = number.to(dtype) if number else None
    new = step.advance(access.w, {**options, **seed}, element)
    for name, y in new.items():
        if name != "x":
            access.w.store(y, access.place(given[name], c))
    access.keep(member, new["x"], c)
