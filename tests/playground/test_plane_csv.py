"""A CSV file on the plane: what is read of it, what is refused, and how it is taken back."""

import csv
import io

import numpy as np
import pytest

from chainrule.errors import DataError
from chainrule.playground import Plane
from chainrule.playground.engine.plane.csvfile import MOST_BYTES, read_table

PETS = b"name,weight,age,kind\nTom,4,7,cat\nRex,30,2,dog\nTim,5,1,cat\nBob,20,9,dog\n"


def written(rows, delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


def many(n, answer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)).round(3)
    return [["length", "width", "kind"], *([a, b, answer(a, b)] for a, b in x.tolist())]


def test_columns_become_axes_and_classes():
    plane = Plane()
    plane.take("pets.csv", PETS)
    assert plane.settings["data"] == "csv"
    shown = plane.ask("data", {})
    assert shown["classes"] == ["cat", "dog"]
    assert [axis["name"] for axis in shown["axes"]] == ["weight", "age"]
    across, _ = shown["axes"]
    # From 4 to 30, which are at -1.5 and 1.5 of a plane from -2 to 2.
    assert (across["low"], across["high"]) == pytest.approx((17 - 52 / 3, 17 + 52 / 3))
    x = np.concatenate([shown["train"]["x"], shown["test"]["x"]])
    assert x.min() == -1.5
    assert x.max() == 1.5
    assert plane.frame()["kind"] == "classes"


def test_undo_takes_the_table_away_and_brings_it_back():
    plane = Plane()
    version = plane.frame()["data_version"]
    plane.take("pets.csv", PETS)
    pets = plane.frame()["data_version"]
    plane.take("more.csv", written(many(50, lambda a, b: "big" if a > b else "small")))
    more = plane.frame()["data_version"]
    assert len({version, pets, more}) == 3
    plane.change(layers=[3])
    assert plane.frame()["data_version"] == more
    assert plane.undo()
    assert plane.undo()
    assert plane.frame()["data_version"] == pets
    assert plane.ask("data", {})["classes"] == ["cat", "dog"]
    plane.change(layers=[2])
    assert plane.ask("data", {})["classes"] == ["cat", "dog"]
    assert plane.undo()
    assert plane.undo()
    assert plane.settings["data"] == "moons"
    assert plane.frame()["data_version"] == version
    plane.change(data="csv")
    assert plane.ask("data", {})["note"].startswith("there is no table yet")
    assert plane.undo()
    assert not plane.can_undo


def test_numbers_are_predicted_on_a_scale_of_their_own():
    plane = Plane()
    plane.take("prices.csv", written(many(200, lambda a, b: round(1e5 + 5e4 * a, 2))))
    shown = plane.ask("data", {})
    assert shown["classes"] == []
    assert shown["target"]["name"] == "kind"
    y = np.concatenate([shown["train"]["y"], shown["test"]["y"]])
    assert (y.min(), y.max()) == (-1, 1)
    assert shown["target"]["low"] < 1e5 < shown["target"]["high"]
    assert plane.frame()["kind"] == "number"


@pytest.mark.parametrize(
    ("content", "axes", "target"),
    [
        ("﻿a;b;c\n1,5;2;x\n2;3;y\n".replace("1,5", "1.5"), ("a", "b"), "c"),
        ("target,a,b\n1,2,3\n0,4,5\n1,6,9\n0,5,7\n", ("a", "b"), "target"),
        ("id,text,a,b,kind\n1,so it is,2,3,x\n2,and so on,5,9,y\n", ("a", "b"), "kind"),
        ("a,flat,b,c\n1,7,2,x\n2,7,5,y\n", ("a", "b"), "c"),
        ("a,b,c\n1,2,x\n2,,y\n3,4,y\n4,5,\n", ("a", "b"), "c"),
        ('"a, b","c\nd",=1+1\n1,2,x\n2,3,y\n', ("a, b", "c\nd"), "=1+1"),
    ],
    ids=["marked", "first", "text", "constant", "missing", "quoted"],
)
def test_odd_files_are_read(content, axes, target):
    table = read_table("odd.csv", content.encode())
    assert (table.names, table.target) == (axes, target)
    assert len(table.x) >= 2
    assert np.isfinite(table.x).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x00\xff\xfe\x80binary", "odd.csv"),
        (b"a,b,c\n", "no rows"),
        (b"a\n1\n2\n", "two columns"),
        (b"a,b,c\n1,x,p\n2,y,q\n", "only 'a' does"),
        (b"a,b,c\n1,2\n3,4,5\n", "line 2"),
        (b"a,b,c\n1,2,x\n3,4,x\n", "is 'x' in every row"),
        (b"a,b,a\n1,2,3\n", r"'a'"),
        (b"a,b,c\n1,2,x\n1,2,y\n", "differ"),
        (b"a,b,c\n1,2,x\n,5,y\n3,,y\n", "differ"),
        (b"a,b,c\n" + b"\n".join(b"%d,%d,k%d" % (i, -i, i % 9) for i in range(99)), "9 classes"),
        (b"a,b,c\n" + b"1,2,3\n" * 5001, "5,001 rows"),
        (b"a,b,c\n1e999,2,x\n-1e999,3,y\n", "odd.csv"),
        (b"x" * (MOST_BYTES + 1), "MiB"),
        (b"," * 200_000 + b"\n1,2", "odd.csv"),
        (b'a,b,c\n"1,2,x\n3,4,y\n', "odd.csv"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_line(content, words):
    plane = Plane()
    with pytest.raises(DataError, match=words) as caught:
        plane.take("odd.csv", content)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 400
    assert "/tmp" not in sentence
    assert plane.settings["data"] == "moons"
    assert not plane.can_undo


def test_names_from_outside_are_cut_and_made_printable():
    with pytest.raises(DataError) as caught:
        Plane().take("../../x\x1b[31m\n" + "y" * 500, b"")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_a_table_that_fails_leaves_the_one_before():
    plane = Plane()
    plane.take("pets.csv", PETS)
    with pytest.raises(DataError):
        plane.take("bad.csv", b"a,b\n1,2\n")
    plane.change(layers=[2])
    assert plane.ask("data", {})["classes"] == ["cat", "dog"]


def test_points_come_out_as_they_came_in():
    plane = Plane()
    plane.take("pets.csv", PETS)
    rows = list(csv.reader(io.StringIO(plane.download("data").content.decode())))
    assert rows[0] == ["weight", "age", "kind"]
    assert [[float(a), float(b), kind] for a, b, kind in rows[1:]] == [
        [4, 7, "cat"],
        [30, 2, "dog"],
        [5, 1, "cat"],
        [20, 9, "dog"],
    ]
    again = Plane()
    again.take("data.csv", plane.download("data").content)
    for part in ("train", "test"):
        for name in ("x", "y"):
            there, here = (one.ask("data", {})[part][name] for one in (plane, again))
            assert (there == here).all()
