"""Lowering: a module on an example as scalars, with the same numbers and the same gradients."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule import layers, nn
from chainrule.draw import draw
from chainrule.draw.graphs.lowering import lower, scalar_count
from chainrule.draw.graphs.trace import traced
from chainrule.errors import OptionError
from chainrule.nn import functional as F
from chainrule.scalar import MLP, Value


class Loss(nn.Module):
    """A linear model with a loss behind it."""

    def __init__(self, loss):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.loss = loss

    def forward(self, x, target):
        return self.loss(self.linear(x), target)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(2, 2) for _ in range(3))

    def forward(self, x):
        weights = F.softmax(self.q(x) @ self.k(x).transpose(-1, -2), dim=-1)
        return weights @ self.v(x)


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


CASES = {
    "tanh and sigmoid": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), nn.Sigmoid()),
        [numbers(1, 3)],
    ),
    "relu and softmax": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(-1)),
        [numbers(2, 3)],
    ),
    "leaky relu": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(), nn.LogSoftmax(-1)),
        [numbers(1, 3)],
    ),
    "layer norm": (lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), [numbers(1, 3)]),
    "batch norm": (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), [numbers(1, 3)]),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten()),
        [numbers(1, 1, 4, 4)],
    ),
    "max pooling": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.MaxPool2d(2)),
        [numbers(1, 1, 5, 5)],
    ),
    "mean pooling": (
        lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.AvgPool2d(2)),
        [numbers(1, 1, 4, 4)],
    ),
    "embedding": (
        lambda: nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)),
        [np.array([[1, 2, 1]])],
    ),
    "cross-entropy": (lambda: Loss(F.cross_entropy), [numbers(2, 3), np.array([1, 0])]),
    "mean square": (lambda: Loss(F.mse_loss), [numbers(1, 3), numbers(1, 2) + 1]),
    "attention": (Attention, [numbers(1, 3, 2)]),
}  # fmt: skip


def gradients(model, inputs):
    """Of the sum of the outputs, each times a number of its own, by every parameter."""
    y = model(*[cr.tensor(x) for x in inputs])
    seeds = np.cos(np.arange(y.numel())).reshape(y.shape)
    (y * cr.tensor(seeds)).sum().backward()
    return y.detach().numpy(), seeds, {name: p.grad.numpy() for name, p in model.named_parameters()}


@pytest.mark.parametrize("case", CASES)
def test_numbers_and_gradients_are_those_of_the_tensors(case):
    make, inputs = CASES[case]
    cr.manual_seed(0)
    model = make().double().eval()
    (lowered,) = lower(model, *inputs)
    y, seeds, expected = gradients(model, inputs)
    data = np.array([v.data for v in lowered.ravel()]).reshape(lowered.shape)
    np.testing.assert_allclose(data, y, rtol=0, atol=1e-12)
    total = sum(v * float(s) for v, s in zip(lowered.ravel(), seeds.ravel()))
    total.backward()
    found = {v.label: v.grad for v in total.graph() if v.label}
    several = len({name.rpartition(".")[0] for name in expected}) > 1
    for name, grad in expected.items():
        layer, _, kind = name.rpartition(".")
        short = f"{layer}.{kind[0]}" if several and layer else kind[0]
        for at in np.ndindex(grad.shape):
            label = short + "".join(str(i) for i in at)
            # A row of an embedding that is not looked up is not in the graph.
            assert abs(found.get(label, 0.0) - grad[at]) < 1e-12, label


def test_every_kind_of_operation_above_was_lowered_from_leaves():
    (lowered,) = lower(nn.Linear(2, 1).double(), numbers(1, 2))
    assert {v.label for v in lowered[0, 0].graph() if v.label} == {"w00", "w01", "b0", "x0", "x1"}


def test_an_activation_is_one_node():
    drawing = draw(nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()), numbers(1, 1), scalars=True)
    assert [node.sign for node in drawing.graph.nodes if node.sign] == ["×", "+", "σ"]


def test_one_output_comes_with_its_gradients():
    drawing = draw(nn.Linear(2, 1).double(), np.array([[3.0, -2.0]]), scalars=True)
    grads = {node.title: dict(node.rows)["grad"] for node in drawing.graph.nodes if node.title}
    assert (grads["w00"], grads["w01"], grads["b0"]) == ("3", "-2", "1")


def test_labels_of_larger_indices_and_several_inputs():
    model = Loss(F.mse_loss)
    model.linear = nn.Linear(12, 2)
    (y,) = lower(model.double(), numbers(1, 12), numbers(1, 2))
    labels = {v.label for v in y[()].graph()}
    assert {"w[1,11]", "b1", "x[11]", "target0"} <= labels


def test_the_model_keeps_its_numbers():
    model = nn.Linear(2, 2)
    before = model.weight.detach().numpy().copy()
    draw(model, numbers(1, 2), scalars=True)
    np.testing.assert_array_equal(model.weight.detach().numpy(), before)
    assert model.weight.detach().numpy().dtype == np.float32
    assert model.weight.grad is None


@pytest.mark.parametrize(
    "network",
    [
        MLP(2, [3, 1]),
        layers.Net([layers.Linear(2, 3, rng=0), layers.Tanh(), layers.Linear(3, 1, rng=1)]),
    ],
    ids=["scalar.MLP", "layers.Net"],
)
def test_every_floor_is_lowered(network):
    drawing = draw(network, [0.1, -0.3], scalars=True)
    out = network([0.1, -0.3]) if isinstance(network, MLP) else network(np.array([[0.1, -0.3]]))
    last = next(node for node in drawing.graph.nodes if node.kind == "output")
    assert dict(last.rows)["data"] == f"{float(np.ravel(out)[0]):.4g}"
    if isinstance(network, MLP):
        assert all(p.grad == 0 for p in network.parameters())


# --- refusals -----------------------------------------------------------------------------------


def test_too_many_are_refused_before_any_is_made():
    model = nn.Linear(784, 1000)
    tracemalloc.start()
    with pytest.raises(
        OptionError, match=r"Linear on this input comes to about 2,\d\d\d,\d\d\d sc"
    ):
        draw(model, np.zeros((1, 784), np.float32), scalars=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


def test_the_limit_can_be_moved():
    model = nn.Linear(4, 4)
    with pytest.raises(OptionError, match="more than 20 make no picture"):
        draw(model, numbers(1, 4), scalars=True, limit=20)
    assert len(draw(model, numbers(1, 4), scalars=True, limit=100).graph.nodes) == 24 + 32


@pytest.mark.parametrize("case", CASES)
def test_the_prediction_is_near_and_not_below_by_much(case):
    make, inputs = CASES[case]
    model = make().double()
    (lowered,) = lower(model, *inputs)
    seen = {id(v) for end in lowered.ravel() for v in end.graph()}
    assert 0.7 * len(seen) <= scalar_count(traced(model, *inputs)) <= 4 * len(seen)


@pytest.mark.parametrize("function", [cr.sin, cr.erf, F.gelu], ids=["sin", "erf", "gelu"])
def test_an_operation_that_scalars_do_not_know(function):
    class Bends(nn.Module):
        def forward(self, x):
            return function(x)

    with pytest.raises(OptionError, match=r"(sin|erf) cannot be drawn as scalars"):
        draw(Bends(), numbers(1, 2), scalars=True)


def test_scalars_of_nothing():
    with pytest.raises(OptionError, match=r"draw\(model, x, scalars=True\)"):
        draw(nn.Linear(2, 1), scalars=True)
    with pytest.raises(OptionError, match=r"draw\(model, x, scalars=True\)"):
        draw(Value(3), scalars=True)
