"""Lines along one dimension, gone through in order, many side by side (floor 2).

What is made along a line depends on what came before on it: running sums, numbers added at places
that others name. Lines do not meet. Where the numbers of one line lie next to one another, each
line is gone down by itself; else many lines at once, a number of each in a turn of the inner loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from chainrule.ops import Shape
from chainrule.plan.native.kernels.indexing.nests import Steps, place, simplest, spread
from chainrule.plan.native.llvm.ir import Number, Register
from chainrule.plan.native.site import Inside, Site

__all__ = ["Turn", "lines"]

# Writes a turn: at the places, of several memories, that a number of a line has, and its number.
Turn: TypeAlias = Callable[[Inside, Sequence[Number], Register], None]

SIDE_BY_SIDE = 512  # lines that are gone down together


def lines(
    site: Site, shape: Shape, dim: int, steps: Sequence[Steps], turn: Turn, first: int = 0
) -> None:
    """Write a turn for each number of each line.

    Args:
        site: where.
        shape: whose elements are gone through.
        dim: along which lines run.
        steps: along the shape, of each memory; by the second a line is short or long.
        turn: writes one turn.
        first: the number on its line at which to begin.
    """
    count = shape[dim] - first
    if count <= 0 or 0 in shape:
        return
    others = [d for d in range(len(shape)) if d != dim]
    others.sort(key=lambda d: -abs(steps[1][d]))
    along = [own[dim] for own in steps]
    across, rest = simplest(
        tuple(shape[d] for d in others), *(tuple(own[d] for d in others) for own in steps)
    )
    if not across or abs(along[1]) <= abs(rest[1][-1]):
        _one_by_one(site, across, rest, along, (first, count), turn)
    else:
        _side_by_side(site, across, rest, along, (first, count), turn)


def _one_by_one(
    site: Site,
    across: Shape,
    rest: Sequence[Steps],
    along: Steps | Sequence[int],
    span: tuple[int, int],
    turn: Turn,
) -> None:
    def line(inside: Inside, index: list[Register]) -> None:
        starts = [place(index, own) for own in rest]
        with inside.w.loop(span[1]) as t:
            k = t + span[0]
            turn(inside, [k * step + start for step, start in zip(along, starts)], k)

    spread(site, across, line, span[1], parallel=False)


def _side_by_side(
    site: Site,
    across: Shape,
    rest: Sequence[Steps],
    along: Steps | Sequence[int],
    span: tuple[int, int],
    turn: Turn,
) -> None:
    width = across[-1]
    pieces = -(-width // SIDE_BY_SIDE)

    def some(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        *outer, which = index
        begin = which * SIDE_BY_SIDE
        left = w.number(width, begin.dtype) - begin
        starts = [place([*outer, begin], own) for own in rest]
        with w.loop(span[1]) as t:
            k = t + span[0]
            here = [k * step + start for step, start in zip(along, starts)]
            with w.loop(left.lt(SIDE_BY_SIDE).select(left, SIDE_BY_SIDE), parallel=True) as c:
                turn(inside, [c * own[-1] + at for own, at in zip(rest, here)], k)

    size = span[1] * min(width, SIDE_BY_SIDE)
    spread(site, (*across[:-1], pieces), some, size, parallel=False)
