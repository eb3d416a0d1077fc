"""Reading a module without an input: what contains what, with the parameters of each (floor 4)."""

from __future__ import annotations

from typing import Any

from chainrule.draw.graphs.opening import Opening, fitted, heading, parameter_count
from chainrule.draw.graphs.words import shape_text
from chainrule.nn import Module
from chainrule.picture.graph import Edge, Graph, Kind, Node

__all__ = ["tree_graph"]


def tree_graph(model: Module, **options: Any) -> Graph:
    """Return the tree of a module and all that is in it.

    Args:
        model: the module.
        options: `depth`, `collapse`, `expand` and `limit`, as `fitted` takes them.

    Raises:
        OptionError: a path that the model has not.

    Examples:
        >>> from chainrule import nn
        >>> graph = tree_graph(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
        >>> [node.title for node in graph.nodes]
        ['Sequential', 'Linear', 'ReLU']
    """
    shown, remark = fitted(model, lambda opening: _opened(model, opening), **options)
    named = ", ".join(f"{path} {type(module).__name__}".strip() for path, module in shown[:20])
    return Graph(
        title=type(model).__name__,
        nodes=[_branch(path, module) for path, module in shown],
        edges=[Edge(f"m{path.rpartition('.')[0]}", f"m{path}") for path, _ in shown if path],
        remark=remark,
        description=f"{heading(model)}: {named}",
    )


def _opened(model: Module, opening: Opening) -> list[tuple[str, Module]]:
    """Modules by path, parents first, without those in a closed one."""
    shown: list[tuple[str, Module]] = []
    waiting = [("", model)]
    while waiting:
        path, module = waiting.pop()
        shown.append((path, module))
        if not opening.shuts(module, path):
            children = [(f"{path}.{name}".lstrip("."), c) for name, c in module.named_children()]
            waiting.extend(reversed(children))
    return shown


def _branch(path: str, module: Module) -> Node:
    own = list(module.named_parameters(recurse=False))
    rows = [("name", path.rpartition(".")[2])] if path else []
    rows += [(name, shape_text(p.shape)) for name, p in own[:6]]
    if not own and (count := parameter_count(module)):
        rows += [("parameters", f"{count:,}")]
    note = f"{path}: {repr(module).partition(chr(10))[0].rstrip('(')}".lstrip(": ")
    kind: Kind = "module" if own else "result"
    return Node(f"m{path}", type(module).__name__, tuple(rows), kind, note=note)
