"""`chainrule train` on several ranks: one voice, and what one process leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
import time

import numpy as np
import pytest

from chainrule.cli.main import main
from chainrule.io import load_model
from distributed.launching import Run, needs_mpi

pytestmark = needs_mpi

JOB = ["train", "digits", "--model", "mlp", "--hidden", "16", "--epochs", "3", "--seed", "1"]


def on_ranks(n, folder, *more):
    return Run(["-m", "chainrule.cli", *JOB, *more], n, folder=folder).wait(120)


def figures(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    clock = ("seconds", "examples_per_second")
    return [{name: row[name] for name in row if name not in clock} for row in rows]


def test_a_network_trained_on_two_ranks(tmp_path, monkeypatch, capsys):
    ended = on_ranks(2, tmp_path, "--out", "two")
    assert (ended.code, ended.complained) == (0, "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as alone:
        main([*JOB, "--out", "one"])
    assert alone.value.code == 0
    said = capsys.readouterr().out
    assert ended.said.count("2 ranks, one thread each") == 1
    assert ended.said.count("epoch 3/3") == 1
    accuracy = [line for line in said.splitlines() if "test accuracy" in line]
    assert [line for line in ended.said.splitlines() if "test accuracy" in line] == accuracy
    names = [sorted(path.name for path in (tmp_path / n).iterdir()) for n in ("one", "two")]
    assert names[0] == names[1]
    one, two = figures(tmp_path / "one"), figures(tmp_path / "two")
    assert len(one) == len(two) == 3
    for row, theirs in zip(two, one):
        assert list(row) == list(theirs)
        np.testing.assert_allclose(list(row.values()), list(theirs.values()), rtol=1e-5)
    models = [load_model(tmp_path / n).model for n in ("one", "two")]
    assert list(models[0].state_dict()) == list(models[1].state_dict())


def trained_alone(capsys, *more):
    """Run `chainrule train` in this process, and return what it said."""
    with pytest.raises(SystemExit) as alone:
        main(["train", *more])
    assert alone.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_sharded_optimizer_gives_the_same_and_is_gone_on_from_by_one(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    job = ["digits", "--model", "mlp", "--hidden", "16", "--epochs", "20", "--no-doctor"]
    run = Run(
        ["-m", "chainrule.cli", "train", *job, "--shard-optimizer", "--checkpoint", "0"]
        + ["--out", "two"],
        2,
        folder=tmp_path,
    )
    while not list((tmp_path / "two").glob("checkpoints/step-*")) and run.process.poll() is None:
        time.sleep(0.01)
    assert run.process.poll() is None, run.wait()
    ended = killed(run, tmp_path / "two")
    assert "2 ranks, one thread each, and a share of the optimizer's state" in ended.said
    said = trained_alone(capsys, "--resume", "two")
    assert (
        "--shard-optimizer is for several ranks; this one process keeps all of the optimizer's"
        in said
    )
    assert "resumed from step-" in said
    trained_alone(capsys, *job, "--out", "one")
    one, two = figures(tmp_path / "one"), figures(tmp_path / "two")
    assert len(one) == len(two) == 20
    for row, theirs in zip(two, one):
        np.testing.assert_allclose(row["loss"], theirs["loss"], rtol=1e-3)


def killed(run, folder):
    """What a run whose launcher is killed leaves, when its ranks have let go of their folder."""
    run.process.kill()
    ended = run.wait(60)
    place = os.open(folder, os.O_RDONLY)
    fcntl.flock(place, fcntl.LOCK_EX)
    os.close(place)
    return ended


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ("--engine", "layers", "--out", "new"),
            "error: --engine layers trains in one process; start it without mpiexec, or use "
            "--engine tensor\n",
        ),
        (
            ("--out", "full"),
            "error: --out full is not empty; choose another, or pass --overwrite\n",
        ),
    ],
)
def test_what_is_refused_is_said_once(more, sentence, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    ended = on_ranks(2, tmp_path, *more)
    assert ended.code == 2
    assert ended.complained == sentence
    assert not (tmp_path / "new").exists()
