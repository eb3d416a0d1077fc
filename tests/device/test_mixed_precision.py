"""Mixed precision on a GPU: what is computed in which format, and gradients that are scaled."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.amp import GradScaler, autocast
from chainrule.errors import OptionError
from chainrule.ops.core import READERS


def test_products_are_halved_and_sums_are_not(gpu):
    x = cr.rand(4, 3, device="cuda")
    layer = nn.Linear(3, 2).cuda()
    before = dict(READERS)
    with autocast("cuda"):
        y = layer(x)
        total = y.sum()
        with autocast("cuda", enabled=False):
            full = layer(x)
        here = cr.ones(2, 2) @ cr.ones(2, 2)
    assert [t.dtype for t in (y, total, full, here)] == ["float16", "float32", "float32", "float32"]
    np.testing.assert_allclose(y.tolist(), full.tolist(), rtol=4e-3, atol=1e-3)
    total.backward()
    assert layer.weight.grad.dtype == np.float32
    np.testing.assert_allclose(layer.weight.grad[0].tolist(), x.sum(0).tolist(), rtol=4e-3)
    assert dict(READERS) == before
    assert layer(x).dtype == np.float32


def test_formats_that_are_not_there(gpu):
    with pytest.raises(OptionError, match=r'no arrays of bfloat16; .*precision\("medium"\)'):
        autocast("cuda", dtype=cr.bfloat16)
    with pytest.raises(OptionError, match="computes in float16, got int32"):
        autocast("cuda", dtype=cr.int32)
    with autocast("cpu", dtype=cr.bfloat16):
        assert (cr.ones(1, 1) @ cr.ones(1, 1)).dtype == np.float32


def test_a_step_with_an_infinite_gradient_is_left_out(gpu):
    p = nn.Parameter(cr.tensor([1.0, 2.0], device="cuda"))
    optimizer = cr.optim.SGD([p], lr=0.5)
    scaler = GradScaler("cuda", init_scale=1024.0, growth_interval=2)
    scales = []
    for factor in (1.0, math.inf, 1.0, 1.0):
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [1024.0, 512.0, 512.0, 1024.0]
    assert p.tolist() == [-0.5, 0.5]


def test_gradients_are_unscaled_for_who_clips_them(gpu):
    p = nn.Parameter(cr.zeros(2, device="cuda"))
    optimizer = cr.optim.SGD([p], lr=1.0)
    scaler = GradScaler(init_scale=8.0)
    scaler.scale((p * cr.tensor([3.0, 4.0], device="cuda")).sum()).backward()
    assert p.grad.tolist() == [24.0, 32.0]
    scaler.unscale_(optimizer)
    assert nn.utils.clip_grad_norm_([p], 1.0).item() == 5.0
    with pytest.raises(OptionError, match="unscale_"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    np.testing.assert_allclose(p.tolist(), [-0.6, -0.8], rtol=1e-6)


def test_a_scaler_goes_on_where_it_was(gpu):
    first = GradScaler(init_scale=4.0, growth_interval=3)
    first.update()
    second = GradScaler()
    second.load_state_dict(first.state_dict())
    for scaler in (first, second):
        scaler.update()
        scaler.update()
        assert scaler.get_scale() == 8.0
    second.update(new_scale=2.0)
    assert second.get_scale() == 2.0
    with pytest.raises(OptionError, match="growth_factor"):
        GradScaler(growth_factor=0.5)


def test_a_network_learns_in_mixed_precision(gpu):
    cr.manual_seed(0)
    x = cr.rand(64, 4, device="cuda")
    y = (x @ cr.tensor([[1.0], [-2.0], [0.5], [3.0]], device="cuda")).detach()
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1)).to("cuda")
    optimizer = cr.optim.Adam(model.parameters(), lr=0.02)
    scaler = GradScaler()
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        with autocast("cuda"):
            loss = nn.functional.mse_loss(model(x).float(), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 20


def test_float32_halves_nothing_and_a_device_may_have_a_number(gpu):
    x = cr.ones(2, 3, device="cuda")
    with cr.autocast("cuda"):
        with cr.autocast("cuda:0", dtype=cr.float32):
            assert (x @ x.t()).dtype == cr.float32
        assert (x @ x.t()).dtype == cr.float16
        assert cr.nn.functional.gelu(x @ x.t()).dtype == cr.float16
    for device in ("cuda:0", cr.device("cuda")):
        assert cr.amp.GradScaler(device).is_enabled()
