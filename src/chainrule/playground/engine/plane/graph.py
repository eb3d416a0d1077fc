"""The scalar graph of one point: every number of its way, with its gradient (floor 5).

What the network and its loss do with the point is done again one number at a time (`draw.lower`),
the loss goes back through it, and the graph is drawn in the page's own ink. Of a network that comes
to more numbers than can be read, the layers are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule import nn
from chainrule.autograd import Tensor
from chainrule.autograd.tape import wrap
from chainrule.draw import Drawing, draw, lower
from chainrule.errors import OptionError
from chainrule.explain.equations.writing.text import written
from chainrule.picture import STYLESHEET, Markup, Svg, element, join
from chainrule.playground.engine.plane.subject import Place, Subject
from chainrule.playground.engine.plane.terms import feature
from chainrule.scalar import Value

__all__ = ["graph"]

# Numbers of a graph: more cannot be read, and to place them would keep training waiting.
_MOST = 300


class _Way(nn.Module):
    """The network and its loss at a point; returns the loss, and each layer's sums and values."""

    def __init__(self, subject: Subject, target: Tensor) -> None:
        super().__init__()
        for i, stage in enumerate(subject.stages):
            self.add_module(str(i + 1), stage.linear)
        self._stages, self._loss, self._target = subject.stages, subject.loss, target

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the loss, then z and a of each layer."""
        found = []
        for stage in self._stages:
            z = stage.linear(x)
            x = z if stage.activation is None else stage.activation(z)
            found += [z, x]
        return [self._loss(x, self._target), *found]


def graph(subject: Subject, values: Mapping[str, Any]) -> dict[str, Any]:
    """Answer how a point's loss is made of single numbers.

    Args:
        subject: the network and its data.
        values: x and y; label, or that of the nearest point of the data.

    Returns:
        svg, an element that takes the page's ink, and a note in words.

    Raises:
        OptionError: there is no such place or label.
    """
    place = subject.place(values)
    try:
        loss = _loss(subject, place)
    except OptionError:
        return {"svg": _inked(_layers(subject, place)), "note": _refusal(subject)}
    note = (
        "z and a are a neuron's sum and value, by layer and neuron; w and b are its weights and "
        "its bias. grad is the slope of the loss by the number."
    )
    if subject.classes:
        note += " Dashed is the largest score, which is taken off before exp."
    return {"svg": _inked(draw(loss)), "note": note}


def _loss(subject: Subject, place: Place) -> Value:
    """The loss as a scalar, from which all others can be reached, with their gradients."""
    way = _Way(subject, subject.target(place.label))
    loss, *layers = lower(way, wrap(subject.inputs(place.x, place.y)), limit=_MOST)
    for i, array in enumerate(layers):
        for unit, value in enumerate(array.reshape(-1)):
            value.label = f"{'za'[i % 2]}{i // 2 + 1},{unit + 1}"
    last = len(layers) // 2
    for unit, value in enumerate(layers[-1].reshape(-1)):  # a score has no activation
        value.label = f"z{last},{unit + 1}" if subject.classes else "ŷ"
    result: Value = loss.reshape(-1)[0]
    result.label = "L"
    for value in result.graph():
        if not value.op:
            value.label = _called(value.label, subject.labels)
    result.backward()
    return result


def _called(label: str, features: Sequence[str]) -> str:
    """A leaf's name, of units that are counted from 1, for what lowering called it."""
    if match := re.fullmatch(r"x(\d+)|x\[(\d+)\]|x", label):
        return written(feature(features[int(match[1] or match[2] or 0)]))
    match = re.fullmatch(r"(?:(\d+)\.)?([wb])(?:\[([\d,]+)\]|(\d+)|)", label)
    if match is None:
        return label
    layer, letter, listed, joined = match.groups()
    places = listed.split(",") if listed else list(joined or "0")
    return f"{letter}{','.join([layer or '1', *(str(int(p) + 1) for p in places)])}"


def _refusal(subject: Subject) -> str:
    count = sum(p.numel() for p in subject.model.parameters())
    return (
        f"Here are the layers: with {count:,} weights, and these activations, the graph of single "
        f"numbers cannot be read or drawn. It is there for up to about {_MOST} numbers, of tanh, "
        "ReLU, leaky ReLU, SiLU or sigmoid; take fewer neurons."
    )


def _layers(subject: Subject, place: Place) -> Drawing:
    """The layers as data flow through them."""
    return draw(subject.plain, wrap(subject.inputs(place.x, place.y)), direction="right")


def _inked(drawing: Drawing) -> Markup:
    """The picture with its style, and without paper."""
    svg = drawing.svg
    body = join([element("style", Markup(STYLESHEET)), svg.body])
    return Svg(svg.width, svg.height, svg.title, svg.description, body).inline()
