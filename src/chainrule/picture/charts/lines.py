"""Lines over a common axis: how loss and accuracy went, epoch by epoch (floor 0).

Each line is named where it ends, so that no legend has to be looked up; where two ends meet their
names move apart. Resting the mouse on the plot shows the values there, by style alone, without a
script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import Axis, drawable, linear_axis, log_axis
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.markup import Markup, element, join, number
from chainrule.picture.palette import series_color, series_dash
from chainrule.picture.svg import Svg, group, label, line
from chainrule.picture.text import shorten, text_width

__all__ = ["line_chart", "spread"]

_TIE = 16  # pixels from a line's end to its name
_WIDE_SPACE = "\N{EN SPACE}"
_NAME_HEIGHT = 16  # pixels from one name at the right edge to the next
_TINY = 1e-300  # what is no greater has no place on a logarithmic axis
_MOST_STOPS = 120  # places where the mouse finds values


@dataclass(frozen=True)
class _Curve:
    """One line: its name, look, and points `(x, y)`, of which some may have no place on paper."""

    name: str
    color: str
    dash: str | None
    points: tuple[tuple[float, float], ...]

    def runs(self) -> Iterator[list[tuple[float, float]]]:
        """Yield the stretches between gaps."""
        for seen, run in groupby(self.points, key=lambda point: drawable(point[1])):
            if seen:
                yield list(run)

    def seen(self) -> list[tuple[float, float]]:
        """Return the points that have a place on paper."""
        return [point for run in self.runs() for point in run]


def line_chart(
    series: Mapping[str, ArrayLike],
    *,
    x: Sequence[float] | None = None,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    marks: Mapping[float, str] | None = None,
    y_format: Literal["number", "%"] = "number",
    log_x: bool = False,
    log_y: bool = False,
    width: float = 640,
    height: float = 360,
) -> Svg:
    """Draw one line for each series.

    Args:
        series: values by name, each of shape `(N,)`, or `(N, 2)` for points x, y of its own.
            NaN and infinity leave a gap, and so does zero or less where `log_y` is set.
        x: where the values of shape `(N,)` stand; 1, 2, 3, ... if not given.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        marks: upright lines by their x, each with its text: `{7: "best epoch"}`.
        y_format: `"%"` writes 0.25 as 25 %.
        log_x: equal ratios equally far apart; what stands at zero or less is left out.
        log_y: the same upwards.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        The chart; with nothing to draw, an empty frame that says so.

    Raises:
        ShapeError: a series is of another shape, or not as long as `x`.

    Examples:
        >>> loss = {"training": [2.3, 0.9, 0.4], "validation": [2.2, 1.1, 0.9]}
        >>> chart = line_chart(loss, title="Loss", x_label="epoch", marks={2: "best"})
        >>> chart.description
        'training: from 2.3 to 0.4, least 0.4 at 3; validation: from 2.2 to 0.9, least 0.9 at 3'
    """
    curves = [
        _Curve(name, series_color(i), series_dash(i), _points(name, values, x, log_x, log_y))
        for i, (name, values) in enumerate(series.items())
    ]
    marks = {at: text for at, text in (marks or {}).items() if _has_place(at, log_x)}
    across = _across(curves, marks, x_label, log=log_x)
    up = _up(curves, y_label, percent=y_format == "%", log=log_y)
    beside = min(_beside(curves), 0.3 * width)
    frame = framed(width, across, up, height=height, title=title, marks=bool(marks), beside=beside)
    body = [
        frame.drawn(),
        *(_mark(frame, at, text) for at, text in marks.items()),
        *(_drawn(frame, curve) for curve in curves),
        _names(frame, width, curves),
        _stops(frame, curves),
        None if any(curve.seen() for curve in curves) else _nothing(frame),
    ]
    described = "; ".join(_in_words(frame, curve) for curve in curves)
    return Svg(width, height, title or "line chart", described, join(body))


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Move numbers until they are `apart`: downwards first, and back where `high` is passed.

    Args:
        wanted: where each would like to be, in any order.
        apart: the least distance between two.
        low: none lies below, unless there are too many to fit.
        high: none lies above.

    Returns:
        One number for each of `wanted`, in its order.

    Examples:
        >>> spread([50, 52, 10], apart=16, low=0, high=60)
        [44, 60, 10]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [max(low, wanted[i]) for i in order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + apart)
    ceiling = high
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - apart
    moved = dict(zip(order, placed, strict=True))
    return [moved[i] for i in range(len(wanted))]


def _points(
    name: str, values: ArrayLike, x: Sequence[float] | None, log_x: bool, log_y: bool
) -> tuple[tuple[float, float], ...]:
    """The points of a series, those without a place across left out."""
    array: NDArray[Any] = np.asarray(values, dtype=float)
    if array.size == 0:
        return ()
    if array.ndim == 1:
        across = np.arange(1.0, len(array) + 1) if x is None else np.asarray(x, dtype=float)
        if across.shape != array.shape:
            raise ShapeError(
                f"series {name!r} has {len(array)} values for {len(across)} places on the x axis; "
                f"give one x for each value, or NaN where a value is missing"
            )
        array = np.stack([across, array], axis=1)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ShapeError(
            f"series {name!r}: expected values of shape (N,) or points of shape (N, 2), "
            f"got {array.shape}"
        )
    for column, log in enumerate((log_x, log_y)):
        if log:
            array = array.copy()
            array[~(array[:, column] > _TINY), column] = np.nan
    return tuple((a, b) for a, b in array.tolist() if drawable(a))


def _has_place(at: float, log: bool) -> bool:
    return drawable(at) and (at > _TINY or not log)


def _across(curves: Sequence[_Curve], marks: Iterable[float], name: str, *, log: bool) -> Axis:
    values = [at for curve in curves for at, _ in curve.points] + list(marks)
    if log:
        return log_axis(values, name=name)
    whole = all(float(at).is_integer() for at in values if drawable(at))
    return linear_axis(values, name=name, whole=whole, tight=True)


def _up(curves: Sequence[_Curve], name: str, *, percent: bool, log: bool) -> Axis:
    values = [value for curve in curves for _, value in curve.seen()]
    return log_axis(values, name=name) if log else linear_axis(values, name=name, percent=percent)


def _beside(curves: Sequence[_Curve]) -> float:
    """The room that the names need at the right of the plot."""
    return max(
        (_TIE + 8 + text_width(curve.name) for curve in curves if curve.name and curve.seen()),
        default=0,
    )


def _drawn(frame: Frame, curve: _Curve) -> Markup:
    """The stretches between gaps as lines, a value alone among gaps as a dot."""
    return join(
        _path(frame, curve, run) if len(run) > 1 else _dot(frame, curve, run[0])
        for run in curve.runs()
    )


def _path(frame: Frame, curve: _Curve, run: Sequence[tuple[float, float]]) -> Markup:
    points = _thinned([(frame.x(a), frame.y(b)) for a, b in run])
    return element(
        "path",
        d="M" + " ".join(f"{number(a)},{number(b)}" for a, b in points),
        class_="curve",
        stroke=curve.color,
        stroke_dasharray=curve.dash,
    )


def _dot(frame: Frame, curve: _Curve, point: tuple[float, float]) -> Markup:
    return element("circle", cx=frame.x(point[0]), cy=frame.y(point[1]), r=3, fill=curve.color)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of the points in one column of pixels only the first, the lowest, the highest and the last.

    A line through these covers the same pixels as a line through all of them.
    """
    kept = []
    for _, same in groupby(points, key=lambda point: int(point[0])):
        column = list(same)
        heights = [b for _, b in column]
        ends = {0, len(column) - 1, heights.index(min(heights)), heights.index(max(heights))}
        kept += [column[i] for i in sorted(ends)]
    return kept


def _mark(frame: Frame, at: float, text: str) -> Markup:
    """An upright line, its text above it and inside the plot's width."""
    x, half = frame.x(at), text_width(text) / 2
    middle = min(max(x, frame.left + half), max(frame.right - half, frame.left + half))
    return group(
        [
            line(x, frame.top - 4, x, frame.bottom, class_="mark"),
            label(text, middle, frame.top - 10, class_="soft", text_anchor="middle"),
        ]
    )


def _names(frame: Frame, width: float, curves: Sequence[_Curve]) -> Markup:
    """The name of each line where it ends, tied to it by a stroke of its colour."""
    ends = [
        (curve, frame.y(curve.seen()[-1][1])) for curve in curves if curve.name and curve.seen()
    ]
    heights = spread([end for _, end in ends], _NAME_HEIGHT, frame.top, frame.bottom)
    left = frame.right + _TIE + 4
    return group(
        part
        for (curve, end), height in zip(ends, heights, strict=True)
        for part in (
            _tie(frame, curve, end, height),
            label(shorten(curve.name, width - left), left, height + 4),
        )
    )


def _tie(frame: Frame, curve: _Curve, end: float, height: float) -> Markup:
    return line(
        frame.right + 4, end, frame.right + _TIE, height, class_="curve", stroke=curve.color
    )


def _stops(frame: Frame, curves: Sequence[_Curve]) -> Markup:
    """Upright bands over the plot; the one under the mouse shows the values of its x."""
    values: dict[float, list[tuple[_Curve, float]]] = {}
    for curve in curves:
        for at, value in curve.seen():
            values.setdefault(at, []).append((curve, value))
    stops = sorted(values)
    stops = stops[:: -(-len(stops) // _MOST_STOPS) or 1]
    middles = [(frame.x(a) + frame.x(b)) / 2 for a, b in pairwise(stops)]
    return group(
        group([_band(frame, begin, end), _tip(frame, at, values[at])])
        for at, (begin, end) in zip(stops, pairwise([frame.left, *middles, frame.right]))
    )


def _band(frame: Frame, begin: float, end: float) -> Markup:
    height = frame.bottom - frame.top
    return element(
        "rect", x=begin, y=frame.top, width=max(end - begin, 0), height=height, class_="stop"
    )


def _tip(frame: Frame, at: float, values: Sequence[tuple[_Curve, float]]) -> Markup:
    x = frame.x(at)
    told = [f"{frame.across.name} {frame.across.told(at)}".strip()]
    told += [f"{curve.name} {frame.up.told(value)}".strip() for curve, value in values]
    return group(
        [
            line(x, frame.top, x, frame.bottom, class_="axis"),
            *(_dot(frame, curve, (at, value)) for curve, value in values),
            label(_WIDE_SPACE.join(told), frame.right, 14, text_anchor="end"),
        ],
        class_="tip",
    )


def _nothing(frame: Frame) -> Markup:
    return label(
        "no values",
        (frame.left + frame.right) / 2,
        (frame.top + frame.bottom) / 2,
        class_="soft",
        text_anchor="middle",
    )


def _in_words(frame: Frame, curve: _Curve) -> str:
    """What the line shows, for whoever cannot see it."""
    seen, told = curve.seen(), frame.up.told
    if not seen:
        return f"{curve.name}: no values".lstrip(": ")
    best, word = (max, "greatest") if frame.up.percent else (min, "least")
    at, extreme = best(seen, key=lambda point: point[1])
    return (
        f"{curve.name}: from {told(seen[0][1])} to {told(seen[-1][1])}, ".lstrip(": ")
        + f"{word} {told(extreme)} at {frame.across.told(at)}"
    )
