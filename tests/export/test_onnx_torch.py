"""Files that PyTorch's own exporter writes, read as modules: they answer as PyTorch does."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

import chainrule as cr
from export.onnx_judge import agree, ours

pytest.importorskip("onnx")
torch = pytest.importorskip("torch", reason="the files are PyTorch's")

NN = torch.nn


class Letters(NN.Module):
    """What programs write by hand: views, masks, and the odd function."""

    def __init__(self):
        super().__init__()
        self.embed, self.norm = NN.Embedding(9, 4), NN.LayerNorm(4)
        self.turn = NN.Parameter(torch.randn(4, 4))

    def forward(self, tokens):
        h = self.norm(self.embed(tokens))
        n, length, width = h.shape
        q = (h @ self.turn).view(n, length, 2, 2).transpose(1, 2)
        later = torch.triu(torch.ones(length, length), 1).bool()
        weights = (q @ q.transpose(-1, -2)).masked_fill(later, float("-inf")).softmax(-1)
        o = (weights @ q).transpose(1, 2).reshape(n, length, width)
        return (
            torch.einsum("bld,de->ble", o, self.turn)[:, -1], o.topk(2)[0], o.cumsum(1),
            torch.cat([o, h], -1).chunk(2, -1)[0], o.std(-1), o.gather(1, tokens[..., None] % 3),
            NN.functional.gelu(o), NN.functional.pad(o, (1, 2)), o.norm(dim=1),
            torch.where(o > 0, o, -o).clamp(0, 1),
        )  # fmt: skip


IMAGES, ROWS = (2, 3, 16, 16), (5, 2, 4)
NETWORKS = {
    "convolutions": (
        IMAGES,
        lambda: NN.Sequential(
            NN.Conv2d(3, 4, 3), NN.BatchNorm2d(4), NN.ReLU(), NN.MaxPool2d(2, ceil_mode=True),
            NN.AdaptiveAvgPool2d(1), NN.Flatten(), NN.Linear(4, 3), NN.LogSoftmax(1),
        ),
    ),
    "images made larger": (
        IMAGES,
        lambda: NN.Sequential(
            NN.Upsample(scale_factor=2, mode="bilinear"),
            NN.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
            NN.InstanceNorm2d(3, affine=True), NN.GroupNorm(3, 3),
            NN.ConvTranspose2d(3, 2, 3, 2, 1, 1), NN.AvgPool2d(3, 2, 1),
        ),
    ),
    "cubic": (IMAGES, lambda: NN.Upsample(scale_factor=2, mode="bicubic", align_corners=True)),
    "LSTM": (ROWS, lambda: NN.LSTM(4, 3, 2, bidirectional=True)),
    "GRU": (ROWS, lambda: NN.GRU(4, 3, batch_first=True)),
    "RNN": (ROWS, lambda: NN.RNN(4, 3, nonlinearity="relu")),
    "activations": (
        ROWS,
        lambda: NN.Sequential(
            NN.SiLU(), NN.Hardswish(), NN.ELU(), NN.SELU(), NN.Mish(), NN.PReLU(), NN.Softplus(),
            NN.Hardsigmoid(), NN.Softsign(), NN.GLU(),
        ),
    ),
    "letters": (None, Letters),
}  # fmt: skip


def written(network, x, **options):
    """What PyTorch's exporter, the one that needs nothing else, makes of a network."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(network, (x,), file, dynamo=False, input_names=["x"], **options)
        except TypeError:
            pytest.skip("this version of PyTorch has no exporter without onnxscript")
    return file.getvalue()


@pytest.mark.parametrize("name", NETWORKS)
def test_files_of_pytorch_answer_as_it_does(name):
    shape, build = NETWORKS[name]
    torch.manual_seed(0)
    network = build().eval()
    x = torch.randn(*shape) if shape else torch.randint(0, 9, (2, 5))
    loaded = cr.onnx.load(written(network, x))
    with torch.no_grad():
        expected = flat(network(x))
    agree(ours(loaded, [x.numpy()]), expected)
    assert len(list(loaded.parameters())) >= (len(list(network.parameters())) > 0)


def flat(y):
    return [y.numpy()] if isinstance(y, torch.Tensor) else [a for one in y for a in flat(one)]


def test_sizes_that_pytorch_leaves_open_are_open():
    torch.manual_seed(0)
    network = Letters().eval()
    axes = {"x": {0: "n", 1: "t"}}
    content = written(network, torch.randint(0, 9, (2, 5)), dynamic_axes=axes)
    loaded = cr.onnx.load(content)
    for n, t in ((1, 3), (4, 9)):
        tokens = torch.from_numpy(np.random.default_rng(n).integers(0, 9, (n, t)))
        with torch.no_grad():
            agree(ours(loaded, [tokens.numpy()]), flat(network(tokens)))
