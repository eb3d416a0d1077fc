"""Drawings of explicit layers, and of networks as neurons."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import layers, nn
from chainrule.draw import draw
from chainrule.errors import OptionError
from chainrule.picture import SERIES
from chainrule.scalar import MLP

SVG = "{http://www.w3.org/2000/svg}"


def net():
    parts = [layers.Linear(2, 4, rng=0), layers.ReLU(), layers.Linear(4, 3, rng=1)]
    return layers.Net(parts, loss=layers.CrossEntropyLoss())


def texts(drawing):
    return [text.text for text in ET.fromstring(drawing._repr_svg_()).iter(f"{SVG}text")]


# --- layers -------------------------------------------------------------------------------------


def test_layers_their_weights_and_the_loss():
    graph = draw(net()).graph
    titles = [node.title for node in graph.nodes]
    assert titles == ["input", "Linear", "ReLU", "Linear", "output", "CrossEntropyLoss"]
    assert graph.nodes[1].rows == (("W", "2 × 4"), ("b", "1 × 4"))
    keys = [node.key for node in graph.nodes]
    assert [(e.source, e.target) for e in graph.edges] == list(itertools.pairwise(keys))
    assert graph.remark == "Net: 27 weights"


def test_shapes_come_from_data_or_from_the_last_call():
    network = net()
    given = draw(network, np.zeros((5, 2)))
    assert dict(given.graph.nodes[2].rows) == {"output": "5 × 4"}
    assert "output" not in network.cache, "drawing ran a copy"
    network(np.zeros((7, 2)))
    assert dict(draw(network).graph.nodes[2].rows) == {"output": "7 × 4"}
    assert draw(network).graph.nodes[0].rows == (("", "7 × 2"),)


def test_nets_within_nets_are_boxes():
    graph = draw(layers.Net([net(), layers.Net([net()]), layers.Tanh()])).graph
    assert [group.title for group in graph.groups] == ["0  Net", "1  Net", "1.0  Net"]
    assert [node.group for node in graph.nodes] == ["", *["0"] * 3, *["1.0"] * 3, "", ""]


def test_one_layer_alone():
    titles = [node.title for node in draw(layers.Linear(2, 3, rng=0)).graph.nodes]
    assert titles == ["input", "Linear", "output"]


def test_too_many_layers_are_cut_and_it_says_so():
    many = layers.Net([layers.Tanh() for _ in range(50)])
    drawing = draw(many, limit=10)
    assert len(drawing.graph.nodes) == 12
    assert drawing.graph.remark.endswith("the first 10 of 50 layers")


# --- neurons ------------------------------------------------------------------------------------


def test_a_circle_for_each_neuron_and_a_line_for_each_weight():
    drawing = draw(MLP(3, [4, 4, 1]))
    root = ET.fromstring(drawing._repr_svg_())
    assert len(list(root.iter(f"{SVG}circle"))) == 12
    weights = [each for each in root.iter(f"{SVG}line") if each.get("stroke-opacity")]
    assert len(weights) == 32
    assert len(drawing.graph.edges) == 32
    assert "4 tanh neurons" in texts(drawing)
    assert drawing.dot.count("->") == 32


def test_lines_tell_sign_and_size():
    mlp = MLP(2, [1])
    mlp.layers[0].neurons[0].w[0].data = 2.0
    mlp.layers[0].neurons[0].w[1].data = -1.0
    root = ET.fromstring(draw(mlp)._repr_svg_())
    first, second = (each for each in root.iter(f"{SVG}line") if each.get("stroke-opacity"))
    assert (first.get("stroke"), second.get("stroke")) == SERIES[:2]
    assert float(first.get("stroke-width")) > float(second.get("stroke-width"))


def test_with_an_input_every_circle_says_its_number():
    mlp = MLP(2, [2, 1])
    drawing = draw(mlp, [0.5, -2.0])
    hidden = [f"{v.data:.2f}" for v in mlp.layers[0]([0.5, -2.0])]
    expected = ["0.50", "-2.00", *hidden, f"{mlp([0.5, -2.0]).data:.2f}"]
    assert texts(drawing)[: len(expected)] == expected


def test_of_a_long_layer_the_ends_are_drawn():
    drawing = draw(MLP(40, [3]))
    assert "+ 24" in texts(drawing)
    assert {"x1", "x8", "x33", "x40"} <= set(texts(drawing))
    assert "x9" not in texts(drawing)


@pytest.mark.parametrize(
    "network",
    [net(), nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))],
    ids=["layers.Net", "nn.Sequential"],
)
def test_other_networks_of_linear_layers_as_neurons(network):
    drawing = draw(network, neurons=True)
    assert drawing.svg.description.startswith("2 inputs, 4 relu neurons, 3 linear neurons; 27 para")


def test_what_is_not_made_of_neurons():
    with pytest.raises(OptionError, match=r"Conv2D.* no counterpart among neurons"):
        draw(nn.Sequential(nn.Conv2d(1, 1, 3)), neurons=True)


def test_all_weights_zero():
    mlp = MLP(1, [1])
    mlp.layers[0].neurons[0].w[0].data = 0.0
    ET.fromstring(draw(mlp)._repr_svg_())


# --- the module that can be called --------------------------------------------------------------


def test_draw_is_a_module_and_a_function():
    assert repr(cr.draw(MLP(1, [1]))) == repr(draw(MLP(1, [1])))
    assert cr.draw.draw is draw
    with pytest.raises(AttributeError, match="no 'boundry'; did you mean 'boundary'"):
        getattr(cr.draw, "boundry")  # noqa: B009
