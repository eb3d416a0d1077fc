"""What a person sees and keeps of a doctor's findings: lines, history, outcome, report."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from chainrule import nn, optim
from chainrule.autograd import Generator
from chainrule.data import moons
from chainrule.train import Callback, Progress, fit
from chainrule.train.job.job import run_job
from chainrule.train.job.outcome import Settings

DATA = moons(200)


def network():
    g = Generator(0)
    return nn.Sequential(nn.Linear(2, 16, generator=g), nn.ReLU(), nn.Linear(16, 2, generator=g))


def shown(model, data, *callbacks, **options):
    """The history of a run, and the lines that it writes."""
    screen = StringIO()
    console = Console(file=screen, width=200, highlight=False)
    options = {"epochs": 3, "generator": Generator(1), "progress": False, **options}
    history = fit(model, data, callbacks=[*callbacks, Progress(console)], **options)
    return history, screen.getvalue().splitlines()


def test_what_is_found_is_said_once_before_and_once_after():
    data = (DATA.x * np.float32([1, 1e6]), DATA.y)
    history, lines = shown(network(), data, doctor=True, lr=2.0, epochs=10)
    assert lines[0] == "not well before the first step:"
    assert lines[1].startswith("1. inputs unscaled, column 1: ")
    assert lines[lines.index("not well after the last step:") - 1].startswith("epoch 10/10 ")
    assert [finding.check for finding in history.findings] == [
        "inputs unscaled",
        "learning rate too high",
    ]
    for finding in history.findings:
        assert sum(f" {finding.title}: " in line for line in lines) == 1
    assert sum(line.startswith("   -> ") for line in lines) == 2


class Idle(nn.Linear):
    """A layer whose weights nobody uses."""

    def forward(self, x):
        return x


def test_of_many_only_the_worst_are_said_and_all_are_kept():
    x = np.concatenate([DATA.x * np.float32([1, 1e6]), np.ones((200, 1), np.float32)], axis=1)
    model = nn.Sequential(
        Idle(3, 3), nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2)
    )
    model[4].bias.requires_grad = False
    known = [*model[1].parameters(), model[0].weight, model[4].bias]
    optimizer = optim.SGD(known, lr=1e-9)
    history, lines = shown(model, (x, DATA.y), doctor=True, batch_size=100, optimizer=optimizer)
    before = lines[: next(i for i, line in enumerate(lines) if line.startswith("epoch"))]
    assert [line[:3] for line in before if line[0] in "12345"] == ["1. ", "2. ", "3. "]
    assert before[-1].startswith("and ")
    assert len(history.findings) > 3


def test_nothing_is_said_where_nothing_is_found():
    with_doctor, without = (
        shown(network(), (DATA.x, DATA.y), doctor=doctor, lr=0.01)[1] for doctor in (True, False)
    )
    figures = [[line.rpartition("  ")[0] for line in lines] for lines in (with_doctor, without)]
    assert figures[0] == figures[1]  # all but the speed


def test_the_doctor_sees_what_the_other_callbacks_have_done():
    """A callback that stops the run is asked before, one that shows things after."""

    class Hand(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                run.stop("enough")

    history, lines = shown(network(), (DATA.x, DATA.y), Hand(), doctor=True, lr=5.0, epochs=100)
    assert len(history) == 2
    assert "not well after the last step:" in lines


def test_without_progress_nothing_is_written(capsys):
    history = fit(network(), (DATA.x, DATA.y), doctor=True, lr=5.0, epochs=9, progress=False)
    assert history.findings
    assert capsys.readouterr().out == ""


# --- the job --------------------------------------------------------------------------------------


def job(tmp_path, **settings):
    screen = StringIO()
    settings = Settings(**{"epochs": 10, "hidden": (16,), **settings})
    outcome = run_job(
        DATA,
        settings,
        tmp_path / "run",
        info={},
        console=Console(file=screen, width=200),
        command="chainrule train moons",
    )
    return outcome, screen.getvalue(), (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("doctor", [True, False])
def test_a_job_says_and_reports_what_was_found(tmp_path, doctor):
    outcome, told, page = job(tmp_path, lr=5.0, doctor=doctor)
    assert bool(outcome.findings) is doctor
    assert list(outcome.findings) == outcome.history.findings
    assert ("not well" in told) is doctor
    for finding in outcome.findings:
        assert finding.title.partition(",")[0] in page
    assert ("What is not well" in page) is doctor
    kept = json.loads((tmp_path / "run" / "model.json").read_text())
    assert kept["settings"]["doctor"] is doctor


def test_nothing_is_said_of_a_healthy_job(tmp_path):
    outcome, told, page = job(tmp_path)
    assert not outcome.findings
    assert "not well" not in told + page
