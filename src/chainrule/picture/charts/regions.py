"""What a classifier says all over a plane, and the points it learned from (floor 0).

Each place has the colour of the class that is likeliest there, the stronger the surer; where two
classes meet the colour fades, and that pale seam is the decision boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import linear_axis
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import rgb, series_color
from chainrule.picture.png import data_uri, encode_png
from chainrule.picture.svg import Svg, group, label
from chainrule.picture.text import shorten, text_width

__all__ = ["region_chart"]

_MOST_POINTS = 1500
_FAINT, _STRONG = 0.04, 0.46  # opacity where the classifier does not know, and where it is sure


def region_chart(
    probabilities: ArrayLike,
    extent: tuple[float, float, float, float],
    points: ArrayLike,
    targets: ArrayLike,
    labels: Sequence[str],
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    width: float = 460,
) -> Svg:
    """Draw the regions of a classifier of points in the plane.

    Args:
        probabilities: shape `(H, W, K)`, the probability of each class at the nodes of a grid,
            the first row at the least y; or `(H, W)`, the class itself, 0 to K - 1.
        extent: x of the first and the last column, y of the first and the last row.
        points: shape `(N, 2)`, drawn over the regions; may be empty.
        targets: shape `(N,)`, the class of each point, 0 to K - 1.
        labels: the names of the K classes.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        width: of the picture, in pixels. Its height follows: both axes have one scale, unless the
            plane is very wide or very high.

    Returns:
        The chart, with the names of the classes above it.

    Raises:
        ShapeError: shapes that do not fit together.

    Examples:
        >>> left_or_right = np.array([[[0.9, 0.1], [0.1, 0.9]]])
        >>> chart = region_chart(left_or_right, (-1, 1, -1, 1), [[-1, 0]], [0], ["left", "right"])
        >>> chart.description
        'left 50 % of the plane, right 50 %; 1 points'
    """
    grid = _likelihoods(probabilities, len(labels))
    dots, classes = _dots(points, targets, len(labels))
    across = linear_axis(extent[:2], name=x_label, tight=True)
    up = linear_axis(extent[2:], name=y_label, tight=True)
    ratio = min(max((up.high - up.low) / (across.high - across.low), 0.5), 1.5)
    frame = framed(width, across, up, ratio=ratio, title=title, marks=True)
    every = -(-len(dots) // _MOST_POINTS) or 1
    body = [
        _painted(frame, grid),
        frame.drawn(),
        *(_scattered(frame, dots[::every][classes[::every] == k], k) for k in range(len(labels))),
        _legend(frame, labels),
    ]
    return Svg(
        width, frame.height, title or "regions", _in_words(grid, labels, len(dots)), join(body)
    )


def _likelihoods(probabilities: ArrayLike, k: int) -> NDArray[Any]:
    """The grid as probabilities `(H, W, K)`."""
    grid: NDArray[Any] = np.asarray(probabilities)
    if grid.ndim == 2 and grid.size and grid.min() >= 0 and grid.max() < k:
        grid = np.eye(k)[grid.astype(int)]
    if grid.ndim != 3 or grid.shape[2] != k or not grid.size:
        raise ShapeError(
            f"regions of {k} classes: expected probabilities of shape (H, W, {k}) or classes "
            f"0 to {k - 1} of shape (H, W), got shape {grid.shape}"
        )
    return grid


def _dots(points: ArrayLike, targets: ArrayLike, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    dots: NDArray[Any] = np.asarray(points, dtype=float).reshape(-1, 2)
    classes: NDArray[Any] = np.asarray(targets)
    if classes.shape != (len(dots),) or (len(dots) and not 0 <= classes.min() <= classes.max() < k):
        raise ShapeError(
            f"regions: expected a class 0 to {k - 1} for each of {len(dots)} points, "
            f"got shape {classes.shape}"
        )
    return dots, classes


def _painted(frame: Frame, grid: NDArray[Any]) -> Markup:
    """The regions as a small picture, which the viewer enlarges smoothly."""
    k = grid.shape[2]
    sure = np.clip((grid.max(axis=2) - 1 / k) / (1 - 1 / k or 1), 0, 1)
    pixels = np.empty((*grid.shape[:2], 4), dtype=np.uint8)
    pixels[..., :3] = np.array([rgb(series_color(i)) for i in range(k)])[grid.argmax(axis=2)]
    pixels[..., 3] = np.rint(255 * (_FAINT + (_STRONG - _FAINT) * sure))
    return element(
        "image",
        href=data_uri(encode_png(pixels[::-1])),
        x=frame.left,
        y=frame.top,
        width=frame.right - frame.left,
        height=frame.bottom - frame.top,
        preserveAspectRatio="none",
    )


def _scattered(frame: Frame, dots: NDArray[Any], k: int) -> Markup:
    return group(
        (
            element("circle", cx=frame.x(a), cy=frame.y(b), r=3.4)
            for a, b in dots.tolist()
            if frame.across.low <= a <= frame.across.high and frame.up.low <= b <= frame.up.high
        ),
        fill=series_color(k),
        stroke="#fff",
        stroke_opacity=0.85,
    )


def _legend(frame: Frame, labels: Sequence[str]) -> Markup:
    """A dot and a name for each class, in a row that ends with the plot."""
    parts, x = [], frame.left
    for k, name in enumerate(labels):
        short = shorten(name, 120)
        if x + text_width(short) > frame.right:
            break
        parts.append(element("circle", cx=x + 5, cy=frame.top - 13, r=4, fill=series_color(k)))
        parts.append(label(short, x + 14, frame.top - 9))
        x += 30 + text_width(short)
    return group(parts)


def _in_words(grid: NDArray[Any], labels: Sequence[str], points: int) -> str:
    taken = np.bincount(grid.argmax(axis=2).ravel(), minlength=len(labels)) / grid[..., 0].size
    first, *rest = (f"{name} {100 * share:.0f} %" for name, share in zip(labels, taken))
    return ", ".join([f"{first} of the plane", *rest]) + f"; {points:,} points"
