"""Nests of loops over shapes, as kernels write them, shared by the team (floor 2).

The outer dimensions of a shape, or pieces of its last one, are units of work; the loops over the
rest stand inside, the innermost marked as one whose turns do not meet in memory. A shape that is
run over is brought to its simplest form before: without dimensions of one element, and with those
joined that follow on each other in all memory concerned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from chainrule.ops import Shape
from chainrule.plan.native.llvm.ir import Number, Register, Writer
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["Body", "Steps", "by_place", "lined", "place", "simplest", "split", "spread", "turns"]

Steps: TypeAlias = tuple[int, ...]
Body: TypeAlias = Callable[[Inside, list[Register]], None]

# Numbers of a unit: several lie in the nearest cache.
UNIT = 2**13


def simplest(shape: Shape, *steps: Steps) -> tuple[Shape, list[Steps]]:
    """Return a shape and steps along it that go over the same elements in the same order.

    Examples:
        >>> simplest((2, 1, 3, 4), (12, 0, 4, 1), (24, 7, 4, 1))
        ((2, 12), [(12, 1), (24, 1)])
    """
    sizes: list[int] = []
    kept: list[tuple[int, ...]] = []  # of each dimension the steps of all
    for n, own in zip(shape, zip(*steps)):
        if n == 1:
            continue
        if kept and all(outer == n * step for outer, step in zip(kept[-1], own)):
            sizes[-1], kept[-1] = sizes[-1] * n, own
        else:
            sizes.append(n)
            kept.append(own)
    return tuple(sizes), [tuple(own[k] for own in kept) for k in range(len(steps))]


def place(index: Sequence[Register], steps: Steps, start: Number = 0) -> Number:
    """Write how far, in elements, an index is from where all are 0."""
    found = start
    for i, step in zip(index, steps):
        if step:
            found = (i * step if step != 1 else i) + found
    return found


def split(number: Register, shape: Shape) -> list[Register]:
    """Write the index of element `number` of a shape."""
    index: list[Register] = []
    for n in reversed(shape):
        whole = number / n
        index.insert(0, number - whole * n)
        number = whole
    return index


def turns(
    w: Writer, shape: Shape, body: Callable[[list[Register]], None], parallel: bool = True
) -> None:
    """Write loops over a shape without zeros, and a body for each index.

    Args:
        w: where to.
        shape: how many turns, outermost first.
        body: writes one turn, for the registers of the index.
        parallel: whether no turn of the innermost loop reads what another writes.
    """
    if not shape:
        body([])
        return
    with w.loop(shape[0], parallel=parallel and len(shape) == 1) as i:
        turns(w, shape[1:], lambda rest: body([i, *rest]), parallel)


def spread(site: Site, shape: Shape, body: Body, size: int = 1, parallel: bool = True) -> None:
    """Write a body for each index of a shape, shared by the team.

    Args:
        site: where.
        shape: the turns; none at all if one of them is 0.
        body: writes one turn, for the registers of the index.
        size: how many numbers a turn takes.
        parallel: whether no turn of the innermost loop reads what another writes.
    """
    work = math.prod(shape) * size
    if not work:
        return
    ranks = range(len(shape) + 1)
    lead = next(d for d in ranks if math.prod(shape[d:]) * size <= UNIT or d == len(shape))
    if lead < len(shape) or not shape:

        def unit(inside: Inside, number: Register) -> None:
            outer = split(number, shape[:lead])
            turns(inside.w, shape[lead:], lambda rest: body(inside, [*outer, *rest]), parallel)

        site.each(math.prod(shape[:lead]), work, unit)
        return
    block = max(1, UNIT // size)
    pieces = -(-shape[-1] // block)

    def piece(inside: Inside, number: Register) -> None:
        *outer, which = split(number, (*shape[:-1], pieces))
        start = which * block
        left = inside.w.number(shape[-1], start.dtype) - start
        with inside.w.loop(left.lt(block).select(left, block), parallel=parallel) as i:
            body(inside, [*outer, start + i])

    site.each(math.prod(shape[:-1]) * pieces, work, piece)


def lined(view: View) -> View:
    """A view, of a single number as a line of one."""
    return view if view.shape else replace(view, shape=(1,), strides=(1,))


def by_place(view: View) -> list[int]:
    """The dimensions of a view from the largest steps to the smallest."""
    return sorted(range(len(view.shape)), key=lambda d: -abs(view.strides[d]))
