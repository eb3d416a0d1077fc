"""Rows of the rarer activations, and of lengths and distances."""

from __future__ import annotations

import math

import numpy as np

import loss_references as ref
from case import F, at, between, case, kink, own_state, real, state
from references import each
from references import softmax as soft

# A row is a line, or little more.
# fmt: off

torch_selu = (1.0507009873554804934193349852946, 1.6732632423543772848170429916717)


def cut(x, low, high):
    """x between two bounds."""
    return min(max(x, low), high)


def in_sixths(x):
    """PyTorch's hardsigmoid; its own has a sixth of single precision in double."""
    return F.relu6(x + 3) / 6


def above(x, threshold, value):
    """x above the threshold."""
    return np.where(x > threshold, x, value)


def shrunk(x):
    """x nearer to 0 by a half."""
    return math.copysign(max(abs(x) - 0.5, 0), x)


CUT = [
    case("relu6", [between(-2, 8, 3, 4)], each(lambda x: cut(x, 0, 6)), F.relu6),
    kink("relu6", [at(-1, 0, 3, 6, 7)], lambda x: np.clip(x, 0, 6), F.relu6,
         slopes=[[0, 0, 1, 0, 0]]),
    case("hardsigmoid", [between(-5, 5, 3, 4)], each(lambda x: cut(x / 6 + 0.5, 0, 1)), in_sixths),
    kink("hardsigmoid", [at(-3, 0, 3)], lambda x: np.clip(x / 6 + 0.5, 0, 1), in_sixths,
         slopes=[[0, 1 / 6, 0]]),
    case("hardswish", [between(-5, 5, 3, 4)], each(lambda x: x * cut(x / 6 + 0.5, 0, 1)),
         F.hardswish),
    kink("hardswish", [at(-3, 0, 3)], lambda x: x * np.clip(x / 6 + 0.5, 0, 1), F.hardswish,
         slopes=[[0, 0.5, 1]]),
    case("threshold", [real(3, 4)], above, F.threshold, threshold=0.25, value=-3.0),
    kink("threshold", [at(0, 0.25, 1)], above, F.threshold, slopes=[[0, 0, 1]], threshold=0.25,
         value=-3.0),
    case("hardshrink", [real(3, 4)], each(lambda x: x if abs(x) > 0.5 else 0), F.hardshrink),
    kink("hardshrink", [at(-0.5, 0, 0.5, 1)], each(lambda x: x if abs(x) > 0.5 else 0),
         F.hardshrink, slopes=[[0, 0, 0, 1]]),
    case("softshrink", [real(3, 4)], each(shrunk),
         F.softshrink),
    case("softshrink", [real(3, 4)],
         lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0), F.softshrink,
         note="lambd", lambd=0.2),
    kink("softshrink", [at(-0.5, 0, 0.5, 1)], each(shrunk),
         F.softshrink, slopes=[[0, 0, 0, 1]]),
    case("tanhshrink", [real(3, 4)], each(lambda x: x - math.tanh(x)), F.tanhshrink),
    case("softsign", [real(3, 4)], each(lambda x: x / (1 + abs(x))), F.softsign),
    kink("softsign", [at(-1, 0, 1)], each(lambda x: x / (1 + abs(x))), F.softsign,
         slopes=[[0.25, 1, 0.25]]),
]

RELATIVES = [
    case("celu", [real(3, 4)], each(lambda x: x if x > 0 else math.expm1(x)), F.celu),
    case("celu", [real(3, 4)],
         each(lambda x, alpha: x if x > 0 else alpha * math.expm1(x / alpha)), F.celu,
         note="alpha", alpha=0.5),
    kink("celu", [at(-900, 0, 900)], lambda x: np.maximum(x, -1), F.celu, slopes=[[0, 1, 1]]),
    case("selu", [real(3, 4)],
         each(lambda x: torch_selu[0] * (x if x > 0 else torch_selu[1] * math.expm1(x))), F.selu),
    case("mish", [real(3, 4)], each(lambda x: x * math.tanh(math.log1p(math.exp(x)))), F.mish),
    case("prelu", [real(3, 4), real(1)], ref.prelu, F.prelu),
    case("prelu", [real(2, 3, 2), real(3)], ref.prelu, F.prelu, note="channels"),
    kink("prelu", [at(-1, 0, 1), at(0.25)], ref.prelu, F.prelu, slopes=[[0.25, 0.25, 1], [-1]]),
    case("rrelu", [real(3, 4)], each(lambda x: x if x > 0 else x * (1 / 8 + 1 / 3) / 2), F.rrelu),
]

JOINED = [
    case("glu", [real(3, 4)], ref.glu, F.glu),
    case("glu", [real(3, 4, 2)], ref.glu, F.glu, note="middle", dim=1),
    case("softmin", [real(3, 4)], lambda x, dim: soft(-x, dim), F.softmin, dim=-1),
    kink("gumbel_softmax", [at([0, 900, 0], [900, 0, 0]), state(3)],
         lambda x, **_: np.eye(3)[x.argmax(-1)], note="certain", form=own_state),
    kink("gumbel_softmax", [at([0, 900, 0], [900, 0, 0]), state(3)],
         lambda x, **_: np.eye(3)[x.argmax(-1)], note="hard", form=own_state, hard=True),
]

DISTANCES = [
    case("normalize", [real(3, 4)], ref.normalize, F.normalize),
    case("normalize", [real(3, 4, 2)], ref.normalize, F.normalize, note="p", p=3.0, dim=-1),
    kink("normalize", [at([0, 0], [3, 4])], ref.normalize, F.normalize),
    case("cosine_similarity", [real(3, 4), real(3, 4)], ref.cosine_similarity, F.cosine_similarity),
    case("cosine_similarity", [real(2, 3, 4), real(3, 1)], ref.cosine_similarity,
         F.cosine_similarity, note="broadcast", dim=-2),
    case("pairwise_distance", [real(3, 4), real(3, 4)], ref.pairwise_distance, F.pairwise_distance),
    case("pairwise_distance", [real(3, 4), real(3, 4)], ref.pairwise_distance, F.pairwise_distance,
         note="options", p=1.0, eps=0.1, keepdim=True),
    case("pdist", [real(4, 3)], ref.pdist, F.pdist),
    case("pdist", [real(4, 3)], ref.pdist, F.pdist, note="p", p=3.0),
    case("bilinear", [real(3, 2), real(3, 4), real(5, 2, 4)], ref.bilinear, F.bilinear),
    case("bilinear", [real(2, 3, 2), real(2, 3, 4), real(5, 2, 4), real(5)], ref.bilinear,
         F.bilinear, note="bias"),
]
