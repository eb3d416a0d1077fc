"""Several pictures as one, below or beside one another (floor 0)."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.errors import DataError
from chainrule.picture.markup import element, join
from chainrule.picture.svg import Svg, label

__all__ = ["stacked"]

_GAP = 26


def stacked(
    pictures: Sequence[Svg], *, title: str = "", note: str = "", across: bool = False
) -> Svg:
    """Set pictures below one another, or beside one another.

    Args:
        pictures: in order.
        title: of the whole.
        note: a line beneath the whole.
        across: beside, rather than below.

    Raises:
        DataError: no pictures.

    Examples:
        >>> dot = Svg(8, 6, "a dot", "one", element("circle", cx=4, cy=4, r=3))
        >>> both = stacked([dot, dot], across=True)
        >>> both.width, both.height, both.description
        (42, 6, 'a dot: one; a dot: one')
    """
    if not pictures:
        raise DataError("stacked: expected one picture or more, got none")
    top = 30 * bool(title)
    x, y = 0.0, float(top)
    parts = [label(title, 0, 14, class_="title")] if title else []
    for picture in pictures:
        parts.append(element("g", picture.body, transform=f"translate({x:.1f} {y:.1f})"))
        x, y = (x + picture.width + _GAP, y) if across else (x, y + picture.height + _GAP)
    if across:
        width = sum(p.width for p in pictures) + _GAP * (len(pictures) - 1)
        height = top + max(p.height for p in pictures)
    else:
        width = max(p.width for p in pictures)
        height = y - _GAP
    if note:
        parts.append(label(note, 0, height + 18, class_="soft"))
        height += 22
    words = "; ".join(f"{p.title}: {p.description}" for p in pictures)
    return Svg(width, height, title or pictures[0].title, words, join(parts))
