"""A confusion matrix of two classes, of hundreds, and of classes with awkward names."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from chainrule.errors import DataError, ShapeError
from chainrule.picture import FAULT, GOOD, matrix_chart


def names(k):
    return [f"class {i}" for i in range(k)]


def test_right_and_wrong_have_their_own_hues():
    body = matrix_chart([[48, 2], [5, 45]], ["cat", "dog"]).body
    assert body.count(f'fill="{GOOD}"') == 2
    assert body.count(f'fill="{FAULT}"') == 2


def test_each_cell_tells_itself():
    chart = matrix_chart([[48, 2], [5, 45]], ["cat", "dog"])
    assert "cat given for dog: 5 of 50 (10.0 %)" in chart.body
    assert "cat: 48 of 50 right (96.0 %)" in chart.body


@pytest.mark.parametrize("k", [1, 2, 10, 30, 31, 60, 61, 300])
def test_any_number_of_classes(k):
    rng = np.random.default_rng(k)
    chart = matrix_chart(rng.integers(0, 9, (k, k)), names(k))
    root = ET.fromstring(str(chart))
    assert chart.width < 1000
    assert len(str(chart)) < 1_200_000
    numbered = any(at.get("font-size") for at in root.iter())
    assert numbered == (k <= 30)


def test_of_many_classes_only_some_are_named():
    chart = matrix_chart(np.eye(200, dtype=int), names(200))
    assert chart.body.count("<text") < 150
    assert "<image" in chart.body


def test_a_class_without_rows_divides_by_nothing():
    chart = matrix_chart([[0, 0], [1, 2]], ["absent", "present"])
    assert "nan" not in chart.body


def test_long_names_are_shortened_and_told_whole():
    long = "the very long name of a species of beetle"
    body = matrix_chart(np.eye(3, dtype=int), [long, "b", "c"]).body
    assert f"<title>{long}</title>" in body
    assert "…</text>" in body


def test_a_perfect_classifier():
    assert matrix_chart(np.eye(3, dtype=int), names(3)).description == "3 of 3 right"


def test_what_does_not_fit_is_told():
    with pytest.raises(ShapeError, match=r"\(K, K\)"):
        matrix_chart(np.zeros((2, 3)), names(2))
    with pytest.raises(ShapeError, match="2 classes with 3 labels"):
        matrix_chart(np.zeros((2, 2)), names(3))
    with pytest.raises(DataError, match="negative"):
        matrix_chart([[1, -1], [0, 1]], names(2))
