"""The steps of the optimisers as kernels, against the bodies of their operations."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.backend import arrays
from device.kernels import TOLERANCE, each_type, gpu_order, numbers  # noqa: F401

pytestmark = pytest.mark.usefixtures("gpu_order")

# Operation, how many arrays are remembered, numbers, options. `None`: nothing is remembered there.
STEPS = {
    "sgd": (ops.sgd_step, "-", (0.1,), {}),
    "sgd-momentum": (ops.sgd_step, "x", (0.1, 0.9, 0.3, 0.01), {}),
    "sgd-nesterov": (ops.sgd_step, "x", (0.1, 0.9), {"nesterov": True, "maximize": True}),
    "adam": (ops.adam_step, "xx-", (0.1, 3.0), {}),
    "adamw": (ops.adam_step, "xx-", (0.1, 3.0, (0.8, 0.95), 1e-6, 0.1), {"decoupled": True}),
    "amsgrad": (ops.adam_step, "xxx", (0.1, 1.0, (0.8, 0.95), 1e-6, 0.1), {"amsgrad": True}),
    "rmsprop": (ops.rmsprop_step, "x--", (0.1,), {}),
    "rmsprop-centred": (
        ops.rmsprop_step, "xxx", (0.1, 0.9, 1e-6, 0.1, 0.5), {"centered": True, "maximize": True}
    ),
    "adagrad": (ops.adagrad_step, "x", (0.1, 5.0, 0.1, 0.01), {}),
}  # fmt: skip


# Where numbers such as the learning rate are, and the shape of the parameter.
WAYS = [
    *(("numbers", shape) for shape in ((1,), (33, 9), (0,), ())),
    *((on, (33, 9)) for on in ("processor", "gpu", "gpu-float32")),
]


def given(remembered, shape, dtype):
    """A parameter, its gradient, and what is remembered, which is positive."""
    rng = np.random.default_rng(1)
    x, g = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(2))
    held = [
        np.asarray(rng.random(shape) + 1, dtype) if kind == "x" else np.zeros(0, dtype)
        for kind in remembered
    ]
    return [x, g, *held]


def in_place(value, put):
    """Numbers as arrays of no dimension where `put` makes them so."""
    if isinstance(value, tuple):
        return tuple(in_place(v, put) for v in value)
    return put(value)


@each_type
@pytest.mark.parametrize(("on", "shape"), WAYS, ids=str)
@pytest.mark.parametrize(("op", "remembered", "values", "options"), STEPS.values(), ids=STEPS)
def test_step(gpu, op, remembered, values, options, on, shape, dtype):
    put = {
        "numbers": lambda v: v,
        "processor": np.array,
        "gpu": lambda v: arrays.to_gpu(np.array(v)),
        "gpu-float32": lambda v: arrays.to_gpu(np.array(v, np.float32)),
    }[on]
    here = given(remembered, shape, dtype)
    there = [arrays.to_gpu(a) for a in here]
    assert op(*there, *in_place(values, put), **options) is there[0]
    op(*here, *values, **options)
    tolerance = max(TOLERANCE[np.dtype(dtype).name], 1e-4 if on == "gpu-float32" else 0)
    for ours, expected in zip(there, here):
        np.testing.assert_allclose(arrays.to_host(ours), expected, rtol=tolerance, atol=tolerance)


def test_a_parameter_that_lies_otherwise_is_changed_too(gpu):
    here = [np.asfortranarray(a) for a in given("xx-", (4, 6), np.float32)]
    there = [arrays.to_gpu(a) for a in here]
    assert not there[0].flags.c_contiguous
    ops.adam_step(*there, 0.1, 3.0)
    ops.adam_step(*here, 0.1, 3.0)
    np.testing.assert_allclose(arrays.to_host(there[0]), here[0], rtol=1e-5)
