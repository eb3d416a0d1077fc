"""How far down its column each vertex stands (floor 0).

Every vertex would stand where its neighbours are, on average; those of a column keep their order
and their distance. The nearest that a column can come to that, in the sum of squares, is found
exactly by pooling those that press on one another, and columns are gone through to and fro until
they have settled. Vertices in a row end on a straight line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Pull", "placed", "spread"]

_ROUNDS = 12


class Pull(NamedTuple):
    """A neighbour that a vertex would be level with.

    Attributes:
        other: the neighbour.
        shift: how far below the neighbour's middle it would have its own.
        weight: how much that matters.
    """

    other: int
    shift: float
    weight: float


def placed(
    columns: Sequence[Sequence[int]],
    breadths: Sequence[float],
    gaps: Sequence[float],
    before: Sequence[Sequence[Pull]],
    after: Sequence[Sequence[Pull]],
) -> list[float]:
    """Return the middle of each vertex, down from the top.

    Args:
        columns: the vertices of each column from top to bottom.
        breadths: of each vertex, from its upper to its lower edge.
        gaps: what each vertex keeps free around it; of two neighbours the smaller counts.
        before: for each vertex its neighbours in the column before.
        after: likewise in the column after.

    Examples:
        >>> placed([[0, 1], [2]], [10, 10, 10], [6, 6, 6],
        ...        [[], [], [Pull(0, 0, 1), Pull(1, 0, 1)]], [[Pull(2, 0, 1)]] * 2 + [[]])
        [5.0, 21.0, 13.0]
    """
    at = [0.0] * len(breadths)
    steps = [_steps(column, breadths, gaps) for column in columns]
    for column, apart in zip(columns, steps):
        top = 0.0
        for v, step in zip(column, [0.0, *apart]):
            top += step
            at[v] = top
    both = [[*a, *b] for a, b in zip(before, after)]
    last = len(columns) - 1
    for turn in range(_ROUNDS):
        pulls = (before, after)[turn % 2] if turn < _ROUNDS - 4 else both
        there = range(last + 1) if turn % 2 == 0 else range(last, -1, -1)
        for c in there:
            _settled(columns[c], steps[c], pulls, at)
    top = min((at[v] - breadths[v] / 2 for column in columns for v in column), default=0.0)
    return [y - top for y in at]


def _steps(
    column: Sequence[int], breadths: Sequence[float], gaps: Sequence[float]
) -> list[float]:
    """The least distance between the middles of neighbours in a column."""
    return [
        (breadths[a] + breadths[b]) / 2 + min(gaps[a], gaps[b]) for a, b in zip(column, column[1:])
    ]


def _settled(
    column: Sequence[int], steps: Sequence[float], pulls: Sequence[Sequence[Pull]], at: list[float]
) -> None:
    wishes, weights = [], []
    for v in column:
        weight = sum(pull.weight for pull in pulls[v])
        if weight:
            wishes.append(sum((at[p.other] + p.shift) * p.weight for p in pulls[v]) / weight)
            weights.append(weight)
        else:
            wishes.append(at[v])
            weights.append(0.05)
    for v, y in zip(column, spread(wishes, weights, steps)):
        at[v] = y


def spread(
    wishes: Sequence[float], weights: Sequence[float], steps: Sequence[float]
) -> list[float]:
    """Return the places nearest to `wishes` that rise by `steps` at least.

    They minimise `sum(weight * (place - wish)^2)`: neighbours that press on one another become a
    block, which stands at the mean of what its members wish.

    Args:
        wishes: where each would stand.
        weights: how much that matters, positive.
        steps: the least distance from each to the next; one fewer than `wishes`.

    Examples:
        >>> spread([0, 0, 9], [1, 1, 1], [4, 4])
        [-2.0, 2.0, 9.0]
    """
    shifts = [0.0]
    for step in steps:
        shifts.append(shifts[-1] + step)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, members
    for wish, weight, shift in zip(wishes, weights, shifts):
        mean, members = wish - shift, 1
        while blocks and blocks[-1][0] >= mean:
            other, heavy, many = blocks.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, members = weight + heavy, members + many
        blocks.append((mean, weight, members))
    means = (mean for mean, _, members in blocks for _ in range(members))
    return [mean + shift for mean, shift in zip(means, shifts)]
