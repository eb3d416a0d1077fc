"""Exponentials, logarithms and the error function as machine code: errors counted in ulps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule import ops

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.executor import Native
from chainrule.plan.native.maths import ULPS
from chainrule.plan.record import record


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


REFERENCES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
}
WIDER = {np.float32: np.float64, np.float64: np.longdouble}
each_function = pytest.mark.parametrize("name", ULPS)
each_format = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("code")


def native(name, x, folder):
    """The op `name` of x as machine code."""
    _, program = record(ops.REGISTRY[name], [x])
    run = Native(program, folder)
    assert not run.foreign
    return run(x)[0]


def numbers(dtype):
    """Numbers of every size and sign: bit patterns in even steps, or drawn at random."""
    if dtype == np.float32:
        return np.arange(0, 1 << 32, 9973, dtype=np.uint64).astype(np.uint32).view(np.float32)
    rng = np.random.default_rng(0)
    wild = rng.integers(0, 1 << 64, 200_000, dtype=np.uint64).view(np.float64)
    tame = rng.normal(size=200_000) * 10.0 ** rng.integers(-12, 3, 200_000)
    return np.concatenate([wild, tame])


def domain(name, x):
    """Where the bound is promised: e^-x overflows in the sigmoid, and erf's factor underflows."""
    if name == "sigmoid":
        return x[~(x < (-87 if x.dtype == np.float32 else -708))]
    if name == "erf":
        size = np.abs(x)
        return x[~((size < 1e3 * np.finfo(x.dtype).tiny) & (size > 0))][::8].copy()
    return x


@each_format
@each_function
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_errors_in_units_of_the_last_place(name, dtype, folder):
    x = domain(name, numbers(dtype))
    y, wide = native(name, x, folder), WIDER[dtype]
    exact = REFERENCES[name](x.astype(wide))
    nearest = exact.astype(dtype)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(nearest))
    known = ~np.isnan(nearest)
    np.testing.assert_array_equal(np.signbit(y[known]), np.signbit(nearest[known]))
    # Infinite where it should be, but for the very last numbers before.
    size = np.where(np.isinf(nearest), np.finfo(dtype).max, np.abs(nearest))
    with np.errstate(all="ignore"):
        error = np.abs(np.where(np.isinf(y) & np.isinf(nearest), 0, y.astype(wide) - exact))
    ulps = np.where(known, error / np.spacing(size), 0)
    worst = np.argmax(ulps)
    assert ulps[worst] <= ULPS[name][dtype == np.float64], (x[worst], y[worst], exact[worst])


@each_format
@each_function
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_numbers_come_out_as_numpys(name, dtype, folder):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, -2.0, 1e4, -1e4], dtype)
    y, expected = native(name, x, folder), ops.REGISTRY[name].forward(x)
    np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(dtype).eps)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[known]), np.signbit(expected[known]))


@each_format
def test_tanh_keeps_its_digits_near_0(dtype, folder):
    x = (10.0 ** np.arange(-30, -1, dtype=np.float64)).astype(dtype)
    np.testing.assert_allclose(native("tanh", x, folder), np.tanh(x), rtol=4 * np.finfo(dtype).eps)
