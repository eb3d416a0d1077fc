r"""A graph in DOT, the language of Graphviz and its kin (floor 0).

Texts are quoted, so nothing in a label can become a node. An operator in front of a node becomes a
small round node of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.picture.graph.model import Graph, Node

__all__ = ["dot_text", "quoted"]


def dot_text(graph: Graph) -> str:
    r"""Return `graph` as DOT.

    Examples:
        >>> from chainrule.picture.graph.model import Edge
        >>> print(dot_text(Graph("sum", [Node("a", "a"), Node("b", "b", sign="+")],
        ...                      [Edge("a", "b")])))
        digraph "sum" {
          rankdir=LR;
          node [shape=box, style=rounded, fontname="sans-serif"];
          "a" [label="a"];
          "b" [label="b"];
          "b op" [label="+", shape=circle];
          "b op" -> "b";
          "a" -> "b op";
        }
    """
    signed = {node.key for node in graph.nodes if node.sign}
    lines = [
        f"  rankdir={'TB' if graph.direction == 'down' else 'LR'};",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        *_inside(graph),
        *(
            f"  {quoted(edge.source)} -> {quoted(_door(edge.target, signed))};"
            for edge in graph.edges
        ),
    ]
    return "\n".join([f"digraph {quoted(graph.title)} {{", *lines, "}"])


def quoted(text: str) -> str:
    r"""Return `text` as a DOT string that is drawn as it reads.

    Examples:
        >>> print(quoted('a "b" \\ c'))
        "a \"b\" \\ c"
    """
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{safe}"'


def _door(key: str, signed: set[str]) -> str:
    return f"{key} op" if key in signed else key


def _inside(graph: Graph) -> Iterable[str]:
    """Nodes within the clusters of their groups, opened and closed from a stack."""
    nodes: dict[str, list[Node]] = {"": [], **{group.key: [] for group in graph.groups}}
    for node in graph.nodes:
        nodes[node.group].append(node)
    children: dict[str, list[int]] = {key: [] for key in nodes}
    for i, group in enumerate(graph.groups):
        children[group.parent].append(i)
    for node in nodes[""]:
        yield from _node(node, "  ")
    waiting = [(i, "  ") for i in reversed(children[""])]
    while waiting:
        i, indent = waiting.pop()
        if i < 0:
            yield f"{indent}}}"
            continue
        group = graph.groups[i]
        yield f"{indent}subgraph {quoted(f'cluster{i}')} {{"
        yield f"{indent}  label={quoted(group.title)};"
        for node in nodes[group.key]:
            yield from _node(node, indent + "  ")
        waiting.append((-1, indent))
        waiting.extend((child, indent + "  ") for child in reversed(children[group.key]))


def _node(node: Node, indent: str) -> Iterable[str]:
    rows = [f"{name} {text}".strip() for name, text in node.rows]
    text = "\n".join([node.title, *rows] if node.title else rows)
    yield f"{indent}{quoted(node.key)} [label={quoted(text)}];"
    if node.sign:
        door = quoted(f"{node.key} op")
        yield f"{indent}{door} [label={quoted(node.sign)}, shape=circle];"
        yield f"{indent}{door} -> {quoted(node.key)};"
