"""The formulas of a point: their numbers are the network's, their gradients those of backward."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import OptionError
from chainrule.playground import Plane
from chainrule.playground.engine.plane.formulas import formulas
from chainrule.playground.engine.plane.passing import passed
from plane_subjects import gradients, subject

ACTIVATIONS = (nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Sigmoid)
HERE = {"x": 0.7, "y": -1.1, "label": 1}


def rows(answer):
    """The lines of an answer as text, by what stands on their left."""
    body = answer["html"].partition("</style>")[2]
    found = [row.get("title") for row in ElementTree.fromstring(body).iter("div")]
    lines = (said.replace("_", "") for said in found if said)
    return {said.partition(" = ")[0]: said for said in lines}


def last_number(said):
    """What a line comes to."""
    text = said.rpartition(" = ")[2].replace("−", "-")
    text = re.sub(r" · 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "e" + m[1].translate(_RAISED), text)
    return float(text)


_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


# --- the numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [*ACTIVATIONS, nn.Identity], ids=lambda kind: kind.__name__)
def test_gradients_agree_with_backward(act):
    asked = subject(act=act, drop=0.4)
    loss, expected = gradients(asked, 0.7, -1.1, 1)
    way = passed(asked, asked.place(HERE))
    assert way.loss == pytest.approx(loss, abs=1e-6)
    for step, (weight, bias) in zip(way.steps, expected, strict=True):
        np.testing.assert_allclose(np.outer(step.d_sums, step.given), weight, atol=1e-6)
        np.testing.assert_allclose(step.d_sums, bias, atol=1e-6)


@pytest.mark.parametrize("loss", [nn.MSELoss, nn.HuberLoss, nn.L1Loss], ids=lambda k: k.__name__)
def test_gradients_of_numbers_agree_with_backward(loss):
    asked = subject(classes=(), loss=loss())
    cost, expected = gradients(asked, 0.7, -1.1, 0.25)
    answer = formulas(asked, {**HERE, "label": 0.25, "layer": 3, "unit": 0})
    assert last_number(rows(answer)["L"]) == pytest.approx(cost, rel=1e-4)
    assert last_number(rows(answer)["dL/dw₂"]) == pytest.approx(expected[2][0][0, 1], rel=1e-4)


def test_lines_say_what_the_network_computes():
    asked = subject()
    way = passed(asked, asked.place(HERE))
    lines = rows(formulas(asked, HERE))
    for i, step in enumerate(way.steps):
        for j, (total, value) in enumerate(zip(step.sums, step.values)):
            assert last_number(lines[f"z{i + 1},{j + 1}"]) == pytest.approx(total, rel=1e-4)
            if i < 2:
                assert last_number(lines[f"a{i + 1},{j + 1}"]) == pytest.approx(value, rel=1e-4)
    assert last_number(lines["p₂"]) == pytest.approx(way.chances[1], rel=1e-4)
    assert last_number(lines["L"]) == pytest.approx(-np.log(way.chances[1]), rel=1e-4)


def test_the_numbers_put_in_come_to_the_sum():
    asked = subject()
    said = rows(formulas(asked, HERE))["z1,1"].replace("−", "-")
    names, numbers, total = said.split(" = ")[1:]
    assert names == "w₁ x₁ + w₂ x₂ + b"
    products = (part.split(" · ") for part in numbers.split(" + "))
    put_in = sum(math.prod(float(one.strip("()")) for one in factors) for factors in products)
    assert put_in == pytest.approx(float(total), abs=1e-4)


def test_the_gradients_of_the_neuron_that_is_meant():
    asked = subject()
    _, expected = gradients(asked, 0.7, -1.1, 1)
    for stage, unit in ((0, 3), (1, 0), (2, 1)):
        lines = rows(formulas(asked, {**HERE, "layer": stage + 1, "unit": unit}))
        weight, bias = expected[stage]
        for k, slope in enumerate(weight[unit]):
            found = last_number(lines[f"dL/dw{'₁₂₃₄'[k]}"])
            assert found == pytest.approx(slope, rel=1e-4, abs=1e-6)
        assert last_number(lines["dL/db"]) == pytest.approx(bias[unit], rel=1e-4)


def test_features_are_written_as_what_they_are():
    lines = rows(formulas(subject(labels=("x1", "x2", "x1^2", "x2^2")), HERE))
    assert lines["x₁²"] == "x₁² = 0.49"
    assert "w₃ x₁²" in lines["z1,1"]


# --- what is shown --------------------------------------------------------------------------------


def test_rows_know_their_neuron():
    html = formulas(subject(), {**HERE, "layer": 2, "unit": 1})["html"]
    assert html.count('data-neuron="2.1"') == 2  # its sum and its value
    assert html.count('class="line here"') == 2


def test_large_networks_are_shown_in_part():
    asked = subject(layers=(300, 300))
    answer = formulas(asked, {**HERE, "layer": 2, "unit": 299})
    assert 'data-neuron="1.7"' in answer["html"]
    assert 'data-neuron="1.8"' not in answer["html"]
    assert 'data-neuron="2.299"' in answer["html"]
    assert "583 of 602 neurons are left out" in answer["note"]
    assert "from 294 more" in answer["html"]
    total = passed(asked, asked.place(HERE)).steps[1].sums[299]
    assert last_number(rows(answer)["z2,300"]) == pytest.approx(total, rel=1e-4)


def test_names_from_outside_are_escaped():
    html = formulas(subject(classes=("<img src=x>", 'a"b'), labels=("<b>", "x2")), HERE)["html"]
    assert "<img" not in html
    assert "<b>" not in html
    assert "&lt;img src=x&gt;" in html


def test_dropout_is_left_out_and_that_is_said():
    answer, plain = formulas(subject(drop=0.5), HERE), formulas(subject(), HERE)
    assert "Dropout is left out" in answer["note"]
    assert answer["html"] == plain["html"]
    assert plain["note"] == ""


def test_the_whole_derivation_of_one_weight():
    asked = subject(drop=0.5)
    _, expected = gradients(asked, 0.7, -1.1, 1)
    answer = formulas(asked, {**HERE, "layer": 1, "unit": 2, "full": True})
    slope = last_number(rows(answer)["dW₁[2, 1]"])
    assert slope == pytest.approx(expected[0][0][2, 1], rel=1e-4)
    assert "agree with backward()" in answer["html"]


def test_the_whole_derivation_of_a_large_network_is_refused_in_words():
    answer = formulas(subject(layers=(100, 100)), {**HERE, "full": True})
    assert answer["html"] == ""
    assert "up to 2,000 weights" in answer["note"]


@pytest.mark.parametrize(
    "values",
    [{"layer": 4, "unit": 0}, {"layer": 1, "unit": 4}, {"layer": "1", "unit": 0}, {"full": 1}],
    ids=["layer", "unit", "text", "full"],
)
def test_what_is_no_neuron_is_refused(values):
    with pytest.raises(OptionError, match="must be"):
        formulas(subject(), {**HERE, **values})


def test_pointing_at_a_feature_asks_for_no_gradients():
    assert "gradients of" not in formulas(subject(), {**HERE, "layer": 0, "unit": 1})["html"]


def test_a_session_answers_and_leaves_no_gradient():
    plane = Plane(data="hill", points=50, features=["x1", "sin_x1"], layers=[3])
    before = [p.array.copy() for p in plane._training.model.parameters()]
    answer = plane.ask("formulas", {"x": 0.5, "y": 0.5, "label": None})
    assert rows(answer)["sin(π x₁)"] == "sin(π x₁) = 1"
    parameters = list(plane._training.model.parameters())
    assert all(p.grad is None for p in parameters)
    assert all((a == p.array).all() for a, p in zip(before, parameters))
