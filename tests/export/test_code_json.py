"""A small network as JSON: the same numbers back, and files from outside that are refused."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import from_numpy, nn
from chainrule.errors import DataError
from chainrule.export import read_json, write_json
from chainrule.export.plain import json_text

NETWORK = nn.Sequential(
    *(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)),
    nn.Sequential(nn.Linear(3, 3), nn.Tanh()),
)


def changed(path, change):
    """The file with something in it that is not as it was."""
    content = json.loads(json_text(nn.Linear(2, 3)))
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_the_same_numbers_come_back(tmp_path):
    cr.manual_seed(0)
    write_json(tmp_path / "net.json", NETWORK, {"classes": ["a", "é", '"']})
    model, about = read_json(tmp_path / "net.json")
    assert about == {"classes": ["a", "é", '"']}
    assert not model.training
    own, back = NETWORK.state_dict(), model.state_dict()
    assert list(own) == list(back)
    for name in own:
        assert own[name].numpy().tobytes() == back[name].numpy().tobytes()
        assert own[name].dtype == back[name].dtype
    x = cr.randn(2, 1, 4, 4)
    np.testing.assert_array_equal(model(x).detach(), NETWORK.eval()(x).detach())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_no_digit_is_lost(values):
    layer = nn.Linear(3, 1, bias=False)
    layer.weight.data.copy_(from_numpy(np.array([values], np.float32)))
    back = np.array(json.loads(json_text(layer))["weights"]["weight"], np.float32)
    assert back.tobytes() == layer.weight.detach().numpy().tobytes()


def test_a_person_can_read_it():
    text = json_text(NETWORK)
    assert all(len(line) < 200 for line in text.splitlines())
    assert '      "2": {"type": "ReLU"' in text
    assert sum(line.startswith("      [") for line in text.splitlines()) >= 6


def test_a_large_network_is_refused():
    with pytest.raises(DataError, match=r"2,002,000 numbers is too large .* safetensors"):
        json_text(nn.Linear(1000, 2000))


def test_what_is_not_finite_is_refused():
    layer = nn.Linear(1, 1)
    layer.bias.data.fill_(np.nan)
    with pytest.raises(DataError, match="'bias' holds numbers that are not finite"):
        json_text(layer)


def test_what_no_file_can_describe_is_refused(tmp_path):
    class Own(nn.Module):
        def forward(self, x):
            return x

    with pytest.raises(DataError, match="a Own is not a layer"):
        write_json(tmp_path / "net.json", Own())
    assert not list(tmp_path.iterdir())


def huge(content):
    content["network"]["in_features"] = 10**9


def deep(content):
    nested = 0.0
    for _ in range(60):
        nested = [nested]
    content["weights"]["weight"] = nested


WRONG = {
    "of another kind": (lambda c: c.update(format="x"), '"format" must be'),
    "unknown layer": (lambda c: c["network"].update(type="Evil"), "unknown layer 'Evil'"),
    "too large": (huge, "in_features in the description cannot be"),
    "fewer": (lambda c: c["weights"].pop("bias"), "more weights than the 6 numbers"),
    "missing": (lambda c: c["weights"].update(z=c["weights"].pop("bias")), "'bias' is missing"),
    "of no layer": (lambda c: c["weights"].update(more=[1]), "'more' is of no layer"),
    "ragged": (lambda c: c["weights"].update(weight=[[1, 2], [3], [4, 5, 6]]), "the shape"),
    "flat": (lambda c: c["weights"].update(weight=[1, 2, 3, 4, 5, 6]), "the shape"),
    "deep": (deep, "at most 16 dimensions"),
    "text": (lambda c: c["weights"].update(bias=["1", 2, 3]), "must hold numbers"),
    "truth": (lambda c: c["weights"].update(bias=[True, 2, 3]), "must hold numbers"),
    "overflowing": (lambda c: c["weights"].update(bias=[1e39, 2, 3]), "has no room for"),
    "without end": (lambda c: c["weights"].update(bias=[10**400, 2, 3]), "has no room for"),
    "no object": (lambda c: c.update(weights=[]), "must be objects"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_from_outside(wrong, tmp_path):
    change, sentence = WRONG[wrong]
    with pytest.raises(DataError, match=sentence):
        read_json(changed(tmp_path / "net.json", change))


@pytest.mark.parametrize("text", ["", "[", "NaN", "[" * 100_000, '{"format": Infinity}', "\x00"])
def test_what_is_no_json(text, tmp_path):
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(DataError, match="is not whole JSON"):
        read_json(tmp_path / "net.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path / "net.json")


CONTENT = json_text(nn.Sequential(nn.Linear(2, 2), nn.ReLU())).encode()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(CONTENT) - 1), st.binary(max_size=4), st.integers(0, 6))
def test_damaged_anywhere_it_is_read_or_refused(tmp_path_factory, place, more, gone):
    path = tmp_path_factory.mktemp("damaged", numbered=True) / "net.json"
    path.write_bytes(CONTENT[:place] + more + CONTENT[place + gone :])
    with contextlib.suppress(DataError):
        read_json(path)
