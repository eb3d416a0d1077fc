"""What the sections of a run's page are made of: headings, tables, facts, pictures (floor 4).

Whatever text is given is escaped by `picture.element`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule.ops import Array
from chainrule.picture import (
    Markup,
    Svg,
    data_uri,
    element,
    encode_png,
    format_value,
    shrink,
    to_pixels,
)

__all__ = [
    "facts",
    "image",
    "is_share",
    "look_at",
    "picture",
    "scrolling",
    "section",
    "share_cell",
    "table",
]

_PICTURE_SIDE = 96  # pixels; larger pictures are averaged down


def section(name: str, title: str, reading: str, *content: str | None) -> Markup:
    """One section: its title, a sentence on how to read it, and what there is to read."""
    return element(
        "section",
        element("header", element("h2", title), element("p", reading)),
        element("div", *content, class_="content"),
        id=name,
    )


def facts(pairs: Sequence[tuple[str, str]]) -> Markup | None:
    """Names and values, a line each; nothing where there are none."""
    if not pairs:
        return None
    lines = (element("div", element("dt", name), element("dd", value)) for name, value in pairs)
    return element("dl", *lines, class_="facts")


def table(head: Iterable[Markup], rows: Iterable[Markup]) -> Markup:
    """A table of rows under a head."""
    return element("table", element("thead", element("tr", *head)), element("tbody", *rows))


def scrolling(content: Markup) -> Markup:
    """Something that may be wider than a phone."""
    return element("div", content, class_="scroll")


def look_at(chart: Svg) -> Markup:
    """A wide picture: made as narrow as can still be read, then moved sideways."""
    least = f"--least: {min(0.8 * chart.width, 560):.0f}px"
    return element("div", chart.inline(), class_="scroll", style=least)


def share_cell(share: float) -> Markup:
    """A cell of a table with a share in words and as a bar."""
    if math.isnan(share):
        return element("td", "–", class_="share")
    bar = element("i", element("b", "", style=f"width:{100 * share:.1f}%"))
    return element("td", format_value(share, percent=True), bar, class_="share")


def is_share(measure: str) -> bool:
    """Whether a measure is a share, told in percent."""
    return measure.endswith(("accuracy", "precision", "recall", "f1"))


def image(image: Array, alt: str) -> Markup:
    """An image with values 0 to 1, made small enough for a page."""
    return picture(shrink(to_pixels(image), _PICTURE_SIDE), alt)


def picture(pixels: NDArray[np.uint8], alt: str) -> Markup:
    """Small pictures are enlarged as the squares they are made of, large ones smoothly."""
    small = max(pixels.shape[:2]) < 64
    return element(
        "img",
        src=data_uri(encode_png(pixels)),
        alt=alt,
        class_="pixelated" if small else None,
    )
