"""Converters between floors, and one network on every floor: the same weights, one loss curve."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import layers as L
from chainrule import nn, optim, scalar
from chainrule.autograd import Generator, from_numpy, no_grad
from chainrule.convert import to_layers, to_module, to_scalar
from chainrule.data import moons
from chainrule.errors import OptionError
from chainrule.nn import functional as F

STEPS = 25

# --- one network, every floor -------------------------------------------------------------------


class Problem:
    """A network of scalars to begin with, data, a loss and a learning rate."""

    def __init__(self, mlp, X, Y, loss, lr):
        self.mlp, self.X, self.Y, self.loss, self.lr = mlp, np.asarray(X, float), Y, loss, lr


def four_points():
    """Route 3's: three inputs, 4-4-1 tanh, squared error on targets of 1 and -1."""
    X = [[2, 3, -1], [3, -1, 0.5], [0.5, 1, 1], [1, 1, -1]]
    return Problem(
        scalar.MLP(3, [4, 4, 1], seed=3), X, np.array([[1.0], [-1], [-1], [1]]), "mse", 0.1
    )


def two_moons():
    """Two classes, 2-16-16-2, rectifiers, cross-entropy."""
    some = moons(24, seed=1)
    mlp = scalar.MLP(2, [16, 16, 2], activation="relu", output="linear", seed=4)
    return Problem(mlp, some.x, some.y, "cross_entropy", 0.1)


def copied(mlp):
    """Another MLP with the same weights."""
    return to_scalar(to_layers(mlp))


def with_scalars(problem):
    mlp, lr = copied(problem.mlp), problem.lr
    for _ in range(STEPS):
        loss = scalar_loss(problem, [mlp(list(x)) for x in problem.X])
        mlp.zero_grad()
        loss.backward()
        yield loss.data, np.array([p.grad for p in mlp.parameters()])
        for p in mlp.parameters():
            p.data -= lr * p.grad


def replayed(backend):
    """The same, recorded once and replayed."""

    def steps(problem):
        mlp, lr = copied(problem.mlp), problem.lr
        step = scalar.compile(
            lambda: scalar_loss(problem, [mlp(list(x)) for x in problem.X]), backend=backend
        )
        for _ in range(STEPS):
            mlp.zero_grad()
            loss = step()
            yield loss, np.array([p.grad for p in mlp.parameters()])
            for p in mlp.parameters():
                p.data -= lr * p.grad

    return steps


def scalar_loss(problem, outputs):
    """The loss of the network's outputs, in scalars."""
    if problem.loss == "mse":
        terms = [(out - float(y)) ** 2 for out, (y,) in zip(outputs, problem.Y)]
    else:
        terms = [sum(o.exp() for o in out).log() - out[y] for out, y in zip(outputs, problem.Y)]
    return sum(terms) / len(terms)


def with_layers(problem):
    loss = L.MeanSquareLoss() if problem.loss == "mse" else L.CrossEntropyLoss()
    net = to_layers(copied(problem.mlp), loss)
    for _ in range(STEPS):
        out = net(problem.X)
        value = net.loss(out, problem.Y)
        net.backward()
        linears = [layer for layer in net.layers if isinstance(layer, L.Linear)]
        yield value, by_neuron([(f.weight_update["W"], f.weight_update["b"]) for f in linears])
        net.update_weights(lr=problem.lr)


def descended(model, criterion, descent, x, y):
    """The losses and gradients of the loop that PyTorch's users and ours write alike."""
    for _ in range(STEPS):
        descent.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        pairs = [(m.weight.grad.numpy().T, m.bias.grad.numpy()) for m in model if has_weight(m)]
        yield loss.item(), by_neuron(pairs)
        descent.step()


def with_tensors(problem):
    model = to_module(copied(problem.mlp))
    criterion = F.mse_loss if problem.loss == "mse" else F.cross_entropy
    descent = optim.SGD(model.parameters(), lr=problem.lr)
    x, y = from_numpy(problem.X), from_numpy(problem.Y)
    yield from descended(model, criterion, descent, x, y)


def with_pytorch(problem):
    torch = pytest.importorskip("torch")
    ours = to_module(copied(problem.mlp))
    model = torch.nn.Sequential(*(twin(m, torch) for m in ours)).double()
    model.load_state_dict({k: torch.as_tensor(v.numpy()) for k, v in ours.state_dict().items()})
    criterion = getattr(
        torch.nn.functional, f"{problem.loss}_loss".replace("entropy_loss", "entropy")
    )
    descent = torch.optim.SGD(model.parameters(), lr=problem.lr)
    x, y = torch.as_tensor(problem.X), torch.as_tensor(problem.Y)
    yield from descended(model, criterion, descent, x, y)


def twin(module, torch):
    if isinstance(module, nn.Linear):
        return torch.nn.Linear(module.in_features, module.out_features)
    return getattr(torch.nn, type(module).__name__)()


def has_weight(module):
    return hasattr(module, "weight")


def by_neuron(pairs):
    """Gradients by W (in, out) and b of each layer, in the order of the scalars' parameters."""
    rows = [np.concatenate([W.T, np.reshape(b, (-1, 1))], axis=1) for W, b in pairs]
    return np.concatenate([row.ravel() for row in rows])


# Name of a floor: a generator of (loss, gradients) for each step of descent on a problem.
FLOORS = {
    "scalar": with_scalars,
    "scalar, replayed": replayed("numpy"),
    "scalar, replayed natively": replayed("native"),
    "layers": with_layers,
    "tensor": with_tensors,
    "PyTorch": with_pytorch,
}


@pytest.fixture(scope="module", params=[four_points, two_moons], ids=["four points", "two moons"])
def problem(request):
    return request.param()


@pytest.fixture(scope="module")
def by_scalars(problem):
    return list(with_scalars(problem))


@pytest.mark.parametrize("floor", list(FLOORS)[1:])
def test_one_network_every_floor(problem, by_scalars, floor):
    if "natively" in floor:
        pytest.importorskip("llvmlite", reason="llvmlite makes the native replay")
    curve = list(FLOORS[floor](problem))
    losses, expected = ([loss for loss, _ in c] for c in (curve, by_scalars))
    assert len(losses) == STEPS
    assert expected[-1] < 0.75 * expected[0]  # something was learned
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-12)
    for (_, gradients), (_, wanted) in zip(curve, by_scalars):
        np.testing.assert_allclose(gradients, wanted, rtol=0, atol=1e-12)


# --- there and back -----------------------------------------------------------------------------


def every_kind():
    g = Generator(0)
    return nn.Sequential(
        nn.Normalize(0.5, 2.0),
        nn.Conv2d(1, 4, 3, padding="same", generator=g),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.2),
        nn.MaxPool2d(2),
        nn.Sequential(
            nn.Conv2d(4, 3, (3, 2), 2, padding="valid", bias=False, generator=g), nn.Tanh()
        ),
        nn.Identity(),
        nn.Flatten(),
        nn.Dropout(0.25, generator=Generator(1)),
        nn.Linear(3, 5, bias=False, generator=g),
        nn.Sigmoid(),
        nn.Linear(5, 3, generator=g),
        nn.ReLU(),
        nn.Softmax(-1),
    )


X = np.random.default_rng(0).normal(size=(3, 1, 8, 6))


def outputs(module, x):
    with no_grad():
        return module(from_numpy(x)).numpy()


def test_every_kind_of_layer_computes_the_same():
    module = every_kind().double()
    net = to_layers(module)
    assert [type(f).__name__ for f in net.layers].count("Net") == 2  # a row in a row, and nothing
    drawn = module[8].generator.get_state()
    expected = outputs(module, X)
    module[8].generator.set_state(drawn)  # the same mask once more
    np.testing.assert_allclose(net(X), expected, rtol=1e-12)
    # Both have moved the running values, which are the same ones.
    np.testing.assert_array_equal(net.layers[2].running_mean, module[2].running_mean.numpy())
    np.testing.assert_allclose(net.eval()(X), outputs(module.eval(), X), rtol=1e-12)


def test_there_and_back_is_the_same_network():
    module = every_kind().double().eval()
    again = to_module(to_layers(module))
    assert not again.training
    np.testing.assert_array_equal(outputs(again, X), outputs(module, X))
    # An identity has become a row without modules; the weights have kept their paths.
    assert list(again.state_dict()) == list(module.state_dict())


def test_arrays_are_shared_both_ways():
    module = every_kind()
    net = to_layers(module)
    again = to_module(net)
    for path in ("1.weight", "2.weight", "2.running_var", "9.weight", "11.bias", "0.std"):
        a, b = module.state_dict()[path], again.state_dict()[path]
        assert np.shares_memory(a.numpy(), b.numpy()), path
    assert len(net.weight) == 8
    for w in net.weight.values():
        w[...] = 0.5
    for parameter in [*module.parameters(), *again.parameters()]:
        assert (parameter.detach().numpy() == 0.5).all()


def test_training_the_layers_trains_the_module():
    module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    some = moons(200, seed=0)
    net = to_layers(module, L.CrossEntropyLoss())
    for _ in range(200):
        net.loss(net(some.x), some.y)
        net.backward()
        net.update_weights(lr=0.5)
    assert (outputs(module, some.x).argmax(axis=1) == some.y).mean() > 0.85


def test_modes_and_sources_of_chance_are_carried_over():
    module = nn.Sequential(nn.Dropout(0.5, generator=Generator(3)), nn.BatchNorm2d(1).eval())
    net = to_layers(module)
    assert [f.training for f in net.layers] == [True, False]
    assert net.layers[0].state is module[0].generator.state
    back = to_module(net)
    assert [m.training for m in back] == [True, False]
    assert back[0].generator.state is module[0].generator.state


def test_one_layer_is_a_net_of_one():
    assert repr(to_layers(nn.Linear(2, 3))) == "Net(\n  0: Linear(2, 3)\n  loss: None\n)"


def test_what_is_there_already_is_returned():
    net, module, mlp = L.Net([]), nn.Linear(1, 1), scalar.MLP(1, [1])
    assert to_layers(net) is net
    assert to_module(module) is module
    assert to_scalar(mlp) is mlp
    loss = L.MeanSquareLoss()
    assert to_layers(net, loss).loss_function is loss


# --- scalars ------------------------------------------------------------------------------------


def test_neurons_with_activations_of_every_kind():
    net = L.Net(
        [
            L.Linear(2, 3, rng=0),
            L.Net([L.Tanh(), L.Linear(3, 4, bias=False, rng=1)]),
            L.Linear(4, 3, rng=2),
            L.ReLU(),
            L.Linear(3, 2, rng=3),
            L.Sigmoid(),
        ]
    )
    mlp = to_scalar(net)
    x = np.random.default_rng(0).normal(size=2)
    expected = net(x[None])[0]
    np.testing.assert_allclose([v.data for v in mlp(list(x))], expected, rtol=1e-14)
    np.testing.assert_allclose(to_layers(mlp)(x[None])[0], expected, rtol=1e-14)
    module = to_module(mlp)
    np.testing.assert_allclose(outputs(module, x[None])[0], expected, rtol=1e-14)


# --- what is refused ----------------------------------------------------------------------------

REFUSED = [
    (
        lambda: to_layers(nn.Sequential(nn.Linear(2, 2), nn.GELU())),
        "1: GELU(approximate='none') has no counterpart in layers, which has those of Sequential",
    ),
    (
        lambda: to_layers(nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Embedding(2, 3)))),
        "1.1: Embedding(2, 3) has no counterpart in layers",
    ),
    (lambda: to_layers(nn.ModuleList([])), "ModuleList() has no counterpart in layers"),
    (
        lambda: to_layers(nn.Sequential(nn.Conv2d(2, 2, 3, groups=2))),
        "0: Conv2d(2, 2, ... has a counterpart in layers only without dilation and groups",
    ),
    (
        lambda: to_layers(nn.BatchNorm2d(2, momentum=None)),
        "has a counterpart in layers only with weights, running values and a momentum",
    ),
    (lambda: to_layers(nn.MaxPool2d(2, dilation=2)), "in layers only without dilation"),
    (lambda: to_layers(nn.Flatten(0)), "in layers only from 1 to -1"),
    (lambda: to_layers(nn.Softmax(1)), "Softmax(dim=1) has a counterpart in layers only with dim"),
    (
        lambda: to_module(L.Net([L.ReLU(), L.Net([L.Recurrent(2, 3)])])),
        "1.0: Recurrent(2, 3) has no counterpart in nn, which has those of Net, Linear",
    ),
    (
        lambda: to_scalar(L.Net([L.Linear(2, 2), L.Net([L.LeakyReLU()])])),
        "1.0: LeakyReLU(0.01) has no counterpart among neurons, which are Linear layers with Tanh",
    ),
    (lambda: to_scalar(L.Net([L.Tanh()])), "0: Tanh() has no counterpart among neurons"),
    (lambda: to_scalar(L.Net([])), "a network without Linear layers has no neurons"),
    (lambda: to_scalar(nn.Linear(784, 200)), "157,000 weights are too many to be scalars"),
    (lambda: to_layers(np.tanh), "a network to convert is an nn.Module, a layers.Net or a"),
]


@pytest.mark.parametrize(("wrong", "sentence"), REFUSED, ids=[row[-1][:40] for row in REFUSED])
def test_refusals(wrong, sentence):
    with pytest.raises(OptionError) as caught:
        wrong()
    said, at = str(caught.value), 0
    for part in sentence.split(" ... "):
        assert part in said[at:], f"{said!r} does not say {part!r}"
        at = said.index(part, at)
