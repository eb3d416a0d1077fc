"""Layers and losses as functions, with PyTorch's names and arguments (floor 3).

Most are the composites of `chainrule.ops` themselves; here are those that need a generator or keep
running values.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule import ops
from chainrule.autograd import Generator, Tensor, no_grad
from chainrule.autograd.generator import state_of
from chainrule.nn.activate import (
    celu,
    celu_,
    elu,
    elu_,
    gumbel_softmax,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    mish,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    silu,
    softmax,
    softmin,
    threshold,
    threshold_,
)
from chainrule.nn.attend import multi_head_attention_forward, scaled_dot_product_attention
from chainrule.nn.compare import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    ctc_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from chainrule.nn.lookup import embedding, embedding_bag
from chainrule.ops import (
    avg_pool2d,
    bilinear,
    conv2d,
    cosine_similarity,
    flatten,
    gelu,
    glu,
    hardshrink,
    layer_norm,
    linear,
    max_pool2d,
    normalize,
    one_hot,
    pad,
    pairwise_distance,
    pdist,
    prelu,
    sigmoid,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
)
from chainrule.ops import log_sigmoid as logsigmoid

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "conv2d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "flatten",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool2d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None
) -> Any:
    """Set each element to 0 with probability p, scale the others by 1 / (1 - p).

    Args:
        x: any shape.
        p: 0 to 1.
        training: if not, x is returned as it is.
        generator: where the random numbers come from; the default one if `None`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> dropout(ones(3), 0.5, training=False)
        tensor([1., 1., 1.])
    """
    return ops.dropout(x, p, training, state=state_of(generator))


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise each channel: by the batch in training, by the running values in use.

    Args:
        x: (N, C) or (N, C, ...).
        running_mean: (C,), moved towards the batch's mean in training.
        running_var: (C,), moved towards the batch's (unbiased) variance in training.
        weight: (C,), or left out.
        bias: (C,), or left out.
        training: which of the two.
        momentum: how far the running values move.
        eps: keeps the root away from 0.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> batch_norm(tensor([[3.0]]), tensor([1.0]), tensor([4.0]), eps=0.0)
        tensor([[1.]])
    """
    if not training:
        return ops.batch_norm_eval(x, running_mean, running_var, weight, bias, eps)
    y, mean, variance = ops.batch_norm_train(x, weight, bias, eps)
    if running_mean is not None and running_var is not None:
        count = math.prod(x.shape) // x.shape[1]
        with no_grad():
            _move(running_mean, mean, momentum)
            _move(running_var, variance * (count / (count - 1)), momentum)
    return y


def _move(running: Tensor, batch: Tensor, momentum: float) -> None:
    ops.assign(running, running * (1 - momentum) + batch.reshape(-1) * momentum)
