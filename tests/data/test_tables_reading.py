"""Tables of mixed columns from CSV and Parquet: the same examples from either."""

import numpy as np
import pytest

from chainrule.data import Recipe, load, table, table_columns
from chainrule.data.tables import csvfile
from chainrule.errors import DataError, OptionError

HOUSES = """id,area,street,sold,garage,note,price
1,40.5,Oak,2024-01-31,yes,same,100.5
2,,Elm,2024-02-01,no,same,90
3,65,?,2024-03-01,no,same,
4,70,Oak,2024-03-05,yes,same,180
5,55,Elm,NA,no,same,120
"""


@pytest.fixture
def houses(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(HOUSES)
    return path


def kinds(examples):
    return {column.name: column.kind for column in examples.recipe.columns}


def test_a_mixed_table(houses):
    found = table(houses)
    assert kinds(found) == {
        "id": "identifier",
        "area": "number",
        "street": "category",
        "sold": "date",
        "garage": "yes/no",
        "note": "constant",
    }
    assert found.y.tolist() == [100.5, 90, 180, 120]
    assert found.columns == found.recipe.features
    assert found.columns[:2] == ("area", "street")
    np.testing.assert_array_equal(found.x[:, 0], np.array([40.5, np.nan, 70, 55], np.float32))
    assert found.x[:, 1].tolist() == [2, 1, 2, 1]
    assert "1 rows without a target are left out" in found.about
    assert "a number to predict (4 different ones)" in found.about
    assert repr(found).endswith("4 rows of 7 columns, a number to predict)")
    part, rest = found.split(0.5)
    assert part.recipe is found.recipe is rest.recipe


def test_read_in_any_number_of_pieces(houses, monkeypatch):
    whole = table(houses)
    for rows in (1, 2, 3):
        monkeypatch.setattr(csvfile, "AT_ONCE", rows)
        found = table(houses)
        assert found.recipe == whole.recipe
        np.testing.assert_array_equal(found.x, whole.x)


def test_what_a_person_decides(houses):
    found = table(houses, "street", categorical=["garage"], numeric=["note"], drop=["area", "id"])
    assert found.classes == ("Elm", "Oak")
    assert "2 classes (it is text)" in found.about
    assert kinds(found) == {
        "id": "dropped",
        "area": "dropped",
        "sold": "date",
        "garage": "category",
        "note": "number",
        "price": "number",
    }
    with pytest.raises(OptionError, match="--drop price: it is the target"):
        table(houses, drop=["price"])
    with pytest.raises(DataError, match=r"houses\.csv has no column 'aera'; did you mean 'area'"):
        table(houses, drop=["aera"])
    assert load(houses, target="price", drop=["sold"]).columns == ("area", "street", "garage")


def test_columns_as_they_are(houses):
    found = table(houses)
    columns = table_columns(houses)
    assert list(columns) == HOUSES.partition("\n")[0].split(",")
    np.testing.assert_array_equal(found.recipe.encode(columns)[[0, 1, 3, 4]], found.x)


def test_a_pure_table_has_a_recipe_too(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("id,a,b,c,y\n1,1,7,2,1.5\n2,3,7,5,2.5\n3,3,7,9,3\n")
    found = table(path)
    assert found.columns == ("a", "c")
    assert found.is_plain
    assert found.x.dtype == np.uint8
    assert found.x.tolist() == [[1, 2], [3, 5], [3, 9]]
    np.testing.assert_array_equal(found.recipe.encode(table_columns(path)), found.x)


def test_a_sign_may_be_a_class(tmp_path):
    path = tmp_path / "credit.csv"
    path.write_text("a,b\n" + "".join(f"{k},{'+-'[k % 2]}\n" for k in range(6)))
    assert table(path).classes == ("+", "-")


def test_free_text_names_file_and_column(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("said,y\n" + "".join(f"so he said {k},{k % 2}\n" for k in range(30)))
    with pytest.raises(DataError, match=r"t\.csv: column 'said' holds free text: 30 different"):
        table(path)


# Parquet


@pytest.fixture
def arrow():
    return pytest.importorskip("pyarrow", reason="Parquet files are read by pyarrow")


def written(tmp_path, columns):
    from pyarrow import Table, parquet

    path = tmp_path / "some.parquet"
    parquet.write_table(Table.from_pydict(columns), path, row_group_size=2)
    return path


def test_parquet_reads_as_csv(arrow, tmp_path, houses):
    import pandas

    frame = pandas.read_csv(houses, parse_dates=["sold"], na_values=["?"])
    frame["garage"] = frame["garage"] == "yes"
    frame["street"] = frame["street"].astype("category")
    frame.to_parquet(tmp_path / "houses.parquet")
    found, expected = load(tmp_path / "houses.parquet"), table(houses)
    assert found.columns == expected.columns
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_array_equal(found.y, expected.y)
    assert isinstance(found.recipe, Recipe)


def test_parquet_types(arrow, tmp_path):
    import datetime
    from decimal import Decimal

    path = written(
        tmp_path,
        {
            "whole": arrow.array([1, None, 3, 4]),
            "exact": [Decimal("1.5"), Decimal("2.25"), None, Decimal(3)],
            "day": [datetime.date(2024, 1, k) for k in (1, 2, 3, 4)],
            "word": ["a", None, "b", "a"],
            "none": arrow.nulls(4),
            "y": [1.5, 2.5, 0.5, 3],
        },
    )
    found = table(path)
    assert list(kinds(found).values()) == ["number", "number", "date", "category", "constant"]
    assert found.x[:, 0].tolist()[2:] == [3, 4]
    assert found.x[:2, 1].tolist() == [1.5, 2.25]
    assert found.x[:, -1].tolist() == [1, 0, 2, 1]


def test_parquet_that_is_none(arrow, tmp_path):
    path = tmp_path / "bad.parquet"
    with pytest.raises(DataError, match=r"bad\.parquet: there is no such file"):
        table(path)
    for content in (b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.parquet is no Parquet file that can be read"):
            table(path)
    good = written(tmp_path, {"a": [[1], [2]], "y": [1, 2]})
    with pytest.raises(DataError, match=r"column 'a' holds list.*--drop a leaves it out"):
        table(good)
    content = bytearray(good.read_bytes())
    content[4:60] = bytes(56)
    good.write_bytes(content)
    with pytest.raises(DataError, match=r"some\.parquet"):
        table(good)
