"""`chainrule train --resume`: runs that were killed or stopped end as if they had not been."""

import json
import random
import shutil
import sys

import pytest

import kills
from chainrule.train import Checkpoint
from chainrule.train.callbacks.progress import Progress
from chainrule.train.checkpointing import store
from cli import material

LINE = "train moons --model mlp --hidden 8 --dropout 0.2 --batch-size 120 --epochs 6 --checkpoint 0"


class Killed(BaseException):
    """As if the process were no more."""


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def killed(monkeypatch, chainrule, capsys):
    """Start a run that is killed after so many steps: nothing is tidied up then."""

    def at(line, step, stop=Killed):
        def on_step_end(self, run):
            if run.step >= step:
                raise stop

        with monkeypatch.context() as patch:
            patch.setattr(Progress, "on_step_end", on_step_end)
            patch.setattr("chainrule.train.job.folder._put_back", lambda *_: None)
            if stop is KeyboardInterrupt:
                return chainrule(line)
            with pytest.raises(Killed):
                chainrule(line)
        capsys.readouterr()
        return None

    return at


def is_the_same(tmp_path, one="out", other="whole"):
    assert kills.compared(tmp_path / one, tmp_path / other) == []


@pytest.mark.parametrize("step", [1, 2, 7, 13, 20, 36])
def test_a_run_that_was_killed(chainrule, tmp_path, killed, step):
    chainrule(LINE + " --out whole")
    killed(LINE + " --out out", step)
    assert (tmp_path / "out" / "job.json").exists()
    ended = chainrule("train --resume out")
    assert (ended.code, ended.err) == (0, "")
    assert ("resumed from step-" in ended.out) == (step > 1)
    is_the_same(tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        "--engine layers --dropout 0.2",
        "--patience 1 --lr 0.3 --epochs 12",
        "--ema 0.9 --warmup 0.1 --schedule cosine",
        "--accumulate 2 --max-grad-norm 0.5 --metric f1_macro --monitor f1_macro",
        "--optimizer adamw --weight-decay 0.1 --validation 0",
    ],
)
def test_runs_of_many_kinds(chainrule, tmp_path, killed, more):
    line = f"{LINE} {more}"
    chainrule(line + " --out whole")
    killed(line + " --out out", 9)
    killed("train --resume out", 16)
    assert chainrule("train --resume out").code == 0
    is_the_same(tmp_path)


def test_images_changed_at_random(chainrule, tmp_path, killed):
    pytest.importorskip("PIL", reason="reads image files")
    material.shapes(tmp_path / "shapes", each=30)
    line = "train shapes --model cnn --hidden 8 --batch-size 16 --epochs 4 --checkpoint 0"
    line += " --augment shift,flip"
    chainrule(line + " --out whole")
    killed(line + " --out out", 5)
    chainrule("train --resume out")
    is_the_same(tmp_path)


def test_ctrl_c(chainrule, tmp_path, killed):
    """It ends in order, with the best model so far; and goes on all the same."""
    chainrule(LINE + " --out whole")
    ended = killed(LINE + " --out out", 20, KeyboardInterrupt)
    assert ended.code == 130
    assert ended.out.endswith("to go on: chainrule train --resume out\n")
    assert json.loads((tmp_path / "out" / "job.json").read_text())["state"] == "interrupted"
    chainrule("train --resume out")
    is_the_same(tmp_path)


def test_stopped_before_anything_was_saved(chainrule, tmp_path, killed):
    line = LINE.replace("--checkpoint 0", "--checkpoint 1000")
    chainrule(line + " --out whole")
    killed(line + " --out out", 20, KeyboardInterrupt)
    assert not (tmp_path / "out" / "checkpoints").exists()
    assert chainrule("train --resume out").code == 0
    is_the_same(tmp_path)


def test_a_table_that_is_elsewhere(chainrule, tmp_path, killed, monkeypatch):
    material.pets(tmp_path / "pets.csv")
    line = "train pets.csv --target kind --epochs 4 --batch-size 16 --checkpoint 0"
    chainrule(line + " --out whole")
    killed(line + " --out out", 9)
    shutil.copytree("out", "again")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert chainrule("train --resume ../out").code == 0  # where the run was begun
    is_the_same(tmp_path)
    (tmp_path / "pets.csv").rename(tmp_path / "elsewhere" / "moved.csv")
    refused = chainrule("train --resume ../again")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "'pets.csv' is neither a file or folder" in refused.err


# --- what is refused ----------------------------------------------------------------------------


def test_data_that_have_changed(chainrule, tmp_path, killed):
    table = material.pets(tmp_path / "pets.csv")
    killed("train pets.csv --epochs 4 --batch-size 16 --checkpoint 0 --out out", 9)
    table.write_text(table.read_text().replace('"hen"', '"cat"', 1))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    refused = chainrule("train --resume out")
    assert refused.code == 2
    assert refused.err == (
        "error: pets.csv is not what out was trained on: the data have changed since; bring them "
        "back to what they were, or train anew\n"
    )
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before


@pytest.mark.parametrize(
    "option",
    [
        *("--epochs 9", "--lr 0.1", "--hidden 4", "--seed 3", "--out there", "--overwrite"),
        *("--dry-run", "--no-doctor", "--threads 1", "--target kind"),
    ],
)
def test_options_beside_it(chainrule, tmp_path, killed, option):
    killed(LINE + " --out out", 9)
    refused = chainrule(f"train --resume out {option}")
    name = option.partition(" ")[0].replace("--no-", "--")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"error: {name} cannot be given beside --resume: a run goes on with the options that it "
        "was begun with; leave it out, or train anew\n"
    )


def test_killed_while_it_is_tidied_up(chainrule, tmp_path, monkeypatch):
    clear, model = store.clear, tmp_path / "out" / "model.json"

    def stop(folder, **options):
        if model.exists():
            raise Killed
        clear(folder, **options)

    chainrule(LINE + " --out whole")
    monkeypatch.setattr(store, "clear", stop)
    with pytest.raises(Killed):
        chainrule(LINE + " --out out")
    monkeypatch.setattr(store, "clear", clear)
    assert "out has finished: there is nothing to resume" in chainrule("train --resume out").err
    is_the_same(tmp_path)


def test_a_run_that_has_finished_and_none(chainrule, tmp_path):
    chainrule(LINE + " --out out")
    assert "out has finished: there is nothing to resume" in chainrule("train --resume out").err
    assert "no run that was broken off" in chainrule("train --resume nowhere").err
    assert chainrule("train --resume nowhere").code == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: "{", "job.json is damaged"),
        (lambda said: "[]", "does not describe a job of format 1"),
        (lambda said: json.dumps({**said, "format": 2}), "does not describe a job of format 1"),
        (lambda said: json.dumps({**said, "data": 3}), "does not describe a job of format 1"),
        (lambda said: json.dumps({**said, "settings": {"lr": -1}}), "says lr = -1, which cannot"),
        (lambda said: json.dumps({**said, "threads": 0}), "says threads = 0, which cannot be"),
        (lambda said: json.dumps({**said, "info": {}}), "does not say what it was trained on"),
    ],
    ids=["cut", "a list", "format", "data", "settings", "threads", "info"],
)
def test_a_job_that_is_damaged(chainrule, tmp_path, killed, change, words):
    killed(LINE + " --out out", 9)
    place = tmp_path / "out" / "job.json"
    place.write_text(change(json.loads(place.read_text())))
    refused = chainrule("train --resume out")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert words in refused.err


def test_a_damaged_checkpoint(chainrule, tmp_path, killed):
    chainrule(LINE + " --out whole")
    killed(LINE + " --out out", 15)
    newest = max((tmp_path / "out" / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-3])
    ended = chainrule("train --resume out")
    assert f"the checkpoint {newest.name} is damaged and left out" in ended.out
    is_the_same(tmp_path)


def test_none_that_is_whole(chainrule, tmp_path, killed):
    chainrule(LINE + " --out whole")
    killed(LINE + " --out out", 15)
    for path in (tmp_path / "out" / "checkpoints").iterdir():
        path.write_bytes(b"")
    ended = chainrule("train --resume out")
    assert "there is nothing to resume in out/checkpoints: from the beginning" in ended.out
    is_the_same(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="locks are POSIX's")
def test_another_process_is_at_it(chainrule, tmp_path, killed):
    from chainrule.train.job.folder import held

    killed(LINE + " --out out", 9)
    with held(tmp_path / "out"):
        refused = chainrule("train --resume out")
    assert refused.code == 2
    assert "another process is training into out; wait for its end, or stop it" in refused.err


def test_what_is_under_way_is_not_written_over(chainrule, tmp_path, killed):
    killed(LINE + " --out out", 9)
    refused = chainrule(LINE + " --out out")
    assert "a run that was broken off goes on by --resume out" in refused.err
    chainrule(LINE + " --out whole")
    assert chainrule(LINE + " --out out --overwrite").code == 0
    is_the_same(tmp_path)


def test_an_error_keeps_what_was_saved(chainrule, tmp_path, monkeypatch):
    """And where nothing was, the folder is as it was before."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chainrule.train.callbacks.logs.JsonLines._write", full)
    ended = chainrule(LINE + " --out out")
    assert ended.code == 2
    assert "out/metrics.jsonl cannot be written: No space left on device" in ended.err
    assert "what was saved goes on by: chainrule train --resume out" in ended.err
    assert list((tmp_path / "out" / "checkpoints").iterdir())
    monkeypatch.setattr(Checkpoint, "on_step_end", lambda *_: None)
    ended = chainrule(LINE + " --out new")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert not (tmp_path / "new").exists()


# --- processes that are really killed -----------------------------------------------------------


@pytest.mark.skipif(not hasattr(kills.signal, "SIGKILL"), reason="SIGKILL is POSIX's")
def test_killed_at_random_instants(tmp_path):
    found, _, _ = kills.one_run(tmp_path, "mlp", 1, random.Random(0), 4, more=["--epochs", "150"])
    assert found.differing == []


@pytest.mark.slow
@pytest.mark.parametrize("name", kills.NETWORKS)
def test_killed_fifty_times(tmp_path, name):
    left, rng, seed = 50, random.Random(1), 1
    while left > 0:
        (tmp_path / str(seed)).mkdir()
        found, _, _ = kills.one_run(tmp_path / str(seed), name, seed, rng, left)
        assert found.differing == []
        left, seed = left - len(found.at), seed + 1


def test_a_run_whose_device_is_not_here(chainrule, tmp_path, killed):
    """It says how to go on without, and does."""
    chainrule(LINE + " --out whole")
    killed(LINE + " --out out", 20)
    journal = tmp_path / "out" / "job.json"
    said = journal.read_text(encoding="utf-8")
    journal.write_text(said.replace('"device": "cpu"', '"device": "cuda:99"'), encoding="utf-8")
    ended = chainrule("train --resume out")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: device 'cuda:99' is not available: ")
    assert ended.err.endswith("; --device cpu goes on with the run on the processor\n")
    ended = chainrule("train --resume out --device cpu")
    assert (ended.code, ended.err) == (0, "")
    is_the_same(tmp_path)
