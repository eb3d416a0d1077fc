"""CSV files: both readers agree, and every error names its place."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.tables import csvfile
from chainrule.data.tables.csvfile import read_columns, read_header
from chainrule.data.tables.table import table, table_rows
from chainrule.errors import DataError

IRIS = "length,width,species\n5.1,3.5,setosa\n7.0,3.2,versicolor\n4.9,3.0,setosa\n"


@pytest.fixture
def write(tmp_path):
    def written(text, name="some.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def kaggle(rows=3, side=2, start=0, **cells):
    """Return the text of a small file in the layout of the Kaggle digits."""
    names = [f"pixel{k + start}" for k in range(side * side)]
    lines = [["label", *names]]
    for row in range(rows):
        lines.append([str(row % 10), *(str((row * 50 + k) % 256) for k in range(side * side))])
    for place, cell in cells.items():
        row, column = place[1:].split("c")
        lines[int(row)][int(column)] = cell
    return "\n".join(map(",".join, lines)) + "\n"


# What is read


def test_text_target(write):
    iris = table(write(IRIS))
    assert iris.classes == ("setosa", "versicolor")
    assert iris.y.tolist() == [0, 1, 0]
    assert iris.x.dtype == np.float32
    assert iris.columns == ("length", "width")
    np.testing.assert_array_equal(iris.x[0], np.array([5.1, 3.5], np.float32))
    assert iris.name == "some.csv"
    assert "target 'species' (the last column), 2 classes" in iris.about


@pytest.mark.parametrize(
    "text",
    [
        IRIS.replace("\n", "\r\n"),
        IRIS.replace("\n", "\r"),
        "\ufeff" + IRIS,
        IRIS.rstrip("\n"),
        IRIS.replace("\n", "\n\n") + "\n \n",
        IRIS.replace(",", ";"),
        IRIS.replace(",", "\t"),
        IRIS.replace(",", " , "),
        IRIS.replace("setosa", '"setosa"'),
        IRIS.replace("5.1", '"5.1"').replace("length", '"length"'),
    ],
)
def test_ways_of_writing_the_same(write, text):
    iris = table(write(text))
    assert iris.columns == ("length", "width")
    assert iris.classes == ("setosa", "versicolor")
    np.testing.assert_array_equal(iris.x, table(write(IRIS, "plain.csv")).x)


def test_tsv(write):
    assert table(write("a,b\tc\tkind\n1\t2\tx\n3\t4\ty\n", "some.tsv")).columns == ("a,b", "c")


def test_quoted_cells_may_hold_anything(write):
    some = table(write('"a, b",kind\n1,"x\ny, ""z"""\n2,w\n'))
    assert some.columns == ("a, b",)
    assert some.classes == ("w", 'x\ny, "z"')


@pytest.mark.parametrize("name", ["label", "target", "class", "y", "Label", "CLASS"])
def test_target_by_its_name(write, name):
    some = table(write(f"a,{name},b\n1,0,2\n3,1,4\n5,0,1\n7,1,2\n"))
    assert some.columns == ("a", "b")
    assert some.classes == ("0", "1")
    assert f"{name!r} (by its name)" in some.about


def test_target_that_is_given(write):
    some = table(write("a,label,b\n1.5,0,2\n3,1,4\n"), target="a")
    assert some.columns == ("label", "b")
    assert some.y.tolist() == [1.5, 3]
    assert some.classes is None
    assert "target 'a', a number to predict" in some.about


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["0", "1"] * 2, ("0", "1")),
        (["10", "9", "10", "9"], ("9", "10")),
        (["-1", "1.0", "-1.0", "+1"], ("-1", "1")),
        (["0.5", "1"] * 5, None),
        ([str(k) for k in range(20)] * 2, tuple(map(str, range(20)))),
        ([str(k) for k in range(21)] * 2, None),
        ([str(k) for k in range(4)] + ["0", "1"], None),  # not twice each
        (["b", "a", "B"], ("B", "a", "b")),
        (["1", "2", "x", "y"], ("1", "2", "x", "y")),
    ],
)
def test_classes_or_numbers(write, cells, classes):
    some = table(write("a,b\n" + "".join(f"{k},{c}\n" for k, c in enumerate(cells))))
    assert some.classes == classes
    if classes is None:
        assert some.y.dtype == np.float32
        assert some.y.tolist() == [float(cell) for cell in cells]
    else:
        names = [cell if cell.isalpha() else str(int(float(cell))) for cell in cells]
        assert [classes[k] for k in some.y] == names


def test_a_label_column_always_names_classes(write):
    rows = "".join(f"{k},{k}\n" for k in range(26))
    assert len(table(write("a,label\n" + rows)).classes) == 26
    assert table(write("a,b\n" + rows)).classes is None


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ("0,255", np.uint8),
        ("1.0,2e1", np.uint8),
        ("0,256", np.float32),
        ("-1,2", np.float32),
        ("0.5,2", np.float32),
        (" 7 ,+3", np.uint8),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_smallest_dtype_by_either_reader(write, cells, dtype, quote):
    some = table(write(f"a,b,kind\n{cells},{quote}x{quote}\n9,9,y\n"))
    assert some.x.dtype == dtype
    assert some.x[0].tolist() == [float(cell) for cell in cells.split(",")]


@pytest.mark.parametrize("target", range(4))
def test_target_anywhere(write, target):
    text = "a,b,c,d\n1,2,3,4\n5,6,7,8\n"
    some = table(write(text), target="abcd"[target])
    assert some.y.tolist() == [1 + target, 5 + target]
    assert some.x[1].tolist() == [k for k in (5, 6, 7, 8) if k != 5 + target]


# The Kaggle digits


@pytest.mark.parametrize("start", [0, 1])
def test_kaggle_digits(write, start):
    some = table(write(kaggle(start=start)))
    assert some.is_image
    assert some.x.shape == (3, 1, 2, 2)
    assert some.x.dtype == np.uint8
    assert some.levels == 255
    assert some.classes == tuple("0123456789")
    assert some.columns == ()
    assert some.y.tolist() == [0, 1, 2]
    assert some.x[2, 0].tolist() == [[100, 101], [102, 103]]


def test_kaggle_digits_by_row_and_column(write):
    text = "label,1x1,1x2,2x1,2x2\n5,0,1,2,3\n6,4,5,6,7\n"
    assert table(write(text)).x[1, 0].tolist() == [[4, 5], [6, 7]]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (kaggle().replace("label", "digit"), {}),
        (kaggle(), {"target": "pixel0"}),
        (kaggle().replace("pixel3", "pixel4"), {}),
        ("label,pixel0\n1,2\n2,3\n", {}),
        ("label,pixel0,pixel1,pixel2\n1,2,3,4\n2,3,4,5\n", {}),
    ],
)
def test_other_layouts_are_tables(write, text, options):
    assert not table(write(text), **options).is_image


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (kaggle(r2c0="10"), "line 3: target 'label' holds '10', a digit from 0 to 9 is due"),
        (kaggle(r2c0="-1"), "line 3: target 'label' holds '-1'"),
        (kaggle(r3c0="seven"), "line 4: target 'label' holds 'seven'"),
        (kaggle(r1c0=""), "line 2: target 'label' is empty"),
        (kaggle(r2c3="256"), "line 3: column 'pixel2' holds '256'; a pixel is a whole number"),
        (kaggle(r2c3="-1"), "line 3: column 'pixel2' holds '-1'; a pixel"),
        (kaggle(r2c3="0.5"), "line 3: column 'pixel2' holds '0.5'; a pixel"),
        (kaggle(r2c3="x"), "line 3: column 'pixel2' holds 'x', a number is due"),
        (kaggle(rows=1), "target 'label' is '0' in every row"),
    ],
)
def test_kaggle_digits_refused(write, text, words):
    with pytest.raises(DataError, match=words):
        table(write(text))


def test_kaggle_digits_written_as_floats(write):
    assert table(write(kaggle(r1c1="7.0", r1c0="0.0"))).x[0, 0, 0, 0] == 7


# What is refused


def test_missing_folder_unreadable(tmp_path, write):
    with pytest.raises(DataError, match=r"none\.csv: there is no such file"):
        table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder, a CSV file is due"):
        table(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b\n", "column names but no rows"),
        ("a,b\n\n\n", "column names but no rows"),
        ("a\n1\n2\n", "one column only"),
        ("1,2,3\n4,5,6\n", "begins with numbers .'1', '2', '3'., a line with column names"),
        ("a,,b\n1,2,3\n", "column 2 has no name"),
        ('"",a,b\n1,2,3\n', "column 1 has no name"),
        ("a,b,a\n1,2,3\n", "two columns named 'a'"),
        ("a,b,c\n1,2,3\n4,5\n", "line 3: 3 cells are due as in the header, 2 are there"),
        ("a,b,c\n1,2,3\n\n4,5,6,7\n", "line 4: 3 cells are due as in the header, 4 are there"),
        ('a,b\n1,"x\ny"\n2,z,3\n', "line 4: 2 cells are due"),
        ("a,b\n1,0.5\n2,1e39\n", "line 3: target 'b' holds '1e39', a finite number"),
        ("a,b\n1,0.5\n2,7\n3,dear\n", "line 4: target 'b' holds 'dear', a number as in most"),
        ("a,b\n1,\n2,NA\n", "target 'b' is missing in every row"),
        ("a,b\n1,x\n1,y\n", "no column is left to learn from: 'a' is the same in every row"),
        ("a,b\n1,x\n2,x\n", "target 'b' is 'x' in every row"),
        ("a,b\n1,2\n2,2.0\n", "target 'b' is '2' in every row"),
        ("a,b\n1,2\n", "target 'b' is '2' in every row"),
        ('a,b\n1,x\n2,"y\n', "line 3: the cells cannot be told apart .*quotation mark"),
        ("a,b\n" + "".join(f"1,name {k}\n" for k in range(50)), "50 different texts in 50 rows"),
        ("a,b\n1," + "x" * 200_000 + '\n"2",y\n', "cells cannot be told apart"),
    ],
)
def test_refused(write, text, words):
    with pytest.raises(DataError, match=words) as caught:
        table(write(text))
    assert "some.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("a,b\n1,x\n2,é\n".encode("latin-1"), "line 3 holds the byte 0xe9; save it as UTF-8"),
        (b"a,b\n" + b"1,x\n" * 100_000 + b"\xff,x\n", "line 100002 holds the byte 0xff"),
        (IRIS.encode("utf-16"), "not UTF-8 text: line 1"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8 text: line 1"),
    ],
)
def test_not_utf8(write, raw, words):
    with pytest.raises(DataError, match=words):
        table(write(raw))


def test_a_column_that_is_not_there(write):
    with pytest.raises(DataError, match=r"no column 'speces'; did you mean 'species'\?"):
        table(write(IRIS), target="speces")
    with pytest.raises(DataError, match="no column 'zzz'; it has 'length', 'width', 'species'"):
        table(write(IRIS), target="zzz")


def test_a_first_line_without_end(write, monkeypatch):
    monkeypatch.setattr(csvfile, "LONGEST_HEADER", 100)
    with pytest.raises(DataError, match="first line is too long for column names"):
        table(write("a" * 200))


# Rows to predict from


def test_rows_by_name(write):
    path = write("name,b,a,species\nTom,1,2.5,x\nRex,3,4,y\n")
    rows = table_rows(path, ["a", "b"])
    assert rows.dtype == np.float32
    assert rows.tolist() == [[2.5, 1], [4, 3]]
    assert table_rows(path, ("b",)).tolist() == [[1], [3]]


def test_rows_of_one_column(write):
    assert table_rows(write("a\n1\n2\n"), ["a"]).tolist() == [[1], [2]]


@pytest.mark.parametrize("label", [True, False])
def test_rows_that_are_images(write, label):
    text = kaggle()
    if not label:
        text = "\n".join(line.partition(",")[2] for line in text.splitlines())
    path = write(text)
    for columns in (None, [f"pixel{k}" for k in range(4)]):
        rows = table_rows(path, columns)
        assert rows.shape == (3, 1, 2, 2)
        assert rows.dtype == np.uint8
        assert rows[1, 0, 0, 0] == 50


def test_rows_refused(write):
    path = write("petal,sepal\n1,2\n")
    with pytest.raises(DataError, match=r"no column 'petel'; did you mean 'petal'\?"):
        table_rows(path, ["petel"])
    with pytest.raises(DataError, match="does not hold images: columns pixel0"):
        table_rows(path)
    with pytest.raises(DataError, match="no columns were asked for"):
        table_rows(path, [])
    with pytest.raises(DataError, match="no rows below"):
        table_rows(write("a,b\n"), ["a"])
    with pytest.raises(DataError, match="line 2: column 'b' holds 'x'"):
        table_rows(write("a,b\n1,x\n"), ["b"])
    with pytest.raises(DataError, match="line 3: 2 cells are due"):
        table_rows(write("a,b\n1,2\n1\n"), ["a"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c\n1,2,x\n3,cat,y\n", "line 3: column 'b' holds 'cat', a number is due"),
        ("a,b,c\n1,2,x\n3,1_0,y\n", "line 3: column 'b' holds '1_0', a number is due"),
        ("a,b,c\n1,2,x\n3,١,y\n", "line 3: column 'b' holds '١', a number is due"),
        ('a,b,c\n1,2,"x"\n3,1_0,y\n', "line 3: column 'b' holds '1_0'"),
        ("a,b,c\n1,2,x\n3,,y\n", "line 3: column 'b' is empty"),
        ("a,b,c\n1,2,x\n3,  ,y\n", "line 3: column 'b' is empty"),
        ("a,b,c\n1,2,x\n3,nan,y\n", "line 3: column 'b' holds 'nan', a finite number is due"),
        ("a,b,c\n1,2,x\n-inf,2,y\n", "line 3: column 'a' holds '-inf', a finite number"),
        ("a,b,c\n1,2,x\n1e39,2,y\n", "line 3: column 'a' holds '1e39', more than a float32"),
    ],
)
def test_cells_of_rows_refused(write, text, words):
    with pytest.raises(DataError, match=words):
        table_rows(write(text), ["a", "b"])


# Both readers, and anything at all

CELL = st.one_of(
    st.integers(-300, 300).map(str),
    st.floats(width=32).map(repr),
    st.sampled_from(["", " ", "x", "1_0", "0x1", "1e400", " 2 ", "+5", ".5", "5.", "é", "1 2"]),
)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5))
def test_the_quick_reader_reads_as_the_careful_one(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("both", numbered=True) / "a.csv"
    text = io.StringIO()
    csv.writer(text).writerows([("a", "b", "c"), *rows])
    path.write_text(text.getvalue(), encoding="utf-8")
    header = read_header(path)
    for dtype in ("u1", "f4"):
        quick = csvfile._read_quickly(header, [0, 1], 2, dtype)
        if quick is not None:
            careful = csvfile._read_carefully(header, [0, 1], 2, pixels=False)
            np.testing.assert_array_equal(quick[0], careful[0])
            assert quick[1] == careful[1]


@settings(max_examples=400, deadline=None)
@given(
    contents=st.one_of(
        st.binary(max_size=80),
        st.text(alphabet='ab,;"\t\r\n 0123.-e_\ufeff\0é', max_size=80).map(str.encode),
        st.lists(st.lists(CELL, min_size=2, max_size=3).map(",".join), max_size=8).map(
            lambda rows: "\n".join(["a,b,c", *rows]).encode()
        ),
        st.lists(st.lists(CELL, min_size=5, max_size=5).map(",".join), max_size=8).map(
            lambda rows: "\n".join(["label,pixel0,pixel1,pixel2,pixel3", *rows]).encode()
        ),
    )
)
def test_any_bytes_are_a_table_or_a_data_error(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("fuzz", numbered=True) / "a.csv"
    path.write_bytes(contents)
    for read in (table, lambda path: table_rows(path, ["a"]), table_rows):
        message = "a.csv"
        try:
            read(path)
        except DataError as error:
            message = str(error)
        assert "a.csv" in message


def test_columns_in_another_order(write):
    header = read_header(write("a,b,c\n1,2,3\n"))
    assert read_columns(header, [2, 0])[0].tolist() == [[3, 1]]
