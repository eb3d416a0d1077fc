"""The plane's frames: shapes, what they mean, and how large they become."""

import time
from itertools import pairwise

import numpy as np
import pytest

from chainrule.playground import Plane
from chainrule.playground.engine.plane.frames import grid
from chainrule.playground.service.encoding import encoded


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": [], "data": "spiral", "features": ["x1", "x2", "x1x2", "sin_x1"]},
        {"layers": [64, 64, 64], "data": "waves"},
        {"layers": [100, 3], "data": "blobs", "dropout": 0.2},
        {"layers": [24] * 32},
    ],
    ids=["usual", "linear", "wide", "unequal", "deep"],
)
def test_shapes(options):
    plane = Plane(**options)
    plane.advance(0.0, most=1)
    frame = plane.frame()
    units = [len(plane.settings["features"]), *plane.settings["layers"]]
    units.append(len(frame["classes"]) or 1)
    assert [layer["units"] for layer in frame["layers"]] == units
    hidden = [f"hidden {k + 1}" for k in range(len(units) - 2)]
    assert [layer["name"] for layer in frame["layers"]] == ["features", *hidden, "output"]
    shown = [len(layer["maps"]) for layer in frame["layers"]]
    assert all(1 <= s <= min(64, n) for s, n in zip(shown, units, strict=True))
    side = frame["layers"][0]["maps"].shape[1]
    for layer, s in zip(frame["layers"], shown, strict=True):
        assert layer["maps"].shape == (s, side, side)
        assert layer["maps"].dtype == np.uint8
        assert layer["low"].shape == layer["high"].shape == (s,)
    for one, a, b in zip(frame["weights"], shown, shown[1:], strict=False):
        assert one["weight"].shape == one["weight_gradient"].shape == (b, a)
        assert one["bias"].shape == one["bias_gradient"].shape == (b,)
        assert all(array.dtype == np.float32 for array in one.values())
    assert [one["name"] for one in frame["sizes"]] == [*hidden, "output"]
    assert all(one["update"] > 0 for one in frame["sizes"])
    assert frame["params"] == sum((a + 1) * b for a, b in pairwise(units))
    assert frame["kind"] == ("classes" if frame["classes"] else "number")
    assert len(encoded(frame)) < 300_000


def test_maps_are_images_of_the_plane():
    plane = Plane(features=["x1", "x2"])
    left_to_right, bottom_to_top = plane.frame()["layers"][0]["maps"].astype(int)
    assert (np.diff(left_to_right, axis=1) > 0).all()
    assert (np.diff(left_to_right, axis=0) == 0).all()
    assert (np.diff(bottom_to_top, axis=0) < 0).all()
    layer = plane.frame()["layers"][0]
    assert (layer["low"] == -layer["high"]).all()
    assert 1.9 < layer["high"][0] < 2.0


def test_maps_and_boundary_agree_with_questions():
    plane = Plane(data="blobs", seed=3)
    for _ in range(40):
        plane.advance(time.perf_counter() + 0.01, most=20)
    frame = plane.frame()
    side = frame["boundary"]["classes"].shape[-1]
    row, column = 11, 40
    x, y = map(float, grid(frame["span"], side).reshape(side, side, 2)[row, column])
    looked = plane.ask("look", {"x": x, "y": y})
    said = frame["boundary"]["classes"][:, row, column] / 255
    assert np.allclose(looked["output"]["probabilities"], said, atol=0.01)
    fine = side // frame["layers"][1]["maps"].shape[1]
    hidden = frame["layers"][1]
    row, column = 5, 9
    at = grid(frame["span"], side).reshape(side, side, 2)[fine // 2 :: fine, fine // 2 :: fine]
    x, y = map(float, at[row, column])
    value = hidden["low"] + (hidden["high"] - hidden["low"]) * hidden["maps"][:, row, column] / 255
    looked = plane.ask("look", {"x": x, "y": y})
    assert np.allclose(looked["layers"][1]["values"], value, atol=0.02)


def test_gradients_are_those_of_the_loss():
    plane = Plane(layers=[3], data="xor", points=60)
    before = plane.frame()
    weight = plane._training.model[0].weight.array
    weight[1, 0] += 1e-2
    after = plane.frame()["loss"]["train"]
    weight[1, 0] -= 2e-2
    slope = (after - plane.frame()["loss"]["train"]) / 2e-2
    assert slope == pytest.approx(before["weights"][0]["weight_gradient"][1, 0], rel=0.02, abs=1e-5)


def test_update_is_what_the_last_step_changed():
    plane = Plane(optimizer="sgd", batch_size=5000, layers=[3], lr=0.1)
    plane.advance(time.perf_counter() + 0.05, most=9)
    before = plane.frame()
    plane.advance(0.0, most=1)
    after = plane.frame()
    for now, then in zip(after["sizes"], before["sizes"], strict=True):
        assert now["update"] * now["weight"] == pytest.approx(0.1 * then["gradient"], rel=1e-3)


def test_data_version_says_when_points_are_others():
    plane = Plane()
    first = plane.frame()["data_version"]
    plane.change(layers=[2])
    assert plane.frame()["data_version"] == first
    plane.change(noise=0.2)
    second = plane.frame()["data_version"]
    assert second != first
    plane.undo()
    assert plane.frame()["data_version"] == first
    plane.change(seed=4)
    assert plane.frame()["data_version"] not in (first, second)


def test_all_points_are_within_the_span():
    for data in ("moons", "blobs", "ring"):
        plane = Plane(data=data, noise=0.5, points=2000)
        shown, span = plane.ask("data", {}), plane.frame()["span"]
        assert span > 2
        for part in ("train", "test"):
            assert np.abs(shown[part]["x"]).max() <= span
        assert [axis["high"] for axis in shown["axes"]] == [span, span]
    assert Plane(data="spiral").frame()["span"] == 1.5
    shown = Plane(points=100, share=0.7).ask("data", {})
    assert (len(shown["train"]["x"]), len(shown["test"]["y"])) == (70, 30)
    assert shown["classes"] == ["upper", "lower"]
