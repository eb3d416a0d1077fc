"""What is drawn into a frame stays in it, and lines of equal height lie where the height is."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError, ShapeError
from chainrule.picture import Tangent, contour_chart, descent_chart, tangent_chart
from chainrule.picture.charts.levels import level_lines
from chainrule.picture.charts.plane import clipped

NAMESPACE = "{http://www.w3.org/2000/svg}"
BOX = (0.0, 0.0, 10.0, 10.0)
PARABOLA = [(x / 10, (x / 10) ** 2) for x in range(-20, 21)]
coordinates = st.floats(-50, 50)


def tree(chart):
    return ET.fromstring(str(chart))


def texts(chart):
    return ["".join(at.itertext()) for at in tree(chart).iter(f"{NAMESPACE}text")]


def coordinates_of(chart):
    """Every point of every path."""
    d = " ".join(at.get("d") for at in tree(chart).iter(f"{NAMESPACE}path"))
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", d)]


# --- cutting off ---------------------------------------------------------------------------------


@given(*[coordinates] * 4)
def test_what_is_left_of_a_stretch_lies_in_the_box_and_on_the_stretch(x1, y1, x2, y2):
    part = clipped((x1, y1), (x2, y2), BOX)
    for x, y in part:
        assert -1e-9 <= x <= 10 + 1e-9
        assert -1e-9 <= y <= 10 + 1e-9
        area = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        assert abs(area) <= 1e-9 * (1 + np.hypot(x2 - x1, y2 - y1) ** 2)


@given(*[st.floats(0, 10)] * 4)
def test_a_stretch_within_the_box_is_left_whole(x1, y1, x2, y2):
    assert clipped((x1, y1), (x2, y2), BOX) == [(x1, y1), pytest.approx((x2, y2))]


def test_a_stretch_past_a_corner_is_gone():
    assert clipped((-1, 9.5), (2, 12.5), BOX) == []


# --- lines of equal height -----------------------------------------------------------------------


def test_a_level_of_a_cone_is_a_closed_ring_of_its_radius():
    y, x = np.mgrid[-2:2:41j, -2:2:41j]
    (ring,) = level_lines(np.hypot(x, y), 1.5)
    assert ring[0] == ring[-1]
    radius = np.hypot(*((np.array(ring) - 20) / 10).T)
    assert np.allclose(radius, 1.5, atol=0.01)


def test_a_level_that_leaves_the_grid_is_one_open_line():
    heights = np.add.outer(np.zeros(5), np.arange(7.0))
    (line,) = level_lines(heights, 2.5)
    assert {x for x, _ in line} == {2.5}
    assert sorted(y for _, y in line) == [0, 1, 2, 3, 4]


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_every_crossed_edge_is_passed_once(seed, level):
    heights = np.random.default_rng(seed).random((6, 7))
    above = heights >= level
    crossed = (above[1:] != above[:-1]).sum() + (above[:, 1:] != above[:, :-1]).sum()
    lines = level_lines(heights, level)
    closed = sum(line[0] == line[-1] for line in lines)
    assert sum(map(len, lines)) - closed == crossed


@pytest.mark.parametrize(("low", "cut_off"), [(0.8, {(0, 1), (1, 0)}), (0.1, {(0, 0), (1, 1)})])
def test_a_saddle_is_parted_by_its_middle(low, cut_off):
    lines = level_lines(np.array([[1.0, low], [low, 1.0]]), 0.85)
    assert {corner(line) for line in lines} == cut_off


def corner(line):
    """The corner of the unit square that a line from one edge to the next cuts off."""
    (column,) = (x for x, y in line if x in (0, 1) and y not in (0, 1))
    (row,) = (y for x, y in line if y in (0, 1) and x not in (0, 1))
    return column, row


def test_no_line_runs_where_a_height_is_missing():
    heights = np.add.outer(np.zeros(5), np.arange(7.0))
    heights[2, 2] = np.nan
    lines = level_lines(heights, 2.5)
    assert sorted(len(line) for line in lines) == [2, 2]


# --- charts --------------------------------------------------------------------------------------


def test_a_tangent_is_told_in_words_on_the_picture():
    chart = tangent_chart({"": PARABOLA}, [Tangent(1, 1, 2), Tangent(-1, 1, -2)], title="x²")
    assert {"x²", "slope 2 at x = 1", "slope −2 at x = −1"} <= set(texts(chart))


def test_a_tangent_is_as_steep_on_paper_as_it_says():
    chart = tangent_chart({"": PARABOLA}, [Tangent(0.5, 0.25, 1)])
    lines = [at for at in tree(chart).iter(f"{NAMESPACE}line") if at.get("class") == "curve"]
    x1, y1, x2, y2 = (float(lines[0].get(name)) for name in ("x1", "y1", "x2", "y2"))
    grid = [at for at in tree(chart).iter(f"{NAMESPACE}line") if at.get("class") == "grid"]
    heights = [float(at.get("y1")) for at in grid]  # ticks at 0, 1, 2, 3, 4
    across = (float(grid[0].get("x2")) - float(grid[0].get("x1"))) / 4
    assert (y1 - y2) / (x2 - x1) == pytest.approx((heights[0] - heights[1]) / across, rel=0.01)


def test_several_curves_are_named_and_one_is_not():
    assert {"a", "b"} <= set(texts(tangent_chart({"a": PARABOLA, "b": PARABOLA})))
    assert "a" not in texts(tangent_chart({"a": PARABOLA}))


def test_words_on_tangents_do_not_cover_one_another():
    near = [Tangent(x, x * x, 2 * x) for x in (0.9, 1.0, 1.1)]
    chart = tangent_chart({"": PARABOLA}, near)
    places = {
        (at.get("x"), at.get("y"))
        for at in tree(chart).iter(f"{NAMESPACE}text")
        if (at.text or "").startswith("slope")
    }
    assert len(places) == 3


def test_a_curve_beyond_the_range_is_cut_off_at_the_edge():
    chart = tangent_chart({"": [(-1, -1e9), (0, 0), (1, 1e9)]}, y_range=(-1, 1))
    assert all(0 <= x <= chart.width and 0 <= y <= chart.height for x, y in coordinates_of(chart))


def test_a_descent_numbers_its_points_and_tells_its_ends():
    chart = descent_chart(PARABOLA, [(2, 4), (1, 1), (0, 0)])
    assert {"0", "1", "2"} <= set(texts(chart))
    assert "2 steps from 4 at x = 2 to 0 at x = 0" in texts(chart)


def test_the_last_of_many_crowded_points_is_numbered():
    steps = [(2 * 0.9**i, 4 * 0.81**i) for i in range(60)]
    assert {"0", "59"} <= set(texts(descent_chart(PARABOLA, steps)))


def test_a_descent_that_leaves_the_picture_says_so_and_is_cut_off():
    chart = descent_chart(PARABOLA, [(1, 1), (-1.5, 2.25), (2.25, 5.1), (-30, 900)])
    assert chart.description.endswith("2 of 4 points outside")
    assert all(0 <= x <= chart.width and 0 <= y <= chart.height for x, y in coordinates_of(chart))


def test_steps_beyond_all_numbers_are_left_out_and_counted():
    chart = descent_chart(PARABOLA, [(1, 1), (np.inf, np.inf), (np.nan, np.nan)])
    assert chart.description.endswith("2 beyond all numbers")
    assert descent_chart(PARABOLA, [(np.nan, 0)]).description.startswith("the start is not")


def test_a_thousand_steps_on_one_spot_are_one_dot():
    chart = descent_chart(PARABOLA, [(1e-4 * i, 0) for i in range(1000)])
    assert len(str(chart)) < 40_000


@pytest.mark.parametrize("steps", [[], [1.0, 2.0], np.zeros((2, 3))])
def test_steps_of_another_shape_are_told(steps):
    with pytest.raises(ShapeError):
        descent_chart(PARABOLA, steps)


def test_contours_name_their_paths_and_their_heights():
    y, x = np.mgrid[-1:1:21j, -1:1:21j]
    chart = contour_chart(
        x**2 + y**2, (-1, 1, -1, 1), {"slow": [(1, 1), (0.9, 0.9)], "fast": [(1, 1), (0, 0)]}
    )
    assert {"slow", "fast", "0", "2"} <= set(texts(chart))
    assert chart.description == (
        "heights from 0 to 2; slow: from (1, 1) to (0.9, 0.9) in 1 step; "
        "fast: from (1, 1) to (0, 0) in 1 step"
    )


def test_half_of_the_plane_lies_below_the_middle_of_the_levels():
    y, x = np.mgrid[-1:1:81j, -1:1:81j]
    valley = (x - y**2) ** 4
    chart = contour_chart(valley, (-1, 1, -1, 1))
    lines = [at for at in tree(chart).iter(f"{NAMESPACE}path") if at.get("class") is None]
    assert len(lines) == 12  # every level is met, however flat the valley


def test_a_flat_surface_is_drawn():
    chart = contour_chart(np.ones((4, 4)), (0, 1, 0, 1))
    assert chart.description == "heights from 1 to 1"
    tree(chart)


def test_heights_that_are_not_finite_are_left_blank():
    heights = np.array([[0.0, np.nan], [np.inf, 4.0]])
    assert contour_chart(heights, (0, 1, 0, 1)).description == "heights from 0 to 4"


@pytest.mark.parametrize(
    ("heights", "error", "sentence"),
    [
        (np.zeros(3), ShapeError, "on a grid"),
        (np.zeros((1, 5)), ShapeError, "2 x 2 or more"),
        (np.full((3, 3), np.nan), DataError, "not one that is finite"),
    ],
)
def test_heights_that_make_no_surface_are_told(heights, error, sentence):
    with pytest.raises(error, match=sentence):
        contour_chart(heights, (0, 1, 0, 1))


def test_hostile_names_are_only_names():
    y, x = np.mgrid[-1:1:5j, -1:1:5j]
    chart = contour_chart(x + y, (-1, 1, -1, 1), {"</svg><script>": [(0, 0), (1, 1)]}, title="<b>")
    assert "<script>" not in str(chart)
    assert {"<b>", "</svg><script>"} <= set(texts(chart))
