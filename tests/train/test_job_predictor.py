"""A saved run ready to use: rows from files, records and images, and what does not fit."""

import json

import numpy as np
import pytest

from chainrule import nn
from chainrule.data.tables.recipe import Recipe
from chainrule.errors import DataError
from chainrule.io import save_model
from chainrule.train.job.predictor import Answer, Predictor

FLATS = {"area": ["40", "65", "", "80"], "street": ["Elm", "Oak", "Elm", "Ash"]}


def flats(folder, **info):
    """A model of a table of numbers and categories."""
    recipe = Recipe.of(FLATS)
    columns = nn.Columns(recipe.sizes, recipe.gaps)
    model = nn.Sequential(columns, nn.Linear(columns.out_features, 1))
    told = {"shape": [len(recipe.features)], "columns": list(recipe.features)}
    save_model(folder, model, {**told, "recipe": recipe.described(), **info})
    return Predictor.of(str(folder))


def points(folder, **info):
    model = nn.Linear(2, 1, bias=False)
    model.weight.data.copy_(np.array([[1.0, 10.0]], np.float32))
    save_model(folder, model, {"shape": [2], "columns": ["a", "b"], **info})
    return Predictor.of(str(folder))


def test_a_table_a_record_and_a_list_are_the_same_row(tmp_path):
    predictor = flats(tmp_path / "run")
    (tmp_path / "new.csv").write_text("owner,street,area\nTom,Oak,65\nIda,Elk,\n")
    table = predictor.from_table(tmp_path / "new.csv")
    records = predictor.from_records(
        [{"street": "Oak", "area": 65, "owner": "Tom"}, {"street": "Elk", "area": None}]
    )
    lists = predictor.from_records([[65.0, "Oak"], [None, "Elk"]])
    assert predictor.columns == ("area", "street")
    for rows in (table, records, lists):
        assert np.array_equal(rows.x, Recipe.of(FLATS).encode({
            "area": ["65", ""], "street": ["Oak", "Elk"]
        }), equal_nan=True)  # fmt: skip
        assert rows.notes == ["1 row has a category of 'street' that was never seen: 'Elk'"]
    assert np.isfinite(predictor.outputs(table.x)).all()


def test_a_missing_column_is_named_with_the_file(tmp_path):
    predictor = flats(tmp_path / "run")
    (tmp_path / "new.csv").write_text("aera,street\n65,Oak\n")
    with pytest.raises(DataError, match=r"new\.csv: there is no column 'area'.*'aera'"):
        predictor.from_table(tmp_path / "new.csv")


def test_an_answer_as_plain_values():
    assert Answer("cat", {"cat": 1.0}).plain() == {"class": "cat", "probabilities": {"cat": 1.0}}
    assert json.dumps([Answer(x, {}).plain() for x in (0.5, float("nan"))], allow_nan=False)


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([], "a list of at least one row"),
        ("ab", "a list of at least one row"),
        (["ab"], "row 1 is a str"),
        ([[1, 2], [1, 2, 3]], "row 2 has 3 values, the model takes 2"),
        ([{"a": 1}], "row 1 has no 'b'"),
        ([[1, "2"]], "row 1: 'b' is '2', a number is due"),
        ([[1, 2], [True, 2]], "row 2: 'a' is True, a number is due"),
        ([[1, float("nan")]], "row 1: 'b' is nan"),
        ([[1, 10**400]], "row 1: 'b' is 1000"),
        ([[1, -1e39]], "row 1: 'b' is -1e[+]39"),
        ([[1, [2]]], "row 1: 'b' is .2., a number is due"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_records_that_are_none(tmp_path, records, sentence):
    with pytest.raises(DataError, match=sentence):
        points(tmp_path / "run").from_records(records)


def test_records_of_a_mixed_table_that_are_none(tmp_path):
    predictor = flats(tmp_path / "run")
    for value in ([1], {"a": 1}, float("inf"), 1e39):
        with pytest.raises(DataError, match=r"row 2: 'area' is .*, a number or a text is due"):
            predictor.from_records([[1, "Elm"], [value, "Elm"]])


def test_names_where_there_are_none(tmp_path):
    predictor = points(tmp_path / "run", columns=[])
    assert predictor.from_records([[1, 2]]).x.tolist() == [[1.0, 2.0]]
    with pytest.raises(DataError, match="have no names; give a list of 2 numbers"):
        predictor.from_records([{"a": 1, "b": 2}])


def test_an_image_for_a_model_of_tables(tmp_path):
    with pytest.raises(DataError, match="rows of a table, not images"):
        points(tmp_path / "run").from_image(b"")
    with pytest.raises(DataError, match=r"x\.png: the model takes rows of a table, not images"):
        points(tmp_path / "run").from_image("x.png")


def test_a_recipe_that_belongs_to_another_model(tmp_path):
    other = Recipe.of({**FLATS, "rooms": [1, 2, 3, 4]})
    with pytest.raises(DataError, match="become 3 numbers, its model takes inputs of shape"):
        flats(tmp_path / "run", recipe=other.described())
    with pytest.raises(DataError, match="recipe"):
        flats(tmp_path / "again", recipe={"columns": []})


def test_a_model_of_enormous_examples(tmp_path):
    with pytest.raises(DataError, match="too large"):
        points(tmp_path / "run", shape=[10**9, 10**9, 10**9])
