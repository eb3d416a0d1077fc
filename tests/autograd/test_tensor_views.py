"""Views and their base are one memory, tracked or not: every program as PyTorch runs it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import Tensor, no_grad, tensor
from chainrule.errors import GradientError, OptionError

START = np.arange(1.0, 13.0).reshape(3, 4)


def of_row(y, w):
    y[1].mul_(w[:4])
    return y


def of_view_of_view(y, w):
    y[1:].t()[2].add_(w[:2])
    return y


def base_first(y, w):
    row = y[0]
    y.mul_(2)
    return row * w[:4]


def base_gets_history(y, w):
    row = y[2]
    y[2] = w[:4] * 3
    return row * row


def siblings(y, w):
    a, b = y[:2], y[1:]
    a.mul_(w[:4])
    return a.sum() + (b * b).sum() + y.sum()


def flattened(y, w):
    flat = y.view(-1)
    flat += 1
    flat[3:9] = w[:6]
    return y * y


def transposed_whole(y, w):
    y.t().add_(0.5).mul_(w[:3])
    return y


def parts(y, w):
    for i in range(2):
        y.narrow(1, 2 * i, 2).add_(w[i])
    return y


def element(y, w):
    y[0, 1].add_(w[0]).mul_(w[1])
    return y


def zeroed(y, w):
    y[:, 1].zero_()
    return y * w[:4]


def twice(y, w):
    row = y[1]
    row.mul_(w[0])
    y.sub_(1)
    row.mul_(w[1])
    return y * y


def squeezed(y, w):
    z = y[None]
    z.squeeze_(0).mul_(w[:4])
    return y + z


def masked(y, w):
    y[1:].masked_fill_(y[1:] > 7, 0.5)
    return y * w[:4]


PROGRAMS = [
    of_row, of_view_of_view, base_first, base_gets_history, siblings, flattened, transposed_whole,
    parts, element, zeroed, twice, squeezed, masked,
]  # fmt: skip
each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)


@each_program
@pytest.mark.parametrize("wanted", ["base", "other", "both", "none"])
def test_programs(program, wanted, torch):
    def run(library):
        x = library.tensor(START * 0.1, requires_grad=wanted in ("base", "both"))
        w = library.tensor(np.cos(np.arange(6.0)), requires_grad=wanted in ("other", "both"))
        out = program(x * 1.0, w)
        if out.requires_grad:
            (out * out).sum().backward()
        grads = [None if t.grad is None else t.grad.tolist() for t in (x, w)]
        return out.tolist(), grads

    found, expected = run(cr), run(torch)
    np.testing.assert_allclose(found[0], expected[0])
    for a, b in zip(found[1], expected[1]):
        # PyTorch says 0 where the values of a leaf that was overwritten do not count at all.
        np.testing.assert_allclose(np.zeros(1) if a is None else a, 0.0 if b is None else b)


@pytest.mark.parametrize("tracked", [False, True])
def test_memory_is_shared_both_ways(tracked):
    x = Tensor(START, requires_grad=True) * 1 if tracked else Tensor(START)
    row, flat, corner = x[1], x.view(-1), x[0, 0]
    row.fill_(5.0)
    flat.mul_(2)
    x.add_(1)
    corner.zero_()
    expected = START.copy()
    expected[1] = 5.0
    expected = expected * 2 + 1
    expected[0, 0] = 0.0
    assert x.tolist() == expected.tolist()
    assert row.tolist() == expected[1].tolist()
    assert flat.tolist() == expected.reshape(-1).tolist()


def test_a_view_without_history_reaches_its_base():
    x = Tensor(START, requires_grad=True)
    with no_grad():
        x[0].zero_()
        x.t()[1:].fill_(2.0)
    assert x.tolist() == [[0.0, 2.0, 2.0, 2.0], [5.0, 2.0, 2.0, 2.0], [9.0, 2.0, 2.0, 2.0]]
    assert x.is_leaf


def changed_view(y):
    y[0].add_(1)


def changed_base_of_saved_view(y):
    y.view(-1).add_(1)


def changed_detached(y):
    y.detach().zero_()


@pytest.mark.parametrize("change", [changed_view, changed_base_of_saved_view, changed_detached])
def test_a_saved_value_changed_through_a_view(change):
    x = Tensor(START, requires_grad=True)
    y = x * 1
    z = (y[:2] * y[:2]).sum()
    change(y)
    with pytest.raises(GradientError, match="gradient of mul needs was changed in place"):
        z.backward()


def test_what_is_changed_through_data_goes_unnoticed():
    x = Tensor(START, requires_grad=True)
    z = (x * x).sum()
    x.data.zero_()
    z.backward()
    assert not x.grad.any()


def test_a_view_of_a_leaf_that_wants_a_gradient_refuses(torch):
    for make in (tensor, torch.tensor):
        x = make([1.0, 2.0], requires_grad=True)
        with pytest.raises(RuntimeError, match="a view of a leaf"):
            x[0].add_(1)


def test_what_lies_several_times_in_one_place_refuses():
    with pytest.raises(OptionError, match=r"use \.clone\(\) first"):
        tensor([1.0, 2.0]).expand(3, 2).add_(1)


def test_no_slice_goes_backwards():
    x = tensor([1.0, 2.0, 3.0])
    with pytest.raises(OptionError, match=r"goes forwards, got step -1; use x\.flip"):
        x[::-1]
    with pytest.raises(OptionError, match="goes forwards, got step -2"):
        x[..., ::-2] = 0.0


def test_what_is_flipped_is_a_copy():
    x = tensor([1.0, 2.0])
    x.flip(0).zero_()
    assert x.tolist() == [1.0, 2.0]


def test_a_view_without_history_keeps_none_alive():
    gc.disable()
    try:
        y = tensor([1.0, 2.0], requires_grad=True) * 2
        node = weakref.ref(y.node)
        with no_grad():
            part = y[0]
        kept = y.detach()[1]
        del y
        assert node() is None
        assert (part.item(), kept.item()) == (2.0, 4.0)
    finally:
        gc.enable()


def test_what_is_made_contiguous_lies_in_one_stretch():
    x = cr.arange(6.0).view(2, 3).requires_grad_()
    y = x.t().contiguous()
    assert y.is_contiguous()
    assert y.stride() == (2, 1)
    (y * cr.arange(6.0).view(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]
    with cr.no_grad():
        y.fill_(7.0)
    assert x.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
