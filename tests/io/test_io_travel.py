"""The weights of every layer travel to PyTorch and back in a file of safetensors."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import tensor
from chainrule.io import load, save
from nn.oracle import filled, plain
from nn.rows import LAYERS
from nn.rows_sequences import SEQUENCES
from nn.rows_windows import WINDOWS

ROWS = {}  # one for each set of shapes that a kind of layer keeps
for row in (*LAYERS, *SEQUENCES, *WINDOWS):
    kept = row.build(nn, tensor).state_dict()
    shapes = tuple((name, tuple(value.shape)) for name, value in kept.items())
    if shapes:
        ROWS.setdefault((row.kind, shapes), row)

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

each_row = pytest.mark.parametrize("row", ROWS.values(), ids=str)


def same(ours, theirs):
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_array_equal(plain(ours[name]), plain(value), err_msg=name)


@each_row
def test_from_pytorch(row, torch, tmp_path):
    from safetensors.torch import save_file

    theirs = filled(row.build(torch.nn, torch.as_tensor).float(), row.rng(), torch)
    save_file(theirs.state_dict(), tmp_path / "weights.safetensors")
    ours = row.build(nn, tensor)
    ours.load_state_dict(load(tmp_path / "weights.safetensors"))
    same(ours.state_dict(), theirs.state_dict())


@each_row
def test_to_pytorch(row, torch, tmp_path):
    from safetensors.torch import load_file

    ours = row.build(nn, tensor)
    save(ours.state_dict(), tmp_path / "weights.safetensors")
    theirs = row.build(torch.nn, torch.as_tensor).float()
    theirs.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    same(ours.state_dict(), theirs.state_dict())
