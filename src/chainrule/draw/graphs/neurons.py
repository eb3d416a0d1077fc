"""A multi-layer perceptron as people draw it: a circle for each neuron, a line for each weight.

Blue lines are positive weights and orange ones negative, the thicker the larger. With an input the
circles say what comes out of them (floor 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from chainrule.draw.graphs.words import counted, tell
from chainrule.picture import SERIES, Markup, Svg, element, join
from chainrule.picture.graph import Edge, Graph, Node
from chainrule.picture.svg import group, label, line
from chainrule.picture.text import text_width
from chainrule.scalar import MLP, Value

__all__ = ["neuron_graph", "neuron_picture"]

_MOST = 16  # circles of a column; of a longer one the first and the last
_RADIUS = 19
_DOWN = 48  # from one circle to the next
_ACROSS = 170  # from one column to the next, at least
_SLOPE = 0.45  # and that share of the height, so that lines do not stand too steep
_POSITIVE, _NEGATIVE = SERIES[0], SERIES[1]


class Circle(NamedTuple):
    """A neuron or an input.

    Attributes:
        x: of its middle.
        y: of its middle.
        text: what it says inside.
        color: of its edge.
        note: words for the mouse resting on it.
    """

    x: float
    y: float
    text: str
    color: str
    note: str


def neuron_graph(mlp: MLP) -> Graph:
    """Return neurons and inputs as nodes, and an edge for each weight.

    Examples:
        >>> graph = neuron_graph(MLP(2, [3, 1]))
        >>> len(graph.nodes), len(graph.edges)
        (6, 9)
    """
    keys = [[f"l{i}n{j}" for j in range(size)] for i, size in enumerate(_sizes(mlp))]
    nodes = [Node(key, f"x{j + 1}", kind="input") for j, key in enumerate(keys[0])]
    for names, layer in zip(keys[1:], mlp.layers):
        for key, neuron in zip(names, layer.neurons):
            nodes.append(Node(key, neuron.activation, (("b", tell(neuron.b.data)),)))
    edges = [Edge(a, b) for before, here in pairwise(keys) for b in here for a in before]
    return Graph("MLP", nodes, edges, description=_in_words(mlp))


def neuron_picture(mlp: MLP, x: Sequence[Value | float] | None = None) -> Svg:
    """Draw the neurons of `mlp`.

    Args:
        mlp: what is drawn.
        x: its inputs; with them every circle says its number.

    Examples:
        >>> print(neuron_picture(MLP(2, [3, 1])).description)
        2 inputs, 3 tanh neurons, 1 tanh neuron; 13 parameters from -0.4822 to 0.6888
    """
    sizes = _sizes(mlp)
    shown = [_shown(size) for size in sizes]
    tallest = max(_places(indices) for indices in shown)
    columns = [_column(mlp, i, indices, tallest, x) for i, indices in enumerate(shown)]
    bottom = tallest * _DOWN
    width = _left(mlp) + max(circle.x for column in columns for circle in column.values())
    body = [
        group(_weights(mlp, columns)),
        group(_circle(circle) for column in columns for circle in column.values()),
        group(_names(mlp, columns, bottom)),
        _legend(bottom + 52),
    ]
    return Svg(max(width, 320), bottom + 60, "MLP", _in_words(mlp), join(body))


def _sizes(mlp: MLP) -> list[int]:
    return [len(mlp.layers[0].neurons[0].w), *(len(layer.neurons) for layer in mlp.layers)]


def _shown(size: int) -> list[int]:
    half = _MOST // 2
    return list(range(size)) if size <= _MOST else [*range(half), *range(size - half, size)]


def _places(indices: Sequence[int]) -> int:
    """How many circles are as tall as a column: one more where it says how many are left out."""
    return len(indices) + (indices[-1] >= len(indices))


def _left(mlp: MLP) -> float:
    """Room for half of the widest name under a column."""
    return max(_RADIUS, *(text_width(name) / 2 for name in _column_names(mlp))) + 2


def _column_names(mlp: MLP) -> list[str]:
    names = [counted(_sizes(mlp)[0], "input")]
    for layer in mlp.layers:
        names.append(counted(len(layer.neurons), f"{layer.neurons[0].activation} neuron"))
    return names


def _column(
    mlp: MLP, i: int, indices: Sequence[int], tallest: int, x: Sequence[Value | float] | None
) -> dict[int, Circle]:
    """The circles of the i-th column by the number of their neuron."""
    across = max(_ACROSS, _SLOPE * tallest * _DOWN)
    at, above = _left(mlp) + i * across, (tallest - _places(indices)) * _DOWN / 2
    numbers = None if x is None else _numbers(mlp, x, i)
    color = SERIES[3] if i == 0 else SERIES[1] if i == len(mlp.layers) else "currentColor"
    circles = {}
    for place, j in enumerate(indices):
        text = f"x{j + 1}" if i == 0 else ""
        note = text if i == 0 else _told(mlp, i - 1, j)
        if numbers is not None:
            text, note = _brief(numbers[j]), f"{note}: {numbers[j]!r}"
        y = above + (place + (j > place) + 0.5) * _DOWN
        circles[j] = Circle(at, y, text, color, note)
    return circles


def _brief(x: float) -> str:
    """A number that fits into a circle."""
    return f"{x:.2f}" if abs(x) < 100 else f"{x:.0f}" if abs(x) < 10_000 else f"{x:.0e}"


def _numbers(mlp: MLP, x: Sequence[Value | float], i: int) -> list[float]:
    """What comes out of the i-th column."""
    values = list(x)
    for layer in mlp.layers[:i]:
        values = list(layer(values))
    return [float(value) for value in values]


def _told(mlp: MLP, i: int, j: int) -> str:
    neuron = mlp.layers[i].neurons[j]
    weights = ", ".join(tell(w.data) for w in neuron.w[:12])
    return f"{neuron.activation} neuron with weights {weights} and bias {tell(neuron.b.data)}"


def _weights(mlp: MLP, columns: Sequence[dict[int, Circle]]) -> Iterable[Markup]:
    parameters = [w.data for layer in mlp.layers for neuron in layer.neurons for w in neuron.w]
    largest = max(abs(w) for w in parameters) or 1.0
    for layer, before, here in zip(mlp.layers, columns, columns[1:]):
        for j, circle in here.items():
            for k, source in before.items():
                yield _weight(source, circle, layer.neurons[j].w[k].data, largest)


def _weight(a: Circle, b: Circle, w: float, largest: float) -> Markup:
    share = abs(w) / largest
    return group(
        [
            element("title", f"weight {tell(w)}"),
            line(
                a.x + _RADIUS,
                a.y,
                b.x - _RADIUS,
                b.y,
                stroke=_POSITIVE if w >= 0 else _NEGATIVE,
                stroke_width=0.5 + 4 * share,
                stroke_opacity=0.35 + 0.5 * share,
            ),
        ]
    )


def _circle(circle: Circle) -> Markup:
    x, y, text, color, note = circle
    disc = element(
        "circle",
        cx=x,
        cy=y,
        r=_RADIUS,
        fill=color,
        fill_opacity=0.07 if color == "currentColor" else 0.14,
        stroke=color,
        stroke_opacity=0.6 if color == "currentColor" else 1,
        stroke_width=1.3,
    )
    inside = label(text, x, y + 4, text_anchor="middle", font_size=11) if text else None
    return group([element("title", note), disc, inside])


def _names(mlp: MLP, columns: Sequence[dict[int, Circle]], bottom: float) -> Iterable[Markup]:
    for name, column in zip(_column_names(mlp), columns):
        first = next(iter(column.values()))
        yield label(name, first.x, bottom + 16, class_="soft", text_anchor="middle")
        for j, k in pairwise(column):
            if k > j + 1:
                y = (column[j].y + column[k].y) / 2 + 4
                yield label(f"+ {k - j - 1:,}", first.x, y, class_="soft", text_anchor="middle")


def _legend(y: float) -> Markup:
    parts, x = [], 0.0
    for text, color in (("positive weight", _POSITIVE), ("negative; thicker is larger", _NEGATIVE)):
        parts.append(line(x, y - 4, x + 22, y - 4, stroke=color, stroke_width=3))
        parts.append(label(text, x + 28, y, class_="soft"))
        x += 44 + text_width(text)
    return group(parts)


def _in_words(mlp: MLP) -> str:
    numbers = [p.data for p in mlp.parameters()]
    return (
        f"{', '.join(_column_names(mlp))}; {counted(len(numbers), 'parameter')} from "
        f"{tell(min(numbers))} to {tell(max(numbers))}"
    )
