"""One tile of a product: sums of products in registers, then put down (floor 2).

Every function here writes straight code and one loop, over the inner dimension. Where a tile has
too few sums to keep the processor's multipliers busy, several strands of the inner dimension run
side by side and are added up at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from chainrule.plan.native.writer import At, Vector, Writer

__all__ = ["Piece", "copy", "dot", "outer", "pieces"]

Piece: TypeAlias = tuple[int, Vector]  # first column, and the vector that holds it and the next

# Additions that are under way at once on a core that begins two and needs four turns for each.
UNDER_WAY = 8


def pieces(scalar: str, columns: int, lanes: int) -> list[Piece]:
    """Cover so many columns with vectors, of which the last may have lanes to spare.

    Examples:
        >>> [(at, str(vector), vector.live) for at, vector in pieces("float", 21, 16)]
        [(0, '<16 x float>', 16), (16, '<8 x float>', 5)]
    """
    whole = [(at, Vector(scalar, lanes)) for at in range(0, columns - lanes + 1, lanes)]
    rest = columns % lanes
    if not rest:
        return whole
    return [*whole, (columns - rest, Vector(scalar, power_above(rest), rest))]


def power_above(n: int) -> int:
    """Return the smallest power of two that is at least n."""
    return 1 << (n - 1).bit_length()


def outer(
    w: Writer,
    k: int,
    a: tuple[str, int, int],
    b: tuple[str, int],
    c: tuple[str, int],
    rows: int,
    columns: Sequence[Piece],
) -> None:
    """Write a tile whose vectors lie along the rows of C: c[r, :] = sum over t of a[r, t] b[t, :].

    Args:
        w: where to.
        k: the inner dimension.
        a: where the tile's first number of A lies, and A's two steps.
        b: where the tile's first number of B lies, and the step from row to row.
        c: the same of C.
        rows: of the tile.
        columns: the vectors that cover the tile's columns.
    """
    strands = max(1, min(k, UNDER_WAY // (rows * len(columns))))
    places = [(r, p) for r in range(rows) for p in range(len(columns))]
    sums = [{at: w.zeros(columns[at[1]][1]) for at in places} for _ in range(strands)]

    def turn(t: At, into: dict[tuple[int, int], str]) -> None:
        row = w.address(columns[0][1].scalar, b[0], w.times(t, b[1]))
        column = w.address(columns[0][1].scalar, a[0], w.times(t, a[2]))
        loaded = [w.load(v, w.address(v.scalar, row, at)) for at, v in columns]
        for r in range(rows):
            here = w.address(columns[0][1].scalar, column, r * a[1])
            for p, (_, v) in enumerate(columns):
                w.accumulate(v, w.spread(v, here), loaded[p], into[r, p])

    whole = k - k % strands
    with w.loop(0, whole, strands) as t:
        for s in range(strands):
            turn(w.plus(t, s), sums[s])
    for rest in range(whole, k):
        turn(rest, sums[0])
    for r, p in places:
        first, v = columns[p]
        total = w.total(v, [strand[r, p] for strand in sums])
        w.store(v, total, w.address(v.scalar, c[0], r * c[1] + first))


def dot(
    w: Writer,
    k: int,
    a: tuple[str, int],
    b: tuple[str, int],
    c: tuple[str, int],
    rows: int,
    columns: int,
    vector: Vector,
) -> None:
    """Write a tile whose vectors lie along the inner dimension: c[r, j] = sum of a[r, :] b[j, :].

    Args:
        w: where to.
        k: the inner dimension.
        a: where the tile's first row of A lies, and the step from row to row.
        b: the same of the tile's first column of B.
        c: the same of the tile itself.
        rows: of the tile.
        columns: of the tile.
        vector: the kind of vector.
    """
    strands = max(1, min(k // vector.lanes, UNDER_WAY // (rows * columns)))
    places = [(r, j) for r in range(rows) for j in range(columns)]
    sums = [{at: w.zeros(vector) for at in places} for _ in range(strands)]

    def turn(t: At, v: Vector, into: dict[tuple[int, int], str]) -> None:
        left = w.address(v.scalar, a[0], t)
        right = w.address(v.scalar, b[0], t)
        xs = [w.load(v, w.address(v.scalar, left, r * a[1])) for r in range(rows)]
        ys = [w.load(v, w.address(v.scalar, right, j * b[1])) for j in range(columns)]
        for r, j in places:
            w.accumulate(v, xs[r], ys[j], into[r, j])

    stride = strands * vector.lanes
    with w.loop(0, k - k % stride, stride) as t:
        for s in range(strands):
            turn(w.plus(t, s * vector.lanes), vector, sums[s])
    for rest in range(k - k % stride, k, vector.lanes):
        live = min(vector.lanes, k - rest)
        turn(rest, Vector(vector.scalar, vector.lanes, live), sums[0])
    for r in range(rows):
        totals = [w.total(vector, [s[r, j] for s in sums]) for j in range(columns)]
        narrow = Vector(vector.scalar, power_above(columns), columns)
        w.store(narrow, gathered(w, totals, vector), w.address(vector.scalar, c[0], r * c[1]))


def gathered(w: Writer, vectors: Sequence[str], vector: Vector) -> str:
    """Write the sum of each vector's lanes, side by side in one vector.

    Two vectors become one of half sums, those of the first before those of the second, until one is
    left; then its lanes are folded until there is one for each vector.
    """
    lanes, count, groups = vector.lanes, power_above(len(vectors)), 1
    left = [*vectors, *["zeroinitializer"] * (count - len(vectors))]
    while len(left) > 1:
        picks = halves(lanes, groups)
        both = [[*pick, *(lanes + lane for lane in pick)] for pick in picks]
        pairs = zip(left[::2], left[1::2])
        left = [folded(w, str(vector), x, y, both, vector.scalar) for x, y in pairs]
        groups *= 2
    while lanes > groups:
        kind = f"<{lanes} x {vector.scalar}>"
        left = [folded(w, kind, left[0], "poison", halves(lanes, groups), vector.scalar)]
        lanes //= 2
    return left[0]


def halves(lanes: int, groups: int) -> tuple[list[int], list[int]]:
    """Return the lanes in the first half of every group, and those in the second."""
    size = lanes // groups
    first = [g * size + lane for g in range(groups) for lane in range(size // 2)]
    return first, [lane + size // 2 for lane in first]


def folded(
    w: Writer, kind: str, x: str, y: str, picks: Sequence[Sequence[int]], scalar: str
) -> str:
    """Write the sum of two choices of lanes from x and y."""
    chosen = []
    for pick in picks:
        lanes = ", ".join(f"i32 {lane}" for lane in pick)
        mask = f"<{len(pick)} x i32> <{lanes}>"
        chosen.append(w.value(f"shufflevector {kind} {x}, {kind} {y}, {mask}"))
    return w.value(f"fadd <{len(picks[0])} x {scalar}> {chosen[0]}, {chosen[1]}")


def copy(
    w: Writer,
    scalar: str,
    source: tuple[str, int, int],
    target: tuple[str, int],
    shape: tuple[int, int],
) -> None:
    """Write a copy of a matrix that puts its columns next to one another.

    Args:
        w: where to.
        scalar: the kind of number.
        source: where the first number lies, and the two steps.
        target: where the first goes, and the step from row to row.
        shape: rows and columns.
    """
    with w.loop(0, shape[1]) as j, w.loop(0, shape[0]) as t:
        here = w.address(scalar, source[0], w.times(t, source[1]), w.times(j, source[2]))
        there = w.address(scalar, target[0], w.times(t, target[1]), j)
        w.do(f"store {scalar} {w.value(f'load {scalar}, ptr {here}')}, ptr {there}")
