"""Where everything in a graph is drawn: boxes of nodes, frames of groups, lines (floor 0).

Groups are laid out from the innermost outwards, each as a level of its own, and then stand as one
box in the level around them. A line into a group passes through a port in its frame, one for each
node outside that it comes from; so nothing that does not belong to a group is ever inside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chainrule.picture.graph.level import Item, Level, Link, Stroke, laid_out
from chainrule.picture.graph.model import Edge, Graph, Node
from chainrule.picture.graph.sizes import SIGN, TITLE, card_size, sign_size
from chainrule.picture.text import text_width

__all__ = ["Box", "Layout", "arranged"]

_STEM = 15  # between the circle and its node
_PAD = 14  # within a frame
_ARC = 0.62  # of the circle's radius, up to which lines arrive above and below its middle


class Box(NamedTuple):
    """A rectangle: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """A graph with places.

    Attributes:
        width: of everything.
        height: of everything.
        cards: the rectangle of each node's text, by key.
        signs: the rectangle of each node's circle, of those that have one.
        frames: the rectangle of each group.
        names: where the name of each group begins, across the paper.
        lines: the pieces of the lines that come from each node.
    """

    width: float
    height: float
    cards: dict[str, Box]
    signs: dict[str, Box]
    frames: dict[str, Box]
    names: dict[str, float]
    lines: dict[str, list[Stroke]]


def arranged(graph: Graph) -> Layout:
    """Return places for all of `graph`.

    Raises:
        DataError: its edges lead in a circle, or would between its groups.

    Examples:
        >>> graph = Graph("", [Node("a", "a"), Node("b", "b")], [Edge("a", "b")])
        >>> layout = arranged(graph)
        >>> layout.cards["a"].x < layout.cards["b"].x
        True
    """
    inside = _Inside(graph)
    for group in reversed(graph.groups):
        inside.settle(group.key)
    inside.settle("")
    return inside.opened()


# --- an end of a line: an item of a level, and the port in it if it is a group --------------------


class _End(NamedTuple):
    item: tuple[str, str]  # ("node" or "group" or "in" or "out", key)
    port: tuple[str, str] | None = None


class _Wire(NamedTuple):
    """A link before the sizes of groups are known, for an argument by its place among how many."""

    source: _End
    target: _End
    place: int = 0
    of: int = 1


@dataclass
class _Room:
    """What stands on the level of one group, and where once it is settled."""

    items: dict[tuple[str, str], int] = field(default_factory=dict)
    wires: dict[_Wire, None] = field(default_factory=dict)
    level: Level | None = None
    shift: tuple[float, float] = (0.0, 0.0)  # of the level within the frame, along and across
    length: float = 0.0
    breadth: float = 0.0

    def item(self, key: tuple[str, str]) -> None:
        self.items.setdefault(key, len(self.items))


class _Inside:
    """The graph as nested rooms."""

    def __init__(self, graph: Graph) -> None:
        self.down = graph.direction == "down"
        self.nodes = {node.key: node for node in graph.nodes}
        self.titles = {group.key: group.title for group in graph.groups}
        self.parents = {group.key: group.parent for group in graph.groups}
        self.rooms = {key: _Room() for key in ["", *self.titles]}
        for node in graph.nodes:
            self.rooms[node.group].item(("node", node.key))
        for group in graph.groups:
            self.rooms[group.parent].item(("group", group.key))
        self._wire(graph.edges)

    # --- rooms and wires ---

    def _wire(self, edges: Sequence[Edge]) -> None:
        arguments: dict[str, list[str]] = {}
        for edge in edges:
            arguments.setdefault(edge.target, []).append(edge.source)
        for target, sources in arguments.items():
            for place, source in enumerate(sources):
                self._connect(source, target, place, len(sources))

    def _connect(self, source: str, target: str, place: int, of: int) -> None:
        out, into = self._around(source), self._around(target)
        shared = sum(1 for a, b in zip(out[::-1], into[::-1]) if a == b)
        end = _End(("node", source))
        for group in out[: len(out) - shared]:
            self._add(group, _Wire(end, _End(("out", source))))
            end = _End(("group", group), ("out", source))
        room = out[len(out) - shared]
        for group in into[: len(into) - shared][::-1]:
            self._add(room, _Wire(end, _End(("group", group), ("in", source))))
            end, room = _End(("in", source)), group
        self._add(room, _Wire(end, _End(("node", target)), place, of))

    def _around(self, node: str) -> list[str]:
        """The groups around a node, from the innermost, ending with the whole."""
        found = [self.nodes[node].group]
        while found[-1]:
            found.append(self.parents[found[-1]])
        return found

    def _add(self, room: str, wire: _Wire) -> None:
        self.rooms[room].item(wire.source.item)
        self.rooms[room].item(wire.target.item)
        self.rooms[room].wires[wire] = None

    # --- from the inside out: sizes and places ---

    def settle(self, key: str) -> None:
        """Lay out one room, those in it being settled."""
        room = self.rooms[key]
        items = [self._size(*item) for item in room.items]
        links = [self._link(room, wire) for wire in room.wires]
        room.level = level = laid_out(items, links)
        ports = {item.end for item in items}
        front = 0.0 if "first" in ports else float(_PAD)
        back = 0.0 if "last" in ports else float(_PAD)
        room.length, room.breadth = level.length, level.breadth
        if not key:
            return
        above = TITLE - _PAD / 2  # the strip with the name, beside the padding
        room.length += front + back + above * self.down
        room.breadth += 2 * _PAD + above * (not self.down)
        room.shift = front + above * self.down, _PAD + above * (not self.down)
        self._widen(room, text_width(self.titles[key], 12.5) + 2 * _PAD)

    def _widen(self, room: _Room, width: float) -> None:
        """Make room for the name of a group."""
        along, across = room.shift
        if self.down and room.breadth < width:
            room.shift = along, across + (width - room.breadth) / 2
            room.breadth = width
        elif not self.down:
            room.length = max(room.length, width)

    def _size(self, what: str, key: str) -> Item:
        if what in ("in", "out"):
            return Item(0.0, 0.0, "first" if what == "in" else "last")
        if what == "group":
            return Item(self.rooms[key].length, self.rooms[key].breadth)
        node = self.nodes[key]
        length, breadth = self._turned(*card_size(node))
        stretches = not self.down and any(name for name, _ in node.rows)
        if node.sign:
            far, wide = self._turned(*sign_size(node.sign))
            front = far + _STEM
            return Item(length + front, max(breadth, wide), "", front, stretches)
        return Item(length, breadth, stretches=stretches)

    def _link(self, room: _Room, wire: _Wire) -> Link:
        source, target = room.items[wire.source.item], room.items[wire.target.item]
        leaves, arrives, within = self._port(wire.source), self._port(wire.target), 0.0
        is_node = wire.target.item[0] == "node"
        if is_node:
            arrives, within = self._arrival(wire)
        return Link(source, leaves, target, arrives, within, arrow=is_node)

    def _port(self, end: _End) -> float:
        """How far below the middle of a group's frame the port is; nothing else has one."""
        if end.port is None:
            return 0.0
        room = self.rooms[end.item[1]]
        assert room.level is not None
        return room.level.places[room.items[end.port]][1] + room.shift[1] - room.breadth / 2

    def _arrival(self, wire: _Wire) -> tuple[float, float]:
        """Where at a node the line of an argument ends: the first above, the last below."""
        node = self.nodes[wire.target.item[1]]
        spread = 2 * wire.place / (wire.of - 1) - 1 if wire.of > 1 else 0.0
        if node.sign:
            arrives = spread * _ARC * SIGN
            return arrives, SIGN - math.sqrt(SIGN**2 - arrives**2)
        room = card_size(node)[0 if self.down else 1] / 2 - 8
        return spread * min(room, 5.0 * (wire.of - 1)), 0.0

    # --- from the outside in: where it all comes to lie ---

    def opened(self) -> Layout:
        """Return the places of everything on the paper."""
        whole = self.rooms[""]
        layout = Layout(*self._turned(whole.length, whole.breadth), {}, {}, {}, {}, {})
        origins = {"": (0.0, 0.0)}
        for key, room in self.rooms.items():
            assert room.level is not None
            along, across = origins[key][0] + room.shift[0], origins[key][1] + room.shift[1]
            for (what, name), i in room.items.items():
                start, middle = room.level.places[i]
                if what == "group":
                    corner = along + start, across + middle - self.rooms[name].breadth / 2
                    origins[name] = corner
                    layout.frames[name] = self._box(corner, self.rooms[name])
                elif what == "node":
                    end = along + start + room.level.lengths[i]
                    self._put(layout, self.nodes[name], along + start, end, across + middle)
                elif what == "in":  # from the frame to where the level begins
                    entry = Stroke(origins[key][0], across + middle, along + start, across + middle)
                    layout.lines.setdefault(name, []).append(self._stroke(entry))
            if key:
                layout.names[key] = self._beside_lines(key, layout.frames[key], across)
            self._draw(layout, room, along, across)
        return layout

    def _beside_lines(self, group: str, frame: Box, across: float) -> float:
        """Where a group's name begins: at the left, or at the right if a line would cross it."""
        room, width = self.rooms[group], text_width(self.titles[group], 12.5)
        left, right = frame.x + 10, frame.x + frame.width - 10 - width
        assert room.level is not None
        entries = [
            room.level.places[i][1] + across for (what, _), i in room.items.items() if what == "in"
        ]
        crossed = self.down and any(left - 5 < x < left + width + 5 for x in entries)
        return right if crossed else left

    def _box(self, corner: tuple[float, float], room: _Room) -> Box:
        return Box(*self._turned(*corner), *self._turned(room.length, room.breadth))

    def _put(self, layout: Layout, node: Node, start: float, end: float, middle: float) -> None:
        _, breadth = self._turned(*card_size(node))
        if node.sign:
            size = sign_size(node.sign)
            far, wide = self._turned(*size)
            layout.signs[node.key] = Box(*self._turned(start, middle - wide / 2), *size)
            start += far + _STEM
            piece = Stroke(start - _STEM, middle, start, middle, arrow=True)
            layout.lines.setdefault(node.key, []).append(self._stroke(piece))
        corner = self._turned(start, middle - breadth / 2)
        layout.cards[node.key] = Box(*corner, *self._turned(end - start, breadth))

    def _draw(self, layout: Layout, room: _Room, along: float, across: float) -> None:
        """Give the lines of a room to the nodes that they come from, through however many ports."""
        assert room.level is not None
        owners = {
            (room.items[wire.source.item], self._port(wire.source)): wire.source
            for wire in room.wires
        }
        for place, pieces in room.level.lines.items():
            source = owners[place].port or owners[place].item
            kept = layout.lines.setdefault(source[1], [])
            kept.extend(self._stroke(piece.moved(along, across)) for piece in pieces)

    def _stroke(self, piece: Stroke) -> Stroke:
        start = self._turned(piece.x1, piece.y1)
        return Stroke(*start, *self._turned(piece.x2, piece.y2), piece.arrow)

    def _turned(self, along: float, across: float) -> tuple[float, float]:
        """Along and across as x and y."""
        return (across, along) if self.down else (along, across)
