"""`Examples`: what it refuses, and that a split is stratified and repeatable."""

import doctest
import importlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.examples import Examples
from chainrule.errors import DataError, OptionError

MODULES = [
    "tables.csvfile",
    "digits",
    "examples",
    "fetch",
    "idx",
    "images",
    "load",
    "mnist",
    "places",
    "tables.table",
    "toys",
]


def make(n=10, classes=("a", "b"), **changes):
    parts = {
        "name": "some",
        "x": np.arange(2.0 * n).reshape(n, 2),
        "y": np.arange(n) % 2,
        "classes": classes,
        "about": "made here",
    }
    return Examples(**{**parts, **changes})


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(f"chainrule.data.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0 or name == "mnist"  # its example would download


def test_import_is_light():
    modules = ", ".join(f"chainrule.data.{name}" for name in MODULES)
    heavy = "('PIL', 'pooch', 'requests', 'rich', 'sklearn', 'pandas', 'torch')"
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_labels_are_int64_and_numbers_float32():
    assert make(y=(np.arange(10) % 2).astype(np.uint8)).y.dtype == np.int64
    numbers = make(classes=None, y=np.linspace(0, 1, 10))
    assert numbers.y.dtype == np.float32
    assert numbers.counts() == {}


def test_is_image():
    assert not make().is_image
    images = make(x=np.zeros((10, 1, 4, 6), np.uint8), levels=255.0)
    assert images.is_image
    assert "10 images 1x4x6" in repr(images)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y": np.zeros(9, int)}, "one answer is due for each of 10"),
        ({"y": np.zeros((10, 1), int)}, "one answer is due"),
        ({"y": np.array([0] * 6 + [2] * 4)}, "outside the classes: row 6 .* holds 2.* 0 to 1"),
        ({"y": np.array([0, -1] + [0] * 8)}, "outside the classes: row 1 .* holds -1"),
        ({"y": np.zeros(10)}, "labels are whole numbers"),
        ({"y": np.array(["a"] * 10)}, "labels are whole numbers"),
        ({"y": np.array(["a"] * 10), "classes": None}, "answers are numbers"),
        ({"y": np.array([0] * 9 + [np.nan]), "classes": None}, "y holds nan in row 9"),
        ({"y": np.array([0] * 9 + [1e300]), "classes": None}, "y holds inf in row 9"),
        ({"classes": ("a", "a")}, "name of its own"),
        ({"classes": ()}, "name of its own"),
        ({"x": np.zeros(10)}, r"\(N, features\) or \(N, C, H, W\)"),
        ({"x": np.full((10, 2), "a")}, "inputs are numbers"),
        ({"x": np.array([[0.0, 1.0]] * 3 + [[np.inf, 0]] * 7)}, "x holds inf in row 3"),
        ({"columns": ("one",)}, "1 column names do not fit"),
        ({"test": make(x=np.zeros((10, 3)))}, "those of the test part"),
        ({"test": make(classes=("a", "c"))}, "other classes"),
    ],
)
def test_parts_that_do_not_fit(changes, words):
    with pytest.raises(DataError, match=words):
        make(**changes)


def test_take():
    some = make(test=make(4))
    taken = some.take([3, 0])
    assert taken.x.tolist() == [[6, 7], [0, 1]]
    assert taken.y.tolist() == [1, 0]
    assert taken.test is some.test
    assert len(some.take(some.y == 1)) == 5
    assert len(some.take([])) == 0


@pytest.mark.parametrize("indices", [[10], [-11], [0.5], [[0]], "a"])
def test_take_refuses(indices):
    with pytest.raises(OptionError):
        make().take(indices)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_split_refuses_a_share(share):
    with pytest.raises(OptionError, match="between 0 and 1"):
        make().split(share)


def test_split_of_too_few():
    with pytest.raises(DataError, match="nothing can be held out of 2"):
        make(2).split(0.5)
    with pytest.raises(DataError, match="nothing can be held out of 0"):
        make(0).split(0.5)


def test_split_parts_and_seed():
    some = make(100, test=make(4))
    rest, held = some.split(0.2, seed=1)
    assert rest.test is some.test
    assert held.test is None
    assert len(rest) == 80
    assert held.counts() == {"a": 10, "b": 10}
    both = np.concatenate([rest.x, held.x])
    assert sorted(map(tuple, both)) == sorted(map(tuple, some.x))
    again = some.split(0.2, seed=1)[1]
    assert (again.x == held.x).all()
    assert (some.split(0.2, seed=2)[1].x != held.x).any()


def test_split_of_numbers():
    rest, held = make(10, classes=None).split(0.3)
    assert (len(rest), len(held)) == (7, 3)


@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_split_is_stratified(sizes, share, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    classes = tuple(f"c{k}" for k in range(len(sizes)))
    some = make(len(y), classes=classes, y=y)
    try:
        rest, held = some.split(share, seed)
    except DataError:
        assert max(sizes) < 2
        return
    kept = np.array(list(rest.counts().values()))
    taken = np.array(list(held.counts().values()))
    assert (kept + taken == sizes).all()
    assert (kept >= np.minimum(sizes, 1)).all()
    assert (np.abs(taken - share * np.array(sizes)) <= 1 + 1e-9).all() or len(held) == 1
    assert 1 <= len(held) <= round(share * len(y)) or len(held) == 1
