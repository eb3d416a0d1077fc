"""The kernels of attention, and of the way back, against the bodies of their operations."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from device.emulator import launch
from device.kernels import agrees, each_type, gpu_order, numbers, same_bits  # noqa: F401

pytestmark = pytest.mark.usefixtures("gpu_order")

# Queries, keys, values, mask ("b" truths, "f" numbers), attributes.
CASES = {
    "one": ((1, 1), (1, 1), (1, 1), None, {}),
    "plain": ((2, 3, 33, 8), (2, 3, 40, 8), (2, 3, 40, 5), None, {"scale": 0.3}),
    "tiles": ((1, 1, 64, 16), (1, 1, 96, 16), (1, 1, 96, 16), None, {"scale": 0.25}),
    "causal": ((2, 70, 9), (2, 70, 9), (2, 70, 9), None, {"causal": True}),
    "causal-wide": ((1, 20, 4), (1, 50, 4), (1, 50, 4), None, {"causal": True}),
    "causal-tall": ((1, 50, 4), (1, 20, 4), (1, 20, 4), None, {"causal": True}),
    "shared-heads": ((2, 6, 17, 4), (2, 2, 19, 4), (2, 2, 19, 7), None, {}),
    "truths": ((2, 2, 9, 4), (2, 2, 35, 4), (2, 2, 35, 4), ("b", (2, 1, 1, 35)), {}),
    "truths-of-all": ((2, 2, 9, 4), (2, 2, 35, 4), (2, 2, 35, 4), ("b", (9, 35)), {}),
    "numbers": ((2, 2, 9, 4), (2, 2, 35, 4), (2, 2, 35, 4), ("f", (2, 2, 9, 35)), {}),
    "numbers-of-rows": ((2, 9, 4), (2, 35, 4), (2, 35, 4), ("f", (9, 1)), {}),
    "widest": ((1, 5, 128), (1, 6, 128), (1, 6, 128), None, {"scale": 0.1}),
    "dropout": ((2, 2, 33, 4), (2, 2, 40, 4), (2, 2, 40, 4), None, {"p": 0.4}),
    "all-dropped": ((4, 3), (5, 3), (5, 3), None, {"p": 1.0}),
    "nobody": ((0, 4, 3), (0, 5, 3), (0, 5, 3), None, {}),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def given(case, dtype):
    """The arrays of a case, and its attributes."""
    *shapes, mask, at = case
    inputs = [numbers(s, dtype) + k for k, s in enumerate(shapes)]
    if mask is not None:
        kind, shape = mask
        drawn = numbers(shape, dtype)
        inputs.append(drawn > 0 if kind == "b" else np.where(drawn < -1, -np.inf, drawn))
    if "p" in at:
        inputs += [None, np.array([7, 2**40], np.uint64)]
    return inputs, at


def too_wide(gpu, case, dtype, tiles):
    """Whether the tiles of rows and of scores take more shared memory than the GPU has."""
    (wide, squares), width = tiles, case[0][-1]
    needed = 32 * (wide * (width + 1) + squares * 33) * np.dtype(dtype).itemsize
    return needed > gpu.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]


@each_type
@each_case
def test_attention(gpu, case, dtype):
    inputs, at = given(case, dtype)
    agrees(ops.attention, *inputs, declined=too_wide(gpu, case, dtype, (3, 1)), **at)


@each_type
@each_case
def test_the_way_back(gpu, case, dtype):
    inputs, at = given(case, dtype)
    g = numbers((*case[0][:-1], case[2][-1]), dtype)
    agrees(ops.attention_back, g, *inputs, declined=too_wide(gpu, case, dtype, (4, 2)), **at)


def test_a_query_that_sees_nothing_gets_zeros(gpu):
    x = numbers((2, 40, 8), np.float32)
    mask = np.ones((40, 40), bool)
    mask[3] = False
    for op, inputs in ((ops.attention, ()), (ops.attention_back, (x + 1,))):
        agrees(op, *inputs, x, x, x, mask)


def test_the_same_bits_each_time(gpu):
    x = numbers((2, 4, 50, 8), np.float32)
    shared = numbers((2, 2, 50, 8), np.float32)
    same_bits(ops.attention, x, shared, shared)
    same_bits(ops.attention_back, x, x, shared, shared)


def test_heads_that_are_too_wide_go_by_the_body(gpu):
    x = numbers((1, 3, 129), np.float32)
    agrees(ops.attention, x, x, x, declined=True)


def test_a_gpu_of_less_shared_memory_goes_by_the_body_where_the_tiles_do_not_fit(gpu, monkeypatch):
    if gpu.__name__ == "cupy":
        pytest.skip("a GPU has the shared memory that it has")
    monkeypatch.setattr(launch, "MOST_SHARED", 64 << 10)
    x = numbers((1, 5, 128), np.float32)
    agrees(ops.attention, x, x, x)
    agrees(ops.attention_back, x, x, x, x, declined=True)


def test_a_mask_whose_steps_take_more_than_32_bits_goes_by_the_body(gpu, monkeypatch):
    x, mask = numbers((2, 2, 9, 4), np.float32), numbers((2, 2, 9, 9), np.float32)
    monkeypatch.setattr("chainrule.kernels.launch._MOST", 160)  # instead of 2 ** 31
    agrees(ops.attention, x, x, x, mask[:1, :1])
    agrees(ops.attention, x, x, x, mask, declined=True)
