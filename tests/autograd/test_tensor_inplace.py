"""Changing a tensor in place: what PyTorch computes is computed, what it refuses is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.autograd import Tensor, from_numpy, no_grad, tensor
from chainrule.errors import GradientError, OptionError, ShapeError

A, B = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])


def iadd(x, y):
    x += y
    return x


def isub(x, y):
    x -= y
    return x


def imul(x, y):
    x *= y
    return x


def itruediv(x, y):
    x /= y
    return x


CHANGES = {
    "+=": iadd,
    "-=": isub,
    "*=": imul,
    "/=": itruediv,
    "+= number": lambda x, y: iadd(x, 2),
    "add_": lambda x, y: x.add_(y),
    "add_ alpha": lambda x, y: x.add_(y, alpha=3),
    "sub_": lambda x, y: x.sub_(y, alpha=2),
    "mul_": lambda x, y: x.mul_(y),
    "div_": lambda x, y: x.div_(y),
    "clamp_": lambda x, y: x.clamp_(1.5, 2.5),
    "masked_fill_": lambda x, y: x.masked_fill_(y > 0, 7.0),
    "copy_": lambda x, y: x.copy_(y),
    "fill_": lambda x, y: x.fill_(4.0),
    "zero_": lambda x, y: x.zero_(),
    "[...] =": lambda x, y: x.__setitem__(..., y) or x,
}
each_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@each_change
def test_values_and_memory(change, torch):
    array = A.copy()
    x = from_numpy(array)
    assert change(x, Tensor(B)) is x
    expected = change(torch.tensor(A), torch.tensor(B)).numpy()
    np.testing.assert_allclose(array, expected)


@each_change
@pytest.mark.parametrize("wanted", ["target", "value", "both"])
def test_gradients(change, wanted, torch):
    def gradients(make, numpy):
        x, y = make(A), make(B)
        x.requires_grad_(wanted != "value")
        y.requires_grad_(wanted != "target")
        z = x * 2.0
        changed = change(z, y)
        assert changed is z
        (changed * changed + z).sum().backward() if changed.requires_grad else None
        return [np.zeros(3) if t.grad is None else numpy(t.grad) for t in (x, y)]

    found = gradients(Tensor, Tensor.numpy)
    np.testing.assert_allclose(found, gradients(torch.tensor, lambda t: t.numpy()))


@each_change
def test_a_leaf_that_wants_a_gradient_refuses(change):
    x = Tensor(A, requires_grad=True)
    with pytest.raises(GradientError, match=r"do it inside no_grad\(\), or on a copy"):
        change(x, Tensor(B))
    with no_grad():
        change(x, Tensor(B))
    assert x.is_leaf
    assert x.requires_grad


def test_what_was_computed_before_keeps_its_gradient():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    z = y * y
    y += 1
    (z + y).sum().backward()
    assert x.grad.tolist() == [18 + 3, 36 + 3]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.add_(tensor(np.ones((2, 3)))), ShapeError, r"shape \(3,\) to \(2, 3\)"),
        (lambda x: x.copy_(tensor(np.ones(2))), ShapeError, r"\(2,\) and \(3,\) do not broadcast"),
        (lambda x: x.long().add_(0.5), OptionError, "cannot turn int64 into float32"),
        (lambda x: x.long().div_(2), OptionError, "cannot turn int64 into float32"),
    ],
)
def test_what_cannot_be_held_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        change(Tensor(A))


def test_format_is_kept():
    x = tensor([1.0, 2.0])
    x += tensor([1.0, 1.0], dtype=np.float64)
    assert x.dtype == np.float32
    counts = tensor([1, 2])
    counts += 1
    assert counts.dtype == np.int64


def test_an_integer_is_put_in_exactly():
    assert tensor([1, 2]).fill_(2**60 + 1).tolist() == [2**60 + 1] * 2
    assert tensor([1, 2]).fill_(tensor(7)).tolist() == [7, 7]


def test_data_shares_memory_and_has_no_history():
    x = tensor([1.0, 2.0], requires_grad=True)
    x.data += 1
    assert x.tolist() == [2.0, 3.0]
    x.data = tensor([5.0])
    assert (x.tolist(), x.requires_grad, x.is_leaf) == ([5.0], True, True)


# --- a value changed after it was used ----------------------------------------------------------


def test_a_saved_leaf_changed_before_backward():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    with no_grad():
        x += 1
    with pytest.raises(GradientError, match="gradient of mul needs was changed in place"):
        y.backward()


def test_a_saved_result_changed_before_backward():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = y.sum()
    with no_grad():
        y.mul_(2)
    with pytest.raises(GradientError, match="gradient of exp needs was changed in place"):
        z.backward()


def test_a_saved_constant_changed_before_backward():
    x = tensor([1.0, 2.0], requires_grad=True)
    scale = tensor([3.0, 4.0])
    y = (x * scale).sum()
    scale.zero_()
    with pytest.raises(GradientError, match="changed in place"):
        y.backward()


def test_what_no_rule_reads_may_change():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = (x + x).sum()
    with no_grad():
        x += 1
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_after_backward_everything_may_change():
    x = tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (x * x).sum().backward()
        with no_grad():
            x -= 0.1 * x.grad
            x.grad.zero_()
    np.testing.assert_allclose(x.tolist(), [0.8**3, 2 * 0.8**3], rtol=1e-6)
