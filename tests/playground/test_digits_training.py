"""Training of digits: the same numbers however it is cut, undone, changed on the way, repeated."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import numpy as np
import pytest

from chainrule import optim
from chainrule.autograd import Tensor
from chainrule.backend import threads
from chainrule.errors import DataError, OptionError
from chainrule.playground import Digits
from chainrule.playground.engine.digits import data as module
from chainrule.playground.engine.digits.data import digital, shifted
from chainrule.playground.engine.digits.training import shifts_of

SMALL = {"layers": [16]}


@pytest.fixture(autouse=True)
def one_thread():
    with threads.policy(1):
        yield


def train(session, steps, at_once=None):
    """Train until there are so many steps, in calls of so many."""
    while (left := steps - session.frame()["steps"]) > 0:
        session.advance(time.perf_counter() + 60, min(left, at_once or left))


def weights(session):
    network = session._training.network.trained
    return {name: tensor.array.copy() for name, tensor in network.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_what_a_call_takes_changes_no_number():
    whole, cut = Digits(**SMALL), Digits(**SMALL)
    train(whole, 100)
    for at_once in (1, 2, 7, 100):
        train(cut, cut.frame()["steps"] + 20, at_once)
    train(cut, 100)
    assert_same(weights(whole), weights(cut))


def test_other_experiments_change_no_number():
    alone, beside = Digits(**SMALL), Digits(**SMALL)
    train(alone, 60)
    for steps in range(1, 61):
        train(beside, steps)
        if steps < 6:  # while its step is being recorded
            optim.SGD([Tensor([1.0], requires_grad=True)], lr=0.1)
            Digits(layers=[2])
    assert_same(weights(alone), weights(beside))


@pytest.mark.parametrize("given", [{"seed": 1}, {"batch_size": 16}, {"augment": True}], ids=str)
def test_what_is_set_matters(given):
    usual, other = Digits(**SMALL), Digits(**SMALL, **given)
    train(usual, 5)
    train(other, 5)
    a, b = weights(usual), weights(other)
    assert any((a[name] != b[name]).any() for name in a)


def test_the_loss_of_a_step_is_that_of_its_rows():
    session = Digits(layers=[], optimizer="sgd", lr=0.0, l2=0.5, batch_size=64)
    before = weights(session)
    x, y = digital("digits").train.x, digital("digits").train.y
    rows = np.random.default_rng([0, 0]).permutation(len(y))[:64]
    scores = (x[rows].reshape(64, -1) - before["0.mean"]) / before["0.std"]
    scores = scores @ before["2.weight"].T + before["2.bias"]
    expected = np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(64), y[rows]])
    train(session, 1)
    assert session._training._stepping.loss == pytest.approx(expected, rel=1e-5)


def test_the_penalty_draws_weights_towards_0():
    plain, drawn = Digits(**SMALL), Digits(**SMALL, l2=0.1)
    train(plain, 200)
    train(drawn, 200)
    assert np.square(weights(drawn)["2.weight"]).sum() < (
        0.5 * np.square(weights(plain)["2.weight"]).sum()
    )


# --- undo ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
@pytest.mark.parametrize("changes", [{"lr": 0.1}, {"l2": 0.01}, {"layers": [8]}, {"dropout": 0.4}])
def test_undo_is_exact(kind, changes):
    options = {**SMALL, "kind": kind, "channels": [2], "dropout": 0.2, "batch_size": 64}
    session, undisturbed = Digits(**options), Digits(**options)
    train(session, 25)
    before, frame = weights(session), session.frame()
    session.change(**changes)
    train(session, session.frame()["steps"] + 25)
    assert session.undo()
    assert_same(weights(session), before)
    again = session.frame()
    assert (again["loss"], again["steps"]) == (frame["loss"], 25)
    np.testing.assert_array_equal(again["curve"]["epoch"], frame["curve"]["epoch"])
    train(session, 60)
    train(undisturbed, 60)
    assert_same(weights(session), weights(undisturbed))


@pytest.mark.parametrize("steps", [0, 1, 3, 4])
def test_undo_is_exact_where_a_step_is_not_replayed_yet(steps):
    session, undisturbed = Digits(**SMALL), Digits(**SMALL)
    train(session, steps)
    session.change(lr=0.1)
    train(session, 20)
    session.undo()
    train(session, 40)
    train(undisturbed, 40)
    assert_same(weights(session), weights(undisturbed))


def test_redo_is_exact():
    session = Digits(**SMALL)
    train(session, 10)
    session.change(lr=0.1)
    train(session, 30)
    after = weights(session)
    session.undo()
    train(session, 20)
    session.undo()
    assert session.redo()
    assert_same(weights(session), after)
    assert session.settings["lr"] == 0.1


def test_restart_begins_anew_and_can_be_taken_back():
    session = Digits(**SMALL)
    first = weights(session)
    train(session, 30)
    trained = weights(session)
    session.restart()
    assert session.frame()["steps"] == 0
    assert_same(weights(session), first)
    session.undo()
    assert_same(weights(session), trained)


def test_other_data_can_be_taken_back():
    session = Digits(**SMALL, kind="cnn")
    train(session, 3)
    before = weights(session)
    session.change(kind="mlp", layers=[])
    session.undo()
    assert_same(weights(session), before)
    assert len(session.ask("slide", {"strokes": [[[0, 0], [1, 1]]], "channel": 1})["output"]) == 8


# --- rates that change --------------------------------------------------------------------------


def test_training_goes_on_under_another_rate():
    session = Digits(**SMALL)
    train(session, 20)
    before = weights(session)
    session.change(lr=0.0)
    train(session, 40)
    assert session.frame()["steps"] == 40
    assert_same(weights(session), before)


def test_a_rate_that_is_dragged_is_noted_once():
    session = Digits(**SMALL)
    train(session, 5)
    for rate in (0.01, 0.02, 0.05):
        session.adjust(lr=rate)
    session.adjust(l2=0.1)
    assert session._training.rates == [(5, {"lr": 0.05, "l2": 0.1})]


def test_a_loss_that_explodes_is_said_in_a_sentence():
    session = Digits(layers=[32], activation="linear", optimizer="sgd", lr=10.0)
    with pytest.raises(DataError, match=r"the loss became .* in step [\d,]+: take this back"):
        train(session, 3000)
    frame = session.frame()
    assert frame["finding"]["apply"]["settings"]["lr"] < 10
    assert frame["weights"]["images"].dtype == np.uint8


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"layers": [4096, 4096]}, "would have 17,088,522 weights, at most 5,000,000"),
        ({"kind": "cnn", "channels": [256] * 6, "kernel": 7}, "would have .* weights"),
        ({"kind": "cnn", "channels": []}, "at least one convolution; add one"),
        ({"kind": "cnn", "channels": [128, 128], "batch_size": 1024}, "billion products"),
        ({"kernel": 2}, "kernel must be a whole number from 3 to 7"),
        ({"data": "letters"}, "data must be one of digits, mnist"),
        ({"augment": 1}, "augment must be true or false"),
        ({"lr": float("nan")}, "lr must be from 0 to 10"),
        ({"channels": [0]}, r"channels\[0\] must be"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_and_changes_nothing(given, sentence):
    session = Digits(**SMALL)
    train(session, 3)
    before, settings = weights(session), dict(session.settings)
    with pytest.raises(OptionError, match=sentence):
        session.change(**given)
    assert session.settings == settings
    assert_same(weights(session), before)
    assert not session.can_undo


def test_mnist_that_is_missing_is_refused_with_what_to_do(monkeypatch):
    def missing():
        raise DataError("MNIST was not found; put it into a folder")

    module._read.cache_clear()
    monkeypatch.setattr(module.sources, "mnist", missing)
    session = Digits(**SMALL)
    train(session, 3)
    with pytest.raises(DataError, match="put it into a folder"):
        session.change(data="mnist")
    assert session.settings["data"] == "digits"
    assert session.frame()["steps"] == 3
    train(session, 6)


@pytest.mark.parametrize(
    ("kernel", "channels"), [(3, [2] * 6), (4, [3, 2]), (5, [1]), (6, [2] * 6), (7, [3, 2])]
)
def test_kernels_of_every_size_fit_small_images(kernel, channels):
    session = Digits(kind="cnn", channels=channels, kernel=kernel, layers=[])
    train(session, 1)
    assert np.isfinite(session.frame()["loss"]["train"])


# --- data ---------------------------------------------------------------------------------------


def test_digits_are_read_once():
    assert digital("digits") is digital("digits")


def test_no_image_is_both_trained_on_and_tested():
    data = digital("digits")
    train_rows = {image.tobytes() for image in data.train.x}
    assert len(data.train) + len(data.test) == 1797
    assert sum(image.tobytes() in train_rows for image in data.test.x) < 3  # two are drawn alike


@pytest.mark.parametrize("by", [(0, 0), (1, 0), (0, -1), (-2, 2)])
def test_shifted_images_are_moved_and_nothing_comes_in(by):
    image = np.random.default_rng(0).integers(1, 9, (1, 1, 5, 5))
    found = shifted(image, np.array([by]))[0, 0]
    rolled = np.roll(image[0, 0], by, axis=(0, 1))
    row, column = np.indices((5, 5))
    came_from = np.stack([row - by[0], column - by[1]])
    inside = ((came_from >= 0) & (came_from < 5)).all(axis=0)
    np.testing.assert_array_equal(found, np.where(inside, rolled, 0))


@pytest.mark.parametrize(("side", "reach"), [(8, [0, 1]), (28, [2, 2])])
def test_images_are_moved_as_far_as_there_is_room(side, reach):
    by = shifts_of(500, side, seed=0, epoch=0)
    assert np.abs(by).max(axis=0).tolist() == reach
    assert (by != shifts_of(500, side, seed=0, epoch=1)).any()


# --- the program --------------------------------------------------------------------------------


def losses_of(program, folder):
    """What the program prints when it runs by itself."""
    path = folder / "digits.py"
    path.write_bytes(program.content)
    command = [sys.executable, "-W", "error", path]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert run.returncode == 0, run.stderr
    found = re.findall(r"^(train|test) loss (\S+), accuracy (\S+)%$", run.stdout, re.MULTILINE)
    return {name: (float(loss), float(accuracy) / 100) for name, loss, accuracy in found}


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"layers": [32, 16], "activation": "tanh", "optimizer": "momentum"}, {}),
        (
            {"kind": "cnn", "channels": [4, 6], "dropout": 0.2, "augment": True, "seed": 3},
            {40: {"lr": 0.001}, 80: {"l2": 0.01}, 120: {"l2": 0.0, "lr": 0.01}},
        ),
    ],
    ids=["plain", "with everything"],
)
def test_the_program_comes_to_the_same_losses(given, changes, tmp_path):
    session = Digits(**given)
    for steps, change in changes.items():
        train(session, steps)
        session.change(**change)
    train(session, 150)
    session.change(lr=1.0)  # after the last step, so that it is nothing to the program
    frame = session.frame()
    losses = losses_of(session.download("script"), tmp_path)
    for name in ("train", "test"):
        assert losses[name][0] == pytest.approx(frame["loss"][name], rel=1e-6)
        assert losses[name][1] == pytest.approx(frame["score"][name], abs=1e-4)


def test_the_program_tells_nothing_of_what_was_taken_back():
    session = Digits(**SMALL)
    train(session, 5)
    plain = session.download("script").content
    session.change(lr=0.1)
    train(session, 9)
    assert session.download("script").content != plain
    session.undo()
    assert session.download("script").content == plain
