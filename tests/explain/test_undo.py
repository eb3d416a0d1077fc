"""Steps that are really taken and leave no trace, whatever it is that they change."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd.generator import default_generator
from chainrule.explain.runs.undo import undone
from chainrule.nn import functional as F


def network():
    cr.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
    )


def prepared(kind=optim.Adam):
    model = network()
    optimizer = kind(model.parameters(), lr=0.1)
    x, y = cr.randn(12, 5), cr.arange(12) % 3

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return model, optimizer, step


def everything(model, optimizer):
    """All that a step changes, as plain arrays."""
    found = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    found |= {
        f"grad {i}": p.grad is None or p.grad.numpy().copy()
        for i, p in enumerate(model.parameters())
    }
    found |= {
        f"state {i} {name}": np.copy(value.array)
        for i, named in enumerate(optimizer.state.values())
        for name, value in named.items()
    }
    return found | {"chance": default_generator.get_state()}


def assert_same(before, after):
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


@pytest.mark.parametrize("taken", [0, 2])
@pytest.mark.parametrize("kind", [optim.Adam, optim.SGD])
def test_a_step_leaves_no_trace(kind, taken):
    model, optimizer, step = prepared(kind)
    for _ in range(taken):
        step()
    before = everything(model, optimizer)
    with undone():
        step()
        changed = everything(model, optimizer)
    assert not np.array_equal(before["0.weight"], changed["0.weight"])
    assert not np.array_equal(before["chance"], changed["chance"])
    assert_same(before, everything(model, optimizer))


def test_also_when_something_raises():
    model, optimizer, step = prepared()
    step()
    before = everything(model, optimizer)

    def fails():
        with undone():
            step()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fails()
    assert_same(before, everything(model, optimizer))


def test_what_was_seen_is_put_back_after_a_rest():
    model, optimizer, step = prepared()
    before = everything(model, optimizer)
    with undone() as kept:
        step()
        kept.rest()
        step()
    assert_same(before, everything(model, optimizer))


def test_operations_are_themselves_again():
    bodies = {name: op.forward for name, op in cr.ops.REGISTRY.items()}
    with undone():
        assert cr.ops.adam_step.forward is not bodies["adam_step"]
    assert {name: op.forward for name, op in cr.ops.REGISTRY.items()} == bodies


def test_gradients_are_still_those_of_before():
    w = cr.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    (w * 3).sum().backward()
    with undone():
        optimizer.step()
    (w * 3).sum().backward()  # added up on purpose, and no step has used them
    optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), 1 - 0.1 * 6)


def test_a_learning_rate_that_the_step_lowers_is_the_old_one():
    w = cr.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with undone():
        w.sum().backward()
        optimizer.step()
        scheduler.step()
        assert optimizer.param_groups[0]["lr"] == 0.25
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_training_goes_on_as_if_nothing_had_been(executor):
    if executor == "native":
        pytest.importorskip("llvmlite")

    def losses(looks):
        _, _, step = prepared()
        quick = cr.compile(step, executor=executor)
        found = []
        for k in range(6):
            if looks and k in (0, 2, 5):
                with undone():
                    step()
            found.append(quick().item())
        return found

    assert losses(looks=True) == losses(looks=False)
