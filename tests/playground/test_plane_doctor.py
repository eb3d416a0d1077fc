"""The doctor beside the plane's training: what it says, what it costs, what its advice does."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn, optim
from chainrule.autograd import Generator
from chainrule.errors import DataError
from chainrule.explain.doctor.course_checks import AT_THE_END
from chainrule.explain.doctor.examine import CHECKS
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.playground import Plane
from chainrule.playground.engine.health.advice import ADVICE, FORETOLD, NOT_HERE, remark
from chainrule.playground.engine.health.doctor import Doctor

NAMES = {check.name for check in (*CHECKS, *AT_THE_END)}
STEPS = 400


def train(plane, steps):
    """Take steps, as many as there can be."""
    end = plane._training.steps + steps
    while plane._training.steps < end:
        plane.advance(0.0, end - plane._training.steps)


def looked(plane):
    """What a doctor who makes all checks has to say."""
    plane._training.doctor.look()
    return plane.frame()["finding"]


def follow(plane, finding):
    """What the page does when the button is pressed."""
    plane.change(**finding["apply"]["settings"])
    if finding["apply"]["restart"]:
        plane.restart()


# --- tables ---------------------------------------------------------------------------------------


def test_every_check_has_advice_or_a_reason_to_have_none():
    assert set(ADVICE) | set(NOT_HERE) == NAMES
    assert not set(ADVICE) & set(NOT_HERE)
    assert all(NOT_HERE.values())
    assert set(ADVICE) > FORETOLD


FIGURES = {"better": 0.001, "ratio": 5.0, "best": 1, "least": 0.1, "last": 0.3}


@pytest.mark.parametrize("name", sorted(ADVICE))
@pytest.mark.parametrize(
    "changed",
    [{}, {"activation": "relu", "layers": []}, {"init": "zeros", "layers": [64], "l2": 0.1}],
    ids=["usual", "linear", "odd"],
)
def test_advice_is_a_sentence_and_settings_that_can_be_set(name, changed):
    plane = Plane(points=20, **changed)
    found = Finding(name, Severity.HARMFUL, "0.weight", "0.weight is odd", "", FIGURES)
    told = remark(found, plane.settings, plane.SETTINGS, {"0": "hidden 1"})
    assert told["advice"].endswith(".")
    assert "param_groups" not in told["advice"]
    assert told["evidence"] == "The weights of hidden 1 is odd."
    if told["apply"]:
        before = plane.settings
        plane.change(**told["apply"]["settings"])
        assert plane.settings != before


def test_a_page_without_a_setting_gets_no_button_for_it():
    found = Finding("dead ReLUs", Severity.HARMFUL, "", "they are dead", "", {})
    assert remark(found, {"lr": 0.1}, {})["apply"] is None


# --- advice that is followed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ({"optimizer": "sgd", "lr": 100.0}, "Learning rate too high"),
        ({"optimizer": "sgd", "lr": 1e-5}, "Learning rate too low"),
        (
            {"optimizer": "sgd", "lr": 30.0, "activation": "relu", "layers": [8, 8]},
            "Learning rate too high",
        ),
    ],
    ids=["far too high", "far too low", "dead ReLUs"],
)
def test_following_the_advice_makes_the_loss_lower(settings, title):
    plane = Plane(data="circles", **settings)
    train(plane, STEPS)
    without = plane.frame()["loss"]["train"]
    finding = looked(plane)
    assert finding["title"] == title
    follow(plane, finding)
    assert plane.frame()["finding"] is None
    train(plane, STEPS)
    followed = plane.frame()["loss"]["train"]
    assert followed < 0.6 * without
    assert looked(plane) is None


def test_units_that_died_in_training_are_found():
    plane = Plane(
        data="circles", activation="relu", layers=[16], optimizer="sgd", lr=30.0, features=["x1"]
    )
    train(plane, STEPS)
    hidden = plane._training.forward(plane._training.train.x)[0]
    assert (hidden == 0).all(axis=0).mean() > 0.5
    assert looked(plane)["apply"]["settings"]["lr"] < 1


def test_weights_that_begin_at_zero_are_drawn_anew():
    plane = Plane(data="circles", init="zeros")
    train(plane, 150)
    finding = looked(plane)
    assert finding["apply"]["settings"] == {"init": "usual"}
    follow(plane, finding)
    train(plane, STEPS)
    assert plane.frame()["loss"]["train"] < 0.5


def test_a_linear_network_on_circles_gets_a_hidden_layer():
    plane = Plane(data="circles", layers=[])
    train(plane, 300)
    finding = looked(plane)
    assert finding["apply"]["settings"] == {"layers": [8]}
    assert finding["apply"]["label"].endswith("and begin anew")


def test_overfitting_is_told_by_epochs():
    plane = Plane(data="moons", points=30, layers=[64, 64], noise=0.5)
    train(plane, 600)
    finding = looked(plane)
    assert finding["title"] == "Overfitting"
    assert "the test loss was least in epoch" in finding["evidence"].lower()
    assert finding["apply"]["settings"] == {"l2": 0.01}


def test_a_loss_that_is_no_number_is_told_at_once():
    plane = Plane(data="hill", optimizer="sgd", lr=10.0)
    with pytest.raises(DataError, match="the loss became"):
        train(plane, 100)
    finding = plane.frame()["finding"]
    assert finding["title"] == "Learning rate too high"
    assert finding["severity"] == 3
    follow(plane, finding)
    train(plane, 100)
    assert plane.frame()["loss"]["train"] < 1


def test_a_run_that_goes_well_is_left_alone():
    plane = Plane(data="circles", layers=[8])
    train(plane, STEPS)
    assert looked(plane) is None


# --- what becomes of remarks ----------------------------------------------------------------------


def test_a_remark_goes_when_the_experiment_begins_anew():
    plane = Plane(data="circles", optimizer="sgd", lr=100.0)
    train(plane, 200)
    assert looked(plane)
    plane.restart()
    assert plane.frame()["finding"] is None
    plane.undo()
    assert plane.frame()["finding"]["title"] == "Learning rate too high"


def test_a_remark_goes_when_a_later_look_finds_it_mended():
    plane = Plane(data="circles", optimizer="sgd", lr=1e-5)
    train(plane, 150)
    assert looked(plane)
    plane.change(lr=0.3)
    train(plane, STEPS)
    assert looked(plane) is None
    doctor = plane._training.doctor
    peak = Finding("loss explodes", Severity.HARMFUL, "", "it did", "", {})
    doctor._found["loss explodes"] = peak
    doctor._remark()
    assert doctor.finding
    assert looked(plane) is None


# --- what it costs, and what it leaves alone ------------------------------------------------------


def test_training_is_the_same_with_and_without():
    alone, beside = (Plane(data="circles", dropout=0.2, seed=3) for _ in range(2))
    alone._training.doctor.visit = lambda seconds: None
    for _ in range(2):
        train(alone, 60)
        train(beside, 60)
        beside._training.doctor.look()
    assert beside._training.doctor.spent > 0
    a, b = (list(plane._training.model.parameters()) for plane in (alone, beside))
    assert all((p.array == q.array).all() for p, q in zip(a, b, strict=True))
    assert alone.frame()["loss"] == beside.frame()["loss"]


class Clock:
    """Goes on by so much each time that it is read."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def patient(clock):
    """A doctor over a network that nobody trains, and that is told of a flat loss."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2)).astype(np.float32)
    model = nn.Sequential(
        nn.Linear(2, 4, generator=Generator(0)), nn.Tanh(), nn.Linear(4, 2, generator=Generator(1))
    )
    plane = Plane(points=20)
    return Doctor(
        model,
        x,
        (x[:, 0] > 0).astype(np.int64),
        nn.CrossEntropyLoss(),
        optim.SGD(model.parameters(), lr=1e-5),
        settings=plane.settings,
        table=plane.SETTINGS,
        clock=clock,
    )


def test_looking_takes_two_hundredths_of_the_time():
    doctor = patient(Clock(0.004))  # a check takes four thousandths of a second
    done = []
    for turn in range(600):
        doctor.steps(np.full(20, 0.7))
        doctor.figures(turn, 0.7, 0.7)
        doctor.visit(0.05)
        done.append(doctor.spent)
        assert doctor.spent <= 0.02 * 0.05 * (turn + 1) + 0.01
    assert 0.1 < done[-1] <= 0.02 * 30 + 0.01
    assert doctor.finding is not None


def test_a_look_that_a_change_interrupts_begins_again():
    doctor = patient(Clock(0.001))
    doctor.steps(np.full(200, 0.7))
    doctor.figures(1, 0.7, 0.7)
    for _ in range(2 * len(doctor._queue)):
        doctor.visit(10.0)
        if doctor._rounds and doctor._queue:
            break
    assert doctor._queue
    doctor.changed(Plane(points=20).settings)
    for _ in range(20):
        doctor.visit(10.0)
    assert doctor.finding is None
    doctor.steps(np.full(200, 0.7))
    doctor.figures(1, 0.7, 0.7)
    for _ in range(20):
        doctor.visit(10.0)
    assert doctor._rounds == 1


def test_checks_that_would_keep_training_waiting_are_not_made(monkeypatch):
    monkeypatch.setattr("chainrule.playground.engine.health.doctor._LONGEST", 0.02)
    doctor = patient(Clock(0.001))
    for turn in range(200):
        doctor.steps(np.full(20, 0.7))
        doctor.figures(turn, 0.7, 0.7)
        doctor.visit(10.0)
    made = set(doctor._costs)
    assert {"dead ReLUs", "plateau"} < made
    assert not {"learning rate too high", "cannot learn one batch"} & made


def test_long_runs_are_kept_in_few_numbers():
    doctor = patient(Clock(0.001))
    for turn in range(1200):
        doctor.steps(np.full(999, 0.7 if turn < 900 else 0.01))
        doctor.figures(turn, 0.7, 0.7)
    losses = np.concatenate(doctor._losses)
    assert len(losses) <= 2**14
    assert (losses == 0.01).mean() == pytest.approx(0.25, abs=0.01)
    assert len(doctor._rows) < 400


def test_steps_are_counted_though_few_are_kept():
    doctor = patient(Clock(0.001))
    for turn in range(200):
        doctor.steps(np.full(500, 0.7))
        doctor.figures(turn, 0.7, 0.7)
    doctor.look()
    assert "for the last 50,000 of 100,000 steps" in doctor.finding["evidence"].lower()
    for turn in range(200, 800):
        doctor.steps(np.full(500, 0.01))
        doctor.figures(turn, 0.01, 0.01)
    doctor.look()
    assert doctor.finding is None
