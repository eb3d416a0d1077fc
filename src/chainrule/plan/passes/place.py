"""Placing instructions over one iteration space, if they fit there together (floor 2).

The dimensions of each instruction are laid upon those of the space, and its operands become views
over the space. It fits if whatever it reads of the others' results is, at each index, what they
have made at that same index, or what is finished by then: the reduction of a row, or, once the
loops have ended, a sum over rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chainrule.ops import Shape
from chainrule.plan.passes.forms import Form, Number, Reading
from chainrule.plan.passes.views import View
from chainrule.plan.program import Instruction, Value

__all__ = ["Member", "Placing"]


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
            what it reads; an update in the loops has the whole, others may be done over again.
    """

    instruction: Instruction
    operands: tuple[View | Number, ...]
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
class _Made:
    """What a member has written, over which dimensions it is still being summed, and when."""

    view: View
    lost: frozenset[int]
    late: bool


class Placing:
    """Instructions placed over a space, one after another.

    Args:
        space: the shape to loop over.
        memory: for each value one that stands for all that may share memory with it.
        tiles: whether the space is the result of a product, made a tile at a time.

    Attributes:
        members: those that run in the loops.
        finish: those that run when the loops have ended.
    """

    def __init__(self, space: Shape, memory: Mapping[Value, Value], tiles: bool) -> None:
        self.space, self.memory, self.tiles = space, memory, tiles
        self.members: list[Member] = []
        self.finish: list[Member] = []
        self._made: dict[Value, _Made] = {}
        self._changed: set[Value] = set()
        self._read: list[tuple[Value, View | None, Shape]] = []
        self._row = max((d for d, n in enumerate(space) if n != 1), default=-1)

    def add(self, form: Form) -> bool:
        """Place one more, in the first way that fits; if none does, nothing has happened."""
        return any(self._add(form, way) for way in self._ways(form))

    def _ways(self, form: Form) -> Iterator[dict[int, int]]:
        """The ways to lay its dimensions upon those of the space, those of size 1 upon none."""
        ways = _ways(form.shape, self.space)
        if form.role not in ("pick", "spread"):
            return ways
        # Whose rows are rows of the space, and of what is picked there is one for each.
        last = len(self.space) - 1
        fits = len(form.shape) == len(self.space)
        return (way for way in ways if fits and (form.role == "spread" or last not in way.values()))

    def _add(self, form: Form, way: Mapping[int, int]) -> bool:
        there = set(way.values())
        space = tuple(n if d in there else 1 for d, n in enumerate(self.space))
        operands = tuple(
            self._operand(a, way) if isinstance(a, Reading) else a for a in form.operands
        )
        out = self._over(form.out, form.out_steps, way)
        member = Member(form.instruction, operands, out, space)
        late = self._when(form, member)
        if late is None or self._breaks_rows(member):
            return False
        if not late and form.changed and not self._may_change(form, member):
            return False
        self._enter(form, member, late)
        return True

    # --- views over the space -------------------------------------------------------------------

    def _operand(self, a: Reading, way: Mapping[int, int]) -> View:
        if a.how == "whole":
            return a.view
        over = self._over(a.view, a.steps, way)
        if a.how == "index":
            return over
        size, step = a.view.shape[-1], a.view.strides[-1]
        shape, strides = (*self.space[:-1], size), (*over.strides[:-1], step)
        return View(over.base, over.offset, shape, strides)

    def _over(self, view: View, steps: Mapping[int, int], way: Mapping[int, int]) -> View:
        strides = [0] * len(self.space)
        for d, step in steps.items():
            if d in way:
                strides[way[d]] = step
        return View(view.base, view.offset, self.space, tuple(strides))

    # --- what is read and changed ---------------------------------------------------------------

    def _when(self, form: Form, member: Member) -> bool | None:
        """Whether a member has to wait for the end of the loops; `None` if it does not fit."""
        late = False
        for a, view in zip(form.operands, member.operands):
            if not isinstance(a, Reading) or not isinstance(view, View):
                continue
            made = self._made.get(view.base)
            if made is None:
                if self._changed and self.memory[view.base] in self._changed:
                    return None
                continue
            runs_over = self.space if a.how == "row" else member.space
            if a.how == "whole" or not self._same_index(runs_over, view, made):
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

    def _breaks_rows(self, member: Member) -> bool:
        """Whether it reduces rows, of which none is whole before all tiles are done."""
        return self.tiles and self._row in member.reduced and 0 not in member.reduced

    def _may_change(self, form: Form, member: Member) -> bool:
        """Whether it runs once at each index, and nobody reads elsewhere what it changes there."""
        if member.space != self.space:
            return False
        mine = {self.memory[v] for v in form.changed}
        place = (member.out.strides, member.out.offset, member.space)
        for value, view, space in self._read:
            same = view is not None and (view.strides, view.offset, space) == place
            if self.memory[value] in mine and (form.role == "draw" or not same):
                return False
        return True

    def _enter(self, form: Form, member: Member, late: bool) -> None:
        reduced = frozenset(member.reduced)
        in_row = reduced <= {self._row} and not self.tiles
        lost = frozenset() if in_row or late else reduced
        (self.finish if late else self.members).append(member)
        self._made[member.out.base] = _Made(member.out, lost, late)
        for a, view in zip(form.operands, member.operands):
            if not isinstance(a, Reading) or not isinstance(view, View):
                continue
            self._read.append((view.base, view if a.how == "index" else None, member.space))
            if a.value in form.changed:
                self._changed.add(self.memory[view.base])
                if a.how == "index":
                    self._made[view.base] = _Made(view, frozenset(), late)


def _ways(own: Shape, space: Shape) -> Iterator[dict[int, int]]:
    wide = [d for d, n in enumerate(own) if n != 1]
    lead = len(space) - len(own)
    aligned = tuple(lead + d for d in wide)
    if all(there >= 0 and space[there] == own[d] for d, there in zip(wide, aligned)):
        yield dict(zip(wide, aligned))
    for ways in itertools.combinations(range(len(space)), len(wide)):
        if ways != aligned and all(space[there] == own[d] for d, there in zip(wide, ways)):
            yield dict(zip(wide, ways))
