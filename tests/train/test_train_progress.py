"""Progress: a bar where somebody is watching, plain lines where nobody is."""

import re
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from chainrule import nn
from chainrule.train import Progress, fit
from chainrule.train.callbacks.progress import format_seconds

X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
NUMBER = r"\d+\.\d+"


def shown(terminal=False, width=200, lines=20, **named):
    """What a run writes."""
    screen = StringIO()
    console = Console(file=screen, force_terminal=terminal, width=width, highlight=False)
    options = {"epochs": 2, "batch_size": 4, "progress": False, "validation": (X, Y), **named}
    fit(nn.Linear(2, 2), (X, Y), callbacks=[Progress(console, lines)], **options)
    return screen.getvalue()


def test_lines():
    first, second = shown().splitlines()
    for epoch, line in enumerate((first, second), start=1):
        assert re.fullmatch(
            rf"epoch {epoch}/2  loss {NUMBER}  accuracy {NUMBER} %  validation loss {NUMBER}  "
            rf"validation accuracy {NUMBER} %  [\d,]+ examples/s",
            line,
        )


def test_lines_are_not_broken_where_they_are_long():
    assert len(shown(width=30).splitlines()) == 2


@pytest.mark.parametrize(
    ("epochs", "lines", "expected"),
    [
        (3, 20, [1, 2, 3]),
        (20, 20, list(range(1, 21))),
        (30, 20, [1, *range(2, 31, 2)]),
        (45, 20, [1, *range(3, 46, 3)]),
        (7, 1, [1, 7]),
    ],
)
def test_of_many_epochs_only_some_have_a_line(epochs, lines, expected):
    text = shown(epochs=epochs, lines=lines, batch_size=40)
    width = len(str(epochs))
    found = [re.match(rf"epoch ( *\d+)/{epochs}  ", line)[1] for line in text.splitlines()]
    assert [int(number) for number in found] == expected
    assert {len(number) for number in found} == {width}


def test_figures_of_every_size():
    metrics = {
        "huge": lambda y, t: 123456.789,
        "r2": lambda y, t: -0.25,
        "small": lambda y, t: 0.00001,
        "odd": lambda y, t: float("nan"),
        "[bold]": lambda y, t: 1.0,
    }
    names, line = shown(metrics=metrics, validation=None, epochs=1).splitlines()
    assert names.split() == ["loss", "huge", "r2", "small", "odd", "[bold]"]
    assert re.search(r"  1\.235e\+05   -25\.0 %    0\.0000       nan    1\.0000  \d", line)
    two = {name: metrics[name] for name in ("huge", "[bold]")}
    line = shown(metrics=two, validation=None, epochs=1).splitlines()[0]
    assert "huge 1.235e+05  [bold] 1.0000  " in line


def test_many_metrics_are_columns():
    asked = ["accuracy", "f1", "roc_auc", "balanced_accuracy"]
    names, *rows = shown(metrics=asked, epochs=2).splitlines()
    assert names.split("  ")[-1] == "balanced accuracy"
    assert [row.split()[0] for row in rows] == ["epoch", "validation", "epoch", "validation"]
    ends = {row.index(" examples/s") for row in rows[::2]}
    places = [names.index(name) + len(name) for name in ("loss", "accuracy", "f1", "roc auc")]
    for row in rows:
        assert all(row[place - 1] in "0123456789%" for place in places)
        assert all(row[place : place + 2].strip() == "" for place in places)
    assert len(ends) <= 2
    whole = shown(metrics=asked, epochs=1, validation=None).splitlines()
    assert len(whole) == 2


def test_a_bar():
    screen = shown(terminal=True, epochs=3, metrics={})
    assert "\x1b[" in screen
    assert "━" in screen
    assert re.search(r"epoch 1/3 .*\d+ % .*loss \d.*examples/s.* left", screen)
    assert re.search(r"epoch 3/3 .*100 % .*0.0 s left", screen)
    lines = [line for line in screen.split("\n") if "validation loss" in line]
    assert len(lines) == 3
    assert screen.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in screen  # the cursor is back


def test_the_bar_goes_also_when_the_run_fails():
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with pytest.raises(ValueError, match="different"):
        fit(
            nn.Linear(2, 2),
            (X, Y),
            lambda y, t: (_ for _ in ()).throw(ValueError("different")),
            callbacks=[Progress(console)],
            progress=False,
        )
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1


def test_it_is_shown_unless_told_otherwise(capsys):
    fit(nn.Linear(2, 2), (X, Y), epochs=2)
    assert len(capsys.readouterr().out.splitlines()) == 2
    fit(nn.Linear(2, 2), (X, Y), epochs=2, progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (119.6, "2 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_times(seconds, text):
    assert format_seconds(seconds) == text
