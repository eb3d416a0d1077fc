"""`chainrule tune` on several ranks: what one process finds, and what is wrong told in a line."""

import json
import sys

import pytest

from chainrule.cli.main import main
from distributed.launching import Run, needs_mpi

pytestmark = needs_mpi

COMMAND = ["-m", "chainrule.cli", "tune", "table.csv", "--epochs", "3", "--trials", "5"]
SPACE = ["--lr", "1e-3..1e-1", "--hidden", "4,8x4", "--optimizer", "adam,sgd", "--no-best"]
TUNE = [*COMMAND, *SPACE, "--out", "study"]


def table(folder, bent=0.0):
    rows = [f"{i % 7},{(i * i) % 11 + bent},{'ab'[i % 7 > 3]}" for i in range(60)]
    (folder / "table.csv").write_text("x,y,kind\n" + "\n".join(rows) + "\n")
    return folder


def recorded(folder):
    """What is recorded, without what the clock says."""
    found = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    for row in found:
        del row["seconds"]
    return sorted(found, key=lambda row: (row["rung"], row["number"]))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = table(tmp_path_factory.mktemp("alone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main([*TUNE[2:], "--jobs", "1"])
    assert ended.value.code == 0
    return recorded(folder / "study")


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_find_what_one_process_finds(ranks, alone, tmp_path):
    ended = Run(TUNE, ranks, folder=table(tmp_path)).wait()
    assert (ended.code, ended.complained) == (0, "")
    assert recorded(tmp_path / "study") == alone
    assert ended.said.count("best: trial") == 1
    assert f"{ranks - 1} at a time" in ended.said


def models(folder):
    """The files of the members and of the ensemble."""
    places = [*(folder / "members").rglob("*.*"), *(folder / "ensemble").rglob("*.*")]
    return {path.relative_to(folder): path.read_bytes() for path in places}


def test_ranks_make_the_ensemble_that_one_process_makes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    more = ["--ensemble", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(table(one))
        with pytest.raises(SystemExit) as ended:
            main([*TUNE[2:], *more, "--jobs", "1"])
    assert ended.value.code == 0
    shared = Run([*TUNE, *more], 3, folder=table(two)).wait()
    assert (shared.code, shared.complained) == (0, "")
    assert shared.said.count("all 2 together: test accuracy") == 1
    found = models(one / "study")
    assert len(found) == 6
    assert models(two / "study") == found


def test_a_training_that_fails_is_told(tmp_path):
    (tmp_path / "table.csv").write_text("x,y\n" + "\n".join(f"{i},{3.5 * i}" for i in range(40)))
    space = {"lr": [0.01, 1e6], "optimizer": ["sgd"], "schedule": ["constant"]}
    (tmp_path / "space.json").write_text(json.dumps(space))
    ended = Run(
        [*COMMAND, "--space", "space.json", "--method", "grid", "--out", "study", "--no-best"],
        2,
        folder=tmp_path,
    ).wait()
    assert ended.code == 0, ended.complained
    sound, failed = recorded(tmp_path / "study")
    assert (sound["error"], failed["values"]) == ("", {"lr": 1e6})
    assert failed["error"].startswith("the loss became")
    assert failed["error"] in ended.said


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ("nothing", "error: rank 1 has failed: 'table.csv' is neither a file or folder"),
        ("others", "error: rank 1 has read other examples than rank 0"),
    ],
)
def test_a_rank_without_the_same_data_ends_all_with_a_sentence(there, sentence, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    table(first)
    if there == "others":
        table(second, bent=1.5)
    flags = ("-n", "1", "-wdir", str(first), sys.executable, *TUNE, ":", "-wdir", str(second))
    ended = Run(TUNE, 1, flags).wait()
    assert ended.code != 0
    assert ended.complained.count("error:") == 1
    assert sentence in ended.complained


def test_what_the_first_rank_cannot_do_ends_all(tmp_path):
    folder = table(tmp_path)
    (folder / "study").mkdir()
    (folder / "study" / "letter.txt").write_text("dear")
    ended = Run(TUNE, 3, folder=folder).wait()
    assert ended.code != 0
    assert ended.complained.count("has something else in it") == 1


def test_the_launcher_says_how_many(tmp_path):
    ended = Run([*TUNE, "--jobs", "2"], 2, folder=table(tmp_path)).wait()
    assert ended.code != 0
    assert "leave out --jobs" in ended.complained
