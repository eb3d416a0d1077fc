"""`chainrule train` with what is measured, averaged, changed and put together on request."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from chainrule.data import digits
from chainrule.errors import OptionError
from chainrule.io import load_model
from chainrule.train import predict
from chainrule.train.job.choices import callbacks_of, fit_options, measured_by
from chainrule.train.job.outcome import Settings
from chainrule.train.job.prepare import prepare
from chainrule.train.job.revisit import visit
from chainrule.train.job.task import task_of
from chainrule.train.metrics.names import metric_of
from cli import material

QUICK = "--epochs 2 --model mlp --hidden 8 --no-doctor"


def rows_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metrics_are_told_kept_and_those_of_the_test(chainrule, tmp_path):
    ended = chainrule(f"train digits {QUICK} --metric f1,roc_auc --out out")
    assert (ended.code, ended.err) == (0, "")
    assert {"f1", "validation_f1", "roc_auc", "validation_roc_auc"} <= rows_of(tmp_path / "out")[
        0
    ].keys()
    model, info = load_model(tmp_path / "out")
    _, test = digits().split(0.2, seed=0)
    outputs = predict(model, test.x)
    for name in ("accuracy", "f1", "roc_auc"):
        assert info["test"][name] == pytest.approx(metric_of(name)(outputs, test.y), rel=1e-6)
    assert f"test f1 {info['test']['f1']:.4g}, test roc_auc" in ended.out
    again = visit(str(tmp_path / "out"))
    assert again.settings.metric == "f1,roc_auc"
    assert again.figures == info["test"]


def test_numbers_have_metrics_of_their_own(chainrule, tmp_path):
    material.prices(tmp_path / "prices.csv")
    ended = chainrule(f"train prices.csv {QUICK} --metric rmse --monitor rmse --out out")
    assert ended.code == 0
    row = rows_of(tmp_path / "out")[0]
    assert row["rmse"] >= row["mae"] > 0
    assert "test rmse" in ended.out


def test_what_is_watched_chooses_the_weights(chainrule, tmp_path):
    ended = chainrule("train digits --model linear --lr 0.5 --epochs 9 --monitor f1 --out out")
    assert ended.code == 0
    rows = rows_of(tmp_path / "out")
    best = int(re.search(r"best weights: those of epoch (\d+)", ended.out)[1])
    values = [row["validation_f1"] for row in rows]
    assert values[best - 1] == max(values)


def test_a_figure_that_is_no_better_ends_the_run(chainrule, tmp_path):
    line = "train moons --model linear --lr 0.1 --epochs 200 --monitor accuracy --patience 3"
    ended = chainrule(f"{line} --no-doctor --out out")
    assert "stopped early: validation_accuracy has not improved for 3 epochs" in ended.out
    assert len(rows_of(tmp_path / "out")) < 200


@pytest.mark.parametrize(
    "choice",
    [
        *("--ema 0.9", "--warmup 0.2", "--warmup 3", "--accumulate 3", "--max-grad-norm 0.5"),
        *("--augment shift,rotate,zoom,flip", "--schedule linear"),
        "--ema 0.99 --accumulate 2 --warmup 0.1 --max-grad-norm 1 --augment shift --monitor f1",
    ],
)
def test_every_choice_trains_and_does_so_again_alike(chainrule, tmp_path, choice):
    for name in ("a", "b"):
        assert chainrule(f"train digits {QUICK} {choice} --out {name}").code == 0
    first, second = ([row["loss"] for row in rows_of(tmp_path / name)] for name in ("a", "b"))
    assert first == second
    assert first[-1] < first[0]
    info = load_model(tmp_path / "a")[1]["settings"]
    option, value = choice.split()[:2]
    kept = info[option.removeprefix("--").replace("-", "_")]
    assert kept == (value if isinstance(kept, str) else float(value))
    assert visit(str(tmp_path / "a")).outcome is not None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--metric acuracy", "did you mean 'accuracy'"),
        ("--metric mae", "mae is no measure of classes, which is what is learned from digits"),
        ("--monitor seconds", "whether a larger 'seconds' is better is not known"),
        ("--monitor mse", "mse is no measure of classes"),
        ("--augment flop", "did you mean 'flip'"),
        ("--ema 1", "--ema"),
        ("--accumulate 0", "--accumulate"),
        ("--warmup -1", "--warmup"),
        ("--warmup 100000", "warmup takes 100000 steps, the whole run has"),
        ("--warmup 5 --schedule onecycle", "onecycle has a way up of its own"),
        ("--engine layers --ema 0.9", "knows no --ema"),
        ("--engine layers --accumulate 2", "knows no --accumulate"),
        ("--engine layers --max-grad-norm 1", "knows no --max-grad-norm"),
    ],
)
def test_what_cannot_be_is_one_sentence(chainrule, tmp_path, options, sentence):
    ended = chainrule(f"train digits --model mlp --epochs 2 {options} --out out")
    assert ended.code == 2
    assert sentence in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert not (tmp_path / "out").exists()


def test_tables_are_not_turned(chainrule, tmp_path):
    material.pets(tmp_path / "pets.csv")
    ended = chainrule(f"train pets.csv {QUICK} --augment flip --out out")
    assert ended.code == 2
    assert "--augment flip is for images, and pets" in ended.err
    ended = chainrule(f"train pets.csv {QUICK} --metric r2 --out out")
    assert "r2 is no measure of classes" in ended.err


def test_epochs_are_enough_for_as_many_steps():
    assert prepare(digits(), Settings(accumulate=4)).settings.epochs == -(-700 // 6)  # of 1,294


def test_settings_come_to_arguments():
    settings = Settings(ema=0.9, patience=2, monitor="validation_f1", metric="roc_auc", epochs=1)
    task = task_of(digits(), 0.0)
    assert [type(one).__name__ for one in callbacks_of(settings)] == [
        *("EMA", "BestWeights", "EarlyStopping")
    ]
    assert list(measured_by(settings, task)) == ["accuracy", "roc_auc", "f1"]
    assert fit_options(Settings(epochs=1), task)["augment"] is None
    with pytest.raises(OptionError, match="--ema is a share from 0 to below 1"):
        prepare(digits(), Settings(ema=1.0))
    with pytest.raises(OptionError, match="--warmup must be at least 0, got nan"):
        prepare(digits(), Settings(warmup=float("nan")))
    assert np.isfinite(digits().x).all()
