"""Elements of SVG and HTML as text, escaped by construction (floor 0).

`element` makes one element. A child that is a plain string is text and is escaped; a child that is
`Markup` came from `element` and is taken as it stands. Nothing that comes from outside, a class
name or a file name, can therefore become markup by being forgotten. This module knows no picture
and no page, only tags, attributes and characters.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

__all__ = ["Markup", "element", "escape", "join", "number"]

# What XML has no place for: control characters, and the lone surrogates of undecodable file names.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Markup(str):
    """Text that already is markup. `element`, `escape` and `join` make it."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Return `text` so that it reads as itself inside an element or a quoted attribute.

    Examples:
        >>> print(escape('<script>"'))
        &lt;script&gt;&quot;
    """
    return Markup(html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)))


def number(value: float) -> str:
    """Return a coordinate to a hundredth of a pixel, as briefly as it can be written.

    Examples:
        >>> number(12.0), number(0.125), number(-0.001)
        ('12', '0.12', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(tag: str, *children: str | None, **attributes: str | float | None) -> Markup:
    """Return one element as markup.

    Args:
        tag: its name, `"rect"` or `"td"`.
        *children: what stands inside: `Markup` as it is, other text escaped, `None` left out.
            Without any the element closes itself; an empty text gives `<td></td>`.
        **attributes: by name, `_` for `-` and one `_` at the end where Python keeps the word for
            itself (`class_`); numbers to a hundredth, `None` left out.

    Returns:
        The element, ready to be a child of another.

    Examples:
        >>> print(element("text", "a < b", x=1.5, class_="label", text_anchor="end"))
        <text x="1.5" class="label" text-anchor="end">a &lt; b</text>
        >>> print(element("g", element("rect", width=3), None))
        <g><rect width="3"/></g>
    """
    opening = tag + "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if not children:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{join(children)}</{tag}>")


def join(parts: Iterable[str | None]) -> Markup:
    """Return the parts one after another, those that are plain text escaped.

    Examples:
        >>> print(join(["2 < 3", None, element("br")]))
        2 &lt; 3<br/>
    """
    return Markup(
        "".join(
            part if isinstance(part, Markup) else escape(part) for part in parts if part is not None
        )
    )


def _attribute(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else number(value)
