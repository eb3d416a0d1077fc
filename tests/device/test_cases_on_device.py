"""Every row of the table of cases on a GPU: values, dtypes, layouts, first and second derivatives.

The judge is the library on the processor, which `test_cases.py` holds against differences and
PyTorch. Results have to be on the device, so that nothing comes home unseen.
"""

from __future__ import annotations

import numpy as np
import pytest

from case import Case
from cases import every, has_gradient, is_smooth
from chainrule import ops
from chainrule.autograd import Tensor, grad
from chainrule.backend.arrays import is_gpu, to_gpu, to_host
from chainrule.errors import ChainruleError
from chainrule.kernels.attach import KERNELS
from chainrule.ops.both import AT_HOME

# A GPU adds in another order, and its functions differ in the last digits.
TOLERANCE = {
    np.dtype(np.float32): {"rtol": 2e-5, "atol": 2e-6},
    np.dtype(np.float64): {"rtol": 1e-9, "atol": 1e-11},
}
EXACT = {"rtol": 0, "atol": 0}


def holds_numbers(a):
    """Whether `a` is an array of what a tensor holds; the state of a generator is not."""
    return (isinstance(a, np.ndarray) or is_gpu(a)) and a.dtype != np.uint64


def sent(arrays):
    """The arrays on the device, states of generators too."""
    return [to_gpu(a) if isinstance(a, np.ndarray) else a for a in arrays]


def numbers(y):
    """What was found, on the device or in a tensor, as NumPy's."""
    return to_host(y.array if isinstance(y, Tensor) else y)


def is_there(y):
    """Whether `y` is on the device; numbers without an array have no place."""
    return is_gpu(y.array if isinstance(y, Tensor) else y) or isinstance(y, (int, float, bool))


def assert_equal(found, expected):
    """As many arrays on the device as there are on the processor: alike, to rounding."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert is_there(a), f"{type(a).__name__} is not on the device"
        a, b = numbers(a), numbers(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype, (a.dtype, b.dtype)
        np.testing.assert_allclose(a, b, **TOLERANCE.get(a.dtype, EXACT))


def traced(case: Case, arrays):
    """The inputs as tensors, those with a gradient asking for it."""
    return [
        Tensor(a, requires_grad=i in case.wanted()) if holds_numbers(a) else a
        for i, a in enumerate(arrays)
    ]


def weights(size, shift=0.0):
    """Fixed, unequal numbers, so that errors do not cancel."""
    return np.cos(np.arange(size) + shift) + 1.5


def flat(ys):
    """All floating-point outputs as one vector."""
    return ops.cat([y.reshape(-1) for y in ys if y.dtype.kind == "f"])


def like(array, x):
    """A tensor of these numbers where x is."""
    array = array.astype(x.dtype)
    return Tensor(to_gpu(array) if is_gpu(x.array) else array)


def gradients(case: Case, xs, create_graph=False):
    """The gradients of a weighted sum of all outputs; `None` where there is none."""
    y = flat(case.ours(*xs))
    wanted = [xs[i] for i in case.wanted()]
    seed = like(weights(y.numel()), y)
    return grad(y, wanted, seed, create_graph=create_graph, allow_unused=True)


def summed(gs):
    """One number that depends on every element of every gradient."""
    parts = [(g * like(weights(g.numel(), k).reshape(g.shape), g)).sum() for k, g in enumerate(gs)]
    return sum(parts[1:], parts[0])


def assert_gradients_equal(found, expected):
    assert [g is None for g in found] == [g is None for g in expected]
    assert_equal(*([g for g in gs if g is not None] for gs in (found, expected)))


# --- values -------------------------------------------------------------------------------------


@every()
def test_value_is_that_of_the_processor(case, gpu):
    for dtype in (np.float64, np.float32):
        expected = case.ours(*traced(case, case.arrays(dtype)))
        assert_equal(case.ours(*traced(case, sent(case.arrays(dtype)))), expected)


def columns_first(a):
    """The same elements, in Fortran's order."""
    return a.T.copy().T


def backwards(a):
    """The same elements, lying in memory in reverse."""
    return np.flip(np.flip(a).copy()) if a.ndim else a


def spaced(a):
    """The same elements, others lying between them."""
    return np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a


@every(lambda case: case.op not in AT_HOME)
def test_memory_layout_does_not_matter(case, gpu):
    expected = case.ours(*case.arrays())
    for layout in (columns_first, backwards, spaced):
        inputs = [layout(a) if is_gpu(a) else a for a in sent(case.arrays())]
        assert_equal(case.ours(*inputs), expected)


def emptied(case):
    """The inputs with a first or a last dimension of 0."""
    arrays = case.arrays()
    for d in (0, -1):
        yield [np.take(a, [], d) if holds_numbers(a) and a.ndim else a for a in arrays]


@every(lambda case: case.kind != "random")
def test_empty_inputs_work_or_are_refused(case, gpu):
    for inputs in emptied(case):
        there = sent(inputs)
        try:
            expected = case.ours(*inputs)
        except (ChainruleError, IndexError):
            with pytest.raises((ChainruleError, IndexError)):
                case.ours(*there)
            continue
        try:
            found = case.ours(*there)
        except ChainruleError:  # a kernel looks at shapes that a loop over nothing does not
            continue
        assert_equal(found, expected)


@every(lambda case: case.op in KERNELS)
def test_the_body_does_without_its_kernel(case, gpu, monkeypatch):
    op = ops.REGISTRY[case.op]
    expected = case.ours(*case.arrays())
    monkeypatch.setattr(op, "forward", op.forward.__wrapped__)
    assert_equal(case.ours(*sent(case.arrays())), expected)


# --- derivatives --------------------------------------------------------------------------------


@every(has_gradient)
def test_gradient_is_that_of_the_processor(case, gpu):
    for dtype in (np.float64, np.float32):
        expected = gradients(case, traced(case, case.arrays(dtype)))
        found = gradients(case, traced(case, sent(case.arrays(dtype))))
        assert_gradients_equal(found, expected)


@every(is_smooth)
def test_second_derivative_is_that_of_the_processor(case, gpu):
    def second(xs):
        wanted = [xs[i] for i in case.wanted()]
        first = [g for g in gradients(case, xs, create_graph=True) if g is not None]
        y = summed(first)
        return grad(y, wanted, allow_unused=True) if y.requires_grad else [None] * len(wanted)

    found = second(traced(case, sent(case.arrays())))
    assert_gradients_equal(found, second(traced(case, case.arrays())))
