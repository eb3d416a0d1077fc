"""Charts are sound XML, leave gaps where there is nothing, and never lose their place."""

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import ShapeError
from chainrule.picture import Svg, line_chart, region_chart, scatter_chart
from chainrule.picture.charts.lines import spread

NAMESPACE = "{http://www.w3.org/2000/svg}"


def curves(chart):
    """The lines, without the strokes that tie a name to its line's end."""
    return [at for at in tree(chart).iter(f"{NAMESPACE}path") if at.get("class") == "curve"]


def tree(chart):
    return ET.fromstring(str(chart))


def texts(chart):
    return ["".join(at.itertext()) for at in tree(chart).iter(f"{NAMESPACE}text")]


def numbers(chart):
    return re.findall(r'="([^"]*)"', chart.body)


def test_a_line_for_each_series_with_its_name():
    chart = line_chart({"training": [3, 2, 1], "validation": [3, 2.5, 2]}, title="Loss")
    assert len(curves(chart)) == 2
    assert {"training", "validation", "Loss"} <= set(texts(chart))


def test_standing_alone_it_has_a_role_a_title_and_paper():
    root = tree(line_chart({"a": [1, 2]}, title="Loss"))
    assert root.get("role") == "img"
    assert root.find(f"{NAMESPACE}title").text == "Loss"
    assert root.find(f"{NAMESPACE}style") is not None
    assert root.find(f"{NAMESPACE}rect").get("class") == "paper"


def test_in_a_page_it_has_neither_style_nor_paper():
    inline = line_chart({"a": [1, 2]}).inline()
    assert "<style" not in inline
    assert 'class="paper"' not in inline
    ET.fromstring(inline)


def test_the_same_numbers_give_the_same_picture():
    pictures = [str(line_chart({"a": [1, 2, 3]}, marks={2: "here"})) for _ in range(2)]
    assert pictures[0] == pictures[1]


def test_gaps_split_the_line_and_leave_a_dot_for_one_value():
    chart = line_chart({"a": [1, 2, math.nan, 4, 5, math.inf, 7]})
    assert len(curves(chart)) == 2
    lonely = re.sub(r'<g class="tip">.*?</g>', "", chart.body)
    assert lonely.count("<circle") == 1


def test_one_value_is_a_dot():
    chart = line_chart({"a": [0.5]}, y_format="%")
    assert not curves(chart)
    assert chart.body.count("<circle") == 2  # the value, and the one the mouse shows


@pytest.mark.parametrize("series", [{}, {"a": []}, {"a": [math.nan, math.inf]}])
def test_nothing_to_draw_is_said(series):
    chart = line_chart(series, log_y=True, x_label="epoch")
    assert "no values" in texts(chart)


def test_points_may_bring_their_own_x():
    chart = line_chart({"f": [(0.0, 1.0), (0.5, 2.0), (2.0, 3.0)]})
    assert chart.description.endswith("least 1 at 0")


def test_nothing_positive_is_a_gap_on_a_logarithmic_axis():
    chart = line_chart({"a": [1, 0.1, 0, -3, 0.01, 0.001]}, log_y=True)
    assert len(curves(chart)) == 2


def test_a_logarithmic_axis_upwards_leaves_the_one_across_alone():
    chart = line_chart({"error": [(-8.0, 1e-3), (-4.0, 1e-9), (0.0, 1e-1)]}, log_y=True)
    assert chart.description == "error: from 0.001 to 0.1, least 1e−09 at −4"


def test_a_logarithmic_axis_across_has_equal_ratios_equally_far_apart():
    chart = line_chart({"loss": [3, 2, 1]}, x=[0.001, 0.01, 0.1], log_x=True, marks={0: "never"})
    a, b, c = (float(x) for x in re.findall(r"([\d.]+),", curves(chart)[0].get("d")))
    assert b - a == pytest.approx(c - b, abs=0.02)
    assert {"0.001", "0.01", "0.1"} <= set(texts(chart))
    assert "never" not in texts(chart)


def test_what_is_not_positive_has_no_place_across_a_logarithmic_axis():
    chart = line_chart({"loss": [9, 3, 2]}, x=[0, 0.01, 0.1], log_x=True)
    assert chart.description == "loss: from 3 to 2, least 2 at 0.1"


def test_marks_stand_inside_the_picture():
    chart = line_chart({"a": [1, 2, 3]}, marks={1: "the very first", 3: "the very last"})
    assert {"the very first", "the very last"} <= set(texts(chart))


def test_a_long_line_is_thinned_without_losing_its_extremes():
    values = np.sin(np.arange(50_000) / 7)
    values[31_234] = 9.0
    chart = line_chart({"steps": values})
    assert len(str(chart)) < 120_000
    top = min(float(y) for y in re.findall(r",([\d.]+)", curves(chart)[0].get("d")))
    assert top < 40


def test_long_names_fit_beside_the_plot():
    name = "a rather long name for one line among several in this chart"
    chart = line_chart({name: [1, 2]}, width=300)
    assert any(text.startswith("a rather") and text.endswith("…") for text in texts(chart))


def test_hostile_names_are_only_names():
    chart = line_chart({"</svg><script>": [1, 2]}, title="<b>", y_label="&", marks={1: "<i>"})
    assert "<script>" not in str(chart)
    assert "<b>" in texts(chart)


@pytest.mark.parametrize(
    ("series", "x"), [({"a": [1, 2, 3]}, [1, 2]), ({"a": np.zeros((2, 3))}, None)]
)
def test_shapes_that_do_not_fit_are_told(series, x):
    with pytest.raises(ShapeError, match="series 'a'"):
        line_chart(series, x=x)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), st.lists(st.floats(), max_size=5), max_size=3),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["number", "%"]),
)
def test_any_numbers_make_a_sound_picture(series, log_x, log_y, y_format):
    logs = {"log_x": log_x, "log_y": log_y}
    chart = line_chart(series, **logs, y_format=y_format, marks={2: "two", -1: "before"})
    tree(chart)
    assert not {"nan", "inf", "-inf"} & set(numbers(chart))


@given(st.lists(st.floats(0, 100), max_size=6))
def test_spread_names_never_touch(wanted):
    placed = sorted(spread(wanted, 16, 0, 100))
    assert all(b - a > 15.99 for a, b in pairwise(placed))
    assert all(-1e-9 <= at <= 100 for at in placed)


def test_a_scatter_has_both_axes_alike():
    chart = scatter_chart([1.0, 2.0, math.nan], [10.0, 20.0, 3.0], title="fit")
    assert chart.body.count("<circle") == 2
    assert texts(chart).count("20") == 2


def test_a_scatter_of_many_points_says_how_many_it_draws():
    chart = scatter_chart(np.arange(9000.0), np.arange(9000.0))
    assert "1,500 of 9,000 points" in texts(chart)


def test_a_scatter_of_nothing_is_empty():
    assert scatter_chart([], []).description == "no points"


def test_a_scatter_of_two_shapes_is_an_error():
    with pytest.raises(ShapeError, match="one shape"):
        scatter_chart([1.0], [1.0, 2.0])


def test_regions_take_probabilities_or_classes():
    grid = np.array([[0, 1], [1, 1]])
    by_class = region_chart(grid, (0, 1, 0, 1), [[0, 0]], [0], ["a", "b"])
    by_share = region_chart(np.eye(2)[grid], (0, 1, 0, 1), [[0, 0]], [0], ["a", "b"])
    assert isinstance(by_class, Svg)
    assert str(by_class) == str(by_share)
    assert by_class.description == "a 25 % of the plane, b 75 %; 1 points"


@pytest.mark.parametrize(
    ("grid", "targets"),
    [(np.zeros((2, 2, 3)), [0]), (np.array([[0, 2]]), [0]), (np.zeros((2, 2, 2)), [2])],
)
def test_regions_that_do_not_fit_are_told(grid, targets):
    with pytest.raises(ShapeError, match="regions"):
        region_chart(grid, (0, 1, 0, 1), [[0.5, 0.5]], targets, ["a", "b"])


def test_saved_it_can_be_read_back(tmp_path):
    chart = line_chart({"a": [1, 2]})
    chart.save(tmp_path / "a.svg")
    assert (
        (tmp_path / "a.svg").read_text(encoding="utf-8")
        == f"{chart}\n"
        == chart._repr_svg_() + "\n"
    )
