"""Graphs of modules: layers as the data flow, boxes, closing and opening, the tree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.draw import draw
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import READERS


class Residual(nn.Module):
    def __init__(self, channels=2):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return cr.relu(self.norm(self.conv(x)) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(Residual(), nn.MaxPool2d(2), Residual())
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(18, 3))

    def forward(self, x):
        return self.head(self.features(x))


IMAGE = np.zeros((1, 2, 6, 6), np.float32)


def titles(drawing):
    return [node.title for node in drawing.graph.nodes]


def links(drawing):
    names = {node.key: node.title for node in drawing.graph.nodes}
    return [(names[edge.source], names[edge.target]) for edge in drawing.graph.edges]


def row(drawing, title, name):
    return [dict(n.rows).get(name) for n in drawing.graph.nodes if n.title == title]


# --- the flow of data ---------------------------------------------------------------------------


def test_layers_in_a_row():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    drawing = draw(model, np.zeros((5, 4), np.float32))
    assert titles(drawing) == ["input", "Linear", "ReLU", "Linear", "output"]
    assert links(drawing) == list(itertools.pairwise(titles(drawing)))
    assert row(drawing, "Linear", "parameters") == ["15", "8"]
    assert row(drawing, "Linear", "output") == ["5 × 3", "5 × 2"]
    assert drawing.graph.remark == "Sequential: 23 parameters"


def test_a_residual_connection_is_seen_and_drawn_around():
    drawing = draw(Residual(), IMAGE)
    assert ("input", "+") in links(drawing)
    assert ("BatchNorm2d", "+") in links(drawing)
    assert links(drawing)[-2:] == [("+", "relu"), ("relu", "output")]


def test_modules_within_modules_are_boxes():
    graph = draw(Net(), IMAGE).graph
    boxes = {group.key: group for group in graph.groups}
    assert [box.title for box in graph.groups] == [
        "features  Sequential", "features.0  Residual", "features.2  Residual", "head  Sequential"
    ]  # fmt: skip
    around = {n.note.split(":")[0]: boxes[n.group].title for n in graph.nodes if n.kind == "module"}
    assert around == {
        "features.0.conv": "features.0  Residual",
        "features.0.norm": "features.0  Residual",
        "features.2.conv": "features.2  Residual",
        "features.2.norm": "features.2  Residual",
        "head.2": "head  Sequential",
    }
    assert boxes[boxes["m2"].parent].title == "features  Sequential"


def test_what_does_nothing_is_still_a_layer():
    # In use, dropout hands on what it gets.
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Identity(), nn.Tanh())
    drawing = draw(model, np.zeros((1, 2), np.float32))
    assert titles(drawing) == ["input", "Linear", "Dropout", "Identity", "Tanh", "output"]
    assert links(drawing) == list(itertools.pairwise(titles(drawing)))


def test_a_layer_alone_is_shown_with_its_operations():
    drawing = draw(nn.Linear(2, 3), np.zeros((1, 2), np.float32))
    assert titles(drawing) == ["input", "weight", "bias", "linear", "output"]
    assert titles(draw(nn.Linear(2, 3))) == ["Linear"]


def test_a_model_that_returns_its_input():
    drawing = draw(nn.Identity(), np.zeros((1, 2), np.float32))
    assert titles(drawing) == ["input", "Identity", "output"]


def test_a_module_called_again_is_drawn_again():
    linear = nn.Linear(2, 2)
    drawing = draw(nn.Sequential(linear, nn.Tanh(), linear), np.zeros((1, 2), np.float32))
    assert titles(drawing) == ["input", "Linear", "Tanh", "Linear (call 2)", "output"]


def test_whole_numbers_flow_too():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    drawing = draw(model, np.zeros((1, 3), np.int64))
    assert links(drawing)[0] == ("input", "Embedding")
    assert ("", "int64") in drawing.graph.nodes[0].rows


def test_parameters_outside_layers_are_leaves():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(np.ones(2, np.float32))

        def forward(self, x):
            return nn.functional.relu(x * self.scale)

    drawing = draw(nn.Sequential(Scaled()), np.zeros((1, 2), np.float32), expand=["0"])
    assert titles(drawing) == ["input", "0.scale", "×", "relu", "output"]
    assert ("0.scale", "×") in links(drawing)


def test_several_inputs_and_outputs():
    class Two(nn.Module):
        def forward(self, a, b):
            return {"sum": a + b, "rest": [a - b]}

    drawing = draw(Two(), np.zeros(3, np.float32), np.ones(3, np.float32))
    assert titles(drawing) == ["input 1", "input 2", "+", "−", "output 1", "output 2"]
    assert ("+", "output 1") in links(drawing)
    assert ("−", "output 2") in links(drawing)


# --- closing and opening ------------------------------------------------------------------------


def test_depth():
    assert titles(draw(Net(), IMAGE, depth=0)) == ["input", "Net", "output"]
    assert titles(draw(Net(), IMAGE, depth=1)) == ["input", "Sequential", "Sequential", "output"]
    two = draw(Net(), IMAGE, depth=2)
    assert titles(two).count("Residual") == 2
    assert "closed" not in two.graph.remark


def test_collapse_and_expand():
    closed = draw(Net(), IMAGE, collapse=["features.0"])
    assert titles(closed).count("Residual") == 1
    assert titles(closed).count("Conv2d") == 1
    opened = draw(Net(), IMAGE, depth=1, expand=["features.0"])
    assert titles(opened).count("Conv2d") == 1
    assert titles(opened).count("Residual") == 1
    assert "Sequential" in titles(opened)


def test_a_layer_is_expanded_into_its_operations():
    model = nn.Sequential(nn.Linear(2, 2))
    drawing = draw(model, np.zeros((1, 2), np.float32), expand=["0"])
    assert titles(drawing) == ["input", "0.weight", "0.bias", "linear", "output"]


def test_too_large_a_model_is_closed_as_far_as_needed_and_says_so():
    inner = [nn.Sequential(*[nn.Linear(2, 2) for _ in range(30)]) for _ in range(10)]
    drawing = draw(nn.Sequential(*inner), np.zeros((1, 2), np.float32))
    assert titles(drawing) == ["input", *["Sequential"] * 10, "output"]
    assert "modules below level 1 are closed to stay within 200 nodes" in drawing.graph.remark
    assert drawing.graph.remark in drawing._repr_svg_()
    flat = draw(nn.Sequential(*inner[0], *inner[1]), np.zeros((1, 2), np.float32), limit=20)
    assert titles(flat) == ["input", "Sequential", "output"]
    assert "the whole is closed" in flat.graph.remark


def test_a_path_that_is_not_there():
    with pytest.raises(OptionError, match=r"no module 'features\.O'; did you mean 'features\."):
        draw(Net(), IMAGE, expand=["features.O"])
    with pytest.raises(OptionError, match="no module 'hed'; did you mean 'head'"):
        draw(Net(), collapse=["hed"])


# --- the run leaves nothing behind ---------------------------------------------------------------


def test_the_model_is_left_as_it_was():
    model = Net()
    model.features[0].eval()
    modes = [module.training for module in model.modules()]
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    readers = dict(READERS)
    draw(model, IMAGE + 1)
    assert [module.training for module in model.modules()] == modes
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    assert readers == READERS
    assert all(p.grad is None for p in model.parameters())
    assert all(not any(m.__dict__["_hooks"].values()) for m in model.modules())


def test_a_model_that_fails_leaves_nothing_behind_either():
    readers = dict(READERS)
    model = Net()
    with pytest.raises(ShapeError, match=r"features\.0\.conv"):
        draw(model, np.zeros((1, 5, 6, 6), np.float32))
    assert readers == READERS
    assert model.training


def test_a_model_that_returns_no_tensor():
    class Says(nn.Module):
        def forward(self, x):
            return "done"

    with pytest.raises(OptionError, match="Says returned str, and a drawing needs a tensor"):
        draw(Says(), np.zeros(1))


def test_the_same_run_gives_the_same_picture():
    model = Net()
    assert str(draw(model, IMAGE).svg) == str(draw(model, IMAGE).svg)


# --- the tree -----------------------------------------------------------------------------------


def test_without_an_input_what_contains_what():
    drawing = draw(Net())
    assert titles(drawing)[:5] == ["Net", "Sequential", "Residual", "Conv2d", "BatchNorm2d"]
    assert len(drawing.graph.edges) == len(drawing.graph.nodes) - 1
    assert row(drawing, "Linear", "weight") == ["3 × 18"]
    assert row(drawing, "Net", "parameters") == ["141"]
    assert row(drawing, "Conv2d", "name") == ["conv", "conv"]


def test_the_tree_closes_too():
    assert titles(draw(Net(), depth=1)) == ["Net", "Sequential", "Sequential"]
    small = draw(Net(), limit=6)
    assert titles(small) == ["Net", "Sequential", "Sequential"]
    assert "modules below level 1 are closed to stay within 6 nodes" in small.graph.remark


# --- which way ----------------------------------------------------------------------------------


def test_a_long_model_leads_down_a_short_one_right():
    short = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    assert draw(short, np.zeros((1, 2), np.float32)).graph.direction == "right"
    long = nn.Sequential(*[nn.Linear(2, 2) for _ in range(20)])
    assert draw(long, np.zeros((1, 2), np.float32)).graph.direction == "down"
    assert draw(long, np.zeros((1, 2), np.float32), direction="right").graph.direction == "right"
