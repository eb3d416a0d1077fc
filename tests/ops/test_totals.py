"""Sums of rows: NumPy's, and as exact however many there are."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops.totals import add_up

LAYOUTS = {
    "rows": (np.zeros((1001, 7)), 0),
    "channels last": (np.moveaxis(np.zeros((9, 8, 8, 5)), -1, 1), (0, 2, 3)),
    "channels first": (np.zeros((9, 5, 8, 8)), (0, 2, 3)),
    "two kept": (np.zeros((600, 3, 4)), (0,)),
    "kept in another order": (np.zeros((600, 3, 4)).swapaxes(1, 2), (0,)),
    "from the end": (np.moveaxis(np.zeros((2, 600, 4)), -1, 0), (-1, -2)),
    "strided": (np.zeros((1200, 8))[::2], 0),
    "all": (np.zeros((100, 70)), (0, 1)),
    "small": (np.zeros((20, 3)), 0),
    "one number": (np.zeros(()), ()),
}


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_are_those_of_numpy(layout, keepdims):
    like, axis = LAYOUTS[layout]
    x = np.copy(like, order="K") if layout != "strided" else like
    x[...] = np.random.default_rng(0).normal(size=x.shape)
    wanted = np.add.reduce(x, axis, keepdims=keepdims)
    found, out = add_up(x, axis, keepdims=keepdims), np.empty_like(wanted)
    assert add_up(x, axis, None, out, keepdims) is out
    np.testing.assert_array_equal(found, out)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("total", ["sum", "mean"])
def test_channels_of_many_pixels_are_exact(total):
    last = np.full((32, 32, 32, 16), 0.37, np.float32)
    x = cr.from_numpy(np.moveaxis(last, -1, 1))
    wanted = np.float64(np.float32(0.37)) * (32**3 if total == "sum" else 1)
    found = getattr(x, total)((0, 2, 3)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)  # by rows in order 1e-4 was lost


def test_so_are_gradients_of_what_was_broadcast():
    bias = cr.zeros(4, requires_grad=True)
    slopes = np.full((100_000, 4), 0.1, np.float32)
    (bias + cr.zeros(100_000, 4)).backward(slopes)
    np.testing.assert_allclose(bias.grad.numpy(), 1e5 * np.float64(np.float32(0.1)), rtol=1e-5)
