"""What is drawn into a frame besides its axes: curves, zero lines, names and trails (floor 0).

A trail is the way of something that moves in steps, as gradient descent does: a ring where it
starts, a dot for each step, an arrow from one to the next, a full dot where it ends. Whatever would
leave the plot is cut off at its edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from chainrule.picture.charts.axis import drawable
from chainrule.picture.charts.frame import Frame
from chainrule.picture.markup import Markup, element, number
from chainrule.picture.svg import group, label, line
from chainrule.picture.text import shorten, text_width

__all__ = ["Point", "clipped", "curve", "inside", "names", "trail", "zero_lines"]

Point = tuple[float, float]

_ARROW = 7  # pixels from the tip of an arrow to the ends of its barbs
_ROOM = 20  # pixels that a step takes at least to carry an arrow
_CLEAR = 5  # pixels between the tip of an arrow and the middle of the dot it points to
_APART = 6  # pixels between two dots, and
_NUMBERED_APART = 17  # between two that are numbered


def inside(frame: Frame, point: Point) -> bool:
    """Return whether a point, in the numbers of the axes, lies within the plot."""
    across, up = frame.across, frame.up
    return across.low <= point[0] <= across.high and up.low <= point[1] <= up.high


def clipped(start: Point, end: Point, box: tuple[float, float, float, float]) -> list[Point]:
    """Return both ends of what lies in a box of a stretch, or nothing (Liang, Barsky 1984).

    Args:
        start: where the stretch begins.
        end: where it ends.
        box: left, top, right and bottom.

    Examples:
        >>> clipped((-5, 5), (5, 5), (0, 0, 10, 10)), clipped((-5, 5), (-1, 5), (0, 0, 10, 10))
        ([(0.0, 5.0), (5.0, 5.0)], [])
    """
    (x, y), (dx, dy) = start, (end[0] - start[0], end[1] - start[1])
    left, top, right, bottom = box
    first, last = 0.0, 1.0
    for step, room in ((-dx, x - left), (dx, right - x), (-dy, y - top), (dy, bottom - y)):
        if step < 0:
            first = max(first, room / step)
        elif step > 0:
            last = min(last, room / step)
        elif room < 0:
            return []
    if first > last:
        return []
    return [(x + first * dx, y + first * dy), (x + last * dx, y + last * dy)]


def curve(
    frame: Frame, points: Iterable[Point], color: str, dash: str | None = None, **look: str | float
) -> Markup:
    """Return a line through points, broken where one has no place on paper or leaves the plot."""
    runs = [
        [_placed(frame, point) for point in run]
        for seen, run in groupby(points, key=lambda point: all(map(drawable, point)))
        if seen
    ]
    d = "".join(_within(run, _box(frame)) for run in runs)
    if not d:
        return Markup("")
    return element("path", d=d, class_="curve", stroke=color, stroke_dasharray=dash, **look)


def zero_lines(frame: Frame) -> Markup:
    """Return the lines where either axis is zero, as far as they cross the plot."""
    return group(
        [
            line(frame.x(0), frame.top, frame.x(0), frame.bottom, class_="axis")
            if frame.across.low < 0 < frame.across.high
            else None,
            line(frame.left, frame.y(0), frame.right, frame.y(0), class_="axis")
            if frame.up.low < 0 < frame.up.high
            else None,
        ]
    )


def names(frame: Frame, colors: dict[str, str]) -> Markup:
    """Return a dot and a name for each of several things, in a row right above the plot."""
    parts, x = [], frame.left
    for name, color in colors.items():
        short = shorten(name, 200)
        if x + 14 + text_width(short) > frame.right:
            break
        parts.append(element("circle", cx=x + 5, cy=frame.top - 13, r=4, fill=color))
        parts.append(label(short, x + 14, frame.top - 9))
        x += 30 + text_width(short)
    return group(parts)


def trail(frame: Frame, points: Sequence[Point], color: str, *, numbered: bool = False) -> Markup:
    """Return the way through points, which all have a place on paper.

    Args:
        frame: of the chart.
        points: in the numbers of the axes; those outside the plot are left out.
        color: of the whole trail.
        numbered: whether dots carry their place in the order, 0 the first, where there is room.
    """
    at = [_placed(frame, point) for point in points]
    shown = [place for place, point in enumerate(points) if inside(frame, point)]
    dots = {*_spaced(at, shown, _APART), *(place for place in shown if place == len(at) - 1)}
    return group(
        [
            _way(at, _box(frame), color),
            *(_arrow(a, b, _box(frame), color) for a, b in pairwise(at)),
            *(_dot(at[place], place, len(at) - 1, color) for place in sorted(dots)),
            *(
                _numeral(frame, at, place)
                for place in _spaced(at, [*shown[:1], *shown[-1:], *shown[1:-1]], _NUMBERED_APART)
                if numbered
            ),
        ]
    )


def _box(frame: Frame) -> tuple[float, float, float, float]:
    return frame.left, frame.top, frame.right, frame.bottom


def _placed(frame: Frame, point: Point) -> Point:
    return frame.x(point[0]), frame.y(point[1])


def _within(points: Sequence[Point], box: tuple[float, float, float, float]) -> str:
    """The commands of a path along `points`, without what lies outside `box`."""
    commands: list[str] = []
    pen: Point | None = None
    for start, end in pairwise(points):
        part = clipped(start, end, box)
        if not part:
            continue
        if part[0] != pen:
            commands.append(f"M{number(part[0][0])},{number(part[0][1])}")
        commands.append(f"L{number(part[1][0])},{number(part[1][1])}")
        pen = part[1]
    return "".join(commands)


def _way(at: Sequence[Point], box: tuple[float, float, float, float], color: str) -> Markup | None:
    d = _within(at, box)
    return element("path", d=d, class_="curve", stroke=color, stroke_width=1.5) if d else None


def _arrow(
    start: Point, end: Point, box: tuple[float, float, float, float], color: str
) -> Markup | None:
    """The head of an arrow at the end of a step, or where the step leaves the plot."""
    part = clipped(start, end, box)
    if not part or (length := math.dist(*part)) < _ROOM:
        return None
    (x1, y1), (x2, y2) = part
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    back = _CLEAR if part[1] == end else 0
    x, y = x2 - back * dx, y2 - back * dy
    barbs = [
        (x - _ARROW * (dx + side * 0.45 * dy), y - _ARROW * (dy - side * 0.45 * dx))
        for side in (1, -1)
    ]
    d = "M" + "L".join(f"{number(a)},{number(b)}" for a, b in ((x, y), *barbs)) + "Z"
    return element("path", d=d, fill=color)


def _spaced(at: Sequence[Point], places: Sequence[int], apart: float) -> list[int]:
    """Of `places` those that lie `apart` from every one kept before."""
    kept: list[int] = []
    for place in places:
        if all(math.dist(at[place], at[other]) >= apart for other in reversed(kept)):
            kept.append(place)
    return kept


def _dot(at: Point, place: int, last: int, color: str) -> Markup:
    """A step: a full dot with a rim if it is the last, a ring if the first, else a small dot."""
    x, y = at
    if place == last:
        return element("circle", cx=x, cy=y, r=5, fill=color, stroke="#fff", stroke_opacity=0.85)
    if place == 0:
        return element("circle", cx=x, cy=y, r=5, fill="none", stroke=color, stroke_width=2)
    return element("circle", cx=x, cy=y, r=2.6, fill=color)


def _numeral(frame: Frame, at: Sequence[Point], place: int) -> Markup:
    """The number of a dot, on the side away from the dots before and after it."""
    x, y = at[place]
    dx, dy = _outward(at, place)
    if not frame.top < y + 13 * dy < frame.bottom - 6:
        dy = -dy
    return label(str(place), x + 13 * dx, y + 13 * dy + 4, text_anchor="middle", font_size=11)


def _outward(at: Sequence[Point], place: int) -> Point:
    """The direction, of length 1, away from a way: ahead of a sharp turn, else where it bulges."""
    x, y = at[place]
    (x1, y1), (x2, y2) = at[max(place - 1, 0)], at[min(place + 1, len(at) - 1)]
    ahead = _unit((2 * x - x1 - x2, 2 * y - y1 - y2))
    if place in (0, len(at) - 1):
        return _unit((ahead[0], ahead[1] + 1))  # a little lower than straight on
    if (x - x1) * (x2 - x) + (y - y1) * (y2 - y) < 0:
        return ahead
    across = _unit((y1 - y2, x2 - x1))
    side = math.copysign(1, across[0] * ahead[0] + across[1] * ahead[1])
    return side * across[0], side * across[1]


def _unit(vector: Point) -> Point:
    length = math.hypot(*vector)
    return (vector[0] / length, vector[1] / length) if length > 1e-9 else (0.0, 1.0)
