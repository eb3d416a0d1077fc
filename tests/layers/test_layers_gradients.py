"""Every layer's gradients: against finite differences, PyTorch, and its own local gradients."""

import inspect

import numpy as np
import pytest

from chainrule import layers, ops
from chainrule.errors import GradientError
from layers.rows import ROWS, Every

each_row = pytest.mark.parametrize("row", ROWS, ids=str)
losses = [row for row in ROWS if row.targets]
others = [row for row in ROWS if not row.targets]
each_other = pytest.mark.parametrize("row", others, ids=str)


def weighed(shape):
    """A gradient to begin with, another number for each output."""
    return np.random.default_rng(7).normal(size=shape)


def test_every_function_has_a_row():
    made = {
        name
        for name in layers.__all__
        if inspect.isclass(kind := getattr(layers, name)) and issubclass(kind, layers.Function)
    }
    bases = {"Function", "Layer", "Loss", "Elementwise"}
    assert made - bases == {row.name.split()[0] for row in ROWS}


@each_row
def test_backward_agrees_with_differences(row):
    report = layers.check(row.build(), row.x, *row.targets)
    assert report.ok, report
    assert max(report.errors.values()) < 1e-7


@each_other
def test_float32_stays_float32(row):
    function = row.build().astype(np.float32)
    x = row.x.astype(np.float32)
    y = function(x)
    assert y.dtype == np.float32
    assert function.backward(np.ones_like(y)).dtype == np.float32
    for update in getattr(function, "weight_update", {}).values():
        assert update.dtype == np.float32


@pytest.mark.parametrize("row", losses, ids=str)
def test_losses_of_float32(row):
    loss = row.build()
    targets = [t.astype(np.float32) if t.dtype.kind == "f" else t for t in row.targets]
    assert loss(row.x.astype(np.float32), *targets).dtype == np.float32
    assert loss.backward().dtype == np.float32


@each_row
def test_nothing_is_worked_out_before_it_is_asked_for(row, monkeypatch):
    function = row.build()

    def forbidden(*_):
        raise AssertionError("local gradients were worked out by a call")

    monkeypatch.setattr(type(function), "local_grad", forbidden)
    seen = []
    with ops.watch(lambda op, args, attrs, y: seen.append(op)):
        function(row.x, *row.targets)
    calls = len(seen)
    with ops.watch(lambda op, args, attrs, y: seen.append(op)):
        function.forward(np.asarray(row.x), *row.targets)
    assert len(seen) == 2 * calls


@pytest.mark.parametrize("row", [row for row in ROWS if row.elementwise], ids=str)
def test_local_gradients_of_elements(row):
    function = row.build()
    dY = weighed(function(row.x).shape)
    local = function.grad["X"]
    assert local.shape == row.x.shape
    np.testing.assert_allclose(function.backward(dY), dY * local, rtol=1e-15)


def test_local_gradients_of_linear_are_the_factors_of_the_global_ones():
    layer = layers.Linear(4, 3, rng=0)
    dY = weighed(layer(weighed((5, 4))).shape)
    dX, local = layer.backward(dY), layer.grad
    np.testing.assert_allclose(dX, dY @ local["X"])
    np.testing.assert_allclose(layer.weight_update["W"], local["W"] @ dY)
    np.testing.assert_allclose(layer.weight_update["b"], local["b"] @ dY)


def test_local_gradients_of_softmax_are_a_matrix_for_each_row():
    softmax = layers.Softmax()
    dY = weighed(softmax(weighed((5, 4))).shape)
    local = softmax.grad["X"]
    assert local.shape == (5, 4, 4)
    np.testing.assert_allclose(softmax.backward(dY), np.einsum("ni,nij->nj", dY, local))


@pytest.mark.parametrize("kind", ["Conv2D", "MaxPool2D", "BatchNorm2D", "Flatten", "Recurrent"])
def test_others_say_that_they_have_none(kind):
    row = next(row for row in ROWS if row.name == kind)
    function = row.build()
    function(row.x)
    with pytest.raises(GradientError, match=f"{kind} states no local gradients: an output of it"):
        _ = function.grad


# --- PyTorch ------------------------------------------------------------------------------------

NAMES = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
NAMES_IN_RNN = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": "bias_ih_l0"}


def pairs(theirs, ours, torch):
    """Each of our layers that has weights, a weight's name, and PyTorch's parameter for it."""
    if isinstance(theirs, torch.nn.Sequential):
        for module, layer in zip(theirs, ours.layers):
            yield from pairs(module, layer, torch)
        return
    names = NAMES_IN_RNN if isinstance(theirs, torch.nn.RNN) else NAMES
    for name in getattr(ours, "weight", {}):
        yield ours, name, getattr(theirs, names[name])


def turned(array, parameter):
    """Our array the way PyTorch keeps it: matrices (out, in), the rest without dimensions of 1."""
    return (array.T if array.ndim == 2 else array).reshape(parameter.shape)


@pytest.mark.parametrize("row", [row for row in ROWS if row.theirs], ids=str)
def test_the_same_as_pytorch(row, torch):
    ours, theirs = row.build(), row.theirs(torch.nn)
    module = theirs.module if isinstance(theirs, Every) else theirs
    if isinstance(module, torch.nn.Module):
        module.double()
    with torch.no_grad():
        if isinstance(theirs, Every):
            module.bias_hh_l0.zero_()  # PyTorch's second bias
        for layer, name, parameter in pairs(module, ours, torch):
            parameter.copy_(torch.as_tensor(turned(layer.weight[name], parameter)))
    x = torch.tensor(row.x, requires_grad=True)
    y = ours(row.x, *row.targets)
    expected = theirs(x, *(torch.as_tensor(t) for t in row.targets))
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    dY = weighed(np.shape(y))
    if row.targets:
        dX = ours.backward()
        expected.backward()
    else:
        dX = ours.backward(dY)
        expected.backward(torch.as_tensor(dY))
    np.testing.assert_allclose(dX, x.grad.numpy(), rtol=1e-11, atol=1e-14)
    for layer, name, parameter in pairs(module, ours, torch):
        update = turned(layer.weight_update[name], parameter)
        np.testing.assert_allclose(update, parameter.grad.numpy(), rtol=1e-11, atol=1e-13)


def test_running_values_are_pytorchs(torch):
    ours, theirs = layers.BatchNorm2D(3, momentum=0.3), torch.nn.BatchNorm2d(3, momentum=0.3)
    theirs.double()
    for seed in range(4):
        x = np.random.default_rng(seed).normal(seed, 1 + seed, (4, 3, 2, 5))
        ours(x)
        theirs(torch.as_tensor(x))
    np.testing.assert_allclose(ours.running_mean, theirs.running_mean.numpy(), rtol=1e-13)
    np.testing.assert_allclose(ours.running_var, theirs.running_var.numpy(), rtol=1e-13)
    x = np.random.default_rng(9).normal(size=(2, 3, 4, 4))
    expected = theirs.eval()(torch.as_tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x), expected, rtol=1e-12)
