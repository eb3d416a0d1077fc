"""What was predicted against what was true, point by point (floor 0)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import linear_axis
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import SERIES
from chainrule.picture.svg import Svg, group, label, line

__all__ = ["scatter_chart"]

_MOST_POINTS = 1500


def scatter_chart(
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    title: str = "",
    x_label: str = "truth",
    y_label: str = "predicted",
    width: float = 460,
) -> Svg:
    """Draw predictions against the truth, both axes alike, with the line where they are equal.

    Args:
        truth: shape `(N,)`.
        predicted: shape `(N,)`; pairs of which one is not finite are left out.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        width: of the picture, in pixels; its height follows, for the plot is square.

    Returns:
        The chart; of many points, 1500 taken evenly are drawn, and it says so.

    Raises:
        ShapeError: the two are not of one shape `(N,)`.

    Examples:
        >>> scatter_chart([1.0, 2.0, 3.0], [1.1, 1.9, 3.2]).description
        '3 points; the typical distance from the line of equals is 0.1'
    """
    pairs = _pairs(truth, predicted)
    both = pairs.ravel().tolist()
    across, up = (linear_axis(both, name=name) for name in (x_label, y_label))
    frame = framed(width, across, up, title=title)
    drawn = pairs[:: -(-len(pairs) // _MOST_POINTS) or 1]
    body = [
        frame.drawn(),
        _equals(frame),
        group((_point(frame, a, b) for a, b in drawn.tolist()), fill=SERIES[0], fill_opacity=0.4),
        _sampled(frame, len(drawn), len(pairs)) if len(drawn) < len(pairs) else None,
    ]
    return Svg(
        width, frame.height, title or "predicted against truth", _in_words(pairs), join(body)
    )


def _pairs(truth: ArrayLike, predicted: ArrayLike) -> NDArray[Any]:
    """The pairs of shape `(N, 2)` that have a place on paper."""
    a: NDArray[Any] = np.asarray(truth, dtype=float)
    b: NDArray[Any] = np.asarray(predicted, dtype=float)
    if a.ndim != 1 or a.shape != b.shape:
        raise ShapeError(f"scatter: expected two of one shape (N,), got {a.shape} and {b.shape}")
    pairs = np.stack([a, b], axis=1)
    return np.asarray(pairs[np.all(np.abs(pairs) < 1e300, axis=1)])


def _equals(frame: Frame) -> Markup:
    low, high = frame.across.low, frame.across.high
    return line(frame.x(low), frame.y(low), frame.x(high), frame.y(high), class_="mark")


def _point(frame: Frame, a: float, b: float) -> Markup:
    return element("circle", cx=frame.x(a), cy=frame.y(b), r=3)


def _sampled(frame: Frame, drawn: int, of: int) -> Markup:
    text = f"{drawn:,} of {of:,} points"
    return label(text, frame.right, frame.top - 8, class_="soft", text_anchor="end")


def _in_words(pairs: NDArray[Any]) -> str:
    if not len(pairs):
        return "no points"
    typical = float(np.median(np.abs(pairs[:, 0] - pairs[:, 1])))
    return f"{len(pairs):,} points; the typical distance from the line of equals is {typical:.3g}"
