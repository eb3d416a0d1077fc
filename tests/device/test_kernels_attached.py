"""When kernels are attached, and what goes on as before where they are."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops
from chainrule.backend import arrays
from chainrule.kernels.attach import KERNELS
from chainrule.kernels.launch import Declined, real_of, spread
from chainrule.ops.window import Window
from device.kernels import agrees, gpu_order, numbers, with_kernel  # noqa: F401

needs_compiler = pytest.mark.usefixtures("gpu_order")


def test_a_process_without_a_gpu_never_sees_them():
    program = (
        "import sys, numpy as np, chainrule as cr\n"
        "from chainrule.backend import arrays\n"
        "with arrays.stand_in(None):\n"
        "    assert arrays.gpu() is None\n"
        "    cr.nn.functional.conv2d(cr.ones(1, 1, 3, 3), cr.ones(1, 1, 2, 2))\n"
        "print(any(name.startswith('chainrule.kernels') for name in sys.modules))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False"]


def test_every_kernel_is_for_an_operation(gpu):
    assert KERNELS.keys() <= ops.REGISTRY.keys()
    for name in KERNELS:
        op = ops.REGISTRY[name]
        assert op.forward is not op.__wrapped__
        assert op.forward.__wrapped__ is op.__wrapped__, f"{name} is attached twice"


@needs_compiler
@pytest.mark.parametrize("dtype", [np.float16, np.int64], ids=["float16", "int64"])
def test_other_types_go_by_the_body(gpu, dtype):
    x = (10 * numbers((2, 2, 6, 6), np.float64)).astype(dtype)
    window = Window((2, 2), (2, 2), (0, 0), (1, 1))
    for op in (ops.max_pooling, ops.sum_pooling):
        agrees(op, x, declined=True, window=window)


@needs_compiler
@pytest.mark.parametrize("types", [("float32", "float64"), ("float16", "float16")], ids=str)
def test_types_that_are_computed_with_as_another(gpu, types):
    x, w = (numbers(s, t) for s, t in zip(((1, 2, 9, 9), (9, 2, 2, 2)), types))
    agrees(ops.convolution, x, w)
    agrees(ops.convolution_weight, numbers((1, 9, 8, 8), types[1]), x, size=(2, 2), scale=4)
    x, v = (numbers((2, 9, 4), t) for t in types)
    agrees(ops.attention, x, x, v)


def test_what_32_bits_cannot_count_is_declined(gpu):
    x = gpu.broadcast_to(gpu.ones(1, np.float32), (1 << 16, 1 << 15))
    with pytest.raises(Declined):
        real_of(x)
    with pytest.raises(Declined):
        spread(1 << 31)
    assert real_of(x[1:]) == np.float32
    assert spread((1 << 31) - 1)[0] <= 1 << 14


@needs_compiler
def test_arrays_of_two_devices_are_refused_by_name(gpu):
    x, w = numbers((1, 2, 5, 5), np.float32), numbers((3, 2, 2, 2), np.float32)
    with pytest.raises(RuntimeError, match=r"convolution takes tensors of one device.*cuda:0.*cpu"):
        ops.convolution(arrays.to_gpu(x), w)


@needs_compiler
def test_results_are_where_the_arrays_are(gpu):
    if gpu.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one GPU")
    x = arrays.to_gpu(numbers((1, 2, 5, 5), np.float32), 1)
    assert ops.max_pooling(x, window=Window((2, 2), (1, 1), (0, 0), (1, 1))).device.id == 1
    assert gpu.cuda.runtime.getDevice() == 0


@needs_compiler
def test_a_network_learns_the_same_there(gpu):
    losses = []
    for device in ("cpu", "cuda"):
        cr.manual_seed(0)
        model = cr.nn.Sequential(
            cr.nn.Conv2d(1, 9, 3, padding=1),
            cr.nn.ReLU(),
            cr.nn.MaxPool2d(2),
            cr.nn.Flatten(),
            cr.nn.Linear(9 * 9, 3),
        ).to(device)
        optimizer = cr.optim.Adam(model.parameters(), lr=0.02)
        x = cr.tensor(numbers((12, 1, 6, 6), np.float32)).to(device)
        y = cr.tensor(np.arange(12) % 3).to(device)
        for _ in range(3):
            loss = cr.nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.cpu()))
    np.testing.assert_allclose(losses[:3], losses[3:], rtol=1e-5)
    assert losses[2] < losses[0]
