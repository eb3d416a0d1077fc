"""How kernels are held against the bodies of their operations."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from chainrule.backend import arrays
from chainrule.kernels import launch
from chainrule.kernels.attach import KERNELS
from device.emulator import build
from device.emulator.launch import Order

each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
# Of the sums of a few hundred terms that kernels add up in another order.
TOLERANCE = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-12}


@pytest.fixture(params=["forwards", "backwards"])
def gpu_order(request, gpu, monkeypatch):
    """Threads and blocks of the emulator in either order: results must not hang on it."""
    if "stand-in" in request.node.callspec.id:
        if build.COMPILER is None:
            pytest.skip("there is no g++ to compile kernels for the processor")
        monkeypatch.setattr(Order, "backwards", request.param == "backwards")
    elif request.param == "backwards":
        pytest.skip("a GPU has an order of its own")


def numbers(shape: Any, dtype: Any) -> np.ndarray:
    """Numbers of a normal distribution, the same for each shape."""
    rng = np.random.default_rng(zlib.crc32(repr(tuple(shape)).encode()))
    return rng.standard_normal(tuple(shape)).astype(dtype)


def on_gpu(x: Any) -> Any:
    """Arrays on the GPU, everything else as it is."""
    return arrays.to_gpu(x) if isinstance(x, np.ndarray) else x


def with_kernel(op: Any, *inputs: Any, declined: bool = False, **attrs: Any) -> Any:
    """What the kernel of an operation gives, on the processor; it must have run, or declined."""
    launched = []
    plain = launch.launch

    def noted(source: str, name: str, *rest: Any, **more: Any) -> None:
        plain(source, name, *rest, **more)
        launched.append(name)

    kernel = KERNELS[op.name]
    module = __import__(kernel.__module__, fromlist=["launch"])
    before = module.launch
    module.launch = noted
    try:
        y = op(*map(on_gpu, inputs), **attrs)
    finally:
        module.launch = before
    assert arrays.is_gpu(y)
    if y.size and all(x.size for x in inputs if isinstance(x, np.ndarray)):
        assert bool(launched) != declined, f"{op.name} launched {launched}"
    return arrays.to_host(y)


def agrees(op: Any, *inputs: Any, declined: bool = False, scale: float = 1.0, **attrs: Any) -> None:
    """Let the kernel give what the body gives, in shape, type and numbers."""
    expected = op.forward(*inputs, **attrs)
    y = with_kernel(op, *inputs, declined=declined, **attrs)
    assert y.shape == expected.shape
    assert y.dtype == expected.dtype
    if y.dtype.kind != "f":
        np.testing.assert_array_equal(y, expected)
        return
    least = min((x.dtype for x in inputs if isinstance(x, np.ndarray)), key=lambda d: d.itemsize)
    tolerance = TOLERANCE.get(least.name, TOLERANCE[y.dtype.name]) * scale
    finite = np.abs(expected[np.isfinite(expected)])
    most = float(finite.max()) if finite.size else 1.0
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * max(most, 1e-30))


def same_bits(op: Any, *inputs: Any, **attrs: Any) -> None:
    """Let two runs, threads in either order, give the same bits."""
    first = with_kernel(op, *inputs, **attrs)
    Order.backwards = not Order.backwards
    try:
        second = with_kernel(op, *inputs, **attrs)
    finally:
        Order.backwards = not Order.backwards
    assert first.tobytes() == second.tobytes()
