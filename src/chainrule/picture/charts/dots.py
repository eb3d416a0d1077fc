"""Amounts against what was chosen, a dot for each (floor 0).

What was chosen is a number along an axis, or a name beside others. Made for many trials of one
thing: those that count most are drawn last and in full colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import Axis, drawable, linear_axis, log_axis
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import FAULT, SERIES
from chainrule.picture.svg import Svg
from chainrule.picture.text import shorten, text_width

__all__ = ["dots_chart"]

_LEAST = 0.25  # how strongly the dot that counts least is drawn
_LONGEST_NAME = 56  # pixels, beneath a place


def dots_chart(
    places: Sequence[float] | Sequence[str],
    amounts: Sequence[float],
    *,
    order: Sequence[str] = (),
    weights: Sequence[float] | None = None,
    best: int | None = None,
    told: Sequence[str] | None = None,
    title: str = "",
    y_label: str = "",
    y_format: Literal["number", "%"] = "number",
    log_x: bool = False,
    width: float = 320,
    height: float = 240,
) -> Svg:
    """Draw a dot for each amount over what was chosen.

    Args:
        places: numbers, or names, which stand side by side.
        amounts: as many; what is not finite is left out.
        order: of the names; those that are not in it come after, as they come.
        weights: how much each counts, 0 to 1: the more, the stronger its dot.
        best: the one to be ringed.
        told: what the mouse finds on each dot.
        title: what the picture is.
        y_label: what is measured upwards.
        y_format: `"%"` writes 0.25 as 25 %.
        log_x: equal ratios of the numbers equally far apart.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        The chart.

    Raises:
        ShapeError: not one amount, weight or text for each place.

    Examples:
        >>> chart = dots_chart(["relu", "tanh", "relu"], [0.9, 0.7, 0.8], best=0)
        >>> chart.description
        '3 dots; the ringed one 0.9 at relu'
    """
    count = len(places)
    for what, given in (("amounts", amounts), ("weights", weights), ("texts", told)):
        if given is not None and len(given) != count:
            raise ShapeError(f"dots: {count} places with {len(given)} {what}; give one each")
    across, at = _across(places, order, log_x)
    known = [amount for amount in amounts if drawable(amount)]
    up = linear_axis(known, name=y_label, percent=y_format == "%")
    frame = framed(width, _legible(across, width), up, height=height, title=title)
    strengths = [1.0] * count if weights is None else list(weights)
    later = sorted(range(count), key=lambda i: (i == best, strengths[i]))
    dots = [
        _dot(frame, at[i], amounts[i], strengths[i], i == best, told[i] if told else "")
        for i in later
        if drawable(amounts[i]) and drawable(at[i])
    ]
    words = f"{len(dots):,} dots"
    if best is not None:
        words += f"; the ringed one {up.told(amounts[best])} at {places[best]}"
    return Svg(width, height, title or "dots", words, join([frame.drawn(), *dots]))


def _across(
    places: Sequence[float] | Sequence[str], order: Sequence[str], log: bool
) -> tuple[Axis, list[float]]:
    """The axis, and where on it each place lies."""
    if any(isinstance(place, str) for place in places):
        names = list(dict.fromkeys([*order, *map(str, places)]))
        ticks = tuple(float(i) for i in range(len(names)))
        labels = tuple(shorten(name, _LONGEST_NAME) for name in names)
        axis = Axis(-0.5, len(names) - 0.5, ticks, labels)
        return axis, [float(names.index(str(place))) for place in places]
    numbers = [float(place) for place in places]
    if log:
        numbers = [number if number > 0 else math.nan for number in numbers]
        return log_axis([n for n in numbers if drawable(n)]), numbers
    return linear_axis([n for n in numbers if drawable(n)]), numbers


def _legible(axis: Axis, width: float) -> Axis:
    """The axis without ticks whose numbers would run into those before them."""
    kept: list[tuple[float, str]] = []
    end = -math.inf
    for tick, text in zip(axis.ticks, axis.labels, strict=True):
        half, at = text_width(text) / 2, axis.fraction(tick) * 0.8 * width
        if at - half >= end:
            kept.append((tick, text))
            end = at + half + 6
    return replace(axis, ticks=tuple(t for t, _ in kept), labels=tuple(text for _, text in kept))


def _dot(frame: Frame, x: float, y: float, strength: float, ringed: bool, told: str) -> Markup:
    return element(
        "circle",
        element("title", told) if told else None,
        cx=frame.x(x),
        cy=frame.y(y),
        r=5 if ringed else 4,
        fill=FAULT if ringed else SERIES[0],
        fill_opacity=1 if ringed else _LEAST + (1 - _LEAST) * strength,
        stroke="currentColor" if ringed else None,
        stroke_width=1.5 if ringed else None,
    )
