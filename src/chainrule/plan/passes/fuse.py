"""Fusion: instructions that run over the same elements become a group, a nest of loops (floor 2).

A group has an iteration space, a shape. Each of its members is an instruction whose operands and
result are views over that space: at index (i, j, ...) of the space a member reads each operand's
element at (i, j, ...) and writes its result's. Whatever was a reshape, a permutation, a broadcast
or a slice in the program has become steps of those views and is no member of anything.

The kinds of group:

- "loop": elementwise members, reductions along the last dimension (of a row: sum, mean, peak, ...)
  whose results the row's later members read, and reductions over other dimensions, which add up
  from row to row. Softmax with cross-entropy and its gradient is one such group over rows.
- "product": the first member is a product of matrices, whose result is the space; the others are
  its epilogue, a loop over the tile just computed.
- "alone": one instruction that is none of these, its operands with shapes of their own.

Members that read a sum over rows (or come after one that does) can only run when the loops have
ended: they are the group's `finish`. Updates stand with the gradient they consume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Literal, TypeAlias

from chainrule.ops import Shape
from chainrule.plan.changes import changed, roots
from chainrule.plan.passes.memory import Step
from chainrule.plan.passes.place import Member, Placed, natural_shape, placed, role
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Group", "Member", "fuse", "steps"]

Kind: TypeAlias = Literal["loop", "product", "alone"]


@dataclass(frozen=True)
class Group:
    """Members over one iteration space, to become one nest of loops.

    Attributes:
        kind: "loop", "product" or "alone".
        space: sizes of the loops, outermost first.
        members: what each turn does, in order.
        finish: what is done once the loops have ended, in order; of these too the views are over
            the space, and `space` of each has 1 in the dimensions that were summed over.
        inputs: values that own memory read here and made elsewhere.
        outputs: values that own memory written here and read elsewhere, changed states included.
            What is made and read only here needs no memory.
    """

    kind: Kind
    space: Shape
    members: tuple[Member, ...]
    finish: tuple[Member, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    def __str__(self) -> str:
        lines = [f"{self.kind} over {self.space}"]
        for member in (*self.members, *self.finish):
            told = ", ".join(str(v) for v in member.operands)
            mark = "  then " if member in self.finish else "  "
            lines.append(f"{mark}{member.out} = {member.instruction.op.name}({told})")
        return "\n".join(lines)


Takes: TypeAlias = Callable[[Instruction], bool]


def fuse(program: Program, takes: Takes = lambda _: True) -> tuple[Group, ...]:
    """Return the program as groups in an order in which they can be carried out.

    Every instruction that is not a view is in one group.

    Args:
        program: what to fuse.
        takes: whether an instruction may share a group with others; the rest stand alone.
    """
    fusion = _Fusion(program, takes)
    fusion.join(lambda v: fusion.readers.get(v, 0) == 1)
    fusion.join(lambda v: True)
    fusion.join_scalars()
    return fusion.groups()


@dataclass
class _Cluster:
    """Instructions that will be a group, by their numbers; bits are numbers of instructions.

    Attributes:
        numbers: of the instructions, in the program's order.
        bits: the same as a bit mask.
        before: all instructions that have to come before one of these, directly or not.
        space: what they loop over.
        placed: how they are placed there; `None` for one that stands alone.
    """

    numbers: list[int]
    bits: int
    before: int
    space: Shape
    placed: Placed | None


class _Fusion:
    """Clusters of instructions, at first one for each, joined as far as it goes."""

    def __init__(self, program: Program, takes: Takes) -> None:
        self.program = program
        self.views = views(program)
        self.memory = roots(program)
        self.instructions = [i for i in program if self._is_work(i)]
        self.feeds = self._feeds()
        self.readers = self._readers()
        before = self._orders()
        self.cluster = [
            self._alone(k, before[k], i, takes) for k, i in enumerate(self.instructions)
        ]

    def _is_work(self, instruction: Instruction) -> bool:
        out = instruction.out
        return self.views[out].base is out or instruction.op.kind == "update"

    def _owners(self, values: Sequence[Value]) -> list[Value]:
        return [self.memory[self.views[v].base] for v in values]

    def _feeds(self) -> list[list[int]]:
        """For each instruction those whose results or changes it reads."""
        writer: dict[Value, int] = {}
        feeds: list[list[int]] = []
        for k, instruction in enumerate(self.instructions):
            owners = self._owners(instruction.values)
            feeds.append(sorted({writer[v] for v in owners if v in writer}))
            writer.update(dict.fromkeys(self._written(instruction), k))
        return feeds

    def _written(self, instruction: Instruction) -> list[Value]:
        return self._owners([instruction.out, *changed(instruction)])

    def _readers(self) -> dict[int, int]:
        """How many instructions read what each gives; an output is read once more."""
        outputs = set(self._owners(self.program.outputs))
        found: dict[int, int] = {}
        for k, instruction in enumerate(self.instructions):
            found[k] = found.get(k, 0) + (self._owners([instruction.out])[0] in outputs)
            for source in self.feeds[k]:
                found[source] = found.get(source, 0) + 1
        return found

    def _alone(self, k: int, before: int, instruction: Instruction, takes: Takes) -> _Cluster:
        space, fits = instruction.out.shape, None
        if role(instruction) and takes(instruction):
            space = natural_shape(instruction)
            fits = placed([instruction], space, self.views, self.memory)
        return _Cluster([k], 1 << k, before, space, fits)

    def _orders(self) -> list[int]:
        """For each instruction the bits of those that have to come before it.

        What is read is read between the change before it and the one after.
        """
        written: dict[Value, int] = {}
        read: dict[Value, int] = {}
        before: list[int] = []
        for k, instruction in enumerate(self.instructions):
            owners, mine = self._owners(instruction.values), self._written(instruction)
            direct = 0
            for v in owners:
                direct |= written.get(v, 0)
            for v in mine:
                direct |= written.get(v, 0) | read.get(v, 0)
            direct &= ~(1 << k)
            before.append(direct | self._closure(direct, before))
            for v in mine:
                written[v], read[v] = 1 << k, 0
            for v in owners:
                read[v] = read.get(v, 0) | 1 << k
        return before

    @staticmethod
    def _closure(direct: int, before: Sequence[int]) -> int:
        closed = 0
        while direct:
            lowest = direct & -direct
            closed |= before[lowest.bit_length() - 1]
            direct ^= lowest
        return closed

    # --- joining --------------------------------------------------------------------------------

    def join(self, wanted: Callable[[int], bool]) -> None:
        """Join each instruction with those whose results it reads, of those that are `wanted`."""
        for k, sources in enumerate(self.feeds):
            for source in reversed(sources):
                if wanted(source):
                    self._try(self.cluster[source], self.cluster[k])

    def join_scalars(self) -> None:
        """Join what works on single numbers: a loop for each would be all loop."""
        small = [c for c in self._clusters() if c.placed and math.prod(c.space) == 1]
        for cluster in small[1:]:
            self._try(self.cluster[small[0].numbers[0]], cluster)

    def _clusters(self) -> list[_Cluster]:
        return list({id(c): c for c in self.cluster}.values())

    def _try(self, a: _Cluster, b: _Cluster) -> bool:
        if a is b or a.placed is None or b.placed is None or self._is_between(a, b):
            return False
        numbers = sorted((*a.numbers, *b.numbers))
        # A product comes first: what it reads is not made in its own group.
        numbers.sort(key=lambda k: role(self.instructions[k]) != "product")
        these = [self.instructions[k] for k in numbers]
        if len(these) > 1 and role(these[1]) == "product":
            return False
        if role(these[0]) == "product" and set(self.feeds[numbers[0]]) & set(numbers):
            return False
        for space in dict.fromkeys((self._larger(a, b), self._larger(b, a))):
            fits = placed(these, space, self.views, self.memory)
            if fits:
                self._merge(a, b, _Cluster(sorted(numbers), a.bits | b.bits, 0, space, fits))
                return True
        return False

    def _larger(self, a: _Cluster, b: _Cluster) -> Shape:
        return a.space if math.prod(a.space) > math.prod(b.space) else b.space

    def _is_between(self, a: _Cluster, b: _Cluster) -> bool:
        """Whether anything has to come after one of the two and before the other."""
        others = [c for c in self._clusters() if c is not a and c is not b]
        return any(
            (b.before & c.bits and c.before & a.bits) or (a.before & c.bits and c.before & b.bits)
            for c in others
        )

    def _merge(self, a: _Cluster, b: _Cluster, both: _Cluster) -> None:
        both.before = (a.before | b.before) & ~both.bits
        for c in self._clusters():
            if c.before & both.bits:
                c.before |= both.before | both.bits
        for k in both.numbers:
            self.cluster[k] = both

    # --- groups ---------------------------------------------------------------------------------

    def groups(self) -> tuple[Group, ...]:
        """The clusters as groups, each after all that have to come before it."""
        waiting = self._clusters()
        ready = [(c.numbers[0], c) for c in waiting if not c.before]
        heapify(ready)
        done, order = 0, []
        while ready:
            _, cluster = heappop(ready)
            order.append(self._group(cluster))
            done |= cluster.bits
            waiting = [c for c in waiting if not c.bits & done]
            known = {number for number, _ in ready}
            for c in waiting:
                if not c.before & ~done and c.numbers[0] not in known:
                    heappush(ready, (c.numbers[0], c))
        assert not waiting
        return tuple(order)

    def _group(self, cluster: _Cluster) -> Group:
        these = [self.instructions[k] for k in cluster.numbers]
        members, finish, kind = self._members(cluster)
        written = dict.fromkeys(self.views[v].base for i in these for v in (i.out, *changed(i)))
        read = dict.fromkeys(self.views[v].base for i in these for v in i.values)
        own = {self.views[i.out].base for i in these if i.op.kind != "update"}
        inputs = tuple(v for v in read if v not in own or v.origin != "made")
        needed = self._needed_elsewhere(cluster)
        outputs = tuple(v for v in written if v.origin != "made" or v in needed)
        return Group(kind, cluster.space, members, finish, inputs, outputs)

    def _members(self, cluster: _Cluster) -> tuple[tuple[Member, ...], tuple[Member, ...], Kind]:
        if cluster.placed is not None:
            first = role(cluster.placed.members[0].instruction)
            kind: Kind = "product" if first == "product" else "loop"
            return cluster.placed.members, cluster.placed.finish, kind
        instruction = self.instructions[cluster.numbers[0]]
        operands = tuple(self.views[a] if isinstance(a, Value) else a for a in instruction.args)
        out = self.views[instruction.out]
        return (Member(instruction, operands, out, cluster.space),), (), "alone"

    def _needed_elsewhere(self, cluster: _Cluster) -> set[Value]:
        mine = set(cluster.numbers)
        others = [i for k, i in enumerate(self.instructions) if k not in mine]
        read = [v for i in others for v in i.values]
        return {self.views[v].base for v in (*read, *self.program.outputs)}


# --- memory -------------------------------------------------------------------------------------


def steps(groups: Sequence[Group]) -> list[Step]:
    """What each group does to the arena, for `allocate`.

    The result of a group that goes over its space once may lie where an operand lay that is read,
    everywhere, at the same index.
    """
    return [_step(group) for group in groups]


def _step(group: Group) -> Step:
    made = tuple(v for v in group.outputs if v.origin == "made")
    read = tuple(v for v in group.inputs if v.origin == "made")
    made = tuple(v for v in made if v not in read)
    return Step(made, read, tuple(v for v in read if _lies_under(group, v, made)))


def _lies_under(group: Group, value: Value, made: Sequence[Value]) -> bool:
    """Whether every member that reads `value` does so at the index at which the results lie."""
    members = (*group.members, *group.finish)
    if group.kind == "alone" or any(m.reduced or "along" in m.instruction.op.name for m in members):
        return False
    outs = [m.out for m in members if m.out.base in made]
    seen = [v for m in members for v in m.operands if isinstance(v, View) and v.base is value]
    return all(
        (v.strides, v.offset, v.shape) == (o.strides, o.offset, o.shape) for v in seen for o in outs
    )
