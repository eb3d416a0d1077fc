"""Small images side by side, each with words beneath (floor 0)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, ShapeError
from chainrule.picture.charts.axis import format_value
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import FAULT
from chainrule.picture.pixels import diverging
from chainrule.picture.png import data_uri, encode_png
from chainrule.picture.svg import Svg, group, label
from chainrule.picture.text import shorten, text_width

__all__ = ["tile_chart"]

_GAP = 12
_MOST_WIDE = 640
_WORDS = 18  # pixels beneath an image for its words
_BAR = 180  # pixels across of the scale


def tile_chart(
    pixels: NDArray[np.uint8],
    captions: Sequence[str] | None = None,
    marked: Sequence[bool] | None = None,
    *,
    title: str = "",
    columns: int | None = None,
    together: int = 1,
    side: float = 64,
    limit: float | None = None,
    note: str = "",
) -> Svg:
    """Draw images in rows.

    Args:
        pixels: grey `(N, H, W)` or colour `(N, H, W, 3)`.
        captions: the words beneath each.
        marked: which of them get a frame and words in the colour of faults.
        title: what the picture is.
        columns: images in a row; as many as 640 pixels hold if not given.
        together: how many neighbours belong together, and stay in one row where they fit.
        side: pixels of the longer side of an image.
        limit: for pixels made by `diverging`: draw the scale from -limit to limit.
        note: a line beneath it all.

    Returns:
        The picture; pixels stay squares when it is enlarged.

    Raises:
        DataError: pixels of another shape or dtype, no image, or fewer than one column.
        ShapeError: not as many captions or marks as images.

    Examples:
        >>> two = np.zeros((2, 8, 8), dtype=np.uint8)
        >>> tile_chart(two, ["a 3", "an 8"], [False, True]).description
        '2 images: a 3; an 8 (marked)'
    """
    _check(pixels, captions, marked, columns)
    count, rows, across = pixels.shape[:3]
    wide, high = side * min(1, across / rows), side * min(1, rows / across)
    cell = max(wide, min(_longest(captions), 1.6 * side))
    columns = min(columns or _fitting(cell, together), count)
    top = 28 if title else 2
    tall = high + (_WORDS if captions else 0) + _GAP
    width = max(columns * (cell + _GAP) - _GAP, _BAR + 40 if limit is not None else 0) + 4
    below = top + -(-count // columns) * tall
    tiles = [
        _tile(
            pixels[i],
            captions[i] if captions else "",
            marked is not None and bool(marked[i]),
            (2 + i % columns * (cell + _GAP), top + i // columns * tall, wide, high, cell),
        )
        for i in range(count)
    ]
    body = [
        label(shorten(title, width, 15), 0, 14, class_="title") if title else None,
        *tiles,
        _scale(below + 4, limit) if limit is not None else None,
        label(shorten(note, width), 0, below + 14 + 34 * (limit is not None), class_="soft")
        if note
        else None,
    ]
    height = below + 34 * (limit is not None) + 22 * bool(note)
    return Svg(width, height, title or "images", _in_words(count, captions, marked), join(body))


def _check(
    pixels: NDArray[Any],
    captions: Sequence[str] | None,
    marked: Sequence[bool] | None,
    columns: int | None,
) -> None:
    deep = pixels.ndim == 4 and pixels.shape[3] == 3
    if pixels.dtype != np.uint8 or not (pixels.ndim == 3 or deep) or not pixels.size:
        raise DataError(
            f"tiles: expected uint8 pixels of shape (N, H, W) or (N, H, W, 3), "
            f"got {pixels.dtype} {pixels.shape}"
        )
    if columns is not None and columns < 1:
        raise DataError(f"tiles: expected 1 column or more, got {columns}")
    for what, given in (("captions", captions), ("marks", marked)):
        if given is not None and len(given) != len(pixels):
            raise ShapeError(f"{len(pixels)} images with {len(given)} {what}; give one each")


def _fitting(cell: float, together: int) -> int:
    """How many cells fit into a row, if it can be, without parting what belongs together."""
    fit = max(1, int((_MOST_WIDE + _GAP) // (cell + _GAP)))
    return fit // together * together or fit


def _longest(captions: Sequence[str] | None) -> float:
    return max((text_width(words) for words in captions or ()), default=0)


def _tile(
    image: NDArray[Any],
    words: str,
    marked: bool,
    place: tuple[float, float, float, float, float],
) -> Markup:
    """An image in the middle of its cell, its frame if it is marked, and its words."""
    left, top, wide, high, cell = place
    x = left + (cell - wide) / 2
    box = {"x": x, "y": top, "width": wide, "height": high}
    look: dict[str, str | float] = (
        {"stroke": FAULT, "stroke_width": 3}
        if marked
        else {"stroke": "currentColor", "stroke_opacity": 0.25}
    )
    short = shorten(words, cell + _GAP - 2)
    style = f"fill: {FAULT}; font-weight: 600" if marked else None
    middle, base = left + cell / 2, top + high + 14
    return group(
        [
            element("title", words) if short != words else None,
            element(
                "image",
                href=data_uri(encode_png(image)),
                **box,
                preserveAspectRatio="none",
                style="image-rendering: pixelated",
            ),
            element("rect", **box, fill="none", **look),
            label(short, middle, base, text_anchor="middle", style=style) if words else None,
        ]
    )


def _scale(top: float, limit: float) -> Markup:
    """Which colour is which number, from -limit at the left to limit at the right."""
    end = float(f"{limit:.2g}")
    texts = (format_value(-end), "0", format_value(end))
    anchors = ("start", "middle", "end")
    return group(
        [
            element(
                "image",
                href=data_uri(encode_png(diverging(np.linspace(-1, 1, 129))[None])),
                x=2,
                y=top,
                width=_BAR,
                height=8,
                preserveAspectRatio="none",
            ),
            *(
                label(text, 2 + _BAR * i / 2, top + 22, class_="soft", text_anchor=anchor)
                for i, (text, anchor) in enumerate(zip(texts, anchors, strict=True))
            ),
        ]
    )


def _in_words(count: int, captions: Sequence[str] | None, marked: Sequence[bool] | None) -> str:
    told = f"{count} image{'s' * (count != 1)}"
    if not captions:
        return told
    flags = marked if marked is not None else [False] * count
    words = (w + (" (marked)" if flag else "") for w, flag in zip(captions, flags, strict=True))
    return f"{told}: " + "; ".join(words)
