"""Placing instructions over one iteration space, if they fit there together (floor 2).

An instruction has a shape of its own over which it runs: of what it makes, or, if it reduces, of
what it reads. Its dimensions are laid upon those of the space, and its operands become views over
the space. It fits if whatever it reads of the others' results is, at each index, what they have
made at that same index, or what is finished by then: the reduction of a row, or, once the loops
have ended, a sum over rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from chainrule.ops import Shape
from chainrule.ops.core import normal_dims
from chainrule.ops.update import CHANGED
from chainrule.plan.changes import changed
from chainrule.plan.passes.views import View, row_major
from chainrule.plan.program import Instruction, Operand, Value

__all__ = ["Member", "Placed", "natural_shape", "placed", "role"]

Role: TypeAlias = Literal["element", "fold", "pick", "spread", "draw", "update", "product"]

FOLDS = frozenset(
    {"sum", "sum_to", "mean", "prod", "amax", "amin", "peak", "logsumexp", "euclidean_norm"}
)
DRAWS = frozenset({"random_mask", "random_uniform"})


@dataclass(frozen=True)
class Member:
    """One instruction of a group, seen from the group's iteration space.

    Attributes:
        instruction: what is computed.
        operands: a view over the group's space for each argument, or the number itself. The
            factors and the bias of a product, the state of a generator, the numbers of an update
            (of another shape than what it changes) and all of an "alone" group keep shapes of
            their own; the table of a `take_along` has its own size in the last dimension.
        out: where the result goes, a view over the space as well: stride 0 in the dimensions that
            were reduced and in those the result does not have.
        space: the group's space with 1 in the dimensions over which this member does not run: of a
            (64, 10) group (64, 1) is once a row, (1, 1) once in all. A reduction has the space of
            what it reads.
    """

    instruction: Instruction
    operands: tuple[View | float | int | bool, ...]
    out: View
    space: Shape

    @property
    def reduced(self) -> tuple[int, ...]:
        """The dimensions of the space over which a reduction runs; of other members none."""
        if self.instruction.op.kind != "reduce":
            return ()
        steps = enumerate(zip(self.space, self.out.strides))
        return tuple(d for d, (n, step) in steps if n != 1 and not step)


@dataclass(frozen=True)
class Placed:
    """Members that run in the loops, and those that run when the loops have ended."""

    members: tuple[Member, ...]
    finish: tuple[Member, ...]


# --- what an instruction is ---------------------------------------------------------------------


def role(instruction: Instruction) -> Role | None:
    """What an instruction can be in a group, or `None` for one that stands alone."""
    op, out = instruction.op, instruction.out
    if 0 in out.shape:
        return None
    if op.kind == "elementwise":
        return "element"
    if op.name in FOLDS:
        return "fold" if instruction.values and 0 not in instruction.values[0].shape else None
    if op.name in ("take_along", "add_along"):
        return _along_rows(instruction)
    if op.name in DRAWS:
        return "draw"
    if op.name in CHANGED:
        return "update"
    flat = len(out.shape) == 2 and all(0 not in v.shape for v in instruction.values)
    return "product" if flat and op.name in ("linear", "matrix_product") else None


def _along_rows(instruction: Instruction) -> Role | None:
    """Reading or writing one element of each row, at the place that an index names."""
    x, index = instruction.values
    table = x.shape if instruction.op.name == "take_along" else instruction.out.shape
    last = len(table) - 1
    if last < 0 or instruction.attrs["dim"] % len(table) != last:
        return None
    if index.shape != (*table[:-1], 1):
        return None
    return "pick" if instruction.op.name == "take_along" else "spread"


def natural_shape(instruction: Instruction) -> Shape:
    """The shape over which an instruction runs by itself."""
    if role(instruction) in ("fold", "update"):
        return instruction.values[0].shape
    return instruction.out.shape


def _kept_dims(instruction: Instruction) -> dict[int, int]:
    """For each dimension that an instruction runs over that of the result, where there is one."""
    own, shape = natural_shape(instruction), instruction.out.shape
    if role(instruction) != "fold":
        lead = len(own) - len(shape)
        return {lead + d: d for d in range(len(shape))}
    lead = len(own) - len(shape)
    if instruction.op.name == "sum_to":
        return {lead + d: d for d, n in enumerate(shape) if own[lead + d] == n}
    gone = normal_dims(instruction.attrs.get("dim"), len(own))
    kept = [d for d in range(len(own)) if d not in gone]
    return {d: d if not lead else k for k, d in enumerate(kept)}


# --- placing ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    """What a member has written, over which dimensions it is still being summed, and when."""

    view: View
    lost: frozenset[int]
    late: bool


def placed(
    instructions: Sequence[Instruction],
    space: Shape,
    views: Mapping[Value, View],
    memory: Mapping[Value, Value],
) -> Placed | None:
    """Place instructions over a space, in this order, or return `None` if they do not fit.

    Args:
        instructions: each with a `role`; of a product the first.
        space: the shape to loop over.
        views: where each value is read from.
        memory: for each value one that stands for all that may share memory with it.
    """
    table = _Table(space, views, memory, role(instructions[0]) == "product")
    fits = all(table.add(instruction) for instruction in instructions)
    return Placed(tuple(table.members), tuple(table.finish)) if fits else None


class _Table:
    """Members placed so far."""

    def __init__(
        self,
        space: Shape,
        views: Mapping[Value, View],
        memory: Mapping[Value, Value],
        tiles: bool,
    ) -> None:
        self.space, self.views, self.memory, self.tiles = space, views, memory, tiles
        self.members: list[Member] = []
        self.finish: list[Member] = []
        self._made: dict[Value, _Made] = {}
        self._changed: set[Value] = set()
        self._read: list[tuple[Value, View | None, Shape]] = []
        self._row = max((d for d, n in enumerate(space) if n != 1), default=-1)

    def add(self, instruction: Instruction) -> bool:
        """Place one more, in the first way that fits."""
        ways = _ways(natural_shape(instruction), self.space)
        if role(instruction) in ("pick", "spread"):  # whose rows are the rows of the space
            last = len(self.space) - 1
            whole = role(instruction) == "spread"
            aligned = len(instruction.out.shape) == len(self.space)
            ways = (way for way in ways if aligned and (whole or last not in way.values()))
        return any(self._add(instruction, way) for way in ways)

    def _add(self, instruction: Instruction, way: Mapping[int, int]) -> bool:
        own = natural_shape(instruction)
        there = set(way.values())
        space = tuple(n if d in there else 1 for d, n in enumerate(self.space))
        given = [a for a in instruction.args if a is not None]  # a product may have no bias
        operands = [self._operand(instruction, a, own, way) for a in given]
        member = Member(instruction, tuple(operands), self._out(instruction, way), space)
        late = self._when(member)
        if late is None or not (late or self._may_change(member)):
            return False
        if (
            self.tiles
            and member.reduced
            and self._row in member.reduced
            and 0 not in member.reduced
        ):
            return False  # a row is not whole before all tiles are done
        self._enter(member, late)
        return True

    # --- views over the space -------------------------------------------------------------------

    def _operand(
        self, instruction: Instruction, a: Operand, own: Shape, way: Mapping[int, int]
    ) -> View | float | int | bool:
        if not isinstance(a, Value):
            return a
        view = self.views[a]
        if _keeps_its_shape(instruction, a, own):
            return view
        if role(instruction) == "pick" and a is instruction.args[0]:
            return self._rows(view, way)
        lead = len(own) - len(view.shape)
        steps = {lead + d: s for d, s in enumerate(view.strides) if view.shape[d] != 1}
        return self._over(view, steps, way)

    def _rows(self, view: View, way: Mapping[int, int]) -> View:
        """A table, each row of which is read at whatever place an index names."""
        last = len(view.shape) - 1
        over = self._over(view, dict(enumerate(view.strides[:last])), way)
        return View(
            view.base,
            view.offset,
            (*self.space[:-1], view.shape[last]),
            (*over.strides[:-1], view.strides[last]),
        )

    def _out(self, instruction: Instruction, way: Mapping[int, int]) -> View:
        view = self.views[instruction.out]
        strides = view.strides if instruction.out.array is not None else row_major(view.shape)
        kept = _kept_dims(instruction)
        return self._over(view, {d: strides[k] for d, k in kept.items()}, way)

    def _over(self, view: View, steps: Mapping[int, int], way: Mapping[int, int]) -> View:
        strides = [0] * len(self.space)
        for d, step in steps.items():
            if d in way:
                strides[way[d]] = step
        return View(view.base, view.offset, self.space, tuple(strides))

    # --- what is read and changed ---------------------------------------------------------------

    def _when(self, member: Member) -> bool | None:
        """Whether a member has to wait for the end of the loops; `None` if it does not fit."""
        late = False
        for place, view in enumerate(member.operands):
            if not isinstance(view, View):
                continue
            made = self._made.get(view.base)
            if made is None:
                if self.memory[view.base] in self._changed:
                    return None
                continue
            if place > 1 and role(member.instruction) == "update":
                return None  # the numbers of an update are looked up before the loops begin
            everywhere = role(member.instruction) == "pick" and place == 0
            if not self._same_index(self.space if everywhere else member.space, view, made):
                return None
            late |= made.late or bool(made.lost)
        return late

    def _same_index(self, runs_over: Shape, view: View, made: _Made) -> bool:
        if view.shape != self.space or view.offset != made.view.offset:
            return False
        for d, n in enumerate(self.space):
            runs = runs_over[d] != 1
            if n != 1 and made.view.strides[d] != (view.strides[d] if runs else 0):
                return False
            if runs and d in made.lost:
                return False
        return True

    def _may_change(self, member: Member) -> bool:
        """Whether nobody in the loops reads elsewhere what this member changes there."""
        mine = {self.memory[v] for v in changed(member.instruction)}
        draws = role(member.instruction) == "draw"
        for value, view, space in self._read:
            same = view is not None and (view.strides, view.offset) == (
                member.out.strides,
                member.out.offset,
            )
            if self.memory[value] in mine and (draws or not same or space != member.space):
                return False
        return True

    def _enter(self, member: Member, late: bool) -> None:
        reduced = frozenset(member.reduced)
        in_row = reduced <= {self._row} and not self.tiles
        lost = frozenset() if in_row or late else reduced
        (self.finish if late else self.members).append(member)
        self._made[member.out.base] = _Made(member.out, lost, late)
        for a, view in zip(member.instruction.args, member.operands):
            if not isinstance(view, View):
                continue
            at_index = view if self._is_at_index(member, a) else None
            self._read.append((view.base, at_index, member.space))
            if a in changed(member.instruction):
                self._changed.add(self.memory[view.base])
                if at_index:
                    self._made[view.base] = _Made(view, frozenset(), late)

    def _is_at_index(self, member: Member, a: Operand) -> bool:
        """Whether a member reads `a` at the index at which it runs, and nowhere else."""
        instruction = member.instruction
        if role(instruction) == "pick" and a is instruction.args[0]:
            return False
        own = natural_shape(instruction)
        return not (isinstance(a, Value) and _keeps_its_shape(instruction, a, own))


def _views(member: Member) -> list[View]:
    return [v for v in member.operands if isinstance(v, View)]


def _keeps_its_shape(instruction: Instruction, a: Value, own: Shape) -> bool:
    what = role(instruction)
    return what in ("product", "draw") or (
        what == "update" and a.shape != own and instruction.op.name != "assign"
    )


def _ways(own: Shape, space: Shape) -> Iterator[dict[int, int]]:
    """The ways to lay dimensions upon those of the space, those of size 1 upon none."""
    wide = [d for d, n in enumerate(own) if n != 1]
    lead = len(space) - len(own)
    aligned = tuple(lead + d for d in wide)
    if all(there >= 0 and space[there] == own[d] for d, there in zip(wide, aligned)):
        yield dict(zip(wide, aligned))
    for ways in itertools.combinations(range(len(space)), len(wide)):
        if ways != aligned and all(space[there] == own[d] for d, there in zip(wide, ways)):
            yield dict(zip(wide, ways))
