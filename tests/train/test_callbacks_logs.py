"""Figures written as they come: CSV, and what TensorBoard reads."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import OptionError
from chainrule.train import Callback, CsvLog, History, JsonLines, TensorBoard, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def trained(*callbacks, **options):
    kept = {"epochs": 3, "batch_size": 10, "progress": False}
    return fit(nn.Linear(2, 2), (X, Y), callbacks=callbacks, **{**kept, **options})


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_a_line_for_each_epoch(tmp_path):
    history = trained(CsvLog(tmp_path / "x.csv"), validation=(X, Y), metrics=["f1", "roc_auc"])
    assert rows_of(tmp_path / "x.csv") == history.rows
    first = (tmp_path / "x.csv").read_bytes().split(b"\n")[0]
    assert first.startswith(b"epoch,loss,f1,roc_auc,validation_loss,validation_f1")


def test_the_lines_are_there_as_they_come(tmp_path):
    counts = []

    class Reader(Callback):
        def on_epoch_end(self, run):
            counts.append(len(rows_of(tmp_path / "x.csv")))

    trained(CsvLog(tmp_path / "x.csv"), Reader())
    assert counts == [1, 2, 3]


def test_names_with_commas_and_what_is_no_number(tmp_path):
    def odd(outputs, targets):
        return math.nan

    trained(CsvLog(str(tmp_path / "x.csv")), metrics={'a, "b"': odd, "ü": odd}, epochs=1)
    row = rows_of(tmp_path / "x.csv")[0]
    assert math.isnan(row['a, "b"'])
    assert math.isnan(row["ü"])


@pytest.mark.parametrize("kind", [CsvLog, JsonLines])
def test_a_file_begins_with_what_the_run_brings(tmp_path, kind):
    """As a run that is resumed does."""
    path, history = tmp_path / "x", History()
    trained(kind(path), history=history, epochs=2)
    trained(kind(path), history=history, epochs=1)
    lines = path.read_text().splitlines()
    assert len(lines) == 3 + (kind is CsvLog)
    if kind is CsvLog:
        assert rows_of(path) == history.rows
    else:
        assert [json.loads(line) for line in lines] == history.rows


def events(folder):
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="what was written is read by TensorBoard, which is not installed",
    )
    found = reader.EventAccumulator(str(folder), {reader.HISTOGRAMS: 0, reader.SCALARS: 0})
    found.Reload()
    return found


def test_tensorboard_reads_the_figures(tmp_path):
    history = trained(
        TensorBoard(tmp_path / "board"), validation=(X, Y), metrics=["accuracy", "f1"]
    )
    found = events(tmp_path / "board")
    for part, prefix in (("training", ""), ("validation", "validation_")):
        for name in ("loss", "accuracy", "f1"):
            scalars = found.Scalars(f"{name}/{part}")
            assert [one.step for one in scalars] == [1, 2, 3]
            assert [one.value for one in scalars] == pytest.approx(history[prefix + name], rel=1e-6)
    rates = [one.value for one in found.Scalars("learning_rate")]
    assert rates == pytest.approx(history["learning_rate"])
    assert "epoch" not in found.Tags()["scalars"]
    assert not found.Tags()["histograms"]


def test_tensorboard_reads_the_weights(tmp_path):
    trained(TensorBoard(tmp_path / "board", histograms=2), epochs=4)
    found = events(tmp_path / "board")
    assert set(found.Tags()["histograms"]) == {"weight", "bias"}
    assert [one.step for one in found.Histograms("weight")] == [2, 4]


def test_the_events_are_there_as_they_come(tmp_path):
    counts = []

    class Reader(Callback):
        def on_epoch_end(self, run):
            counts.append(len(events(tmp_path / "board").Scalars("loss/training")))

    trained(TensorBoard(tmp_path / "board"), Reader())
    assert counts == [1, 2, 3]


@pytest.mark.parametrize("histograms", [-1, 1.5])
def test_how_often_is_a_number_of_epochs(tmp_path, histograms):
    with pytest.raises(OptionError, match="histograms must be a whole number of epochs"):
        TensorBoard(tmp_path, histograms=histograms)
