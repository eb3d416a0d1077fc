"""A graph as a picture (floor 0): frames first, then lines, then nodes and their text."""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.picture.graph.layout import Box, Layout, arranged
from chainrule.picture.graph.level import Stroke
from chainrule.picture.graph.model import Direction, Graph, Kind, Node
from chainrule.picture.graph.sizes import LINE, SIGN, TITLE
from chainrule.picture.markup import Markup, element, join, number
from chainrule.picture.palette import SERIES
from chainrule.picture.svg import Svg, group, label
from chainrule.picture.text import text_width

__all__ = ["drawn"]

_COLORS: dict[Kind, str] = {
    "leaf": SERIES[0],
    "input": SERIES[3],
    "output": SERIES[1],
    "operation": SERIES[2],
    "module": SERIES[0],
}
_HEAD = 6.5  # length of an arrowhead
_REMARK = 30  # height of the line with the remark


def drawn(graph: Graph) -> Svg:
    """Draw `graph`.

    Raises:
        DataError: its edges lead in a circle.

    Examples:
        >>> from chainrule.picture.graph.model import Edge
        >>> svg = drawn(Graph("a", [Node("a"), Node("b")], [Edge("a", "b")], description="b of a"))
        >>> svg.title, svg.description
        ('a', 'b of a')
    """
    layout = arranged(graph)
    top = _REMARK if graph.remark else 0
    body = [
        label(graph.remark, 0, 12, class_="soft") if graph.remark else None,
        group(_parts(graph, layout), transform=f"translate(0 {top})"),
    ]
    width = max(layout.width, text_width(graph.remark))
    return Svg(width, layout.height + top, graph.title, graph.description, join(body))


def _parts(graph: Graph, layout: Layout) -> Iterable[Markup]:
    for each in graph.groups:
        yield _frame(each.title, layout.frames[each.key], layout.names[each.key])
    yield group(_lines(layout, graph.direction), fill="none", stroke="currentColor", opacity=0.5)
    for node in graph.nodes:
        yield _node(node, layout)


def _frame(title: str, box: Box, x: float) -> Markup:
    rect = element(
        "rect",
        **box._asdict(),
        rx=9,
        fill="currentColor",
        fill_opacity=0.035,
        stroke="currentColor",
        stroke_opacity=0.3,
    )
    return group([rect, label(title, x, box.y + TITLE - 6, class_="soft", font_weight=600)])


def _lines(layout: Layout, direction: Direction) -> Iterable[Markup]:
    down = direction == "down"
    for pieces in layout.lines.values():
        yield element("path", d=" ".join(_curve(piece, down) for piece in pieces), stroke_width=1.3)
        heads = [_head(piece, down) for piece in pieces if piece.arrow]
        if heads:
            yield element("path", d=" ".join(heads), fill="currentColor", stroke="none")


def _curve(piece: Stroke, down: bool) -> str:
    x1, y1, x2, y2, arrow = piece
    if arrow:  # the line ends within its head
        x2, y2 = (x2, y2 - _HEAD + 1) if down else (x2 - _HEAD + 1, y2)
    start, end = f"M{number(x1)} {number(y1)}", f"{number(x2)} {number(y2)}"
    if abs(x1 - x2) < 0.01 or abs(y1 - y2) < 0.01:
        return f"{start}L{end}"
    if down:
        middle = number((y1 + y2) / 2)
        return f"{start}C{number(x1)} {middle} {number(x2)} {middle} {end}"
    middle = number((x1 + x2) / 2)
    return f"{start}C{middle} {number(y1)} {middle} {number(y2)} {end}"


def _head(piece: Stroke, down: bool) -> str:
    x, y = piece.x2, piece.y2
    wing, back = _HEAD * 0.5, _HEAD
    if down:
        corners = [(x, y), (x - wing, y - back), (x + wing, y - back)]
    else:
        corners = [(x, y), (x - back, y - wing), (x - back, y + wing)]
    return "M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z"


def _node(node: Node, layout: Layout) -> Markup:
    box = layout.cards[node.key]
    parts = [
        element("title", node.note) if node.note else None,
        _sign(node.sign, layout.signs[node.key]) if node.sign else None,
        _card(node, box),
        *_text(node, box),
    ]
    return group(parts, class_="node")


def _card(node: Node, box: Box) -> Markup:
    color = _COLORS.get(node.kind)
    return element(
        "rect",
        **box._asdict(),
        rx=box.height / 2 if node.kind == "operation" and not node.rows else 5,
        fill=color or "currentColor",
        fill_opacity=0.12 if color else 0.03,
        stroke=color or "currentColor",
        stroke_opacity=None if color else 0.45,
        stroke_width=1.6 if node.kind == "output" else 1.2,
        stroke_dasharray="3 3" if node.kind == "constant" else None,
    )


def _text(node: Node, box: Box) -> Iterable[Markup]:
    y = box.y + LINE + 0.5
    muted = "soft" if node.kind == "constant" else None
    if node.title:
        x, anchor = (box.x + box.width / 2, "middle")
        yield label(node.title, x, y, font_weight=600, text_anchor=anchor, class_=muted)
        y += LINE
    for name, text in node.rows:
        if name:
            yield label(name, box.x + 8, y, class_="soft", font_size=11)
            x, anchor = box.x + box.width - 8, "end"
        else:
            x, anchor = box.x + box.width / 2, "middle"
        yield label(text, x, y, font_size=11.5, text_anchor=anchor, class_=muted)
        y += LINE


def _sign(sign: str, box: Box) -> Markup:
    color = _COLORS["operation"]
    size = 12 if len(sign) > 1 else 14
    x, y = box.x + box.width / 2, box.y + box.height / 2 + 0.36 * size
    rect = element(
        "rect",
        **box._asdict(),
        rx=SIGN,
        fill=color,
        fill_opacity=0.14,
        stroke=color,
        stroke_width=1.2,
    )
    text = label(sign, x, y, font_size=size, text_anchor="middle", font_weight=600)
    return join([rect, text])
