"""A trace says of each operation what it was, to which layer it belongs and on which way."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule import nn, ops, optim
from chainrule.errors import ShapeError
from chainrule.explain import trace
from chainrule.ops.core import LISTENERS, READERS, WATCHERS
from chainrule.ops.scope import SCOPE


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(self.layer(x).relu())


def step(model, optimizer, x):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()


def test_a_step_by_layer_and_phase():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    found = trace(step, model, optim.SGD(model.parameters(), lr=0.1), cr.ones(5, 3))
    of = {
        phase: {c.path for c in found.calls if c.phase == phase} for phase in
        ("forward", "backward", "update")
    }  # fmt: skip
    layers = {"0 (Linear)", "1 (Tanh)", "2 (Linear)"}
    assert of == {"forward": {*layers, ""}, "backward": {*layers, ""}, "update": {""}}
    assert [layer.entry.path for layer in found.layers] == [
        "0 (Linear)", "1 (Tanh)", "2 (Linear)", "Sequential",
    ]  # fmt: skip
    assert all(c.seconds > 0 for c in found.calls)
    (back,) = (c for c in found.calls if c.op is ops.matrix_product and c.path == "2 (Linear)"
               and c.out == (5, 3))  # fmt: skip
    assert back.cost.flops == 2 * 5 * 3
    assert back.made == 5 * 3 * 4


def test_a_layer_that_is_called_twice_is_two_calls_of_one_module():
    model = Twice()
    found = trace(lambda x: model(x).sum().backward(), cr.ones(2, 3))
    calls = [layer.entry for layer in found.layers if layer.entry.path == "layer (Linear)"]
    assert len(calls) == 2
    assert calls[0] is not calls[1]
    assert calls[0].who is calls[1].who
    back = {c.entries[-1] for c in found.calls if c.phase == "backward" and c.path}
    assert set(calls) <= back


def test_an_error_ends_the_trace_and_leaves_nothing_behind():
    before = len(LISTENERS), len(WATCHERS), dict(READERS)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))
    found = trace(model, cr.ones(1, 3), catch=(ShapeError,))
    assert "1 (Linear)" in str(found.error)
    assert [layer.shape for layer in found.layers] == [(1, 4)]
    assert [entry.path for entry in found.begun][-1] == "1 (Linear)"
    with pytest.raises(ShapeError):
        trace(model, cr.ones(1, 3))
    assert (len(LISTENERS), len(WATCHERS), dict(READERS)) == before
    assert SCOPE.entries == ()


def test_a_compiled_step_knows_its_layers():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @cr.compile(executor="numpy")
    def compiled(x):
        step(model, optimizer, x)

    for _ in range(3):
        compiled(cr.ones(5, 3))
    places = [i.place for i in compiled.program if i.place]
    assert {"0 (Linear)", "1 (Tanh)", "2 (Linear)", ""} == {p.module for p in places}
    assert {"forward", "backward", "update"} == {p.phase for p in places}


def test_gradients_are_left_on_the_way_back():
    """What adds them up in `.grad` belongs to no layer, but is no way forward any more."""
    model = nn.Sequential(nn.Linear(3, 1))
    x = cr.ones(5, 3)
    model(x).sum().backward()
    found = trace(lambda: model(x).sum().backward())
    phases = [call.phase for call in found.calls]
    assert phases == sorted(phases, key=["forward", "backward"].index)
    assert [c.op.name for c in found.calls if c.phase == "backward" and not c.path][-2:] == [
        *("add", "add")
    ]


def test_a_walk_back_that_fails_leaves_the_way():
    w = cr.ones(3, requires_grad=True)

    def refuse(_g):
        raise ValueError("no")

    def step():
        y = w * 2
        y.register_hook(refuse)
        y.sum().backward()

    with pytest.raises(ValueError, match="no"):
        trace(step)
    assert (SCOPE.entries, SCOPE.back) == ((), False)
