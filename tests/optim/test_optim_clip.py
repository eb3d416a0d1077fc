"""Clipping gradients gives PyTorch's gradients."""

import math

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import Tensor, tensor, zeros
from chainrule.autograd.clip import clip_grad_norm_, clip_grad_value_
from chainrule.errors import GradientError, OptionError

SHAPES = [(4, 3), (), (5,), (0,)]


def gradients(dtype, shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) * 3 for shape in shapes]


def ours(arrays):
    params = [Tensor(np.zeros_like(g), requires_grad=True) for g in arrays]
    for p, g in zip(params, arrays):
        p.grad = Tensor(g)
    return [*params, zeros(2, requires_grad=True)]  # the last has no gradient


def theirs(torch, arrays):
    params = [
        torch.zeros(g.shape, dtype=getattr(torch, str(g.dtype)), requires_grad=True) for g in arrays
    ]
    for p, g in zip(params, arrays):
        p.grad = torch.tensor(g)
    return [*params, torch.zeros(2, requires_grad=True)]


def assert_close(a, b):
    for p, q in zip(a, b):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            assert str(p.grad.dtype) == str(q.grad.dtype).removeprefix("torch.")
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm_type", [2, 2.0, 1, 3, 0.5, math.inf])
@pytest.mark.parametrize("max_norm", [0, 0.5, 2, 1000])
def test_norms_as_pytorch(max_norm, norm_type, dtype, torch):
    arrays = [g for g in gradients(dtype) if g.size or norm_type != math.inf]
    a, b = ours(arrays), theirs(torch, arrays)
    norm = clip_grad_norm_(a, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(b, max_norm, norm_type)
    assert norm.shape == ()
    assert str(norm.dtype) == dtype
    assert norm.item() == pytest.approx(expected.item(), rel=1e-6)
    assert_close(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("limit", [0, 0.5, 1000])
def test_values_as_pytorch(limit, dtype, torch):
    arrays = gradients(dtype)
    a, b = ours(arrays), theirs(torch, arrays)
    assert clip_grad_value_(a, limit) is None
    torch.nn.utils.clip_grad_value_(b, limit)
    assert_close(a, b)


def test_gradients_of_several_formats():
    params = ours([np.full(2, 3, np.float32), np.full(2, 4, np.float64)])
    assert clip_grad_norm_(params, 1.0).item() == pytest.approx(math.sqrt(50))
    assert [p.grad.dtype for p in params[:2]] == [np.float32, np.float64]
    joint = math.sqrt(sum(float((p.grad.numpy() ** 2).sum()) for p in params[:2]))
    assert joint == pytest.approx(1, rel=1e-5)


def test_what_there_is_to_clip():
    p = zeros(2, requires_grad=True)
    assert clip_grad_norm_([], 1.0).item() == 0
    assert clip_grad_norm_(p, 1.0).item() == 0
    clip_grad_value_(p, 1.0)
    assert p.grad is None
    p.grad = tensor([3.0, 4.0])
    array = p.grad.array
    assert clip_grad_norm_((q for q in [p]), 1.0).item() == 5
    assert p.grad.array is array
    assert array.tolist() == pytest.approx([0.6, 0.8], rel=1e-6)
    p.grad = zeros(2)
    clip_grad_norm_(p, 1.0)
    assert p.grad.tolist() == [0, 0]


def test_it_can_be_recorded_and_looks_at_no_number():
    p = zeros(3, requires_grad=True)
    p.grad = tensor([1.0, 2.0, 2.0])
    seen = []
    with ops.watch(lambda op, args, attrs, y: seen.append(op.name)):
        norm = clip_grad_norm_(p, 1.0)
    assert not norm.requires_grad
    assert seen[0] == "euclidean_norm"
    assert seen[-1] == "assign"


def test_a_norm_that_is_not_finite(torch):
    for value in (math.inf, math.nan):
        arrays = [np.array([1.0, value])]
        a, b = ours(arrays), theirs(torch, arrays)
        with pytest.raises(GradientError) as caught:
            clip_grad_norm_(a, 1.0, error_if_nonfinite=True)
        assert str(caught.value) == (
            f"the norm of the gradients is {value}, so they cannot be clipped; look for the "
            "first NaN or infinity, or pass error_if_nonfinite=False"
        )
        assert a[0].grad.numpy()[0] == 1
        clip_grad_norm_(a, 1.0)
        torch.nn.utils.clip_grad_norm_(b, 1.0)
        assert_close(a, b)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: clip_grad_norm_([], -1), "max_norm must be a number of at least 0, got -1.0"),
        (
            lambda: clip_grad_norm_([], math.nan),
            "max_norm must be a number of at least 0, got nan",
        ),
        (
            lambda: clip_grad_norm_([], 1, norm_type=-2),
            "norm_type must be a number of at least 0, got -2.0",
        ),
        (lambda: clip_grad_value_([], -1), "clip_value must be a number of at least 0, got -1"),
        (
            lambda: clip_grad_norm_(3, 1),
            "parameters must be tensors, got int; did you mean model.parameters()?",
        ),
    ],
)
def test_what_is_refused(call, sentence):
    with pytest.raises(OptionError) as caught:
        call()
    assert str(caught.value) == sentence
