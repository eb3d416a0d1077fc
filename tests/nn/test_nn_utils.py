"""Clipping is found where PyTorch has it; its numbers are tried in tests/optim."""

import math

import pytest

from chainrule import nn
from chainrule.autograd import ones


def test_a_module_is_clipped_as_in_pytorch():
    layer = nn.Linear(3, 1)
    layer(ones(1, 3)).sum().backward()  # all four gradients are 1
    assert nn.utils.clip_grad_norm_(layer.parameters(), 1.0).item() == pytest.approx(2)
    assert math.hypot(*layer.weight.grad.tolist()[0], layer.bias.grad.item()) == pytest.approx(1)
    nn.utils.clip_grad_value_(layer.parameters(), 0.1)
    assert layer.bias.grad.item() == pytest.approx(0.1)


def test_every_name_is_pytorchs(torch):
    assert all(hasattr(torch.nn.utils, name) for name in nn.utils.__all__)
