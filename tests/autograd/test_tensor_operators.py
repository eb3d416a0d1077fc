"""Operators and methods of a tensor are PyTorch's, on either side of a number or an array."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from chainrule.autograd import Tensor, tensor
from chainrule.autograd.methods import Methods
from chainrule.errors import OptionError, ShapeError

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0.2, 0.9, (3, 4)), RNG.uniform(0.2, 0.9, (3, 4))
SQUARE, VECTOR = RNG.uniform(0.2, 0.9, (4, 4)), RNG.uniform(0.2, 0.9, 4)
PLACES = np.array([[0, 1, 2, 0], [1, 1, 0, 2]])
MASK = X > 0.5


def judged(f, *arrays, torch):
    """f on our tensors gives what it gives on PyTorch's: values, formats and gradients."""
    ours = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    found, expected = listed(f(*ours)), listed(f(*theirs))
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert (a.shape, a.dtype) == (tuple(b.shape), b.detach().numpy().dtype)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10)
        if b.requires_grad and "NotImplemented" not in str(b.grad_fn):
            a.sum().backward(retain_graph=True)
            b.sum().backward(retain_graph=True)
    for a, b in zip(ours, theirs):
        if b.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-12)


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


def call(*args, on=(X,), **kwargs):
    """How a method is called: on the first array, the other arrays first among its arguments."""
    return on, args, kwargs


def words(text):
    """The words of a text, for lists of names."""
    return text.split()


INDEX = (X, PLACES)
PAIRS = "maximum minimum logaddexp atan2 logical_and logical_or logical_xor"
ROWS = {
    **{
        each: [call()]
        for each in words(
            "neg square sqrt rsqrt reciprocal exp exp2 expm1 log log1p log2 log10 sin cos tan "
            "asin acos atan sinh cosh tanh asinh atanh erf sigmoid relu abs sign floor ceil round "
            "trunc isnan isfinite clone contiguous t T mT sum mean prod amax amin argmax argmin "
            "argsort var std norm max min all any sort flatten squeeze logical_not"
        )
    },
    **{
        each: [call(on=(X, Y)), call(2.0)]
        for each in words("add sub mul div remainder floor_divide pow eq ne lt le gt ge")
    },
    **{each: [call(on=(X, Y))] for each in words(PAIRS)},
    "acosh": [call(on=(X + 1,))],
    "where": [call(on=(X, MASK, Y))],
    "masked_fill": [call(-1.0, on=(X, MASK))],
    "clip": [call(0.4, 0.6), call(min=0.4), call(max=0.6)],
    "clamp": [call(0.4, 0.6)],
    "softmax": [call(-1), call(dim=0)],
    "log_softmax": [call(1)],
    "logsumexp": [call(1), call((0, 1), keepdim=True)],
    "cumsum": [call(0), call(dim=-1)],
    "topk": [call(2), call(1, dim=0, largest=False)],
    "reshape": [call(4, 3), call((2, -1))],
    "view": [call(12), call(3, 2, 2)],
    "view_as": [call(on=(X, Y.reshape(4, 3)))],
    "permute": [call(1, 0), call((1, 0))],
    "transpose": [call(0, -1)],
    "expand": [call(2, 3, 4), call(2, -1, -1)],
    "expand_as": [call(on=(VECTOR, SQUARE))],
    "unsqueeze": [call(0), call(-1)],
    "flip": [call(0), call(0, 1)],
    "split": [call(2), call([1, 2], dim=0), call(3, dim=1)],
    "chunk": [call(2), call(3, dim=1)],
    "narrow": [call(1, 1, 2)],
    "gather": [call(0, on=INDEX)],
    "scatter": [call(0, on=(X, PLACES[:, [0, 2, 1, 3]], Y[:2]))],
    "scatter_add": [call(0, on=(X, PLACES, Y[:2]))],
    "index_select": [call(1, on=(X, np.array([3, 0])))],
    "matmul": [call(on=(X, SQUARE)), call(on=(SQUARE, VECTOR))],
    "mm": [call(on=(X, SQUARE))],
    "bmm": [call(on=(X[None], SQUARE[None]))],
    "mv": [call(on=(SQUARE, VECTOR))],
    "dot": [call(on=(VECTOR, VECTOR + 1))],
    "outer": [call(on=(VECTOR, VECTOR + 1))],
}
MORE = {
    each: [call(1), call(0, keepdim=True), call(dim=-1)]
    for each in words("sum mean prod amax amin argmax argmin var std max min all any")
}
# Where PyTorch puts a number before the tensors.
DIM_FIRST = {"gather", "scatter", "scatter_add", "index_select"}


def test_every_method_is_tried():
    methods = {n for n, m in vars(Methods).items() if not n.startswith("_") and n != "array"}
    assert methods == set(ROWS), "rows of ROWS and methods of Methods differ"


@pytest.mark.parametrize("method", ROWS)
def test_methods(method, torch):
    for arrays, args, kwargs in ROWS[method] + MORE.get(method, []):

        def run(x, *others, args=args, kwargs=kwargs):
            found = getattr(x, method)
            order = (*args, *others) if method in DIM_FIRST else (*others, *args)
            return found(*order, **kwargs) if callable(found) else found

        judged(run, *arrays, torch=torch)
