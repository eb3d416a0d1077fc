"""Bars, histograms, points and pictures set together: everything there, and where it belongs."""

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from chainrule.errors import DataError, ShapeError
from chainrule.picture import (
    Strip,
    Svg,
    bar_chart,
    element,
    points_chart,
    reliability_chart,
    stacked,
    strip_chart,
)
from chainrule.picture.text import text_width

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = '<b>"&</b>'


def tree(chart):
    return ET.fromstring(str(chart))


def texts(chart):
    return ["".join(at.itertext()) for at in tree(chart).iter(f"{NAMESPACE}text")]


def bars(chart):
    """Left end and right end of each bar."""
    boxes = [at for at in tree(chart).iter(f"{NAMESPACE}rect") if at.get("class") != "paper"]
    at = [(float(box.get("x")), float(box.get("width"))) for box in boxes]
    return [(x, x + wide) for x, wide in at]


# --- bars ---------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_amounts_and_begin_at_zero():
    (_, right), (left, zero) = bars(bar_chart({"up": 2.0, "down": -1.0}))
    assert right - zero == pytest.approx(2 * (zero - left), abs=0.02)


def test_bars_without_a_negative_amount_begin_at_the_names():
    chart = bar_chart({"a": 1.0, "b": 3.0})
    (one, one_end), (other, other_end) = bars(chart)
    assert one == other
    assert other_end - other == pytest.approx(3 * (one_end - one), abs=0.05)
    assert other_end <= chart.width


def test_bars_say_how_many_they_leave_out():
    chart = bar_chart({f"x{i}": i for i in range(9)}, most=4)
    assert len(bars(chart)) == 4
    assert "and 5 more" in texts(chart)


def test_an_amount_that_is_no_number_has_no_bar():
    (_, _), (begin, end) = bars(bar_chart({"a": 1.0, "b": float("nan")}))
    assert begin == end


def test_no_bars_are_refused():
    with pytest.raises(DataError, match="one amount or more"):
        bar_chart({})


# --- histograms ---------------------------------------------------------------------------------


def test_histograms_have_their_names_figures_and_ends():
    strips = [
        Strip("first", [-2.0, 0.0, 1.0], {"zero": "33 %"}, "(3,)"),
        Strip("second", [5.0], {"zero": "0 %"}),
    ]
    chart = strip_chart(strips, title="both", note="of 3")
    for word in ("first", "(3,)", "33 %", "−2", "1", "second", "0 %", "both", "of 3"):
        assert word in texts(chart)
    assert chart.description.startswith("first: 3 numbers from −2 to 1, zero 33 %; second: 1 ")


def test_a_histogram_counts_what_is_not_finite_and_draws_the_rest():
    told = strip_chart([Strip("a", [1.0, np.nan, np.inf, 2.0])]).description
    assert told == "a: 2 numbers from 1 to 2, 2 not finite"
    assert "no numbers" in texts(strip_chart([Strip("a", [np.nan])]))


def test_histograms_with_different_figures_are_refused():
    with pytest.raises(ShapeError, match="give all rows the same"):
        strip_chart([Strip("a", [1], {"x": "1"}), Strip("b", [1])])
    with pytest.raises(DataError):
        strip_chart([])


# --- points -------------------------------------------------------------------------------------


def test_points_of_a_class_have_one_colour_and_its_name():
    at = np.random.default_rng(0).normal(size=(60, 2))
    chart = points_chart(at, [str(i % 8) for i in range(60)])
    paths = list(tree(chart).iter(f"{NAMESPACE}path"))
    assert len(paths) == 8
    assert len({(p.get("fill"), p.get("d").count("a"), p.get("d").count("h")) for p in paths}) == 8
    assert [text for text in texts(chart) if text in "01234567"][-8:] == list("01234567")


def test_classes_that_are_numbers_come_in_their_order():
    chart = points_chart([(0, 0), (1, 1), (2, 2)], ["10", "9", "b"])
    assert chart.description == "3 points: 1 of 9, 1 of 10, 1 of b"


def test_points_with_names_are_their_names():
    shown = texts(points_chart([(0, 0), (1, 1)], names=["cat", HOSTILE]))
    assert {"cat", HOSTILE} <= set(shown)


def test_of_many_points_some_are_drawn_and_it_says_so():
    chart = points_chart(np.random.default_rng(0).normal(size=(5000, 2)))
    assert any(text.endswith("of 5,000 points") for text in texts(chart))


def test_points_without_a_place_are_left_out():
    assert points_chart([(0, 0), (np.nan, 1)], ["a", "b"]).description == "1 point: 1 of a"
    with pytest.raises(DataError):
        points_chart([(np.inf, 0)])
    with pytest.raises(ShapeError):
        points_chart([(1, 2, 3)])
    with pytest.raises(ShapeError):
        points_chart([(1, 2)], ["a", "b"])


# --- several together ---------------------------------------------------------------------------


def test_pictures_below_and_beside_one_another():
    one = Svg(30, 10, "one", "", element("rect", width=30, height=10))
    two = Svg(20, 40, "two", "", element("rect", width=20, height=40))
    below, beside = stacked([one, two]), stacked([one, two], across=True, title="both")
    assert (below.width, below.height) == (30, 76)
    assert (beside.width, beside.height) == (76, 70)
    moved = [g.get("transform") for g in tree(beside).iter(f"{NAMESPACE}g")]
    assert moved == ["translate(0.0 30.0)", "translate(56.0 30.0)"]
    with pytest.raises(DataError):
        stacked([])


def test_bars_and_numbers_of_a_reliability_chart_do_not_overlap():
    said, counts = [0.2, 0.27, 0.35, 0.87, 0.93, 0.98], [1, 30, 0, 2776, 5753, 10_000]
    chart = reliability_chart(said, said, counts)
    assert len(bars(chart)) == 5
    assert all(right <= left + 0.01 for (_, right), (left, _) in itertools.pairwise(bars(chart)))
    small = [at for at in tree(chart).iter(f"{NAMESPACE}text") if at.get("font-size") == "9"]
    assert [at.text for at in small] == ["1", "30", "2,776", "5,753", "10,000"]
    ends = {}
    for at in small:
        half = text_width(at.text, 9) / 2
        assert float(at.get("x")) - half > ends.get(at.get("y"), 0)
        ends[at.get("y")] = float(at.get("x")) + half
    assert len(ends) == 2
