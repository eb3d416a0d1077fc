"""A graph as plain data: what is drawn, before anyone knows where (floor 0).

Nodes carry text, edges lead from one node to another, groups are boxes around nodes and may stand
in one another. Who reads a network makes one of these; `layout` finds the places, `render` and
`dot` write it down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chainrule.errors import DataError, OptionError, did_you_mean

__all__ = ["Direction", "Edge", "Graph", "Group", "Kind", "Node"]

Direction: TypeAlias = Literal["right", "down"]
Kind: TypeAlias = Literal["leaf", "input", "constant", "result", "output", "operation", "module"]


@dataclass(frozen=True)
class Node:
    """One node.

    Attributes:
        key: what edges call it by; unique in its graph.
        title: its first line, in bold.
        rows: the lines below, each a name, drawn softly, and what it is; either may be empty.
        kind: which decides how it looks.
        sign: an operator, drawn as a small circle in front of the node; edges lead to the circle.
        group: the key of the group it stands in; empty for none.
        note: words for the mouse resting on it.
    """

    key: str
    title: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    kind: Kind = "result"
    sign: str = ""
    group: str = ""
    note: str = ""


@dataclass(frozen=True)
class Edge:
    """From the node with key `source` to the one with key `target`.

    The edges to one node are in the order of its arguments.
    """

    source: str
    target: str


@dataclass(frozen=True)
class Group:
    """A box around nodes; `parent` is the key of the box around it, empty for none."""

    key: str
    title: str
    parent: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes, edges and groups.

    Args:
        title: what it is a graph of, for a screen reader and the mouse resting on it.
        nodes: in any order; what has no other claim is drawn in this one.
        edges: in the order of the arguments at each target.
        groups: each after the one it stands in.
        direction: where edges lead.
        remark: a line above the picture, for what a reader must know about it.
        description: the graph in words, for whoever cannot see it.

    Raises:
        DataError: two nodes share a key; an edge, node or group names what is not there.
        OptionError: a direction that there is not.

    Examples:
        >>> graph = Graph("a sum", [Node("a"), Node("b", sign="+")], [Edge("a", "b")])
        >>> len(graph.nodes)
        2
    """

    title: str
    nodes: list[Node]
    edges: list[Edge]
    groups: list[Group] = field(default_factory=list)
    direction: Direction = "right"
    remark: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.direction not in ("right", "down"):
            raise OptionError(f"a graph is drawn 'right' or 'down', not {self.direction!r}")
        nodes = _unique("node", [node.key for node in self.nodes])
        groups = _unique("group", [group.key for group in self.groups])
        for i, group in enumerate(self.groups):
            around = dict.fromkeys(each.key for each in self.groups[:i])
            _known(f"group {group.key!r}", group.parent or None, around)
        for edge in self.edges:
            _known("an edge", edge.source, nodes)
            _known("an edge", edge.target, nodes)
        for node in self.nodes:
            _known(f"node {node.key!r}", node.group or None, groups)


def _unique(what: str, keys: list[str]) -> dict[str, None]:
    known = dict.fromkeys(keys)
    if len(known) < len(keys):
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise DataError(f"two {what}s of a graph have the key {twice!r}; each needs its own")
    return known


def _known(who: str, key: str | None, keys: dict[str, None]) -> None:
    if key is not None and key not in keys:
        raise DataError(f"{who} names {key!r}, which is not there{did_you_mean(key, keys)}")
