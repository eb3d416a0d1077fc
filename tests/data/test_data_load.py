"""Data by name: what each name gives, and which options belong to it."""

import pytest

from chainrule.data.idx import write_idx
from chainrule.data.load import KNOWN, TOYS, load
from chainrule.errors import DataError, OptionError


def test_names_in_order():
    points = ["moons", "circles", "ring", "spiral", "xor", "blobs"]
    surfaces = ["slope", "hill", "waves"]
    assert list(KNOWN) == ["digits", "mnist", *points, *surfaces, "rectangles"]
    assert all(load(name).name == name for name in KNOWN if name != "mnist")


@pytest.mark.parametrize("name", TOYS)
def test_seed_reaches_the_toys(name):
    assert (load(name).x == load(name, seed=0).x).all()
    assert (load(name).x != load(name, seed=1).x).any()


def test_data_dir_reaches_mnist(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte", load("digits").x[:1, 0])
    with pytest.raises(DataError, match="only 1 of the four MNIST files"):
        load("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "CSV"])
def test_a_table(tmp_path, suffix):
    path = tmp_path / f"pets.{suffix}"
    path.write_text("a\tb\tc\n1\t5\tx\n2\t6\ty\n")
    assert load(path).classes == load(str(path)).classes == ("x", "y")
    path.write_text("a\tb\n1\t5\n2\t6\n")
    assert load(path, target="a").y.tolist() == [1, 2]


def test_a_folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        image.new("L", (4, 4)).save(tmp_path / kind / "a.png")
    assert load(tmp_path).x.shape == (2, 1, 4, 4)
    assert load(str(tmp_path), size=8, grey=False).x.shape == (2, 3, 8, 8)


def test_a_known_name_wins_over_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert len(load("digits")) == 1797
    with pytest.raises(DataError, match="digits has neither subfolders nor images"):
        load("./digits")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digts", r"'digts' is neither .* digits, mnist, moons, .*; did you mean 'digits'\?"),
        ("MNIST", r"did you mean 'mnist'\?"),
        ("none.csv", "'none.csv' is neither a file or folder nor one of the data sets"),
        ("", "'' is neither"),
        ("a\0b", "is neither"),
        ("x" * 5000, "is neither"),
    ],
)
def test_unknown(name, words):
    with pytest.raises(DataError, match=words):
        load(name)


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"cat\.png is not a kind of file to learn from; a table"):
        load(path)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("digits", {"target": "y"}, "target does not apply to 'digits', only to a table"),
        ("digits", {"data_dir": "x"}, "data_dir does not apply to 'digits', only to mnist"),
        ("mnist", {"size": 8}, "size does not apply to 'mnist', only to a folder of images"),
        ("moons", {"grey": False}, "grey does not apply to 'moons', only to a folder"),
        ("TABLE", {"size": 8}, "size does not apply to .*csv"),
        ("FOLDER", {"target": "y"}, "target does not apply"),
    ],
)
def test_options_of_other_kinds(tmp_path, name, options, words):
    table = tmp_path / "a.csv"
    table.write_text("a,b\n1,x\n2,y\n")
    name = {"TABLE": table, "FOLDER": tmp_path}.get(name, name)
    with pytest.raises(OptionError, match=words):
        load(name, **options)
