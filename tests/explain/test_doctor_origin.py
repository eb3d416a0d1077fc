"""Where NaN comes from: the first operation, its layer and the index, whoever made it."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ChainruleError, ShapeError
from chainrule.explain import nan_origin
from chainrule.ops.core import Finite, checked

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


class Logarithm(nn.Module):
    def forward(self, x):
        return x.log()


class Length(nn.Module):
    def forward(self, x):
        return (x * x).sum(1).sqrt()


def net(*layers):
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), *layers, nn.Linear(4, 1))


def everything(model, optimizer):
    """All numbers that a step could change."""
    arrays = [p.array for p in model.parameters()] + [b.array for b in model.buffers()]
    arrays += [v.array for state in optimizer.state.values() for v in state.values()]
    arrays += [p.grad.array for p in model.parameters() if p.grad is not None]
    return [a.tobytes() for a in arrays] + [cr.random.get_rng_state().array.tobytes()]


# --- in eager -----------------------------------------------------------------------------------


def test_on_the_way_forward():
    model = net(nn.ReLU(), Logarithm())
    with cr.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.fill_(10.0)
        model[0].bias[2] = -10.0
    found = nan_origin(model, cr.tensor(X))
    assert (found.op, found.layer, found.phase) == ("log", "2 (Logarithm)", "forward")
    assert (found.index, found.value, found.source) == ((0, 2), -math.inf, "log(0)")
    assert str(found).startswith(
        "log(0) is -inf at index (0, 2): log in 2 (Logarithm), on the way forward"
    )


def test_on_the_way_back():
    x = X.copy()
    x[3] = 0.0
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), Length())
    found = nan_origin(model, cr.tensor(x))
    assert (found.phase, found.through, found.layer) == ("backward", "sqrt", "2 (Length)")
    assert found.index == (3,)
    assert nan_origin(model, cr.tensor(X)) is None


def training(model, lr):
    optimizer = optim.SGD(model.parameters(), lr=lr)

    def step(x, y):
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return optimizer, step


def test_in_the_update():
    model = net(nn.Tanh())
    _, step = training(model, lr=1e39)
    found = nan_origin(step, cr.tensor(X), cr.ones(5, 1))
    assert (found.op, found.phase) == ("sgd_step", "update")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_given_as_an_argument(bad):
    x = X.copy()
    x[1, 2] = bad
    _, step = training(net(nn.Tanh()), lr=0.1)
    found = nan_origin(step, cr.tensor(x), cr.ones(5, 1))
    assert (found.given, found.layer) == ("argument 0 of the step", "0 (Linear)")
    assert found.index == (1, 2)
    assert str(found).startswith(f"argument 0 of the step is {bad} at index (1, 2), met by linear")


def test_given_in_a_weight():
    model = net(nn.Tanh())
    with cr.no_grad():
        model[2].weight[0, 3] = math.nan
    found = nan_origin(model, cr.tensor(X))
    assert (found.given, found.layer, found.index) == ("the w of linear", "2 (Linear)", (0, 3))


def test_the_first_of_several():
    def step(x):
        a = (x - 1).log()  # -inf at the second
        b = (x - 2).sqrt()  # nan at both
        return (b.sum() + (a * 0).sum()).exp()

    found = nan_origin(step, cr.tensor([1.5, 1.0]))
    assert (found.op, found.index) == ("log", (1,))


def test_infinities_of_a_mask_are_no_fault():
    attention = nn.MultiheadAttention(8, 2)
    mask = cr.tensor(np.triu(np.full((4, 4), -np.inf, np.float32), 1))
    words = cr.randn(4, 2, 8, generator=cr.Generator(0))

    def attend(mask):
        return attention(words, words, words, attn_mask=mask)[0]

    assert nan_origin(attend, mask) is None
    whole = cr.tensor(np.full((4, 4), -np.inf, np.float32))
    found = nan_origin(attend, whole)  # a word that may look at nothing
    assert math.isnan(found.value)
    assert (found.given, found.layer) == ("", "MultiheadAttention")


def test_a_loss_that_is_refused():
    def refuse(loss):
        raise ChainruleError(f"the loss became {loss}")

    def step(x):
        loss = x.log().sum()
        checked(Finite(refuse), loss)
        return loss

    assert nan_origin(step, cr.tensor([1.0, -1.0])).index == (1,)
    assert nan_origin(step, cr.tensor([1.0, 2.0])) is None


def test_other_errors_pass():
    with pytest.raises(ShapeError, match=r"0 \(Linear\)"):
        nan_origin(net(nn.ReLU()), cr.ones(2, 7))


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_changed(fails):
    cr.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = optim.Adam(model.parameters())

    def step(x):
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
        if fails:
            raise ChainruleError("no")

    for _ in range(0 if fails else 2):
        step(cr.tensor(X))
    before = everything(model, optimizer)
    if fails:
        with pytest.raises(ChainruleError, match="no"):
            nan_origin(step, cr.tensor(X))
    else:
        assert nan_origin(step, cr.tensor(X)) is None
    assert everything(model, optimizer) == before


# --- compiled -----------------------------------------------------------------------------------


def compiled(model, lr=1e-8):
    optimizer, step = training(model, lr)
    quick = cr.compile(step, executor="numpy")
    x, y = cr.tensor(X), cr.ones(5, 1)
    for _ in range(4):
        quick(x, y)
    assert quick.program is not None
    return optimizer, quick


def test_of_a_compiled_step():
    model = net(nn.Tanh(), Length())
    model[-1] = nn.Flatten(0)
    _, quick = compiled(model)
    assert nan_origin(quick, cr.tensor(X), cr.ones(5, 1)) is None
    with cr.no_grad():
        for p in model.parameters():
            p.zero_()
    found = nan_origin(quick, cr.tensor(X), cr.ones(5, 1))
    assert (found.op, found.layer, found.phase) == ("div", "2 (Length)", "backward")
    assert found.index == (0,)


def test_of_a_compiled_update_and_nothing_is_changed():
    model = net(nn.Tanh())
    optimizer, quick = compiled(model)
    optimizer.param_groups[0]["lr"] = 1e39
    before = everything(model, optimizer)
    found = nan_origin(quick, cr.tensor(X), cr.ones(5, 1))
    assert (found.op, found.phase, found.given) == ("sgd_step", "update", "")
    assert everything(model, optimizer) == before


def test_of_an_argument_of_a_compiled_step():
    x = X.copy()
    x[4, 0] = math.nan
    _, quick = compiled(net(nn.Tanh()))
    found = nan_origin(quick, cr.tensor(x), cr.ones(5, 1))
    assert (found.given, found.index) == ("argument 0 of the step", (4, 0))
    assert found.layer == "0 (Linear)"


def test_of_a_compiled_step_that_is_not_recorded_yet():
    _, step = training(net(nn.Tanh()), lr=1e39)
    found = nan_origin(cr.compile(step), cr.tensor(X), cr.ones(5, 1))
    assert found.op == "sgd_step"
