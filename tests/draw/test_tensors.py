"""Graphs of tensors: the tape, with shapes, dtypes, operations and the names of a model."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.draw import draw
from chainrule.errors import OptionError


def rows(node):
    return dict(node.rows)


def loss_of(model):
    x = cr.tensor(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3))
    return nn.CrossEntropyLoss()(model(x), cr.tensor([0, 1, 0, 1]))


def test_operations_shapes_and_dtypes():
    x = cr.ones(2, 3, requires_grad=True)
    y = (x * 2).exp().sum(dim=1)
    nodes = draw(y).graph.nodes
    assert [node.sign for node in nodes] == ["", "× 2", "exp", "sum"]
    assert [rows(node)["shape"] for node in nodes] == ["2 × 3", "2 × 3", "2 × 3", "2"]
    assert {rows(node)["dtype"] for node in nodes} == {"float32"}
    assert nodes[-1].kind == "output"


def test_operands_in_their_order():
    a, b = (cr.tensor([float(i)], requires_grad=True) for i in (5, 3))
    graph = draw(b - a).graph
    data = {node.key: rows(node).get("data") for node in graph.nodes}
    assert [data[edge.source] for edge in graph.edges] == ["3", "5"]


def test_parameters_and_layers_have_the_names_of_the_model():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    graph = draw(loss_of(model), model).graph
    leaves = [node.title for node in graph.nodes if node.kind == "leaf"]
    assert sorted(leaves) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    layers = {node.title: node.sign for node in graph.nodes if node.kind == "result" and node.title}
    assert layers == {"0 Linear": "linear", "2 Linear": "linear"}


def test_a_penalty_on_weights_is_not_the_layer():
    model = nn.Linear(3, 2)
    graph = draw((model.weight * model.weight).sum(), model).graph
    assert [node.title for node in graph.nodes] == ["weight", "", ""]


def test_data_that_need_no_gradient_are_muted():
    model = nn.Linear(3, 2)
    graph = draw(model(cr.ones(5, 3)), model).graph
    (data,) = (node for node in graph.nodes if node.kind == "constant")
    assert rows(data) == {"shape": "5 × 3", "dtype": "float32"}


def test_single_numbers_show_data_and_gradient():
    x = cr.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward()
    leaf, result = draw(y).graph.nodes
    assert rows(leaf) == {"data": "3", "grad": "6", "dtype": "float32"}
    assert rows(result)["data"] == "9"


def test_a_gradient_of_many_shows_its_length():
    w = cr.tensor([3.0, 4.0], requires_grad=True)
    y = (w * w).sum() / 2
    y.backward()
    assert rows(draw(y).graph.nodes[0])["|grad|"] == "5"


def test_after_backward_it_says_what_was_freed():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    loss = loss_of(model)
    before = draw(loss, model)
    loss.backward()
    after = draw(loss, model)
    assert not before.graph.remark
    assert after.graph.remark.startswith("backward() has freed some shapes")
    assert any(rows(node)["shape"] == "not kept" for node in after.graph.nodes if node.sign)
    # What follows from leaves alone is still known.
    w = cr.ones(2, 3, requires_grad=True)
    y = (w * w).sum(dim=1)
    y.sum().backward()
    assert [rows(node)["shape"] for node in draw(y).graph.nodes] == ["2 × 3", "2 × 3", "2"]


def test_several_tensors_make_one_graph():
    x = cr.ones(2, requires_grad=True)
    y = x * 2
    assert len(draw(y.sum(), y.mean()).graph.nodes) == 4


def test_a_long_tape_shows_what_is_near_and_says_so():
    x = cr.ones(1, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y + 1
    drawing = draw(y, limit=40)
    assert len(drawing.graph.nodes) == 40
    assert drawing.graph.remark.startswith("the 40 of 3,001 nodes")


def test_a_leaf_alone():
    assert repr(draw(nn.Linear(3, 2).weight)) == "Drawing of a tensor: 1 node, 0 edges"


def test_a_tensor_without_a_tape_is_refused():
    with pytest.raises(OptionError, match="set requires_grad=True"):
        draw(cr.ones(2))


def test_with_a_tensor_come_tensors_and_one_model():
    y = cr.ones(2, requires_grad=True) * 2
    for more in ([3], [nn.Linear(1, 1), nn.Linear(1, 1)]):
        with pytest.raises(OptionError, match="draw takes other Tensors and one"):
            draw(y, *more)


def test_in_words():
    model = nn.Linear(3, 2)
    words = draw(loss_of(model), model).svg.description
    assert "10 operations on 2 tensors that need gradients: " in words
    assert "weight" in words
