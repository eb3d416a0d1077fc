"""How weights begin: distributions, gains and fans, against formulas and PyTorch."""

import math

import numpy as np
import pytest

from chainrule import init, nn
from chainrule.autograd import Generator, manual_seed, zeros
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import init as nn_init

SHAPES = [(400, 250), (100, 50, 4, 5)]
FANS = {(400, 250): (250, 400), (100, 50, 4, 5): (1000, 2000)}
COUNT = 100_000


def bound(fan, gain=1.0):
    """Of the uniform distribution whose variance is gain^2 / fan."""
    return gain * math.sqrt(3 / fan)


def plus_minus(fan, gain):
    return -bound(fan, gain), bound(fan, gain)


NO_BOUND = (-math.inf, math.inf)
RELU, LEAKY = math.sqrt(2), math.sqrt(2 / (1 + 0.2**2))

# name, arguments, and what is to be by (fan_in, fan_out): mean, standard deviation, low, high
SPREADS = [
    ("uniform_", {"a": -1.0, "b": 3.0}, lambda i, o: (1, 4 / math.sqrt(12), -1, 3)),
    ("uniform_", {}, lambda i, o: (0.5, 1 / math.sqrt(12), 0, 1)),
    ("normal_", {"mean": 2.0, "std": 0.5}, lambda i, o: (2, 0.5, -math.inf, math.inf)),
    ("normal_", {}, lambda i, o: (0, 1, -math.inf, math.inf)),
    ("trunc_normal_", {}, lambda i, o: (0, 0.879626, -2, 2)),
    ("trunc_normal_", {"std": 0.02}, lambda i, o: (0, 0.02, -2, 2)),
    ("trunc_normal_", {"mean": 1.0, "a": 1.0, "b": 9.0}, lambda i, o: (1.797885, 0.602810, 1, 9)),
    ("xavier_uniform_", {}, lambda i, o: (0, math.sqrt(2 / (i + o)), *plus_minus(i + o, RELU))),
    (
        "xavier_uniform_",
        {"gain": 3.0},
        lambda i, o: (0, 3 * math.sqrt(2 / (i + o)), *plus_minus(i + o, 3 * RELU)),
    ),
    ("xavier_normal_", {"gain": 2.0}, lambda i, o: (0, 2 * math.sqrt(2 / (i + o)), *NO_BOUND)),
    ("kaiming_uniform_", {}, lambda i, o: (0, RELU / math.sqrt(i), *plus_minus(i, RELU))),
    (
        "kaiming_uniform_",
        {"a": 0.2, "mode": "fan_out"},
        lambda i, o: (0, LEAKY / math.sqrt(o), *plus_minus(o, LEAKY)),
    ),
    (
        "kaiming_normal_",
        {"nonlinearity": "tanh", "mode": "fan_out"},
        lambda i, o: (0, 5 / 3 / math.sqrt(o), *NO_BOUND),
    ),
    ("kaiming_normal_", {"nonlinearity": "relu"}, lambda i, o: (0, RELU / math.sqrt(i), *NO_BOUND)),
]


def drawn(name, shape, options, seed=11):
    found = getattr(nn_init, name)(zeros(*shape), **options, generator=Generator(seed))
    return found.numpy()


every_spread = pytest.mark.parametrize(
    ("name", "options", "wanted"), SPREADS, ids=[f"{name}{options}" for name, options, _ in SPREADS]
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@every_spread
def test_spread(name, options, wanted, shape):
    values = drawn(name, shape, options).astype(np.float64)
    mean, std, low, high = wanted(*FANS[shape])
    # Five standard errors.
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(COUNT)
    assert abs(values.std() - std) < 5 * std / math.sqrt(COUNT)
    slack = 1e-6 * max(abs(low), 1e-3) if math.isfinite(low) else 0
    assert values.min() >= low - slack
    assert values.max() <= high + slack
    if math.isfinite(high) and "uniform" in name:  # and the bounds are reached
        assert values.max() > high - (high - low) * 1e-3
        assert values.min() < low + (high - low) * 1e-3


@every_spread
def test_as_pytorch_in_law(name, options, wanted, torch):
    """The quantiles of the two agree."""
    shape = SHAPES[1]
    source = torch.Generator().manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), **options, generator=source).numpy()
    ours = drawn(name, shape, options)
    at = np.linspace(0.02, 0.98, 25)
    far = np.quantile(ours, at) - np.quantile(theirs, at)
    # Two samples' quantiles differ by about sqrt(2 p (1 - p) / n) / density; the density is lowest
    # at the ends, where it is still above 0.05 / std.
    assert np.abs(far).max() < 5 * math.sqrt(2 * 0.02 / COUNT) / 0.05 * theirs.std()


@pytest.mark.parametrize("name", sorted({row[0] for row in SPREADS} | {"orthogonal_"}))
def test_the_generator_decides(name):
    same = [drawn(name, (30, 20), {}, seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()
    manual_seed(1)
    by_default = getattr(nn_init, name)(zeros(30, 20)).numpy()
    np.testing.assert_array_equal(by_default, same[0])


@pytest.mark.parametrize("name", sorted({row[0] for row in SPREADS} | {"orthogonal_", "ones_"}))
def test_in_place_and_in_the_tensors_own_dtype(name):
    for dtype in (np.float32, np.float64):
        p = nn.Parameter(zeros(6, 4, dtype=dtype))
        array = p.detach().numpy()
        assert getattr(nn_init, name)(p) is p
        assert p.dtype == dtype
        assert p.requires_grad
        assert array.all()  # the same memory, filled


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("zeros_", (), np.zeros((2, 3))),
        ("ones_", (), np.ones((2, 3))),
        ("constant_", (0.3,), np.full((2, 3), 0.3)),
        ("eye_", (), np.eye(2, 3)),
    ],
)
def test_constants(name, args, wanted):
    x = zeros(2, 3) + 7
    np.testing.assert_allclose(getattr(nn_init, name)(x, *args), wanted, rtol=1e-7)


@pytest.mark.parametrize("shape", [(4, 4), (7, 3), (3, 7), (5, 2, 3, 3), (8, 1, 2, 2)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_orthogonal(shape, gain):
    w = zeros(*shape, dtype=np.float64)
    flat = nn_init.orthogonal_(w, gain, generator=Generator(0)).numpy().reshape(shape[0], -1)
    rows, columns = flat.shape
    product = flat.T @ flat if rows >= columns else flat @ flat.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(rows, columns)), atol=1e-12)


def test_orthogonal_prefers_no_direction():
    """Haar measure: without the signs of R the diagonal would be negative on average."""
    diagonals = [np.diag(drawn("orthogonal_", (3, 3), {}, seed)) for seed in range(300)]
    assert abs(np.mean(diagonals)) < 5 * math.sqrt(1 / 3 / 900)


@pytest.mark.parametrize(
    ("name", "param"),
    [
        ("linear", None),
        ("conv1d", None),
        ("conv2d", None),
        ("sigmoid", None),
        ("tanh", None),
        ("relu", None),
        ("selu", None),
        ("leaky_relu", None),
        ("leaky_relu", 0.3),
        ("leaky_relu", 0),
    ],
)
def test_gains(name, param, torch):
    assert nn_init.calculate_gain(name, param) == pytest.approx(
        torch.nn.init.calculate_gain(name, param), rel=1e-15
    )


@pytest.mark.parametrize("shape", [(3, 5), (8, 4, 3), (8, 4, 3, 5), (2, 3, 4, 5, 6)], ids=str)
def test_fans(shape, torch):
    theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert init.fans(shape) == theirs


@pytest.mark.parametrize(
    ("layer", "fan"),
    [
        (lambda g: nn.Linear(300, 400, generator=g), 300),
        (lambda g: nn.Conv2d(30, 400, (2, 5), generator=g), 300),
        (lambda g: nn.Conv2d(60, 400, (2, 5), groups=2, generator=g), 300),
    ],
)
def test_layers_begin_as_pytorchs(layer, fan):
    """Weight and bias uniform in +-1/sqrt(fan), PyTorch's kaiming_uniform with a = sqrt(5)."""
    made = layer(Generator(0))
    for p in made.parameters():
        values = p.detach().numpy().astype(np.float64)
        std = 1 / math.sqrt(3 * fan)
        assert abs(values.mean()) < 5 * std / math.sqrt(values.size)
        assert abs(values.std() - std) < 5 * std / math.sqrt(values.size)
        assert np.abs(values).max() <= 1 / math.sqrt(fan) * (1 + 1e-6)
        assert np.abs(values).max() > 0.97 / math.sqrt(fan)
    for p, again in zip(made.parameters(), layer(Generator(0)).parameters()):
        np.testing.assert_array_equal(p.detach(), again.detach())


def test_embeddings_begin_as_pytorchs():
    values = nn.Embedding(500, 200, generator=Generator(0)).weight.detach().numpy()
    assert abs(values.mean()) < 5 / math.sqrt(COUNT)
    assert abs(values.std() - 1) < 5 / math.sqrt(COUNT)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: nn_init.calculate_gain("rleu"),
            OptionError,
            "no gain is known for 'rleu'; did you mean 'relu'?",
        ),
        (
            lambda: nn_init.calculate_gain("leaky"),
            OptionError,
            "no gain is known for 'leaky'; did you mean 'leaky_relu'?",
        ),
        (
            lambda: nn_init.kaiming_normal_(zeros(3, 3), mode="fan"),
            OptionError,
            "mode must be 'fan_in' or 'fan_out', got 'fan'",
        ),
        (
            lambda: nn_init.xavier_uniform_(zeros(3)),
            ShapeError,
            "fan-in and fan-out need a weight of 2 or more dimensions, got (3,)",
        ),
        (
            lambda: nn_init.orthogonal_(zeros(3)),
            ShapeError,
            "fan-in and fan-out need a weight of 2 or more dimensions, got (3,)",
        ),
        (
            lambda: nn_init.eye_(zeros(3)),
            ShapeError,
            "eye_ fills a matrix, got shape (3,)",
        ),
        (
            lambda: nn_init.trunc_normal_(zeros(3), a=1.0, b=1.0),
            OptionError,
            "a truncated normal needs low < high and std above 0, got 1.0, 1.0 and 1.0",
        ),
        (
            lambda: nn_init.trunc_normal_(zeros(3), a=9.0, b=10.0),
            OptionError,
            "less than one number in a thousand of N(0.0, 1.0^2) lies in [9.0, 10.0]; "
            "use a wider interval",
        ),
    ],
)
def test_what_cannot_be(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence
