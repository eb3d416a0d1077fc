"""Steps down a curve: where each one landed, and which way the next one went (floor 0)."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import drawable, format_value, linear_axis, whole_zero
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.charts.plane import curve, inside, trail, zero_lines
from chainrule.picture.charts.tangents import curve_points
from chainrule.picture.markup import join
from chainrule.picture.palette import SERIES
from chainrule.picture.svg import Svg, label
from chainrule.picture.text import shorten

__all__ = ["descent_chart", "reached"]


def descent_chart(
    points: ArrayLike,
    steps: ArrayLike,
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    y_range: tuple[float, float] | None = None,
    width: float = 560,
    height: float = 380,
) -> Svg:
    """Draw a curve and a descent on it.

    Args:
        points: the curve, shape `(N, 2)`, x rising; NaN leaves a gap.
        steps: x and height of each step, shape `(T, 2)`, the start first. The steps after one that
            is not finite are left out.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        y_range: the least and the greatest height shown; that of the curve if not given.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        The chart. It covers the curve; arrows to steps beyond it are cut off at its edge, and a
        line of words says how many lie there.

    Raises:
        ShapeError: `points` or `steps` are of another shape.

    Examples:
        >>> bowl = [(-2, 4), (-1, 1), (0, 0), (1, 1), (2, 4)]
        >>> descent_chart(bowl, [(2, 4), (1, 1), (0.5, 0.25)]).description
        '2 steps from 4 at x = 2 to 0.25 at x = 0.5'
    """
    ground, way = curve_points("ground", points), curve_points("descent", steps)
    if not len(way):
        raise ShapeError("descent: expected steps of shape (T, 2) with a start at least, got none")
    across = linear_axis(ground[:, 0].tolist(), name=x_label, tight=True)
    up = linear_axis(y_range or ground[:, 1].tolist(), name=y_label, tight=y_range is not None)
    frame = framed(width, across, up, height=height, title=title, marks=True)
    kept = reached(way)
    told = _in_words(frame, kept, lost=len(way) - len(kept))
    body = [
        frame.drawn(),
        zero_lines(frame),
        curve(frame, ground.tolist(), SERIES[0]),
        label(shorten(told, width - frame.left), frame.left, frame.top - 9),
        trail(frame, kept, SERIES[1], numbered=True),
    ]
    return Svg(width, height, title or "descent", told, join(body))


def reached(way: NDArray[Any]) -> list[tuple[float, float]]:
    """Return the points of a way up to the first that has no place on paper.

    Examples:
        >>> reached(np.array([[1.0, 2.0], [np.inf, 0.0], [3.0, 4.0]]))
        [(1.0, 2.0)]
    """
    kept: list[tuple[float, float]] = []
    for a, b in way.tolist():
        if not (drawable(a) and drawable(b)):
            break
        kept.append((a, b))
    return kept


def _in_words(frame: Frame, kept: list[tuple[float, float]], lost: int) -> str:
    if not kept:
        return "the start is not a number that can be drawn"
    wide, tall = frame.across.high - frame.across.low, frame.up.high - frame.up.low
    ends = [
        f"{format_value(whole_zero(b, tall))} at {frame.across.name or 'x'} = "
        f"{format_value(whole_zero(a, wide))}"
        for a, b in (kept[0], kept[-1])
    ]
    steps = len(kept) - 1
    told = f"{steps} step{'s' * (steps != 1)} from {ends[0]} to {ends[1]}"
    outside = sum(not inside(frame, point) for point in kept)
    if outside:
        told += f"; {outside} of {len(kept)} points outside"
    return told + (f"; {lost} beyond all numbers" if lost else "")
