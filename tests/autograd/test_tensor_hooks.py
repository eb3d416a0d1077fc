"""Hooks see and replace gradients, on leaves and in the middle; retain_grad keeps them."""

from __future__ import annotations

import pytest

from chainrule.autograd import grad, tensor
from chainrule.errors import GradientError, ShapeError


def graph(place):
    """A leaf x, the tensor to put a hook on, and the result y = (2 x)^2."""
    x = tensor([1.0, 3.0], requires_grad=True)
    middle = x * 2
    return x, (x if place == "leaf" else middle), (middle * middle).sum()


each_place = pytest.mark.parametrize(
    ("place", "gradient"), [("leaf", [8.0, 24.0]), ("middle", [4.0, 12.0])]
)


@each_place
def test_a_hook_sees_the_whole_gradient_once(place, gradient):
    x, hooked, y = graph(place)
    seen = []
    hooked.register_hook(lambda g: seen.append(g.tolist()))
    y.backward()
    assert seen == [gradient]
    assert x.grad.tolist() == [8.0, 24.0]


@each_place
def test_a_hook_replaces_the_gradient(place, gradient):
    x, hooked, y = graph(place)
    hooked.register_hook(lambda g: g * 10)
    y.backward()
    assert x.grad.tolist() == [80.0, 240.0]


@each_place
def test_hooks_run_in_order_each_on_what_the_last_returned(place, gradient):
    x, hooked, y = graph(place)
    hooked.register_hook(lambda g: g + 1)
    hooked.register_hook(lambda g: None)
    hooked.register_hook(lambda g: g * 2)
    y.backward()
    inner = 1 if place == "leaf" else 2
    assert x.grad.tolist() == [(g + 1) * 2 * inner for g in gradient]


@each_place
def test_a_hook_can_be_taken_away(place, gradient):
    x, hooked, y = graph(place)
    seen = []
    hold = hooked.register_hook(seen.append)
    hooked.register_hook(lambda g: g * 0)
    hold.remove()
    hold.remove()
    y.backward()
    assert not seen
    assert x.grad.tolist() == [0.0, 0.0]


@each_place
def test_hooks_run_for_gradients_asked_by_name(place, gradient):
    x, hooked, y = graph(place)
    hooked.register_hook(lambda g: g * 10)
    assert grad(y, x)[0].tolist() == [80.0, 240.0]
    assert x.grad is None


def test_a_hook_under_create_graph_is_part_of_the_graph():
    x = tensor([2.0], requires_grad=True)
    y = x**3
    y.register_hook(lambda g: g * x)
    (first,) = grad(y.sum(), x, create_graph=True)  # x * 3 x^2
    assert first.tolist() == [24.0]
    assert grad(first.sum(), x)[0].tolist() == [36.0]


def test_a_hook_cannot_change_other_gradients_by_changing_its_own():
    a, b = (tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    y = a + b
    a.register_hook(lambda g: g.zero_())
    y.sum().backward()
    assert b.grad.tolist() == [1.0, 1.0]


@each_place
def test_a_hook_keeps_the_shape(place, gradient):
    _, hooked, y = graph(place)
    hooked.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match=r"a gradient of shape \(\) of one of shape \(2,\)"):
        y.backward()


def test_only_what_has_a_gradient_can_be_hooked():
    with pytest.raises(GradientError, match="nothing to hook on to"):
        tensor([1.0]).register_hook(print)
    with pytest.raises(GradientError, match="none to retain"):
        tensor([1.0]).retain_grad()


def test_retain_grad():
    x, middle, y = graph("middle")
    middle.retain_grad()
    y.backward()
    assert middle.grad.tolist() == [4.0, 12.0]
    assert x.grad.tolist() == [8.0, 24.0]


def test_without_retain_grad_the_middle_keeps_nothing():
    _, middle, y = graph("middle")
    y.backward()
    assert middle.grad is None


def test_retained_gradients_are_their_own():
    x, middle, y = graph("middle")
    x.retain_grad()
    middle.retain_grad()
    y.retain_grad()
    y.backward()
    middle.grad.zero_()
    assert (x.grad.tolist(), y.grad.item()) == ([8.0, 24.0], 1.0)


def test_what_is_retained_comes_after_the_hooks():
    _, middle, y = graph("middle")
    middle.retain_grad()
    middle.register_hook(lambda g: g * 10)
    y.backward()
    assert middle.grad.tolist() == [40.0, 120.0]
