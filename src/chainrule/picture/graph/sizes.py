"""How large the parts of a graph are, by the text in them (floor 0)."""

from __future__ import annotations

import math

from chainrule.picture.graph.model import Node
from chainrule.picture.text import text_width

__all__ = ["LINE", "SIGN", "TITLE", "card_size", "sign_size"]

LINE = 16  # from one line of text in a node to the next
SIGN = 11.0  # radius of the circle with an operator
TITLE = 22  # height of the strip with a group's name
_TABLE = 88.0  # least width of a node with named rows, so that most are as wide as each other


def card_size(node: Node) -> tuple[float, float]:
    """Return width and height of the rectangle that the text of `node` needs.

    Examples:
        >>> card_size(Node("a", "relu"))[1] < card_size(Node("a", "relu", (("", "8"),)))[1]
        True
    """
    widths = [text_width(node.title, 12.5)]
    widths += [text_width(f"{name}    {text}" if name else text, 11.5) for name, text in node.rows]
    lines = bool(node.title) + len(node.rows)
    least = _TABLE if any(name for name, _ in node.rows) else 24.0
    return max(least, math.ceil(max(widths)) + 16.0), max(1, lines) * LINE + 9.0


def sign_size(sign: str) -> tuple[float, float]:
    """Return width and height of the circle around `sign`, drawn out for a long one."""
    return max(2 * SIGN, math.ceil(text_width(sign)) + 12.0), 2 * SIGN
