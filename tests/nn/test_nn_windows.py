"""Layers by windows, channels and borders: PyTorch's numbers, words, state and laziness."""

import numpy as np
import pytest

from chainrule import compile, nn, optim
from chainrule.autograd import Generator, from_numpy, ones, randn, tensor
from chainrule.errors import ChainruleError, OptionError, ShapeError
from chainrule.nn import functional as F
from nn.oracle import backward, close, filled, inputs, pair
from nn.rows_windows import WINDOWS

each_row = pytest.mark.parametrize("row", WINDOWS, ids=str)


@each_row
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_as_pytorch(row, training, torch):
    rng = row.rng()
    ours, theirs = (m.train(training) for m in pair(row, torch, "float64"))
    for _ in range(2):
        xs, ts = inputs([draw(rng) for draw in row.inputs], "float64", torch)
        y, t = ours(*xs), theirs(*ts)
        close(y, t, "output", 10)
        backward(y, t, rng, torch)
        for x, tx in zip(xs, ts):
            close(x.grad, tx.grad, "gradient by the input", 10)
    for (name, p), (their_name, tp) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        close(p.grad, tp.grad, f"gradient by {name}", 10)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in ours.state_dict().items():
        close(value, theirs.state_dict()[name], name, 10)


@each_row
def test_reads_as_in_pytorch(row, torch):
    ours, theirs = pair(row, torch, "float32", fill=False)
    assert repr(ours) == repr(theirs)


@each_row
def test_computes_the_same_compiled(row):
    module = row.build(nn, tensor).eval()
    x = from_numpy(row.inputs[0](row.rng()).astype(np.float32))
    expected = module(x).detach().numpy()
    step = compile(lambda x: module(x).detach(), executor="numpy")
    for _ in range(4):
        np.testing.assert_array_equal(step(x).numpy(), expected)


# --- indices, and the way back ------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pooling_with_indices_and_back(rank, torch):
    x = np.random.default_rng(rank).normal(size=(2, 3, 5, 6, 7)[: rank + 2])
    ours, theirs = inputs([x], "float64", torch)
    y, places = getattr(nn, f"MaxPool{rank}d")(2, return_indices=True)(*ours)
    t, their_places = getattr(torch.nn, f"MaxPool{rank}d")(2, return_indices=True)(*theirs)
    close(y, t, "pixels")
    np.testing.assert_array_equal(places, their_places)
    again = getattr(nn, f"MaxUnpool{rank}d")(2)
    wanted = getattr(torch.nn, f"MaxUnpool{rank}d")(2)(t, their_places, output_size=x.shape)
    close(again(y, places, output_size=x.shape), wanted, "back")
    assert repr(again) == repr(getattr(torch.nn, f"MaxUnpool{rank}d")(2))
    names = (f"max_pool{rank}d_with_indices", f"adaptive_max_pool{rank}d_with_indices")
    for name in names:
        y, places = getattr(F, name)(ours[0], 2)
        t, their_places = getattr(torch.nn.functional, name)(theirs[0], 2)
        close(y, t, name)
        np.testing.assert_array_equal(places, their_places)


@pytest.mark.parametrize("rank", [2, 3])
def test_fractional_pooling_with_given_samples(rank, torch):
    rng = np.random.default_rng(0)
    x, samples = rng.normal(size=(2, 3, 7, 6, 5)[: rank + 2]), rng.uniform(size=(2, 3, rank))
    kind = f"FractionalMaxPool{rank}d"
    options = {"kernel_size": 2, "output_ratio": 0.5, "return_indices": True}
    ours = getattr(nn, kind)(**options, _random_samples=from_numpy(samples))
    theirs = getattr(torch.nn, kind)(**options, _random_samples=torch.tensor(samples))
    y, places = ours(from_numpy(x))
    t, their_places = theirs(torch.tensor(x))
    close(y, t, kind)
    np.testing.assert_array_equal(places, their_places)
    assert repr(ours) == repr(theirs)


def test_fractional_pooling_draws_from_its_generator():
    x = randn(1, 2, 9, 9, generator=Generator(0))
    first = nn.FractionalMaxPool2d(2, output_size=4, generator=Generator(1))(x).numpy()
    layer = nn.FractionalMaxPool2d(2, output_size=4, generator=Generator(1))
    np.testing.assert_array_equal(layer(x), first)
    assert any((layer(x).numpy() != first).any() for _ in range(5))
    with pytest.raises(OptionError, match="output_size or output_ratio"):
        nn.FractionalMaxPool2d(2)


# --- transposed convolutions of a given size ------------------------------------------------------


def test_a_transposed_convolution_of_a_given_size(torch):
    ours, theirs = (
        nn.ConvTranspose2d(2, 3, 3, stride=3),
        torch.nn.ConvTranspose2d(2, 3, 3, stride=3),
    )
    filled(theirs, np.random.default_rng(0), torch)
    ours.load_state_dict(theirs.state_dict())
    x = np.ones((1, 2, 4, 4), np.float32)
    found = ours(from_numpy(x), output_size=(13, 14))
    close(found, theirs(torch.tensor(x), output_size=(13, 14)), "output")
    with pytest.raises(ShapeError, match=r"from \(12, 12\) to \(14, 14\), got \(11, 12\)"):
        ours(from_numpy(x), output_size=(11, 12))


def test_the_former_local_response_norm_is_the_newer_one():
    x = randn(2, 5, 3, 4, generator=Generator(0))
    found = nn.CrossMapLRN2d(3, 0.5, 0.6, 2)(x)
    np.testing.assert_array_equal(found, nn.LocalResponseNorm(3, 0.5, 0.6, 2.0)(x))


# --- dropout in law -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("Dropout1d", (60, 50, 3)), ("Dropout2d", (60, 50, 3, 2)), ("Dropout3d", (60, 50, 2, 1, 2))],
)
def test_channels_are_dropped_whole(kind, shape):
    y = getattr(nn, kind)(0.3, generator=Generator(0))(ones(*shape)).numpy().reshape(60, 50, -1)
    assert (y == y[..., :1]).all()
    kept = y[..., 0] != 0
    assert abs(kept.mean() - 0.7) < 5 * (0.21 / kept.size) ** 0.5
    np.testing.assert_allclose(y[kept], 1 / 0.7, rtol=1e-6)


@pytest.mark.parametrize("kind", ["AlphaDropout", "FeatureAlphaDropout"])
def test_alpha_dropout_keeps_mean_and_variance(kind):
    x = randn(200, 500, generator=Generator(1))
    y = getattr(nn, kind)(0.4, generator=Generator(2))(x).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.03


def test_dropout_in_place():
    x = ones(4, 4) * 1
    y = nn.Dropout(0.5, inplace=True, generator=Generator(0))(x)
    assert y is x
    assert set(x.numpy().ravel()) == {0.0, 2.0}


# --- lazy layers --------------------------------------------------------------------------------

LAZY = {
    "LazyLinear(3)": ("Linear(5, 3)", (2, 5)),
    "LazyBatchNorm1d()": ("BatchNorm1d(5)", (2, 5)),
    "LazyInstanceNorm1d()": ("InstanceNorm1d(5, affine=True, track_running_stats=True)", (5, 4)),
    **{
        f"LazyConv{n}d(4, 2, groups=2)": (f"Conv{n}d(6, 4, 2, groups=2)", (2, 6, 3, 3, 3)[: n + 2])
        for n in (1, 2, 3)
    },
    **{
        f"LazyConvTranspose{n}d(4, 2, bias=False)": (
            f"ConvTranspose{n}d(6, 4, 2, bias=False)",
            (2, 6, 3, 3, 3)[: n + 2],
        )
        for n in (1, 2, 3)
    },
    **{
        f"LazyBatchNorm{n}d(affine=False)": (
            f"BatchNorm{n}d(6, affine=False)",
            (2, 6, 3, 3, 3)[: n + 2],
        )
        for n in (1, 2, 3)
    },
    **{
        f"LazyInstanceNorm{n}d(affine=False)": (
            f"InstanceNorm{n}d(6, track_running_stats=True)",
            (2, 6, 3, 3, 3)[: n + 2],
        )
        for n in (1, 2, 3)
    },
}


def made(call, library):
    """The layer that a call in words makes, in that library."""
    name, _, arguments = call.partition("(")
    return eval(f"make({arguments}", {"make": getattr(library, name)})


@pytest.mark.parametrize(("lazy", "settled", "shape"), [(k, *v) for k, v in LAZY.items()])
def test_a_lazy_layer_becomes_the_ordinary_one(lazy, settled, shape, torch):
    layer, wanted = made(lazy, nn), made(settled, nn)
    assert repr(layer) == repr(made(lazy, torch.nn))
    assert list(layer.state_dict()) == list(made(lazy, torch.nn).state_dict())
    before = list(layer.parameters())
    y = layer(ones(*shape))
    assert type(layer) is type(wanted)
    assert repr(layer) == repr(wanted)
    assert y.shape == wanted(ones(*shape)).shape
    assert [id(p) for p in layer.parameters()] == [id(p) for p in before]
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        k: v.shape for k, v in wanted.state_dict().items()
    }


def test_a_lazy_network_learns_with_an_optimiser_made_before():
    network = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(1))
    optimiser = optim.SGD(network.parameters(), lr=0.1)
    x, target = randn(8, 3, generator=Generator(0)), ones(8, 1)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = F.mse_loss(network(x), target)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("name", ["LazyLinear", "LazyConv1d", "LazyBatchNorm1d"])
def test_a_lazy_network_is_converted_before_its_first_input(name, torch):
    args = {"LazyLinear": (3,), "LazyConv1d": (3, 2), "LazyBatchNorm1d": ()}[name]
    network, theirs = (
        library.Sequential(getattr(library, name)(*args)).double() for library in (nn, torch.nn)
    )
    network(ones(2, 3, 4, dtype=np.float64))
    theirs(torch.ones(2, 3, 4, dtype=torch.float64))
    found = {k: str(v.dtype) for k, v in network.state_dict().items()}
    assert found == {k: str(v.dtype)[6:] for k, v in theirs.state_dict().items()}
    assert network[0].weight.requires_grad


def test_a_lazy_layer_takes_a_state_before_its_first_input():
    source = nn.Linear(5, 3)
    layer = nn.LazyLinear(3)
    layer.load_state_dict(source.state_dict())
    x = randn(2, 5, generator=Generator(0))
    np.testing.assert_array_equal(layer(x).detach(), source(x).detach())
    assert repr(layer) == repr(source)


def test_a_lazy_layer_says_what_it_lacks():
    layer = nn.Sequential(nn.LazyConv2d(4, 3, groups=2))
    with pytest.raises(OptionError, match="no numbers before its first call"):
        next(layer.parameters()).numel()
    with pytest.raises(ShapeError, match=r"0 \(LazyConv2d\): groups=2 must divide the 3 channels"):
        layer(ones(1, 3, 8, 8))


# --- sentences ----------------------------------------------------------------------------------


SENTENCES = [
    (lambda: nn.Conv1d(3, 2, 2)(ones(2, 4, 5)), "expected images (N, 3, L), got shape"),
    (lambda: nn.Conv2d(1, 2, 2)(ones(2, 4, 5)), "put x.unsqueeze(1)"),
    (lambda: nn.Conv2d(3, 2, 2, padding="same", stride=2), "'same' for stride 1"),
    (lambda: nn.Conv2d(3, 2, 2, padding_mode="mirror"), "padding_mode is one of"),
    (lambda: nn.ConvTranspose2d(3, 2, 2, padding_mode="reflect"), "'zeros' only"),
    (lambda: nn.ConvTranspose2d(3, 2, 2, output_padding=1)(ones(1, 3, 4, 4)), "output_padding"),
    (lambda: nn.ReflectionPad2d(4)(ones(1, 1, 4, 4)), "needs more than 4 elements"),
    (lambda: nn.CircularPad1d(5)(ones(1, 1, 4)), "goes around more than once"),
    (lambda: F.interpolate(ones(1, 1, 4), 8, mode="bilinear"), "takes (N, C, H, W)"),
    (lambda: F.interpolate(ones(1, 1, 4), 8, antialias=True), "antialias"),
    (lambda: F.interpolate(ones(1, 1, 4)), "either size or scale_factor"),
    (lambda: F.interpolate(ones(1, 1, 4), 8, mode="linea"), "did you mean 'linear'"),
    (lambda: nn.GroupNorm(2, 3), "must divide num_channels=3"),
    (lambda: nn.InstanceNorm2d(3)(ones(1, 3, 1, 1)), "more than one pixel"),
    (lambda: nn.PixelShuffle(2)(ones(1, 3, 2, 2)), "2 x 2 = 4 divides"),
    (lambda: nn.Fold((4, 4), 2)(ones(1, 12, 8)), "expected (N, C * 4, 9)"),
    (lambda: F.grid_sample(ones(1, 1, 2, 2), ones(1, 2, 2, 3)), "places (N, oh, ow, 2)"),
    (lambda: nn.MaxUnpool2d(2)(ones(1, 1, 1, 1), tensor([[[[7]]]])), "do not lie in images"),
]


@pytest.mark.parametrize(("call", "sentence"), SENTENCES, ids=[s for _, s in SENTENCES])
def test_what_does_not_fit_is_said_in_a_sentence(call, sentence):
    with pytest.raises(ChainruleError) as caught:
        call()
    assert sentence in str(caught.value)
