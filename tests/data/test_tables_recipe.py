"""`Recipe`: what columns are taken for, and that the same numbers come out ever after."""

import copy
import json

import numpy as np
import pandas
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.autograd import from_numpy
from chainrule.data import Recipe
from chainrule.data.tables.columns import MOST_CATEGORIES, OTHER
from chainrule.errors import DataError, OptionError
from chainrule.nn import Columns


def kind(cells, name="some", **more):
    recipe = Recipe.of({name: cells, "other": list(range(len(cells)))}, **more)
    return recipe.columns[0]


# What columns are taken for


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2.5", "-3e4"], "number"),
        (["1", "2.5", ""], "number"),
        (["1", "1", ""], "number"),
        (["1", "2", "1e39"], "number"),
        (["yes", "no", "yes"], "yes/no"),
        (["True", "FALSE", "?"], "yes/no"),
        (["red", "blue", "red"], "category"),
        (["red", "red", ""], "category"),
        (["1", "2", "A", "A"], "category"),
        (["2020-01-01", "2020-01-02"], "date"),
        (["13.1.2020", ""], "date"),
        (["5", "5", "5"], "constant"),
        (["", "NA", "?"], "constant"),
        (["x", "x", "x"], "constant"),
        ([True, False, None], "yes/no"),
        (np.array([1, 2, 3], np.uint8), "number"),
        (np.array(["2020-01-01", "NaT"], "datetime64[s]"), "date"),
    ],
)
def test_kinds(cells, expected):
    assert kind(cells).kind == expected


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "User ID", "PassengerId", "index"])
def test_identifiers(name):
    assert kind(["3", "1", "2"], name).kind == "identifier"
    assert kind(["c", "a", "b"], name).kind == "identifier"
    assert kind(["3", "1", "1"], name).kind == "number"
    assert kind(["0.5", "1", "2"], name).kind == "number"


@pytest.mark.parametrize("name", ["area", "idea", "humid", "paid"])
def test_no_identifiers(name):
    assert kind(["3", "1", "2"], name).kind == "number"


def test_rare_categories_are_joined():
    cells = ["a"] * 300 + ["b"] * 296 + ["c"] * 3 + ["d"]
    column = kind(cells)
    assert (column.categories, column.rare) == (("a", "b"), ("c", "d"))
    recipe = Recipe((column,))
    assert recipe.sizes == (4,)
    assert recipe.encode({"some": ["a", "b", "c", "d", "", "new"]}).ravel().tolist() == [
        1, 2, 3, 3, 0, 0,
    ]  # fmt: skip
    assert recipe.categories() == {"some": ("(missing or new)", "a", "b", OTHER)}


def test_of_very_many_categories_the_commonest_are_kept():
    cells = [f"c{k}" for k in range(3000) for _ in range(5 if k < 1500 else 6)]
    column = kind(cells)
    assert len(column.categories) == MOST_CATEGORIES
    assert {int(name[1:]) >= 1500 for name in column.categories} == {True}
    assert len(column.rare) == 2000


def test_free_text_is_refused_with_what_to_do():
    cells = [f"a nice house no {k}" for k in range(50)]
    with pytest.raises(DataError, match=r"'some' holds free text: 50 different texts in 50 rows; "):
        kind(cells)
    assert kind(cells, drop=["some"]).kind == "dropped"
    assert kind(cells, categorical=["some"]).kind == "category"
    assert kind(["x" * 300, "y", "y"], drop=["some"]).kind == "dropped"
    with pytest.raises(DataError, match="free text"):
        kind(["x" * 300, "y", "y"])


def test_a_few_words_among_numbers():
    numbers = [str(k) for k in range(97)]
    column = kind([*numbers, "unknown", "unknown", "inf"])
    assert column.kind == "number"
    assert column.missing == 3
    assert column.note == "3 cells are no numbers and count as missing"
    with pytest.raises(DataError, match="holds numbers and 'about 5', among others"):
        kind([*numbers[:60], *(["about 5", "dear", "cheap"] * 12)])
    column = kind([*numbers[:60], *(["about 5"] * 30)], numeric=["some"])
    assert (column.kind, column.missing) == ("number", 30)


def test_what_a_person_says_wins():
    assert kind(["1", "2", "1"], categorical=["some"]).categories == ("1", "2")
    assert kind(np.array([1.0, 2.0, 1.5]), categorical=["some"]).categories == ("1", "1.5", "2")
    assert kind(["5", "5"], numeric=["some"]).kind == "number"
    with pytest.raises(OptionError, match="no column 'sone'; did you mean 'some'"):
        kind(["1", "2"], drop=["sone"])
    with pytest.raises(OptionError, match="'some' cannot be category and number"):
        kind(["1", "2"], numeric=["some"], categorical=["some"])
    with pytest.raises(DataError, match="'some' has 0 different cells"):
        kind(["", ""], categorical=["some"])


def test_nothing_left():
    with pytest.raises(DataError, match="no column is left to learn from: 'a' is the same in"):
        Recipe.of({"a": ["1", "1"], "id": ["1", "2"], "b": ["x", "y"]}, drop=["b"])
    with pytest.raises(DataError, match="'a' has 1 rows and 'b' has 2"):
        Recipe.of({"a": ["1"], "b": ["1", "2"]})


# What is made of them


def test_every_kind_at_once():
    columns = {
        "area": ["40", "", "65"],
        "garage": ["yes", "no", "no"],
        "street": ["Oak", "Elm", "Oak"],
        "sold": ["2024-01-31", "2024-02-01", "2024-03-01"],
        "id": ["1", "2", "3"],
    }
    recipe = Recipe.of(columns)
    assert recipe.features == (
        "area", "garage", "street", "sold: days", "sold: month", "sold: day", "sold: weekday",
    )  # fmt: skip
    assert recipe.sizes == (0, 0, 3, 0, 13, 0, 8)
    assert recipe.gaps == (True, False, False, False, False, False, False)
    assert not recipe.plain
    np.testing.assert_array_equal(
        recipe.encode(columns),
        np.array(
            [
                [40, 1, 2, 0, 1, 31, 3],
                [np.nan, 0, 1, 1, 2, 1, 4],
                [65, 0, 2, 30, 3, 1, 5],
            ],
            np.float32,
        ),
    )
    assert set(recipe.categories()) == {"street", "sold: month", "sold: weekday"}


def test_what_was_never_met():
    recipe = Recipe.of({"age": ["1", "3"], "street": ["A", "B"], "on": ["yes", "no"]})
    new = {"age": ["old", ""], "street": ["B", "C"], "on": ["maybe", "no"], "more": [1, 2]}
    np.testing.assert_array_equal(recipe.encode(new), [[2, 2, 0.5], [2, 0, 0]])
    assert recipe.notes(new) == [
        "1 row has a cell of 'age' that is no number: 'old'",
        "1 row has no 'age', which was never missing before",
        "1 row has a category of 'street' that was never seen: 'C'",
        "1 row has a cell of 'on' that is no yes or no: 'maybe'",
    ]
    assert recipe.notes({"age": [1], "street": ["A"], "on": [True]}) == []
    with pytest.raises(DataError, match="there is no column 'street', which the model needs"):
        recipe.encode({"age": [1], "on": [1]})
    with pytest.raises(DataError, match="did you mean 'Street'"):
        recipe.notes({"age": [1], "on": [1], "Street": ["A"]})


def test_frames_and_records_give_the_same_numbers():
    frame = pandas.DataFrame(
        {
            "area": [40.5, np.nan, 65],
            "rooms": [1, 2, 3],
            "street": ["A", None, "B"],
            "sold": pandas.to_datetime(["2024-01-31", "2024-02-01", None]),
            "on": [True, False, True],
        }
    )
    recipe = Recipe.of(frame)
    expected = recipe.encode(frame)
    days = [None if day is pandas.NaT else day.to_pydatetime() for day in frame["sold"]]
    lists = {**{name: frame[name].to_list() for name in frame}, "sold": days}
    lists["street"] = ["A", None, "B"]
    other = polars.DataFrame(lists)
    texts = {name: [str(cell) for cell in cells] for name, cells in lists.items()}
    texts["street"][1] = texts["sold"][2] = "NA"
    for columns in (lists, {name: other[name] for name in lists}, texts):
        np.testing.assert_array_equal(recipe.encode(columns), expected)


# Kept with the model

CELL = st.one_of(
    st.text(max_size=4),
    st.integers(-3, 3).map(str),
    st.floats(width=32).map(repr),
    st.sampled_from(["yes", "no", "2020-01-05", "1.2.2020", "", "NA", "(other)", "a", "b"]),
    st.none(),
    st.booleans(),
    st.floats(),
)


def columns_of(rows):
    return st.fixed_dictionaries(
        {name: st.lists(CELL, min_size=rows, max_size=rows) for name in ("a", "b", "an id")}
    )


@settings(max_examples=200, deadline=None)
@given(known=st.integers(1, 12).flatmap(columns_of), new=st.integers(0, 5).flatmap(columns_of))
def test_encoding_is_total_and_survives_being_written_down(known, new):
    try:
        recipe = Recipe.of(known)
    except DataError:
        recipe = Recipe.of(
            {**known, "n": list(range(len(known["a"])))},
            categorical=["n"],
            drop=["a", "b", "an id"],
        )
        known, new = {**known, "n": known["a"]}, {**new, "n": new["a"]}
    read = Recipe.read(json.loads(json.dumps(recipe.described())))
    assert read == recipe
    for columns in (known, new):
        encoded = recipe.encode(columns)
        np.testing.assert_array_equal(read.encode(columns), encoded)
        assert encoded.shape == (len(columns["a"]), len(recipe.features))
        assert encoded.dtype == np.float32
        assert np.isnan(encoded).any(axis=0)[~np.array(recipe.gaps)].sum() == 0
        for values, size in zip(encoded.T, recipe.sizes):
            if size:
                assert set(values.tolist()) <= set(range(size))
        assert read.notes(columns) == recipe.notes(columns)
        if len(encoded):
            layer = Columns(recipe.sizes, recipe.gaps).scale(encoded)
            assert np.isfinite(layer(from_numpy(encoded)).detach().numpy()).all()


VALID = Recipe.of(
    {"n": ["1", "2"], "c": ["a", "b"], "d": ["2020-01-01", "2021-02-05"], "k": ["1", "1"]}
).described()


@pytest.mark.parametrize(
    ("place", "field", "value", "words"),
    [
        (0, "kind", "word", "says it is 'word', no such kind"),
        (0, "kind", 3, "says kind = 3"),
        (0, "name", 3, "a column without a name"),
        (0, "name", "c", "names a column twice"),
        (0, "fill", float("nan"), "says fill = nan"),
        (0, "fill", "1", "says fill = '1'"),
        (0, "fill", True, "says fill = True"),
        (0, "missing", -1, "says missing = -1"),
        (0, "different", 10**30, "says different = 1000"),
        (1, "categories", [], "what categories it has"),
        (1, "categories", ["a", "a"], "says categories = "),
        (1, "categories", ["a", 3], "says categories = "),
        (1, "categories", [f"{k}" for k in range(1001)], "says categories = "),
        (1, "rare", ["a"], "what categories it has"),
        (2, "form", "%Y", "how its dates are read"),
        (2, "parts", ["days", "year"], "how its dates are read"),
        (2, "parts", [], "how its dates are read"),
    ],
)
def test_a_recipe_that_cannot_be(place, field, value, words):
    told = copy.deepcopy(VALID)
    told["columns"][place][field] = value
    with pytest.raises(DataError, match=words):
        Recipe.read(told)


@pytest.mark.parametrize("told", [None, [], {}, {"columns": []}, {"columns": [3]}, {"columns": {}}])
def test_no_recipe(told):
    with pytest.raises(DataError, match="the recipe of a table"):
        Recipe.read(told)


def test_only_columns_that_are_left_out():
    with pytest.raises(DataError, match="no column is left"):
        Recipe.read({"columns": [VALID["columns"][3]]})


FIELDS = ["name", "kind", "fill", "start", "categories", "rare", "form", "parts", "missing"]
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=6)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 3), field=st.sampled_from(FIELDS), value=PLAIN)
def test_whatever_a_file_says_is_a_recipe_or_a_data_error(place, field, value):
    told = copy.deepcopy(VALID)
    told["columns"][place][field] = value
    rows = {"n": ["1"], "c": ["a"], "d": ["2020-01-01"], "k": ["1"]}
    words = ""
    try:
        encoded = Recipe.read(told).encode(rows)
        assert encoded.dtype == np.float32
    except DataError as error:
        words = str(error)
    assert "\n" not in words
