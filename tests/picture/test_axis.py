"""Ticks are round numbers, inside the axis, and few, for any numbers whatever."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.picture.charts.axis import format_value, linear_axis, log_axis, ticks

ANY = st.floats(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, (0, 2, 4, 6, 8, 10)),
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (-3, 3, (-2, 0, 2)),
        (0.93, 0.99, (0.94, 0.96, 0.98)),
        (0, 60_000, (0, 20_000, 40_000, 60_000)),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_epochs_are_whole():
    assert linear_axis([1, 2, 3], whole=True, tight=True).labels == ("1", "2", "3")


@given(st.lists(ANY, max_size=6), st.booleans(), st.booleans(), st.booleans())
def test_a_linear_axis_covers_what_it_is_given(values, tight, whole, percent):
    axis = linear_axis(values, tight=tight, whole=whole, percent=percent)
    assert axis.low < axis.high
    assert len(axis.ticks) == len(axis.labels) <= 12
    assert all(a < b for a, b in zip(axis.ticks, axis.ticks[1:]))
    for value in values:
        if math.isfinite(value) and abs(value) < 1e300:
            assert -1e-6 <= axis.fraction(value) <= 1 + 1e-6
    for tick in axis.ticks:
        assert -1e-6 <= axis.fraction(tick) <= 1 + 1e-6


@given(st.lists(ANY, max_size=6))
def test_a_logarithmic_axis_covers_what_is_positive(values):
    axis = log_axis(values)
    assert 0 < axis.low < axis.high
    assert 2 <= len(axis.ticks) == len(axis.labels) <= 9
    for value in values:
        if 1e-300 < value < 1e300:
            assert -1e-3 <= axis.fraction(value) <= 1 + 1e-3


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 3e6], ("0", "10⁶", "2×10⁶", "3×10⁶")),
        ([-2e6, 0], ("−2×10⁶", "−1.5×10⁶", "−10⁶", "−5×10⁵", "0")),
        ([0, 12_000], ("0", "5,000", "10,000", "15,000")),
        ([-1, 1], ("−1.0", "−0.5", "0.0", "0.5", "1.0")),
        ([1e9, 1e9 + 4], ("10⁹", *(f"1.00000000{i}×10⁹" for i in range(1, 5)))),
    ],
)
def test_labels_tell_neighbours_apart(values, labels):
    assert linear_axis(values).labels == labels


def test_shares_end_at_one_hundred_percent():
    assert linear_axis([1.0, 1.0], percent=True).labels[-1] == "100 %"
    assert linear_axis([0.2, 0.97], percent=True).high == 1.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.nan, "not a number"), (math.inf, "infinite"), (12345.678, "12,346"), (0.5, "0.5")],
)
def test_values_are_told(value, text):
    assert format_value(value) == text
