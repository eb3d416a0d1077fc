"""One example and one weight followed through networks: every number checked, nothing changed."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from chainrule import manual_seed, nn
from chainrule.autograd import tensor
from chainrule.errors import OptionError
from chainrule.explain.equations.following import numbers
from chainrule.explain.equations.following.elements import Elements, at
from chainrule.explain.equations.following.numbers import with_numbers
from chainrule.explain.equations.network import Derivation
from chainrule.explain.equations.terms.term import Term, leaf
from chainrule.nn import functional as F
from chainrule.ops import REGISTRY
from chainrule.random import get_rng_state, set_rng_state


def normal(*shape, seed=0, grad=False):
    t = tensor(np.random.default_rng(seed).standard_normal(shape))
    return t.requires_grad_() if grad else t


def labels(count, classes, seed=0):
    return tensor(np.random.default_rng(seed).integers(0, classes, count))


def regression():
    return nn.Linear(3, 1), normal(16, 3), normal(16, 1, seed=1), F.mse_loss


def layers():
    model = nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 4))
    return model, normal(8, 20), labels(8, 4), F.cross_entropy


def columns():
    W1, b1 = normal(10, 12, grad=True), normal(10, 1, seed=1, grad=True)
    W2, b2 = normal(4, 10, seed=2, grad=True), normal(4, 1, seed=3, grad=True)

    def net(X):
        return F.softmax(W2 @ F.relu(W1 @ X + b1) + b2, 0)

    def loss(A, Y):
        return -(Y * A.log()).sum() / Y.shape[1]

    return net, normal(12, 6, seed=4), tensor(np.eye(4)[[0, 3, 1, 1, 2, 0]].T), loss


def convolution():
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4)
    )
    return model, normal(5, 2, 6, 6), labels(5, 4), nn.CrossEntropyLoss()


def attention():
    Wq, Wk, Wv = (normal(6, 6, seed=s, grad=True) for s in range(3))

    def head(X):
        Q, K, V = X @ Wq.T, X @ Wk.T, X @ Wv.T
        return F.softmax(Q @ K.T / 6**0.5, -1) @ V

    return (head, normal(5, 6, seed=3))


def embedding():
    model = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 3))
    return model, labels((6, 3), 7), labels(6, 3), F.cross_entropy


def normalised():
    model = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2))
    return model, normal(8, 5), normal(8, 2, seed=1), nn.MSELoss()


def activations():
    model = nn.Sequential(
        nn.Linear(5, 6), nn.Sigmoid(), nn.Linear(6, 6), nn.GELU(), nn.LayerNorm(6), nn.Linear(6, 1)
    )
    return model, normal(8, 5), normal(8, 1, seed=1).abs(), nn.L1Loss()


class Recurrent(nn.Module):
    """The last of the states of an LSTM."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Residual(nn.Module):
    """One layer that is used twice, beside which its inputs go on."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        h = x + F.tanh(self.a(x))
        return self.out(h + F.tanh(self.a(h)))


def recurrent():
    return Recurrent(), normal(5, 6, 3), labels(5, 2), F.cross_entropy


def residual():
    return Residual(), normal(6, 4), labels(6, 3), F.cross_entropy


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(32, 2))
    return model, normal(3, 4, 8), labels(3, 2), F.cross_entropy


def dropped():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    return model, normal(6, 4), labels(6, 2), F.cross_entropy


def strided():
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2),
        nn.SiLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    return model, normal(4, 2, 8, 8), labels(4, 3), F.cross_entropy


NETWORKS = [
    regression,
    layers,
    columns,
    convolution,
    attention,
    embedding,
    normalised,
    activations,
    recurrent,
    residual,
    transformer,
    dropped,
    strided,
]


@pytest.fixture(autouse=True)
def _seeded():
    manual_seed(0)


each_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda f: f.__name__)


def worked_out(part) -> float:
    """What a side in numbers comes to."""
    if not isinstance(part, Term):
        return float(part)
    if part.called == "rest":
        return worked_out(part.args[0])
    args = [worked_out(a) for a in part.args]
    names = [leaf(f"x{i}") for i in range(len(args))]
    given = {name.label: np.float64(a) for name, a in zip(names, args)}
    return float(Term(part.op, tuple(names), part.attrs).evaluate(given))


# --- every number, every check -------------------------------------------------------------------


@each_network
def test_every_slope_agrees_with_autograd_and_with_a_difference(network):
    derivation = with_numbers(*network())
    assert derivation.checks
    assert {check.verdict for check in derivation.checks} == {"agrees"}
    assert any(abs(check.derived) > 1e-4 for check in derivation.checks)
    assert "agree with backward()" in str(derivation)


@each_network
def test_what_a_line_says_in_numbers_comes_to_what_it_says(network):
    derivation = with_numbers(*network())
    counted = 0
    for line in derivation.lines:
        *inner, value = line.steps
        for side in inner:
            if not any(t.op is None for t in side.walk()):
                assert worked_out(side) == pytest.approx(value, rel=1e-9, abs=1e-12)
                counted += 1
    assert counted >= 3


@each_network
def test_every_line_is_one_element_of_its_value(network):
    model, *rest = network()
    drawn = get_rng_state()
    whole = Derivation(numbers._doubled(model), *rest).equations()
    set_rng_state(drawn)
    for line in with_numbers(model, *rest).lines:
        if line.left.called == "at":
            place = line.left.options["places"]
            label = line.left.label
            assert line.steps[-1] == pytest.approx(whole[label].value[place], rel=1e-6, abs=1e-9)


def test_the_way_is_from_the_weight_to_the_loss_and_back():
    derivation = with_numbers(*layers(), weight="0.weight[3, 5]")
    names = [line.left.label for line in derivation.lines]
    assert names == ["Z1", "A1", "Z2", "A2", "Y", "L", "dZ2", "dZ1", "dW1"]
    assert derivation["dW1"].left.options["places"] == (3, 5)
    assert derivation["Z1"].left.options["places"] == (0, 3)
    assert "the weight 0.weight[3, 5]" in derivation.head[-1]


def test_another_example_is_followed():
    derivation = with_numbers(*layers(), example=4, weight="W1[3, 5]")
    assert derivation["Z1"].left.options["places"] == (4, 3)
    assert derivation["dZ2"].left.options["places"][0] == 4
    columns_too = with_numbers(*columns(), example=4)
    assert columns_too["Z1"].left.options["places"][1] == 4


def test_the_example_comes_first_in_a_sum_over_examples():
    derivation = with_numbers(*layers(), example=4, weight="2.weight[1, 2]")
    product = derivation["dW2"].steps[0].args[0]
    while product.called == "add":
        product = product.args[0]
    x = derivation.values["A1"][4, 2]
    assert product.args == (pytest.approx(derivation["dZ2"].steps[-1]), pytest.approx(float(x)))


def test_a_weight_by_default_is_one_that_the_example_moves():
    for network in NETWORKS:
        derivation = with_numbers(*network())
        assert derivation.checks[-1].derived != 0


def test_functions_in_single_precision_are_followed_in_double():
    W = tensor(np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32))
    W.requires_grad_()
    x, y = (t.float() for t in (normal(6, 4), normal(6, 3, seed=1)))
    derivation = with_numbers(lambda X: F.tanh(X @ W.T), x, y, F.mse_loss)
    assert {check.verdict for check in derivation.checks} == {"agrees"}
    assert W.dtype == np.float32
    assert W.grad is None


# --- elements ------------------------------------------------------------------------------------


def test_a_part_of_all_is_the_whole():
    x = leaf("X", shape=(3, 4))
    assert at(x, (slice(None), slice(None))) is x
    assert at(x, ()) is x


def test_elements_are_found_through_arrangements_and_sums():
    a = np.arange(12.0).reshape(3, 4)
    x = leaf("X", shape=(3, 4))
    turned = Term(REGISTRY["permute"], (x,), (("dims", (1, 0)),), (4, 3))
    flat = Term(REGISTRY["reshape"], (turned,), (("shape", (12,)),), (12,))
    name, number = Elements({"X": a}, {}).of(flat, (5,))
    assert name == at(x, (2, 1))
    assert number == a[2, 1]
    added = Term(REGISTRY["sum"], (turned,), (("dim", (0,)),), (3,))
    name, number = Elements({"X": a}, {}).of(added, (2,))
    assert name.args[0] == at(x, (2, slice(None)))
    assert worked_out(number) == a[2].sum()


def test_zeros_take_part_in_a_product():
    a, b = np.zeros((2, 3)), np.ones((3, 2))
    terms = leaf("A", shape=(2, 3)), leaf("B", shape=(3, 2))
    product = Term(REGISTRY["matrix_product"], terms, (), (2, 2))
    name, number = Elements({"A": a, "B": b}, {}).of(product, (1, 0))
    # Of nothing but zeros there is no slope by B, and still the row and the column are told.
    assert worked_out(number) == 0
    assert name is not None


# --- what goes wrong -----------------------------------------------------------------------------


def test_a_wrong_line_is_loud(monkeypatch):
    whole = Derivation.equations

    def spoiled(self):
        found = whole(self)
        line = found["dZ1"]
        object.__setattr__(line, "right", Term(REGISTRY["mul"], (line.right, 1.01), (), line.shape))
        return found

    monkeypatch.setattr(Derivation, "equations", spoiled)
    derivation = with_numbers(*layers())
    assert [check.verdict for check in derivation.checks] == ["agrees", "differs", "differs"]
    assert "2 OF 3 SLOPES DO NOT AGREE" in str(derivation)


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ("0.weigth[3, 5]", r"there is no weight '0.weigth'.*did you mean '?0.weight"),
        ("0.weight[3]", r"'0.weight\[3\]' is no element of 0.weight, whose shape is \(10, 20\)"),
        ("0.weight[10, 0]", "is no element of 0.weight"),
        ("0.weight", "is no element of 0.weight"),
    ],
)
def test_a_weight_that_is_not_there(weight, said):
    with pytest.raises(OptionError, match=said):
        with_numbers(*layers(), weight=weight)


def test_an_example_that_is_not_there():
    with pytest.raises(OptionError, match="no example 8 among 8; examples count from 0"):
        with_numbers(*layers(), example=8)


def test_a_network_without_weights():
    with pytest.raises(OptionError, match="no weight to follow"):
        with_numbers(nn.ReLU(), normal(3, 2), normal(3, 2, seed=1), F.mse_loss)


# --- nothing is changed --------------------------------------------------------------------------


@each_network
def test_the_model_is_left_as_it_was(network):
    model, *rest = network()
    if not isinstance(model, nn.Module):
        return
    model.train()
    before = copy.deepcopy(model.state_dict())
    drawn = get_rng_state()
    with_numbers(model, *rest)
    with pytest.raises(OptionError):
        with_numbers(model, *rest, weight="nothing")
    after = model.state_dict()
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert value.dtype == after[name].dtype
        assert np.array_equal(value.numpy(), after[name].numpy())
    assert all(p.grad is None for p in model.parameters())
    assert model.training
    assert np.array_equal(np.asarray(drawn), np.asarray(get_rng_state()))


def test_data_are_left_as_they_were():
    model, x, y, loss = regression()
    kept = x.numpy().copy(), y.numpy().copy()
    with_numbers(model, x, y, loss)
    assert np.array_equal(x.numpy(), kept[0])
    assert np.array_equal(y.numpy(), kept[1])
    assert math.isfinite(float(kept[0].sum()))
