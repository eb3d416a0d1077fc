"""NaN on the way back is found where it comes from, and otherwise nothing is looked at."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule import autograd, nn
from chainrule.autograd.tape import record
from chainrule.errors import GradientError
from chainrule.ops.core import READERS


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


def test_the_operation_the_layer_and_the_index():
    net = nn.Sequential(nn.Identity(), Root())
    x = cr.tensor([[1.0, 4.0], [0.0, 9.0]], requires_grad=True)
    with autograd.detect_anomaly():
        y = (net(x) * 0).sum()
        with pytest.raises(
            GradientError,
            match=r"gradient of sqrt is nan at index \(1, 0\); it was computed in 1 \(Root\), at "
            r".*test_anomaly\.py:\d+",
        ):
            y.backward()


def test_without_a_layer_and_before():
    x = cr.tensor([0.0], requires_grad=True)
    y = (x.sqrt() * 0).sum()
    with autograd.detect_anomaly(), pytest.raises(GradientError, match="before anomalies"):
        y.backward()
    with autograd.detect_anomaly(), pytest.raises(GradientError, match=r"computed at .*anomaly"):
        (x.sqrt() * 0).sum().backward()
    with autograd.detect_anomaly(), pytest.raises(GradientError, match=r"began with is nan at"):
        (x * 2).backward(cr.tensor([float("nan")]))


def test_what_is_right_passes():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    with autograd.detect_anomaly():
        (first,) = autograd.grad((x**3).sum(), x, create_graph=True)
        first.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_it_is_switched_off_again():
    x = cr.tensor([0.0], requires_grad=True)
    with autograd.set_detect_anomaly(True), autograd.set_detect_anomaly(True, check_nan=False):
        assert autograd.is_anomaly_enabled()
        assert not autograd.is_anomaly_check_nan_enabled()
        (x.sqrt() * 0).sum().backward()
    assert not autograd.is_anomaly_enabled()
    assert READERS[cr.Tensor] is record
    (x.sqrt() * 0).sum().backward()
    autograd.set_detect_anomaly(True)
    try:
        with pytest.raises(GradientError, match="gradient of sqrt"):
            (x.sqrt() * 0).sum().backward()
    finally:
        autograd.set_detect_anomaly(False)
