"""Running sums, what is sorted, and normal numbers as machine code, against their forwards."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.executor import Native
from chainrule.plan.record import record

RNG = np.random.default_rng(0)


def numbers(*shape, dtype=np.float32):
    return RNG.integers(-9, 9, shape).astype(dtype) / np.asarray(4, dtype=dtype)


def assert_native(function, arrays, folder, threads=1, near=0.0):
    """Let machine code alone give what the function gives."""
    _, program = record(function, arrays)
    native = Native(program, folder, threads)
    assert not native.foreign
    found, expected = native(*arrays)[0], np.asarray(function(*arrays))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=near, atol=near)


RUNNING = ("cumsum", "cumprod", "running_argmax", "running_argmin", "logcumsumexp")
SHAPES = [((7,), 0), ((3, 40, 5), 1), ((3, 40, 5), -1), ((40, 6), 0), ((2, 0, 3), 1), ((3, 0), 0)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
@pytest.mark.parametrize("name", RUNNING)
def test_along_a_line(name, shape, dim, dtype, folder):
    op, x = getattr(ops, name), numbers(*shape, dtype=dtype)
    near = 64 * np.finfo(dtype).eps if name == "logcumsumexp" else 0
    assert_native(lambda x: op(x, dim=dim), [x], folder, near=near)
    if x.size and name != "logcumsumexp":
        x[(..., *[0] * (x.ndim - 1))] = np.nan
        assert_native(lambda x: op(x, dim=dim), [x], folder)


@pytest.mark.parametrize("name", RUNNING[:4])
def test_of_arrays_that_do_not_lie_in_order(name, folder):
    op, x = getattr(ops, name), numbers(6, 7, 8)
    for dim in range(3):
        turned = lambda x: op(ops.permute(x, dims=(2, 0, 1)), dim=dim)  # noqa: B023, E731
        assert_native(turned, [x], folder)
        assert_native(lambda x: op(ops.flip(x, dim=dim), dim=dim), [x], folder)  # noqa: B023


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.bool_], ids=lambda d: d.__name__)
def test_sums_of_whole_numbers(dtype, folder):
    x = RNG.integers(0, 3, (5, 6)).astype(dtype)
    assert_native(lambda x: ops.cumsum(x, dim=1), [x], folder)
    assert_native(lambda x: ops.cumprod(x, dim=0), [x], folder)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dim", [0, 1])
def test_many_lines(dim, threads, folder):
    x = numbers(900, 1100)
    assert_native(lambda x: ops.cumsum(x, dim=dim), [x], folder, threads)
    assert_native(lambda x: ops.running_argmax(x, dim=dim), [x], folder, threads)


# --- normal numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])
@pytest.mark.parametrize("shape", [(), (2,), (7, 5), (0, 3), (300, 401)], ids=str)
def test_normal_numbers(shape, dtype, threads, folder):
    state = ops.new_state(3)
    _, program = record(
        lambda x: ops.mul(ops.random_normal(state, shape=shape, dtype=dtype), x),
        [np.ones((), dtype)],
    )
    native, same = Native(program, folder, threads), state.copy()
    assert not native.foreign
    for _ in range(2):
        expected = ops.random_normal(same, shape=shape, dtype=dtype)
        found = native(np.ones((), dtype))[0]
        np.testing.assert_array_equal(state, same)
        near = 8 * np.finfo(dtype).eps
        np.testing.assert_allclose(found, expected, rtol=near, atol=near)


# --- sorting ------------------------------------------------------------------------------------

LINES = [((1,), 0), ((2,), 0), ((37,), 0), ((5, 33, 4), 1), ((6, 17), -1), ((3, 0), 1), ((), 0)]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize(("shape", "dim"), LINES, ids=str)
def test_places_in_order(shape, dim, dtype, descending, folder):
    x = np.asarray(RNG.integers(0, 9, shape)).astype(dtype)  # many are equal
    if dtype is np.float32 and x.ndim and x.size:
        x[(..., *[0] * (x.ndim - 1))][::3] = np.nan
    function = lambda x: ops.argsort(x, dim=dim, descending=descending)  # noqa: E731
    assert_native(function, [x], folder)
    assert_native(lambda x: function(ops.flip(x, dim=dim)), [x], folder)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_line_and_many(threads, folder):
    x = RNG.standard_normal((70_001,)).astype(np.float32)
    assert_native(lambda x: ops.argsort(x, dim=0), [x], folder, threads)
    x = RNG.standard_normal((200, 600)).astype(np.float32)
    assert_native(lambda x: ops.argsort(x, dim=0), [x], folder, threads)


@pytest.mark.parametrize(("shape", "dim"), [s for s in LINES if 0 not in s[0]], ids=str)
def test_the_most_frequent_and_the_middle(shape, dim, folder):
    x = np.asarray(numbers(*shape))
    some = np.where(np.arange(x.size).reshape(shape) % 3, x, np.nan)
    for given in (x, some, np.full_like(x, np.nan)):
        assert_native(lambda x: ops.most_frequent(x, dim=dim), [given], folder)
        assert_native(lambda x: ops.middle(x), [given], folder)
        assert_native(lambda x: ops.middle(x, ignored=True), [given], folder)


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize(
    "shapes", [((7,), (3, 4)), ((1,), (5,)), ((0,), (5,)), ((3, 9), (3, 4)), ((8,), ())], ids=str
)
def test_places_in_what_is_sorted(shapes, right, folder):
    line, values = np.sort(numbers(*shapes[0])), numbers(*shapes[1])
    function = lambda line, values: ops.searched(line, values, right=right)  # noqa: E731
    assert_native(function, [line, values], folder)
    assert_native(function, [line, values.astype(np.int64)], folder)
    if values.ndim and line.size:
        line[..., -1:], values[..., 0] = np.nan, np.nan
        assert_native(function, [line, values], folder)


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_random_orders(count, folder):
    state = ops.new_state(5)
    function = lambda x: ops.add(ops.random_permutation(state, shape=(count,)), x)  # noqa: E731
    _, program = record(function, [np.zeros((), np.int64)])
    native, same = Native(program, folder), state.copy()
    assert not native.foreign
    for _ in range(2):
        expected = ops.random_permutation(same, shape=(count,))
        np.testing.assert_array_equal(native(np.zeros((), np.int64))[0], expected)
        np.testing.assert_array_equal(state, same)
