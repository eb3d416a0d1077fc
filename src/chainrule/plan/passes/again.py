"""Made again: what is quickly made of what is there need not be kept for later groups (floor 2).

A value that is made element by element of one large value and small ones, such as what a norm has
centred, is made again in the groups that read it, of the large value, if that is what it costs less
to read. Then it takes no memory, or at least need not be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from chainrule.ops.update import CHANGED
from chainrule.plan.arrays import share
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["SLOW", "with_cheap_made_again"]

# What takes longer than to read a number from memory.
SLOW = frozenset(
    {
        *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "pow"),
        *("tanh", "sigmoid", "erf", "sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "atan"),
        *("asinh", "acosh", "atanh", "atan2", "erfinv", "lgamma", "digamma", "fmod", "remainder"),
    }
)
LONGEST = 8  # members that are made again for a value
LARGE = 2**12  # elements of a space in which it pays
SMALL = 8  # how many times fewer elements a small value has


def with_cheap_made_again(groups: Sequence[Group], given: Sequence[Value]) -> list[Group]:
    """Return the groups, with members made again where that is quicker than to keep their results.

    Args:
        groups: in the order in which they are carried out.
        given: values that are wanted when all is done.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> from chainrule.plan.passes.fuse import fuse
        >>> from chainrule.plan.record import record
        >>> def function(x):
        ...     y = ops.sub(x, 1)
        ...     return ops.mul(y, ops.flip(ops.cumsum(ops.square(y), dim=0), dim=0))
        >>> _, program = record(function, [np.ones((100, 100))])
        >>> for group in with_cheap_made_again(fuse(program), program.outputs):
        ...     print(group)
        loop over (100, 100)
          v0[100, 1] = sub(x0[100, 1], 1)
          v1[100, 1] = square(v0[100, 1])
        alone over (100, 100)
          v2[100, 1] = cumsum(v1[100, 1])
        loop over (100, 100)
          v0[100, 1] = sub(x0[100, 1], 1)
          v4[100, 1] = mul(v0[100, 1], v2+9900[-100, 1])
    """
    return _Again(groups, given).found()


@dataclass(frozen=True)
class _Chain:
    """What makes a value: members in order, and what they read that none of them makes."""

    members: tuple[Member, ...]
    large: frozenset[Value]
    small: frozenset[Value]


class _Again:
    """The groups while they are being changed."""

    def __init__(self, groups: Sequence[Group], given: Sequence[Value]) -> None:
        self.groups, self.given = [*groups], {*given}
        self.changed_at: dict[Value, list[int]] = {}
        for k, group in enumerate(groups):
            for value in _changed(group):
                self.changed_at.setdefault(value, []).append(k)
        self.first = [0] * len(groups)  # how many members of each group are made again
        self.readers: dict[Value, list[int]] = {}
        for k, group in enumerate(groups):
            for value in group.inputs:
                self.readers.setdefault(value, []).append(k)

    def found(self) -> list[Group]:
        for k in range(len(self.groups)):
            group = self.groups[k]
            if group.kind == "loop" and math.prod(group.space) >= LARGE:
                for member in (*group.members, *group.finish):
                    if member.out.base in group.outputs:
                        self._consider(k, member)
        return self.groups

    def _consider(self, k: int, member: Member) -> None:
        """Have a result of group `k` made again by those who read it, where that pays."""
        value = member.out.base
        readers = [j for j in self.readers.get(value, ()) if j > k]
        chain = self._chain(k, member) if readers else None
        if chain is None:
            return
        able = [j for j in readers if self._may(k, j, member, chain)]
        needless = len(able) == len(self.readers[value]) and value not in self.given
        for j in able:
            if needless or chain.large <= {*self.groups[j].inputs}:
                self._make(k, j, value, chain)
        if not any(value in self.groups[j].inputs for j in readers) and needless:
            group = self.groups[k]
            outputs = tuple(v for v in group.outputs if v is not value)
            self.groups[k] = replace(group, outputs=outputs)

    def _chain(self, k: int, member: Member) -> _Chain | None:
        """What makes a value of one large one and small ones, if there is such a thing."""
        group = self.groups[k]
        makers = {m.out.base: m for m in (*group.members, *group.finish)}
        members: dict[Member, None] = {}
        large: set[Value] = set()
        small: set[Value] = set()

        def follow(m: Member) -> bool:
            if not _is_cheap(m, group) or m.out.base is not m.instruction.out:
                return False
            for view in _views(m):
                maker = makers.get(view.base)
                if _reach(view) * SMALL <= math.prod(group.space):
                    small.add(view.base)
                elif maker is None:
                    large.add(view.base)
                elif not follow(maker):
                    return False
            members[m] = None
            return len(members) <= LONGEST

        fits = follow(member) and len(large) == 1
        return _Chain(tuple(members), frozenset(large), frozenset(small)) if fits else None

    def _may(self, k: int, j: int, member: Member, chain: _Chain) -> bool:
        """Whether group `j` can make again what group `k` has made."""
        there, value = self.groups[j], member.out.base
        if there.kind != "loop" or there.space != self.groups[k].space:
            return False
        views = [v for m in (*there.members, *there.finish) for v in _views(m) if v.base is value]
        here = (member.out.strides, member.out.offset, member.out.shape)
        if any((v.strides, v.offset, v.shape) != here for v in views):
            return False
        seen = (value, *chain.large, *chain.small)
        changes = (at for c, ats in self.changed_at.items() if _shares(c, seen) for at in ats)
        # Within the group itself what reads comes before what changes.
        return not any(k <= at < j for at in changes)

    def _make(self, k: int, j: int, value: Value, chain: _Chain) -> None:
        there = self.groups[j]
        made = {m.out.base for m in there.members}
        new = tuple(m for m in chain.members if m.out.base not in made)
        own = {m.out.base for m in new} | made
        read = (v for v in there.inputs if v is not value)
        inputs = dict.fromkeys((*read, *sorted(chain.large | chain.small, key=_name)))
        front, rest = there.members[: self.first[j]], there.members[self.first[j] :]
        self.first[j] += len(new)
        self.groups[j] = replace(
            there,
            members=(*front, *new, *rest),
            inputs=tuple(v for v in inputs if v not in own or v.origin != "made"),
        )
        for leaf in chain.large | chain.small:
            self.readers.setdefault(leaf, []).append(j)
        makers = {m.out.base for m in (*self.groups[k].members, *self.groups[k].finish)}
        more = [v for v in sorted(chain.small, key=_name) if v in makers and v.origin == "made"]
        outputs = dict.fromkeys((*self.groups[k].outputs, *more))
        self.groups[k] = replace(self.groups[k], outputs=tuple(outputs))


def _shares(changed: Value, seen: Sequence[Value]) -> bool:
    """Whether a value may have memory in common with any of some."""
    if changed in seen or changed.array is None:
        return changed in seen
    arrays = (v.array for v in seen)
    return any(a is not None and share(a, changed.array) for a in arrays)


def _name(value: Value) -> str:
    return value.name


def _is_cheap(member: Member, group: Group) -> bool:
    op = member.instruction.op
    whole = member.space == group.space
    return op.kind == "elementwise" and op.name not in SLOW and whole


def _views(member: Member) -> list[View]:
    return [v for v in member.operands if isinstance(v, View)]


def _reach(view: View) -> int:
    """How many elements a view shows."""
    return math.prod(n for n, step in zip(view.shape, view.strides) if step)


def _changed(group: Group) -> Iterator[Value]:
    """What a group changes in place."""
    for member in (*group.members, *group.finish):
        op = member.instruction.op
        places = CHANGED.get(op.name, (0,) if op.kind == "random" else ())
        for place in places:
            view = member.operands[place]
            if isinstance(view, View):
                yield view.base
