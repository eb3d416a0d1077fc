"""A program as steps: fused kernels, products, and what an op's own body does (floor 2).

Each step knows what it reads, makes and changes. So memory can be given out, and the updates of
parameters, which nothing waits for, be put together into few launches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chainrule.plan.changes import changed, roots
from chainrule.plan.costs import Part
from chainrule.plan.cuda.copies import copy_of
from chainrule.plan.cuda.cutting import cut
from chainrule.plan.cuda.dense import Dense, together
from chainrule.plan.cuda.launches import Kernel
from chainrule.plan.cuda.looks import look
from chainrule.plan.cuda.members import is_known
from chainrule.plan.cuda.sweep import Sweep
from chainrule.plan.formulas.registers import Unsupported
from chainrule.plan.passes.again import with_cheap_made_again
from chainrule.plan.passes.fuse import Group, alone, fuse, joined
from chainrule.plan.passes.memory import bytes_of
from chainrule.plan.passes.views import views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["PRODUCTS", "Step", "steps_of"]

PRODUCTS = frozenset({"matrix_product"})


@dataclass(eq=False)
class Step:
    """What is done at once.

    Attributes:
        instructions: that it carries out.
        reads: values that own memory and are read.
        makes: values that own memory and are made, in the arena.
        seen: the memory that is read: for all that may share some, one value.
        changes: the same of what is changed in place.
        kernels: to be launched, in order; if there are none, it is an op's body or a product.
        dense: of a step that is one update alone, so that several can be one.
        check: the number of the check that it is, from 1; else 0.
        space: sizes of the loops, or the shape of the result.
    """

    instructions: list[Instruction]
    reads: tuple[Value, ...]
    makes: tuple[Value, ...]
    seen: frozenset[Value]
    changes: frozenset[Value]
    kernels: list[Kernel] = field(default_factory=list)
    dense: list[Dense] = field(default_factory=list)
    check: int = 0
    space: tuple[int, ...] = ()

    @property
    def is_product(self) -> bool:
        """Whether a library multiplies."""
        return not self.kernels and self.instructions[0].op.name in PRODUCTS

    @property
    def part(self) -> Part:
        """What it costs."""
        moved = sum(map(bytes_of, {*self.reads, *self.makes}))
        native = bool(self.kernels) or self.is_product
        return Part(self.instructions, self.space, moved, native, device="GPU")


def steps_of(program: Program) -> list[Step]:
    """Return the steps of a program, in an order in which they can be carried out."""
    found = _Finding(program)
    given = [found.views[v].base for v in program.outputs]
    groups = with_cheap_made_again(fuse(program, is_known), given)
    steps = [step for group in groups for step in found.of(group)]
    return _updates_together(steps)


class _Finding:
    """Groups of a program on their way to steps."""

    def __init__(self, program: Program) -> None:
        self.views = views(program)
        self.memory = roots(program)
        self.checks = 0

    def of(self, group: Group) -> Iterator[Step]:
        """The steps of a group."""
        if group.kind == "alone":
            yield self._alone(group)
            return
        for piece in cut(group, self.views, self.memory):
            yield from self._swept(piece)

    def _swept(self, group: Group) -> Iterator[Step]:
        these = [m.instruction for m in (*group.members, *group.finish)]
        try:
            if group.kind != "loop":
                raise Unsupported(group.kind)
            yield self._sweep(group)
        except Unsupported:
            if len(these) == 1:
                yield self._alone(alone(these[0], self.views, group.outputs))
                return
            half = len(these) // 2
            between = {self.views[v].base for i in these[half:] for v in i.values}
            for part, read in (
                (these[:half], {*group.outputs, *between}),
                (these[half:], {*group.outputs}),
            ):
                yield from self._joined(part, read)

    def _joined(self, these: Sequence[Instruction], read: set[Value]) -> Iterator[Step]:
        group = joined(these, self.views, self.memory, read)
        if group is not None:
            yield from self.of(group)
            return
        half = len(these) // 2
        between = {self.views[v].base for i in these[half:] for v in i.values}
        yield from self._joined(these[:half], {*read, *between})
        yield from self._joined(these[half:], read)

    def _sweep(self, group: Group) -> Step:
        sweep = Sweep(group, group.outputs, guarded=self.checks > 0)
        step = self._step(group, sweep.parts)
        step.kernels = sweep.kernels
        if sweep.dense and all(i.op.kind == "update" for i in step.instructions):
            step.dense = [sweep.dense]
        return step

    def _step(self, group: Group, parts: Sequence[Value] = ()) -> Step:
        these = [m.instruction for m in (*group.members, *group.finish)]
        changes = frozenset(self.memory.get(v, v) for i in these for v in changed(i))
        own = (*group.outputs, *(self.views[v].base for i in these for v in changed(i)))
        made = tuple(dict.fromkeys(v for v in own if v.origin == "made"))
        seen = frozenset(self.memory.get(v, v) for v in group.inputs)
        return Step(these, group.inputs, (*made, *parts), seen, changes, space=group.space)

    def _alone(self, group: Group) -> Step:
        member = group.members[0]
        own = (self.views[member.instruction.out].base,)
        step = self._step(group)
        if member.instruction.op.kind != "update":
            step.makes = tuple(dict.fromkeys((*step.makes, *own)))
        try:
            if member.instruction.op.name == "check":
                step.kernels = [self._check(member.instruction)]
                self.checks += 1
                step.check = self.checks
            elif not step.changes:
                step.kernels = [copy_of(member.instruction, member.operands, member.out)]
        except Unsupported:
            return step
        return step

    def _check(self, instruction: Instruction) -> Kernel:
        """A look at all numbers, and a copy of them: who reads it has waited for the check."""
        (x,) = instruction.values
        out = self.views[instruction.out]
        return look(self.views[x], instruction.attrs["check"], self.checks + 1, out)


# --- updates ------------------------------------------------------------------------------------


def _updates_together(steps: Sequence[Step]) -> list[Step]:
    """Put updates off until somebody has to do with what they change, and those alike together."""
    found: list[Step] = []
    waiting: list[Step] = []
    for step in steps:
        if step.dense:
            if any(_meet(step, other) for other in waiting):
                found += _merged(waiting)
                waiting = []
            waiting.append(step)
            continue
        if step.check or any(_meet(step, other) for other in waiting):
            found += _merged(waiting)
            waiting = []
        found.append(step)
    return [*found, *_merged(waiting)]


def _meet(a: Step, b: Step) -> bool:
    """Whether the order of two steps matters."""
    made = {*a.makes} & {*b.reads} or {*b.makes} & {*a.reads}
    return bool(made or a.changes & (b.changes | b.seen) or b.changes & a.seen)


def _merged(waiting: Sequence[Step]) -> list[Step]:
    alike: dict[tuple[str, bool], list[Step]] = {}
    for step in waiting:
        alike.setdefault((step.dense[0].text, step.dense[0].guarded), []).append(step)
    return [_one(these) for these in alike.values()]


def _one(these: Sequence[Step]) -> Step:
    if len(these) == 1:
        return these[0]
    all_dense = [d for s in these for d in s.dense]
    return Step(
        [i for s in these for i in s.instructions],
        tuple(dict.fromkeys(v for s in these for v in s.reads)),
        tuple(dict.fromkeys(v for s in these for v in s.makes)),
        frozenset(v for s in these for v in s.seen),
        frozenset(v for s in these for v in s.changes),
        together(all_dense),
        all_dense,
        space=(len(these),),
    )
