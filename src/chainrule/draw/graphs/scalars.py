"""Reading a graph of scalars: a node for each number, its operator in front of it (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.draw.graphs.words import SIGNS, counted, tell
from chainrule.picture.graph import Edge, Graph, Kind, Node
from chainrule.scalar import Value

__all__ = ["scalar_graph"]

_NAMED = 12  # leaves that the description names


def scalar_graph(results: Sequence[Value], *, limit: int | None = 3000) -> Graph:
    """Return the graph of all that `results` were computed from.

    Args:
        results: the numbers at its end.
        limit: numbers drawn at most, of a larger graph those nearest to the results; all if `None`.

    Examples:
        >>> graph = scalar_graph([Value(2, "a") * Value(-3, "b")])
        >>> [(node.title, node.sign, node.rows[0]) for node in graph.nodes]
        [('a', '', ('data', '2')), ('b', '', ('data', '-3')), ('', '×', ('data', '-6'))]
    """
    values, total = _nearest(results, limit)
    keys = {id(value): f"v{i}" for i, value in enumerate(values)}
    ends = {id(result) for result in results}
    return Graph(
        title=", ".join(result.label or result.op or "a number" for result in results[:4]),
        nodes=[_node(value, keys[id(value)], id(value) in ends) for value in values],
        edges=[
            Edge(keys[id(operand)], keys[id(value)])
            for value in values
            for operand in value.operands
            if id(operand) in keys
        ],
        remark=_cut(len(values), total),
        description=_in_words(results, values),
    )


def _nearest(results: Sequence[Value], limit: int | None) -> tuple[list[Value], int]:
    """Up to `limit` numbers, by the number of operations from the results, operands first.

    Returns:
        Those, and how many there are in all.
    """
    found: dict[int, Value] = {id(result): result for result in reversed(results)}
    waiting = list(found.values())
    for value in waiting:  # grows while it is walked
        for operand in reversed(value.operands):
            if id(operand) not in found:
                found[id(operand)] = operand
                waiting.append(operand)
    return waiting[:limit][::-1], len(waiting)


def _node(value: Value, key: str, is_end: bool) -> Node:
    kind: Kind = "result" if value.op else "leaf" if value.label else "constant"
    return Node(
        key,
        title=value.label,
        rows=(("data", tell(value.data)), ("grad", tell(value.grad))),
        kind="output" if is_end else kind,
        sign=SIGNS.get(value.op, value.op),
        note=f"{value.label or 'a number'} = {value.data!r}, gradient {value.grad!r}",
    )


def _cut(drawn: int, total: int) -> str:
    if drawn == total:
        return ""
    return f"the {drawn:,} of {total:,} numbers that are nearest to the result; limit= draws more"


def _in_words(results: Sequence[Value], values: Sequence[Value]) -> str:
    ends = ", ".join(f"{end.label or end.op or 'it'} is {tell(end.data)}" for end in results[:4])
    named = [value for value in values if value.label and not value.op]
    told = ", ".join(f"{v.label} {tell(v.data)} (slope {tell(v.grad)})" for v in named[:_NAMED])
    operations = sum(1 for value in values if value.op)
    done = f"{counted(operations, 'operation')} on {counted(len(values) - operations, 'number')}"
    return f"{ends}: {done}" + (f", among them {told}" if told else "")
