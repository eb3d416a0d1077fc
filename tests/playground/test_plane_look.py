"""What the network makes of a point of the plane, and who is near."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.playground import Plane
from chainrule.playground.engine.plane.look import look
from plane_subjects import subject


def test_values_are_those_of_the_layers():
    asked = subject(drop=0.5)
    found = look(asked, {"x": 0.3, "y": -1.2})
    assert [layer["name"] for layer in found["layers"]] == [
        "features",
        "hidden 1",
        "hidden 2",
        "output",
    ]
    hidden = np.tanh(
        asked.inputs(0.3, -1.2) @ asked.model[0].weight.array.T + asked.model[0].bias.array
    )
    np.testing.assert_allclose(found["layers"][1]["values"], hidden[0], rtol=1e-5)
    scores = asked.plain(Tensor(asked.inputs(0.3, -1.2))).array[0]
    odds = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(found["output"]["probabilities"], odds, rtol=1e-5)
    np.testing.assert_allclose(found["layers"][-1]["values"], odds, rtol=1e-5)


def test_a_number_is_given_as_such():
    asked = subject(classes=())
    found = look(asked, {"x": 1.0, "y": 0.5})
    expected = asked.plain(Tensor(asked.inputs(1.0, 0.5))).item()
    assert found["output"] == {"number": pytest.approx(expected, rel=1e-6)}


def test_wide_layers_show_their_first_units():
    found = look(subject(layers=(200,)), {"x": 0, "y": 0})
    assert [len(layer["values"]) for layer in found["layers"]] == [2, 64, 2]


def test_the_point_under_the_mouse_is_found_and_no_other():
    asked = subject()
    (x, y), label = asked.test[0][3], asked.test[1][3]
    near = look(asked, {"x": x + 0.01, "y": y})["nearest"]
    assert (near["x"], near["y"], near["label"], near["test"]) == (x, y, label, True)
    away = max(
        ((gx, gy) for gx in np.linspace(-2, 2, 9) for gy in np.linspace(-2, 2, 9)),
        key=lambda place: asked.nearest(*place).distance,
    )
    assert look(asked, {"x": away[0], "y": away[1]})["nearest"] is None


def test_no_points_are_no_trouble():
    asked = subject()
    empty = type(asked)(
        **{
            **vars(asked),
            "train": (np.zeros((0, 2)), np.zeros(0)),
            "test": (np.zeros((0, 2)), np.zeros(0)),
        }
    )
    assert look(empty, {"x": 0, "y": 0})["nearest"] is None
    assert empty.place({"x": 0, "y": 0}).label == 0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"x": 1},
        {"x": "1", "y": 1},
        {"x": True, "y": 1},
        {"x": math.nan, "y": 1},
        {"x": 2.1, "y": 1},
        {"x": 10**400, "y": 0},
        {"x": [1], "y": {}},
    ],
    ids=["nothing", "no y", "text", "truth", "nan", "outside", "huge", "lists"],
)
def test_what_is_no_place_is_refused(values):
    with pytest.raises(OptionError, match=r"^(x|y) must be from -2 to 2, got"):
        look(subject(), values)


def test_labels_are_checked_where_they_matter():
    asked = subject()
    assert asked.place({"x": 0, "y": 0, "label": 1}).label == 1
    for label in (2, -1, 0.5, "a", math.nan):
        with pytest.raises(OptionError, match="label must be"):
            asked.place({"x": 0, "y": 0, "label": label})
    assert subject(classes=()).place({"x": 0, "y": 0, "label": 0.5}).label == 0.5


def test_a_session_answers_and_changes_nothing():
    plane = Plane(data="circles", points=50, activation="relu", dropout=0.3)
    before = [p.array.copy() for p in plane._training.model.parameters()]
    answer = plane.ask("look", {"x": 0.5, "y": 0.5})
    assert len(answer["output"]["probabilities"]) == 2
    assert plane._training.model.training
    after = [p.array for p in plane._training.model.parameters()]
    assert all((a == b).all() for a, b in zip(before, after))


def test_layers_without_an_activation_stand_for_themselves():
    found = look(subject(act=nn.Identity), {"x": 1, "y": 1})
    assert len(found["layers"]) == 4
