"""Tensors and their gradients, of any order (floor 2)."""

from chainrule.autograd.check import gradcheck, gradgradcheck
from chainrule.autograd.creation import (
    arange,
    empty,
    eye,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from chainrule.autograd.function import Function
from chainrule.autograd.generator import Generator, default_generator, manual_seed
from chainrule.autograd.gradients import backward, grad
from chainrule.autograd.random import (
    normal,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
)
from chainrule.autograd.tape import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from chainrule.autograd.tensor import Size, Tensor, as_tensor, from_numpy, tensor

__all__ = [
    "Function",
    "Generator",
    "Size",
    "Tensor",
    "arange",
    "as_tensor",
    "backward",
    "default_generator",
    "empty",
    "enable_grad",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "linspace",
    "manual_seed",
    "no_grad",
    "normal",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "set_grad_enabled",
    "tensor",
    "zeros",
    "zeros_like",
]
