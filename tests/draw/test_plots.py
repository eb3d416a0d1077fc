"""Plots of functions, descents and surfaces: the right numbers, whatever the function takes."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import draw
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.scalar import Value

NAMESPACE = "{http://www.w3.org/2000/svg}"


def texts(chart):
    return ["".join(at.itertext()) for at in ET.fromstring(str(chart)).iter(f"{NAMESPACE}text")]


# --- functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tanh",
    [
        pytest.param(np.tanh, id="arrays"),
        pytest.param(math.tanh, id="numbers"),
        pytest.param(cr.tanh, id="tensors or arrays"),
        pytest.param(lambda x: x.tanh(), id="tensors"),
        pytest.param(lambda x: Value(x).tanh(), id="scalars with a graph"),
    ],
)
def test_one_picture_whatever_the_function_takes(tanh):
    chart = draw.function(tanh, -2, 2, slopes=[0, 1], title="tanh")
    assert chart.body == draw.function(np.tanh, -2, 2, slopes=[0, 1], title="tanh").body
    assert {"tanh", "slope 1 at x = 0", "slope 0.42 at x = 1"} <= set(texts(chart))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(lambda x: max(x, 0.0), id="max"),
        pytest.param(lambda x: x if x > 0 else 0.0, id="if"),
    ],
)
def test_functions_that_ask_about_one_number_are_asked_one_by_one(steps):
    assert "greatest 3" in draw.function(steps, -3, 3).description


def test_a_constant_is_a_level_line():
    assert draw.function(lambda x: 5, 0, 1).description == (
        "from 5 at x = 0 to 5 at x = 1, least 5, greatest 5"
    )


def test_a_line_has_its_slope_everywhere():
    chart = draw.function(lambda x: 5 * x - 9, -10, 10, slopes=[-3, 0, 8])
    assert re.findall(r"slope (\S+) at", chart.description) == ["5", "5", "5"]


@pytest.mark.parametrize("at", [-1000.0, 1e-3, 0.0, 2.0])
def test_slopes_are_right_to_the_digits_that_are_shown(at):
    chart = draw.function(lambda x: x**3, at - 1, at + 1, slopes=[at])
    told = float(
        re.search(r"slope (\S+) at", chart.description)[1].replace("−", "-").replace(",", "")
    )
    assert told == pytest.approx(3 * at**2, rel=1e-3, abs=1e-6)


def test_at_a_kink_the_slope_is_the_mean_of_both_sides():
    assert "slope 0.5 at x = 0" in draw.function(cr.relu, -1, 1, slopes=[0]).description


def test_where_a_function_is_not_defined_there_is_a_gap():
    chart = draw.function(math.log, -1, 1)
    assert chart.description.startswith("from −5.298 at x = 0.005")
    assert draw.function(lambda x: 1 / x, -1, 1, y_range=(-9, 9)).body.count('class="curve"') == 1


@pytest.mark.parametrize("hides", [math.sqrt, np.sqrt, lambda x: 1 / 0])
def test_a_function_without_a_value_is_told(hides):
    with pytest.raises(DataError, match="no finite value"):
        draw.function(hides, -2, -1)


def test_no_slope_is_told():
    with pytest.raises(DataError, match="no slope at x = 0"):
        draw.function(np.sqrt, 0, 1, slopes=[0])


def test_an_error_of_the_function_itself_is_passed_on():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        draw.function(broken, 0, 1)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (math.nan, 1), (0, math.inf)])
def test_what_is_no_stretch_of_numbers_is_told(low, high):
    for drawn in (
        lambda: draw.function(np.tanh, low, high),
        lambda: draw.function(np.tanh, 0, 1, y_range=(low, high)),
        lambda: draw.descent(np.tanh, [0.5], low, high),
        lambda: draw.surface(np.add, None, (low, high), (0, 1)),
    ):
        with pytest.raises(OptionError, match="the lower first"):
            drawn()


def test_several_functions_have_their_names():
    chart = draw.function({"tanh": np.tanh, "relu": cr.relu}, -1, 1, slopes=[0.5])
    assert {"tanh", "relu", "tanh, relu"} <= set(texts(chart))
    with pytest.raises(DataError, match="got none"):
        draw.function({}, 0, 1)


def test_words_name_what_is_measured_across():
    chart = draw.function(np.square, 0, 1, slopes=[0.5], x_label="answer")
    assert "slope 1 at answer = 0.5" in texts(chart)
    assert "to 1 at answer = 1" in chart.description
    chart = draw.descent(np.square, [1.0, 0.5], -1, 1, x_label="w")
    assert chart.description == "1 step from 1 at w = 1 to 0.25 at w = 0.5"


def test_what_rounding_leaves_of_zero_is_told_as_zero():
    chart = draw.function(lambda x: (x - 0.3) ** 2 + 1e-16, -1, 1, slopes=[0.3])
    assert "least 0, " in chart.description
    assert "slope 0 at x = 0.3" in chart.description
    assert "to 0 at x = 0" in draw.descent(np.square, [1.0, 1e-12], -1, 1).description


def test_one_place_alone_is_asked_for_without_a_warning(recwarn):
    assert "0 steps" in draw.descent(math.tanh, [0.5], -1, 1).description
    assert not recwarn.list


# --- learning curves -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "losses", [[4.0, 2.0, 1.0], cr.tensor([4.0, 2.0, 1.0]), [Value(4), Value(2), Value(1)]]
)
def test_learning_curves_of_numbers_tensors_and_scalars(losses):
    assert draw.curves({"loss": losses}).description == "loss: from 4 to 1, least 1 at 3"


def test_one_series_needs_no_name():
    assert "least 1" in draw.curves([3, 1, 2], title="Loss", log_y=True).description


def test_words_are_no_series():
    with pytest.raises(DataError, match="series 'loss': expected numbers"):
        draw.curves({"loss": ["high", "low"]})


# --- descents ------------------------------------------------------------------------------------


def downhill(x, lr, steps):
    path = [x]
    for _ in range(steps):
        path.append(path[-1] - lr * 2 * path[-1])
    return path


def test_a_descent_that_lands_tells_where():
    chart = draw.descent(lambda x: x**2, downhill(2.0, 0.25, 3), -3, 3, title="It lands")
    assert chart.description == "3 steps from 4 at x = 2 to 0.0625 at x = 0.25"
    assert {"It lands", "0", "1", "2"} <= set(texts(chart))


def test_a_descent_that_oversteps_says_how_many_points_left():
    chart = draw.descent(lambda x: x**2, downhill(2.0, 1.2, 4), -3, 3)
    assert chart.description.endswith("3 of 5 points outside")


def test_a_descent_beyond_all_numbers_is_drawn_as_far_as_it_goes():
    chart = draw.descent(lambda x: x**2, [1.0, math.inf, math.nan], -3, 3)
    assert chart.description == "0 steps from 1 at x = 1 to 1 at x = 1; 2 beyond all numbers"


@pytest.mark.parametrize("path", [[], 3.0, [[1, 2]]])
def test_a_path_that_is_none_is_told(path):
    with pytest.raises(ShapeError, match="path"):
        draw.descent(np.tanh, path, -1, 1)


def test_a_path_may_be_scalars_or_a_tensor():
    by_scalars = draw.descent(np.square, [Value(1.0), Value(0.5)], -1, 1)
    by_tensor = draw.descent(np.square, cr.tensor([1.0, 0.5]), -1, 1)
    assert str(by_scalars) == str(by_tensor)


# --- surfaces ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bowl",
    [
        pytest.param(lambda x, y: x**2 + 2 * y**2, id="arrays"),
        pytest.param(lambda x, y: math.pow(x, 2) + 2 * math.pow(y, 2), id="numbers"),
        pytest.param(lambda x, y: x.square() + 2 * y.square(), id="tensors"),
    ],
)
def test_one_surface_whatever_the_function_takes(bowl):
    paths = {"slow": [(1, 1), (0.9, 0.8)], "fast": np.array([[1, 1], [0, 0]])}
    chart = draw.surface(bowl, paths, (-2, 2), (-1, 1), title="A bowl")
    assert {"A bowl", "slow", "fast", "x", "y"} <= set(texts(chart))
    assert chart.description == (
        "heights from 0 to 6; slow: from (1, 1) to (0.9, 0.8) in 1 step; "
        "fast: from (1, 1) to (0, 0) in 1 step"
    )


def test_a_surface_without_a_path_or_with_one_of_no_name():
    assert draw.surface(np.add).description == "heights from −2 to 2"
    chart = draw.surface(np.multiply, [(0, 0), (3, 3)], (-2, 2), (-2, 2))
    assert chart.description == (
        "heights from −4 to 4; from (0, 0) to (3, 3) in 1 step, 1 of 2 points outside the picture"
    )


@pytest.mark.parametrize("path", [[1, 2], [[1, 2, 3]], []])
def test_a_path_across_a_surface_of_another_shape_is_told(path):
    with pytest.raises(ShapeError, match=r"\(T, 2\)"):
        draw.surface(np.add, {"a": path})
