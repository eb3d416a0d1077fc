"""Every layer gives PyTorch's numbers: outputs, gradients, running values."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator, from_numpy, manual_seed, no_grad, ones, tensor
from nn.oracle import backward, close, inputs, pair
from nn.rows import ACTIVATIONS, LAYERS

DTYPES = ("float32", "float64")


def in_other_order(a):
    """The same numbers, lying in memory the other way round."""
    return np.asfortranarray(a)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [*LAYERS, *ACTIVATIONS], ids=str)
def test_as_pytorch(row, dtype, training, torch):
    rng = row.rng()
    ours, theirs = (m.train(training) for m in pair(row, torch, dtype))
    for batch in range(3):
        arrays = [draw(rng) for draw in row.inputs]
        if batch == 1:
            arrays = [in_other_order(a) for a in arrays]
        xs, ts = inputs(arrays, dtype, torch)
        y, t = ours(*xs), theirs(*ts)
        close(y, t, f"output of batch {batch}", row.slack)
        backward(y, t, rng, torch)
        for x, tx in zip(xs, ts):
            close(x.grad, tx.grad, f"gradient by the input of batch {batch}", row.slack)
    # Three batches have added up in these.
    for (name, p), (their_name, tp) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        close(p.grad, tp.grad, f"gradient by {name}", row.slack)
    for (name, value), (their_name, t) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == their_name
        close(value, t, name, row.slack)


# --- dropout: the same in law, not in bits ------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_in_law(p):
    x = ones(200, 500, requires_grad=True)
    y = nn.Dropout(p, generator=Generator(3))(x)
    y.sum().backward()
    values = y.detach().numpy()
    kept = values != 0
    # Of 100,000 elements; five standard deviations.
    assert abs(kept.mean() - (1 - p)) < 5 * (p * (1 - p) / kept.size) ** 0.5
    np.testing.assert_allclose(values[kept], 1 / (1 - p), rtol=1e-6)
    # Neither rows nor columns prefer anything: variances of their means are those of a coin.
    for dim, count in [(0, 200), (1, 500)]:
        spread = kept.mean(axis=dim).var() / (p * (1 - p) / count)
        assert 0.6 < spread < 1.5
    np.testing.assert_array_equal(x.grad.numpy(), values)  # x is 1: the mask itself


def test_dropout_is_decided_by_its_generator():
    x = ones(20, 20)
    first = nn.Dropout(generator=Generator(1))(x)
    layer = nn.Dropout(generator=Generator(1))
    np.testing.assert_array_equal(layer(x), first)
    assert (layer(x).numpy() != first.numpy()).any()  # the next one is another
    assert (nn.Dropout(generator=Generator(2))(x).numpy() != first.numpy()).any()
    manual_seed(5)
    one = nn.Dropout()(x).numpy()
    manual_seed(5)
    np.testing.assert_array_equal(nn.Dropout()(x), one)


def test_dropout_in_use_is_nothing():
    x = ones(3, requires_grad=True)
    assert nn.Dropout(0.9).eval()(x) is x


@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout_keeps_the_dtype(dtype):
    assert nn.Dropout()(ones(3, dtype=dtype)).dtype == dtype


# --- what PyTorch has no layer for --------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "std", "x"),
    [
        (127.5, 127.5, np.arange(0, 256, 5, dtype=np.uint8)),
        (0.5, 0.25, np.linspace(0, 1, 12).reshape(3, 4)),
        ([1, 2, 3], [4.0, 5.0, 6.0], np.arange(12).reshape(4, 3)),
        ([1, 2, 3], [4.0, 5.0, 6.0], np.arange(24.0, dtype=np.float32).reshape(2, 3, 2, 2)),
    ],
)
def test_normalize(mean, std, x):
    y = nn.Normalize(mean, std)(from_numpy(x))
    wide = (-1, *([1] * (x.ndim - 2))) if np.ndim(mean) else ()
    wanted = (x - np.reshape(mean, wide)) / np.reshape(std, wide)
    np.testing.assert_allclose(y, wanted, rtol=1e-6, atol=1e-7)
    assert y.dtype == (x.dtype if x.dtype.kind == "f" else np.float32)


def test_normalize_has_state_but_nothing_to_learn():
    layer = nn.Normalize([1.0, 2.0], [3.0, 4.0])
    assert list(layer.state_dict()) == ["mean", "std"]
    assert not list(layer.parameters())
    x = ones(2, 2, requires_grad=True)
    layer(x).sum().backward()
    np.testing.assert_allclose(x.grad, [[1 / 3, 1 / 4]] * 2, rtol=1e-6)


# --- small print --------------------------------------------------------------------------------


def test_embeddings_begin_with_a_padding_of_zeros_that_stays():
    layer = nn.Embedding(5, 3, padding_idx=2)
    assert not layer.weight.detach().numpy()[2].any()
    layer(tensor([2, 2, 1])).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy().any(axis=1), [0, 1, 0, 0, 0])


@pytest.mark.parametrize("index", [[1, 2], np.array([1, 2], np.uint8), np.array([1, 2], np.int32)])
def test_embeddings_take_any_integers(index):
    layer = nn.Embedding(5, 3)
    np.testing.assert_array_equal(layer(index).detach(), layer.weight.detach().numpy()[1:3])


def test_running_values_are_left_alone_in_use_and_outside_the_tape():
    layer = nn.BatchNorm2d(3)
    x = from_numpy(np.random.default_rng(0).normal(2, 3, (4, 3, 5, 5)).astype(np.float32))
    layer(x)
    moved = layer.running_mean.numpy().copy()
    layer.eval()(x)
    np.testing.assert_array_equal(layer.running_mean, moved)
    assert not layer.running_mean.requires_grad
    with no_grad():
        layer.train()(x)
    assert int(layer.num_batches_tracked) == 2


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(3, 2), nn.Conv2d(3, 2, 1), nn.BatchNorm1d(3), nn.Normalize(1, 2)],
    ids=repr,
)
def test_arrays_will_do(layer):
    """Data as they are, without a tensor around them."""
    x = np.ones((4, 3, 2, 2) if isinstance(layer, nn.Conv2d) else (4, 3), dtype=np.float32)
    np.testing.assert_array_equal(layer(x).detach(), layer(from_numpy(x)).detach())
