"""Which column each vertex of a graph stands in (floor 0).

Every edge leads to a later column. Columns are found by the longest path, then vertices move
towards those that use them, where that makes edges shorter in sum: a weight stands beside the
product it enters and not at the far edge of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.errors import DataError

__all__ = ["neighbours", "ranked", "topological"]

Link = tuple[int, int]


def ranked(
    count: int, links: Sequence[Link], first: Sequence[int] = (), last: Sequence[int] = ()
) -> list[int]:
    """Return the rank of each vertex, from 0.

    Args:
        count: how many vertices there are: 0 to `count` - 1.
        links: (from, to).
        first: vertices that stand alone in the first rank, without links to them.
        last: vertices that stand alone in the last rank, without links from them.

    Raises:
        DataError: the links lead in a circle.

    Examples:
        >>> ranked(4, [(0, 1), (1, 2), (3, 2)])
        [0, 1, 2, 1]
    """
    before, after = neighbours(count, links)
    order = topological(count, links)
    ranks = [0] * count
    held = {*first, *last}
    floor = 1 if first else 0
    for v in order:
        least = 0 if v in held else floor
        ranks[v] = max((ranks[p] + 1 for p in before[v]), default=least)
    if last:
        end = 1 + max((ranks[v] for v in range(count) if v not in last), default=0)
        for v in last:
            ranks[v] = end
    for _ in range(2):
        _pull(order, before, after, ranks, held)
    return ranks


def _pull(
    order: Sequence[int],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    ranks: list[int],
    held: set[int],
) -> None:
    """Move each vertex to its users where more edges shorten than lengthen.

    A source with a single use follows the vertex that moves, so its edge counts for nothing.
    """
    for v in reversed(order):
        if v in held or not after[v]:
            continue
        staying = sum(1 for p in before[v] if before[p] or len(after[p]) > 1)
        nearest = min(ranks[s] for s in after[v]) - 1
        if len(after[v]) > staying:
            ranks[v] = nearest


def neighbours(count: int, links: Sequence[Link]) -> tuple[list[list[int]], list[list[int]]]:
    """Return for each vertex those with a link to it, and those it has a link to."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in links:
        after[a].append(b)
        before[b].append(a)
    return before, after


def topological(count: int, links: Sequence[Link]) -> list[int]:
    """Return the vertices in an order in which every link leads forward.

    Raises:
        DataError: the links lead in a circle.

    Examples:
        >>> topological(3, [(2, 0), (0, 1)])
        [2, 0, 1]
    """
    before, after = neighbours(count, links)
    missing = [len(links_to) for links_to in before]
    order = [v for v in range(count) if not missing[v]]
    for v in order:  # grows while it is walked
        for s in after[v]:
            missing[s] -= 1
            if not missing[s]:
                order.append(s)
    if len(order) < count:
        raise DataError("the edges of the graph lead in a circle; a layered drawing needs none")
    return order
