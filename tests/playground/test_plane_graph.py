"""The scalar graph of a point: its numbers, its names, and what is drawn of larger networks."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import OptionError
from chainrule.playground import Plane
from chainrule.playground.engine.plane.graph import _loss, graph
from plane_subjects import gradients, subject

HERE = {"x": 0.7, "y": -1.1, "label": 1}


def leaves(asked, values):
    """The numbers of the graph by name."""
    return {value.label: value for value in _loss(asked, asked.place(values)).graph()}


@pytest.mark.parametrize(
    "act", [nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.Sigmoid], ids=lambda kind: kind.__name__
)
def test_values_and_gradients_are_those_of_the_network(act):
    asked = subject(layers=(3, 2), act=act)
    loss, expected = gradients(asked, 0.7, -1.1, 1)
    found = leaves(asked, HERE)
    assert found["L"].data == pytest.approx(loss, abs=1e-6)
    for i, (stage, (weight, bias)) in enumerate(zip(asked.stages, expected, strict=True), 1):
        for (j, k), slope in np.ndenumerate(weight):
            scalar = found[f"w{i},{j + 1},{k + 1}"]
            assert scalar.data == pytest.approx(float(stage.linear.weight.array[j, k]))
            assert scalar.grad == pytest.approx(slope, abs=1e-6)
        for j, slope in enumerate(bias):
            assert found[f"b{i},{j + 1}"].grad == pytest.approx(slope, abs=1e-6)


def test_numbers_on_the_way_have_their_names():
    asked = subject(layers=(2,))
    found = leaves(asked, HERE)
    assert {"x₁", "x₂", "z1,1", "a1,1", "z1,2", "a1,2", "z2,1", "z2,2", "L"} <= set(found)
    assert found["x₁"].data == pytest.approx(0.7)
    assert found["a1,2"].data == pytest.approx(np.tanh(found["z1,2"].data))
    assert "ŷ" in leaves(subject(layers=(2,), classes=()), {**HERE, "label": 0.5})


def test_a_network_without_hidden_layers_has_names_too():
    found = leaves(subject(layers=()), HERE)
    assert {"x₁", "x₂", "w1,1,1", "w1,2,2", "b1,1", "z1,1", "L"} <= set(found)


def test_layers_of_more_than_ten_units_have_names_too():
    found = leaves(subject(layers=(11,), classes=()), {**HERE, "label": 0.5})
    assert {"w1,11,2", "w2,1,11", "b1,11", "a1,11"} <= set(found)


def test_the_drawing_takes_the_ink_of_the_page():
    answer = graph(subject(layers=(2,)), HERE)
    svg = ElementTree.fromstring(answer["svg"])
    assert svg.get("role") == "img"
    assert "paper" not in answer["svg"]
    assert "currentColor" in answer["svg"]
    shown = {text.text for text in svg.iter("text")}
    assert {"x₁", "w1,1,1", "z1,1", "tanh", "L"} <= shown


def test_names_from_outside_are_escaped():
    answer = graph(subject(layers=(2,), labels=("<script>", "x2")), HERE)
    assert "<script" not in answer["svg"]
    assert "&lt;script&gt;" in answer["svg"]


@pytest.mark.parametrize(
    "asked",
    [subject(layers=(64, 64)), subject(act=nn.GELU), subject(layers=(1024,))],
    ids=["many", "gelu", "wide"],
)
def test_what_cannot_be_drawn_by_numbers_is_drawn_by_layers(asked):
    answer = graph(asked, HERE)
    assert answer["note"].startswith("Here are the layers")
    svg = ElementTree.fromstring(answer["svg"])
    assert "Linear" in " ".join(text.text or "" for text in svg.iter("text"))


def test_no_place_is_refused():
    with pytest.raises(OptionError, match="x must be from -2 to 2"):
        graph(subject(), {"x": 9, "y": 0})


def test_a_session_answers_and_changes_nothing():
    plane = Plane(data="moons", points=50, layers=[3], dropout=0.2)
    model = plane._training.model
    before = [p.array.copy() for p in model.parameters()]
    answer = plane.ask("graph", {"x": 0.5, "y": 0.5})
    assert answer["svg"].startswith("<svg")
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert all((a == p.array).all() for a, p in zip(before, model.parameters()))
