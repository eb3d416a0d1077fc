"""Collections of numbers, one below the other: a small histogram and figures of each (floor 0).

What a layer gives, its weights, its gradients: thousands of numbers, of which a reader wants to see
the spread, and whether it is sound. Each row has a scale of its own, written beneath its ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import DataError, ShapeError
from chainrule.picture.charts.axis import format_value
from chainrule.picture.markup import Markup, element, join, number
from chainrule.picture.palette import SERIES
from chainrule.picture.svg import Svg, group, label, line
from chainrule.picture.text import shorten, text_width

__all__ = ["Strip", "strip_chart"]

_BINS = 48
_WIDE, _TALL = 200, 34  # pixels of a histogram
_ROW = 62  # from one to the next
_LONGEST_NAME = 200
_GAP = 18


@dataclass(frozen=True)
class Strip:
    """A row of the picture.

    Attributes:
        name: what the numbers are.
        values: of any shape; what is not finite is left out, and counted.
        figures: what is written beside the histogram, by the name of its column.
        about: a second line beneath the name.
    """

    name: str
    values: ArrayLike
    figures: Mapping[str, str] = field(default_factory=dict)
    about: str = ""


def strip_chart(strips: Sequence[Strip], *, title: str = "", note: str = "") -> Svg:
    """Draw a histogram of each collection, with its name at the left and figures at the right.

    Args:
        strips: the rows, in order; all with the same columns of figures.
        title: what the picture is.
        note: a line beneath it all.

    Returns:
        The picture. The upright line in a histogram is zero; a bar's height is the root of the
        share that it holds, so that rare numbers are seen.

    Raises:
        DataError: no rows.
        ShapeError: rows with different columns.

    Examples:
        >>> strip_chart([Strip("0 (Linear)", [-1.0, 0.0, 0.5, 1.0], {"zero": "25 %"})]).description
        '0 (Linear): 4 numbers from −1 to 1, zero 25 %'
    """
    columns = _columns(strips)
    left = min(max(max(text_width(s.name), text_width(s.about, 11)) for s in strips), _LONGEST_NAME)
    at, places = left + _GAP + _WIDE, {}
    for name in columns:
        at += _GAP + max(text_width(text) for text in (name, *(s.figures[name] for s in strips)))
        places[name] = at
    width = max(at + 4, text_width(title, 15))
    top = 26 * bool(title) + 20 * bool(columns)
    body = [
        label(title, 0, 14, class_="title") if title else None,
        *(
            label(name, end, top - 4, class_="soft", text_anchor="end")
            for name, end in places.items()
        ),
        *(_row(strip, left, top + i * _ROW, places) for i, strip in enumerate(strips)),
        label(shorten(note, width), 0, top + _ROW * len(strips) + 14, class_="soft")
        if note
        else None,
    ]
    height = top + _ROW * len(strips) + 20 * bool(note)
    words = "; ".join(_in_words(strip) for strip in strips)
    return Svg(width, height, title or "histograms", words, join(body))


def _columns(strips: Sequence[Strip]) -> list[str]:
    if not strips:
        raise DataError("histograms: expected one collection of numbers or more, got none")
    columns = list(strips[0].figures)
    for strip in strips:
        if list(strip.figures) != columns:
            raise ShapeError(
                f"histograms: {strip.name!r} has the figures {list(strip.figures)}, "
                f"{strips[0].name!r} has {columns}; give all rows the same"
            )
    return columns


def _known(strip: Strip) -> NDArray[Any]:
    values: NDArray[Any] = np.asarray(strip.values, dtype=float).ravel()
    return values[np.abs(values) < 1e300]


def _row(strip: Strip, left: float, top: float, places: Mapping[str, float]) -> Markup:
    middle = top + 8 + _TALL / 2
    return group(
        [
            element("title", _in_words(strip)),
            label(shorten(strip.name, _LONGEST_NAME), 0, middle - (2 if strip.about else -4)),
            label(shorten(strip.about, left, 11), 0, middle + 14, class_="soft", font_size=11)
            if strip.about
            else None,
            _histogram(_known(strip), left + _GAP, top + 8),
            *(
                label(strip.figures[name], end, middle + 4, text_anchor="end")
                for name, end in places.items()
            ),
        ]
    )


def _histogram(values: NDArray[Any], left: float, top: float) -> Markup:
    """The bars, the line at zero, and the numbers at both ends."""
    bottom = top + _TALL
    foot = line(left, bottom, left + _WIDE, bottom, class_="axis")
    if not values.size:
        return group([foot, label("no numbers", left, bottom - 8, class_="soft", font_size=11)])
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-280):  # all are one number
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    counts, _ = np.histogram(values, _BINS, (low, high))
    heights = np.sqrt(counts / counts.max()) * (_TALL - 2)
    step = _WIDE / _BINS
    bars = "".join(
        f"M{number(left + i * step)},{number(bottom)}v{number(-h)}h{number(step - 0.6)}v{number(h)}"
        for i, h in enumerate(heights.tolist())
        if h
    )
    zero = left + (0 - low) / (high - low) * _WIDE
    ends = ((low, left, "start"), (high, left + _WIDE, "end"))
    return group(
        [
            foot,
            element("path", d=bars, fill=SERIES[0], fill_opacity=0.75),
            line(zero, top - 2, zero, bottom, class_="mark") if low < 0 < high else None,
            *(
                label(
                    format_value(float(f"{end:.3g}")),
                    at,
                    bottom + 12,
                    class_="soft",
                    text_anchor=anchor,
                    font_size=10,
                )
                for end, at, anchor in ends
            ),
        ]
    )


def _in_words(strip: Strip) -> str:
    known = _known(strip)
    lost = np.size(strip.values) - known.size
    told = f"{strip.name}: {known.size:,} numbers"
    if known.size:
        told += f" from {format_value(float(known.min()))} to {format_value(float(known.max()))}"
    if lost:
        told += f", {lost:,} not finite"
    return ", ".join([told, *(f"{name} {text}" for name, text in strip.figures.items())])
