"""Random numbers of the kernels: those of the processor."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.backend import arrays
from device.kernels import each_type, gpu_order  # noqa: F401

pytestmark = pytest.mark.usefixtures("gpu_order")
each_shape = pytest.mark.parametrize("shape", [(1,), (31,), (5, 7, 11), (0, 3), ()], ids=str)


def both(op, **attrs):
    """What is drawn there and here from one state that has moved on, and the states after it."""
    here = ops.new_state(3)
    here[1] = 2**63 + 5
    there = arrays.to_gpu(here)
    y, expected = op(there, **attrs), op(here, **attrs)
    assert arrays.is_gpu(y)
    y = arrays.to_host(y)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    assert arrays.to_host(there).tolist() == here.tolist()
    return y, expected


@each_type
@each_shape
def test_uniform(gpu, shape, dtype):
    y, expected = both(ops.random_uniform, shape=shape, dtype=dtype)
    assert y.tobytes() == expected.tobytes()


@each_type
@each_shape
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0 - 2**-53, 1.0])
def test_mask(gpu, shape, dtype, p):
    y, expected = both(ops.random_mask, shape=shape, dtype=dtype, p=p)
    assert y.tobytes() == expected.tobytes()


@each_type
@each_shape
def test_normal(gpu, shape, dtype):
    y, expected = both(ops.random_normal, shape=shape, dtype=dtype)
    np.testing.assert_allclose(y, expected, rtol=2e-7 if dtype == np.float32 else 1e-14, atol=1e-15)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_permutation(gpu, count):
    y, expected = both(ops.random_permutation, shape=(count,))
    assert y.tolist() == expected.tolist()
