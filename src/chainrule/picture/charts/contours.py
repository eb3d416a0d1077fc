"""A surface seen from above: shade and lines of equal height, and ways across it (floor 0).

The scale at the right says which heights the lines and the shades are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.picture.charts.axis import format_value, linear_axis, whole_zero
from chainrule.picture.charts.descent import reached
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.charts.levels import level_lines
from chainrule.picture.charts.plane import inside, names, trail
from chainrule.picture.charts.relief import Relief, relief_of, shares
from chainrule.picture.charts.tangents import curve_points
from chainrule.picture.markup import Markup, element, join, number
from chainrule.picture.palette import SERIES, rgb
from chainrule.picture.png import data_uri, encode_png
from chainrule.picture.svg import Svg, group, label

__all__ = ["contour_chart"]

_HUE = "#4a6a8a"
_HIGH, _LOW = 0.03, 0.62  # opacity of the shade on the heights and in the valleys
_BESIDE = 76  # pixels at the right of the plot for the scale


def contour_chart(
    heights: ArrayLike,
    extent: tuple[float, float, float, float],
    paths: Mapping[str, ArrayLike] | None = None,
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    width: float = 560,
) -> Svg:
    """Draw a surface from above, with the ways of one or several descents.

    Args:
        heights: shape `(H, W)`, at the nodes of a grid, the first row at the least y; what is not
            finite is left blank.
        extent: x of the first and the last column, y of the first and the last row.
        paths: points `(T, 2)` by name, the start first; one alone needs no name.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        width: of the picture, in pixels. Its height follows, as both axes have one scale unless
            the plane is very wide or very high.

    Returns:
        The chart: the lower, the stronger its shade. Ways that leave it are cut off at its edge.

    Raises:
        ShapeError: heights that are no grid, or paths that are not of shape `(T, 2)`.
        DataError: no height is finite.

    Examples:
        >>> y, x = np.mgrid[-1:1:21j, -1:1:21j]
        >>> bowl = contour_chart(x**2 + y**2, (-1, 1, -1, 1), {"": [(1, 1), (0.5, 0.5), (0, 0)]})
        >>> bowl.description
        'heights from 0 to 2; from (1, 1) to (0, 0) in 2 steps'
    """
    relief = relief_of(np.asarray(heights, dtype=float))
    ways = {name: reached(curve_points(name, way)) for name, way in (paths or {}).items()}
    across = linear_axis(extent[:2], name=x_label, tight=True)
    up = linear_axis(extent[2:], name=y_label, tight=True)
    ratio = min(max((up.high - up.low) / (across.high - across.low), 0.5), 1.2)
    named = any(ways)
    frame = framed(width, across, up, ratio=ratio, title=title, marks=named, beside=_BESIDE)
    colors = dict(zip(ways, (SERIES[1], SERIES[0], *SERIES[2:]) * len(ways)))  # a way is orange
    told = "; ".join([_heights_in_words(relief), *(_in_words(frame, *way) for way in ways.items())])
    body = [
        _shade(frame, relief),
        frame.drawn(),
        _lines(frame, relief),
        *(trail(frame, way, colors[name]) for name, way in ways.items() if way),
        names(frame, {name: color for name, color in colors.items() if name}),
        _scale(frame, relief),
    ]
    return Svg(width, frame.height, title or "surface", told, join(body))


def _opacity(share: Any) -> Any:
    return np.rint(255 * (_LOW + (_HIGH - _LOW) * share)).astype(np.uint8)


def _painted(opacity: NDArray[Any]) -> str:
    pixels = np.empty((*opacity.shape, 4), dtype=np.uint8)
    pixels[..., :3] = rgb(_HUE)
    pixels[..., 3] = opacity
    return data_uri(encode_png(pixels))


def _shade(frame: Frame, relief: Relief) -> Markup:
    """The heights as a small picture, which the viewer enlarges smoothly."""
    known = np.isfinite(relief.heights)
    opacity = np.where(known, _opacity(relief.share(np.where(known, relief.heights, 0))), 0)
    return element(
        "image",
        href=_painted(opacity[::-1]),
        x=frame.left,
        y=frame.top,
        width=frame.right - frame.left,
        height=frame.bottom - frame.top,
        preserveAspectRatio="none",
    )


def _lines(frame: Frame, relief: Relief) -> Markup:
    rows, columns = relief.heights.shape
    wide = (frame.right - frame.left) / (columns - 1)
    high = (frame.bottom - frame.top) / (rows - 1)

    def path(line: Sequence[tuple[float, float]]) -> str:
        points = ((frame.left + wide * a, frame.bottom - high * b) for a, b in line)
        return "M" + " ".join(f"{number(round(x, 1))},{number(round(y, 1))}" for x, y in points)

    drawn = (
        "".join(path(line) for line in level_lines(relief.heights, relief.level(share)))
        for share in shares()
    )
    return group(
        (element("path", d=d) for d in drawn if d),
        fill="none",
        stroke="currentColor",
        stroke_opacity=0.28,
    )


def _scale(frame: Frame, relief: Relief) -> Markup:
    """Which shade is which height, at the right of the plot, the highest uppermost."""
    left, wide = frame.right + 14, 12
    tall = min(frame.bottom - frame.top, 200)
    told = [0.0, *shares()[2:-1:3], 1.0]
    return group(
        [
            element(
                "image",
                href=_painted(_opacity(np.linspace(1, 0, 64))[:, None]),
                x=left,
                y=frame.top,
                width=wide,
                height=tall,
                preserveAspectRatio="none",
            ),
            *(
                label(
                    relief.told(relief.level(share), digits=2),
                    left + wide + 6,
                    frame.top + tall * (1 - share) + 4,
                    class_="soft",
                    font_size=11,
                )
                for share in told
            ),
        ]
    )


def _heights_in_words(relief: Relief) -> str:
    return f"heights from {relief.told(relief.low)} to {relief.told(relief.high)}"


def _in_words(frame: Frame, name: str, way: Sequence[tuple[float, float]]) -> str:
    if not way:
        return f"{name}: no step that can be drawn".lstrip(": ")
    wide, tall = frame.across.high - frame.across.low, frame.up.high - frame.up.low
    ends = [
        f"({format_value(whole_zero(a, wide))}, {format_value(whole_zero(b, tall))})"
        for a, b in (way[0], way[-1])
    ]
    steps = len(way) - 1
    told = f"{name}: from {ends[0]} to {ends[1]} in {steps} step{'s' * (steps != 1)}".lstrip(": ")
    outside = sum(not inside(frame, point) for point in way)
    return told + (f", {outside} of {len(way)} points outside the picture" if outside else "")
