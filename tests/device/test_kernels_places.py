"""The kernels that write at named places, against the bodies of their operations: bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.ops.shape import ARRAY
from device.kernels import each_type, gpu_order, numbers, with_kernel  # noqa: F401

pytestmark = pytest.mark.usefixtures("gpu_order")

# Shape, dimension, places along it.
LINES = {
    "one": ((1,), 0, 1),
    "first": ((7, 33), 0, 12),
    "middle": ((3, 5, 31), 1, 9),
    "last": ((31, 10), -1, 1),
    "none": ((4, 3), 1, 0),
    "long": ((2, 9), 1, 300),
    "long-before": ((9, 3), 0, 300),
}
each_line = pytest.mark.parametrize(("shape", "dim", "count"), LINES.values(), ids=LINES)


def places(shape, size, low=0):
    """Places for so many entries, most of them several times."""
    return np.random.default_rng(len(shape)).integers(low, size, shape)


def exactly(op, *inputs, **attrs):
    """Let the kernel give the very bits of the body."""
    expected, y = op.forward(*inputs, **attrs), with_kernel(op, *inputs, **attrs)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(y, expected)


def along(shape, dim, count):
    """The shape of places along a dimension."""
    sizes = list(shape)
    sizes[dim] = count
    return tuple(sizes)


@each_type
@each_line
def test_adding_along_a_dimension(gpu, shape, dim, count, dtype):
    x = numbers(along(shape, dim, count), dtype)
    index = places(x.shape, shape[dim], -shape[dim])
    exactly(ops.add_along, x, index, dim=dim, shape=shape)


def test_adding_along_a_dimension_of_a_corner(gpu):
    x = numbers((2, 3), np.float32)
    exactly(ops.add_along, x, places((2, 3), 5).astype(np.int32), dim=1, shape=(4, 5))


@each_type
@each_line
def test_the_last_of_several_is_put(gpu, shape, dim, count, dtype):
    src = numbers(along(shape, dim, count), dtype)
    index = places(src.shape, shape[dim])
    exactly(ops.put_along, numbers(shape, dtype), index, src, dim=dim)


@each_type
@pytest.mark.parametrize(
    ("shape", "key", "count"),
    [
        ((10, 33), (ARRAY,), (4, 7)),
        ((10,), (ARRAY,), (400,)),
        ((3, 8, 5), (slice(None), ARRAY), (31,)),
        ((2, 3, 7), (slice(None), slice(None), ARRAY), (2, 2)),
        ((6, 4), (ARRAY,), (0,)),
    ],
    ids=["embedding", "vector", "middle", "last", "none"],
)
def test_gradient_of_an_embedding(gpu, shape, key, count, dtype):
    d = len(key) - 1
    x = numbers((*shape[:d], *count, *shape[d + 1 :]), dtype)
    index = places(count, shape[d], -shape[d])
    exactly(ops.unindex, x, index, key=key, shape=shape)
