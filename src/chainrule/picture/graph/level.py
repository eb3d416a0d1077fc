"""One level of a graph laid out in columns: boxes, ports and the lines between them (floor 0).

A level knows no text and no group. It has items with a length, along the way the edges lead, and a
breadth, across it. An edge that passes columns on its way leads through a vertex in each, so that
it goes around what stands there; edges from one place share these and branch off, as from a stem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chainrule.picture.graph.order import ordered
from chainrule.picture.graph.place import Pull, placed
from chainrule.picture.graph.ranks import ranked

__all__ = ["Item", "Level", "Link", "Stroke", "laid_out"]

_NEXT = 30  # between two columns
_STEEP = 0.09  # more of it for each pixel that an edge climbs
_STEEPEST = 44
_BESIDE = 13.0  # between two items of a column
_LINE = 9.0  # between a line and what it passes


class Item(NamedTuple):
    """Something with a place.

    Attributes:
        length: along the edges.
        breadth: across them.
        end: `"first"` or `"last"` for a port, where edges come into the level or leave it.
        front: how much of its length is in front of what stretches.
        stretches: whether the rest becomes as long as the longest in its column.
    """

    length: float
    breadth: float
    end: str = ""
    front: float = 0.0
    stretches: bool = False


class Link(NamedTuple):
    """An edge within the level.

    Attributes:
        source: the item it comes from.
        leaves: how far below the middle of that item.
        target: the item it leads to.
        arrives: how far below the middle of that one.
        inside: how far within the target's near side it ends.
        arrow: whether it ends in an arrowhead.
    """

    source: int
    leaves: float
    target: int
    arrives: float
    inside: float = 0.0
    arrow: bool = True


class Stroke(NamedTuple):
    """A piece of a line, level at both ends: from where, to where, and whether with an arrow."""

    x1: float
    y1: float
    x2: float
    y2: float
    arrow: bool = False

    def moved(self, x: float, y: float) -> Stroke:
        """Return the same piece elsewhere."""
        return Stroke(self.x1 + x, self.y1 + y, self.x2 + x, self.y2 + y, self.arrow)


class Level(NamedTuple):
    """Where everything is.

    Attributes:
        places: for each item where it begins and its middle across.
        lengths: of the items, those that stretch stretched.
        lines: for each place that edges come from, as (item, leaves), all their pieces.
        length: of the whole, along the edges.
        breadth: of the whole, across.
    """

    places: list[tuple[float, float]]
    lengths: list[float]
    lines: dict[tuple[int, float], list[Stroke]]
    length: float
    breadth: float


@dataclass
class _Web:
    """The vertices, items first and then those that lines pass through, and hops between them."""

    ranks: list[int]
    breadths: list[float]
    gaps: list[float]
    hops: dict[tuple[int, float, int, float], Link] = field(default_factory=dict)
    stems: dict[tuple[int, float, int], int] = field(default_factory=dict)

    def lead(self, link: Link) -> None:
        """Enter a link, from rank to rank."""
        v, leaves = link.source, link.leaves
        for rank in range(self.ranks[v] + 1, self.ranks[link.target]):
            stem = self._stem((link.source, link.leaves, rank))
            self.hops.setdefault((v, leaves, stem, 0.0), link)
            v, leaves = stem, 0.0
        self.hops[v, leaves, link.target, link.arrives] = link

    def _stem(self, key: tuple[int, float, int]) -> int:
        if key not in self.stems:
            self.stems[key] = len(self.ranks)
            self.ranks.append(key[2])
            self.breadths.append(0.0)
            self.gaps.append(_LINE)
        return self.stems[key]


def laid_out(items: Sequence[Item], links: Sequence[Link]) -> Level:
    """Return the places of `items` and the lines of `links`.

    Raises:
        DataError: the links lead in a circle.

    Examples:
        >>> laid_out([Item(20, 10), Item(20, 10)], [Link(0, 0, 1, 0)]).places
        [(0.0, 5.0), (50.0, 5.0)]
    """
    web = _web(items, links)
    columns = ordered(web.ranks, list(web.hops))
    across = placed(columns, web.breadths, web.gaps, *_pulls(web, len(items)))
    items = _stretched(items, web.ranks)
    starts, ends = _columns(items, web, columns, across)
    places = [(ends[web.ranks[i]] - item.length, across[i]) for i, item in enumerate(items)]
    breadth = max((y + b / 2 for y, b in zip(across, web.breadths)), default=0.0)
    lines = _lines(items, web, starts, ends, across)
    lengths = [item.length for item in items]
    return Level(places, lengths, lines, ends[-1] if ends else 0.0, breadth)


def _web(items: Sequence[Item], links: Sequence[Link]) -> _Web:
    first = [i for i, item in enumerate(items) if item.end == "first"]
    last = [i for i, item in enumerate(items) if item.end == "last"]
    ranks = ranked(len(items), [(link.source, link.target) for link in links], first, last)
    web = _Web(ranks, [item.breadth for item in items], [_BESIDE] * len(items))
    for link in links:
        web.lead(link)
    return web


def _stretched(items: Sequence[Item], ranks: Sequence[int]) -> list[Item]:
    longest: dict[int, float] = {}
    for item, rank in zip(items, ranks):
        if item.stretches:
            longest[rank] = max(longest.get(rank, 0.0), item.length - item.front)
    return [
        item._replace(length=item.front + longest[rank]) if item.stretches else item
        for item, rank in zip(items, ranks)
    ]


def _pulls(web: _Web, items: int) -> tuple[list[list[Pull]], list[list[Pull]]]:
    """What each vertex is drawn to: most of all, a line that passes to where it passes next."""
    before: list[list[Pull]] = [[] for _ in web.ranks]
    after: list[list[Pull]] = [[] for _ in web.ranks]
    for a, leaves, b, arrives in web.hops:
        weight = (1.0, 2.0, 6.0)[(a >= items) + (b >= items)]
        before[b].append(Pull(a, leaves - arrives, weight))
        after[a].append(Pull(b, arrives - leaves, weight))
    return before, after


def _columns(
    items: Sequence[Item], web: _Web, columns: Sequence[Sequence[int]], across: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Where each column begins and ends: further from the one before where lines are steep."""
    climbs = [0.0] * len(columns)
    for a, leaves, b, arrives in web.hops:
        climb = abs(across[a] + leaves - across[b] - arrives)
        climbs[web.ranks[b]] = max(climbs[web.ranks[b]], climb)
    starts, ends, at = [], [], 0.0
    for c, column in enumerate(columns):
        at += (_NEXT + min(_STEEPEST, _STEEP * climbs[c])) * bool(c)
        starts.append(at)
        at += max(items[v].length if v < len(items) else 0.0 for v in column)
        ends.append(at)
    return starts, ends


def _lines(
    items: Sequence[Item],
    web: _Web,
    starts: Sequence[float],
    ends: Sequence[float],
    across: Sequence[float],
) -> dict[tuple[int, float], list[Stroke]]:
    lines: dict[tuple[int, float], list[Stroke]] = {}
    for (a, leaves, b, arrives), link in web.hops.items():
        pieces = lines.setdefault((link.source, link.leaves), [])
        rank = web.ranks[b]
        near = starts[rank]
        y1, y2 = across[a] + leaves, across[b] + arrives
        if b >= len(items):
            pieces.append(Stroke(ends[rank - 1], y1, near, y2))
            pieces.append(Stroke(near, y2, ends[rank], y2))
        else:
            # The column may be wider than the item: the last stretch is level.
            front = ends[rank] - items[b].length + link.inside
            pieces.append(Stroke(ends[rank - 1], y1, near, y2))
            pieces.append(Stroke(near, y2, front, y2, link.arrow))
    return lines
