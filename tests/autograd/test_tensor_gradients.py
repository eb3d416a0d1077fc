"""Walking back: accumulation, retained and freed graphs, higher orders, and what cannot be done."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import Tensor, backward, grad, no_grad, ones, tensor, zeros
from chainrule.errors import GradientError, ShapeError


def leaf(*values):
    return tensor(list(values), requires_grad=True)


# --- .grad --------------------------------------------------------------------------------------


def test_gradients_add_up():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_gradients_have_no_history():
    x = leaf(1.0)
    x.sum().backward()
    x.sum().backward()
    assert not x.grad.requires_grad
    assert x.grad.is_leaf


def test_one_value_used_many_times():
    x = leaf(2.0)
    sum((x for _ in range(999)), x).backward()
    assert x.grad.tolist() == [1000.0]


def test_one_value_on_both_sides():
    x = leaf(3.0)
    (x * x - x / x + x**x).sum().backward()
    assert x.grad.item() == pytest.approx(6 + 27 * (np.log(3) + 1))


def test_no_two_gradients_share_memory():
    a, b, c, d = (leaf(1.0, 2.0) for _ in range(4))
    y = a + b
    (y + c.reshape(2) + d.flip(0)).sum().backward()
    out = ones(2)
    (a + b).backward(out)
    leaves = [a, b, c, d]
    before = [x.grad.tolist() for x in leaves]
    for i, x in enumerate(leaves):
        x.grad[...] = 100.0 + i
        x.grad.numpy()[...] = 100.0 + i
    assert [x.grad.tolist() for x in leaves] == [[100.0 + i] * 2 for i in range(4)]
    assert out.tolist() == [1.0, 1.0]
    assert before == [[2.0, 2.0], [2.0, 2.0], [1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: x.reshape(2, 1),
        lambda x: x.T,
        lambda x: x[...],
        lambda x: x.clone(),
        lambda x: x + 0,
        lambda x: x.expand(3, 2),
        lambda x: x.contiguous(),
    ],
)
def test_a_gradient_is_writeable_and_its_own(f):
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    weights = np.ones(f(x).shape, dtype=np.float32)
    backward([f(x), f(y)], [Tensor(weights), Tensor(weights)])
    x.grad.zero_()
    assert x.grad.tolist() == [0.0, 0.0]
    assert 0.0 not in y.grad.tolist()


def test_grad_of_a_sum_can_be_changed_in_place():
    x = leaf(1.0, 2.0)
    x.sum().backward()  # a single number, spread by a view
    x.grad += tensor([1.0, 2.0])
    assert x.grad.tolist() == [2.0, 3.0]


def test_backward_from_a_leaf():
    x = tensor(3.0, requires_grad=True)
    x.backward()
    assert x.grad.item() == 1.0


def test_backward_of_several():
    x = leaf(1.0, 2.0)
    backward([x.sum(), x * 2], [None, tensor([1.0, 10.0])])
    assert x.grad.tolist() == [3.0, 21.0]


def test_weights_of_the_elements():
    x = leaf(1.0, 2.0)
    (x * x).backward(tensor([1.0, 0.5]))
    assert x.grad.tolist() == [2.0, 2.0]
    (x * x).backward(np.array([1.0, 0.0]))
    assert x.grad.tolist() == [4.0, 2.0]


def test_only_what_wants_a_gradient_gets_one():
    x, c = leaf(1.0), tensor([2.0])
    (x * c).sum().backward()
    assert c.grad is None
    assert (x * c).requires_grad
    assert not (c * c).requires_grad


def test_integers_and_comparisons_end_the_graph():
    x = leaf(1.5, -1.0)
    assert not (x > 0).requires_grad
    assert not x.long().requires_grad
    assert not x.argmax().requires_grad


# --- freed and retained -------------------------------------------------------------------------


def test_a_second_walk_over_a_freed_graph():
    x = leaf(2.0)
    y = x.exp().sum()
    y.backward()
    with pytest.raises(GradientError, match=r"freed by an earlier backward\(\).*retain_graph=True"):
        y.backward()


def test_what_saved_nothing_is_walked_again():
    x = leaf(1.0, 2.0)
    shared = (x.double() - 1).reshape(2, 1)
    (shared * shared).sum().backward()
    shared.exp().sum().backward()
    assert x.grad.tolist() == pytest.approx([1.0, 2 + math.e])


def test_a_retained_graph_is_walked_again():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(GradientError, match="freed"):
        y.backward()


def test_a_shared_part_is_freed_too():
    x = leaf(2.0)
    shared = x * x
    (shared * 1).sum().backward()
    with pytest.raises(GradientError, match="freed"):
        (shared * 2).sum().backward()


# --- asking for gradients by name ---------------------------------------------------------------


def test_grad_leaves_every_grad_alone():
    x, y = leaf(2.0), leaf(3.0)
    by_x, by_y = grad((x * y).sum(), [x, y])
    assert (by_x.tolist(), by_y.tolist()) == ([3.0], [2.0])
    assert x.grad is y.grad is None


def test_grad_by_what_is_not_a_leaf():
    x = leaf(2.0)
    middle = x * x
    by_middle, by_x = grad((middle * middle).sum(), [middle, x])
    assert (by_middle.tolist(), by_x.tolist()) == ([8.0], [32.0])


def test_grad_by_itself():
    x = leaf(2.0, 3.0)
    y = (x * x).sum()
    assert grad(y, y)[0].item() == 1.0


def test_grad_by_what_is_not_used():
    x, unused, constant = leaf(2.0), leaf(1.0), tensor([1.0])
    y = (x * x).sum()
    with pytest.raises(GradientError, match=r"do not depend on input 1; pass allow_unused=True"):
        grad(y, [x, unused], retain_graph=True)
    by_x, by_unused = grad(y, [x, unused], allow_unused=True)
    assert by_x.tolist() == [4.0]
    assert by_unused is None
    with pytest.raises(GradientError, match="input 0 needs no gradient"):
        grad((x * x).sum(), constant)


def test_grad_of_several_outputs():
    x = leaf(2.0)
    (found,) = grad([x * 2, x * x], x, [tensor([1.0]), tensor([10.0])])
    assert found.tolist() == [42.0]


def test_what_grad_returns_is_its_own():
    x, y = leaf(1.0), leaf(2.0)
    by_x, by_y = grad((x + y).sum(), [x, y])
    by_x.zero_()
    assert by_y.tolist() == [1.0]


def test_only_the_way_to_the_inputs_is_walked():
    seen = []
    x, y = leaf(1.0), leaf(2.0)
    other = y.exp()
    other.register_hook(seen.append)
    grad((x * x + other).sum(), x)
    assert not seen


# --- higher orders ------------------------------------------------------------------------------


def derivatives(f, x, order):
    """f and its derivatives at the tensor x."""
    values = [f(x)]
    for _ in range(order):
        values.append(grad(values[-1], x, create_graph=True)[0])
    return [v.item() for v in values]


def test_orders_of_a_power():
    x = tensor(2.0, dtype=np.float64, requires_grad=True)
    assert derivatives(lambda x: x**5, x, 5) == [32, 80, 160, 240, 240, 120]


def test_orders_of_waves():
    x = tensor(0.7, dtype=np.float64, requires_grad=True)
    s, c = np.sin(0.7), np.cos(0.7)
    np.testing.assert_allclose(derivatives(lambda x: x.sin(), x, 4), [s, c, -s, -c, s])
    np.testing.assert_allclose(derivatives(lambda x: x.exp(), x, 4), [np.exp(0.7)] * 5)


def test_third_order_is_pytorchs(torch):
    def third(make, grad, tanh):
        x = make([0.3, -0.2, 0.5])
        x.requires_grad_()
        y = (tanh(x * x[1]) / (1 + x.exp())).sum()
        for _ in range(3):
            (g,) = grad(y, x, create_graph=True)
            y = (g * make([1.0, 2.0, 3.0])).sum()
        return g.tolist()

    found = third(lambda v: tensor(v, dtype=np.float64), grad, ops.tanh)
    expected = third(
        lambda v: torch.tensor(v, dtype=torch.float64), torch.autograd.grad, torch.tanh
    )
    np.testing.assert_allclose(found, expected)


def test_backward_with_create_graph():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (by_x,) = grad(x.grad.sum(), x)
    assert by_x.tolist() == [18.0]


def test_a_penalty_on_the_gradient():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (by_x,) = grad((x * x * w).sum(), x, create_graph=True)
    (by_x * by_x).sum().backward()
    assert w.grad.tolist() == [8 * 1 * 3, 8 * 4 * 4]


def test_gradients_without_create_graph_are_constants():
    x = leaf(3.0)
    (by_x,) = grad((x * x).sum(), x)
    assert not by_x.requires_grad


# --- what cannot be done ------------------------------------------------------------------------


def test_backward_starts_from_one_number():
    with pytest.raises(GradientError, match=r"this tensor has shape \(2,\); reduce it first"):
        (leaf(1.0, 2.0) * 2).backward()


def test_nothing_wants_a_gradient():
    with pytest.raises(GradientError, match="nothing here needs a gradient"):
        tensor([1.0]).sum().backward()
    x = leaf(1.0)
    with no_grad():
        y = x.sum()
    with pytest.raises(GradientError, match=r"computed inside no_grad\(\)"):
        y.backward()
    (slope,) = grad((x * x).sum(), x)
    with pytest.raises(GradientError, match="taken without create_graph=True"):
        grad(slope, x)


def test_weights_of_another_shape():
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), the tensor \(2,\)"):
        (leaf(1.0, 2.0) * 2).backward(ones(3))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda: zeros(2, 3) + zeros(4), r"shapes \(2, 3\) and \(4,\) do not broadcast"),
        (lambda: zeros(2, 3) @ zeros(4, 5), r"matmul of \(2, 3\) and \(4, 5\)"),
        (lambda: zeros(2, 3).reshape(4), r"shape \(2, 3\) has 6 elements and cannot become \(4,\)"),
        (lambda: zeros(2, 3).sum(2), r"dim 2 is out of range for 2 dimensions"),
        (lambda: zeros(2, 3).permute(0, 0), r"dim \(0, 0\) names a dimension twice"),
        (lambda: ops.cat([zeros(2, 3), zeros(3, 2)]), r"\(2, 3\), \(3, 2\)"),
        (lambda: ops.stack([zeros(2), zeros(3)]), r"one shape, got \(2,\), \(3,\)"),
        (lambda: ops.linear(zeros(2, 3), zeros(4, 5)), r"expected 5 input features, got 3"),
        (lambda: ops.linear(zeros(2, 3), zeros(4, 3), zeros(1)), r"bias must have shape \(4,\)"),
        (lambda: zeros(3, 0).amax(1), r"dimension 1 of shape \(3, 0\) is empty"),
        (lambda: zeros(2, 2).item(), r"one element, got shape \(2, 2\)"),
        (lambda: bool(zeros(2)), r"one element, got shape \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(f, message):
    with pytest.raises(ShapeError, match=message):
        f()


def test_only_floating_point_numbers_have_gradients():
    with pytest.raises(GradientError, match="this one is int64; make it float first"):
        tensor([1, 2], requires_grad=True)


def test_a_result_cannot_stop_wanting_a_gradient():
    with pytest.raises(GradientError, match=r"use \.detach\(\) instead"):
        (leaf(1.0) * 2).requires_grad_(False)
