"""`chainrule explain`: what is told of a run, what its page shows, and what is refused."""

import json
import re
import shutil
import webbrowser

import numpy as np
import pytest

from chainrule import nn
from chainrule.data import digits, load
from chainrule.explain import Machine
from chainrule.io import load_model, save_model
from chainrule.train import predict
from chainrule.train.job.outcome import Settings
from chainrule.train.job.parts import split
from cli import material

HOSTILE = "<b>[red]&\x1b[31m"


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    """No machine is measured here."""
    here = Machine(overhead=5e-6, flops=1e11, bandwidth=1e10)
    monkeypatch.setattr(Machine, "here", lambda: here)


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained folder, by name, to change."""

    def copied(name):
        return shutil.copytree(trained(name), tmp_path / "run")

    return copied


def change(folder, **changes):
    """Change a run's description; what becomes `None` is taken out."""
    path = folder / "model.json"
    info = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in info.items() if v is not None}))


def sections(folder):
    page = (folder / "explain.html").read_text(encoding="utf-8")
    return re.findall(r'<section id="([\w-]+)"', page)


def unchanged(folder):
    """The bytes of every file of a run but its page."""
    return {
        file.name: file.read_bytes() for file in folder.iterdir() if file.name != "explain.html"
    }


# --- what is told -------------------------------------------------------------------------------


def test_images(chainrule, run):
    folder = run("digits")
    before = unchanged(folder)
    ended = chainrule("explain", folder)
    assert (ended.code, ended.err) == (0, "")
    assert unchanged(folder) == before
    assert "trained on digits" in ended.out
    assert "2,410 parameters, from images of 1 x 8 x 8 to 10 classes (0, 1, 2," in ended.out
    assert re.search(r"^  \d \(Linear\) .*\(64, 32\) +2,080 ", ended.out, re.MULTILINE)
    assert re.search(r"^ +dW₂ = dZ₂ᵀ A₁ / m +\(10, 32\)$", ended.out, re.MULTILINE)
    assert "<math" in (folder / "explain.html").read_text(encoding="utf-8")
    assert re.search(r"^a step .+, an epoch .+, all .+; bound by ", ended.out, re.MULTILINE)
    model, info = load_model(folder)
    settings = Settings(seed=info["settings"]["seed"])
    _, _, test = split(digits(), settings)
    right = np.mean(predict(model, test.x).argmax(axis=1) == test.y)
    assert f"Of {len(test)} test examples {100 * right:.1f} % right" in ended.out
    assert f"test accuracy {100 * right:.1f} %, best epoch" in ended.out
    assert 100 * right == pytest.approx(100 * info["test"]["accuracy"])
    assert re.search(r"^\d taken for \d: \d+ of \d+$", ended.out, re.MULTILINE)
    assert re.search(r"^row \d+: said \d, was \d, \d+ % sure$", ended.out, re.MULTILINE)
    assert ended.out.splitlines()[-1] == f"with pictures: {folder / 'explain.html'}"
    shown = sections(folder)
    assert shown[:3] == ["summary", "equations", "prediction"]
    for name in ("curves", "confusion", "mistakes", "layers", "looks-at", "plane", "data"):
        assert name in shown


def test_a_table(chainrule, run):
    folder = run("pets")
    ended = chainrule("explain", folder)
    assert ended.code == 0
    assert "to 3 classes (cat, dog, hen)" in ended.out
    told = re.findall(r"^(\w+) moves the output by", ended.out, re.MULTILINE)
    assert told == ["weight", "age"]  # the weight tells the kinds apart, the age is drawn
    assert "columns" in sections(folder)


def test_numbers(chainrule, run):
    folder = run("prices")
    ended = chainrule("explain", folder)
    assert ended.code == 0
    assert "from rows of 2 numbers to a number" in ended.out
    assert "test mae" in ended.out
    assert re.search(r"^row \d+: said -?\d+.*: rooms \d, age [\d.]+$", ended.out, re.MULTILINE)
    assert {"scatter", "columns"} <= set(sections(folder))


def test_it_is_the_same_again(chainrule, run):
    folder = run("pets")
    first = chainrule("explain", folder).out
    page = (folder / "explain.html").read_bytes()
    assert chainrule("explain", folder).out == first
    assert (folder / "explain.html").read_bytes() == page


def test_the_page_is_opened_if_asked(chainrule, run, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    folder = run("pets")
    assert chainrule("explain", folder).code == 0
    assert opened == []
    assert chainrule("explain --page", folder).code == 0
    assert opened == [(folder / "explain.html").as_uri()]


# --- data that are elsewhere, or gone -----------------------------------------------------------


def test_without_its_data_the_rest_is_told(chainrule, run):
    folder = run("pets")
    change(folder, source="gone.csv")
    ended = chainrule("explain", folder)
    assert (ended.code, ended.err) == (0, "")
    told = [line for line in ended.out.splitlines() if line.startswith("told without its data: ")]
    assert len(told) == 1
    assert "'gone.csv' is neither a file" in told[0]
    assert "test accuracy" in ended.out
    assert "taken for" not in ended.out
    assert sections(folder) == ["summary", "equations", "prediction", "curves", "repeat"]


def test_the_data_may_be_elsewhere_by_now(chainrule, run, tmp_path):
    folder = run("pets")
    usual = chainrule("explain", folder)
    moved = material.pets(tmp_path / "moved.csv")
    change(folder, source="gone.csv")
    ended = chainrule("explain", folder, "--data", moved)
    assert ended.out == usual.out


def test_runs_that_do_not_note_where_their_data_came_from(chainrule, run):
    folder = run("digits")
    change(folder, source=None)
    assert "test examples" in chainrule("explain", folder).out
    change(folder, data=None)
    assert "does not say what it was trained on; name it by --data" in (
        chainrule("explain", folder).out
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("moons", "moons has examples of shape 2, the model was trained on 1, 8, 8"),
        ("nothing", "is neither a file or folder nor one of the data sets"),
    ],
)
def test_data_that_were_named_must_be_those_of_the_run(chainrule, run, data, why):
    ended = chainrule("explain", run("digits"), "--data", data)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: --data {data}: ")
    assert why in ended.err
    assert ended.err.count("\n") == 1


def test_a_folder_of_data_that_was_named_must_have_them(chainrule, run):
    ended = chainrule("explain --data-dir here", run("digits"))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: --data-dir here: data_dir does not apply to 'digits'")


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        (("cat", "dog", "cow"), "the classes cat, cow, dog,"),
        (("cat", "dog"), "the classes cat, dog,"),
    ],
)
def test_data_that_have_changed_are_not_taken_for_those_of_the_run(
    chainrule, run, tmp_path, classes, why
):
    folder = run("pets")
    if len(classes) == 3:
        material.pets(tmp_path / "other.csv", classes=classes)
    else:
        lines = material.pets(tmp_path / "other.csv").read_text().splitlines()
        kept = "\n".join(line for line in lines if "hen" not in line)
        (tmp_path / "other.csv").write_text(kept + "\n")
    change(folder, source=str(tmp_path / "other.csv"))
    ended = chainrule("explain", folder)
    assert ended.code == 0
    assert why in ended.out
    assert "not the data that it has seen" in ended.out


def test_images_of_a_folder_are_read_as_they_were(chainrule, tmp_path):
    pytest.importorskip("PIL.Image")
    material.shapes(tmp_path / "shapes", "RGB")
    line = "train shapes --model linear --epochs 20 --lr 0.05 --batch-size 8 --out run"
    assert chainrule(line + " --image-size 6 --grey").code == 0
    ended = chainrule("explain run")
    assert "images of 1 x 6 x 6 to 2 classes (bright, dark)" in ended.out
    assert "test examples" in ended.out
    _, info = load_model("run")
    assert load("shapes", size=info["image_size"], grey=info["grey"]).x.shape[1:] == (1, 6, 6)


# --- folders that are none, or damaged ----------------------------------------------------------


def refused(ended):
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    return ended.err


def test_what_is_no_run(chainrule, tmp_path):
    assert "give the folder that chainrule train wrote" in refused(chainrule("explain nowhere"))
    (tmp_path / "empty").mkdir()
    refused(chainrule("explain empty"))
    (tmp_path / "file").write_text("a model")
    refused(chainrule("explain file"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.json", "{"),
        ("model.json", "[]"),
        ("model.safetensors", "\0\0"),
        ("metrics.jsonl", "{"),
        ("metrics.jsonl", "[1]"),
        ("metrics.jsonl", '{"epoch": 1, "loss": "low"}'),
    ],
)
def test_damaged_files(chainrule, run, name, content):
    folder = run("digits")
    (folder / name).write_text(content)
    assert name in refused(chainrule("explain", folder))
    assert not (folder / "explain.html").exists()


def test_figures_that_are_missing_or_not_finite(chainrule, run):
    folder = run("pets")
    rows = (folder / "metrics.jsonl").read_text().splitlines()
    (folder / "metrics.jsonl").write_text("\n".join([*rows[:2], '{"epoch": 3, "loss": null}']))
    assert chainrule("explain", folder).code == 0
    (folder / "metrics.jsonl").unlink()
    assert chainrule("explain", folder).code == 0
    assert "curves" not in sections(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": None},
        {"settings": [1]},
        {"settings": {"seed": "0"}},
        {"settings": {"seed": -1}},
        {"settings": {"seed": True}},
        {"settings": {"batch_size": 2.5}},
        {"settings": {"epochs": 0}},
        {"settings": {"hidden": [0]}},
        {"settings": {"hidden": "128"}},
        {"settings": {"test": float("inf")}},
        {"settings": {"model": 7}},
        {"settings": {"validation": 1.0}},
        {"settings": {"label_smoothing": 9}},
        {"shape": [8, 8]},
        {"shape": [1, 8, 9]},
        {"classes": ["a"]},
        {"classes": None},
    ],
    ids=str,
)
def test_descriptions_that_were_tampered_with(chainrule, run, changes):
    folder = run("digits")
    change(folder, **changes)
    refused(chainrule("explain", folder))


def test_a_chapter_that_cannot_be_written_says_why(chainrule, run):
    folder = run("digits")
    change(folder, settings={"optimizer": "magic"})
    ended = chainrule("explain", folder)
    assert (ended.code, ended.err) == (0, "")
    assert "left out: there is no optimizer 'magic'" in ended.out
    assert "left out: there is no optimizer" in (folder / "explain.html").read_text()
    assert "test examples" in ended.out


def test_descriptions_of_earlier_versions_know_fewer_settings(chainrule, run):
    folder = run("digits")
    settings = json.loads((folder / "model.json").read_text())["settings"]
    change(folder, settings={k: settings[k] for k in ("seed", "test", "validation")})
    assert "test examples" in chainrule("explain", folder).out


def test_words_from_outside_are_shown_as_they_are(chainrule, tmp_path):
    info = {
        "data": HOSTILE,
        "source": HOSTILE,
        "classes": [HOSTILE, "b"],
        "shape": [1],
        "columns": [HOSTILE],
        "test": {HOSTILE: 1},
        "settings": {"model": HOSTILE},
    }
    save_model(tmp_path / "run", nn.Sequential(nn.Linear(1, 2)), info)
    ended = chainrule("explain run")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "<b>[red]&" in ended.out
    page = (tmp_path / "run" / "explain.html").read_text(encoding="utf-8")
    assert "<b>[red]" not in page
    assert "&lt;b&gt;[red]&amp;" in page
