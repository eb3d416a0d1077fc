"""Reading the tape of a tensor: a node for each result, its operation in front of it (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.autograd.tape import Node as Record
from chainrule.draw.graphs.words import SIGNS, counted, shape_text, tell
from chainrule.errors import ChainruleError, OptionError
from chainrule.nn import Module
from chainrule.ops import Ghost
from chainrule.picture.graph import Edge, Graph, Kind, Node

__all__ = ["tape_graph"]


def tape_graph(
    results: Sequence[Tensor], model: Module | None = None, *, limit: int = 1000
) -> Graph:
    """Return the graph of all that `results` were computed from, as the tape remembers it.

    Args:
        results: tensors at its end.
        model: whose names the parameters have, and their layers.
        limit: nodes drawn at most; of a larger graph those nearest to the results.

    Raises:
        OptionError: nothing was recorded for any of the results.

    Examples:
        >>> from chainrule.autograd import ones
        >>> x = ones(2, 3, requires_grad=True)
        >>> graph = tape_graph([x.sum()])
        >>> [(node.sign, node.rows[0]) for node in graph.nodes]
        [('', ('shape', '2 × 3')), ('sum', ('data', '6'))]
    """
    if not any(result.needs_grad for result in results):
        raise OptionError(
            "the tensor was computed from nothing that needs a gradient, so no graph was kept; "
            "set requires_grad=True on what it depends on, or draw(model, x) for a whole model"
        )
    return _Tape(results, model, limit).graph()


class _Tape:
    """Nodes and edges by key; a thing on the tape is known by its identity."""

    def __init__(self, results: Sequence[Tensor], model: Module | None, limit: int) -> None:
        self.results = results
        self.names = _names(model)
        self.layers = _layers(model)
        roots = [result.node or result for result in results]
        self.ends = {id(root): result for root, result in zip(roots, results)}
        found = _reached(roots)
        self.total = len(found)
        self.things = found[:limit][::-1]
        self.keys = {id(thing): f"t{i}" for i, thing in enumerate(self.things)}
        self.kept = _kept(found)
        self.shapes: dict[int, tuple[int, ...] | None] = {}
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def graph(self) -> Graph:
        for thing in sorted(self.things, key=lambda t: t.made if isinstance(t, Record) else 0):
            self.shapes[id(thing)] = self._shape(thing)
            if isinstance(thing, Record):
                self._result(thing)
            else:
                self._leaf(thing)
        return Graph(
            title=", ".join(_named(result) for result in self.results[:4]),
            nodes=list(self.nodes.values()),
            edges=self.edges,
            remark=self._remark(),
            description=self._in_words(),
        )

    # --- what a node says ---

    def _leaf(self, leaf: Tensor) -> None:
        key = self.keys[id(leaf)]
        rows = [("shape", shape_text(leaf.shape)), ("dtype", str(leaf.array.dtype))]
        if leaf.array.size == 1:
            rows[0] = ("data", tell(leaf.array.item()))
        if leaf.grad is not None:
            rows.append(("grad" if leaf.array.size == 1 else "|grad|", tell(_size_of(leaf.grad))))
        self.nodes[key] = Node(key, self.names.get(id(leaf), ""), tuple(rows), "leaf")

    def _result(self, record: Record) -> None:
        key = self.keys[id(record)]
        shape, dtype = self.shapes[id(record)], self._dtype(record)
        rows = [("shape", "not kept" if shape is None else shape_text(shape))]
        rows += [("dtype", str(dtype))] if dtype is not None else []
        if (end := self.ends.get(id(record))) is not None and end.array.size == 1:
            rows.insert(0, ("data", tell(end.array.item())))
        numbers = [tell(x) for x in record.xs or () if isinstance(x, (int, float))]
        kind: Kind = "result" if end is None else "output"
        attrs = ", ".join(f"{name}={value!r}" for name, value in record.attrs.items())
        self.nodes[key] = Node(
            key,
            self._layer(record),
            tuple(rows),
            kind,
            sign=" ".join([SIGNS.get(record.name, record.name), *numbers]),
            note=f"{record.name} {attrs}".strip()[:200],
        )
        for i, parent in enumerate(record.parents):
            if parent is not None and id(parent) in self.keys:
                self.edges.append(Edge(self.keys[id(parent)], key))
            elif parent is None and record.xs is not None:
                self._constant(record.xs[i], key)

    def _constant(self, x: Any, target: str) -> None:
        """An array that needs no gradient: data, a target, a mask."""
        if not isinstance(x, (np.ndarray, Ghost)) or not x.shape:
            return
        key = self.keys.setdefault(id(x), f"c{len(self.keys)}")
        rows = (("shape", shape_text(x.shape)), ("dtype", str(x.dtype)))
        self.nodes.setdefault(key, Node(key, "", rows, "constant", note="needs no gradient"))
        self.edges.append(Edge(key, target))

    def _layer(self, record: Record) -> str:
        """The layer whose own parameters the operation reads together with something else."""
        own = [self.names.get(id(parent), "") for parent in record.parents]
        layer = next((name.rpartition(".")[0] for name in own if name), None)
        return "" if layer is None or all(own) else f"{layer} {self.layers[layer]}".strip()

    def _shape(self, thing: Record | Tensor) -> tuple[int, ...] | None:
        """The shape that was kept; where it was freed, what follows from those before it."""
        if not isinstance(thing, Record):
            return tuple(thing.shape)
        if id(thing) in self.ends:
            return tuple(self.ends[id(thing)].shape)
        if id(thing) in self.kept:
            return tuple(self.kept[id(thing)].shape)
        shapes = [self.shapes.get(id(parent)) for parent in thing.parents]
        if any(shape is None for shape in shapes):
            return None
        try:
            return tuple(thing.op.shape(*shapes, **thing.attrs))
        except ChainruleError:
            return None

    def _dtype(self, record: Record) -> Any:
        if id(record) in self.ends:
            return self.ends[id(record)].array.dtype
        return self.kept[id(record)].dtype if id(record) in self.kept else None

    # --- the whole ---

    def _remark(self) -> str:
        if len(self.things) < self.total:
            return (
                f"the {len(self.things):,} of {self.total:,} nodes that are nearest to the "
                "result; limit= draws more, and draw(model, x) draws layers"
            )
        if any(self.shapes[id(thing)] is None for thing in self.things):
            return "backward() has freed some shapes; draw before it to see them all"
        return ""

    def _in_words(self) -> str:
        steps = sum(isinstance(thing, Record) for thing in self.things)
        leaves = [self.names.get(id(t), "") for t in self.things if not isinstance(t, Record)]
        named = ", ".join(name for name in leaves[:12] if name)
        shown = ", ".join(f"{_named(r)} of shape {shape_text(r.shape)}" for r in self.results[:4])
        return (
            f"{shown}: {counted(steps, 'operation')} on "
            f"{counted(len(leaves), 'tensor')} that need gradients" + f": {named}" * bool(named)
        )


def _reached(roots: Sequence[Any]) -> list[Any]:
    """Everything on the tape below the roots, the nearest first."""
    found = {id(root): root for root in roots}
    waiting = list(found.values())
    for thing in waiting:  # grows while it is walked
        for parent in thing.parents if isinstance(thing, Record) else ():
            if parent is not None and id(parent) not in found:
                found[id(parent)] = parent
                waiting.append(parent)
    return waiting


def _kept(things: Sequence[Any]) -> dict[int, Any]:
    """By the identity of a thing what those computed from it keep of it: its array or a ghost."""
    records = [thing for thing in things if isinstance(thing, Record)]
    return {id(p): x for r in records for p, x in zip(r.parents, r.xs or ()) if p is not None}


def _names(model: Module | None) -> dict[int, str]:
    return {} if model is None else {id(p): name for name, p in model.named_parameters()}


def _layers(model: Module | None) -> Mapping[str, str]:
    """The class of each module by path."""
    modules = [] if model is None else model.named_modules(remove_duplicate=False)
    return {path: type(module).__name__ for path, module in modules}


def _named(result: Tensor) -> str:
    return "a tensor" if result.node is None else result.node.name


def _size_of(grad: Any) -> float:
    """The number itself, or the Euclidean length of several."""
    array = np.asarray(grad.array if isinstance(grad, Tensor) else grad, dtype=float)
    return array.item() if array.size == 1 else math.sqrt(float((array**2).sum()))
