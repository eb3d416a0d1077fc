"""Cells and dates: what is missing, what is a number, how a date is written."""

import datetime

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.tables.cells import Cells, to_number
from chainrule.data.tables.dates import FORMS, PARTS, form_of, part_of, read_date
from chainrule.errors import DataError


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "NaN", "null", "NULL", "?", "-", "<NA>"])
def test_missing(cell):
    for beside in ("7", "text"):
        cells = Cells.of([cell, beside])
        assert cells.missing.tolist() == [True, False]
        assert cells.example == beside


@pytest.mark.parametrize(
    "values",
    [
        ["7", "7.0", " 7 ", "+7", "7e0"],
        [7, 7.0, np.float32(7), "7", np.int8(7)],
        np.array([7, 7, 7, 7, 7]),
        np.array([7.0] * 5, np.float32),
        np.array(["7"] * 5),
        np.array(["7", 7, 7.0, "7.00", np.float64(7)], object),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_one_number_however_it_is_written(values, beside):
    cells = Cells.of([*values, "word"] if beside else values)
    assert "7" in cells.names
    assert len(cells.names) == 1 + beside
    assert cells.numbers[:5].tolist() == [7.0] * 5


def test_long_numbers_are_not_mixed_up():
    cells = Cells.of(["12345678901234567890", "12345678901234567891"])
    assert cells.different == 2


def test_objects():
    cells = Cells.of([None, np.nan, True, b"x", pandas.NaT, 2.5])
    assert cells.names == ["", "True", "x", "2.5"]
    assert Cells.of(np.array([True, False])).names == ["True", "False"]
    days = np.array(["2020-01-02", "NaT"], "datetime64[D]")
    assert Cells.of(days).names == ["2020-01-02", ""]
    assert Cells.of(pandas.Series(["a", None, "a"], dtype="category")).names == ["a", ""]


def test_what_is_no_column():
    with pytest.raises(DataError, match=r"column 'z' has the shape \(2, 2\)"):
        Cells.of(np.zeros((2, 2)), "z")
    with pytest.raises(DataError, match="column 'z' holds complex128; numbers or texts are due"):
        Cells.of(np.zeros(2, complex), "z")


TEXTS = st.lists(st.one_of(st.text(max_size=5), st.floats().map(repr), st.integers().map(str)))


@given(first=TEXTS, second=TEXTS)
def test_joined_is_as_read_at_once(first, second):
    joined = Cells.joined([Cells.of(first), Cells.of(second)])
    whole = Cells.of(first + second)
    assert len(joined) == len(whole) == len(first) + len(second)
    assert [joined.names[k] for k in joined.codes] == [whole.names[k] for k in whole.codes]
    np.testing.assert_array_equal(joined.numbers, whole.numbers)
    np.testing.assert_array_equal(joined.missing, whole.missing)
    assert joined.counts == whole.counts
    assert joined.different == whole.different
    assert joined.example == whole.example


@given(cells=TEXTS)
def test_numbers_are_those_of_the_texts(cells):
    expected = [to_number(cell) for cell in cells]
    held = [np.nan if n is None or not abs(n) <= 3.4e38 else n for n in expected]
    np.testing.assert_array_equal(Cells.of(cells).numbers, np.array(held, float))


@given(moment=st.datetimes(), form=st.sampled_from(list(FORMS)))
def test_a_date_is_read_as_it_is_written(moment, form):
    moment = moment.replace(microsecond=0)
    pattern = FORMS[form] or "%Y-%m-%d"
    text = f"{moment.strftime(pattern):0>10} {moment.strftime('%H:%M:%S')}"
    expected = (moment - datetime.datetime(1970, 1, 1)).total_seconds() / 86400
    assert read_date(text, form) == expected or moment.year < 1000


@given(days=st.lists(st.integers(-700_000, 2_000_000), min_size=1), hour=st.integers(0, 23))
def test_parts_are_those_of_the_calendar(days, hour):
    at = np.array(days) + hour / 24
    dates = [datetime.date(1970, 1, 1) + datetime.timedelta(days=day) for day in days]
    found = {part: part_of(part, at, float(days[0])) for part in PARTS}
    assert found["month"].tolist() == [date.month for date in dates]
    assert found["day"].tolist() == [date.day for date in dates]
    assert found["weekday"].tolist() == [date.isoweekday() for date in dates]
    np.testing.assert_allclose(found["hour"], hour, atol=1e-6)
    np.testing.assert_allclose(found["days"], at - days[0])


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2024-02-29", "2024-03-01T10:00:00Z", "2024-03-01 10:00"], "year-month-day"),
        (["2023-02-29"], None),
        (["31.12.2020", "1.1.2021 08:30"], "day.month.year"),
        (["2020/12/31"], "year/month/day"),
        (["31-12-2020"], "day-month-year"),
        (["1:2:3:4"], None),
        (["0001-01-01T00:00:00+14:00"], None),
        ([], None),
    ],
)
def test_forms(texts, form):
    assert form_of(texts) == form
