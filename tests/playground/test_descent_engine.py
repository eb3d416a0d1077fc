"""Descents: grounds, ways, what became of them, steps spelled out, and the files."""

import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import OptionError
from chainrule.playground import Descent
from chainrule.playground.engine.descent.grounds import GROUNDS
from chainrule.playground.engine.descent.optimizers import OPTIMIZERS
from chainrule.playground.engine.descent.slopes import slopes
from chainrule.playground.service.encoding import encoded

each_ground = pytest.mark.parametrize("name", GROUNDS)
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
EVERYBODY = list(OPTIMIZERS)


# --- grounds ------------------------------------------------------------------------------------


@each_ground
def test_the_lowest_places_are_the_lowest_of_their_valleys(name):
    ground = GROUNDS[name]
    for place in ground.minima:
        around = [np.array(place) + off for off in 1e-3 * np.eye(ground.dims)]
        around += [np.array(place) - off for off in 1e-3 * np.eye(ground.dims)]
        here = float(ground.at(np.array(place)))
        assert all(float(ground.at(one)) > here for one in around), place
        if name != "kink":
            assert np.abs(slopes(ground, place).gradient).max() < 1e-9, place


@each_ground
def test_no_place_of_the_picture_is_lower(name):
    ground = GROUNDS[name]
    sides = [np.linspace(low, high, 301) for low, high in zip(ground.low, ground.high, strict=True)]
    lowest = float(np.min(ground.height(*np.meshgrid(*sides))))
    minima = np.asarray(ground.at(np.array(ground.minima)))
    assert minima[0] == minima.min() or math.isclose(minima[0], minima.min(), abs_tol=1e-9)
    assert lowest >= minima.min() - 1e-9


@pytest.mark.parametrize("name", [name for name in GROUNDS if GROUNDS[name].curvature])
def test_a_curvature_that_is_the_same_everywhere_is_what_derivatives_say(name):
    ground, generator = GROUNDS[name], np.random.default_rng(0)
    for _ in range(3):
        there = slopes(ground, generator.uniform(ground.low, ground.high))
        assert there.curvatures[-1] == pytest.approx(ground.curvature)
        assert there.stable == pytest.approx(2 / ground.curvature)


# --- ways ---------------------------------------------------------------------------------------


@each_optimizer
def test_a_way_is_the_optimisers_own(name):
    session = Descent(function="ravine", optimizers=[name], steps=20, lr=0.01, lr_adaptive=0.05)
    p = cr.tensor([-3.6, 2.0], dtype=cr.float64, requires_grad=True)
    made = {
        "sgd": lambda: optim.SGD([p], 0.01),
        "momentum": lambda: optim.SGD([p], 0.01, momentum=0.8),
        "nesterov": lambda: optim.SGD([p], 0.01, momentum=0.8, nesterov=True),
        "rmsprop": lambda: optim.RMSprop([p], 0.05, alpha=0.9),
        "adagrad": lambda: optim.Adagrad([p], 0.05),
        "adam": lambda: optim.Adam([p], 0.05),
        "adamw": lambda: optim.AdamW([p], 0.05),
    }
    optimizer, path = made[name](), [p.tolist()]
    for _ in range(20):
        optimizer.zero_grad()
        ((p[0] ** 2 + 50 * p[1] ** 2) / 2).backward()
        optimizer.step()
        path.append(p.tolist())
    found = session.frame()["paths"][name]
    np.testing.assert_allclose(found["x"], path, rtol=1e-6)
    heights = [(x * x + 50 * y * y) / 2 for x, y in path]
    np.testing.assert_allclose(found["value"], heights, rtol=1e-5, atol=1e-7)


def test_plain_descent_on_a_parabola_is_a_geometric_series():
    path = Descent(function="parabola", optimizers=["sgd"], lr=0.1, start_x=2.0, steps=30)
    x = path.frame()["paths"]["sgd"]["x"][:, 0]
    np.testing.assert_allclose(x, 2.0 * 0.8 ** np.arange(31), rtol=1e-6)


def test_noise_is_the_same_for_the_same_seed_and_for_everybody():
    told = {"function": "bowl", "noise": 0.5, "steps": 30}
    one, same, other = (Descent(**told, seed=seed).frame()["paths"] for seed in (1, 1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name]["x"], same[name]["x"])
        assert np.abs(one[name]["x"] - other[name]["x"]).max() > 1e-3
    alone = Descent(**told, seed=1, optimizers=["momentum"]).frame()["paths"]
    np.testing.assert_array_equal(alone["momentum"]["x"], one["momentum"]["x"])


@pytest.mark.parametrize(
    ("settings", "name", "note"),
    [
        (
            {"function": "parabola", "lr": 1.05, "start_x": -0.3},
            "sgd",
            "oversteps: the curvature is 2, so rates above 2/2 = 1 diverge; "
            "left the picture at step 25",
        ),
        ({"function": "parabola", "lr": 0.9}, "sgd", "at the lowest point from step 14 on"),
        ({"function": "parabola", "start_x": 0.0}, "adam", "at the lowest point from the start"),
        (
            {"function": "valleys", "momentum": 0.9},
            "sgd",
            "in a local valley from step 10 on, 0.6 above the lowest point",
        ),
        ({"function": "valleys", "momentum": 0.9}, "momentum", "at the lowest point from step 46"),
        ({"function": "himmelblau"}, "adam", "at a lowest point from step 41 on"),
        (
            {"function": "plateau", "start_x": 3.9, "start_y": 3.9},
            "sgd",
            "stands where there is next to no slope",
        ),
        ({"function": "saddle", "start_y": 0.0}, "sgd", "stands where there is next to no slope"),
        ({"function": "rosenbrock"}, "rmsprop", "on its way"),
    ],
)
def test_what_became_of_it_is_told(settings, name, note):
    assert Descent(**settings).frame()["paths"][name]["note"].startswith(note)


def test_who_leaves_is_cut_off_and_nothing_overflows():
    session = Descent(function="rosenbrock", lr=100, steps=500, optimizers=EVERYBODY)
    paths = session.frame()["paths"]
    assert len(paths["sgd"]["value"]) == 2
    assert paths["sgd"]["left"] == 1
    assert all(np.isfinite(path["value"]).all() for path in paths.values())


# --- settings -----------------------------------------------------------------------------------


def test_another_function_comes_with_its_own_start_and_rates():
    session = Descent(function="parabola", start_x=1.0, lr=0.3)
    session.change(function="rosenbrock")
    assert session.start == [-1.5, 2.0]
    assert session.used["lr"] == GROUNDS["rosenbrock"].lr
    session.change(function="bowl", start_x=1.5)
    assert session.start == [1.5, 2.0]
    session.undo()
    session.undo()
    assert session.settings["function"] == "parabola"
    assert session.frame()["paths"]["sgd"]["x"][0] == 1.0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"start_x": 3.5}, "start_x must be from -3 to 3 on this function, got 3.5"),
        ({"start_x": float("nan")}, "start_x must be from -10 to 10, got nan"),
        ({"lr": -1}, "lr must be from 0 to 100, got -1"),
        ({"lr": "quick"}, "lr must be from 0 to 100, got 'quick'"),
        ({"steps": 100_000}, "steps must be a whole number from 1 to 500, got 100000"),
        ({"optimizers": []}, "optimizers must be a list of at least one of sgd, momentum"),
        ({"function": "parabole"}, "function must be one of parabola, .* did you mean"),
        ({"momentum": 1.0}, "momentum must be from 0.01 to 0.999, got 1"),
    ],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(given, sentence):
    session = Descent(function="parabola")
    before = encoded(session.frame())
    with pytest.raises(OptionError, match=sentence):
        session.change(**given)
    assert encoded(session.frame()) == before
    assert not session.can_undo


def test_a_frame_is_plain_and_small():
    for name in GROUNDS:
        session = Descent(function=name, optimizers=EVERYBODY, steps=500)
        text = encoded(session.frame())
        assert len(text) < 300_000, name
        json.loads(text)


# --- questions ----------------------------------------------------------------------------------


def test_height_slope_and_curvature_at_a_point():
    session = Descent(function="rosenbrock")
    there = session.ask("at", {"x": 0.5, "y": -0.25})
    assert there["value"] == pytest.approx(0.25 + 100 * 0.25)
    np.testing.assert_allclose(there["gradient"], [-1 - 400 * 0.5 * -0.5, 200 * -0.5])
    matrix = [[2 - 400 * -0.25 + 1200 * 0.25, -200], [-200, 200]]
    np.testing.assert_allclose(there["curvatures"], np.linalg.eigvalsh(matrix))
    assert there["stable"] == pytest.approx(2 / np.linalg.eigvalsh(matrix)[-1])


def test_where_nothing_curves_upwards_no_rate_is_too_large():
    there = Descent(function="kink").ask("at", {"x": 1.0})
    assert there["stable"] == math.inf
    assert there["gradient"].tolist() == [1.0]


@each_optimizer
@pytest.mark.parametrize("ground", ["waves", "hollows"])
def test_a_step_spelled_out_is_the_step_that_was_taken(name, ground):
    session = Descent(function=ground, optimizers=[name], steps=12, noise=0.1)
    points = session.frame()["paths"][name]["x"]
    for step in (1, 2, 12):
        told = session.ask("step", {"optimizer": name, "step": step})
        assert told["off"] < 1e-12
        np.testing.assert_allclose(told["from"], points[step - 1], rtol=1e-6)
        np.testing.assert_allclose(told["to"], points[step], rtol=1e-6)
        assert len(told["lines"][0]["numbers"]) == GROUNDS[ground].dims


@each_optimizer
def test_the_numbers_come_to_what_stands_behind_the_last_sign(name):
    session = Descent(function="himmelblau", optimizers=[name], steps=5)
    for line in session.ask("step", {"optimizer": name, "step": 4})["lines"][1:]:
        for text, value in zip(line["numbers"], line["values"], strict=True):
            sum_, _, said = text.rpartition(" = ")
            assert float(said.replace("−", "-")) == pytest.approx(value, rel=1e-4)
            assert arithmetic(sum_) == pytest.approx(value, rel=2e-3, abs=1e-4)


def arithmetic(text):
    """The value of a sum as a page writes it: numbers, + − · / ^ ² √ and brackets."""
    for sign, operator in {"−": "-", "·": "*", "²": "**2", "^": "**"}.items():
        text = text.replace(sign, operator)
    text = re.sub(r"√([\d.e-]+)", r"(\1)**0.5", text)
    assert re.fullmatch(r"[-+*/ ().e\d]+", text), text
    return eval(text, {"__builtins__": {}})  # of our own text, whose letters were just checked


@pytest.mark.parametrize(
    ("question", "values", "sentence"),
    [
        ("at", {}, "x must be from .* got None"),
        ("at", {"x": float("inf"), "y": 0}, "x must be from"),
        ("at", {"x": 0, "y": "0"}, "y must be from .* got '0'"),
        ("step", {}, "optimizer must be the name of one, got None"),
        ("step", {"optimizer": ["sgd"], "step": 1}, "optimizer must be the name of one"),
        ("step", {"optimizer": "adamw", "step": 1}, "adamw"),
        ("step", {"optimizer": "sgd", "step": 0}, "step must be a whole number from 1 to 100"),
        ("step", {"optimizer": "sgd", "step": 101}, "step must be a whole number from 1 to 100"),
        ("slope", {}, "there is no question 'slope'; there are at, step"),
    ],
)
def test_questions_about_what_is_not_there_are_refused(question, values, sentence):
    with pytest.raises(OptionError, match=sentence):
        Descent().ask(question, values)


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"function": "ravine", "optimizers": EVERYBODY, "noise": 0.2, "seed": 3, "steps": 40},
        {"function": "cliff", "optimizers": ["sgd", "adam"], "lr": 1.5, "steps": 40},
        {"function": "parabola", "optimizers": ["sgd", "nesterov"], "lr": 1.05, "start_x": -0.3},
    ],
)
def test_the_script_runs_and_comes_to_the_same(settings, tmp_path):
    session = Descent(**settings)
    (tmp_path / "descent.py").write_bytes(session.download("script").content)
    run = subprocess.run(
        [sys.executable, "-W", "error", "descent.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = dict(line.split(": ", 1) for line in run.stdout.splitlines())
    paths = session.frame()["paths"]
    assert said.keys() == paths.keys()
    for name, path in paths.items():
        steps, height = re.match(r"(\d+) steps, f = (\S+) at", said[name]).groups()
        assert int(steps) == len(path["value"]) - 1
        assert float(height) == pytest.approx(float(path["value"][-1]), rel=1e-6, abs=1e-12)
    drawn = list(tmp_path.glob("*.svg"))
    assert len(drawn) == (1 if session.ground.dims > 1 else len(paths))


@pytest.mark.parametrize("function", ["saddle", "valleys"])
def test_the_picture_names_everybody(function):
    session = Descent(function=function, optimizers=["sgd", "adam"])
    name, kind, content = session.download("picture")
    assert (name, kind) == ("descent.svg", "image/svg+xml")
    text = " ".join(ET.fromstring(content).itertext())
    assert "plain descent" in text
    assert "Adam" in text
