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


each_format = pytest.mark.parametrize("dtype", DTYPES)


@each_default
@each_format
@pytest.mark.usefixtures("default_dtype")
def test_two_tensors(dtype, torch):
    shapes = [WITH_DIMENSIONS, WITHOUT]
    for f, x, y, other in itertools.product(OPERATORS, shapes, shapes, DTYPES):
        compare(f, x.astype(dtype), y.astype(other), torch=torch)


@each_default
@each_format
@pytest.mark.usefixtures("default_dtype")
def test_a_tensor_and_a_number(dtype, torch):
    for f, x, number in itertools.product(OPERATORS, [WITH_DIMENSIONS, WITHOUT], [True, 3, 0.5]):
        compare(f, x.astype(dtype), number, torch=torch)
        compare(f, number, x.astype(dtype), torch=torch)


@each_default
@each_format
@pytest.mark.usefixtures("default_dtype")
def test_one_tensor(dtype, torch):
    functions = ["exp", "sqrt", "sigmoid", "tanh", "log1p", "abs"]
    for name in [*functions, "sum", "prod", "amax", "argmax", "logsumexp"]:
        args = (0,) if name == "logsumexp" else ()
        compare(operator.methodcaller(name, *args), WITH_DIMENSIONS.astype(dtype), torch=torch)


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
@each_format
@pytest.mark.usefixtures("default_dtype")
def test_where(dtype, torch):
    condition, x = np.array([True, False]), WITH_DIMENSIONS.astype(dtype)
    for other in [*(WITH_DIMENSIONS.astype(b) for b in DTYPES), 2, 0.5]:
        is_array = isinstance(other, np.ndarray)
        found = Tensor(x).where(Tensor(condition), Tensor(other) if is_array else other)
        expected = torch.where(
            torch.tensor(condition), torch.tensor(x), torch.tensor(other) if is_array else other
        )
        assert found.dtype == expected.numpy().dtype


@pytest.mark.parametrize("data", [1, 1.5, True, [1, 2], [1.0, 2], [[True]], np.float64(2.0), []])
def test_making_one(data, torch):
    assert tensor(data).dtype == torch.tensor(data).numpy().dtype


def test_gradients_come_back_in_the_format_of_their_input(torch):
    for a, b in itertools.product(["float16", "float32", "float64"], repeat=2):
        x, y = (tensor([2.0], dtype=d, requires_grad=True) for d in (a, b))
        (x * y).sum().backward()
        assert (x.grad.dtype, y.grad.dtype) == (np.dtype(a), np.dtype(b))
