"""Layers joined into one for use, and layers made without drawing weights (floor 3)."""

from __future__ import annotations

import copy
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, no_grad, zeros_like
from chainrule.errors import OptionError
from chainrule.nn.module import Module, Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "skip_init",
]


@no_grad()
def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return weight and bias of the convolution that does what one and a batch norm in use do.

    Args:
        conv_w: the convolution's weight, its outputs in the first dimension.
        conv_b: its bias, or `None`.
        bn_rm: the running mean.
        bn_rv: the running variance.
        bn_eps: of the norm.
        bn_w: the norm's weight, or `None`.
        bn_b: its bias, or `None`.
        transpose: whether the outputs are in the second dimension.
    """
    scale = ops.rsqrt(bn_rv + bn_eps)
    scale = scale if bn_w is None else scale * bn_w
    begin = zeros_like(bn_rm) if conv_b is None else conv_b
    bias = (begin - bn_rm) * scale
    shape = [1, -1] if transpose else [-1, 1]
    weight = conv_w * scale.reshape(*shape, *([1] * (conv_w.ndim - 2)))
    return Parameter(weight), Parameter(bias if bn_b is None else bias + bn_b)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return weight and bias of the affine map that does what one and a batch norm in use do."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """Return a convolution that does what this one and a batch norm after it do in use.

    Args:
        conv: the convolution, in eval mode.
        bn: the norm, in eval mode.
        transpose: whether the convolution is a transposed one.

    Raises:
        OptionError: one of them is in training.

    Examples:
        >>> from chainrule import nn
        >>> type(fuse_conv_bn_eval(nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(3).eval())).__name__
        'Conv2d'
    """
    if conv.training or bn.training:
        raise OptionError("layers are joined for use: call .eval() on both before")
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        transpose,
    )
    return fused


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """Return an affine map that does what this one and a batch norm after it do in use.

    Raises:
        OptionError: one of them is in training.
    """
    return fuse_conv_bn_eval(linear, bn)


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """Make a layer; its weights are drawn as ever, which costs little here.

    Examples:
        >>> from chainrule import nn
        >>> skip_init(nn.Linear, 2, 3)
        Linear(in_features=2, out_features=3, bias=True)
    """
    return module_cls(*args, **kwargs)
