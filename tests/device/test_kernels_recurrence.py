"""The steps of recurrent units as kernels, against the bodies of their operations."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from device.kernels import agrees, each_type, gpu_order, numbers  # noqa: F401

pytestmark = pytest.mark.usefixtures("gpu_order")
# Rows of each step, and units.
each_walk = pytest.mark.parametrize(
    ("sizes", "hidden"),
    [((1,), 1), ((3, 3, 3), 33), ((5, 4, 4, 1), 7), ((2, 0), 3)],
    ids=["one", "even", "uneven", "none-left"],
)


@each_type
@each_walk
def test_lstm(gpu, sizes, hidden, dtype):
    rows, first = sum(sizes), (sizes[0], hidden)
    w = numbers((4 * hidden, hidden), dtype) / 4
    h, c = numbers(first, dtype), numbers(first, dtype) + 1
    given = (numbers((rows, 4 * hidden), dtype), h, c, w)
    agrees(ops.lstm_walk, *given, sizes=sizes)
    seen = ops.lstm_walk(*given, sizes=sizes)
    g = numbers((2, rows, hidden), dtype)
    agrees(ops.lstm_steps_back, g, seen[:2], seen[2:], c, w, sizes=sizes)


@each_type
@each_walk
def test_gru(gpu, sizes, hidden, dtype):
    rows, w = sum(sizes), numbers((3 * hidden, hidden), dtype) / 4
    h, b = numbers((sizes[0], hidden), dtype), numbers((3 * hidden,), dtype)
    given = (numbers((rows, 3 * hidden), dtype), h, w, b)
    agrees(ops.gru_walk, *given, sizes=sizes)
    seen = ops.gru_walk(*given, sizes=sizes)
    g = numbers((rows, hidden), dtype)
    agrees(ops.gru_steps_back, g, seen[0], seen[1:], h, w, sizes=sizes)


def test_weights_that_lie_otherwise(gpu):
    w = np.asfortranarray(numbers((12, 3), np.float32))
    a, h = numbers((4, 24), np.float32)[:, ::2], numbers((3, 2), np.float32).T
    agrees(ops.lstm_walk, a, h, h, w, sizes=(2, 2))
