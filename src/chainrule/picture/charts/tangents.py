"""Curves over an axis, with the tangents that show how steep they are (floor 0)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import drawable, format_value, linear_axis, whole_zero
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.charts.plane import Point, clipped, curve, inside, names, zero_lines
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import series_color, series_dash
from chainrule.picture.svg import Svg, group, label, line
from chainrule.picture.text import text_width

__all__ = ["Tangent", "curve_points", "tangent_chart"]

_REACH = 80  # pixels that a tangent is drawn to either side of its point
_TALL = 13  # pixels from the foot of a letter to its head, and a little


@dataclass(frozen=True)
class Tangent:
    """Where a curve is touched, and how steep it is there.

    Attributes:
        x: across.
        y: the height of the curve at `x`.
        slope: by how much it rises for each 1 to the right.
    """

    x: float
    y: float
    slope: float

    def told(self, across: str = "x") -> str:
        """Return slope and place in words.

        Args:
            across: what is measured across.

        Examples:
            >>> Tangent(2, 4, 4).told()
            'slope 4 at x = 2'
        """
        return f"slope {format_value(self.slope)} at {across} = {format_value(self.x)}"


def tangent_chart(
    curves: Mapping[str, ArrayLike],
    tangents: Sequence[Tangent] = (),
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    y_range: tuple[float, float] | None = None,
    width: float = 560,
    height: float = 360,
) -> Svg:
    """Draw curves with tangents, each with its slope in words.

    Args:
        curves: points `(N, 2)` by name, x rising; NaN leaves a gap. One curve needs no name.
        tangents: where to draw them.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        y_range: the least and the greatest height shown; that of the curves if not given.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        The chart; what lies outside `y_range` is cut off.

    Raises:
        ShapeError: a curve is not of shape `(N, 2)`.

    Examples:
        >>> x = np.linspace(-1, 1, 5)
        >>> tangent_chart({"": np.stack([x, x * x], axis=1)}, [Tangent(1, 1, 2)]).description
        'from 1 at x = −1 to 1 at x = 1, least 0, greatest 1; slope 2 at x = 1'
    """
    points = {name: curve_points(name, values) for name, values in curves.items()}
    named = len(points) > 1
    across = linear_axis(_flat(points, 0), name=x_label, tight=True)
    heights = [*_flat(points, 1), *(tangent.y for tangent in tangents)]
    up = linear_axis(y_range or heights, name=y_label, tight=y_range is not None)
    frame = framed(width, across, up, height=height, title=title, marks=named)
    colors = {name: series_color(i) for i, name in enumerate(points)}
    seen = [(i, t) for i, t in enumerate(tangents) if inside(frame, (t.x, t.y))]
    body = [
        frame.drawn(),
        zero_lines(frame),
        *(
            curve(frame, points[name].tolist(), color, series_dash(i))
            for i, (name, color) in enumerate(colors.items())
        ),
        *(_touched(frame, t, series_color(len(colors) + i)) for i, t in seen),
        _words(frame, [t for _, t in seen], (array.tolist() for array in points.values())),
        names(frame, colors) if named else None,
    ]
    told = [_in_words(name, at, x_label or "x") for name, at in points.items()]
    told += [tangent.told(x_label or "x") for tangent in tangents]
    return Svg(width, height, title or "curve", "; ".join(told), join(body))


def curve_points(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return the points of a curve as an array `(N, 2)`.

    Raises:
        ShapeError: they are of another shape.
    """
    array: NDArray[Any] = np.asarray(values, dtype=float)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ShapeError(f"curve {name!r}: expected points of shape (N, 2), got {array.shape}")
    return array


def _flat(points: Mapping[str, NDArray[Any]], column: int) -> list[float]:
    return [value for array in points.values() for value in array[:, column].tolist()]


def _touched(frame: Frame, tangent: Tangent, color: str) -> Markup:
    """The tangent and the point where it touches."""
    x, y = frame.x(tangent.x), frame.y(tangent.y)
    return group(
        [line(*start, *end, class_="curve", stroke=color) for start, end in [_ends(frame, tangent)]]
        + [element("circle", cx=x, cy=y, r=4.5, fill=color, stroke="#fff", stroke_opacity=0.85)]
    )


def _ends(frame: Frame, tangent: Tangent) -> tuple[Point, Point]:
    """Where the tangent begins and ends on paper: as far as it reaches and the plot goes."""
    x, y = frame.x(tangent.x), frame.y(tangent.y)
    run = (frame.right - frame.left) / (frame.across.high - frame.across.low)
    rise = -tangent.slope * (frame.bottom - frame.top) / (frame.up.high - frame.up.low)
    scale = _REACH / math.hypot(run, rise)
    dx, dy = scale * run, scale * rise
    box = (frame.left, frame.top, frame.right, frame.bottom)
    start, end = clipped((x - dx, y - dy), (x + dx, y + dy), box)
    return start, end


# --- words where nothing else is -----------------------------------------------------------------


def _words(frame: Frame, tangents: Sequence[Tangent], curves: Iterable[Iterable[Point]]) -> Markup:
    """Each slope in words beside its point, where it covers the least of what is drawn."""
    ink = [
        (frame.x(a), frame.y(b))
        for points in curves
        for a, b in points
        if drawable(b) and inside(frame, (a, b))
    ]
    lines = [_ends(frame, tangent) for tangent in tangents]
    if frame.up.low < 0 < frame.up.high:
        lines.append(((frame.left, frame.y(0)), (frame.right, frame.y(0))))
    for (x1, y1), (x2, y2) in lines:
        ink += [(x1 + (x2 - x1) * i / 40, y1 + (y2 - y1) * i / 40) for i in range(41)]
    parts = []
    for tangent in tangents:
        told = tangent.told(frame.across.name or "x")
        wide = text_width(told)
        x, y = min(_places(frame, tangent, wide), key=lambda at: _covered(ink, at, wide))
        ink += [(x + wide * i / 20, y - 4) for i in range(21)]
        parts.append(label(told, x, y))
    return group(parts)


def _places(frame: Frame, tangent: Tangent, wide: float) -> list[Point]:
    """Where the words might begin: right, left, below and above, near and farther off."""
    x, y = frame.x(tangent.x), frame.y(tangent.y)
    lefts = (x + 10, x - 10 - wide, x - wide / 2)
    return [
        (min(max(left, frame.left + 4), frame.right - wide - 2), y + 4 + down)
        for down in (0, 18, -16, 34, -32)
        for left in lefts
        if frame.top + 10 <= y + 4 + down <= frame.bottom - 4
    ] or [(x, y)]


def _covered(ink: Sequence[Point], start: Point, wide: float) -> int:
    """How many points of what is drawn words that begin at `start` would cover."""
    x, y = start
    return sum(x - 3 < a < x + wide + 3 and y - _TALL < b < y + 5 for a, b in ink)


def _in_words(name: str, points: NDArray[Any], across: str) -> str:
    seen = [(a, b) for a, b in points.tolist() if drawable(a) and drawable(b)]
    if not seen:
        return f"{name}: no values".lstrip(": ")
    low, high = min(b for _, b in seen), max(b for _, b in seen)
    ends = [
        f"{_height(b, high - low)} at {across} = {format_value(a)}"
        for a, b in seen[:: len(seen) - 1 or 1]
    ]
    told = f"from {ends[0]} to {ends[-1]}, least {_height(low, high - low)}"
    return f"{name}: {told}".lstrip(": ") + f", greatest {_height(high, high - low)}"


def _height(value: float, size: float) -> str:
    return format_value(whole_zero(value, size))
