"""A recording cut into blocks, each of which makes one value that gets a name (floor 4).

Arithmetic that leads to one place belongs to what it leads to: X Wᵀ and + b are one line, and so is
the mean of squared differences. What a module returned, an activation, and what is used in several
places have names of their own. A transpose or another arrangement of the same numbers never has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.explain.equations.reading.record import Call, Unit
from chainrule.ops import Array

__all__ = ["Block", "blocks"]

_VIEWS = (
    "permute",
    "reshape",
    "broadcast_to",
    "transpose",
    "flatten",
    "unsqueeze",
    "squeeze",
    "clone",
)
_AFFINE = {"add", "sub", "mul", "div", "neg"}
_POWERS = {"square", "pow", "sqrt", "rsqrt", "reciprocal", "exp", "log", "log1p", "abs"}
_REDUCED = {"sum", "mean", "amax", "amin", "max", "min", "peak", "var"}
_CHOSEN = {"where", "eq", "ne", "gt", "ge", "lt", "le", "logical_not", "cast"}
_PLAIN = _AFFINE | _POWERS | _REDUCED | _CHOSEN | {"matmul", "matrix_product"}


@dataclass(eq=False)
class Block:
    """Units that make one value.

    Attributes:
        units: in order; the last makes the value.
    """

    units: list[Unit]

    @property
    def out(self) -> Array:
        """What it makes."""
        return self.units[-1].calls[-1].y

    @property
    def calls(self) -> list[Call]:
        """Its operations, in order."""
        return [call for unit in self.units for call in unit.calls]

    @property
    def reads(self) -> list[Array]:
        """The arrays that come from outside, each once, in order."""
        own = {id(call.y) for call in self.calls}
        read = {id(a): a for call in self.calls for a in _arrays(call) if id(a) not in own}
        return list(read.values())


def _arrays(call: Call) -> list[Array]:
    return [a for a in call.args if isinstance(a, np.ndarray)]


def name_of(unit: Unit) -> str:
    """What a unit is called: the composite, or the operation."""
    return unit.called or unit.calls[-1].op.name


def blocks(units: Sequence[Unit], ends: Sequence[Array], returned: Sequence[int]) -> list[Block]:
    """Cut a run into blocks.

    Args:
        units: of the run.
        ends: the arrays that have names in any case, as the result does.
        returned: the ids of what calls of modules returned.
    """
    single = _with_one_result(units, ends)
    readers = _readers(single)
    stops = {id(e) for e in ends} | set(returned)
    heavy = _heavy(single, readers)
    heads: list[set[int]] = [set() for _ in single]
    takers: list[set[str]] = [set() for _ in single]
    for i in reversed(range(len(single))):
        out = id(single[i].calls[-1].y)
        for j in readers.get(out, ()):
            heads[i] |= heads[j]
            takers[i] |= takers[j] if _is_view(single[j]) else {name_of(single[j])}
        own = out in {id(e) for e in ends}
        if own or not (
            _is_view(single[i]) or _joins(i, single, heads, takers, heavy, out in stops)
        ):
            heads[i] = {i}
    return [
        Block([u for u, h in zip(single, heads) if i in h])
        for i in range(len(single))
        if heads[i] == {i} and (not _is_view(single[i]) or i in _own(single, ends))
    ]


def _own(units: Sequence[Unit], ends: Sequence[Array]) -> set[int]:
    ids = {id(e) for e in ends}
    return {i for i, unit in enumerate(units) if id(unit.calls[-1].y) in ids}


def _joins(
    i: int,
    units: Sequence[Unit],
    heads: Sequence[set[int]],
    takers: Sequence[set[str]],
    heavy: Sequence[bool],
    stop: bool,
) -> bool:
    """Whether a unit belongs to the line of whatever reads its result."""
    allowed = _AFFINE if heavy[i] else _PLAIN
    return (
        not stop
        and len(heads[i]) == 1
        and name_of(units[i]) in _PLAIN
        and bool(takers[i])
        and takers[i] <= allowed
    )


def _heavy(units: Sequence[Unit], readers: Mapping[int, set[int]]) -> list[bool]:
    """Whether each unit is a product of matrices, or such a product with something added to it."""
    heavy: dict[int, bool] = {}
    found = []
    for unit in units:
        product = any(call.op.kind == "contract" for call in unit.calls)
        passes = name_of(unit) in _AFFINE or _is_view(unit)
        inputs = [id(a) for call in unit.calls for a in _arrays(call)]
        found.append(product or (passes and any(heavy.get(a, False) for a in inputs)))
        out = id(unit.calls[-1].y)
        heavy[out] = found[-1] and len(readers.get(out, ())) == 1
    return found


def _is_view(unit: Unit) -> bool:
    return name_of(unit) in _VIEWS


def _readers(units: Sequence[Unit]) -> dict[int, set[int]]:
    """Which units read an array that another made, by the id of the array."""
    readers: dict[int, set[int]] = {}
    for i, unit in enumerate(units):
        for call in unit.calls:
            for a in _arrays(call):
                readers.setdefault(id(a), set()).add(i)
    for i, unit in enumerate(units):
        for call in unit.calls:
            readers.get(id(call.y), set()).discard(i)
    return readers


def _with_one_result(units: Sequence[Unit], ends: Sequence[Array]) -> list[Unit]:
    """The units that lead to the ends; of several results, taken apart into operations."""
    alive = {id(e) for e in ends}
    kept: list[Unit] = []
    for unit in reversed(units):
        made = [call for call in unit.calls if id(call.y) in alive]
        if not made:
            continue
        calls = _leading(unit.calls, alive)
        if _is_whole(unit, made) and calls[-1] is made[-1]:
            kept.append(Unit(unit.called, unit.given, unit.entries, calls))
        else:
            kept += [Unit("", {}, unit.entries, [call]) for call in reversed(calls)]
        alive |= {id(a) for call in calls for a in _arrays(call)}
    return kept[::-1]


def _is_whole(unit: Unit, made: Sequence[Call]) -> bool:
    """Whether a unit can be written as a composite of which only the first result is used."""
    drawn = any(call.op.kind == "random" for call in unit.calls)
    return bool(unit.called) and not drawn and [id(call.y) for call in made] == [unit.first]


def _leading(calls: Sequence[Call], alive: set[int]) -> list[Call]:
    """The calls that lead to what is alive."""
    needed, kept = set(alive), []
    for call in reversed(calls):
        if id(call.y) in needed:
            kept.append(call)
            needed |= {id(a) for a in _arrays(call)}
    return kept[::-1]
