"""Runs that average, change images, warm up and watch, killed and resumed: to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data import digits
from chainrule.train import (
    EMA,
    AugmentImages,
    BestWeights,
    Callback,
    Checkpoint,
    CsvLog,
    EarlyStopping,
    History,
    fit,
)

DIGITS = digits()
X = (DIGITS.x[:200] / 16).astype(np.float32)
Y = DIGITS.y[:200]
TIMES = ("seconds", "examples_per_second")


class Killed(BaseException):
    """As if the process were no more."""


class KilledAt(Callback):
    """Ends a run at the first pause after so many steps."""

    each_step = False

    def __init__(self, step):
        self.step = step

    def on_step_end(self, run):
        if run.step >= self.step:
            raise Killed

    def on_epoch_end(self, run):
        self.on_step_end(run)


def started(folder, kill=None, *, compile=False, augment=True):
    """Train, or go on; weights and figures, or nothing if it was killed."""
    generator, history = Generator(1), History()
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 12, generator=generator),
        nn.ReLU(),
        nn.Dropout(0.3, generator=generator),
        nn.Linear(12, 10, generator=generator),
    )
    callbacks = [
        EMA(0.9),
        BestWeights("validation_f1"),
        EarlyStopping(3, "validation_roc_auc"),
        CsvLog(folder.with_suffix(".csv")),
        Checkpoint(folder, steps=3),
        *([] if kill is None else [KilledAt(kill)]),
    ]
    try:
        fit(
            *(model, (X, Y), None, "adam"),
            epochs=4,
            batch_size=8,
            lr=0.02,
            accumulate=2,
            schedule="cosine",
            warmup=0.3,
            max_grad_norm=1.0,
            augment=AugmentImages("shift", "rotate", generator=Generator(5)) if augment else None,
            metrics=["f1", "roc_auc", "log_loss", "accuracy"],
            validation=(X[:50], Y[:50]),
            callbacks=callbacks,
            generator=generator,
            history=history,
            compile=compile,
            resume=folder,
            progress=False,
        )
    except Killed:
        return None
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in history.rows]
    lines = folder.with_suffix(".csv").read_text().splitlines()
    return {k: np.array(v) for k, v in model.state_dict().items()}, rows, len(lines)


@pytest.mark.parametrize(
    ("compile", "augment"),
    [(False, True), (True, False)],
    ids=["changed images", "compiled, many steps at once"],
)
def test_killed_in_every_epoch(tmp_path, compile, augment):
    """13 steps an epoch: in the middle, at its end, and before the first checkpoint."""
    options = {"compile": compile, "augment": augment}
    whole = started(tmp_path / "whole", **options)
    for step in (2, 7, 13, 20, 26, 40):
        started(tmp_path / "killed", step, **options)
    weights, rows, lines = started(tmp_path / "killed", **options)
    assert rows == whole[1]
    assert lines == whole[2] == len(rows) + 1
    for name, value in whole[0].items():
        np.testing.assert_array_equal(value, weights[name], err_msg=name)
