"""Rows of activations, norms and losses."""

from __future__ import annotations

import math
from math import inf

import numpy as np

import references as ref
from case import (
    F,
    at,
    between,
    case,
    chances,
    just,
    kink,
    last_as,
    positive,
    real,
    shape_second,
    signs,
    whole,
)
from references import alone, each

# A row is a line, or little more.
# fmt: off

ACTIVATIONS = [
    case("leaky_relu", [real(2, 3)], each(lambda x: x if x > 0 else 0.01 * x), F.leaky_relu),
    case("leaky_relu", [real(2, 3)], lambda x, negative_slope: np.maximum(x, negative_slope * x),
         F.leaky_relu, note="steep", negative_slope=0.3),
    kink("leaky_relu", [at(-1, 0, 1)], lambda x: np.maximum(x, 0.01 * x), F.leaky_relu,
         slopes=[[0.01, 0.01, 1]]),
    case("elu", [real(2, 3)], each(lambda x, alpha=1: x if x > 0 else alpha * math.expm1(x)),
         F.elu),
    case("elu", [real(2, 3)], each(lambda x, alpha: x if x > 0 else alpha * math.expm1(x)), F.elu,
         note="alpha", alpha=0.5),
    kink("elu", [at(-900, 0, 900)], lambda x: np.maximum(x, -1), F.elu, slopes=[[0, 1, 1]]),
    case("gelu", [real(2, 3)], each(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2), F.gelu),
    case("gelu", [real(2, 3)], ref.gelu_tanh, F.gelu, note="tanh", approximate="tanh"),
    kink("gelu", [at(-99, 0, 99)], lambda x: np.maximum(x, 0), F.gelu, slopes=[[0, 0.5, 1]]),
    case("silu", [real(2, 3)], each(lambda x: x / (1 + math.exp(-x))), F.silu),
    kink("silu", [at(-900, 0, 900)], lambda x: np.maximum(x, 0), F.silu, slopes=[[0, 0.5, 1]]),
    case("softplus", [real(2, 3)], each(lambda x: math.log(1 + math.exp(x))), F.softplus),
    case("softplus", [between(-2, 3, 9)], ref.softplus, F.softplus, note="options", beta=2.0,
         threshold=3.0),
    kink("softplus", [at(-900, 0, 900)], lambda x: np.logaddexp(x, 0), F.softplus,
         slopes=[[0, 0.5, 1]]),
    case("log_sigmoid", [real(2, 3)], each(lambda x: -math.log(1 + math.exp(-x))), F.logsigmoid),
    kink("log_sigmoid", [at(-900, 0, 900)], lambda x: -np.logaddexp(-x, 0), F.logsigmoid,
         slopes=[[1, 0.5, 0]]),
    case("hardtanh", [real(2, 3)], each(lambda x: min(max(x, -1), 1)), F.hardtanh),
    case("hardtanh", [real(2, 3)], lambda x, min_val, max_val: ref.clip(x, min_val, max_val),
         F.hardtanh, note="options", min_val=-0.2, max_val=0.3),
    kink("hardtanh", [at(-2, -1, 0, 1, 2)], lambda x: ref.clip(x, -1, 1), F.hardtanh,
         slopes=[[0, 0, 1, 0, 0]]),
    case("softmax", [real(2, 3)], ref.softmax, F.softmax, dim=-1),
    case("softmax", [real(2, 3, 4)], ref.softmax, F.softmax, note="middle", dim=1),
    kink("softmax", [at([0, 100, 100], [-inf, 0, 0])], lambda x, dim: [[[0, 0.5, 0.5]] * 2],
         F.softmax, note="extremes", slopes=[np.zeros((2, 3))], dim=1),
    case("log_softmax", [real(2, 3)], ref.log_softmax, F.log_softmax, dim=-1),
    case("log_softmax", [real(2, 3, 4)], ref.log_softmax, F.log_softmax, note="first", dim=0),
]


def torch_batch_norm(x, *affine, eps=1e-5):
    """PyTorch's, with the mean and variance that it keeps to itself."""
    dims = [d for d in range(x.ndim) if d != 1]
    y = F.batch_norm(x, None, None, *affine, training=True, eps=eps)
    return y, x.mean(dims, keepdim=True), x.var(dims, correction=0, keepdim=True)


NORMS = [
    case("batch_norm_train", [real(4, 3)], ref.batch_norm_train, torch_batch_norm),
    case("batch_norm_train", [real(2, 3, 2, 2), real(3), real(3)], ref.batch_norm_train,
         torch_batch_norm, note="images", eps=0.1),
    case("batch_norm_eval", [real(4, 3), real(3), positive(3)], ref.batch_norm_eval, F.batch_norm,
         wrt=[0]),
    case("batch_norm_eval", [real(2, 3, 2, 2), real(3), positive(3), real(3), real(3)],
         ref.batch_norm_eval, F.batch_norm, note="images", wrt=[0, 3, 4], eps=0.1),
    case("batch_norm_eval", [real(4, 3), real(3), positive(3)], ref.batch_norm_eval,
         note="by-statistics"),
    case("layer_norm", [real(4, 3)], ref.layer_norm, F.layer_norm, form=shape_second,
         normalized_shape=(3,)),
    case("layer_norm", [real(2, 3, 4), real(3, 4), real(3, 4)], ref.layer_norm, F.layer_norm,
         note="affine", form=shape_second, normalized_shape=(3, 4), eps=0.1),
]

labels = just([2, 0, 1, 2])
some_ignored = just([2, 1, -100, 1])
on_pixels = whole(0, 3, 2, 2, 2)
weighted = last_as("weight")

LOSSES = [
    case("mse_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: (x - t) ** 2), F.mse_loss),
    case("mse_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: (x - t) ** 2), F.mse_loss,
         note="none", reduction="none"),
    case("mse_loss", [real(2, 3), real(2, 3), positive(2, 3)],
         lambda x, t, weight: np.average((x - t) ** 2, weights=weight), F.mse_loss, note="weight",
         form=weighted, wrt=[0, 1]),
    case("l1_loss", [real(2, 3), real(2, 3), positive(2, 3)],
         ref.reduced(lambda x, t, weight: abs(x - t) * weight), F.l1_loss, note="weight",
         form=weighted, wrt=[0, 1], reduction="none"),
    case("huber_loss", [real(2, 3), real(2, 3), positive(2, 3)],
         lambda x, t, weight: np.mean(ref.huber(x, t, reduction="none") * weight), F.huber_loss,
         note="weight", form=weighted, wrt=[0, 1]),
    case("l1_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: abs(x - t)), F.l1_loss),
    case("l1_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: abs(x - t)), F.l1_loss,
         note="sum", reduction="sum"),
    case("huber_loss", [real(2, 3), real(2, 3)], ref.huber, F.huber_loss),
    case("huber_loss", [real(9), real(9)], ref.huber, F.huber_loss, note="delta", delta=0.5,
         reduction="none"),
    kink("huber_loss", [at(-1, 0, 1, 3), at(0, 0, 0, 0)], ref.huber, F.huber_loss,
         slopes=[[-1, 0, 1, 1], [1, 0, -1, -1]], reduction="sum"),
    case("smooth_l1_loss", [real(2, 3), real(2, 3)], ref.smooth_l1, F.smooth_l1_loss),
    case("smooth_l1_loss", [real(9), real(9)], ref.smooth_l1, F.smooth_l1_loss, note="beta",
         beta=0.5),
    case("smooth_l1_loss", [real(9), real(9)], ref.smooth_l1, F.smooth_l1_loss, note="zero",
         beta=0),
    case("nll_loss", [real(4, 3), labels], ref.nll, F.nll_loss),
    case("nll_loss", [real(4, 3), labels], ref.nll, F.nll_loss, note="none", reduction="none"),
    case("nll_loss", [real(3), just(1)], ref.nll, F.nll_loss, note="single"),
    case("nll_loss", [real(4, 3), some_ignored, positive(3)], ref.nll, F.nll_loss, note="weights",
         form=weighted, wrt=[0]),
    case("nll_loss", [real(2, 3, 2, 2), on_pixels], ref.nll, F.nll_loss, note="images",
         reduction="sum"),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy, note="sum",
         reduction="sum"),
    case("cross_entropy", [real(3), just(1)], ref.cross_entropy, F.cross_entropy, note="single"),
    case("cross_entropy", [real(2, 3, 2, 2), on_pixels], ref.cross_entropy, F.cross_entropy,
         note="images", reduction="none"),
    case("cross_entropy", [real(4, 3), some_ignored], ref.cross_entropy, F.cross_entropy,
         note="ignored"),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy,
         note="own-ignored", ignore_index=2),
    case("cross_entropy", [real(4, 3), labels, positive(3)], ref.cross_entropy, F.cross_entropy,
         note="weights", form=weighted, wrt=[0], reduction="none"),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy, note="smoothed",
         label_smoothing=0.2),
    case("cross_entropy", [real(4, 3), some_ignored, positive(3)], ref.cross_entropy,
         F.cross_entropy, note="everything", form=weighted, wrt=[0], label_smoothing=0.2),
    case("cross_entropy", [real(4, 3), chances(4, 3)], ref.soft_cross_entropy, F.cross_entropy,
         note="chances"),
    case("cross_entropy", [real(4, 3), chances(4, 3), positive(3)], ref.soft_cross_entropy,
         F.cross_entropy, note="weighted-chances", form=weighted, wrt=[0, 1], label_smoothing=0.2,
         reduction="sum"),
    kink("cross_entropy", [at([0, 900], [900, 0]), just([0, 0])], lambda x, t: np.float64(450),
         F.cross_entropy, note="extremes", slopes=[[[-0.5, 0.5], [0, 0]]]),
    case("multi_margin_loss", [real(4, 3), labels], ref.multi_margin, F.multi_margin_loss),
    case("multi_margin_loss", [real(4, 3), labels, positive(3)], ref.multi_margin,
         F.multi_margin_loss, note="options", form=weighted, wrt=[0], p=2, margin=0.7,
         reduction="sum"),
    case("hinge_embedding_loss", [real(9), signs(9)], ref.hinge_embedding, F.hinge_embedding_loss,
         wrt=[0]),
    case("hinge_embedding_loss", [real(9), signs(9)], ref.hinge_embedding, F.hinge_embedding_loss,
         note="margin", wrt=[0], margin=0.3, reduction="none"),
    case("soft_margin_loss", [real(9), signs(9)],
         ref.reduced(each(lambda x, t: math.log(1 + math.exp(-x * t)))), F.soft_margin_loss,
         wrt=[0]),
    case("binary_cross_entropy", [between(0.1, 0.9, 2, 3), between(0, 1, 2, 3)],
         ref.binary_cross_entropy, F.binary_cross_entropy),
    case("binary_cross_entropy",
         [between(0.1, 0.9, 2, 3), just([[1.0, 0.0, 0.3]] * 2), positive(3)],
         ref.binary_cross_entropy, F.binary_cross_entropy, note="weights", form=weighted, wrt=[0],
         reduction="none"),
    # At 0 and 1 PyTorch's slope is that of a formula kept finite by 1e-12: 0, and -1e12.
    kink("binary_cross_entropy", [at(0, 1, 0, 1), at(0, 1, 1, 0)], ref.binary_cross_entropy,
         wrt=[0], slopes=[[1, -1, 0, 0]], reduction="sum"),
    case("binary_cross_entropy_with_logits", [real(2, 3), between(0, 1, 2, 3)],
         ref.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits),
    case("binary_cross_entropy_with_logits",
         [real(2, 3), between(0, 1, 2, 3), positive(3), positive(3)],
         ref.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits, note="weights",
         form=last_as("weight", "pos_weight"), wrt=[0], reduction="sum"),
    kink("binary_cross_entropy_with_logits", [at(-900, 0, 900), at(0, 1, 0)],
         alone(lambda x, t: math.log(2) + 900), F.binary_cross_entropy_with_logits,
         note="extremes", wrt=[0], slopes=[[0, -0.5, 1]], reduction="sum"),
    case("kl_div", [real(4, 3), chances(4, 3)], ref.kl_div, F.kl_div),
    case("kl_div", [real(4, 3), chances(4, 3)], ref.kl_div, F.kl_div, note="batchmean",
         reduction="batchmean"),
    case("kl_div", [real(4, 3), real(4, 3)], ref.kl_div, F.kl_div, note="log-target",
         log_target=True, reduction="sum"),
    kink("kl_div", [at(-1, -2), at(0, 1)], ref.kl_div, F.kl_div, note="impossible", wrt=[0],
         slopes=[[0, -1]], reduction="sum"),
]
