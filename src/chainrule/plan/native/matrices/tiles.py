"""One tile of a product: sums of products in registers, then put down (floor 2).

Every function here writes straight code and one loop, over the inner dimension. Where a tile has
too few sums to keep the processor's multipliers busy, several strands of the inner dimension run
side by side and are added up at the end. Where rows of B, or columns, are so short that a vector
holds several, it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.native.llvm.ir import Register, Writer
from chainrule.plan.native.llvm.vectors import At, Vector, value, when
from chainrule.plan.passes.memory import ALIGNMENT

__all__ = [
    "Columns",
    "Lines",
    "Matrix",
    "copy",
    "cover",
    "dot",
    "in_order",
    "outer",
    "short_dot",
    "short_outer",
    "strip",
]

Columns: TypeAlias = Sequence[tuple[int, Vector]]  # a first column, and what holds it and the next
Matrix: TypeAlias = tuple[str, int, int]  # where the first number lies, and the two steps
Lines: TypeAlias = tuple[str, int]  # the same where the other step is 1

# Additions that are under way at once in a core that begins two and needs four turns for each.
UNDER_WAY = 8


def cover(vector: Vector, columns: int) -> Columns:
    """Cover so many columns with vectors, of which the last may have lanes to spare.

    Examples:
        >>> whole = Vector(np.dtype(np.float32), 16, 16)
        >>> [(at, str(v), v.live) for at, v in cover(whole, 21)]
        [(0, '<16 x float>', 16), (16, '<8 x float>', 5)]
    """
    rest = columns % vector.lanes
    whole = [(at, vector) for at in range(0, columns - rest, vector.lanes)]
    return [*whole, (columns - rest, vector.part(power_above(rest), rest))] if rest else whole


def power_above(n: int) -> int:
    """Return the smallest power of two that is at least n."""
    return 1 << (n - 1).bit_length()


def strands(count: int, sums: int) -> int:
    """Return how many strands of `count` turns to run side by side, for so many sums."""
    return max(1, min(count, UNDER_WAY // sums))


def outer(
    w: Writer,
    k: int,
    a: Matrix,
    b: Matrix,
    c: Lines,
    rows: int,
    columns: Columns,
    spare: bool = False,
    ahead: Callable[[Register], None] | None = None,
    beyond: bool = False,
) -> None:
    """Write a tile with vectors along the rows of C: c[r, :] = sum over t of a[r, t] b[t, :].

    Args:
        w: where to.
        k: the inner dimension.
        a: the tile's rows of A.
        b: the tile's columns of B.
        c: the tile itself.
        rows: of the tile.
        columns: the vectors that cover the tile's columns.
        spare: whether there is room in C for the lanes that do not count.
        ahead: writes the call to memory for what a row will be met with when the sums are there;
            the rows take turns, so that the calls do not come all at once.
        beyond: whether to call the rows of B that come after these into the cache meanwhile.
    """
    dtype, many = columns[0][1].dtype, strands(k, rows * len(columns))
    places = [(r, p) for r in range(rows) for p in range(len(columns))]
    sums = [{(r, p): columns[p][1].zeros(w) for r, p in places} for _ in range(many)]
    width = columns[-1][0] + columns[-1][1].live

    def turn(t: At, into: dict[tuple[int, int], str]) -> None:
        row, column = w.at(b[0], dtype, t * b[1]), w.at(a[0], dtype, t * a[2])
        loaded = [v.collect(w, w.at(row, dtype, first * b[2]), b[2]) for first, v in columns]
        for first in range(0, width if beyond else 0, ALIGNMENT // dtype.itemsize):
            w.call_in(w.at(row, dtype, k * b[1] + first), level=2)
        for r in range(rows):
            here = w.at(column, dtype, r * a[1])
            for p, (_, v) in enumerate(columns):
                v.accumulate(w, v.spread(w, here), loaded[p], into[r, p])

    if k // many:
        apart = 1 << (max(1, k // many // rows).bit_length() - 1)
        with w.loop(k // many) as t:
            if ahead:
                when(w, (t & (apart - 1)).eq(0), partial(ahead, t / apart))
            for s in range(many):
                turn(t * many + s, sums[s])
    for rest in range(k - k % many, k):
        turn(rest, sums[0])
    for r, p in places:
        first, v = columns[p]
        total = v.total(w, [strand[r, p] for strand in sums])
        kept = v.part(v.lanes, v.lanes) if spare else v
        kept.store(w, total, w.at(c[0], dtype, r * c[1] + first))


def dot(
    w: Writer, k: int, a: Lines, b: Lines, c: Lines, rows: int, columns: int, vector: Vector
) -> None:
    """Write a tile with vectors along the inner dimension: c[r, j] = sum of a[r, :] b[j, :].

    Args:
        w: where to.
        k: the inner dimension.
        a: the tile's rows of A.
        b: the tile's columns of B.
        c: the tile itself.
        rows: of the tile.
        columns: of the tile.
        vector: the kind of vector.
    """
    dtype, lanes = vector.dtype, vector.lanes
    many = strands(k // lanes, rows * columns)
    places = [(r, j) for r in range(rows) for j in range(columns)]
    sums = [{place: vector.zeros(w) for place in places} for _ in range(many)]

    def turn(t: At, v: Vector, into: dict[tuple[int, int], str]) -> None:
        left, right = w.at(a[0], dtype, t), w.at(b[0], dtype, t)
        xs = [v.load(w, w.at(left, dtype, r * a[1])) for r in range(rows)]
        ys = [v.load(w, w.at(right, dtype, j * b[1])) for j in range(columns)]
        for r, j in places:
            v.accumulate(w, xs[r], ys[j], into[r, j])

    stride = many * lanes
    if k // stride:
        with w.loop(k // stride) as t:
            for s in range(many):
                turn(t * stride + s * lanes, vector, sums[s])
    for rest in range(k - k % stride, k, lanes):
        turn(rest, vector.part(lanes, min(lanes, k - rest)), sums[0])
    for r in range(rows):
        totals = [vector.total(w, [s[r, j] for s in sums]) for j in range(columns)]
        narrow = vector.part(power_above(columns), columns)
        narrow.store(w, gathered(w, totals, vector), w.at(c[0], dtype, r * c[1]))


def strip(
    w: Writer,
    turns: At,
    a: Matrix,
    b: Lines,
    c: Lines,
    rows: int,
    columns: Columns,
    onto: bool = False,
) -> None:
    """Write a tile whose inner dimension is known when it runs: c[r, :] = sum of a[r, t] b[t, :].

    Args:
        w: where to.
        turns: the inner dimension, at least 1.
        a: the tile's rows of A.
        b: the tile's columns of B.
        c: the tile itself.
        rows: of the tile.
        columns: the vectors that cover the tile's columns.
        onto: whether the sums are added to what the tile holds.
    """
    dtype = columns[0][1].dtype
    sums = [[v.zeros(w) for _, v in columns] for _ in range(rows)]
    ends = [
        [w.at(w.at(c[0], dtype, r * c[1]), dtype, at) for at, _ in columns] for r in range(rows)
    ]
    if onto:
        for slots, row in zip(sums, ends):
            for slot, end, (_, v) in zip(slots, row, columns):
                w.do(f"store {v} {v.load(w, end)}, ptr {slot}")
    with w.loop(turns) as t:
        line, column = w.at(b[0], dtype, t * b[1]), w.at(a[0], dtype, t * a[2])
        loaded = [v.load(w, w.at(line, dtype, at)) for at, v in columns]
        for r, slots in enumerate(sums):
            here = w.at(column, dtype, r * a[1])
            for slot, y, (_, v) in zip(slots, loaded, columns):
                v.accumulate(w, v.spread(w, here), y, slot)
    for slots, row in zip(sums, ends):
        for slot, end, (_, v) in zip(slots, row, columns):
            v.store(w, v.total(w, [slot]), end)


# --- several in a vector --------------------------------------------------------------------------


def short_outer(w: Writer, k: int, a: str, b: str, c: str, columns: int, vector: Vector) -> None:
    """Write a row of C where a vector holds several rows of B: c = sum over t of a[t] b[t, :].

    Args:
        w: where to.
        k: the inner dimension.
        a: the row of A, its numbers next to one another.
        b: B, all of it in order.
        c: the row of C.
        columns: of B; a vector has a multiple of them.
        vector: the kind of vector.
    """
    dtype, each = vector.dtype, vector.lanes // columns
    many = strands(k // each, 1)
    sums = [vector.zeros(w) for _ in range(many)]

    def turn(t: At, live: int, into: str) -> None:
        some = vector.part(power_above(each), live).load(w, w.at(a, dtype, t))
        x = chosen(
            w, vector.part(each, each), some, [lane // columns for lane in range(vector.lanes)]
        )
        y = vector.part(vector.lanes, live * columns).load(w, w.at(b, dtype, t * columns))
        vector.accumulate(w, x, y, into)

    stride = many * each
    if k // stride:
        with w.loop(k // stride) as t:
            for s in range(many):
                turn(t * stride + s * each, each, sums[s])
    for rest in range(k - k % stride, k, each):
        turn(rest, min(each, k - rest), sums[0])
    total, lanes = vector.total(w, sums), vector.lanes
    while lanes > columns:
        total = folded(w, vector.part(lanes, lanes), total, "poison", halves(lanes, 1))
        lanes //= 2
    vector.part(columns, columns).store(w, total, c)


def short_dot(
    w: Writer, k: int, a: Lines, b: str, c: Lines, rows: int, columns: int, vector: Vector
) -> None:
    """Write a tile where a vector holds several columns of B: c[r, j] = sum of a[r, :] b[j, :].

    Args:
        w: where to.
        k: the inner dimension; a vector has a multiple of it.
        a: the tile's rows of A.
        b: the tile's columns of B, one after another.
        c: the tile itself.
        rows: of the tile.
        columns: of the tile.
        vector: the kind of vector.
    """
    dtype, lanes, each = vector.dtype, vector.lanes, vector.lanes // k
    starts = range(0, columns, each)
    parts = [vector.part(lanes, min(each, columns - j) * k) for j in starts]
    ys = [v.load(w, w.at(b, dtype, j * k)) for j, v in zip(starts, parts)]
    narrow = vector.part(max(each, power_above(columns)), columns)
    for r in range(rows):
        few = vector.part(k, k)
        x = chosen(w, few, few.load(w, w.at(a[0], dtype, r * a[1])), [*range(k)] * each)
        products = [value(w, f"fmul {vector} {x}, {y}") for y in ys]
        narrow.store(w, gathered(w, products, vector, each), w.at(c[0], dtype, r * c[1]))


def gathered(w: Writer, vectors: Sequence[str], vector: Vector, groups: int = 1) -> str:
    """Write the sum of each vector's lanes, or of each group of them, side by side in one vector.

    Two vectors become one of half sums, those of the first before those of the second, until one is
    left; then its lanes are folded until there is one for each group.
    """
    lanes, count = vector.lanes, power_above(len(vectors))
    left = [*vectors, *["zeroinitializer"] * (count - len(vectors))]
    while len(left) > 1:
        picks = [[*pick, *(lanes + lane for lane in pick)] for pick in halves(lanes, groups)]
        left = [folded(w, vector, x, y, picks) for x, y in zip(left[::2], left[1::2])]
        groups *= 2
    while lanes > groups:
        left = [folded(w, vector.part(lanes, lanes), left[0], "poison", halves(lanes, groups))]
        lanes //= 2
    return left[0]


def halves(lanes: int, groups: int) -> Sequence[list[int]]:
    """Return the lanes in the first half of every group, and those in the second."""
    size = lanes // groups
    first = [g * size + lane for g in range(groups) for lane in range(size // 2)]
    return first, [lane + size // 2 for lane in first]


def folded(w: Writer, vector: Vector, x: str, y: str, picks: Sequence[list[int]]) -> str:
    """Write the sum of two choices of lanes from x and y."""
    first, second = (chosen(w, vector, x, pick, y) for pick in picks)
    size = len(picks[0])
    return value(w, f"fadd {vector.part(size, size)} {first}, {second}")


def chosen(w: Writer, vector: Vector, x: str, pick: Sequence[int], y: str = "poison") -> str:
    """Write a choice of lanes from x and y."""
    mask = f"<{len(pick)} x i32> <{', '.join(f'i32 {lane}' for lane in pick)}>"
    return value(w, f"shufflevector {vector} {x}, {vector} {y}, {mask}")


# --- copies ---------------------------------------------------------------------------------------


def in_order(w: Writer, source: Matrix, target: Lines, shape: tuple[int, int], v: Vector) -> None:
    """Write a copy of a matrix, of so many rows and columns, whose rows lie in order.

    Args:
        w: where to.
        source: the matrix.
        target: the copy.
        shape: rows and columns of both.
        v: the kind of vector.
    """
    if source[1] == 1 and min(shape) >= v.lanes // 2:
        transpose(w, (source[0], source[2]), target, shape, v)
    else:
        copy(w, v.dtype, source, target, shape)


def transpose(w: Writer, source: Lines, target: Lines, shape: tuple[int, int], v: Vector) -> None:
    """Write such a copy of a matrix whose columns lie in order: a square at a time."""
    rows, columns = shape

    def square(t: At, first: int, high: int) -> None:
        wide = min(v.lanes, columns - first)
        down, across = v.part(v.lanes, high), v.part(v.lanes, wide)
        start = w.at(source[0], v.dtype, t)
        lines = [down.load(w, w.at(start, v.dtype, (first + j) * source[1])) for j in range(wide)]
        lines += ["zeroinitializer"] * (v.lanes - wide)
        there = w.at(target[0], v.dtype, t * target[1])
        for r, line in enumerate(transposed(w, v, lines)[:high]):
            across.store(w, line, w.at(there, v.dtype, r * target[1] + first))

    for first in range(0, columns, v.lanes):
        if rows // v.lanes:
            with w.loop(rows // v.lanes) as turn:
                square(turn * v.lanes, first, v.lanes)
        if rest := rows % v.lanes:
            square(rows - rest, first, rest)


def transposed(w: Writer, v: Vector, lines: Sequence[str]) -> list[str]:
    """Write the transpose of a square: bit by bit, line and lane change places."""
    found, bit = list(lines), 1
    while bit < v.lanes:
        upper = [k if not k & bit else v.lanes + k - bit for k in range(v.lanes)]
        lower = [k + bit if not k & bit else v.lanes + k for k in range(v.lanes)]
        for k in (k for k in range(v.lanes) if not k & bit):
            x, y = found[k], found[k + bit]
            found[k], found[k + bit] = chosen(w, v, x, upper, y), chosen(w, v, x, lower, y)
        bit *= 2
    return found


def copy(w: Writer, dtype: np.dtype[Any], source: Matrix, target: Lines, shape: Any) -> None:
    """Write a copy of a matrix, of so many rows and columns, whose rows lie in order.

    It goes down the columns: those of a transposed matrix lie in order.
    """
    if 0 in shape:
        return
    with w.loop(shape[1]) as j, w.loop(shape[0]) as t:
        here = w.at(w.at(source[0], dtype, t * source[1]), dtype, j * source[2])
        there = w.at(w.at(target[0], dtype, t * target[1]), dtype, j)
        w.store(w.load(here, dtype), there)
