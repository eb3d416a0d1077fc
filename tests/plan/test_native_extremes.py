"""Where the largest and smallest are, and what a row of logarithms sums to, as machine code."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.plan.record import record

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

from chainrule.plan.native.executor import Native


def natively(function, x, folder):
    native = Native(record(function, [x])[1], folder)
    assert not native.foreign
    return native(x)[0]


@pytest.mark.parametrize("keepdim", [False, True], ids=["gone", "kept"])
@pytest.mark.parametrize("dim", [None, 0, 1, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, np.bool_])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_first_of_the_best_is_found(name, dtype, dim, keepdim, folder):
    x = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(dtype)
    op = ops.REGISTRY[name]

    def function(x):
        return op(ops.permute(x, dims=(2, 0, 1)), dim=dim, keepdim=keepdim)

    found, expected = natively(function, x, folder), function(x)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_nan_is_better_than_any_number(name, folder):
    x = np.array([[1, np.nan, 3, np.nan], [np.inf, -np.inf, np.nan, 0], [1, 2, 3, 3], [0, 0, 0, 0]])
    op = ops.REGISTRY[name]
    found = natively(lambda x: op(x, dim=1), x, folder)
    np.testing.assert_array_equal(found, op.forward(x, 1))


@pytest.mark.parametrize("keepdim", [False, True], ids=["gone", "kept"])
@pytest.mark.parametrize("dim", [None, 0, 2, (0, 1), (1, 2)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_sums_of_exponentials(dtype, dim, keepdim, folder):
    x = np.random.default_rng(0).normal(scale=30, size=(4, 5, 6)).astype(dtype)
    x[0, 0], x[1, 1, 1], x[:, 2, 2] = -np.inf, np.inf, -np.inf

    def function(x):
        return ops.mul(ops.logsumexp(x, dim=dim, keepdim=keepdim), 2)

    for one in (function, lambda x: ops.logsumexp(x, dim=dim, keepdim=keepdim)):
        found, expected = natively(one, x, folder), one(x)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=16 * np.finfo(dtype).eps)
