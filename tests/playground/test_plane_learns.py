"""The plane's session: it learns, the same whenever it is run, and goes on exactly after undo."""

import time

import numpy as np
import pytest

from chainrule.errors import ChainruleError, DataError, OptionError
from chainrule.playground import Plane
from chainrule.playground.engine.plane.settings import SETTINGS


def train(plane, steps):
    while steps:
        steps -= plane.advance(time.perf_counter() + 0.05, steps)
    return plane


def weights(plane):
    return np.concatenate([p.array.ravel() for p in plane._training.model.parameters()])


def test_settings_are_told_in_full():
    for name, setting in SETTINGS.items():
        assert setting.label, name
        assert setting.help.endswith("."), name
        assert setting.group in ("data", "features", "network", "training"), name
        assert setting.check(name, setting.usual) == setting.usual, name
        for step in getattr(setting, "steps", ()):
            assert setting.check(name, step) == step, name
    assert {name for name, setting in SETTINGS.items() if setting.live} == {"lr", "l1", "l2"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data": "moon"}, "did you mean 'moons'"),
        ({"points": 10}, "from 20 to 5,000"),
        ({"noise": float("nan")}, "from 0 to 0.5"),
        ({"layers": [4] * 33}, "at most 32"),
        ({"layers": [0]}, "from 1 to 1,024"),
        ({"layers": [1024, 1024, 1024]}, "up to 2,000,000; take fewer"),
        ({"features": []}, "at least one"),
        ({"drawn": [[3, 0, 0]], "data": "drawn"}, "within 2 of 0"),
        ({"drawn": [[0, 0, 8]], "data": "drawn"}, "class from 0 to 7"),
        ({"drawn": [[0, 0, 0.5]], "data": "drawn"}, "class from 0 to 7"),
        ({"drawn": [[0, 0, float("inf")]], "data": "drawn"}, "label within"),
        ({"lr": 0}, "lr must be"),
    ],
)
def test_what_cannot_be_set(given, words):
    plane = Plane()
    before = plane.settings
    with pytest.raises(OptionError, match=words):
        plane.change(**given)
    assert plane.settings == before
    assert not plane.can_undo
    with pytest.raises(OptionError, match=words):
        Plane(**given)


@pytest.mark.parametrize(
    ("data", "least", "options"),
    [
        ("moons", 0.98, {}),
        ("circles", 0.98, {"noise": 0.05}),
        ("ring", 0.98, {}),
        ("spiral", 0.9, {"noise": 0.02, "layers": [16, 16]}),
        ("xor", 0.95, {"noise": 0.05}),
        ("blobs", 0.98, {}),
        ("slope", 0.99, {"noise": 0.02, "layers": []}),
        ("hill", 0.95, {"noise": 0.02, "layers": [16]}),
        ("waves", 0.95, {"noise": 0.02, "layers": [16, 16]}),
    ],
)
def test_learns(data, least, options):
    plane = train(Plane(data=data, lr=0.03, **options), 3000)
    frame = plane.frame()
    assert frame["score"]["test"] > least
    assert frame["loss"]["train"] < frame["curve"]["train"][0]
    assert frame["steps"] == 3000
    assert frame["epoch"] == 3000 / 8


def test_the_same_settings_give_the_same_numbers_however_the_steps_are_taken():
    options = {"dropout": 0.1, "optimizer": "momentum", "data": "xor"}
    plane, other = Plane(**options), Plane(**options)
    train(plane, 300)
    for _ in range(100):
        other.advance(0.0, most=2)
        other.frame()
        other.advance(0.0, most=1)
        other.advance(time.perf_counter() + 1.0, most=1)
    assert (plane.frame()["steps"], other.frame()["steps"]) == (300, 300)
    assert (weights(plane) == weights(other)).all()
    for name, curve in plane.frame()["curve"].items():
        assert np.array_equal(curve, other.frame()["curve"][name]), name
    assert (weights(train(Plane(**{**options, "seed": 1}), 300)) != weights(plane)).any()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam"])
def test_undo_goes_on_as_if_nothing_had_been(optimizer):
    options = {"optimizer": optimizer, "dropout": 0.1, "layers": [4]}
    quiet, busy = Plane(**options), Plane(**options)
    # Before the step is recorded, as it is, and after.
    for at in (0, 1, 2, 4, 60):
        train(quiet, at - quiet.frame()["steps"])
        train(busy, at - busy.frame()["steps"])
        busy.change(lr=0.3)
        train(busy, 5)
        busy.change(l1=0.1)
        train(busy, 20)
        busy.restart()
        train(busy, 2)
        assert all(busy.undo() for _ in range(3))
        assert not busy.can_undo
    train(quiet, 100)
    train(busy, 100)
    assert busy.settings == quiet.settings
    assert (weights(quiet) == weights(busy)).all()
    now, then = quiet.frame(), busy.frame()
    assert now["loss"] == then["loss"]
    assert now["sizes"] == then["sizes"]
    for name, curve in now["curve"].items():
        assert np.array_equal(curve, then["curve"][name]), name


def test_redo_is_exact_too():
    plane = train(Plane(), 20)
    plane.change(lr=0.2)
    train(plane, 30)
    after = weights(plane)
    assert plane.undo()
    train(plane, 7)
    assert plane.redo()
    assert plane.settings["lr"] == 0.2
    assert (weights(plane) == after).all()


def test_a_rate_acts_at_once_and_penalties_pull():
    plane = train(Plane(optimizer="sgd", lr=0.1), 50)
    before = weights(plane)
    plane.change(lr=1e-6)
    assert plane.frame()["steps"] == 50
    train(plane, 50)
    assert np.abs(weights(plane) - before).max() < 1e-4
    plane.change(lr=0.1, l2=1.0)
    sizes = [one["weight"] for one in plane.frame()["sizes"]]
    train(plane, 200)
    assert all(b["weight"] < 0.2 * a for a, b in zip(sizes, plane.frame()["sizes"], strict=True))
    plane.undo()
    plane.change(lr=0.1, l1=0.3)
    train(plane, 200)
    assert all(b["weight"] < 0.2 * a for a, b in zip(sizes, plane.frame()["sizes"], strict=True))


def test_a_loss_that_bursts_stops_training_and_can_be_taken_back():
    plane = train(Plane(data="slope", layers=[], optimizer="sgd", lr=0.01), 20)
    before = weights(plane)
    plane.change(lr=100)
    with pytest.raises(DataError, match="lower learning rate"):
        train(plane, 2000)
    frame = plane.frame()
    assert np.isfinite(frame["boundary"]["number"]).all()
    assert all(np.isfinite(one["weight"]).all() for one in frame["weights"])
    with pytest.raises(ChainruleError):
        plane.advance(0.0)
    plane._training.model[0].weight.array[...] = np.nan
    assert np.isfinite(plane.frame()["boundary"]["number"]).all()
    with pytest.raises(ChainruleError, match="finite"):
        plane.download("picture")
    with pytest.raises(ChainruleError, match="finite"):
        plane.download("model")
    assert plane.undo()
    assert (weights(plane) == before).all()
    train(plane, 20)
    assert np.isfinite(plane.frame()["loss"]["train"])


@pytest.mark.parametrize("data", ["drawn", "csv"])
def test_without_points_there_is_a_picture_and_a_sentence(data):
    plane = Plane(data=data)
    frame = plane.frame()
    assert frame["steps"] == 0
    assert frame["boundary"]["classes"].shape[0] == 2
    assert np.isnan(frame["loss"]["train"])
    with pytest.raises(DataError, match=r"there (are no points|is no table) yet"):
        plane.advance(0.0)
    assert plane.ask("data", {})["note"]
    for name in plane.DOWNLOADS:
        assert plane.download(name).content


def test_a_single_point_can_be_learned():
    plane = train(Plane(data="drawn", drawn=[[0.5, 0.5, 1]]), 50)
    assert plane.frame()["score"]["train"] == 1
    assert np.isnan(plane.frame()["score"]["test"])
    plane = train(Plane(data="drawn", drawn=[[0.5, 0.5, -0.7]], drawn_as="number"), 150)
    assert plane.frame()["boundary"]["number"].shape[0] > 1
    assert plane.frame()["loss"]["train"] < 1e-3


@pytest.mark.parametrize("activation", SETTINGS["activation"].options)
def test_every_activation_is_recorded(activation):
    plane = train(Plane(activation=activation, layers=[3], points=40), 8)
    assert plane._training._step._step.refusal is None
    assert plane._training._step._step.parts


@pytest.mark.parametrize("init", SETTINGS["init"].options)
def test_first_weights(init):
    plane = Plane(init=init, layers=[200, 200])
    size = plane.frame()["sizes"][1]["weight"]
    expected = {
        "usual": 1 / np.sqrt(3 * 200),
        "xavier": np.sqrt(2 / 400),
        "he": np.sqrt(2 / 200),
        "small": 0.01,
        "large": 3.0,
        "zeros": 0.0,
    }
    assert size == pytest.approx(expected[init], rel=0.05)


def test_a_curve_stays_short():
    plane = train(Plane(points=20, batch_size=14, layers=[2]), 1000)
    curve = plane.frame()["curve"]
    assert 100 < len(curve["epoch"]) <= 401
    assert curve["epoch"][0] == 0
    assert (np.diff(curve["epoch"]) > 0).all()
    assert curve["epoch"][-1] > 980
