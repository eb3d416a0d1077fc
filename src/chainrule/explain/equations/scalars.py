"""The derivation of one number among numbers: each operation, its slopes, and the chain (floor 4).

A `Value` knows what it was computed from. Each result becomes a line, each operation's slopes come
from the table's own formulas, run on symbols, and each derivative is a sum over the paths from the
result, of products of slopes along the path. All of it is computed line by line from the terms, and
held against `Value.backward` and against differences. It knows the graph of a number and the table.
"""

from __future__ import annotations

import re
from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain, count, pairwise
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.errors import OptionError
from chainrule.explain.equations.checks import Check, measure
from chainrule.explain.equations.equations import Equations
from chainrule.explain.equations.filling import with_numbers
from chainrule.explain.equations.lines import Line, Section
from chainrule.explain.equations.rules import Simplifier
from chainrule.explain.equations.terms.symbols import Symbol, part_of
from chainrule.explain.equations.terms.term import Part, Term, leaf
from chainrule.explain.equations.terms.tidy import tidy
from chainrule.ops import REGISTRY, Op
from chainrule.scalar import Value

__all__ = ["of_scalar"]

_MOST = 200  # operations: a derivation of more is no reading
_PATHS, _STEPS = 3, 6  # paths from the result, and slopes on each, that are written out in full
_CALLED = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}  # others as in the table

Parts: TypeAlias = dict[Value, Part]
Path: TypeAlias = tuple[Value, ...]


def of_scalar(result: Value, names: Mapping[str, Any] | None = None) -> Equations:
    """Return the derivation of a number, forward and backward, with numbers and checks.

    For every x that `result` was computed from, d result / dx is the sum over all paths from the
    result to x of the product of the slopes on the path (the chain rule).

    Args:
        result: what was computed, by at most 200 operations.
        names: Values by name, such as `locals()`; otherwise their labels are their names, and
            numbers without a label are plain numbers. If none of those that it began from has
            either, they are called x1, x2, ... in the order of the graph.

    Raises:
        OptionError: `result` was not computed from anything, or by too many operations.

    Examples:
        >>> a, b, c, f = Value(2), Value(-3), Value(10), Value(-2)
        >>> derivation = of_scalar((a * b + c) * f, locals())
        >>> derivation["dL/da"].steps[-1], derivation["dL/df"].steps[-1]
        (6.0, 4.0)
        >>> [check.verdict for check in derivation.checks[:2]]
        ['agrees', 'agrees']
    """
    graph = _small(result)
    parts = _named(graph, names or {})
    values = {t.label: x.data for x, t in parts.items() if isinstance(t, Term) and not x.op}
    forward = with_numbers([_forward(x, parts) for x in graph if x.op], values)
    slopes = with_numbers(_slopes(graph, parts), values)
    back = with_numbers(_chain(graph, parts), values)
    sections = (
        Section("", "forward", tuple(forward)),
        Section("The slopes of each operation", "backward", tuple(slopes)),
        Section("The chain rule", "backward", tuple(back)),
    )
    arrays = {label: np.float64(value) for label, value in values.items()}
    return Equations(sections, _head(back), arrays, _checks(graph, parts, forward, values))


def _small(result: Value) -> list[Value]:
    """The graph of a number that is not too large to be read."""
    graph = result.graph()
    operations = sum(1 for x in graph if x.op)
    if not operations:
        raise OptionError(
            f"equations are those of a number that was computed, got {result!r}, which was not; "
            "give the result of an operation"
        )
    if operations > _MOST:
        raise OptionError(
            f"equations of a number are written out for at most {_MOST} operations, got one that "
            f"took {operations:,}; give a number on the way to it, or draw it with chainrule.draw"
        )
    return graph


# --- names ----------------------------------------------------------------------------------------


def _named(graph: Sequence[Value], names: Mapping[str, Any]) -> Parts:
    """A name for each number of the graph, and for one that goes without a name the number."""
    given = {x: name for name, x in names.items() if isinstance(x, Value)}
    said = {x: _word(given.get(x, "")) or _word(x.label) for x in graph}
    plain = _plain(graph, said)
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    parts: Parts = {}
    for x in graph:
        if x in plain:
            parts[x] = x.data
            continue
        name = said[x]
        if not name and x is graph[-1] and "L" not in said.values():
            name = "L"
        if not name:
            kind = "v" if x.op else "x"
            counts[kind] += 1
            name = f"{kind}{counts[kind]}"
        parts[x] = _leaf(name, taken)
    return parts


def _word(label: str) -> str:
    """A label if it can stand in a formula as a name, otherwise nothing."""
    return label if re.fullmatch(r"[^\W\d]\w*", label) else ""


def _plain(graph: Sequence[Value], said: Mapping[Value, str]) -> set[Value]:
    """Those that are plain numbers: without a name among named ones, or a constant exponent."""
    unnamed = {x for x in graph if not x.op and not said[x]}
    if any(said[x] for x in graph if not x.op):
        return unnamed
    exponents = (x.operands[1] for x in graph if x.op == "**" and not x.slopes[1])
    return unnamed.intersection(exponents)


def _leaf(name: str, taken: set[str]) -> Term:
    """A name as letters and an index; of several that are called alike the later are numbered."""
    parts = re.fullmatch(r"(.*?[^\W\d_])_?(\d+)", name)
    letters, index = parts.groups() if parts else (name, "")
    further = (f"{index},{n}" if index else str(n) for n in count(2))
    index = next(i for i in chain([index], further) if letters + i not in taken)
    taken.add(letters + index)
    return leaf(letters, index)


def _slope_name(y: Part, x: Part, mark: str) -> Term:
    """The name of a slope: ∂y/∂x of one operation, dy/dx through all of them."""
    assert isinstance(y, Term)
    assert isinstance(x, Term)
    return Term(None, name=y.name, index=y.index, mark=mark, by=x)


# --- forward, and the slopes of each operation ----------------------------------------------------


def _op(x: Value) -> Op:
    return REGISTRY[_CALLED.get(x.op, x.op)]


def _forward(x: Value, parts: Parts) -> Line:
    y = parts[x]
    assert isinstance(y, Term)
    note = "" if _word(x.label) or not x.label else x.label
    return Line(y, Term(_op(x), tuple(parts[a] for a in x.operands)), note=note)


def _slopes(graph: Sequence[Value], parts: Parts) -> list[Line]:
    """Of each operation, the last first, its slope by each name that it was done on."""
    return [
        Line(_slope_name(parts[y], parts[x], "∂"), _local(y, x, parts))
        for y in reversed(graph)
        for x in dict.fromkeys(y.operands)
        if isinstance(parts[x], Term)
    ]


def _local(y: Value, x: Value, parts: Parts) -> Term:
    """The slope of y by x alone: where x stands in both places of an operation, that by both."""
    given = [_symbol(a, parts) for a in y.operands]
    found = _sum(
        _formula(_op(y), i, _symbol(y, parts), given) for i, a in enumerate(y.operands) if a is x
    )
    return tidy(Simplifier()(found))


def _symbol(x: Value, parts: Parts) -> Any:
    part = parts[x]
    return Symbol(part, np.asarray(x.data)) if isinstance(part, Term) else part


def _formula(op: Op, place: int, y: Any, operands: Sequence[Any]) -> Part:
    """The table's formula for the slope by one operand, run on symbols."""
    local = op.local[place]
    found = local(y, *operands) if callable(local) else local
    return part_of(found)


# --- the chain rule -------------------------------------------------------------------------------


def _chain(graph: Sequence[Value], parts: Parts) -> list[Line]:
    """d result / dx for every name, the result's own first: 1."""
    result = graph[-1]
    users = _users(graph)
    first = Line(_slope_name(parts[result], parts[result], "d"), Term("full", (1.0,)))
    # What was computed later comes first, and the leaves last, in the order of the graph.
    order = [x for x in reversed(graph) if x.op] + [x for x in graph if not x.op]
    return [first] + [
        _derivative(x, result, users, parts) for x in order[1:] if isinstance(parts[x], Term)
    ]


def _users(graph: Sequence[Value]) -> dict[Value, list[Value]]:
    """For each number the results that it was used in, each once, in order."""
    users: dict[Value, list[Value]] = {x: [] for x in graph}
    for y in graph:
        for x in dict.fromkeys(y.operands):
            users[x].append(y)
    return users


def _derivative(
    x: Value, result: Value, users: Mapping[Value, Sequence[Value]], parts: Parts
) -> Line:
    """The sum over all paths to a leaf; to others, or if those are many or long, step by step."""
    left = _slope_name(parts[result], parts[x], "d")
    paths = None if x.op else _paths(x, result, users)
    if paths is not None:
        sides = [
            _product(_slope_name(parts[y], parts[a], "∂") for y, a in _pairs(p)) for p in paths
        ]
        note = f"{len(paths)} paths" if len(paths) > 1 else ""
        return Line(left, _sum(sides), note=note)
    return Line(left, _sum(_through(y, x, result, parts) for y in users[x]))


def _through(y: Value, x: Value, result: Value, parts: Parts) -> Term:
    """What goes through one result y that x was used in: dL/dy · ∂y/∂x."""
    local = _slope_name(parts[y], parts[x], "∂")
    return local if y is result else _product([_slope_name(parts[result], parts[y], "d"), local])


def _paths(x: Value, result: Value, users: Mapping[Value, Sequence[Value]]) -> list[Path] | None:
    """All paths from the result down to x, or `None` if they are too many or too long to write."""
    found: list[Path] = []
    waiting: list[Path] = [(x,)]
    while waiting:
        path = waiting.pop(0)
        if path[0] is result:
            found.append(path)
        elif len(path) > _STEPS:
            return None
        else:
            waiting.extend((y, *path) for y in users[path[0]])
        if len(found) + len(waiting) > _PATHS:
            return None
    return found


def _pairs(path: Path) -> Iterable[tuple[Value, Value]]:
    return pairwise(path)


def _product(factors: Iterable[Part]) -> Term:
    return _joined(ops.mul, factors)


def _sum(parts: Iterable[Part]) -> Term:
    return _joined(ops.add, parts)


def _joined(op: Op, parts: Iterable[Part]) -> Term:
    whole = reduce(lambda a, b: Term(op, (a, b)), parts)
    return whole if isinstance(whole, Term) else Term("full", (whole,))


# --- in words, and checked ------------------------------------------------------------------------


def _head(back: Sequence[Line]) -> tuple[str, ...]:
    y = back[0].left.name + back[0].left.index
    return (
        f"∂y/∂x is the slope of one operation by what it was done on, all else held still; "
        f"d{y}/dx is the slope of {y} by x through everything in between: over each path from {y} "
        "to x the product of the slopes, and the sum over the paths.",
    )


def _checks(
    graph: Sequence[Value], parts: Parts, forward: Sequence[Line], values: Mapping[str, float]
) -> tuple[Check, ...]:
    """Each derivative held against `backward` and against a nudge of the number."""
    automatic = _automatic(graph)
    reads = [(line, {t.label for t in line.right.leaves()}) for line in forward]
    result = parts[graph[-1]]
    order = [x for x in graph if not x.op] + [x for x in graph[:-1] if x.op]
    checks = []
    for x in order:
        part = parts[x]
        if isinstance(part, Term):
            name = _slope_name(result, part, "d")
            measured = measure(lambda nudge, x=part.label: _nudged(reads, values, x, nudge))  # type: ignore[misc]
            checks.append(Check(name, values[name.label], automatic[x], measured))
    return tuple(checks)


def _automatic(graph: Sequence[Value]) -> dict[Value, float]:
    """The gradients that `backward` finds; those that are there stay as they are."""
    kept = [x.grad for x in graph]
    try:
        for x in graph:
            x.grad = 0.0
        graph[-1].backward()
        return {x: x.grad for x in graph}
    finally:
        for x, grad in zip(graph, kept):
            x.grad = grad


def _nudged(
    reads: Sequence[tuple[Line, set[str]]], values: Mapping[str, float], name: str, nudge: float
) -> float:
    """What the result is if one number is moved and what depends on it is computed again."""
    moved = {name: values[name] + nudge}
    given = ChainMap(moved, dict(values))
    for line, names in reads if nudge else ():
        if not names.isdisjoint(moved) and line.left.label != name:
            moved[line.left.label] = line.right.evaluate(given)
    return float(given[reads[-1][0].left.label])
