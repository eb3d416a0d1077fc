"""The stand-in is no kinder than CuPy: its names and keywords, its refusals, its graphs.

CuPy judges what it has, which needs no GPU; where it is not installed those tests are skipped.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from chainrule.backend import arrays
from chainrule.ops import REGISTRY
from chainrule.ops.both import AT_HOME, add_at, extreme_at, multiply_at
from device import standin
from device.standin import names
from device.standin.functions import signature

TABLES = {**names.MAKERS, **names.FUNCTIONS}


@pytest.fixture(scope="module")
def cupy():
    """CuPy, the judge of what it has."""
    return pytest.importorskip("cupy", reason="CuPy is the judge here and is not installed")


@pytest.fixture
def xp():
    """The stand-in."""
    return standin.make()


def arguments(given):
    """Names, kinds and defaults, which is what a call depends on."""
    return [(p.name, p.kind, repr(p.default)) for p in given.parameters.values()]


# --- names and keywords -------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_functions_have_the_arguments_of_cupy(cupy, name):
    theirs = inspect.signature(getattr(cupy, name))
    assert arguments(signature(TABLES[name])[0]) == arguments(theirs)


@pytest.mark.parametrize("name", names.LINALG)
def test_solvers_have_the_arguments_of_cupy(cupy, name):
    theirs = inspect.signature(getattr(cupy.linalg, name))
    assert arguments(signature(names.LINALG[name])[0]) == arguments(theirs)


def test_other_names_are_those_of_cupy(cupy, xp):
    own = {name for name in vars(xp) if not name.startswith("_")}
    assert own <= set(dir(cupy))
    assert all(isinstance(getattr(cupy, name), cupy.ufunc) for name in names.UFUNCS)


def test_the_array_has_no_more_than_that_of_cupy(cupy, xp):
    assert {n for n in dir(xp.ndarray) if not n.startswith("_")} <= set(dir(cupy.ndarray))


@pytest.mark.parametrize("name", ["Stream", "Event", "Graph", "Device", "MemoryPool"])
def test_classes_of_cuda_have_no_more_than_those_of_cupy(cupy, xp, name):
    own = {n for n in dir(getattr(xp.cuda, name)) if not n.startswith("_")}
    assert own <= set(dir(getattr(cupy.cuda, name)))


# --- refusals -----------------------------------------------------------------------------------

REFUSED = {
    "read by NumPy": (TypeError, lambda xp, a: np.asarray(a)),
    "an array of the host in a ufunc": (TypeError, lambda xp, a: a + np.ones(3)),
    "one without dimensions": (TypeError, lambda xp, a: np.add(a, np.array(1.0))),
    "one in a list": (TypeError, lambda xp, a: xp.concatenate([a, np.ones((2, 3))])),
    "a result for the host": (TypeError, lambda xp, a: np.add(a, 1, out=np.ones((2, 3)))),
    "where=": (TypeError, lambda xp, a: np.add(a, 1, where=a > 0)),
    "initial=": (TypeError, lambda xp, a: np.sum(a, initial=0)),
    "a list": (TypeError, lambda xp, a: xp.sum([1, 2])),
    "a scan by the maximum": (NotImplementedError, lambda xp, a: np.maximum.accumulate(a)),
    "a product at places": (NotImplementedError, lambda xp, a: np.multiply.at(a, [0], 1)),
    "a name that is not there": (TypeError, lambda xp, a: np.einsum_path("ij->i", a)),
    "objects": (ValueError, lambda xp, a: xp.zeros(3, dtype=object)),
    "an index of Python's": (TypeError, lambda xp, a: range(xp.arange(3)[0])),
    "two masks": (ValueError, lambda xp, a: a[xp.ones(2, bool), xp.ones(3, bool)]),
    "a place outside": (IndexError, lambda xp, a: a[7]),
    "a sum of int64 at places": (TypeError, lambda xp, a: xp.add.at(xp.arange(3), [0], 1)),
    "another device": (ValueError, lambda xp, a: _elsewhere(xp) + a),
}


def _elsewhere(xp):
    with xp.cuda.Device(1):
        return xp.ones((2, 3))


@pytest.mark.parametrize("what", REFUSED)
def test_what_cupy_refuses_is_refused(xp, what):
    error, attempt = REFUSED[what]
    with pytest.raises(error):
        attempt(xp, xp.ones((2, 3)))


def test_places_in_arrays_wrap_around_without_a_word(xp):
    assert xp.arange(3)[xp.asarray([5, -1])].get().tolist() == [2, 2]


def test_a_reduction_gives_an_array(xp):
    total = xp.ones(3).sum()
    assert type(total) is xp.ndarray
    assert total.shape == ()


# --- streams that are captured ------------------------------------------------------------------


def test_a_graph_does_again_what_its_stream_was_given(xp):
    x = xp.arange(3.0)
    stream = xp.cuda.Stream()
    with stream:
        stream.begin_capture()
        y = (x * 2).sum()
        x += 1
        graph = stream.end_capture()
    assert np.isnan(y.get())  # nothing has been computed
    assert x.get().tolist() == [0, 1, 2]
    for total in (6.0, 12.0):
        graph.launch()
        assert float(y) == total


def test_nothing_waits_while_a_stream_is_captured(xp):
    stream = xp.cuda.Stream()
    with stream:
        stream.begin_capture()
        with pytest.raises(xp.cuda.runtime.CUDARuntimeError, match="captured"):
            xp.ones(2).get()
        stream.end_capture()


# --- what bodies do in both ways ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8", "bool"])
def test_sums_at_places_are_those_of_numpy(gpu, dtype):
    place, x = np.array([1, 1, 0, 3, 1]), np.array([1, 1, 0, 1, 1]).astype(dtype)
    expected, found = np.zeros(4, dtype), arrays.to_gpu(np.zeros(4, dtype))
    np.add.at(expected, place, x)
    add_at(found, arrays.to_gpu(place), arrays.to_gpu(x))
    assert found.get().tolist() == expected.tolist()


@pytest.mark.parametrize("at", [multiply_at, lambda *a: extreme_at(*a, True)], ids=["prod", "max"])
def test_products_and_extremes_at_places_are_those_of_numpy(gpu, at):
    place, x = np.array([1, 1, 0, 3, 1]), np.array([2.0, 3.0, 5.0, 0.5, 7.0])
    expected = np.array([1.0, 2.0, 3.0, 4.0])
    found = arrays.to_gpu(expected)
    at(expected, place, x)
    at(found, arrays.to_gpu(place), arrays.to_gpu(x))
    assert found.get().tolist() == expected.tolist()


def test_the_page_names_the_operations_that_come_home():
    assert set(AT_HOME) <= set(REGISTRY)
    page = Path(__file__).parents[2] / "docs" / "gpu.md"
    if not page.exists():
        pytest.skip("the documentation is not here")
    start = page.read_text(encoding="utf-8").split("each call waits for the GPU:")[1]
    named = re.findall(r"`(\w+)`", start.partition(";")[0])
    assert sorted(named) == sorted(AT_HOME)
