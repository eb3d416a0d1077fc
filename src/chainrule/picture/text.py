"""How wide a text will be, and how to shorten it (floor 0, the standard library only).

No font is at hand when a picture is laid out, and each reader has another one. These widths are a
little generous, so that what is made to fit here fits everywhere.
"""

from __future__ import annotations

import unicodedata

__all__ = ["shorten", "text_width"]

_NARROW = frozenset(" !'(),./:;I[\\]fijlrt|")
_BROAD = frozenset("#%+<=>@MW_mw~")


def text_width(text: str, size: float = 12) -> float:
    """Return about how many pixels `text` takes at a font size of `size` pixels.

    Examples:
        >>> text_width("ship") < text_width("zebra") < text_width("SAMOVAR")
        True
    """
    return size * sum(_em(character) for character in text)


def shorten(text: str, width: float, size: float = 12) -> str:
    """Return `text`, or as much of its beginning as fits into `width` pixels, and an ellipsis.

    Examples:
        >>> shorten("cat", 100)
        'cat'
        >>> shorten("Oryctolagus cuniculus", 80)
        'Oryctolagus…'
    """
    if text_width(text, size) <= width:
        return text
    room = width - text_width("…", size)
    kept = 0
    for character in text:
        room -= size * _em(character)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def _em(character: str) -> float:
    """The width of one character as a share of the font size."""
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character in _NARROW:
        return 0.36
    if character in _BROAD:
        return 0.92
    return 0.7 if character.isupper() else 0.6
