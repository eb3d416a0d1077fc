"""A network as a file of Python: every layer's own numbers, with NumPy alone, for any batch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import from_numpy, nn, no_grad
from chainrule.errors import DataError, OptionError
from chainrule.export.python.source import python_source, write_python
from export.layers import WRITTEN, Case, close


def carried_out(text):
    """The function of a file."""
    space = {}
    exec(text, space)
    return space["predict"]


@pytest.mark.parametrize("row", WRITTEN, ids=str)
def test_the_numbers_of_the_layer(row):
    case = Case(row, "layer")
    found = carried_out(python_source(case.call, *case.inputs, batch=False))(*case.inputs)
    found = found if isinstance(found, tuple) else (found,)
    for a, b in zip(found, case.expected(), strict=True):
        close(a, b)


NETWORKS = {
    "rows": (nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)), (6,)),
    "images": (
        nn.Sequential(
            *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(4, 4, 3, groups=2), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        ),
        (2, 8, 8),
    ),
    "table": (nn.Sequential(nn.Columns([0, 4, 0], gaps=[True, False, False]), nn.ReLU()), (3,)),
    "sequences": (nn.LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=True), (5, 3)),
    "attention": (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (5, 4)),
}


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_of_any_size(name, count):
    model, shape = NETWORKS[name]
    model.eval()
    x = np.random.default_rng(count).integers(0, 4, (count, *shape)).astype(np.float32)
    if name == "table":
        x[0, 0] = np.nan
    predict = carried_out(python_source(model, x[:1]))
    with no_grad():
        expected = model(from_numpy(x))
    expected = expected[0] if isinstance(expected, tuple) else expected
    found = predict(x)
    close(found[0] if isinstance(found, tuple) else found, expected.numpy())


def test_in_an_interpreter_that_has_numpy_alone(tmp_path):
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    write_python(tmp_path / "net.py", model, x[:1], classes=["no", "yes"], probabilities=True)
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys, numpy as np, net; np.save('y.npy', net.predict(np.load('x.npy')));"
        "assert net.CLASSES == ['no', 'yes']; assert 'chainrule' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True)
    close(np.load(tmp_path / "y.npy"), cr.softmax(model(from_numpy(x)), 1).detach().numpy())


def test_weights_are_kept_to_the_last_bit():
    weights = np.array(
        [[1e-42, -0.0, np.inf, np.nan, 0.1, 1 / 3, 2.0**100, -1e-7, 5.0]], np.float32
    )
    model = nn.Linear(9, 1)
    model.weight.data.copy_(from_numpy(weights))
    for small in (weights, weights[:, 4:8]):
        layer = nn.Linear(small.shape[1], 1)
        layer.weight.data.copy_(from_numpy(small))
        space = {}
        exec(python_source(layer, np.zeros((1, small.shape[1]), np.float32)), space)
        assert space["w_weight"].tobytes() == small.tobytes()


def test_names_from_outside_are_text_and_nothing_else():
    words = ['"""', "import os", "\\", "'''", "a\nb", "é"]
    space = {}
    exec(python_source(nn.Linear(2, 6), np.zeros((1, 2), np.float32), classes=words), space)
    assert space["CLASSES"] == words


def test_the_network_is_left_as_it_is():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    python_source(model, np.zeros((1, 2), np.float32), probabilities=True)
    assert model.training
    assert model[1].training


def test_what_cannot_be_written_says_so():
    class Counts(nn.Module):
        def forward(self, x):
            return x * x.shape[0] ** 0.5

    with pytest.raises(DataError, match="another size of n"):
        python_source(Counts(), np.zeros((1, 2), np.float32))
    with pytest.raises(DataError, match="assign of Embedding"):
        python_source(nn.Embedding(3, 2, max_norm=1.0), np.zeros((1, 2), np.int64))
    with pytest.raises(OptionError, match="a dimension for the batch"):
        python_source(nn.Linear(2, 1), np.zeros((0, 2), np.float32))
