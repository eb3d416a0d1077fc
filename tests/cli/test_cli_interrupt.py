"""Ctrl-C: training ends at once and in order, with the best model so far, a report, and 130."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from chainrule.io import load_model
from chainrule.train.callbacks.progress import Progress
from chainrule.train.job import job

LINE = "train moons --model mlp --hidden 8 --batch-size 120 --epochs 5 --out out"  # 6 steps each


# A shell lets what it starts in the background ignore Ctrl-C, and this may run there.
PROGRAM = """
import signal, chainrule.cli
signal.signal(signal.SIGINT, signal.default_int_handler)
chainrule.cli.main()
"""


@pytest.fixture
def interrupted(monkeypatch):
    """Let a person press Ctrl-C at a given step."""

    def at(step):
        def on_step_end(self, run):
            if run.step == step:
                raise KeyboardInterrupt

        monkeypatch.setattr(Progress, "on_step_end", on_step_end)

    return at


def is_whole(folder, epochs):
    assert {path.name for path in folder.iterdir()} == {
        *("job.json", "metrics.jsonl", "model.json", "model.safetensors", "report.html")
    }
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, epochs + 1))
    assert (folder / "report.html").read_text().endswith("</html>\n")
    model, info = load_model(folder)
    assert np.isfinite(model(np.zeros((1, 2), np.float32)).detach()).all()
    return info


def test_in_the_middle(chainrule, tmp_path, interrupted):
    interrupted(at_step := 6 * 3 + 2)
    assert at_step % 6
    ended = chainrule(LINE)
    assert (ended.code, ended.err) == (130, "")
    info = is_whole(tmp_path / "out", epochs=3)
    told = re.search(
        r"stopped in epoch 4; keeping the best weights so far, those of epoch (\d)\n"
        r"trained in \d\.\d s\nto compare: .*\n"
        r"test accuracy \d+\.\d %\nmodel, figures and report: out\n"
        r"to go on: chainrule train --resume out\n$",
        ended.out,
    )
    assert int(told[1]) == info["best_epoch"]


def test_in_the_first_epoch(chainrule, tmp_path, interrupted):
    interrupted(4)
    ended = chainrule(LINE)
    assert (ended.code, ended.err) == (130, "")
    assert "stopped in epoch 1; keeping the weights as they are\n" in ended.out
    assert is_whole(tmp_path / "out", epochs=0)["best_epoch"] is None


def test_while_it_is_being_saved(chainrule, tmp_path, monkeypatch):
    """Before the model is whole there is nothing to keep."""

    def pressed(*_):
        (tmp_path / "runs" / "moons-1" / "model.safetensors").write_bytes(b"")
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "save_model", pressed)
    ended = chainrule(LINE.replace("--out out", ""))
    assert (ended.code, ended.err.strip()) == (130, "")
    assert not list(tmp_path.iterdir())


def test_while_the_data_are_read(chainrule, tmp_path, monkeypatch):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.cli.loading.load", pressed)
    ended = chainrule(LINE)
    assert (ended.code, ended.out) == (130, "")
    assert not list(tmp_path.iterdir())


def test_what_was_learned_before_is_what_is_kept(chainrule, tmp_path, interrupted):
    """The weights are those of an uninterrupted run at the same epoch."""
    interrupted(6 * 3 + 2)
    chainrule(LINE + " --schedule constant")
    best = json.loads((tmp_path / "out" / "model.json").read_text())["best_epoch"]
    interrupted(-1)
    chainrule(LINE.replace("out out", "out again") + f" --schedule constant --epochs {best}")
    first, again = (tmp_path / name / "model.safetensors" for name in ("out", "again"))
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_signal_to_a_process(tmp_path):
    line = "train moons --model mlp --epochs 5000 --out out"
    started = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *line.split()],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    figures = tmp_path / "out" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and started.poll() is None:
        if figures.exists() and figures.read_text().count("\n") >= 3:
            break
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (130, "")
    assert "keeping the best weights so far" in out
    assert f"chainrule {line}" in (tmp_path / "out" / "report.html").read_text()
    is_whole(tmp_path / "out", epochs=len(figures.read_text().splitlines()))
