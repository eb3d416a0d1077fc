"""A compiled module in a program for PyTorch: it trains as before, and is recorded in use."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule import nn, optim


def losses(wrapped):
    """The losses of a short training, and the last prediction."""
    cr.manual_seed(0)
    model = wrapped(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x, y = cr.randn(8, 3), cr.randn(8, 1)
    found = []
    for _ in range(5):
        model.train()
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with cr.no_grad():
            found += [loss.item(), *model(x).flatten().tolist()]
    return found, list(model.state_dict()), model


def test_a_compiled_module_trains_as_before():
    expected, names, _ = losses(lambda model: model)
    found, same_names, compiled = losses(
        lambda model: cr.compile(model, mode="reduce-overhead", fullgraph=True)
    )
    assert found == pytest.approx(expected, rel=1e-6)
    assert same_names == names
    assert "operations" in repr(compiled)


def test_compile_decorates_with_options():
    @cr.compile(dynamic=False)
    def twice(x):
        return 2 * x

    assert twice(cr.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(AttributeError, match="has no 'parameters'"):
        twice.parameters()
    with pytest.raises(TypeError, match="no option 'fulgraph'"):
        cr.compile(twice, fulgraph=True)
