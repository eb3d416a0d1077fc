"""Lines of equal height through a grid of heights, by marching squares (floor 0, NumPy).

Each edge of the grid that has one end below the level and one above is crossed once, at the place
that linear interpolation gives. Within a square the crossings are joined in pairs, and pairs that
share a crossing are strung together until they close or reach the border.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["level_lines"]

Edge = tuple[int, int, int]  # 0 across or 1 up, then row and column of the node it starts from
Line = list[tuple[float, float]]


def level_lines(heights: NDArray[Any], level: float) -> list[Line]:
    """Return the lines along which a grid of heights has one level.

    Args:
        heights: shape `(H, W)`; no line runs through a square with a corner that is NaN.
        level: the height.

    Returns:
        Lines of points column, row in the grid's own steps; a closed one ends where it begins.

    Examples:
        >>> level_lines(np.array([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 0.0]]), 3.0)
        [[(1.0, 0.75), (1.25, 1.0), (1.0, 1.25), (0.75, 1.0), (1.0, 0.75)]]
    """
    return [[_crossing(heights, edge, level) for edge in run] for run in _strung(heights, level)]


def _strung(heights: NDArray[Any], level: float) -> list[list[Edge]]:
    """Crossed edges in the order in which a line passes them: open lines first, then closed."""
    neighbours: dict[Edge, list[Edge]] = {}
    for one, other in _pairs(heights, level):
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    ends = [edge for edge, near in neighbours.items() if len(near) == 1]
    runs = []
    for start in [*ends, *neighbours]:
        run = [start]
        while neighbours[run[-1]]:
            onward = neighbours[run[-1]].pop()
            neighbours[onward].remove(run[-1])
            run.append(onward)
        if len(run) > 1:
            runs.append(run)
    return runs


def _pairs(heights: NDArray[Any], level: float) -> list[tuple[Edge, Edge]]:
    """The two edges that a line passes in each square it crosses; a saddle is crossed twice."""
    above = heights >= level
    corners = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    known = np.isfinite(heights)
    known = known[:-1, :-1] & known[:-1, 1:] & known[1:, 1:] & known[1:, :-1]
    found = []
    for row, column in np.argwhere(known & (corners % 15 > 0)).tolist():
        low, right = (0, row, column), (1, row, column + 1)
        high, left = (0, row + 1, column), (1, row, column)
        case = int(corners[row, column])
        if case in (5, 10):
            middle = heights[row : row + 2, column : column + 2].mean() >= level
            turns = (case == 5) == bool(middle)  # whether the first corner is joined to the third
            found += [(low, right), (high, left)] if turns else [(low, left), (high, right)]
            continue
        first, second, third, fourth = (bool(case & bit) for bit in (1, 2, 4, 8))
        crossed = [
            edge
            for edge, differs in (
                (low, first != second),
                (right, second != third),
                (high, third != fourth),
                (left, fourth != first),
            )
            if differs
        ]
        found.append((crossed[0], crossed[1]))
    return found


def _crossing(heights: NDArray[Any], edge: Edge, level: float) -> tuple[float, float]:
    """Where along an edge the level lies."""
    upright, row, column = edge
    start = float(heights[row, column])
    end = float(heights[row + upright, column + 1 - upright])
    part = (level - start) / (end - start)
    return (float(column), row + part) if upright else (column + part, float(row))
