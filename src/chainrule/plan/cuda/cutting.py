"""Groups cut into what one kernel can do (floor 2).

The blocks of a kernel do not wait for each other. So all reductions of a kernel run over the same
dimensions, which a block, or a part of one, goes through; what needs the sum of a long row that
many blocks share comes in a later kernel, and so does a change of memory that hangs on a sum. Each
piece is as early as what it reads allows, and what is read only later is moved there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.plan.changes import changed
from chainrule.plan.passes.fuse import Group, Member, joined
from chainrule.plan.passes.views import View
from chainrule.plan.program import Instruction, Value

__all__ = ["LONG", "cut", "is_effect", "summed"]

# Elements of a row that one block goes through several times.
LONG = 2**15
FEW = 256  # rows that do not keep a GPU busy by themselves


def is_effect(instruction: Instruction) -> bool:
    """Whether an instruction changes memory in place."""
    return instruction.op.kind == "update"


def summed(group: Group) -> tuple[int, ...]:
    """The dimensions over which the reductions of a group run, the same ones for all."""
    found = {m.reduced for m in (*group.members, *group.finish) if m.reduced}
    return next(iter(found)) if len(found) == 1 else ()


@dataclass
class _Kernel:
    """A kernel while members are being taken in."""

    over: tuple[int, ...] = ()
    members: list[Member] = field(default_factory=list)
    totals: set[Value] = field(default_factory=set)  # reductions, and what hangs on them
    has_effects: bool = False

    def takes(self, member: Member, space: Sequence[int], read: Collection[Value]) -> bool:
        """Whether a member, which reads these values, can be part of it."""
        if is_effect(member.instruction):
            return not self.over
        if member.reduced and (self.has_effects or (self.over and self.over != member.reduced)):
            return False
        if not self.totals & {*read}:
            return True
        after = all(member.space[d] == 1 for d in self.over)
        return after or (not self._is_shared(space) and member.reduced in ((), self.over))

    def _is_shared(self, space: Sequence[int]) -> bool:
        """Whether rows are so long and few that several blocks share one."""
        row = math.prod(space[d] for d in self.over)
        return row > LONG and math.prod(space) // row < FEW

    def take(self, member: Member, read: Collection[Value]) -> None:
        self.members.append(member)
        self.has_effects |= is_effect(member.instruction)
        if member.reduced:
            self.over = member.reduced
        if member.reduced or self.totals & {*read}:
            self.totals.add(member.out.base)


def cut(group: Group, views: Mapping[Value, View], memory: Mapping[Value, Value]) -> list[Group]:
    """Return the groups, in order, that are one kernel each.

    Args:
        group: of kind "loop".
        views: of the program.
        memory: for each value one that stands for all that may share memory with it.
    """
    kernels = _assigned(group, memory)
    if len(kernels) == 1 and not group.finish and all(m.space for m in group.members):
        return [group]
    return [
        piece
        for these, wanted in _with_readers(kernels, group)
        for piece in _placed(these, wanted, views, memory)
    ]


def _assigned(group: Group, memory: Mapping[Value, Value]) -> list[list[Member]]:
    members = (*group.members, *group.finish)
    kernels = [_Kernel()]
    at: dict[Value, int] = {}  # the kernel that makes a value, or has changed it last
    seen: dict[Value, int] = {}  # the last kernel that reads from some memory
    for member in members:
        read = [v.base for v in member.operands if isinstance(v, View)]
        first = max(
            (at[key] for v in read for key in (v, memory.get(v, v)) if key in at), default=0
        )
        mine = [memory.get(v, v) for v in changed(member.instruction)]
        first = max([first, *(seen[v] for v in mine if v in seen)])
        while not kernels[first].takes(member, group.space, read):
            first += 1
            if first == len(kernels):
                kernels.append(_Kernel())
        kernels[first].take(member, read)
        at[member.out.base] = first
        at.update(dict.fromkeys(mine, first))
        for v in read:
            root = memory.get(v, v)
            seen[root] = max(first, seen.get(root, 0))
    return _late([k.members for k in kernels], group)


def _late(kernels: list[list[Member]], group: Group) -> list[list[Member]]:
    """Move what is made for later kernels alone to the first of these."""
    for k in range(len(kernels) - 1, -1, -1):
        for member in reversed(kernels[k][:]):
            plain = member.instruction.op.kind == "elementwise" and not member.reduced
            if not plain or member.out.base in group.outputs or not _is_steady(member, kernels[k:]):
                continue
            readers = [j for j in range(len(kernels)) if _reads(kernels[j], member.out.base)]
            if readers and readers[0] > k:
                kernels[k].remove(member)
                kernels[readers[0]].insert(0, member)
    return [k for k in kernels if k]


def _is_steady(member: Member, kernels: Iterable[Sequence[Member]]) -> bool:
    """Whether what a member reads is not changed by any of these kernels."""
    read = {v.base for v in member.operands if isinstance(v, View)}
    states = any(v.origin == "state" for v in read)
    return not (states and any(changed(m.instruction) for k in kernels for m in k))


def _reads(members: Iterable[Member], value: Value) -> bool:
    return any(isinstance(v, View) and v.base is value for m in members for v in m.operands)


def _with_readers(
    kernels: Sequence[Sequence[Member]], group: Group
) -> list[tuple[list[Instruction], set[Value]]]:
    """The instructions of each kernel, and what of them others read."""
    found = []
    for k, members in enumerate(kernels):
        others = [m for j, other in enumerate(kernels) if j != k for m in other]
        read = {v.base for m in others for v in m.operands if isinstance(v, View)}
        found.append(([m.instruction for m in members], read | {*group.outputs}))
    return found


def _placed(
    these: Sequence[Instruction],
    wanted: Collection[Value],
    views: Mapping[Value, View],
    memory: Mapping[Value, Value],
) -> list[Group]:
    """Instructions as one group, or, where they do not go together, halved until they do."""
    group = joined(these, views, memory, {*wanted})
    folds = {m.reduced for m in (*group.members, *group.finish) if m.reduced} if group else set()
    if group is not None and len(folds) < 2:
        return [group]
    half = len(these) // 2
    first, second = these[:half], these[half:]
    between = {views[v].base for i in second for v in i.values}
    return [
        *_placed(first, {*wanted, *between}, views, memory),
        *_placed(second, wanted, views, memory),
    ]
