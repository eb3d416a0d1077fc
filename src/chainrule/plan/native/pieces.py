"""Groups as functions of a module, cut where they have no form in LLVM's language (floor 2).

What cannot be written as it is, because its operands lie too oddly for one nest of loops, is halved
until each piece can be; what the halves hand to each other then has memory. A single instruction
that cannot be written is left to NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from chainrule.plan.changes import changed, roots
from chainrule.plan.native.llvm.ir import Unsupported
from chainrule.plan.native.nests.member import is_known
from chainrule.plan.native.stretch import Call, Module
from chainrule.plan.passes.again import with_cheap_made_again
from chainrule.plan.passes.fuse import Group, alone, fuse, joined
from chainrule.plan.passes.views import views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Piece", "pieces"]


class Piece(NamedTuple):
    """A group, and how it is called; `None` if NumPy has to carry it out."""

    group: Group
    call: Call | None


def pieces(program: Program, module: Module) -> list[Piece]:
    """Fuse a program, write its groups into a module, and return them in order."""
    cutting = _Cutting(program, module)
    given = [cutting.views[v].base for v in program.outputs]
    groups = with_cheap_made_again(fuse(program, is_known), given)
    return [piece for group in groups for piece in cutting.of(group)]


class _Cutting:
    """What is cut: groups of a program, to be written into a module."""

    def __init__(self, program: Program, module: Module) -> None:
        self.module = module
        self.views = views(program)
        self.memory = roots(program)

    def of(self, group: Group) -> Iterator[Piece]:
        """The group, or, if it cannot be written, the pieces of it that can."""
        these = [m.instruction for m in (*group.members, *group.finish)]
        try:
            yield Piece(group, self.module.group(group))
        except Unsupported:
            if len(these) > 1:
                yield from self._halves(these, group.outputs)
            elif group.kind == "alone":
                kept = {self.views[v].base for v in (these[0].out, *changed(these[0]))}
                yield Piece(alone(these[0], self.views, kept), None)
            else:
                yield from self.of(alone(these[0], self.views, group.outputs))

    def _halves(self, these: Sequence[Instruction], wanted: Iterable[Value]) -> Iterator[Piece]:
        """Pieces of instructions that do not go together, `wanted` being what others read."""
        half = len(these) // 2
        first, second = these[:half], these[half:]
        between = {self.views[v].base for i in second for v in i.values}
        for part, read in ((first, {*wanted, *between}), (second, {*wanted})):
            group = joined(part, self.views, self.memory, read)
            yield from self.of(group) if group else self._halves(part, read)
