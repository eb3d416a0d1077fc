"""To NumPy and back: shared memory both ways, and NumPy's functions on tensors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from chainrule.autograd import Tensor, as_tensor, from_numpy, tensor
from chainrule.autograd.tensor import _UFUNCS
from chainrule.errors import GradientError, OptionError, ShapeError

X = np.array([[0.2, 0.5], [0.7, 0.9]])


def test_memory_is_shared_both_ways():
    array = X.copy()
    x = from_numpy(array)
    assert x.numpy() is array
    assert np.asarray(x) is array
    assert as_tensor(array).numpy() is array
    array[0, 0] = 9.0
    assert x[0, 0].item() == 9.0
    x[1, 1] = 7.0
    assert array[1, 1] == 7.0


def test_tensor_copies():
    array = X.copy()
    for x in (tensor(array), Tensor(array), tensor(from_numpy(array))):
        x.zero_()
    np.testing.assert_array_equal(array, X)


def test_array_copies_where_asked():
    x = tensor([1.0, 2.0])
    assert np.array(x) is not x.numpy()
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype=np.float64, copy=False)


def test_a_gradient_is_not_lost_on_the_way():
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(GradientError, match=r"use x\.detach\(\)\.numpy\(\)"):
        x.numpy()
    assert x.detach().numpy() is x.array


def test_what_is_no_array_or_no_number():
    with pytest.raises(OptionError, match="from_numpy takes a NumPy array, got list"):
        from_numpy([1.0])
    with pytest.raises(OptionError, match="a tensor holds numbers"):
        tensor(["a"])
    with pytest.raises(ShapeError, match="same length at each depth"):
        tensor([[1.0], [2.0, 3.0]])


@pytest.mark.parametrize("ufunc", _UFUNCS, ids=lambda f: f.__name__)
def test_ufuncs_keep_the_tape(ufunc):
    base = X > 0.5 if "logical" in ufunc.__name__ else X + 1 if ufunc is np.arccosh else X
    arrays = [base] if ufunc.nin == 1 else [base, base.T.copy()]
    expected = ufunc(*arrays)
    wants = base.dtype.kind == "f"
    for given in (
        [Tensor(a, requires_grad=wants) for a in arrays],
        [Tensor(arrays[0], requires_grad=wants), *arrays[1:]],
        [*arrays[:-1], Tensor(arrays[-1], requires_grad=wants)],
    ):
        found = ufunc(*given)
        assert isinstance(found, Tensor)
        np.testing.assert_allclose(found.detach().numpy(), expected)
        assert found.requires_grad == (expected.dtype.kind == "f" and ufunc is not np.floor_divide)


def test_other_ufuncs_give_arrays():
    x = tensor([1.0, 2.0])
    assert isinstance(np.add.reduce(x), np.floating)
    assert isinstance(np.hypot(x, x), np.ndarray)
    out = np.zeros(2, dtype=np.float32)
    assert np.add(x, x, out=out) is out
    assert out.tolist() == [2.0, 4.0]


def test_numpy_functions_take_tensors():
    x = tensor([[3.0, 1.0], [2.0, 4.0]])
    assert np.sort(x, axis=None).tolist() == [1, 2, 3, 4]
    assert np.stack([x, x]).shape == (2, 2, 2)
    assert np.allclose(x, x.numpy())


def test_numpy_numbers_take_part():
    x = tensor([1.0, 2.0], requires_grad=True)
    for y in (x * np.float64(3.0), np.float64(3.0) * x, x * np.float32(3.0), np.int64(3) * x):
        assert isinstance(y, Tensor)
        assert y.tolist() == [3.0, 6.0]
        assert y.dtype == np.float32
        assert y.requires_grad


def test_python_numbers():
    x = tensor(2.5)
    assert (float(x), int(x), bool(x), x.item(), round(x, 0)) == (2.5, 2, True, 2.5, 2.0)
    assert (f"{x:.2f}", f"{x}", f"{x * 2}") == ("2.50", "2.5", "5.0")
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{tensor([2.5]):.2f}"
    assert [10, 20, 30][tensor(2)] == 30
    assert list(range(tensor(3))) == [0, 1, 2]
    with pytest.raises(TypeError, match="only integer tensors can be an index, got float32"):
        [1, 2][tensor(1.0)]


def test_membership_and_hash():
    x = tensor([1.0, 2.0])
    assert 2.0 in x
    assert 3.0 not in x
    assert len({x, x, tensor([1.0])}) == 2


def test_lists_of_tensors():
    rows = [tensor([1.0, 2.0]), tensor([3.0, 4.0])]
    assert tensor(rows).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert tensor([tensor(1.0), tensor(2.0)]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_a_leaf(copied):
    x = tensor([1.0, 2.0], requires_grad=True)
    y = copied(x)
    assert (y.tolist(), y.requires_grad, y.is_leaf) == ([1.0, 2.0], True, True)
    y.data.zero_()
    assert x.tolist() == [1.0, 2.0]


def test_what_was_computed_is_not_copied_with_its_history():
    y = tensor([1.0], requires_grad=True) * 2
    with pytest.raises(GradientError, match=r"use \.clone\(\), or \.detach\(\)\.clone\(\)"):
        copy.deepcopy(y)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
        (tensor([1, 2]), "tensor([1, 2])"),
        (tensor([True]), "tensor([True])"),
        (tensor(1.0, dtype=np.float64), "tensor(1., dtype=float64)"),
        (tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (tensor([1.0], requires_grad=True) * 2, "tensor([2.], grad_fn=<mul>)"),
    ],
)
def test_how_it_looks(x, text):
    assert repr(x) == text
