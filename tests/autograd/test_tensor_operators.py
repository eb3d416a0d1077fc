"""Operators and methods of a tensor are PyTorch's, on either side of a number or an array."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest

import chainrule as cr
from autograd.method_rows import DIM_FIRST, LISTED, MORE, ROWS, SQUARE, VALUES_ALONE, VECTOR, X, Y
from chainrule.autograd import Tensor, tensor
from chainrule.autograd.methods import Methods
from chainrule.errors import OptionError, ShapeError


def judged(f, *arrays, torch, slopes=True):
    """f on our tensors gives what it gives on PyTorch's: values, formats and gradients."""
    ours = [Tensor(a, requires_grad=slopes and a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=slopes and a.dtype.kind == "f") for a in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what PyTorch calls outdated is asked for all the same
        found, expected = listed(f(*ours)), listed(f(*theirs))
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        if isinstance(b, bool):
            assert a is b
            continue
        assert (a.shape, a.dtype) == (tuple(b.shape), b.numpy(force=True).dtype)
        np.testing.assert_allclose(a.detach().numpy(), b.numpy(force=True), rtol=1e-10)
        if b.requires_grad and "NotImplemented" not in str(b.grad_fn):
            b.sum().backward(retain_graph=True)
            if a.requires_grad:
                a.sum().backward(retain_graph=True)
    for a, b in zip(ours, theirs):
        if b.grad is not None:
            gradient = np.zeros(a.shape) if a.grad is None else a.grad.numpy()
            np.testing.assert_allclose(gradient, b.grad.numpy(force=True), rtol=1e-10, atol=1e-12)


def listed(y):
    return list(y) if isinstance(y, tuple) else [y]


BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip
name = operator.attrgetter("__name__")


@pytest.mark.parametrize("f", BINARY, ids=name)
def test_operators(f, torch):
    judged(f, X, Y, torch=torch)
    judged(lambda x: f(x, 2), X, torch=torch)
    judged(lambda x: f(2.5, x), X, torch=torch)
    judged(f, X, Y[0], torch=torch)


@pytest.mark.parametrize("f", [operator.and_, operator.or_, operator.xor], ids=name)
def test_logic(f, torch):
    judged(lambda x, y: f(x > 0.5, y > 0.5), X, Y, torch=torch)
    judged(lambda x: f(x > 0.5, True), X, torch=torch)


@pytest.mark.parametrize("f", [operator.neg, operator.pos, abs, lambda x: ~(x > 0.5)])
def test_operators_of_one(f, torch):
    judged(f, X, torch=torch)


def test_matrix_product_operator(torch):
    judged(operator.matmul, X, SQUARE, torch=torch)
    judged(operator.matmul, VECTOR, SQUARE, torch=torch)


@pytest.mark.parametrize("f", BINARY, ids=name)
def test_an_array_on_either_side(f):
    for found in (f(Tensor(X), Y), f(X, Tensor(Y))):
        assert isinstance(found, Tensor)
        np.testing.assert_allclose(found.numpy(), f(X, Y))


def test_a_product_with_an_array_on_either_side_keeps_the_gradient():
    for f in (lambda w: w @ SQUARE, lambda w: SQUARE @ w, lambda w: SQUARE * w):
        w = Tensor(SQUARE, requires_grad=True)
        f(w).sum().backward()
        assert w.grad is not None


def test_operators_that_mean_nothing_say_so():
    with pytest.raises(OptionError, match=r"compare first, for example \(x > 0\) & \(x < 1\)"):
        tensor([1.0]) & tensor([2.0])
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(4,\) do not broadcast"):
        tensor(np.ones((2, 3))) + tensor(np.ones(4))
    with pytest.raises(TypeError):
        tensor([1.0]) + "one"


# --- methods ------------------------------------------------------------------------------------


def test_every_method_is_tried():
    methods = {n for n, m in vars(Methods).items() if not n.startswith("_") and n != "array"}
    methods -= {"to_sparse"}  # which is tried among sparse tensors
    assert methods == set(ROWS), "rows of ROWS and methods of Methods differ"


@pytest.mark.parametrize("method", ROWS)
def test_methods(method, torch):
    for arrays, args, kwargs in ROWS[method] + MORE.get(method, []):

        def run(x, *others, args=args, kwargs=kwargs):
            found = getattr(x, method)
            return found(*ordered(method, args, others), **kwargs) if callable(found) else found

        judged(run, *arrays, torch=torch, slopes=method not in VALUES_ALONE)


OTHERS = {
    "fill": lambda m: m.fill(m.tensor([1.0, 2.0]), 3),
    "unravel_index": lambda m: m.unravel_index(m.tensor([1, 23, 7]), (2, 3, 4)),
    "where of one": lambda m: m.where(m.tensor([[0.0, 2.0], [1.0, 0.0]])),
    "einsum of a list": lambda m: m.einsum("ij,jk->ik", [m.ones(2, 3), m.ones(3, 2)]),
    "stack along an axis": lambda m: m.stack(tensors=[m.ones(2), m.zeros(2)], axis=1),
    "input by name": lambda m: m.max(input=m.tensor([[1.0, 3.0]]), dim=1),
    "vander": lambda m: m.vander(m.tensor([2, 3]), 3),
    "bucketize": lambda m: m.bucketize(m.tensor([1.0, 4.0]), m.tensor([0.0, 2.0, 4.0])),
    "rsub": lambda m: m.rsub(m.tensor([1.0]), m.tensor([5.0]), alpha=2),
    "chain_matmul": lambda m: m.linalg.multi_dot([m.ones(2, 3), m.ones(3, 4), m.ones(4, 1)]),
    "index_put": lambda m: m.index_put(
        m.zeros(2, 3), (m.tensor([0, 1]), m.tensor([2, 2])), m.tensor([5.0, 6.0])
    ),
    "index_put adding": lambda m: m.index_put(
        m.zeros(3), (m.tensor([2, 2]),), m.tensor([5.0, 6.0]), accumulate=True
    ),
    "isin": lambda m: m.isin(m.tensor([1, 2, 3]), m.tensor([3, 1])),
    "operators on bits": lambda m: ((m.tensor([12]) & 6) << 2) ^ ~m.tensor([3]) | 1,
    "shift": lambda m: m.tensor([64]) >> m.tensor([3]),
}


@pytest.mark.parametrize("f", OTHERS.values(), ids=OTHERS)
def test_other_ways_to_call(f, torch):
    for a, b in zip(listed(f(cr)), listed(f(torch)), strict=True):
        assert (a.shape, a.dtype) == (tuple(b.shape), b.numpy().dtype)
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def ordered(method, args, others):
    """The arguments in PyTorch's order."""
    return (*args, *others) if method in DIM_FIRST else (*others, *args)


@pytest.mark.parametrize(
    "method", [m for m in ROWS if m in cr.__all__ and m not in ("polygamma", "where")]
)
def test_functions_of_the_same_names(method, torch):
    if not hasattr(torch, method):
        pytest.skip("PyTorch has the method alone")
    for arrays, args, kwargs in ROWS[method] + MORE.get(method, []):

        def run(x, *others, args=args, kwargs=kwargs):
            function = getattr(cr if isinstance(x, Tensor) else torch, method)
            if method in LISTED and args and not isinstance(args[0], tuple):
                args = (args,)
            return function(x, *ordered(method, args, others), **kwargs)

        judged(run, *arrays, torch=torch, slopes=method not in VALUES_ALONE)
