"""Which number format wins when two meet: PyTorch's answer, for every pair and every shape."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import Tensor, tensor
from chainrule.backend.dtypes import set_default_dtype

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
OPERATORS = [operator.add, operator.mul, operator.truediv, operator.lt, operator.eq]
WITH_DIMENSIONS, WITHOUT = np.array([1, 1]), np.array(1)

each_default = pytest.mark.parametrize("default", ["float32", "float64"])


@pytest.fixture
def default_dtype(default, torch):
    """The default format of both libraries, for one test."""
    set_default_dtype(default)
    torch.set_default_dtype(getattr(torch, default))
    yield
    set_default_dtype("float32")
    torch.set_default_dtype(torch.float32)


def compare(f, *values, torch):
    """f of these arrays and numbers has PyTorch's format and values."""
    try:
        expected = f(*(torch.tensor(v) if isinstance(v, np.ndarray) else v for v in values)).numpy()
    except (RuntimeError, NotImplementedError):
        return  # PyTorch has no such operation for this format
    found = f(*(Tensor(v) if isinstance(v, np.ndarray) else v for v in values))
    assert found.dtype == expected.dtype, [getattr(v, "dtype", v) for v in values]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3)


@each_default
@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
@pytest.mark.usefixtures("default_dtype")
def test_two_tensors(a, b, torch):
    for f, x, y in itertools.product(OPERATORS, *[[WITH_DIMENSIONS, WITHOUT]] * 2):
        compare(f, x.astype(a), y.astype(b), torch=torch)


@each_default
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [True, 3, 0.5])
@pytest.mark.usefixtures("default_dtype")
def test_a_tensor_and_a_number(dtype, number, torch):
    for f, x in itertools.product(OPERATORS, [WITH_DIMENSIONS, WITHOUT]):
        compare(f, x.astype(dtype), number, torch=torch)
        compare(f, number, x.astype(dtype), torch=torch)


@each_default
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["exp", "sqrt", "sigmoid", "tanh", "log1p", "abs", "square"])
@pytest.mark.usefixtures("default_dtype")
def test_one_tensor(dtype, name, torch):
    if (dtype, name) == ("bool", "square"):
        pytest.skip("NumPy's product of truth values is one, PyTorch's square an integer")
    compare(operator.methodcaller(name), WITH_DIMENSIONS.astype(dtype), torch=torch)


@each_default
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sum", "prod", "amax", "argmax"])
@pytest.mark.usefixtures("default_dtype")
def test_reductions(dtype, name, torch):
    compare(operator.methodcaller(name), WITH_DIMENSIONS.astype(dtype), torch=torch)


@each_default
@pytest.mark.usefixtures("default_dtype")
def test_integers_turned_into_fractions_become_the_default(default):
    x = tensor([1, 2])
    for y in (x.mean(), x.var(), x.std(), x.norm(), x.logsumexp(0), x.softmax(0), x / 2):
        assert y.dtype == default


@each_default
@pytest.mark.parametrize("a", [1, 0.5])
@pytest.mark.parametrize("b", [2, 2.5, True])
@pytest.mark.usefixtures("default_dtype")
def test_where_between_two_numbers(a, b, torch):
    condition = np.array([True, False])
    found = ops.where(Tensor(condition), a, b)
    expected = torch.where(torch.tensor(condition), a, b)
    assert found.dtype == expected.numpy().dtype
    assert found.tolist() == expected.tolist()


@each_default
@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", [*DTYPES, 2, 0.5])
@pytest.mark.usefixtures("default_dtype")
def test_where(a, b, torch):
    condition = np.array([True, False])
    other = WITH_DIMENSIONS.astype(b) if isinstance(b, str) else b
    ours = Tensor(WITH_DIMENSIONS.astype(a)).where(Tensor(condition), _ours(other))
    theirs = torch.where(
        torch.tensor(condition), torch.tensor(WITH_DIMENSIONS.astype(a)), _theirs(other, torch)
    )
    assert ours.dtype == theirs.numpy().dtype


def _ours(v):
    return Tensor(v) if isinstance(v, np.ndarray) else v


def _theirs(v, torch):
    return torch.tensor(v) if isinstance(v, np.ndarray) else v


@pytest.mark.parametrize("data", [1, 1.5, True, [1, 2], [1.0, 2], [[True]], np.float64(2.0), []])
def test_making_one(data, torch):
    assert tensor(data).dtype == torch.tensor(data).numpy().dtype


def test_gradients_come_back_in_the_format_of_their_input(torch):
    for a, b in itertools.product(["float16", "float32", "float64"], repeat=2):
        x, y = (tensor([2.0], dtype=d, requires_grad=True) for d in (a, b))
        (x * y).sum().backward()
        assert (x.grad.dtype, y.grad.dtype) == (np.dtype(a), np.dtype(b))
