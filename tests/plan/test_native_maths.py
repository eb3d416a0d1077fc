"""Exponentials, logarithms and the error function as machine code: errors counted in ulps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule import ops

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.formulas.maths import ULPS
from chainrule.plan.native.executor import Native
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


# --- whole numbers, quotients and tails -----------------------------------------------------------

WHOLES = ["floor_divide", "remainder", "fmod", "bitwise_left_shift", "bitwise_right_shift"]
PAIRS = ["floor_divide", "remainder", "fmod", "hypot", "nextafter"]
EDGES = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e-40, 1e30, -1e30, np.inf, -np.inf, np.nan, 7.0, 0.1]


def both(name, a, b, folder):
    """What machine code gives of two arrays, and what NumPy does."""
    op = ops.REGISTRY[name]
    native = Native(record(lambda a, b: op(a, b), [a, b])[1], folder)
    assert not native.foreign
    return native(a, b)[0], op.forward(a, b)


@pytest.mark.parametrize("name", WHOLES)
@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint32])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_whole_numbers_at_their_ends_are_numpys(name, dtype, folder):
    ends = np.iinfo(dtype)
    numbers = np.array([ends.min, ends.min + 1, 0, 1, 2, 3, 7, ends.max - 1, ends.max], dtype)
    numbers = np.append(numbers, np.array([-1, -2, -7, 31, 32, 64]).astype(dtype))
    a, b = (np.ascontiguousarray(x) for x in np.meshgrid(numbers, numbers))
    found, expected = both(name, a, b, folder)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", PAIRS)
@each_format
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_odd_pairs_of_numbers_are_numpys(name, dtype, folder):
    edges = np.array(EDGES, dtype)
    a, b = (np.ascontiguousarray(x) for x in np.meshgrid(edges, edges))
    found, expected = both(name, a, b, folder)
    eps = 4 * np.finfo(dtype).eps if name == "hypot" else 0
    np.testing.assert_allclose(found, expected, rtol=eps, atol=0)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[known]), np.signbit(expected[known]))


TAILS = {
    "erfc": (-6, 26),
    "erfcx": (-5, 40),
    "erfinv": (-1, 1),
    "ndtri": (0, 1),
    "digamma": (-9.7, 60),
}


@pytest.mark.parametrize("name", TAILS)
@each_format
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_tails_are_numpys(name, dtype, folder):
    low, high = TAILS[name]
    x = np.append(np.linspace(low, high, 2001), [0.0, 0.5, 1.0, -1.0, -2.0, np.nan]).astype(dtype)
    found, expected = native(name, x, folder), ops.REGISTRY[name].forward(x)
    eps = 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, rtol=eps, atol=eps)


@each_format
def test_signs_and_exponents_are_numpys(dtype, folder):
    x = np.append(np.array(EDGES), 2.0 ** np.arange(-148, 127, 3)).astype(dtype)
    for name in ("signbit", "bit_exponent"):
        np.testing.assert_array_equal(native(name, x, folder), ops.REGISTRY[name].forward(x))
