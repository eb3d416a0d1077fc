"""The command line with `--device`: what it says is what it says on the processor."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from chainrule.backend import arrays
from chainrule.cli import main
from chainrule.explain.napkin import Machine
from chainrule.serve import server
from chainrule.train.callbacks.progress import Progress
from chainrule.train.fitting import loop
from chainrule.train.job.predictor import Predictor

TRAIN = "train moons --model mlp --hidden 8 --epochs 3 --seed 1 --no-doctor"


@pytest.fixture
def chainrule(capsys):
    """Call `chainrule` with a command line, in this process; returns what it wrote."""

    def call(line, code=0):
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(line))
        out, err = capsys.readouterr()
        assert ended.value.code == code, err
        return out if code == 0 else err

    return call


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with two runs, trained on the processor, and a table of points."""
    home = tmp_path_factory.mktemp("runs")
    for name, more in (("one", ""), ("two", " --lr 0.05")):
        with redirect_stdout(StringIO()), pytest.raises(SystemExit) as ended:
            main(shlex.split(f"{TRAIN}{more} --out {home / name}"))
        assert ended.value.code == 0
    rows = np.random.default_rng(0).standard_normal((20, 2)).round(3).tolist()
    (home / "points.csv").write_text(
        "x1,x2\n" + "".join(f"{a},{b}\n" for a, b in rows), encoding="utf-8"
    )
    return home


@pytest.fixture
def seen(monkeypatch):
    """On which devices networks have answered for rows."""
    found = set()
    own = loop._outputs

    def outputs(model, batches):
        found.update(str(p.device) for p in model.parameters())
        return own(model, batches)

    monkeypatch.setattr(loop, "_outputs", outputs)
    return found


def figures(folder):
    """The losses of the epochs of a run."""
    rows = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(row)["validation_loss"] for row in rows]


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_train(gpu, device, runs, chainrule, tmp_path, seen):
    chainrule(f"{TRAIN} --out {tmp_path / 'here'}")
    assert seen == {"cpu"}
    chainrule(f"{TRAIN} --device {device} --out {tmp_path / 'there'}")
    assert seen == {"cpu", {"cuda": "cuda:0"}.get(device, device)}
    np.testing.assert_allclose(
        figures(tmp_path / "there"), figures(tmp_path / "here"), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(("begun", "ended"), [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", None)])
def test_train_goes_on_elsewhere(gpu, begun, ended, chainrule, tmp_path, seen, monkeypatch):
    line = TRAIN.replace("--epochs 3", "--epochs 5 --checkpoint 0")
    chainrule(f"{line} --out {tmp_path / 'whole'}")
    seen.clear()
    there = []

    def on_step_end(self, run):
        there.append((run.step, str(next(run.model.parameters()).device)))
        if len(there) == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "on_step_end", on_step_end)
    folder = tmp_path / "run"
    chainrule(f"{line} --device {begun} --out {folder}", code=130)
    beside = "" if ended is None else f" --device {ended}"
    chainrule(f"train --resume {folder}{beside}")
    places = [{"cuda": "cuda:0"}.get(place, place) for place in (begun, ended or begun)]
    before, after = there[:20], there[20:]
    assert before == [(k + 1, places[0]) for k in range(20)]
    first, last = after[0][0], after[-1][0]
    assert 1 < first <= 20, "after what was saved"
    assert after == [(k, places[1]) for k in range(first, last + 1)]
    np.testing.assert_allclose(figures(folder), figures(tmp_path / "whole"), rtol=1e-4, atol=1e-6)


def test_nothing_is_predicted_for_a_gpu(gpu, chainrule, tmp_path, monkeypatch):
    monkeypatch.setattr(Machine, "is_known", lambda: True)
    said = chainrule(f"{TRAIN} --device cuda --dry-run --out {tmp_path / 'out'}", code=2)
    assert re.fullmatch(r"error: what a run takes is predicted for this processor.+\n", said)
    chainrule(f"{TRAIN} --device cuda --out {tmp_path / 'out'}")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert 'id="foreseen"' not in page


def test_tune(gpu, chainrule, tmp_path, seen):
    chainrule(
        f"tune moons --device cuda --trials 2 --epochs 2 --jobs 1 --lr 0.01,0.1 --hidden 4 "
        f"--depth 1 --no-best --out {tmp_path / 'study'}"
    )
    assert seen == {"cuda:0"}


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_predict(gpu, device, runs, chainrule, seen):
    line = f"predict {runs / 'one'} {runs / 'points.csv'} --json"
    here = chainrule(line).splitlines()
    there = chainrule(f"{line} --device {device}").splitlines()
    assert seen == {"cpu", {"cuda": "cuda:0"}.get(device, device)}
    assert len(here) == len(there) == 20
    for one, other in zip(map(json.loads, here), map(json.loads, there)):
        assert (one["input"], one["class"]) == (other["input"], other["class"])
        assert one["probabilities"] == pytest.approx(other["probabilities"], rel=1e-4)


def test_compare(gpu, runs, chainrule, tmp_path, seen):
    line = f"compare {runs / 'one'} {runs / 'two'} --out {tmp_path / 'page.html'}"
    here = chainrule(line)
    assert seen == {"cpu"}
    assert chainrule(f"{line} --device cuda") == here
    assert "cuda:0" in seen


def test_explain(gpu, runs, chainrule, seen):
    line = f"explain {runs / 'one'}"
    here = chainrule(line)
    assert seen == {"cpu"}
    there = chainrule(f"{line} --device cuda")
    assert "cuda:0" in seen
    judged = "Of 200 test examples"
    assert judged in here
    assert here.partition(judged)[2] == there.partition(judged)[2]


def test_serve(gpu, runs, chainrule, monkeypatch, seen):
    pytest.importorskip("uvicorn")
    served = []
    monkeypatch.setattr(server, "serve", lambda predictor, *_, **__: served.append(predictor))
    chainrule(f"serve {runs / 'one'} --device cuda")
    assert seen == {"cuda:0"}
    rows = served[0].from_table(runs / "points.csv").x
    np.testing.assert_allclose(
        served[0].outputs(rows), Predictor.of(str(runs / "one")).outputs(rows), rtol=1e-4
    )


@pytest.mark.parametrize("command", ["train", "tune", "predict", "explain", "compare", "serve"])
def test_a_device_that_is_not_there_is_one_sentence(command, runs, chainrule, tmp_path):
    given = {
        "train": f"moons --out {tmp_path / 'out'}",
        "tune": f"moons --trials 1 --out {tmp_path / 'out'}",
        "predict": f"{runs / 'one'} {runs / 'points.csv'}",
        "compare": f"{runs / 'one'} {runs / 'two'} --out {tmp_path / 'page.html'}",
    }.get(command, str(runs / "one"))
    with arrays.stand_in(None):
        said = chainrule(f"{command} {given} --device cuda", code=2)
    assert re.fullmatch(r"error: device 'cuda' is not available: .+\n", said)
    assert "a device is one of cpu, cuda" in chainrule(f"{command} {given} --device gpu", code=2)
