"""Layers of several inputs and outputs give PyTorch's numbers: results, gradients, state, looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator, from_numpy, ones, randn, tensor
from chainrule.errors import ChainruleError, DataError, OptionError, ShapeError
from nn.oracle import close, inputs, pair
from nn.rows_sequences import SEQUENCES


def flat(y: Any) -> list[Any]:
    """All tensors in nested tuples, in order."""
    if isinstance(y, (tuple, list)):
        return [t for part in y for t in flat(part)]
    return [] if y is None else [y]


def backward(ours: list[Any], theirs: list[Any], rng: Any, torch: Any) -> None:
    """Go back from the same weighted sum of all outputs."""
    weights = [rng.normal(size=tuple(t.shape)) for t in theirs]
    pairs = [(y, t, w) for y, t, w in zip(ours, theirs, weights) if t.requires_grad]
    sum((y * from_numpy(w.astype(y.dtype))).sum() for y, _, w in pairs).backward()
    sum((t * torch.as_tensor(w).to(t.dtype)).sum() for _, t, w in pairs).backward()


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", SEQUENCES, ids=str)
def test_as_pytorch(row, dtype, training, torch):
    rng = row.rng()
    ours, theirs = (m.train(training) for m in pair(row, torch, dtype))
    xs, ts = inputs([draw(rng) for draw in row.inputs], dtype, torch)
    y, t = flat(row.call(ours, *xs)), flat(row.call(theirs, *ts))
    for i, (a, b) in enumerate(zip(y, t, strict=True)):
        close(a, b, f"output {i}", row.slack)
    backward(y, t, rng, torch)
    for i, (x, tx) in enumerate(zip(xs, ts)):
        if tx.grad is not None:
            close(x.grad, tx.grad, f"gradient by input {i}", row.slack)
    for (name, p), (their_name, tp) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        if tp.grad is not None:
            close(p.grad, tp.grad, f"gradient by {name}", row.slack)
    for (name, value), (their_name, t) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == their_name
        close(value, t, name, row.slack)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_stacks_and_copies(torch):
    def stack(nn: Any) -> Any:
        block = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)
        other = nn.TransformerDecoderLayer(4, 2, 8, dropout=0.0)
        return nn.ModuleDict(
            {
                "encoder": nn.TransformerEncoder(block, 2, nn.LayerNorm(4)),
                "decoder": nn.TransformerDecoder(other, 2),
            }
        )

    ours, theirs = stack(nn), stack(torch.nn)
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(5, 2, 4)).astype(np.float32)
    y = ours["decoder"](from_numpy(x), ours["encoder"](from_numpy(x)))
    t = theirs["decoder"](torch.tensor(x), theirs["encoder"](torch.tensor(x)))
    close(y, t, "output", 10)
    layers = ours["encoder"].layers
    assert layers[0].linear1.weight is not layers[1].linear1.weight


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_dropout_between_layers_is_of_training_only(kind):
    layer = getattr(nn, kind)(3, 4, num_layers=2, dropout=0.5, generator=Generator(1))
    x = randn(6, 2, 3)
    assert (layer(x)[0].detach().numpy() != layer(x)[0].detach().numpy()).any()
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].detach(), layer(x)[0].detach())


def test_attention_drops_in_training_only():
    layer, x = nn.MultiheadAttention(4, 2, dropout=0.5), randn(5, 2, 4)
    assert (layer(x, x, x)[0].detach().numpy() != layer(x, x, x)[0].detach().numpy()).any()
    layer.eval()
    np.testing.assert_array_equal(layer(x, x, x)[0].detach(), layer(x, x, x)[0].detach())


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "RNNCell", "Bilinear", "Embedding"])
def test_weights_begin_anew(kind):
    layer = getattr(nn, kind)(*((3, 4, 2) if kind == "Bilinear" else (3, 4)))
    before = [p.detach().numpy().copy() for p in layer.parameters()]
    layer.reset_parameters()
    for p, old in zip(layer.parameters(), before):
        assert (p.detach().numpy() != old).all()


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: nn.LSTM(3, 4)(ones(5, 2, 7)), ShapeError, "set input_size=7"),
        (lambda: nn.GRU(3, 4)(ones(2, 2, 2, 3)), ShapeError, "a batch of them"),
        (lambda: nn.RNN(3, 4)(ones(0, 2, 3)), ShapeError, "at least one step"),
        (lambda: nn.GRU(3, 4)(ones(5, 2, 3), ones(1, 3, 4)), ShapeError, "before the first step"),
        (lambda: nn.RNN(3, 4, nonlinearity="gelu"), OptionError, "'tanh' or 'relu'"),
        (lambda: nn.GRU(0, 4), OptionError, "input_size must be at least 1"),
        (lambda: nn.RNNCell(3, 4)(ones(2, 5)), ShapeError, "expected an input"),
        (lambda: nn.MultiheadAttention(5, 2), OptionError, "must divide"),
        (
            lambda: nn.MultiheadAttention(4, 2)(ones(3, 2, 4), ones(3, 5, 4), ones(3, 5, 4)),
            ShapeError,
            "is batch_first as the data are",
        ),
        (
            lambda: nn.utils.rnn.pack_padded_sequence(ones(4, 2, 3), [2, 4]),
            DataError,
            "enforce_sorted=False",
        ),
        (lambda: nn.utils.rnn.pack_padded_sequence(ones(4, 2, 3), [5, 1]), DataError, "not fit"),
        (lambda: nn.utils.rnn.pad_sequence([]), OptionError, "at least one"),
        (lambda: nn.EmbeddingBag(3, 2)(tensor([0, 1])), ShapeError, "with offsets"),
        (lambda: nn.EmbeddingBag(3, 2, mode="min")(tensor([[0]])), OptionError, "mode must be"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 9, [5, 3]), OptionError, "cutoffs must grow"),
    ],
    ids=range(15),
)
def test_refusals(call, kind, words):
    with pytest.raises(kind, match=words) as caught:
        call()
    assert isinstance(caught.value, ChainruleError)


# --- sequences of unequal length ----------------------------------------------------------------


def test_packing_as_pytorch(torch):
    theirs, ours = torch.nn.utils.rnn, nn.utils.rnn
    arrays = [np.random.default_rng(n).normal(size=(n, 2)) for n in (3, 5, 1)]
    xs, ts = [from_numpy(a) for a in arrays], [torch.tensor(a) for a in arrays]
    for first, side in [(True, "right"), (False, "left")]:
        wanted = theirs.pad_sequence(ts, first, 9.0, side)
        close(ours.pad_sequence(xs, first, 9.0, side), wanted, "padded")
    packed, theirs_packed = ours.pack_sequence(xs, False), theirs.pack_sequence(ts, False)
    for a, b in zip(packed, theirs_packed, strict=True):
        close(a, b, "packed")
    for a, b in zip(ours.unpack_sequence(packed), theirs.unpack_sequence(theirs_packed)):
        close(a, b, "unpacked")
    padded, lengths = ours.pad_packed_sequence(packed, True)
    assert lengths.tolist() == [3, 5, 1]
    for a, b in zip(ours.unpad_sequence(padded, lengths, True), arrays):
        np.testing.assert_array_equal(a, b)
    assert packed.float().data.dtype == np.float32
