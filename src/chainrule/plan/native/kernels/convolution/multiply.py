"""One tile of a convolution: sums of products over a nest of loops, in registers (floor 2).

A convolution is a product of matrices of which one is never laid out: its rows lie at steps through
the images. So the rows of a tile stand at constant distances from a pointer that moves on in steps,
a number of levels deep, and the inner dimension is that nest of loops. The other factor has its
columns next to one another, and so have the sums.

Which rows and columns make the best tile is decided as for products, in `choice`: by the turns of a
core that all tiles together are predicted to take.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.ops.window import Sizes
from chainrule.plan.native.llvm.ir import Register, Writer
from chainrule.plan.native.llvm.vectors import At, Vector
from chainrule.plan.native.matrices.choice import BESIDE, END, FAR, VARIANT, core, parts
from chainrule.plan.native.matrices.tiles import Columns

__all__ = [
    "Block",
    "Box",
    "Level",
    "Slots",
    "best_box",
    "distances",
    "dot",
    "every",
    "joined",
    "lanes",
    "multiply",
    "slots",
]

Slots: TypeAlias = Mapping[tuple[int, int], str]  # row and vector of a tile, and where its sums are

LATENCY = 4  # turns until a sum can be added to again

# Vectors of a pixel that are read together where each has rows of its own: one after another they
# come from memory much faster than from pixel to pixel.
TOGETHER = 4


class Level(NamedTuple):
    """One loop of a nest.

    Attributes:
        turns: how many, at least one.
        left: elements by which the pointer to the rows moves on with every turn.
        right: the same of the pointer to the columns.
    """

    turns: At
    left: int
    right: int


def joined(levels: Sequence[Level]) -> list[Level]:
    """Return the same nest, outermost first, with as few loops as can be.

    Examples:
        >>> joined([Level(3, 60, 80), Level(1, 7, 7), Level(5, 4, 16), Level(4, 1, 4)])
        [Level(turns=3, left=60, right=80), Level(turns=20, left=1, right=4)]
    """
    found: list[Level] = []
    for level in levels:
        if level.turns == 1:
            continue
        count, left, right = level
        if found and isinstance(count, int) and found[-1][1:] == (count * left, count * right):
            found[-1] = Level(found[-1].turns * count, left, right)
        else:
            found.append(level)
    return found


def lanes(dtype: np.dtype[Any]) -> Vector:
    """The widest vector of this processor."""
    count = core().width // dtype.itemsize
    return Vector(dtype, count, count)


def slots(w: Writer, rows: int, columns: Columns) -> Slots:
    """Return where the sums of a tile are kept, zeros at first."""
    wide = range(len(columns))
    return {(r, p): columns[p][1].zeros(w) for r in range(rows) for p in wide}


class Block(NamedTuple):
    """A part of the innermost turns, with its own loops, in which only some rows take part.

    Attributes:
        levels: more loops, outermost first.
        left: how far its first row is from where the turn's are counted from.
        right: how far its columns are from the turn's.
        rows: which take part, of all rows of the tile.
    """

    levels: Sequence[Level]
    left: At
    right: At
    rows: Sequence[int]


def multiply(
    w: Writer,
    levels: Sequence[Level],
    blocks: Sequence[Block],
    left: str,
    right: str,
    rows: Sequence[int],
    columns: Columns,
    sums: Slots,
    by_lane: bool = False,
) -> None:
    """Write a tile: to each sum is added left[row + ...] right[column + ...] of all turns.

    Args:
        w: where to.
        levels: the nest, outermost first.
        blocks: what is done in its innermost turns.
        left: where the rows are counted from.
        right: the first column.
        rows: how far each row is from `left`, in elements.
        columns: the vectors that cover the tile's columns.
        sums: of the tile, one slot for each row and vector.
        by_lane: whether the rows have a number for each column, next to one another, too.
    """
    dtype = columns[0][1].dtype

    def inner(levels: Sequence[Level], left: str, right: str, last: Callable[..., None]) -> None:
        with ExitStack() as nest:
            for level in levels:
                turn = nest.enter_context(w.loop(level.turns))
                left, right = (w.at(p, dtype, turn * s) for p, s in zip((left, right), level[1:]))
            last(left, right)

    def turn(some: Sequence[int], left: str, right: str) -> None:
        loaded = [v.load(w, w.at(right, dtype, first)) for first, v in columns]
        for r in some:
            here = w.at(left, dtype, rows[r])
            for p, (first, v) in enumerate(columns):
                x = v.load(w, w.at(here, dtype, first)) if by_lane else v.spread(w, here)
                v.accumulate(w, x, loaded[p], sums[r, p])

    def all_blocks(left: str, right: str) -> None:
        for block in blocks:
            here, there = w.at(left, dtype, block.left), w.at(right, dtype, block.right)
            inner(block.levels, here, there, partial(turn, block.rows))

    inner(levels, left, right, all_blocks)


def dot(index: Sequence[At], steps: Sequence[int]) -> At:
    """Write how far, in elements, an index is from where all are 0."""
    found: At = sum(i * s for i, s in zip(index, steps) if isinstance(i, int))
    for i, step in zip(index, steps):
        if isinstance(i, Register):
            found = i * step + found
    return found


# --- which tile -----------------------------------------------------------------------------------


class Box(NamedTuple):
    """A tile.

    Attributes:
        rows: how many in each dimension of the space of rows.
        wide: vectors that cover its columns.
    """

    rows: Sizes
    wide: int

    def offsets(self, steps: Sequence[int]) -> list[int]:
        """How far each row is from the first, for steps in each dimension of the space."""
        return distances(self.rows, steps)


def distances(sizes: Sequence[int], steps: Sequence[int]) -> list[int]:
    """How far each place of a box is from the first.

    Examples:
        >>> distances((2, 3), (10, 1))
        [0, 1, 2, 10, 11, 12]
    """
    places = itertools.product(*map(range, sizes))
    return [sum(i * step for i, step in zip(place, steps)) for place in places]


@cache
def best_box(
    space: Sizes, columns: int, turns: int, dtype: np.dtype[Any], by_lane: bool = False
) -> Box:
    """Return the tile that is predicted to be quickest.

    Args:
        space: sizes of the space of rows; a tile has all of a dimension before it has more than one
            of the next outer one, and of the first it has an even part.
        columns: how many.
        turns: of the nest of loops.
        dtype: of the numbers.
        by_lane: whether rows have numbers of their own for each column.
    """
    number, width = core().registers, core().width // dtype.itemsize
    vectors = -(-columns // width)

    def predicted(box: Box) -> float:
        down = [parts(n, step) for n, step in zip(space, box.rows)]
        across = parts(vectors, box.wide)
        total, variants = 0.0, 0
        for piece in itertools.product(*down, across):
            rows = int(np.prod([size for size, _ in piece[:-1]]))
            many = int(np.prod([count for _, count in piece]))
            total += many * one(rows, piece[-1][0])
            variants += 1
        return total * (1 + VARIANT * variants)

    def one(rows: int, wide: int) -> float:
        sums, loads = rows * wide, rows * (wide if by_lane else 1) + wide
        step = max(sums + BESIDE * loads + FAR * wide, loads, LATENCY)
        return turns * step + END + 2 * sums

    widest = min(vectors, TOGETHER if by_lane else number // 3)
    most = [
        (wide, (number - 1) // wide - 1) for wide in range(widest if by_lane else 1, widest + 1)
    ]
    found = [Box(rows, wide) for wide, high in most if high for rows in boxes(space, high)]
    return min(found, key=predicted)


def boxes(space: Sizes, most: int) -> Iterator[Sizes]:
    """Give the boxes of at most so many rows.

    Examples:
        >>> [*boxes((4, 3, 2), 8)]
        [(1, 1, 1), (1, 1, 2), (1, 2, 2), (1, 3, 2)]
    """
    for d in reversed(range(len(space))):
        full = space[d + 1 :]
        room = most // int(np.prod(full, initial=1))
        for size in range(1 if d == len(space) - 1 else 2, min(space[d], room) + 1):
            if d or space[0] % size == 0:
                yield (*(1,) * d, size, *full)
        if room < space[d]:
            return


# --- all tiles ------------------------------------------------------------------------------------


def every(w: Writer, size: int, step: int, body: Callable[[At, int], None]) -> None:
    """Write `body` for pieces of `step` and the rest: from where, and how many."""
    whole, rest = divmod(size, step)
    if whole == 1:
        body(0, step)
    elif whole:
        with w.loop(whole) as turn:
            body(turn * step, step)
    if rest:
        body(size - rest, rest)
