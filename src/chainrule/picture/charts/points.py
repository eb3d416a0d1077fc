"""Points in a plane, by class or each with its name (floor 0)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import DataError, ShapeError
from chainrule.picture.charts.axis import linear_axis
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.charts.plane import zero_lines
from chainrule.picture.markup import Markup, element, join, number
from chainrule.picture.palette import SERIES, series_color
from chainrule.picture.svg import Svg, group, label
from chainrule.picture.text import shorten, text_width

__all__ = ["points_chart"]

_MOST_POINTS = 2000
_MOST_NAMES = 400
_MOST_CLASSES = 24  # are told apart; beyond, colours and shapes are all taken
_SIZE = 3.4  # pixels from the middle of a point to its edge


def points_chart(
    points: ArrayLike,
    classes: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    width: float = 520,
) -> Svg:
    """Draw points, those of a class in one colour and shape, with its name in their midst.

    Args:
        points: shape `(N, 2)`; those of which a coordinate is not finite are left out.
        classes: of each point the name of its class.
        names: of each point a name of its own, written in its place.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        width: of the picture, in pixels; its height follows.

    Returns:
        The chart; of many points some taken evenly, and it says so.

    Raises:
        ShapeError: points of another shape, or not one class or name for each.
        DataError: no point has a place.

    Examples:
        >>> points_chart([(0, 1), (1, 0), (1, 1)], ["cat", "dog", "cat"]).description
        '3 points: 2 of cat, 1 of dog'
    """
    at, kinds, words = _checked(points, classes, names)
    across = linear_axis(_roomy(at[:, 0]), name=x_label, tight=True)
    up = linear_axis(_roomy(at[:, 1]), name=y_label, tight=True)
    order = list(dict.fromkeys(sorted(set(kinds), key=_by_number)))
    frame = framed(width, across, up, ratio=0.8, title=title, marks=False)
    every = -(-len(at) // (_MOST_NAMES if words else _MOST_POINTS))
    shown = range(0, len(at), every)
    if words:
        drawn = [_named(frame, at[i], words[i], _look(order, kinds, i)[0]) for i in shown]
    else:
        drawn = [_dots(frame, at, kinds, shown, name, k) for k, name in enumerate(order or [""])]
    body = [
        frame.drawn(),
        zero_lines(frame),
        *drawn,
        *(_midst(frame, at, kinds, name, k) for k, name in enumerate(order[:_MOST_CLASSES])),
        _sampled(frame, len(shown), len(at)) if every > 1 else None,
    ]
    return Svg(width, frame.height, title or "points", _in_words(len(at), kinds, order), join(body))


def _checked(
    points: ArrayLike, classes: Sequence[str] | None, names: Sequence[str] | None
) -> tuple[NDArray[Any], list[str], list[str]]:
    at: NDArray[Any] = np.asarray(points, dtype=float)
    if at.ndim != 2 or at.shape[1] != 2:
        raise ShapeError(f"points: expected shape (N, 2), got {at.shape}")
    for what, given in (("classes", classes), ("names", names)):
        if given is not None and len(given) != len(at):
            raise ShapeError(f"{len(at)} points with {len(given)} {what}; give one each")
    seen = np.all(np.abs(at) < 1e300, axis=1)
    if not seen.any():
        raise DataError("points: expected one or more that are finite, got none")
    kept = np.flatnonzero(seen).tolist()
    kinds = [str(classes[i]) for i in kept] if classes is not None else []
    return at[kept], kinds, [str(names[i]) for i in kept] if names is not None else []


def _roomy(values: NDArray[Any]) -> list[float]:
    """Where an axis begins and ends: a little outside of the values."""
    low, high = float(values.min()), float(values.max())
    return [low - 0.05 * (high - low), high + 0.05 * (high - low)]


def _by_number(name: str) -> tuple[float, str]:
    """The order of classes: numbers by size, other names after them by the alphabet."""
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def _look(order: Sequence[str], kinds: Sequence[str], i: int) -> tuple[str, int]:
    k = order.index(kinds[i]) if kinds else 0
    return series_color(k), k


def _dots(
    frame: Frame,
    at: NDArray[Any],
    kinds: Sequence[str],
    shown: Sequence[int],
    name: str,
    k: int,
) -> Markup:
    """The points of a class as one path: circles, then squares, triangles and crosses."""
    chosen = [i for i in shown if not kinds or kinds[i] == name]
    shape = _SHAPES[k // len(SERIES) % len(_SHAPES)]
    d = "".join(shape(frame.x(a), frame.y(b)) for a, b in at[chosen].tolist())
    if not d:
        return Markup("")
    return element("path", d=d, fill=series_color(k), fill_opacity=0.62)


def _circle(x: float, y: float) -> str:
    r = number(_SIZE)
    wide = number(2 * _SIZE)
    return f"M{number(x - _SIZE)},{number(y)}a{r},{r} 0 1 0 {wide},0a{r},{r} 0 1 0 -{wide},0"


def _square(x: float, y: float) -> str:
    s = 0.88 * _SIZE
    wide = number(2 * s)
    return f"M{number(x - s)},{number(y - s)}h{wide}v{wide}h-{wide}z"


def _triangle(x: float, y: float) -> str:
    s = 1.2 * _SIZE
    return f"M{number(x)},{number(y - s)}l{number(s)},{number(1.8 * s)}h{number(-2 * s)}z"


def _diamond(x: float, y: float) -> str:
    s = 1.3 * _SIZE
    a, b = number(s), number(-s)
    return f"M{number(x)},{number(y - s)}l{a},{a}l{b},{a}l{b},{b}z"


_SHAPES = (_circle, _square, _triangle, _diamond)


def _named(frame: Frame, at: NDArray[Any], name: str, color: str) -> Markup:
    x, y = frame.x(float(at[0])), frame.y(float(at[1]))
    return label(
        shorten(name, 90), x, y + 4, text_anchor="middle", font_size=11, style=f"fill: {color}"
    )


def _midst(frame: Frame, at: NDArray[Any], kinds: Sequence[str], name: str, k: int) -> Markup:
    """The name of a class over the middle of its points, on a ground that keeps it readable."""
    x, y = np.median(at[[kind == name for kind in kinds]], axis=0).tolist()
    short = shorten(name, 120)
    half = text_width(short, 13) / 2 + 4
    px = min(max(frame.x(x), frame.left + half), frame.right - half)
    py = frame.y(y)
    color = series_color(k)
    return group(
        [
            element(
                "rect",
                x=px - half,
                y=py - 10,
                width=2 * half,
                height=20,
                rx=5,
                fill="#fff",
                fill_opacity=0.88,
                stroke=color,
            ),
            label(
                short,
                px,
                py + 4.5,
                text_anchor="middle",
                font_size=13,
                style=f"fill: {color}; font-weight: 650",
            ),
        ]
    )


def _sampled(frame: Frame, drawn: int, of: int) -> Markup:
    text = f"{drawn:,} of {of:,} points"
    return label(text, frame.right, frame.top - 6, class_="soft", text_anchor="end")


def _in_words(count: int, kinds: Sequence[str], order: Sequence[str]) -> str:
    told = f"{count:,} point{'s' * (count != 1)}"
    if not kinds:
        return told
    return f"{told}: " + ", ".join(f"{kinds.count(name):,} of {name}" for name in order)
