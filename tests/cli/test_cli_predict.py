"""`chainrule predict`: images and rows, classes and numbers, each on its line."""

import csv
import json
import re
import shutil

import numpy as np
import pytest

from chainrule import nn
from chainrule.data import digits, load, read_image, table_rows
from chainrule.io import load_model, save_model
from chainrule.ops import softmax
from chainrule.train import predict
from cli import material

Image = pytest.importorskip("PIL.Image")


def picture(path, row, size=8, invert=False):
    """Write one of the digits as people have them: white on black, 0 to 255."""
    pixels = np.rint(digits().x[row, 0] * (255 / 16)).astype(np.uint8)
    image = Image.fromarray(255 - pixels if invert else pixels)
    image.resize((size, size), Image.Resampling.NEAREST).save(path)
    return path


def said(out):
    """The class of each line with its share, and the rest of it."""
    lines = [re.fullmatch(r"(.+?)  (.+?) (\d+\.\d) %(.*)", line) for line in out.splitlines()]
    return [(line[1], line[2], float(line[3]), line[4]) for line in lines]


# --- images -------------------------------------------------------------------------------------


def test_images(chainrule, trained, tmp_path):
    rows = range(20)
    files = [picture(tmp_path / f"{row}.png", row) for row in rows]
    ended = chainrule("predict", trained("digits"), *files)
    assert (ended.code, ended.err) == (0, "")
    outputs = predict(load_model(trained("digits")).model, digits().x[rows])
    shares = softmax(outputs, dim=1)
    for row, (name, guess, share, others) in zip(rows, said(ended.out), strict=True):
        assert name == f"{row}.png"
        # The pictures have been rounded to bytes, so the shares differ in their last digit.
        order = np.argsort(-shares[row], kind="stable")
        assert guess == str(order[0])
        assert share == pytest.approx(100 * shares[row].max(), abs=0.3)
        assert re.fullmatch(rf"  \({order[1]} \d+\.\d %, \d \d+\.\d %\)", others)
    right = [guess == str(digits().y[row]) for row, (_, guess, *_) in zip(rows, said(ended.out))]
    assert sum(right) >= 15


def test_dark_ink_on_paper(chainrule, trained, tmp_path):
    light, dark = picture(tmp_path / "0.png", 0), picture(tmp_path / "1.png", 0, invert=True)
    straight = chainrule("predict", trained("digits"), light)
    inverted = chainrule("predict", trained("digits"), dark, "--invert")
    assert straight.out.split()[1:] == inverted.out.split()[1:]
    wrong = chainrule("predict", trained("digits"), dark)
    assert wrong.out.split()[1:] != straight.out.split()[1:]


def test_images_of_another_size(chainrule, trained, tmp_path):
    large = picture(tmp_path / "large.png", 0, size=64)
    ended = chainrule("predict", trained("digits"), "--resize", large, "--top", 1)
    small = read_image(large, size=8, resize=True) * np.float32(16 / 255)
    outputs = predict(load_model(trained("digits")).model, small[None])
    share = 100 * softmax(outputs, dim=1).max()
    assert ended.out == f"large.png  {outputs.argmax()} {share:.1f} %\n"
    assert outputs.argmax() == 0


def test_colour_is_made_grey(chainrule, trained, tmp_path):
    grey = picture(tmp_path / "grey.png", 3)
    Image.open(grey).convert("RGB").save(tmp_path / "colour.png")
    ended = chainrule("predict", trained("digits"), grey, tmp_path / "colour.png")
    first, second = ended.out.splitlines()
    assert first.split()[1:] == second.split()[1:]


@pytest.mark.parametrize(("top", "count"), [(1, 1), (2, 2), (10, 10), (99, 10)])
def test_top(chainrule, trained, tmp_path, top, count):
    ended = chainrule("predict", trained("digits"), picture(tmp_path / "0.png", 0), "--top", top)
    shares = [float(share) for share in re.findall(r"(\d+\.\d) %", ended.out)]
    assert len(shares) == count
    assert shares == sorted(shares, reverse=True)


def test_the_model_of_a_folder_of_images(chainrule, tmp_path):
    folder = material.shapes(tmp_path / "shapes", "RGB")
    line = "train shapes --model linear --epochs 20 --lr 0.05 --batch-size 8 --out run"
    assert chainrule(line).code == 0
    ended = chainrule("predict run", folder / "bright" / "0.png", folder / "dark" / "0.png")
    assert [guess for _, guess, *_ in said(ended.out)] == ["bright", "dark"]


# --- rows ---------------------------------------------------------------------------------------


def test_rows(chainrule, trained, tmp_path):
    """The columns are found by their names, wherever they stand; others are passed over."""
    text = "name,age,weight\nTom,3,0.5\nRex,3,10.5\nIda,3,20.5\n"
    (tmp_path / "new.csv").write_text(text)
    ended = chainrule("predict", trained("pets"), "new.csv")
    assert [(name, guess) for name, guess, *_ in said(ended.out)] == [
        ("new.csv row 1", "cat"),
        ("new.csv row 2", "dog"),
        ("new.csv row 3", "hen"),
    ]


def test_numbers_in_their_own_units(chainrule, trained, tmp_path):
    (tmp_path / "new.csv").write_text("rooms,age\n1,50\n4,25\n8,0\n")
    ended = chainrule("predict", trained("prices"), "new.csv")
    lines = [line.split("  ") for line in ended.out.splitlines()]
    assert [name for name, _ in lines] == ["new.csv row 1", "new.csv row 2", "new.csv row 3"]
    values = [float(value) for _, value in lines]
    assert values == pytest.approx([300, 1700, 3400], abs=40)
    model, info = load_model(trained("prices"))
    outputs = predict(model, table_rows(tmp_path / "new.csv", info["columns"]))
    assert [f"{value:.6g}" for value in outputs.reshape(-1)] == [value for _, value in lines]


def test_rows_of_pixels(chainrule, trained):
    data = trained("kaggle").parent / "kaggle.csv"
    ended = chainrule("predict", trained("kaggle"), data)
    outputs = predict(load_model(trained("kaggle")).model, load(data).x)
    guesses = [guess for _, guess, *_ in said(ended.out)]
    assert guesses == [str(k) for k in outputs.argmax(axis=1)]
    right = np.mean([int(guess) for guess in guesses] == load(data).y)
    assert right > 0.8


def test_pictures_and_pixels_together(chainrule, trained, tmp_path):
    """A picture and the row it came from are the same to a model of 255 levels."""
    data = trained("kaggle").parent / "kaggle.csv"
    Image.fromarray(load(data).x[7, 0]).save(tmp_path / "7.png")
    ended = chainrule("predict", trained("kaggle"), tmp_path / "7.png", data)
    lines = ended.out.splitlines()
    assert len(lines) == 101
    assert lines[0].split("  ")[1:] == lines[8].split("  ")[1:]
    assert lines[8].startswith("kaggle.csv row 8  ")


# --- for other programs --------------------------------------------------------------------------


def test_predictions_beside_the_cells(chainrule, trained, tmp_path):
    """What was in the file stays as it was, whatever it is; a name that is taken is not used."""
    text = 'name;age;weight;prediction\n"Tom; the old";3;0.5;x\n\nRex;3;10.5;y\n'
    (tmp_path / "new.csv").write_text(text)
    ended = chainrule("predict", trained("pets"), "new.csv", "--out", "o")
    assert (ended.code, ended.out) == (0, "2 predictions: o\n")
    header, *rows = csv.reader((tmp_path / "o").read_text().splitlines())
    assert header == ["name", "age", "weight", "prediction", "prediction_", "probability"]
    assert [row[:5] for row in rows] == [
        ["Tom; the old", "3", "0.5", "x", "cat"],
        ["Rex", "3", "10.5", "y", "dog"],
    ]
    assert all(0.4 < float(row[5]) < 1 for row in rows)


def test_numbers_beside_the_cells(chainrule, trained, tmp_path):
    (tmp_path / "new.csv").write_text("rooms,age\n1,50\n4,25\n")
    assert chainrule("predict", trained("prices"), "new.csv", "--out", "out.csv").code == 0
    header, *rows = csv.reader((tmp_path / "out.csv").read_text().splitlines())
    assert header == ["rooms", "age", "prediction"]
    model, info = load_model(trained("prices"))
    outputs = predict(model, table_rows(tmp_path / "new.csv", info["columns"]))
    assert [np.float32(row[2]) for row in rows] == outputs.reshape(-1).tolist()


def test_predictions_of_images_as_a_table(chainrule, trained, tmp_path):
    files = [picture(tmp_path / f"{row}.png", row) for row in range(3)]
    assert chainrule("predict", trained("digits"), *files, "--out", "out.csv").code == 0
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "file,prediction,probability"
    assert [line.split(",")[0] for line in lines[1:]] == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize(
    "more",
    [["--out", "new.csv"], ["--out", "."], ["--out", "no/such.csv"], ["new.csv", "--out", "o.csv"]],
    ids=str,
)
def test_what_cannot_be_written(chainrule, trained, tmp_path, more):
    (tmp_path / "new.csv").write_text("rooms,age\n1,50\n")
    ended = chainrule("predict", trained("prices"), "new.csv", *more)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("error: --out ")
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_json(chainrule, trained, tmp_path):
    (tmp_path / "new.csv").write_text("age,weight\n3,0.5\n3,10.5\n")
    ended = chainrule("predict", trained("pets"), "new.csv", "--json", "--top", 2)
    first, second = map(json.loads, ended.out.splitlines())
    assert (first["input"], first["class"], second["class"]) == ("new.csv row 1", "cat", "dog")
    assert next(iter(first["probabilities"])) == "cat"
    assert len(first["probabilities"]) == 2


# --- words from outside -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[bold]", "[bold]"),
        ("[/]", "[/]"),
        (":cat:", ":cat:"),
        ("back\\", "back\\"),
        ("été", "été"),
        ("two\nlines", "two lines"),
        ("\x1b[31mred", "?[31mred"),
        ("\ud800", "?"),
    ],
)
def test_names_are_shown_as_they_are(chainrule, tmp_path, name, shown):
    model = nn.Sequential(nn.Linear(1, 2))
    info = {"classes": [name, f"un{name}"], "shape": [1], "columns": ["a"], "levels": None}
    save_model(tmp_path / "run", model, info)
    (tmp_path / "[b].csv").write_text("a\n1\n")
    ended = chainrule("predict run '[b].csv'")
    assert ended.code == 0
    row, *guesses = re.split(r"  \(?", ended.out.strip())
    assert row == "[b].csv row 1"
    names = {re.fullmatch(r"(.*) \d+\.\d %\)?", guess)[1] for guess in guesses}
    assert names == {shown, f"un{shown}"}


# --- descriptions that were tampered with -------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": None},
        {"shape": []},
        {"shape": [1, 8]},
        {"shape": [1, 8, 8, 1]},
        {"shape": [True, 8, 8]},
        {"shape": [1, -8, 8]},
        {"shape": [1, 8.0, 8]},
        {"shape": [1, 10**9, 10**9]},
        {"shape": [2, 8, 8]},
        {"shape": [3, 8, 8]},
        {"levels": "16"},
        {"levels": -1},
        {"levels": True},
        {"levels": [16]},
        {"classes": "0123456789"},
        {"classes": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]},
        {"classes": ["a"]},
        {"classes": None},
        {"columns": "pixel0"},
        {"columns": [1, 2]},
    ],
    ids=str,
)
def test_a_description_that_was_tampered_with(chainrule, trained, tmp_path, changes):
    shutil.copytree(trained("digits"), tmp_path / "run")
    path = tmp_path / "run" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    ended = chainrule("predict run", picture(tmp_path / "0.png", 0))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
