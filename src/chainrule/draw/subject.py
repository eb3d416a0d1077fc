"""`draw`: what it was given, and who reads it (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.convert import to_module, to_scalar
from chainrule.draw.drawing import Drawing
from chainrule.draw.graphs.flow import flow_graph
from chainrule.draw.graphs.lowering import lower
from chainrule.draw.graphs.nets import net_graph
from chainrule.draw.graphs.neurons import neuron_graph, neuron_picture
from chainrule.draw.graphs.scalars import scalar_graph
from chainrule.draw.graphs.tensors import tape_graph
from chainrule.draw.graphs.trace import traced
from chainrule.draw.graphs.tree import tree_graph
from chainrule.errors import OptionError
from chainrule.layers import Function, Net
from chainrule.nn import Module
from chainrule.picture.graph import Direction, Graph
from chainrule.scalar import MLP, Value

__all__ = ["draw"]

_BROADEST = 1200  # pixels up to which a graph of layers is drawn from left to right


def draw(
    x: Any,
    *more: Any,
    scalars: bool = False,
    neurons: bool = False,
    direction: Direction | None = None,
    limit: int | None = None,
    depth: int | None = None,
    collapse: Sequence[str] = (),
    expand: Sequence[str] = (),
) -> Drawing:
    """Draw what was computed, or what computes.

    - `draw(value)`: the graph of a scalar, with label, data, gradient and operator of every number;
      several scalars, or a list of them, make one graph.
    - `draw(tensor)`: the graph that its tape remembers, with shapes, dtypes and operations;
      `draw(tensor, model)` names the parameters and layers of `model`.
    - `draw(model, input)`: the layers of an `nn.Module` as the data flow through them, with shapes
      and parameters; the model is run once, in `eval` mode. `draw(model)`: what contains what.
    - `draw(net)`, `draw(net, X)`: the layers of a `layers.Net` and their weights.
    - `draw(mlp)`, `draw(mlp, x)`: a circle for each neuron of a `scalar.MLP`, a line for each
      weight, and what comes out of each neuron for the inputs x; of a net or module made of linear
      layers the same with `neurons=True`.
    - `draw(model, input, scalars=True)`: what the model does with the input one scalar at a time;
      if it returns a single number, with the gradients of that.

    Args:
        x: a `scalar.Value` or several, a `Tensor`, an `nn.Module`, a `layers.Net` or layer, a
            `scalar.MLP`.
        more: the inputs of a model; the model of a tensor; further scalars.
        scalars: draw what a model does with the inputs as scalars.
        neurons: draw a network of linear layers as neurons.
        direction: where edges lead, `"right"` or `"down"`. If not given, to the right, and graphs
            of tensors and layers that would be broader than 1,200 pixels down.
        limit: how many nodes are drawn at most: by default 3,000 scalars, 1,000 tensors or 200
            layers. Modules are closed to stay within it, the innermost first; of other graphs what
            is nearest to the result is drawn. Either way the picture says so. With `scalars=True`
            a larger graph is refused.
        depth: how deep modules are opened; 0 shows the whole as one node.
        collapse: paths of modules to show as one node.
        expand: paths of modules to open at any depth; of a layer, to see its operations.

    Returns:
        A drawing, which a notebook shows and `save` writes.

    Raises:
        OptionError: something that cannot be drawn, or too large for it.

    Examples:
        >>> from chainrule.scalar import Value
        >>> draw(Value(2, "a") * Value(-3, "b"))
        Drawing of *: 3 nodes, 2 edges
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
        >>> draw(model, np.zeros((1, 2), np.float32))
        Drawing of Sequential: 4 nodes, 3 edges
        >>> draw(model, np.zeros((1, 2), np.float32), scalars=True)
        Drawing of tanh, tanh: 18 nodes, 18 edges
    """
    opening = {"depth": depth, "collapse": collapse, "expand": expand}
    at_most = {} if limit is None else {"limit": limit}
    if not isinstance(x, Module) and any(value not in (None, ()) for value in opening.values()):
        raise OptionError(
            f"depth, collapse and expand are for modules, and {type(x).__name__} is none; draw it "
            "without them"
        )
    if neurons or (isinstance(x, MLP) and not scalars):
        mlp = to_scalar(x)
        return Drawing(neuron_graph(mlp), neuron_picture(mlp, *more))
    if values := _lowered(x, more, at_most) if scalars else _values([x, *more]):
        whole = {"limit": None} if scalars else at_most
        return Drawing(replace(scalar_graph(values, **whole), direction=direction or "right"))
    graph = _read(x, more, at_most | (opening if isinstance(x, Module) else {}))
    drawing = Drawing(replace(graph, direction=direction or "right"))
    if direction is None and drawing.svg.width > _BROADEST:
        return Drawing(replace(graph, direction="down"))
    return drawing


def _values(things: Sequence[Any]) -> list[Value]:
    """The scalars, if that is what these are: one by one, in lists, or in arrays."""
    flat = [v for x in things for v in (np.ravel(x) if _is_many(x) else [x])]
    return flat if flat and all(isinstance(v, Value) for v in flat) else []


def _is_many(x: Any) -> bool:
    return isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and x.dtype == object)


def _read(x: Any, more: Sequence[Any], options: dict[str, Any]) -> Graph:
    if isinstance(x, Tensor):
        return _tape(x, more, options)
    if isinstance(x, Module) and more:
        return flow_graph(traced(x, *more), **options)
    if isinstance(x, Module):
        return tree_graph(x, **options)
    if isinstance(x, Function):
        return net_graph(x, *more, **options)
    raise OptionError(
        "draw takes a scalar.Value, a Tensor, an nn.Module (with an example of its input), a "
        f"layers.Net or a scalar.MLP, got {type(x).__name__}"
    )


def _tape(x: Tensor, more: Sequence[Any], options: dict[str, Any]) -> Graph:
    """The graph of tensors, and among the rest perhaps the model that names their parameters."""
    models = [each for each in more if isinstance(each, Module)]
    results = [x, *(each for each in more if isinstance(each, Tensor))]
    if len(models) > 1 or len(models) + len(results) <= len(more):
        raise OptionError("with a Tensor, draw takes other Tensors and one nn.Module, no more")
    return tape_graph(results, *models, **options)


def _lowered(x: Any, inputs: Sequence[Any], options: dict[str, Any]) -> list[Value]:
    """The scalars that a model returns for an input."""
    if not isinstance(x, (Module, Net, MLP)) or not inputs:
        raise OptionError("scalars=True takes a model and an example: draw(model, x, scalars=True)")
    # Python's numbers are doubles, and stay so.
    arrays = [np.asarray(x) if isinstance(x, (list, tuple)) else x for x in inputs]
    values = _values(lower(to_module(x), *arrays, **options))
    if len(values) == 1:
        values[0].backward()
    return values
