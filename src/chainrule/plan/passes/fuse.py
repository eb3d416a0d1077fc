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
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from chainrule.ops import Shape
from chainrule.ops.exchange import MEETINGS
from chainrule.plan.changes import changed, roots
from chainrule.plan.passes.clusters import Cluster, Clusters, precedence
from chainrule.plan.passes.forms import Form, form
from chainrule.plan.passes.memory import Step
from chainrule.plan.passes.place import Member, Placing
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Group", "Member", "alone", "fuse", "joined", "steps"]

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

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> _, program = record(lambda x: ops.mul(x, ops.sum(x, dim=1, keepdim=True)), [np.eye(3)])
        >>> print(*fuse(program))
        loop over (3, 3)
          v0[1, 0] = sum(x0[3, 1])
          v1[3, 1] = mul(x0[3, 1], v0[1, 0])
    """
    fusion = _Fusion(program, takes)
    fusion.join(lambda v: fusion.readers.get(v, 0) == 1)
    fusion.join(lambda v: True)
    fusion.join_scalars()
    return fusion.groups()


class _Fusion:
    """Clusters of instructions, joined as far as it goes, and how each is placed.

    Attributes:
        forms: what each instruction can be in a group; `None` for one that stands alone.
        fits: for each cluster how its instructions are placed; those that stand alone are not in
            it.
    """

    def __init__(self, program: Program, takes: Takes) -> None:
        self.program = program
        self.views = views(program)
        self.memory = roots(program)
        self.instructions = [i for i in program if self._is_work(i)]
        self.forms = [form(i, self.views) if takes(i) else None for i in self.instructions]
        read = [self._owners(i.values) for i in self.instructions]
        written = [self._owners([i.out, *changed(i)]) for i in self.instructions]
        self.feeds = _feeds(read, written)
        self.readers = Counter(source for sources in self.feeds for source in sources)
        self.readers.update(self._given(written))
        self.clusters = Clusters(self._precedence(read, written))
        self.fits: dict[Cluster, Placing] = {}
        for cluster, own in zip(self.clusters.of, self.forms):
            fit = self._placed([own], own.shape) if own else None
            if fit:
                self.fits[cluster] = fit

    def _precedence(
        self, read: Sequence[Sequence[Value]], written: Sequence[Sequence[Value]]
    ) -> list[int]:
        # As if a check wrote what all changes read: what it refuses has changed nothing after it.
        gate = Value("gate", (), np.dtype(bool), "state")
        changes = [i.op.kind in ("update", "random") for i in self.instructions]
        checks = [i.op.name == "check" for i in self.instructions]
        # And as if all that ranks meet for wrote one thing: other ranks may have other plans, and
        # have to come to it in the same order.
        line = Value("line", (), np.dtype(bool), "state")
        meetings = [[line] * (i.op.name in MEETINGS) for i in self.instructions]
        return precedence(
            [[*values, gate] if through else values for values, through in zip(read, changes)],
            [
                [*values, *meeting, gate] if shut else [*values, *meeting]
                for values, shut, meeting in zip(written, checks, meetings)
            ],
        )

    def _is_work(self, instruction: Instruction) -> bool:
        out = instruction.out
        return self.views[out].base is out or instruction.op.kind == "update"

    def _owners(self, values: Sequence[Value]) -> list[Value]:
        return [self.memory[self.views[v].base] for v in values]

    def _given(self, written: Sequence[Sequence[Value]]) -> list[int]:
        """The instructions that make an output: who takes it is one more reader."""
        outputs = set(self._owners(self.program.outputs))
        return [k for k, made in enumerate(written) if made[0] in outputs]

    # --- joining --------------------------------------------------------------------------------

    def join(self, wanted: Callable[[int], bool]) -> None:
        """Join each instruction with those whose results it reads, of those that are `wanted`."""
        for k, sources in enumerate(self.feeds):
            for source in reversed(sources):
                if wanted(source):
                    self._try(self.clusters.of[source], self.clusters.of[k])

    def join_scalars(self) -> None:
        """Join what works on single numbers: a loop for each would be all loop."""
        small = [c for c in self.clusters if c in self.fits and math.prod(self.fits[c].space) == 1]
        for cluster in small[1:]:
            self._try(self.clusters.of[small[0].numbers[0]], cluster)

    def _try(self, a: Cluster, b: Cluster) -> None:
        if a is b or a not in self.fits or b not in self.fits:
            return
        if not self.clusters.may_join(a, b):
            return
        fit = self._extended(a, b) or self._together(a, b)
        if fit:
            self.fits[self.clusters.join(a, b)] = fit

    def _extended(self, a: Cluster, b: Cluster) -> Placing | None:
        """The placing of `a` with that of one later instruction added, if it goes as it stands."""
        fit, own = self.fits[a], self.forms[b.numbers[0]]
        if len(b.numbers) > 1 or b.numbers[0] < a.numbers[-1] or own is None:
            return None
        fits = own.role != "product" and math.prod(own.shape) <= math.prod(fit.space)
        return fit if fits and fit.add(own) else None

    def _together(self, a: Cluster, b: Cluster) -> Placing | None:
        """A placing of the instructions of both, over the larger space or either."""
        forms = self._in_order(sorted((*a.numbers, *b.numbers)))
        spaces = sorted((self.fits[c].space for c in (b, a)), key=math.prod, reverse=True)
        found = (self._placed(forms, space) for space in dict.fromkeys(spaces) if forms)
        return next(filter(None, found), None)

    def _placed(self, forms: Sequence[Form], space: Shape) -> Placing | None:
        return placed(forms, space, self.memory)

    def _in_order(self, numbers: Sequence[int]) -> list[Form]:
        """As they come in a group, a product first; none where it reads what another makes."""
        forms = {k: own for k in numbers if (own := self.forms[k])}
        products = [k for k, own in forms.items() if own.role == "product"]
        if len(products) > 1 or any({*self.feeds[k]} & {*numbers} for k in products):
            return []
        return [forms[k] for k in dict.fromkeys((*products, *numbers))]

    # --- groups ---------------------------------------------------------------------------------

    def groups(self) -> tuple[Group, ...]:
        """The clusters as groups, each after all that have to come before it."""
        readers: dict[Value, set[Cluster | None]] = {}
        for k, instruction in enumerate(self.instructions):
            for v in instruction.values:
                readers.setdefault(self.views[v].base, set()).add(self.clusters.of[k])
        for v in self.program.outputs:
            readers.setdefault(self.views[v].base, set()).add(None)
        return tuple(self._group(c, readers) for c in self.clusters.in_order())

    def _group(self, cluster: Cluster, readers: Mapping[Value, set[Cluster | None]]) -> Group:
        these = [self.instructions[k] for k in cluster.numbers]
        written = {self.views[v].base for i in these for v in (i.out, *changed(i))}
        elsewhere = {v for v in written if readers.get(v, set()) - {cluster}}
        fit = self.fits.get(cluster)
        if fit is None:
            return alone(these[0], self.views, elsewhere)
        return _of(fit, these, self.views, elsewhere)


def joined(
    these: Sequence[Instruction],
    views: Mapping[Value, View],
    memory: Mapping[Value, Value],
    elsewhere: Collection[Value],
) -> Group | None:
    """Return instructions, in their order, as one group, or `None` if they do not go together.

    Args:
        these: of a program.
        views: of the program.
        memory: for each value one that stands for all that may share memory with it.
        elsewhere: the values that others read.
    """
    forms = [own for own in (form(i, views) for i in these) if own]
    if len(forms) < len(these):
        return alone(these[0], views, elsewhere) if len(these) == 1 else None
    for space in sorted({own.shape for own in forms}, key=lambda s: (-math.prod(s), s)):
        fit = placed(forms, space, memory)
        if fit:
            return _of(fit, these, views, elsewhere)
    return None


def placed(forms: Sequence[Form], space: Shape, memory: Mapping[Value, Value]) -> Placing | None:
    """Instructions placed over a space, or `None` if one of them does not fit."""
    fit = Placing(space, memory, tiles=forms[0].role == "product")
    return fit if all(fit.add(own) for own in forms) else None


def alone(
    instruction: Instruction, views: Mapping[Value, View], elsewhere: Collection[Value]
) -> Group:
    """Return an instruction as a group of its own, its operands with the shapes that they have."""
    operands = tuple(views[a] if isinstance(a, Value) else a for a in instruction.args)
    out = views[instruction.out]
    member = Member(instruction, operands, out, out.shape)
    return Group("alone", out.shape, (member,), (), *_ends([instruction], views, elsewhere))


def _of(
    fit: Placing,
    these: Sequence[Instruction],
    views: Mapping[Value, View],
    elsewhere: Collection[Value],
) -> Group:
    """The group of instructions that have been placed."""
    kind: Kind = "product" if fit.tiles else "loop"
    inner = tuple(fit.members), tuple(fit.finish)
    return Group(kind, fit.space, *inner, *_ends(these, views, elsewhere))


def _ends(
    these: Sequence[Instruction], views: Mapping[Value, View], elsewhere: Collection[Value]
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """What instructions read from others, and what they leave for them."""
    written = dict.fromkeys(views[v].base for i in these for v in (i.out, *changed(i)))
    read = dict.fromkeys(views[v].base for i in these for v in i.values)
    own = {views[i.out].base for i in these if i.op.kind != "update"}
    inputs = tuple(v for v in read if v not in own or v.origin != "made")
    return inputs, tuple(v for v in written if v.origin != "made" or v in elsewhere)


def _feeds(read: Sequence[Sequence[Value]], written: Sequence[Sequence[Value]]) -> list[list[int]]:
    """For each instruction those whose results or changes it reads."""
    writer: dict[Value, int] = {}
    feeds: list[list[int]] = []
    for k, (mine, made) in enumerate(zip(read, written)):
        feeds.append(sorted({writer[v] for v in mine if v in writer}))
        writer.update(dict.fromkeys(made, k))
    return feeds


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
    """Whether `value` is read only at the index at which the results lie, and before they do."""
    members = (*group.members, *group.finish)
    if group.kind == "alone" or any(m.reduced or "along" in m.instruction.op.name for m in members):
        return False
    outs = [(k, m.out) for k, m in enumerate(members) if m.out.base in made]
    seen = [(k, v) for k, m in enumerate(members) for v in _views(m) if v.base is value]
    return all(
        k <= j and (v.strides, v.offset, v.shape) == (o.strides, o.offset, o.shape)
        for k, v in seen
        for j, o in outs
    )


def _views(member: Member) -> list[View]:
    return [v for v in member.operands if isinstance(v, View)]
