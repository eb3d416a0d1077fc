"""Weights that are computed from others, layers that are joined, parameters as a vector."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator, from_numpy, ones, tensor, zeros
from chainrule.errors import OptionError, ShapeError
from nn.oracle import close, filled

LAYERS = {
    "Linear": lambda nn: nn.Linear(4, 3),
    "Conv2d": lambda nn: nn.Conv2d(2, 3, 2),
    "Embedding": lambda nn: nn.Embedding(5, 3),
}
INPUTS = {"Linear": (2, 4), "Conv2d": (2, 2, 4, 4)}


def norms(nn: Any) -> dict[str, Any]:
    """What is done to a layer's weight, in either library."""
    new, old = nn.utils.parametrizations, nn.utils
    return {
        "weight_norm": new.weight_norm,
        "weight_norm of all": lambda m: new.weight_norm(m, dim=None),
        "spectral_norm": new.spectral_norm,
        "spectral_norm along 1": lambda m: new.spectral_norm(m, n_power_iterations=3, dim=1),
        "former weight_norm": old.weight_norm,
        "former spectral_norm": old.spectral_norm,
    }


@pytest.mark.filterwarnings("ignore:.torch.nn.utils.weight_norm. is deprecated")
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("how", norms(nn))
def test_norms_as_pytorch(how, kind, torch):
    theirs = norms(torch.nn)[how](LAYERS[kind](torch.nn)).double()
    ours = norms(nn)[how](LAYERS[kind](nn)).double()
    rng = np.random.default_rng(0)
    filled(theirs, rng, torch)
    ours.load_state_dict(theirs.state_dict())
    x = rng.integers(0, 5, 6) if kind == "Embedding" else rng.normal(size=INPUTS[kind])
    for training in (True, True, False):
        y, t = ours.train(training)(from_numpy(x)), theirs.train(training)(torch.tensor(x))
        close(y, t, "output", 10)
        (y * y).sum().backward()
        (t * t).sum().backward()
    for (name, p), (their_name, tp) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        close(p.grad, tp.grad, name, 100)
    for (name, value), (their_name, t) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == their_name
        close(value, t, name, 10)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)], ids=str)
@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
def test_orthogonal_as_pytorch(how, shape, torch):
    made = []
    for library in (nn, torch.nn):
        layer = library.Linear(*shape).double()
        made.append(library.utils.parametrizations.orthogonal(layer, orthogonal_map=how))
    ours, theirs = made
    rng = np.random.default_rng(0)
    with torch.no_grad():
        original = theirs.parametrizations.weight.original
        noise = rng.normal(size=tuple(original.shape))
        # Of reflections the diagonal holds signs, which stay as they are.
        noise[np.eye(*noise.shape, dtype=bool)] = 0
        original += torch.as_tensor(noise)
    ours.load_state_dict(theirs.state_dict())
    x = rng.normal(size=(2, shape[0]))
    y, t = ours(from_numpy(x)), theirs(torch.tensor(x))
    close(y, t, "output", 100)
    (y * y * y).sum().backward()
    (t * t * t).sum().backward()
    found = ours.parametrizations.weight.original.grad
    close(found, theirs.parametrizations.weight.original.grad, "gradient", 1000)
    q = ours.weight.detach().numpy()
    q = q if q.shape[0] >= q.shape[1] else q.T
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3)], ids=str)
@pytest.mark.parametrize("trivialized", [True, False])
def test_orthogonal_weights_can_be_set(shape, trivialized):
    layer = nn.Linear(*shape).double()
    wrap = nn.utils.parametrizations.orthogonal
    wrap(layer, orthogonal_map="householder", use_trivialization=trivialized)
    wanted = nn.init.orthogonal_(zeros(shape[1], shape[0], dtype=np.float64))
    layer.weight = wanted
    close(layer.weight, wanted, "weight", 100)
    with pytest.raises(OptionError, match="orthogonal_map must be"):
        wrap(nn.Linear(2, 2), orthogonal_map="qr")
    with pytest.raises(ShapeError, match="is a matrix"):
        wrap(nn.Linear(2, 2), "bias")


@pytest.mark.parametrize("how", ["weight_norm", "spectral_norm"])
def test_former_norms_are_taken_away_again(how):
    layer = getattr(nn.utils, how)(nn.Linear(4, 3))
    x = ones(2, 4)
    before = layer.eval()(x)
    assert getattr(nn.utils, f"remove_{how}")(layer) is layer
    np.testing.assert_allclose(layer(x).detach(), before.detach(), rtol=1e-6)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert type(layer) is nn.Linear
    with pytest.raises(OptionError, match="has no such norm"):
        getattr(nn.utils, f"remove_{how}")(layer)


# --- parametrizations of one's own --------------------------------------------------------------

parametrize = nn.utils.parametrize


class Symmetric(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.triu() + x.triu(1).T


class Positive(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.exp()

    def right_inverse(self, y: Any) -> Any:
        return y.log()


class Wider(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.reshape(-1)


def test_a_weight_is_what_its_parametrizations_make_of_it():
    layer = nn.Linear(3, 3)
    old = layer.weight.detach().numpy().copy()
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert type(layer).__name__ == "ParametrizedLinear"
    assert isinstance(layer, nn.Linear)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    wanted = np.triu(old) + np.triu(old, 1).T
    np.testing.assert_allclose(layer.weight.detach(), wanted)
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["bias", "parametrizations.weight.original"]
    layer(ones(2, 3)).sum().backward()
    assert layer.parametrizations.weight.original.grad is not None
    parametrize.register_parametrization(layer, "weight", Positive(), unsafe=True)
    assert len(layer.parametrizations.weight) == 2


def test_a_parametrized_weight_can_be_set():
    layer = nn.Linear(2, 2)
    with pytest.raises(OptionError):
        parametrize.remove_parametrizations(layer, "weight")
    layer.weight = nn.Parameter(tensor([[1.0, 2.0], [3.0, 4.0]]))
    parametrize.register_parametrization(layer, "weight", Positive())
    close(layer.weight, tensor([[1.0, 2.0], [3.0, 4.0]]), "at first")
    layer.weight = tensor([[4.0, 3.0], [2.0, 1.0]])
    close(layer.weight, tensor([[4.0, 3.0], [2.0, 1.0]]), "set")
    close(layer.parametrizations.weight.original[1, 1], zeros(()), "its logarithm")
    with pytest.raises(ShapeError):
        layer.weight = ones(3, 3)
    copied = copy.deepcopy(layer)
    layer.weight = ones(2, 2)
    close(copied.weight, tensor([[4.0, 3.0], [2.0, 1.0]]), "a copy of its own")


@pytest.mark.parametrize("leave", [True, False])
def test_parametrizations_are_taken_away_again(leave):
    layer = nn.Linear(2, 2)
    with_weight = layer.weight.detach().numpy().copy()
    parametrize.register_parametrization(layer, "weight", Positive(), unsafe=True)
    layer.parametrizations.weight.original.data = tensor([[0.0, 1.0], [0.0, 0.0]])
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=leave)
    assert type(layer) is nn.Linear
    assert isinstance(layer.weight, nn.Parameter)
    assert layer.weight[0, 0].item() == (1.0 if leave else 0.0)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert with_weight.shape == (2, 2)


def test_a_weight_is_computed_once_where_it_is_cached():
    calls = []

    class Counting(nn.Module):
        def forward(self, x: Any) -> Any:
            calls.append(1)
            return x * 2

    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Counting())
    calls.clear()
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert len(calls) == 1
    assert layer.weight is not layer.weight
    assert len(calls) == 3


def test_what_cannot_be_parametrized():
    with pytest.raises(OptionError, match="no parameter or buffer 'wieght'"):
        parametrize.register_parametrization(nn.Linear(2, 2), "wieght", Symmetric())
    with pytest.raises(ShapeError, match="unsafe=True"):
        parametrize.register_parametrization(nn.Linear(2, 2), "weight", Wider())
    for norm in (nn.utils.weight_norm, nn.utils.parametrizations.spectral_norm):
        with pytest.raises(OptionError, match="no parameter or buffer"):
            norm(nn.ReLU())


# --- joining layers -----------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_layers_are_joined_for_use(bias, affine):
    norm = nn.BatchNorm2d(3, affine=affine)
    conv = nn.Conv2d(2, 3, 2, bias=bias)
    x = from_numpy(np.random.default_rng(0).normal(size=(4, 2, 5, 5)).astype(np.float32))
    norm(conv(x))
    fused = nn.utils.fuse_conv_bn_eval(conv.eval(), norm.eval())
    close(fused(x), norm(conv(x)), "convolution", 10)
    line, after = nn.Linear(4, 3, bias=bias), nn.BatchNorm1d(3, affine=affine)
    after(line(x[:, 0, 0, :4]))
    joined = nn.utils.fuse_linear_bn_eval(line.eval(), after.eval())
    close(joined(x[0, 0, :, :4]), after(line(x[0, 0, :, :4])), "affine map", 10)
    with pytest.raises(OptionError, match="joined for use"):
        nn.utils.fuse_conv_bn_eval(conv.train(), norm)


# --- one vector ---------------------------------------------------------------------------------


def test_parameters_as_a_vector(torch):
    ours, theirs = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    ours.load_state_dict(theirs.state_dict())
    row = nn.utils.parameters_to_vector(ours.parameters())
    close(row, torch.nn.utils.parameters_to_vector(theirs.parameters()), "vector")
    row.sum().backward()
    assert ours.weight.grad is not None
    nn.utils.vector_to_parameters(row.detach() * 2, ours.parameters())
    close(ours.weight, theirs.weight * 2, "weight")
    close(ours.bias, theirs.bias * 2, "bias")
    assert isinstance(ours.weight, nn.Parameter)
    with pytest.raises(ShapeError, match="9 elements"):
        nn.utils.vector_to_parameters(ones(8), ours.parameters())


def test_norms_of_gradients_in_two_steps(torch):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    layer = nn.Linear(4, 2)
    (layer(from_numpy(x)) ** 2).sum().backward()
    other = copy.deepcopy(layer)
    total = nn.utils.get_total_norm([p.grad for p in layer.parameters()])
    nn.utils.clip_grads_with_norm_(layer.parameters(), 0.5, total)
    assert nn.utils.clip_grad_norm_(other.parameters(), 0.5, foreach=True).item() == total.item()
    close(layer.weight.grad, other.weight.grad, "gradient")
    theirs = [torch.tensor(p.grad.numpy()) for p in other.parameters()]
    ours = nn.utils.get_total_norm([p.grad for p in other.parameters()], 3.0)
    close(ours, torch.nn.utils.get_total_norm(theirs, 3.0), "norm")


# --- initial weights ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 2, 3), (4, 4, 2, 3), (6, 2, 3, 3, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac(shape, groups, torch):
    wanted = torch.nn.init.dirac_(torch.ones(shape), groups)
    close(nn.init.dirac_(ones(*shape), groups), wanted, "weight")


def test_former_names_of_initialisers(torch):
    for name in ("xavier_uniform", "normal", "constant", "kaiming_normal"):
        assert getattr(nn.init, name) is getattr(nn.init, f"{name}_")
        assert hasattr(torch.nn.init, name)
    fans = nn.init._calculate_fan_in_and_fan_out(ones(4, 3, 2))
    assert fans == torch.nn.init._calculate_fan_in_and_fan_out(torch.ones(4, 3, 2))


def test_sparse():
    w = nn.init.sparse_(ones(10, 300), 0.25, std=2.0, generator=Generator(1)).numpy()
    assert ((w == 0).sum(0) == 3).all()  # a quarter of ten, rounded up
    assert 1.8 < w[w != 0].std() < 2.2
    assert (w == 0).any(1).all()
    for wrong in (lambda: nn.init.sparse_(ones(3), 0.1), lambda: nn.init.dirac_(ones(3, 3))):
        with pytest.raises(ShapeError):
            wrong()
