"""As exact as they say, and finite where the plain formula would not be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule import ops

FAR = np.array([-1e10, -1e4, -800.0, -90.0, 90.0, 800.0, 1e4, 1e10])


def units_in_the_last_place(found, expected):
    """How far apart, in steps of the format of `found`."""
    exact = np.asarray(expected)
    step = np.spacing(np.abs(exact).astype(found.dtype)).astype(np.float64)
    return np.abs(found.astype(np.float64) - exact) / step


@pytest.mark.parametrize(("dtype", "limit"), [(np.float64, 3), (np.float32, 8)])
def test_error_function(dtype, limit):
    x = np.concatenate([np.linspace(-7, 7, 40_001), np.geomspace(1e-30, 1, 2_000)]).astype(dtype)
    expected = [math.erf(v) for v in x.tolist()]
    assert units_in_the_last_place(ops.erf(x), expected).max() <= limit


@pytest.mark.parametrize(
    ("op", "exact"), [(ops.log1p, math.log1p), (ops.expm1, math.expm1), (ops.sinh, math.sinh)]
)
def test_small_arguments(op, exact):
    x = np.geomspace(1e-300, 1e-3, 500)
    assert units_in_the_last_place(op(x), [exact(v) for v in x]).max() <= 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "f",
    [
        ops.sigmoid, ops.tanh, ops.relu, ops.elu, ops.gelu, ops.silu, ops.softplus,
        ops.log_sigmoid, ops.leaky_relu, ops.hardtanh, ops.softmax, ops.log_softmax,
        lambda x: ops.gelu(x, approximate="tanh"),
        lambda x: ops.logsumexp(x, dim=0),
        lambda x: ops.cross_entropy(x, np.array(3)),
        lambda x: ops.binary_cross_entropy_with_logits(x, (x > 0).type_as(x)),
        lambda x: ops.soft_margin_loss(x, x.sign().detach()),
        lambda x: ops.logaddexp(x, -x),
    ],
)  # fmt: skip
def test_arguments_of_any_size(f, dtype):
    from chainrule.autograd import Tensor, grad

    x = Tensor(FAR.astype(dtype), requires_grad=True)
    y = f(x)
    assert np.isfinite(y.detach().numpy()).all()
    assert np.isfinite(grad(y.sum(), x)[0].numpy()).all()


def test_softmax_does_not_depend_on_a_shift():
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    expected = ops.softmax(x.astype(np.float64))
    for shift in (0, 64, 1024):
        shifted = x + np.float32(shift)
        exact = ops.softmax(shifted.astype(np.float64))
        np.testing.assert_allclose(ops.softmax(shifted), exact, rtol=2e-6)
        np.testing.assert_allclose(
            ops.log_softmax(shifted), ops.log_softmax(shifted.astype(np.float64)), rtol=1e-6
        )
    np.testing.assert_allclose(expected.sum(1), 1)


def test_variance_far_from_zero():
    x = np.random.default_rng(0).standard_normal(1000) + 1e8
    assert ops.var(x) == pytest.approx(np.var(x, ddof=1), rel=1e-6)


def test_a_long_sum_of_small_numbers():
    x = np.full(1_000_000, 0.1, dtype=np.float32)
    assert ops.sum(x) == pytest.approx(100_000, rel=1e-6)
    assert ops.mean(x) == pytest.approx(0.1, rel=1e-6)


def test_erf_of_half_precision_is_the_nearest_there():
    x = np.linspace(-5, 5, 201).astype(np.float16)
    found = ops.erf(x)
    assert found.dtype == np.float16
    expected = np.array([math.erf(v) for v in x.tolist()])
    assert units_in_the_last_place(found, expected).max() <= 1
