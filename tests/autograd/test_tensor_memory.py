"""A tape of any length is walked and freed without recursion, and leaves no cycle behind."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from chainrule.autograd import Tensor, grad, no_grad, tensor

LONG = 100_000


@pytest.fixture
def without_collector():
    """Garbage collection off: what goes away went by counting references."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_long_chain_forward_backward_and_freed():
    x = tensor(1.0, requires_grad=True)
    y = x
    for _ in range(LONG):
        y = y + x
    y.backward()
    assert x.grad.item() == LONG + 1
    del y


def test_a_long_chain_freed_without_backward():
    x = tensor(1.0, requires_grad=True)
    y = x
    for _ in range(LONG):
        y = y * 1.0
    last = weakref.ref(y.grad_fn)
    del y
    assert last() is None


def test_a_long_chain_of_changes_in_place():
    x = tensor(1.0, requires_grad=True)
    y = x * 1
    for _ in range(LONG // 10):
        y += x
    y.backward()
    assert x.grad.item() == LONG // 10 + 1


def test_a_wide_graph():
    x = tensor([1.0], requires_grad=True)
    parts = [x * k for k in range(1000)]
    sum(parts[1:], parts[0]).sum().backward()
    assert x.grad.item() == sum(range(1000))


def graph():
    """A small graph with everything in it that might hold on to something."""
    x = tensor([0.3, 0.7], dtype=np.float64, requires_grad=True)
    middle = (x * x).exp()
    middle.retain_grad()
    middle.register_hook(lambda g: g * 1.0)
    return x, middle, (middle[0] / middle.sum()).tanh()


def alive(*tensors):
    """References to tensors and to all nodes that they came from."""
    found = [weakref.ref(t) for t in tensors]
    waiting = [t.grad_fn for t in tensors]
    while waiting:
        node = waiting.pop()
        if node is not None and not isinstance(node, Tensor):
            found.append(weakref.ref(node))
            waiting += node.next_functions
    return found


def walk_nowhere(x, middle, y):
    pass


def walk_back(x, middle, y):
    y.backward()


def walk_back_twice(x, middle, y):
    y.backward(retain_graph=True)
    y.backward()


def ask_by_name(x, middle, y):
    grad(y, [middle, x])


def ask_for_the_second(x, middle, y):
    (first,) = grad(y, x, create_graph=True)
    grad(first.sum(), x)


def change_in_place(x, middle, y):
    middle += x
    middle[0] = 5.0
    with no_grad():
        y.zero_()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    "use",
    [walk_nowhere, walk_back, walk_back_twice, ask_by_name, ask_for_the_second, change_in_place],
)
def test_a_graph_goes_with_its_last_tensor(use):
    x, middle, y = graph()
    use(x, middle, y)
    references = alive(x, middle, y)
    del x, middle, y
    assert [r() for r in references if r() is not None] == []


@pytest.mark.usefixtures("without_collector")
def test_what_backward_frees_is_gone_at_once():
    x = tensor(np.ones(10), requires_grad=True)
    big = x * 2
    y = (big * big).sum()
    array = weakref.ref(big.array)
    del big
    assert array() is not None
    y.backward()
    assert array() is None


@pytest.mark.usefixtures("without_collector")
def test_what_no_rule_reads_is_not_kept():
    x = tensor(np.ones(10), requires_grad=True)
    middle = x + 1
    array = weakref.ref(middle.array)
    y = (middle * 3).sum()
    del middle
    assert array() is None
    y.backward()


@pytest.mark.usefixtures("without_collector")
def test_nothing_is_recorded_where_nothing_is_wanted():
    x = tensor(np.ones(10))
    y = x * x
    first = weakref.ref(x)
    del x
    assert first() is None
    assert y.grad_fn is None
