"""A line search: how far to go along a direction (floor 3; knows functions of a number alone)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Point", "strong_wolfe"]

_ENOUGH = 1e-4  # of the fall that the slope at the start promises
_FLATTER = 0.9  # than at the start by this factor


class Point(NamedTuple):
    """A place on the line.

    Attributes:
        t: how far along.
        loss: there,
        gradient: there,
        slope: of the loss along the line, there.
    """

    t: float
    loss: float
    gradient: Any
    slope: float


Evaluate: TypeAlias = Callable[[float], Point]


def strong_wolfe(
    evaluate: Evaluate, start: Point, t: float, reach: float, tolerance: float, most: int
) -> tuple[Point, int]:
    """Find a point where the loss has fallen enough and the slope is flat enough.

    Wolfe's strong conditions: loss(t) <= loss(0) + 1e-4 t slope(0), |slope(t)| <= 0.9 |slope(0)|.
    First a bracket around such a point is found, then it is narrowed by cubic interpolation.
    J. Nocedal and S. Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6.

    Args:
        evaluate: gives the point at a distance.
        start: the point at 0, with a slope below 0.
        t: the distance to try first.
        reach: the greatest element of the direction.
        tolerance: a bracket that moves nothing by more is not narrowed further.
        most: tries beyond the first.

    Returns:
        The point, and how often `evaluate` was called.

    Examples:
        >>> def parabola(t):
        ...     return Point(t, (t - 3) ** 2, None, 2 * (t - 3))
        >>> strong_wolfe(parabola, parabola(0.0), 1.0, 1.0, 1e-9, 25)
        (Point(t=1.0, loss=4.0, gradient=None, slope=-4.0), 1)
    """
    bracket, done, tries = _bracketed(evaluate, start, t, most)
    low, high = _ordered(bracket)
    stuck = False
    while not done and tries < most:
        ends = [point.t for point in bracket]
        if abs(ends[1] - ends[0]) * reach < tolerance:
            break
        t, stuck = _inside(_cubic(bracket[0], bracket[1]), ends, stuck)
        new = evaluate(t)
        tries += 1
        if not _falls(new, start) or new.loss >= bracket[low].loss:
            bracket[high] = new
            low, high = _ordered(bracket)
            continue
        if _is_flat(new, start):
            done = True
        elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], tries + 1


def _bracketed(
    evaluate: Evaluate, start: Point, t: float, most: int
) -> tuple[list[Point], bool, int]:
    """Two points with what is looked for between them, or one that is it; and the tries."""
    previous, current = start, evaluate(t)
    for tries in range(most):
        if not _falls(current, start) or (tries > 1 and current.loss >= previous.loss):
            return [previous, current], False, tries
        if _is_flat(current, start):
            return [current], True, tries
        if current.slope >= 0:
            return [previous, current], False, tries
        least = current.t + 0.01 * (current.t - previous.t)
        t = _cubic(previous, current, (least, current.t * 10))
        previous, current = current, evaluate(t)
    return [start, current], False, most


def _falls(point: Point, start: Point) -> bool:
    # Written so that a loss that is no number counts as fallen, as in PyTorch.
    return not point.loss > start.loss + _ENOUGH * point.t * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_FLATTER * start.slope


def _ordered(bracket: list[Point]) -> tuple[int, int]:
    """The places of the lower and of the higher point."""
    return (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)


def _inside(t: float, ends: list[float], stuck: bool) -> tuple[float, bool]:
    """Keep a try away from the ends if it comes near them twice."""
    first, last = min(ends), max(ends)
    margin = 0.1 * (last - first)
    if not min(last - t, t - first) < margin:
        return t, False
    if not (stuck or t >= last or t <= first):
        return t, True
    return (last - margin if abs(t - last) < abs(t - first) else first + margin), False


def _cubic(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with these slopes is least, within bounds."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    near, far = (a, b) if a.t <= b.t else (b, a)
    divisor = far.slope - near.slope + 2 * d2
    if not divisor:
        return (low + high) / 2
    t = far.t - (far.t - near.t) * ((far.slope + d2 - d1) / divisor)
    return min(max(t, low), high)
