"""Weights travel: between two networks, from PyTorch and back; and nothing is loaded by halves."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import ones, tensor
from chainrule.errors import DataError, ShapeError


def make(nn):
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 4),
        nn.LayerNorm(4),
    )


def numbers(net):
    return {name: np.asarray(value).copy() for name, value in net.state_dict().items()}


def same(a, b):
    assert list(a) == list(b)
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name], err_msg=name)


def test_from_pytorch_and_back(torch):
    theirs, ours, again = make(torch.nn), make(nn), make(torch.nn)
    theirs(torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)))
    keys = ours.load_state_dict(theirs.state_dict())
    assert keys == ([], [])
    same(numbers(ours), numbers(theirs))
    again.load_state_dict({k: torch.as_tensor(v.numpy()) for k, v in ours.state_dict().items()})
    same(numbers(again), numbers(theirs))
    x = np.random.default_rng(0).normal(size=(2, 1, 4, 4)).astype(np.float32)
    y, t = ours.eval()(x), again.eval()(torch.as_tensor(x))
    np.testing.assert_allclose(y.detach(), t.detach(), atol=1e-6)


def test_from_pytorchs_parameters(torch):
    """Also those that want a gradient, as `named_parameters` gives them."""
    theirs, ours = torch.nn.Linear(2, 3), nn.Linear(2, 3)
    ours.load_state_dict(dict(theirs.named_parameters()))
    same(numbers(ours), numbers(theirs))


@pytest.mark.parametrize("wrap", [tensor, np.array, nn.Parameter, lambda v: v.tolist()])
def test_values_of_any_kind(wrap):
    first, second = nn.Linear(2, 3), nn.Linear(2, 3)
    second.load_state_dict({k: wrap(v) for k, v in numbers(first).items()})
    same(numbers(first), numbers(second))


def test_loading_copies_and_keeps_dtype_gradient_and_identity():
    net = nn.Linear(2, 3)
    weight = net.weight
    source = {"weight": np.ones((3, 2), np.float64), "bias": np.zeros(3, np.int64)}
    net.load_state_dict(source)
    source["weight"][:] = 7
    assert net.weight is weight
    assert net.weight.dtype == np.float32
    assert net.weight.requires_grad
    assert (net.weight.detach().numpy() == 1).all()


def test_the_state_shares_memory():
    net = nn.Linear(2, 3)
    state = net.state_dict()
    assert not state["weight"].requires_grad
    state["weight"].zero_()
    assert not net.weight.detach().numpy().any()


def test_loading_into_a_recorded_network_is_noticed():
    """A value saved for a gradient that is overwritten before it is used."""
    net = nn.Linear(2, 3)
    x = ones(1, 2, requires_grad=True)
    y = net(x).sum()
    net.load_state_dict(numbers(nn.Linear(2, 3)))
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


WRONG = [
    # what is done to the state, the kind of error, its sentence
    (
        lambda s: s.pop("4.weight"),
        DataError,
        "the state dict does not fit Sequential: 4.weight missing; "
        "pass strict=False to load what does fit",
    ),
    (
        lambda s: s.update({"4.wieght": s["4.weight"]}),
        DataError,
        "the state dict does not fit Sequential: 4.wieght not expected; did you mean '4.weight'?; "
        "pass strict=False to load what does fit",
    ),
    (
        lambda s: s.update({"4.weight": np.zeros((5, 12))}),
        ShapeError,
        "4.weight has shape (5, 12) in the state dict and (4, 12) in the module; was it saved from "
        "another network?",
    ),
    (
        lambda s: s.update({"4.bias": np.array(["a"] * 4)}),
        DataError,
        "4.bias holds <U1 in the state dict, not numbers",
    ),
    (
        lambda s: s.update({"4.bias": np.array([None] * 4)}),
        DataError,
        "4.bias holds object in the state dict, not numbers",
    ),
    (
        lambda s: [s.pop(k) for k in list(s)],
        DataError,
        "the state dict does not fit Sequential: 0.weight, 0.bias, 1.weight, 1.bias, "
        "1.running_mean, 1.running_var and 5 more missing; pass strict=False to load what does fit",
    ),
]


@pytest.mark.parametrize(("spoil", "error", "sentence"), WRONG)
def test_what_does_not_fit_changes_nothing(spoil, error, sentence):
    net = make(nn)
    before = numbers(net)
    state = numbers(make(nn))
    spoil(state)
    with pytest.raises(error) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == sentence
    same(numbers(net), before)


@pytest.mark.parametrize("state", [{}, {"weight": np.zeros((9, 9)), "bias": np.zeros(3)}])
def test_what_does_not_fit_is_caught_as_in_pytorch(state):
    with pytest.raises(RuntimeError, match="weight"):
        nn.Linear(2, 3).load_state_dict(state)


def test_not_strict(torch):
    net, theirs = make(nn), make(torch.nn)
    before, state = numbers(net), numbers(make(nn))
    del state["0.bias"]
    state["other"] = np.zeros(1)
    keys = net.load_state_dict(state, strict=False)
    their_state = {k: torch.as_tensor(v) for k, v in state.items()}
    assert keys == tuple(theirs.load_state_dict(their_state, strict=False))
    assert keys.missing_keys == ["0.bias"]
    assert keys.unexpected_keys == ["other"]
    after = numbers(net)
    np.testing.assert_array_equal(after["0.bias"], before["0.bias"])
    np.testing.assert_array_equal(after["0.weight"], state["0.weight"])


def test_not_strict_still_means_shapes():
    net = make(nn)
    before = numbers(net)
    with pytest.raises(ShapeError):
        net.load_state_dict({"0.bias": np.zeros(3), "4.bias": np.zeros(9)}, strict=False)
    same(numbers(net), before)


def test_losses_carry_their_weights(torch):
    weight = [1.0, 2.0]
    ours = nn.CrossEntropyLoss(weight=tensor(weight)).state_dict()
    theirs = torch.nn.CrossEntropyLoss(weight=torch.tensor(weight)).state_dict()
    same({k: v.numpy() for k, v in ours.items()}, {k: v.numpy() for k, v in theirs.items()})
    array = nn.CrossEntropyLoss(weight=np.array(weight, np.float32))
    assert array.double().weight.dtype == np.float64
