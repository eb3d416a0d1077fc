"""Groups carried out literally, row after row, by NumPy: what a group means.

Slow and plain: every member of a group runs on one row of the group's space before the next row
begins, as in a nest of loops; what is summed over rows is put aside row by row; products are whole
before the first. Values that groups hand to each other lie in an arena, where the allocation says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule import ops
from chainrule.ops import Array
from chainrule.plan.check import check_allocation
from chainrule.plan.passes.forms import role
from chainrule.plan.passes.fuse import Group, Member, fuse, steps
from chainrule.plan.passes.memory import allocate, bytes_of
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Program, Value


class Literally:
    """A program carried out group by group."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.views = views(program)
        self.groups = fuse(program)
        plan = steps(self.groups)
        kept = [self.views[v].base for v in program.outputs]
        kept = [v for v in kept if v.origin == "made"]
        self.allocation = check_allocation(plan, allocate(plan, kept), kept)
        self.memory: dict[Value, Array] = {}
        self.rows: dict[Member, list[Array]] = {}

    def __call__(self, *inputs: Array) -> list[Array]:
        arena = np.full(self.allocation.size, 0xA5, np.uint8)
        self.memory = dict(zip(self.program.inputs, map(np.ascontiguousarray, inputs)))
        for value, offset in self.allocation.offsets.items():
            part = arena[offset : offset + bytes_of(value)]
            self.memory[value] = part.view(value.dtype).reshape(value.shape)
        for group in self.groups:
            self._run(group)
        return [np.array(self._seen(self.views[v])) for v in self.program.outputs]

    def _array(self, value: Value) -> Array:
        if value.origin == "state":
            assert value.array is not None
            return value.array
        if value not in self.memory:
            self.memory[value] = np.zeros(value.shape, value.dtype)
        return self.memory[value]

    def _seen(self, view: View) -> Array:
        array = self._array(view.base)
        size = array.itemsize
        start = as_strided(array, (view.offset + 1,), (size,))[view.offset :]
        return as_strided(start, view.shape, [s * size for s in view.strides])

    def _run(self, group: Group) -> None:
        if group.kind == "alone":
            self._alone(group.members[0])
            return
        wide = [d for d, n in enumerate(group.space) if n != 1]
        by_row = len(wide) > 1 or (group.kind == "product" and wide)
        rows = group.space[wide[0]] if by_row else 1
        for i in range(rows):
            for member in group.members:
                self._turn(group, member, i, wide[0] if by_row else None, rows)
        for member in group.finish:
            self._member(member, None, 0)

    def _turn(self, group: Group, member: Member, i: int, dim: int | None, rows: int) -> None:
        if role(member.instruction) == "product":
            if i == 0:
                self._alone(member)
        elif dim is not None and dim in member.reduced:
            seen = self.rows.setdefault(member, [])
            seen.append(np.array(self._argument(member, member.operands[0], 0, dim, i)))
            if i == rows - 1:
                self._fold(member, np.concatenate(self.rows.pop(member), axis=dim), None, 0)
        elif dim is None or member.space[dim] == 1:
            if i == 0:
                self._member(member, None, 0)
        else:
            self._member(member, dim, i)

    def _alone(self, member: Member) -> None:
        instruction = member.instruction
        args = [self._seen(v) if isinstance(v, View) else v for v in member.operands]
        y = instruction.op.forward(*args, **instruction.attrs)
        if instruction.op.kind != "update":
            self._seen(self.views[instruction.out])[...] = y

    def _member(self, member: Member, dim: int | None, i: int) -> None:
        """One member on row i of dimension `dim`, or on everything."""
        what, op = role(member.instruction), member.instruction.op
        attrs: dict[str, Any] = dict(member.instruction.attrs)
        args = [self._argument(member, v, k, dim, i) for k, v in enumerate(member.operands)]
        if what == "fold":
            self._fold(member, args[0], dim, i)
            return
        out = self._part(member, member.out, dim, i, whole=False)
        if what in ("pick", "spread"):
            attrs["dim"] = -1
            args = [a[..., :1] for a in args] if what == "spread" else args
        if "shape" in attrs:
            attrs["shape"] = out.shape
        y = op.forward(*args, **attrs)
        if what != "update":
            out[...] = y

    def _fold(self, member: Member, x: Array, dim: int | None, i: int) -> None:
        """A reduction of `x` to what the member gives on row i of dimension `dim`, or in all."""
        op = ops.sum if member.instruction.op.name == "sum_to" else member.instruction.op
        out = self._part(member, member.out, dim, i, whole=False)
        kept = [slice(0, 1) if d in member.reduced else slice(None) for d in range(out.ndim)]
        out[(*kept, ...)] = op.forward(x, dim=member.reduced, keepdim=True)

    def _argument(self, member: Member, v: Any, place: int, dim: int | None, i: int) -> Any:
        if not isinstance(v, View):
            return v
        what = role(member.instruction)
        if what == "draw" or (what == "update" and v.shape != member.out.shape):
            return self._seen(v)
        return self._part(member, v, dim, i, whole=what == "pick" and place == 0)

    def _part(self, member: Member, view: View, dim: int | None, i: int, *, whole: bool) -> Array:
        array = self._seen(view)
        last = len(view.shape) - 1
        part = [
            slice(0, 1) if n == 1 and not (whole and d == last) else slice(None)
            for d, n in enumerate(member.space)
        ]
        if dim is not None:
            part[dim] = slice(i, i + 1)
        return array[(*part, ...)]


def each_in_one_group(program: Program, groups: Sequence[Group]) -> bool:
    """Whether every instruction that is no view is in one group, once."""
    seen = views(program)
    found = [m.instruction for g in groups for m in (*g.members, *g.finish)]
    work = [i for i in program if seen[i.out].base is i.out or i.op.kind == "update"]
    return len(found) == len(work) and {*found} == {*work}
