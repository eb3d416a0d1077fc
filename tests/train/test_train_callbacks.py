"""Callbacks: when each moment comes, and the four that are part of the package."""

import json
import math

import numpy as np
import pytest

from chainrule import nn, optim
from chainrule.autograd import Generator
from chainrule.errors import ChainruleError, OptionError
from chainrule.train import BestWeights, Callback, EarlyStopping, History, JsonLines, fit
from chainrule.train.fitting.run import Run

X = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def trained(*callbacks, module=None, data=(X, Y), **named):
    module = nn.Linear(2, 2, generator=Generator(0)) if module is None else module
    options = {"epochs": 3, "batch_size": 10, "progress": False, **named}
    return fit(module, data, callbacks=callbacks, **options)


def run_of(rows=(), epochs=99, module=None):
    """A run of which only the figures matter."""
    history = History()
    history.rows.extend(rows)
    module = nn.Linear(1, 1) if module is None else module
    return Run(module, optim.SGD(module.parameters()), None, {}, epochs, epochs, history)


def epochs_of(callback, values, monitor="validation_loss"):
    """Show a callback a run with these figures; return it at its end, or when it was stopped."""
    run = run_of(module=nn.Linear(1, 1))
    for value in values:
        run.begin_epoch()
        run.model.weight.data.fill_(run.epoch)
        run.history.rows.append({"epoch": run.epoch, monitor: value})
        callback.on_epoch_end(run)
        if run.stopped:
            break
    callback.on_fit_end(run)
    return run


# --- moments ------------------------------------------------------------------------------------


class Diary(Callback):
    """Writes down every moment."""

    def __init__(self, name="", pages=None):
        self.name, self.pages = name, [] if pages is None else pages

    def note(self, moment, run):
        self.pages.append((self.name + moment, run.epoch, run.step, len(run.history)))

    def on_fit_start(self, run):
        self.note("fit start", run)

    def on_epoch_start(self, run):
        self.note("epoch start", run)

    def on_step_end(self, run):
        self.note("step end", run)

    def on_epoch_end(self, run):
        self.note("epoch end", run)

    def on_fit_end(self, run):
        self.note("fit end", run)


def test_the_moments():
    diary = Diary()
    trained(diary, epochs=2)
    assert diary.pages == [
        # moment, epoch, steps taken, epochs in the history
        ("fit start", 0, 0, 0),
        ("epoch start", 1, 0, 0),
        ("step end", 1, 1, 0),
        ("step end", 1, 2, 0),
        ("epoch end", 1, 2, 1),
        ("epoch start", 2, 2, 1),
        ("step end", 2, 3, 1),
        ("step end", 2, 4, 1),
        ("epoch end", 2, 4, 2),
        ("fit end", 2, 4, 2),
    ]


def test_their_order_is_that_of_the_list():
    pages = []
    trained(Diary("a ", pages), Diary("b ", pages), epochs=1)
    assert [page[0] for page in pages[:4]] == [
        *("a fit start", "b fit start", "a epoch start", "b epoch start")
    ]
    assert [page[0] for page in pages[-2:]] == ["a fit end", "b fit end"]


def test_what_a_run_says():
    seen = []

    class Look(Callback):
        def on_step_end(self, run):
            seen.append((run.seen, run.total_steps, run.epochs, run.step_loss, run.running()))

    history = trained(Look(), epochs=2)
    assert [one[:3] for one in seen] == [(10, 4, 2), (20, 4, 2), (30, 4, 2), (40, 4, 2)]
    assert seen[0][4]["loss"] == seen[0][3]
    assert seen[1][4]["loss"] == pytest.approx((seen[0][3] + seen[1][3]) / 2)
    assert seen[3][4] == {name: history[name][1] for name in ("loss", "accuracy")}


class Stops(Callback):
    """Stops a run at a step."""

    def __init__(self, step, error=None):
        self.step, self.error = step, error

    def on_step_end(self, run):
        if run.step == self.step:
            run.stop("enough")
            if self.error:
                raise self.error


def test_stop_ends_the_run_after_the_epoch():
    diary = Diary()
    history = trained(Stops(3), diary, epochs=9)
    assert len(history) == 2
    assert history.stopped == "enough"
    assert diary.pages[-1] == ("fit end", 2, 4, 2)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("own"), ChainruleError("x")])
def test_a_run_that_ends_before_its_time_still_ends(error):
    """What was learned stays, callbacks hear of the end, and the error goes its way."""
    module, history, diary = nn.Linear(2, 2), History(), Diary()
    with pytest.raises(type(error)):
        trained(Stops(3, error), diary, module=module, history=history)
    assert len(history) == 1
    assert diary.pages[-1] == ("fit end", 2, 3, 1)
    assert not module.training
    expected = "interrupted" if isinstance(error, KeyboardInterrupt) else "enough"
    assert history.stopped == expected


def test_a_start_that_fails_is_an_end_too(tmp_path):
    diary = Diary()
    with pytest.raises(FileNotFoundError):
        trained(diary, JsonLines(tmp_path / "none" / "x"))
    assert [page[0] for page in diary.pages] == ["fit start", "fit end"]


# --- the best weights ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "largest", "best"),
    [
        ([3.0, 1.0, 2.0], False, 2),
        ([3.0, 1.0, 2.0], True, 1),
        ([0.5, 0.9, 0.9, 0.7], True, 3),  # the later of equals
        ([2.0, 2.0], False, 2),
        ([math.nan, 5.0, math.nan], False, 2),
        ([math.inf, math.inf], False, 2),
        ([math.nan, math.nan], False, None),
        ([], False, None),
    ],
)
def test_the_best_weights_are_put_back(values, largest, best):
    run = epochs_of(BestWeights(largest=largest), values)
    assert run.history.best_epoch == best
    # The weight had the number of its epoch.
    assert best is None or run.model.weight.item() == best


def test_the_best_weights_of_a_real_run():
    module = nn.Linear(2, 2, generator=Generator(0))
    after = []

    class Keep(Callback):
        def on_epoch_end(self, run):
            after.append(run.model.weight.detach().numpy().copy())

    best = BestWeights("validation_accuracy", largest=True)
    history = trained(
        Keep(), best, module=module, validation=(X, 1 - Y), lr=0.1, epochs=4, optimizer="sgd"
    )
    figures = history["validation_accuracy"]
    expected = max(i for i, value in enumerate(figures) if value == max(figures))
    assert expected < 3  # it learns to be wrong, so the last epoch is not the best
    assert history.best_epoch == best.epoch == expected + 1
    np.testing.assert_array_equal(module.weight.detach(), after[expected])


def test_all_of_the_state_is_put_back():
    """Running statistics too: they belong to the weights."""
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2, generator=Generator(0)))
    trained(BestWeights("loss", largest=True), module=module, lr=0.3, epochs=5)
    assert int(module[0].num_batches_tracked) == 2  # of the first epoch


def test_without_validation_the_figure_is_that_of_training():
    history = trained(BestWeights("validation_accuracy", largest=True), lr=0.1)
    assert history.best_epoch is not None
    with pytest.raises(OptionError, match="no figure 'validation_mae' to watch; there are: epoch"):
        trained(BestWeights("validation_mae"))


# --- early stopping -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({"patience": 2}, [3, 2, 1, 1, 1, 1], 5),  # no better is no progress
        ({"patience": 1}, [3, 2, 2, 1], 3),
        ({"patience": 3}, [5, 6, 7, 4, 6, 7, 8, 1], 7),
        ({"patience": 2, "min_delta": 0.5}, [3, 2.8, 2.6, 2.4, 2.2], 3),
        ({"patience": 2, "min_delta": 0.5}, [3, 2.8, 2.4, 2.2, 2.0], 5),
        ({"patience": 2, "largest": True}, [1, 2, 3, 2, 2, 9], 5),
        ({"patience": 2}, [math.nan, math.nan, 1], 2),
        ({"patience": 9}, [3, 2, 1, 1, 1], 5),
    ],
)
def test_early_stopping(options, values, epochs):
    run = epochs_of(EarlyStopping(**options), values)
    assert run.epoch == epochs
    stopped = epochs < len(values) or options["patience"] == 2
    wanted = f"validation_loss has not improved for {options['patience']} epochs"
    assert run.stopped == (wanted if stopped else "")


def test_early_stopping_of_a_real_run():
    module = nn.Linear(2, 2, generator=Generator(0))
    history = trained(EarlyStopping(2, "accuracy", largest=True), module=module, lr=1e-9, epochs=50)
    assert len(history) == 3
    assert history.stopped == "accuracy has not improved for 2 epochs"


@pytest.mark.parametrize("patience", [0, -1])
def test_patience_that_is_none(patience):
    with pytest.raises(OptionError, match=f"patience must be at least 1 epoch, got {patience}"):
        EarlyStopping(patience)


# --- lines of JSON ------------------------------------------------------------------------------


def test_a_line_for_each_epoch(tmp_path):
    history = trained(JsonLines(tmp_path / "x.jsonl"), validation=(X, Y))
    text = (tmp_path / "x.jsonl").read_text()
    assert text.endswith("}\n")
    assert [json.loads(line) for line in text.splitlines()] == history.rows


def test_the_lines_are_there_as_they_come(tmp_path):
    counts = []

    class Reader(Callback):
        def on_epoch_end(self, run):
            counts.append(len((tmp_path / "x.jsonl").read_text().splitlines()))

    trained(JsonLines(tmp_path / "x.jsonl"), Reader())
    assert counts == [1, 2, 3]


def test_lines_of_a_run_before_are_gone(tmp_path):
    lines = JsonLines(str(tmp_path / "x.jsonl"))
    trained(lines, epochs=3)
    trained(lines, epochs=1)
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 1


def test_what_is_no_number_is_null(tmp_path):
    """Infinity and NaN are no JSON, though Python's writer would write them."""
    metrics = {"odd": lambda outputs, targets: math.inf, "none": lambda outputs, targets: math.nan}
    trained(JsonLines(tmp_path / "x.jsonl"), metrics=metrics, epochs=1)

    def strange(name):
        raise AssertionError(f"{name} is no JSON")

    row = json.loads((tmp_path / "x.jsonl").read_text(), parse_constant=strange)
    assert (row["odd"], row["none"]) == (None, None)
    assert row["loss"] > 0
