"""onnxruntime as a judge of ONNX files, and what it is to agree to."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import from_numpy, nn, no_grad
from chainrule.autograd import Tensor

pytest.importorskip("onnx", reason="ONNX files are written with the onnx package")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime judges what is exported")
runtime.set_default_logger_severity(4)

# Far apart, by which share of the largest number.
NEAR = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12, np.dtype(np.float16): 1e-2}


def session(content: bytes, plainly: bool = False):
    """onnxruntime with a file; `plainly` without what it changes for speed, at float32's cost."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if plainly:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return runtime.InferenceSession(content, options)


def answers(content, arrays, plainly=False):
    """What onnxruntime makes of a file and its inputs."""
    loaded = session(content, plainly)
    return loaded.run(None, dict(zip((i.name for i in loaded.get_inputs()), arrays)))


def flat(y):
    """Tensors and arrays of a nested result, as arrays."""
    if isinstance(y, (tuple, list)):
        return [a for one in y for a in flat(one)]
    if isinstance(y, Tensor):
        return [y.detach().numpy()]
    return [] if y is None else [np.asarray(y)]


def ours(function, arrays):
    """What the library makes of them."""
    with no_grad():
        return flat(function(*(from_numpy(np.array(a)) for a in arrays)))


def agree(found, expected, near=None):
    """Hold that they are as good as equal, infinities and NaN included."""
    assert len(found) == len(expected)
    for y, z in zip(found, expected):
        assert (y.shape, y.dtype) == (z.shape, z.dtype)
        if z.dtype.kind != "f":
            np.testing.assert_array_equal(y, z)
            continue
        real = np.isfinite(z)
        np.testing.assert_array_equal(y[~real], z[~real])
        far = np.abs(y[real] - z[real]).max(initial=0)
        assert far <= (near or NEAR[z.dtype]) * np.abs(z[real]).max(initial=0)


class Called(nn.Module):
    """A row of the table of layers, called as it says."""

    def __init__(self, row, dtype=np.float32):
        self.row = row
        rng = row.rng()
        self.layer = row.build(nn, lambda a: from_numpy(in_format(a, dtype)))
        learned = {name for name, _ in self.layer.named_parameters()}
        for name, value in self.layer.state_dict().items():
            shape = tuple(value.shape)
            if value.is_floating_point():
                drawn = rng.normal(0, 0.5, shape) if name in learned else rng.uniform(0.2, 1, shape)
                value.copy_(from_numpy(drawn.astype(np.float32)))
        self.layer.to(from_numpy(np.zeros((), dtype)).dtype)
        self.examples = [in_format(draw(rng), dtype) for draw in row.inputs]
        self.eval()

    def forward(self, *xs):
        return self.row.call(self.layer, *xs)


def in_format(a, dtype=np.float32):
    a = np.asarray(a)
    return a.astype(dtype) if a.dtype.kind == "f" else a
