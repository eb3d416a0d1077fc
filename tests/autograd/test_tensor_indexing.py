"""x[key] and x[key] = v in every form of key, with gradients, as PyTorch has them."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.autograd import Tensor, no_grad, tensor
from chainrule.errors import GradientError, ShapeError

SHAPE = (3, 4, 2)
MASK = np.arange(24).reshape(SHAPE) % 3 == 0
s_ = np.s_

# An array in a key stands for a tensor of the library that is asked.
KEYS = {
    "number": 1,
    "negative": -1,
    "numbers": (1, -2),
    "all-numbers": (2, 3, 1),
    "slice": s_[1:],
    "step": s_[::2, 1:4:2],
    "empty-slice": s_[5:],
    "ellipsis": s_[..., 1],
    "nothing": s_[...],
    "new": s_[None, :, None],
    "new-and-number": s_[None, 1, ..., None],
    "list": [2, 0, 2],
    "list-in-tuple": s_[:, [0, 3, 3]],
    "tensor": np.array([1, 0, 1, 1]),
    "negative-tensor": np.array([-1, -3]),
    "matrix": np.array([[0, 1], [2, 0]]),
    "scalar-tensor": np.array(1),
    "scalar-tensor-and-slice": (s_[:], np.array(2)),
    "two-tensors": (np.array([0, 2]), np.array([3, 1])),
    "tensors-that-broadcast": (np.array([[0], [2]]), np.array([3, 1])),
    "tensors-apart": (np.array([0, 2]), s_[1:3], np.array([0, 1])),
    "tensor-and-number": (np.array([0, 2]), 1),
    "tensor-after-ellipsis": (..., np.array([1, 0, 0])),
    "empty-tensor": np.array([], dtype=np.int64),
    "mask": MASK,
    "row-mask": np.array([True, False, True]),
    "mask-of-two": MASK[..., 0],
    "mask-and-slice": (np.array([True, False, True]), s_[1:3]),
    "mask-behind": (s_[:], np.array([True, False, True, True])),
    "mask-and-number": (np.array([True, False, True]), 2),
    "nothing-true": np.zeros(SHAPE, dtype=bool),
    "true": True,
    "false": False,
}

each_key = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


def for_library(key, make):
    """The key, its arrays made tensors."""
    if isinstance(key, tuple):
        return tuple(for_library(k, make) for k in key)
    return make(key) if isinstance(key, np.ndarray) else key


def numbers(shape, start=0.0):
    return np.cos(np.arange(np.prod(shape, dtype=int)) + start).reshape(shape)


@each_key
def test_reading(key, torch):
    x, judge = Tensor(numbers(SHAPE), requires_grad=True), torch.tensor(numbers(SHAPE))
    judge.requires_grad_()
    found, expected = x[for_library(key, Tensor)], judge[for_library(key, torch.tensor)]
    assert found.shape == tuple(expected.shape)
    np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())

    weights = numbers(found.shape, 0.5)
    (found * Tensor(weights)).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), judge.grad.numpy())


@each_key
def test_reading_by_arrays(key):
    np.testing.assert_array_equal(Tensor(numbers(SHAPE))[key].numpy(), numbers(SHAPE)[key])


@each_key
@pytest.mark.parametrize("value", ["number", "whole", "row"])
def test_writing(key, value, torch):
    x, judge = Tensor(numbers(SHAPE)), torch.tensor(numbers(SHAPE))
    place = np.zeros(SHAPE)[key].shape
    shape = {"number": (), "whole": place, "row": place[-1:]}[value]
    new = numbers(shape, 9.0)
    x[for_library(key, Tensor)] = float(new) if value == "number" else Tensor(new)
    judge[for_library(key, torch.tensor)] = float(new) if value == "number" else torch.tensor(new)
    np.testing.assert_array_equal(x.numpy(), judge.numpy())


@each_key
@pytest.mark.parametrize("wanted", ["target", "value", "both"])
def test_gradients_of_writing(key, wanted, torch):
    if key is False:
        pytest.skip("PyTorch forgets the value where nothing is written at all")
    place = np.zeros(SHAPE)[key].shape
    arrays = numbers(SHAPE), numbers(place, 9.0)

    def gradients(tensor, numpy):
        x, v = (tensor(a) for a in arrays)
        x.requires_grad_(wanted != "value")
        v.requires_grad_(wanted != "target")
        y = x * 1.0
        y[for_library(key, tensor)] = v
        (y * y).sum().backward()
        return [None if t.grad is None else numpy(t.grad) for t in (x, v)]

    found = gradients(Tensor, Tensor.numpy)
    expected = gradients(torch.tensor, lambda t: t.numpy())
    for a, b in zip(found, expected):
        assert (a is None) == (b is None)
        if b is not None:
            np.testing.assert_allclose(a, b)


def test_a_place_named_twice_gets_both_gradients():
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[[0, 0, 2]].sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 1.0]


def test_slices_are_views_and_selections_are_copies():
    x = Tensor(numbers(SHAPE))
    x[1, 1:][0] = 7.0
    assert x[1, 1].tolist() == [7.0, 7.0]
    x[[0, 1]][0] = 9.0
    assert not (x == 9.0).any()


def test_writing_into_a_leaf():
    x = tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(
        GradientError, match="leaf that wants a gradient cannot be changed in place"
    ):
        x[0] = 5.0
    with no_grad():
        x[0] = 5.0
    assert x.tolist() == [5.0, 2.0]


def test_second_derivative_through_an_index(torch):
    def second(make, grad):
        x = make(numbers((4,)))
        x.requires_grad_()
        y = (x[[0, 2, 2]] ** 3 * x[1]).sum()
        (first,) = grad(y, x, create_graph=True)
        return grad((first**2).sum(), x)[0].numpy()

    from chainrule.autograd import grad

    np.testing.assert_allclose(second(Tensor, grad), second(torch.tensor, torch.autograd.grad))


@pytest.mark.parametrize("key", [3, -4, (0, 4), s_[0, 0, 0, 0], np.array([True, True])])
def test_what_does_not_fit_is_an_error_with_the_shape(key):
    with pytest.raises((ShapeError, IndexError), match=r"\(3, 4, 2\)|out of bounds|boolean"):
        Tensor(numbers(SHAPE))[key]
    if isinstance(key, np.ndarray):
        with pytest.raises(ShapeError, match="array of shape"):
            Tensor(numbers(SHAPE))[Tensor(key)]


def test_a_value_that_does_not_fit():
    x = Tensor(numbers((3, 4)))
    with pytest.raises(ValueError, match="broadcast"):
        x[0] = Tensor(numbers((3,)))


def test_iteration_and_length():
    x = Tensor(numbers((3, 2)), requires_grad=True)
    assert len(x) == 3
    sum(row.sum() * (i + 1) for i, row in enumerate(x)).backward()
    assert x.grad.tolist() == [[1, 1], [2, 2], [3, 3]]
    for f in (len, iter):
        with pytest.raises(TypeError, match="without dimensions"):
            f(tensor(1.0))


@pytest.mark.parametrize(
    "key", [(range(3), 1), range(2), ((0, 2), (1, 1)), (range(3), [0, 1, 2])], ids=str
)
def test_ranges_and_tuples_are_places_like_lists(key, torch):
    numbers = np.arange(12.0).reshape(3, 4)
    theirs, ours = torch.tensor(numbers), tensor(numbers)
    assert ours[key].tolist() == theirs[key].tolist()
    theirs[key] = -1.0
    ours[key] = -1.0
    assert ours.tolist() == theirs.tolist()
    x = tensor(numbers, requires_grad=True)
    (x[key] ** 2).sum().backward()
    y = torch.tensor(numbers, requires_grad=True)
    (y[key] ** 2).sum().backward()
    assert x.grad.tolist() == y.grad.tolist()
