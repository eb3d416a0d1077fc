"""Weights as PyTorch's own file: what PyTorch and we read back."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import from_numpy, nn
from chainrule.errors import DataError
from chainrule.export import write_torch
from chainrule.export.torch_file import torch_bytes
from chainrule.io import load

KINDS = ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]


def test_pytorch_reads_every_kind_of_number(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    given = {f"a.{kind}.é": rng.integers(0, 2, (3, 2, 2)).astype(kind) for kind in KINDS}
    given |= {"number": np.float32(2.5), "empty": np.zeros((0, 3), np.float32)}
    given["turned"] = rng.normal(size=(4, 3)).astype(np.float32).T
    write_torch(tmp_path / "net.pt", given)
    found = torch.load(tmp_path / "net.pt", weights_only=True)
    assert list(found) == list(given)
    for name, array in given.items():
        assert found[name].numpy().dtype == array.dtype
        np.testing.assert_array_equal(found[name].numpy(), array)
        np.testing.assert_array_equal(load(tmp_path / "net.pt")[name].numpy(), array)


def test_a_network_in_pytorch(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    write_torch(tmp_path / "net.pt", ours.state_dict())
    t = torch.nn
    theirs = t.Sequential(t.Conv2d(1, 2, 3), t.BatchNorm2d(2), t.Flatten(), t.Linear(8, 3))
    theirs.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))
    x = np.random.default_rng(0).normal(size=(5, 1, 4, 4)).astype(np.float32)
    found = theirs.eval()(torch.as_tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(from_numpy(x)).detach(), found, atol=1e-6)


def test_the_same_weights_give_the_same_file():
    weights = {"a": np.arange(3.0)}
    assert torch_bytes(weights) == torch_bytes(weights)


def test_what_is_no_tensor_of_pytorch():
    with pytest.raises(DataError, match="no tensors of complex64, which 'a' is"):
        torch_bytes({"a": np.zeros(2, np.complex64)})
    with pytest.raises(DataError, match="no tensors of object"):
        torch_bytes({"a": [object()]})
