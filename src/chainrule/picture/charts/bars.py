"""Named amounts as bars, one below the other, to either side of zero (floor 0)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from chainrule.errors import DataError
from chainrule.picture.charts.axis import drawable, format_value
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.svg import Svg, group, label, line
from chainrule.picture.text import shorten, text_width

__all__ = ["bar_chart"]

_ROW = 22  # pixels from one bar to the next
_TALL = 12  # of a bar
_LONGEST_NAME = 190  # pixels
_BELOW, _ABOVE = "#1f5fa8", "#b3202c"  # the ends of `diverging`: below zero, and above


def bar_chart(
    values: Mapping[str, float],
    *,
    title: str = "",
    x_label: str = "",
    most: int = 30,
    told: Callable[[float], str] = format_value,
    spreads: Mapping[str, float] = MappingProxyType({}),
    color: str | None = None,
    width: float = 560,
) -> Svg:
    """Draw one bar for each amount: red to the right of zero, blue to the left.

    Args:
        values: amounts by name, drawn in this order; what is not finite has no bar.
        title: what the picture is.
        x_label: what the length of a bar is.
        most: how many are drawn; of more it says how many there are.
        told: how an amount is written.
        spreads: by how much an amount is uncertain, by name: a line across the end of its bar.
        color: of all bars, in place of red and blue by their side.
        width: of the picture, in pixels; its height follows.

    Returns:
        The chart; its longest bar fills it.

    Raises:
        DataError: there is nothing to draw.

    Examples:
        >>> bar_chart({"age": 0.5, "weight": -0.25}, title="What moved it").description
        'age 0.5; weight −0.25'
    """
    if not values:
        raise DataError("bars: expected one amount or more by name, got none")
    shown = dict(list(values.items())[:most])
    left = 12 + min(max(text_width(name) for name in shown), _LONGEST_NAME)
    words = {name: _told(told, value, spreads.get(name)) for name, value in shown.items()}
    written = max(map(text_width, words.values())) + 10
    known = [
        value + side * spreads.get(name, 0)
        for name, value in shown.items()
        for side in (-1, 1)
        if drawable(value)
    ]
    below, above = -min([0.0, *known]), max([0.0, *known])
    begin, end = left + (written if below else 8), width - (written if above else 8)
    scale = (end - begin) / ((below + above) or 1)
    zero = begin + below * scale
    top = 6 + 20 * bool(title) + 20 * bool(x_label)
    bottom = top + _ROW * len(shown)
    rows = [
        _row(
            name, value, spreads.get(name, 0), words[name], color, left, zero, scale, top + i * _ROW
        )
        for i, (name, value) in enumerate(shown.items())
    ]
    rest = len(values) - len(shown)
    body = [
        label(shorten(title, width, 15), 0, 14, class_="title") if title else None,
        label(x_label, 0, 14 + 20 * bool(title), class_="soft") if x_label else None,
        *rows,
        line(zero, top, zero, bottom, class_="axis"),
        label(f"and {rest:,} more", 0, bottom + 16, class_="soft") if rest else None,
    ]
    described = "; ".join(f"{name} {words[name]}" for name in shown)
    height = bottom + 4 + 18 * bool(rest)
    return Svg(width, height, title or "bars", described, join(body))


def _told(told: Callable[[float], str], value: float, spread: float | None) -> str:
    return told(value) if spread is None else f"{told(value)} ± {told(spread)}"


def _row(
    name: str,
    value: float,
    spread: float,
    told: str,
    color: str | None,
    left: float,
    zero: float,
    scale: float,
    top: float,
) -> Markup:
    """The name, the bar, and the amount where the bar ends."""
    short = shorten(name, _LONGEST_NAME)
    length = abs(value) * scale if drawable(value) else 0.0
    up = value >= 0 or math.isnan(value)
    end = zero + length if up else zero - length
    middle = top + _ROW / 2
    reach = spread * scale if drawable(value) else 0.0
    return group(
        [
            element("title", f"{name}: {told}"),
            label(short, left - 8, middle + 4, text_anchor="end"),
            element(
                "rect",
                x=min(zero, end),
                y=middle - _TALL / 2,
                width=length,
                height=_TALL,
                fill=color or (_ABOVE if up else _BELOW),
                fill_opacity=0.8,
            ),
            line(end - reach, middle, end + reach, middle, class_="axis") if reach else None,
            label(
                told,
                end + (reach + 6 if up else -reach - 6),
                middle + 4,
                class_="soft",
                text_anchor="start" if up else "end",
            ),
        ]
    )
