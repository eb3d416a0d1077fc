"""Reading a net of explicit layers: one after another, with their weights (floor 4)."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.draw.graphs.words import counted, shape_text
from chainrule.layers import Function, Layer, Net
from chainrule.picture.graph import Edge, Graph, Group, Kind, Node

__all__ = ["net_graph"]


def net_graph(net: Function, X: Any = None, *, limit: int = 200) -> Graph:
    """Return the graph of a net, or of one function.

    Args:
        net: what is drawn.
        X: data to run a copy of it on, for the shapes; without, they are those of its last call.
        limit: nodes drawn at most; the layers after them are told of in a remark.

    Examples:
        >>> from chainrule.layers import Linear, ReLU
        >>> graph = net_graph(Net([Linear(2, 4, rng=0), ReLU()]), np.zeros((5, 2)))
        >>> [(node.title, node.rows[-1]) for node in graph.nodes[1:-1]]
        [('Linear', ('output', '5 × 4')), ('ReLU', ('output', '5 × 4'))]
    """
    if X is not None:
        net = copy.deepcopy(net).eval()
        net(X)
    rows = _unfolded(net)
    nodes = [Node("input", "input", _shape_rows(_input(net)), "input")]
    nodes += [_layer(path, layer, group) for path, layer, group in rows[:limit]]
    nodes.append(Node("output", "output", _shape_rows(net.cache.get("output")), "output"))
    if isinstance(net, Net) and net.loss_function is not None:
        nodes.append(Node("loss", type(net.loss_function).__name__, (), "operation"))
    count = sum(_weights(layer) for _, layer, _ in rows)
    remark = f"{type(net).__name__}: {counted(count, 'weight')}"
    if len(rows) > limit:
        remark += f"; the first {limit:,} of {len(rows):,} layers"
    return Graph(
        title=type(net).__name__,
        nodes=nodes,
        edges=[Edge(a.key, b.key) for a, b in pairwise(nodes)],
        groups=_groups(net),
        remark=remark,
        description=f"{remark}: {', '.join(node.title for node in nodes[:20])}",
    )


def _unfolded(net: Function) -> list[tuple[str, Function, str]]:
    """Path, layer and the group it is in, of all layers in order, also of nets within nets."""
    if not isinstance(net, Net):
        return [("0", net, "")]
    found: list[tuple[str, Function, str]] = []
    waiting = [(str(i), layer, "") for i, layer in reversed(list(enumerate(net.layers)))]
    while waiting:
        path, layer, group = waiting.pop()
        if not isinstance(layer, Net):
            found.append((path, layer, group))
            continue
        inner = [(f"{path}.{i}", each, path) for i, each in enumerate(layer.layers)]
        waiting.extend(reversed(inner))
    return found


def _groups(net: Function) -> list[Group]:
    groups: list[Group] = []
    waiting = [("", net)]
    while waiting:
        path, each = waiting.pop(0)
        if not isinstance(each, Net):
            continue
        if path:
            groups.append(Group(path, f"{path}  Net", path.rpartition(".")[0]))
        waiting.extend((f"{path}.{i}".lstrip("."), x) for i, x in enumerate(each.layers))
    return groups


def _layer(path: str, layer: Function, group: str) -> Node:
    weights = layer.weight if isinstance(layer, Layer) else {}
    rows = [(name, shape_text(w.shape)) for name, w in weights.items()]
    rows += [("output", text) for _, text in _shape_rows(layer.cache.get("output"))]
    kind: Kind = "module" if weights else "result"
    return Node(
        path, type(layer).__name__, tuple(rows), kind, group=group, note=f"{path}: {layer!r}"
    )


def _shape_rows(array: Any) -> tuple[tuple[str, str], ...]:
    return () if array is None else (("", shape_text(np.shape(array))),)


def _input(net: Function) -> Any:
    return net.cache.get(net.variables[0]) if net.variables else None


def _weights(layer: Function) -> int:
    return sum(math.prod(w.shape) for w in layer.weight.values()) if isinstance(layer, Layer) else 0
