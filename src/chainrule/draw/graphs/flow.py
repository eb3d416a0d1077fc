"""Reading a run of a module: its layers as the data flowed through them (floor 4).

There is a node for each call of a layer and for each operation between layers, edges as the numbers
flowed, and a box around the layers of a larger module.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.draw.graphs.opening import Opening, fitted, heading, parameter_count
from chainrule.draw.graphs.trace import Call, Scope, Trace
from chainrule.draw.graphs.words import SIGNS, shape_text
from chainrule.picture.graph import Edge, Graph, Group, Node

__all__ = ["flow_graph"]


def flow_graph(trace: Trace, **options: Any) -> Graph:
    """Return the graph of a run of a module.

    Args:
        trace: the run.
        options: `depth`, `collapse`, `expand` and `limit`, as `fitted` takes them.

    Raises:
        OptionError: a path that the model has not.

    Examples:
        >>> from chainrule import nn
        >>> from chainrule.draw.graphs.trace import traced
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [node.title for node in flow_graph(traced(model, np.zeros((1, 2)))).nodes]
        ['input', 'Linear', 'ReLU', 'output']
    """
    flow, remark = fitted(trace.model, lambda opening: _Flow(trace, opening), **options)
    return Graph(
        title=type(trace.model).__name__,
        nodes=list(flow.nodes.values()),
        edges=list(flow.edges),
        groups=list(flow.groups.values()),
        remark=remark,
        description=_flow_in_words(trace, flow),
    )


class _Flow:
    """Nodes, edges and groups of a trace, by key and in order."""

    def __init__(self, trace: Trace, opening: Opening) -> None:
        self.trace = trace
        self.opening = opening
        self.nodes: dict[str, Node] = {}
        self.edges: dict[Edge, None] = {}
        self.groups: dict[str, Group] = {}
        self.scopes = {id(scope): f"m{i}" for i, scope in enumerate(trace.scopes)}
        self.calls = {id(call): f"o{i}" for i, call in enumerate(trace.calls)}
        self.given = {id(array): f"x{i}" for i, array in enumerate(trace.inputs)}
        for i, array in enumerate(trace.inputs):
            self._end(f"x{i}", "input", array, i if len(trace.inputs) > 1 else None)
        for call in trace.calls:
            self._take(call)
        for i, (array, maker) in enumerate(zip(trace.outputs, trace.ends)):
            self._end(f"y{i}", "output", array, i if len(trace.outputs) > 1 else None)
            source = self.given.get(id(array)) if maker is None else self._shown(maker)[0]
            if source is not None:
                self.edges[Edge(source, f"y{i}")] = None

    def __len__(self) -> int:
        return len(self.nodes)

    def _end(self, key: str, kind: Any, array: Any, number: int | None) -> None:
        title = kind if number is None else f"{kind} {number + 1}"
        rows = (("", shape_text(array.shape)), ("", str(array.dtype)))
        self.nodes[key] = Node(key, title, rows, kind)

    def _shown(self, call: Call) -> tuple[str, Scope | None]:
        """The key of the node that shows `call`, and the module call that node stands for."""
        closed = None
        for scope in call.scope.around():
            if self.opening.shuts(scope.module, scope.path):
                closed = scope
        if closed is None:
            return self.calls[id(call)], None
        return self.scopes[id(closed)], closed

    def _take(self, call: Call) -> None:
        key, scope = self._shown(call)
        starts = [
            self._source(argument, source, call, closed=scope is not None)
            for argument, source in zip(call.args, call.sources)
        ]
        if key not in self.nodes:
            around = call.scope if scope is None else scope.parent
            group = self._group(around)
            node = _operation(key, call) if scope is None else _layer(key, scope)
            self.nodes[key] = _within(node, group)
        for start in starts:
            if start is not None and start != key:
                self.edges[Edge(start, key)] = None

    def _source(self, x: Any, source: Call | None, call: Call, closed: bool) -> str | None:
        if source is not None:
            return self._shown(source)[0]
        if id(x) in self.given:
            return self.given[id(x)]
        if closed or not isinstance(x, np.ndarray) or (x.size == 1 and not self._name(x)):
            return None
        return self._leaf(x, call)

    def _name(self, x: Any) -> str:
        return self.trace.names.get(id(x), "")

    def _leaf(self, x: Any, call: Call) -> str:
        """A parameter or constant that an operation outside all layers reads."""
        key = self.given.setdefault(id(x), f"p{len(self.given)}")
        name = self._name(x)
        rows = (("", shape_text(x.shape)), ("", str(x.dtype)))
        node = Node(key, name or "constant", rows, "leaf" if name else "constant")
        self.nodes[key] = _within(node, self._group(call.scope))
        return key

    def _group(self, scope: Scope | None) -> str:
        """The key of the box around what happens in a module call; the outermost has none."""
        if scope is None or scope.parent is None:
            return ""
        for each in reversed(scope.around()[:-1]):
            key = self.scopes[id(each)]
            if key not in self.groups:
                parent = "" if each.parent is None else self.scopes[id(each.parent)]
                title = f"{each.path}  {type(each.module).__name__}{_again(each)}"
                self.groups[key] = Group(key, title, parent if parent in self.groups else "")
        return self.scopes[id(scope)]


def _within(node: Node, group: str) -> Node:
    return Node(node.key, node.title, node.rows, node.kind, node.sign, group, node.note)


def _again(scope: Scope) -> str:
    return f" (call {scope.again + 1})" if scope.again else ""


def _layer(key: str, scope: Scope) -> Node:
    module = scope.module
    count = parameter_count(module)
    rows = [("name", scope.path.rpartition(".")[2])] if scope.path else []
    rows += [("parameters", f"{count:,}")] if count else []
    rows += [("output", shape_text(array.shape)) for array in scope.output]
    owned = [f"{name} {shape_text(p.shape)}" for name, p in module.named_parameters()]
    made = repr(module).partition("\n")[0].rstrip("(")[:120]
    note = "; ".join([f"{scope.path}: {made}".lstrip(": "), *owned[:8]])
    title = type(module).__name__ + _again(scope)
    return Node(key, title, tuple(rows), "module" if count else "result", note=note)


def _operation(key: str, call: Call) -> Node:
    if call.op is None:
        return Node(key, type(call.scope.module).__name__, (), "result")
    numbers = [f"{x:.4g}" for x in call.args if isinstance(x, (int, float))]
    title = " ".join([SIGNS.get(call.op.name, call.op.name), *numbers])
    first = np.shape(call.args[0]) if call.args else ()
    rows = () if np.shape(call.y) == first else (("", shape_text(np.shape(call.y))),)
    told = ", ".join(f"{name}={value!r}" for name, value in call.attrs.items())
    return Node(key, title, rows, "operation", note=f"{call.op.name} {told}".strip()[:200])


def _flow_in_words(trace: Trace, flow: _Flow) -> str:
    shown = ", ".join(node.title for node in list(flow.nodes.values())[:20])
    given = " and ".join(shape_text(array.shape) for array in trace.inputs)
    return (
        f"{heading(trace.model)}; from {given} to "
        f"{' and '.join(shape_text(array.shape) for array in trace.outputs)} through {shown}"
        + (", ..." if len(flow.nodes) > 20 else "")
    )
