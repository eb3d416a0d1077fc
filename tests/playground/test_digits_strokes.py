"""Drawings brought to the form of a set: ink, lines and places are those of its own digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import digits
from chainrule.errors import OptionError
from chainrule.playground.engine.digits.strokes import checked_strokes, drawn
from strokes import STROKES

SIDES = (8, 28)


def lines(digit):
    return checked_strokes(STROKES[digit])


def ink_width(images):
    """The mean width of lines: twice the ink over the length of its edges."""
    down, across = np.gradient(images, axis=(-2, -1))
    return 2 * images.sum(axis=(-2, -1)) / np.hypot(down, across).sum(axis=(-2, -1))


@pytest.fixture(scope="module")
def small():
    """The small digits, 0 to 1 for full ink, and what they are."""
    examples = digits()
    return examples.x[:, 0] / 16.0, examples.y


# --- the form of the small digits ---------------------------------------------------------------


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawing_has_the_ink_of_the_small_digits(digit, small):
    images, _ = small
    ink = images.sum(axis=(1, 2))
    assert drawn(lines(digit), 8).sum() == pytest.approx(ink.mean(), rel=0.05)


@pytest.mark.parametrize("digit", STROKES)
def test_lines_are_as_wide_as_those_of_the_same_small_digit(digit, small):
    images, labels = small
    widths = ink_width(images[labels == digit])
    low, high = np.quantile(widths, [0.01, 0.99])
    assert low < ink_width(drawn(lines(digit), 8)) < high


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawing_fills_the_box_of_the_small_digits(digit):
    image = drawn(lines(digit), 8)
    assert image[0].max() > 0.3
    assert image[-1].max() > 0.3
    assert image[:, [0, 7]].sum() < 0.05 * image.sum()


@pytest.mark.parametrize("digit", STROKES)
def test_the_small_digits_nearest_to_a_drawing_are_the_same(digit, small):
    images, labels = small
    distances = np.square(images - drawn(lines(digit), 8)).sum(axis=(1, 2))
    nearest = labels[np.argsort(distances)[:5]]
    assert (nearest == digit).sum() >= 3


@pytest.mark.parametrize("lean", [-0.3, 0.3])
def test_small_digits_are_upright_however_a_drawing_leans(lean):
    upright = drawn(lines(1), 8)
    leaning = [line + [[lean, 0]] * (line[:, 1:] - 0.5) for line in lines(1)]
    assert np.abs(drawn(leaning, 8) - upright).max() < 0.1


def test_a_line_from_left_to_right_stays_one():
    image = drawn([np.array([[0.1, 0.5], [0.9, 0.5]])], 8)
    rows, columns = image.sum(axis=1), image.sum(axis=0)
    assert rows.max() > 3 * rows[[0, -1]].max()
    assert columns[2:6].min() > 0.8 * columns.max()


# --- the form of MNIST --------------------------------------------------------------------------


@pytest.mark.parametrize("digit", STROKES)
def test_ink_fits_mnists_box_around_its_centre_of_mass(digit):
    image = drawn(lines(digit), 28)
    rows, columns = np.flatnonzero(image.sum(axis=1)), np.flatnonzero(image.sum(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20, 21)
    middle = np.arange(28) + 0.5
    assert image.sum(axis=1) @ middle / image.sum() == pytest.approx(14.5, abs=0.1)
    assert image.sum(axis=0) @ middle / image.sum() == pytest.approx(14.5, abs=0.1)


def test_ink_and_lines_are_those_of_mnist():
    images = np.stack([drawn(lines(digit), 28) for digit in STROKES])
    # Of MNIST's training images: the mean ink of classes is 60 to 136, of all 97; lines are 2.6
    # wide, nine in ten of them between 2.0 and 3.2; 38 % of the pixels with ink are full.
    assert 80 < images.sum(axis=(1, 2)).mean() < 110
    assert 2.3 < ink_width(images).mean() < 2.9
    assert 0.33 < (images > 0.95).sum() / (images > 0.02).sum() < 0.45


def test_proportions_are_kept():
    slim = drawn([np.array([[0.5, 0.2], [0.55, 0.8]])], 28)
    assert np.ptp(np.flatnonzero(slim.sum(axis=0))) < 8


# --- both ---------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(STROKES)),
    st.sampled_from(SIDES),
    st.floats(0.1, 2.0),
    st.floats(-0.3, 0.3),
    st.floats(-0.3, 0.3),
)
def test_place_and_size_on_the_pad_do_not_matter(digit, side, scale, across, down):
    moved = [line * scale + [across, down] for line in lines(digit)]
    np.testing.assert_allclose(drawn(moved, side), drawn(lines(digit), side), atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.floats(-1, 2), min_size=2, max_size=2), min_size=1, max_size=8),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(SIDES),
)
def test_whatever_is_drawn_gives_an_image(strokes, side):
    image = drawn(checked_strokes(strokes), side)
    assert image.shape == (side, side)
    assert np.isfinite(image).all()
    assert 0 <= image.min() <= image.max() <= 1
    assert image.max() > 0.1


@pytest.mark.parametrize("side", SIDES)
def test_more_points_on_the_same_lines_change_nothing(side):
    a, b = np.array([0.2, 0.3]), np.array([0.7, 0.9])
    fine = a + (b - a) * np.linspace(0, 1, 3000)[:, None]
    np.testing.assert_allclose(drawn([fine], side), drawn([np.stack([a, b])], side), atol=1e-4)


@pytest.mark.parametrize("side", SIDES)
def test_a_dot_is_a_dot_in_the_middle(side):
    image = drawn(checked_strokes([[[0.2, 0.3]]]), side)
    rows, columns = np.nonzero(image > 0.5)
    assert np.ptp(rows) <= side / 3
    assert abs(rows.mean() + 0.5 - side / 2) <= 1
    assert abs(columns.mean() + 0.5 - side / 2) <= 1


def test_lines_without_points_are_left_out():
    assert len(checked_strokes([[], [[0, 0], [1, 1]], []])) == 1


@pytest.mark.parametrize("strokes", [[], [[]], [[], []]])
def test_nothing_drawn_is_refused(strokes):
    with pytest.raises(OptionError, match="nothing is drawn yet; draw a digit"):
        checked_strokes(strokes)


@pytest.mark.parametrize(
    "strokes",
    [[[[0.5, 0.5]]] * 101, [[[0.5, 0.5]] * 10_001]],
    ids=["lines", "points"],
)
def test_too_much_is_refused(strokes):
    with pytest.raises(OptionError, match="at most 100 lines and 10,000 points"):
        checked_strokes(strokes)


@pytest.mark.parametrize("strokes", [None, 3, "x", {}, [1], [None], ["ab"], [{"x": 1}]])
def test_what_is_no_list_of_lines_is_refused(strokes):
    with pytest.raises(OptionError, match="strokes must be a list of lines"):
        checked_strokes(strokes)


@pytest.mark.parametrize(
    "point",
    [
        None,
        5,
        [],
        [0.5],
        [0.5, 0.5, 0.5],
        ["0", "1"],
        [True, 0.5],
        [float("nan"), 0.5],
        [float("inf"), 0.5],
        [-1.1, 0.5],
        [0.5, 2.1],
        [10**30, 0],
    ],
    ids=repr,
)
def test_what_is_no_point_is_refused(point):
    with pytest.raises(OptionError, match="each point must be \\[x, y\\]"):
        checked_strokes([[[0.5, 0.5], point]])
