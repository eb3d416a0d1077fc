"""Parts computed again: the same results and gradients, less kept."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.autograd import grad
from chainrule.errors import GradientError, OptionError
from chainrule.utils.checkpoint import checkpoint, checkpoint_sequential

X = np.cos(np.arange(12.0)).reshape(4, 3)


def network(dropout=0.0):
    cr.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)
    )


def gradients(call, dropout=0.0):
    net, x = network(dropout), cr.tensor(X, dtype=cr.float32, requires_grad=True)
    cr.manual_seed(1)
    y = call(net, x)
    (y * y).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in net.parameters()), cr.rand(2)]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize(
    "call",
    [
        lambda net, x: checkpoint(net, x, use_reentrant=False),
        lambda net, x: checkpoint_sequential(net, 3, x),
        lambda net, x: net[3:](checkpoint(net[:3], x)),
        lambda net, x: checkpoint(lambda a: checkpoint(net[3:], net[:3](a)), x),
    ],
    ids=["whole", "sequential", "first-half", "nested"],
)
def test_the_same_gradients(call, dropout):
    for a, b in zip(gradients(call, dropout), gradients(lambda net, x: net(x), dropout)):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-7)


def test_second_derivative_and_gradients_by_name():
    x = cr.tensor([0.5, 2.0], requires_grad=True)
    w = cr.tensor([3.0, 4.0], requires_grad=True)
    y = checkpoint(lambda x: (w * x**3).sum(), x)
    first = grad(y, (x, w), create_graph=True)
    assert [g.tolist() for g in first] == [[2.25, 48.0], [0.125, 8.0]]
    (second,) = grad(first[0].sum(), x)
    assert second.tolist() == [9.0, 48.0]


def test_several_results_and_what_is_no_tensor():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y, z, n, word = checkpoint(lambda x, k: (x * k, x.exp(), x.argmax(), "word"), x, 3.0)
    assert (n.item(), word, z.requires_grad) == (1, "word", True)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_what_is_inside_is_not_kept():
    inside = []

    def part(x):
        inside.append(1)
        return x.exp().sin().exp()

    x = cr.tensor([1.0], requires_grad=True)
    y = checkpoint(part, x)
    assert y.grad_fn.next_functions == (x,)
    y.backward()
    assert len(inside) == 2
    with cr.no_grad():
        assert not checkpoint(part, x).requires_grad


def test_a_weight_changed_before_backward():
    w = cr.tensor([1.0], requires_grad=True)
    y = checkpoint(lambda x: x * w, cr.tensor([2.0]))
    with cr.no_grad():
        w.add_(1)
    with pytest.raises(GradientError, match="gradient of checkpoint needs was changed"):
        y.backward()


def test_too_many_segments():
    with pytest.raises(OptionError, match="from 1 to 6, got 7"):
        checkpoint_sequential(network(), 7, cr.zeros(1, 3))
