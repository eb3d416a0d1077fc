"""In which order the vertices of each column stand, so that few edges cross (floor 0).

The first order comes from a walk back from the results, argument by argument, which keeps the
arguments of each operation from top to bottom. Sweeps then sort each column by the mean place of
its neighbours, neighbours change places where that helps, and the order with the fewest crossings
is kept: the first one, if nothing is better.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

__all__ = ["crossings", "ordered"]

# From a vertex, how far below its middle, to a vertex, how far below the middle of that.
Hop: TypeAlias = tuple[int, float, int, float]
Columns: TypeAlias = list[list[int]]

_SWEEPS = 12
_EXCHANGING = 1500  # vertices up to which neighbours also change places one by one
_NUDGE = 1e-3  # of a place, for each pixel that a line ends below the middle


class End(NamedTuple):
    """The two ends of a hop as one of its vertices sees them: its own, and who is at the other."""

    own: float
    other: int
    there: float


Ends: TypeAlias = list[list[End]]


def ordered(ranks: Sequence[int], hops: Sequence[Hop]) -> Columns:
    """Return the vertices of each rank from top to bottom.

    Args:
        ranks: of each vertex.
        hops: each from one rank to the next; those to one vertex in the order of its arguments.

    Examples:
        >>> ordered([0, 0, 1, 1], [(0, 0, 3, 0), (1, 0, 2, 0)])
        [[1, 0], [2, 3]]
    """
    before: Ends = [[] for _ in ranks]
    after: Ends = [[] for _ in ranks]
    for a, leaves, b, arrives in hops:
        before[b].append(End(arrives, a, leaves))
        after[a].append(End(leaves, b, arrives))
    columns = _walked(ranks, before, after)
    best, fewest = columns, crossings(columns, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        columns = [list(column) for column in columns]
        if sweep % 2:
            _swept(columns, before)
        else:
            _swept(columns[::-1], after)
        if len(ranks) <= _EXCHANGING:
            _exchanged(columns, before, after)
        now = crossings(columns, after)
        if now < fewest:
            best, fewest = columns, now
    return best


def crossings(columns: Columns, after: Ends) -> int:
    """Return how many pairs of hops cross.

    Examples:
        >>> crossings([[0, 1], [2, 3]], [[End(0, 3, 0)], [End(0, 2, 0)], [], []])
        1
    """
    total = 0
    for column, following in pairwise(columns):
        place = {v: i for i, v in enumerate(following)}
        met: list[tuple[int, float]] = []  # where the hops so far end, sorted
        for v in column:
            # Those that leave from one place do not cross, and so count before they are entered.
            for leaves in sorted({end.own for end in after[v]}):
                ends = [(place[e.other], e.there) for e in after[v] if e.own == leaves]
                total += sum(len(met) - bisect_right(met, end) for end in ends)
                for end in ends:
                    insort(met, end)
    return total


def _walked(ranks: Sequence[int], before: Ends, after: Ends) -> Columns:
    """Each column in the order in which a walk back from the results first meets its vertices."""
    columns: Columns = [[] for _ in range(max(ranks, default=-1) + 1)]
    seen = [False] * len(ranks)
    for root in (v for v in range(len(ranks)) if not after[v]):
        waiting = [root]
        while waiting:
            v = waiting.pop()
            if not seen[v]:
                seen[v] = True
                columns[ranks[v]].append(v)
                waiting.extend(end.other for end in reversed(before[v]))
    return columns


def _swept(columns: Columns, fixed: Ends) -> None:
    """Sort every column but the first by the mean place of its neighbours in the one before it.

    What has no neighbour there keeps its place.
    """
    for previous, column in pairwise(columns):
        place = {v: i for i, v in enumerate(previous)}
        means = {
            v: sum(place[e.other] + _NUDGE * (e.there - e.own) for e in fixed[v]) / len(fixed[v])
            for v in column
            if fixed[v]
        }
        free = iter(sorted(means, key=means.__getitem__))
        column[:] = [next(free) if v in means else v for v in column]


def _exchanged(columns: Columns, before: Ends, after: Ends) -> None:
    """Let two that stand side by side change places while that takes crossings away."""
    place = {v: i for column in columns for i, v in enumerate(column)}
    for column in columns:
        for i in range(len(column) - 1):
            upper, lower = column[i], column[i + 1]
            as_is = sum(_crossed(ends[upper], ends[lower], place) for ends in (before, after))
            changed = sum(_crossed(ends[lower], ends[upper], place) for ends in (before, after))
            if changed < as_is:
                column[i], column[i + 1] = lower, upper
                place[lower], place[upper] = i, i + 1


def _crossed(upper: Sequence[End], lower: Sequence[End], place: dict[int, int]) -> int:
    """How many hops of two neighbours cross on one side."""
    return sum((place[a.other], a.there) > (place[b.other], b.there) for a in upper for b in lower)
