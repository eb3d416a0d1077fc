"""`chainrule tune`: a search, its folder, its best as a run, and going on after a break."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

from chainrule.cli.loading import LOADED
from chainrule.cli.main import cli
from chainrule.cli.search_options import SEARCHED
from chainrule.train.job.outcome import Settings
from chainrule.train.job.revisit import visit
from chainrule.train.tuning import space, tune

LINE = "tune moons --epochs 3 --trials 4 --jobs 1 --lr 1e-3..1e-1 --hidden 4,8 --seed 1"


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search that has ended: how it went, and its folder."""
    home = tmp_path_factory.mktemp("searched")
    command = [sys.executable, "-m", "chainrule.cli", *shlex.split(LINE), "--out", str(home / "s")]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=home)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, home / "s"


def trials(folder):
    rows = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    return [{name: row[name] for name in row if name != "seconds"} for row in rows]


def test_it_says_what_it_does_and_finds(searched):
    out, folder = searched
    assert "successive halving over lr, " in out
    assert "4 of 1 epochs, 1 of 3 epochs; 1 at a time" in out
    assert len(re.findall(r"^trial \d, \d epochs?: accuracy", out, re.MULTILINE)) == 5
    assert "best: trial" in out
    assert "test accuracy" in out
    assert sorted(path.name for path in folder.iterdir()) == [
        "best",
        "study.json",
        "trials.jsonl",
        "tune.html",
    ]


def test_the_best_is_a_run_like_any(searched, chainrule):
    out, folder = searched
    assert "model.safetensors" in [path.name for path in (folder / "best").iterdir()]
    assert visit(str(folder / "best")).outcome is not None
    told = re.search(r"the same by: chainrule (.*)", out)[1]
    again = chainrule(f"{told} --out again")
    assert again.code == 0
    figure = re.compile(r"test accuracy ([\d.]+) %")
    assert figure.search(again.out)[1] == figure.search(out)[1]


def test_an_ensemble_is_a_model_like_any(searched, tmp_path, chainrule):
    _, folder = searched
    begun = shutil.copytree(folder, tmp_path / "begun", ignore=lambda *_: ["best"])
    ended = chainrule("tune --jobs 1 --ensemble 2 --resume", begun)
    assert ended.code == 0, ended.err
    assert "5 are recorded, and are not run again" in ended.out
    assert "training the best 2 once more" in ended.out
    assert len(re.findall(r"^trial \d: trained in", ended.out, re.MULTILINE)) == 2
    assert len(re.findall(r"^trial \d: test accuracy [\d.]+ %$", ended.out, re.MULTILINE)) == 2
    told = re.search(r"^all 2 together: test accuracy ([\d.]+) %$", ended.out, re.MULTILINE)[1]
    assert not (begun / "best").exists()
    page = (begun / "tune.html").read_text()
    assert f"<dt>all 2 together</dt><dd>test accuracy {told} %</dd>" in page
    assert f"{100 * visit(str(begun / 'ensemble')).outcome.figures['accuracy']:.1f}" == told
    (tmp_path / "rows.csv").write_text("x1,x2\n0.5,0.25\n")
    said = chainrule("predict", begun / "ensemble", "rows.csv")
    assert said.code == 0, said.err
    again = chainrule("tune --jobs 1 --ensemble 2 --resume", begun)
    assert "2 of them are there already" in again.out
    assert "trained in" not in again.out


def test_the_page_is_whole(searched):
    _, folder = searched
    page = (folder / "tune.html").read_text()
    assert page.startswith("<!doctype html>")
    assert re.findall(r'<section id="(\w+)"', page) == [
        "best",
        "course",
        "settings",
        "trials",
        "repeat",
    ]


def test_the_same_command_again_runs_nothing_again(searched, chainrule):
    _, folder = searched
    before = (folder / "trials.jsonl").read_bytes()
    ended = chainrule(LINE, "--out", folder)
    assert ended.code == 0
    assert "5 are recorded, and are not run again" in ended.out
    assert "its run is there already" in ended.out
    assert (folder / "trials.jsonl").read_bytes() == before


def test_a_search_goes_on_by_its_folder(searched, tmp_path, chainrule):
    _, folder = searched
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "study.json").write_bytes((folder / "study.json").read_bytes())
    whole = (folder / "trials.jsonl").read_bytes()
    (begun / "trials.jsonl").write_bytes(whole[: 2 * len(whole) // 3])
    ended = chainrule("tune --no-best --jobs 1 --resume", begun)
    assert ended.code == 0, ended.err
    assert "was cut off" in ended.out
    assert not (begun / "best").exists()
    assert trials(begun) == trials(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal as Ctrl-C does")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_is_done(tmp_path, jobs):
    if tune.cores() < jobs:
        pytest.skip("needs two cores")
    line = f"tune moons --epochs 40 --trials 400 --method random --jobs {jobs} --out s"
    command = [sys.executable, "-u", "-m", "chainrule.cli", *shlex.split(line)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while "trial" not in (line := process.stdout.readline()) or line.startswith("400"):
            assert line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "are recorded, and the same command goes on" in out
    assert err == ""
    assert 0 < len(trials(tmp_path / "s")) < 400


def test_a_space_from_a_file(tmp_path, chainrule):
    (tmp_path / "space.json").write_text('{"lr": "1e-3..1e-1", "hidden": [4, [8, 4]]}')
    ended = chainrule(
        "tune moons --epochs 2 --trials 3 --jobs 1 --no-best --method random --space space.json"
    )
    assert ended.code == 0, ended.err
    assert "random search over lr, hidden" in ended.out
    values = [row["values"] for row in trials(tmp_path / "runs" / "moons-tune")]
    assert all(value["hidden"] in (4, [8, 4]) for value in values)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("moons --method best", "there is no method 'best'"),
        ("moons --lr fast", "the space says lr = 'fast'"),
        ("moons --space nowhere.json", "nowhere.json"),
        ("moons --space broken.json", "is no JSON"),
        ("moons --space odd.json", "not searched"),
        ("moons --jobs 4000", "need 4000 cores"),
        ("moons --ensemble 1", "1 is not in the range x>=2"),
        ("moons --resume nowhere", "leave out data"),
        ("--resume nowhere", "no folder of a study"),
        ("--resume nowhere --trials 3", "leave out trials"),
        ("moons --out taken", "something else"),
        ("moons --model linear --depth 1..3", "no depth to search"),
        ("moons --validation 0", "0<x<1"),
        ("nosuch", "neither a file"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, chainrule, line, said):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "odd.json").write_text('{"speed": 3}')
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    ended = chainrule(f"tune {line}")
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1 or "Usage" in ended.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_study_that_names_itself_is_refused(tmp_path, chainrule):
    about = {"arguments": ["moons", "--resume", "s"]}
    (tmp_path / "study.json").write_text(json.dumps(about))
    ended = chainrule("tune --resume", tmp_path)
    assert ended.code == 2
    assert "does not say by which command line" in ended.err


def test_every_option_is_used():
    own = {"data", "method", "trials", "jobs", "space", "resume", "best", "ensemble", "out"}
    fields = {field.name for field in dataclasses.fields(Settings)}
    known = own | fields | set(LOADED) | set(SEARCHED)
    assert {parameter.name for parameter in cli.commands["tune"].params} <= known
    assert tuple(SEARCHED) == space.SEARCHED


def test_a_command_that_no_longer_holds_is_refused(searched, tmp_path, chainrule):
    _, folder = searched
    ended = chainrule(LINE.replace("--trials 4", "--trials 5"), "--out", folder)
    assert ended.code == 2
    assert "holds a study with another trials" in ended.err
    assert os.listdir(tmp_path) == []
