"""How far down its column each vertex stands (floor 0).

Every vertex would stand where its neighbours are, on average; those of a column keep their order
and their distance. The nearest that a column can come to that, in the sum of squares, is found
exactly by pooling those that press on one another, and columns are gone through to and fro until
they have settled. Then chains without a branch are brought onto straight lines, the longest first,
and what is in none settles around them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeAlias

__all__ = ["Pull", "placed", "spread"]

_ROUNDS = 8  # of columns drawn to the one before, and to the one after, in turn
_LAST = 4  # of columns drawn to both
_PINNED = 1e9  # weight of what is not to move


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


Pulls: TypeAlias = Sequence[Sequence[Pull]]


def placed(
    columns: Sequence[Sequence[int]],
    breadths: Sequence[float],
    gaps: Sequence[float],
    before: Pulls,
    after: Pulls,
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
    stacks = [_Stack(column, breadths, gaps) for column in columns]
    at = [0.0] * len(breadths)
    for stack in stacks:
        for v, y in zip(stack.column, stack.offsets):
            at[v] = y
    both = [[*a, *b] for a, b in zip(before, after)]
    for turn in range(_ROUNDS):
        _settle(stacks, after if turn % 2 else before, at, turn)
    for turn in range(_LAST):
        _settle(stacks, both, at, turn)
    straight = _straighten(stacks, before, after, at)
    _settle(stacks, both, at, 0, straight)
    _settle(stacks, both, at, 1, straight)
    top = min((at[v] - breadths[v] / 2 for column in columns for v in column), default=0.0)
    return [y - top for y in at]


class _Stack:
    """A column, and how far below its first vertex each would be if they stood close."""

    def __init__(
        self, column: Sequence[int], breadths: Sequence[float], gaps: Sequence[float]
    ) -> None:
        self.column = column
        steps = (
            (breadths[a] + breadths[b]) / 2 + min(gaps[a], gaps[b]) for a, b in pairwise(column)
        )
        self.offsets = list(accumulate(steps, initial=0.0))


def _settle(
    stacks: Sequence[_Stack],
    pulls: Pulls,
    at: list[float],
    turn: int,
    pinned: Collection[int] = (),
) -> None:
    """Bring each column as near as can be to what its vertices are drawn to."""
    for stack in reversed(stacks) if turn % 2 else stacks:
        wishes, weights = [], []
        for v in stack.column:
            wish, weight = _wish(pulls[v], at)
            if v in pinned:
                wish, weight = at[v], _PINNED
            wishes.append(wish if weight else at[v])
            weights.append(weight or 0.05)
        for v, y in zip(stack.column, spread(wishes, weights, stack.offsets)):
            at[v] = y


def _wish(pulls: Sequence[Pull], at: Sequence[float]) -> tuple[float, float]:
    """Where they draw a vertex, and how strongly."""
    weight = sum(pull.weight for pull in pulls)
    total = sum((at[pull.other] + pull.shift) * pull.weight for pull in pulls)
    return (total / weight if weight else 0.0), weight


def spread(
    wishes: Sequence[float], weights: Sequence[float], offsets: Sequence[float]
) -> list[float]:
    """Return the places nearest to `wishes` that are as far apart as `offsets`, or further.

    They minimise `sum(weight * (place - wish)^2)`: neighbours that press on one another become a
    block, which stands at the mean of what its members wish.

    Args:
        wishes: where each would stand.
        weights: how much that matters, positive.
        offsets: how far below the first each stands when they stand close.

    Examples:
        >>> spread([0.0, 0.0, 9.0], [1, 1, 1], [0, 4, 8])
        [-2.0, 2.0, 9.0]
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, members
    for wish, weight, offset in zip(wishes, weights, offsets):
        mean, members = wish - offset, 1
        while blocks and blocks[-1][0] >= mean:
            other, heavy, many = blocks.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, members = weight + heavy, members + many
        blocks.append((mean, weight, members))
    means = (mean for mean, _, members in blocks for _ in range(members))
    return [mean + offset for mean, offset in zip(means, offsets)]


# --- chains ---------------------------------------------------------------------------------------


def _straighten(stacks: Sequence[_Stack], before: Pulls, after: Pulls, at: list[float]) -> set[int]:
    """Bring each chain onto one line where those on lines already leave one free.

    Returns:
        The vertices that are now on lines; whoever was in the way has been pushed aside.
    """
    stack_of = {v: (stack, i) for stack in stacks for i, v in enumerate(stack.column)}
    straight: set[int] = set()
    for chain in _chains(before, after):
        shifts = list(accumulate((before[v][0].shift for v in chain[1:]), initial=0.0))
        low, high = -math.inf, math.inf
        for v, shift in zip(chain, shifts):
            least, most = _room(*stack_of[v], at, straight)
            low, high = max(low, least - shift), min(high, most - shift)
        if low > high:
            continue
        wish = sum(at[v] - shift for v, shift in zip(chain, shifts)) / len(chain)
        ends = [p._replace(shift=p.shift - shifts[-1]) for p in after[chain[-1]]]
        drawn, weight = _wish([*before[chain[0]], *ends], at)
        line = min(max(drawn if weight else wish, low), high)
        for v, shift in zip(chain, shifts):
            at[v] = line + shift
            _push(*stack_of[v], at)
        straight.update(chain)
    return straight


def _chains(before: Pulls, after: Pulls) -> list[list[int]]:
    """Vertices that follow one another without a branch, two or more; the longest chains first."""
    chains = []
    for start in range(len(before)):
        if len(before[start]) == 1 and len(after[before[start][0].other]) == 1:
            continue  # within a chain
        chain = [start]
        while len(after[chain[-1]]) == 1 and len(before[after[chain[-1]][0].other]) == 1:
            chain.append(after[chain[-1]][0].other)
        if len(chain) > 1:
            chains.append(chain)
    return sorted(chains, key=len, reverse=True)


def _room(
    stack: _Stack, i: int, at: Sequence[float], fixed: Collection[int]
) -> tuple[float, float]:
    """From where to where the i-th of a column may stand, all being pushed aside but the fixed."""
    column, offsets = stack.column, stack.offsets
    above = (j for j in range(i - 1, -1, -1) if column[j] in fixed)
    below = (j for j in range(i + 1, len(column)) if column[j] in fixed)
    low = next((at[column[j]] - offsets[j] for j in above), -math.inf)
    high = next((at[column[j]] - offsets[j] for j in below), math.inf)
    return low + offsets[i], high + offsets[i]


def _push(stack: _Stack, i: int, at: list[float]) -> None:
    """Move those above and below the i-th of a column out of its way, no further than needed."""
    column, offsets = stack.column, stack.offsets
    here = at[column[i]] - offsets[i]
    for j in range(i - 1, -1, -1):
        if at[column[j]] <= here + offsets[j]:
            break
        at[column[j]] = here + offsets[j]
    for j in range(i + 1, len(column)):
        if at[column[j]] >= here + offsets[j]:
            break
        at[column[j]] = here + offsets[j]
