"""Rows of sums, extremes and their like."""

from __future__ import annotations

from math import inf, nan

import numpy as np

import references as ref
from case import at, case, kink, real, torch, truth, whole
from references import along

# A row is a line, or little more.
# fmt: off

SUMS = [
    case("sum", [real(2, 3)], along(np.sum), torch.sum),
    case("sum", [real(2, 3, 4)], along(np.sum), torch.sum, note="middle", dim=1),
    case("sum", [real(2, 3, 4)], along(np.sum), torch.sum, note="kept", dim=(0, -1), keepdim=True),
    case("sum", [real(2, 3, 4)], along(np.sum), note="all-kept", keepdim=True),
    case("sum", [real()], along(np.sum), torch.sum, note="scalar", dim=0),
    case("sum", [whole(0, 99, 2, 3, dtype=np.uint8)], along(np.sum), torch.sum, note="bytes",
         dim=1),
    case("sum", [whole(0, 9, 2, 3, dtype=np.int32)], along(np.sum), torch.sum, note="integers"),
    case("sum", [truth(2, 3)], along(np.sum), torch.sum, note="truth", dim=0),
    case("mean", [real(2, 3)], along(np.mean), torch.mean),
    case("mean", [real(2, 3, 4)], along(np.mean), torch.mean, note="last", dim=-1),
    case("mean", [real(2, 3, 4)], along(np.mean), torch.mean, note="kept", dim=[0, 2],
         keepdim=True),
    case("mean", [real()], along(np.mean), torch.mean, note="scalar", dim=-1),
    case("prod", [real(2, 3)], along(np.prod), torch.prod),
    case("prod", [real(2, 3, 4)], along(np.prod), torch.prod, note="dim", dim=1),
    case("prod", [real(2, 3)], along(np.prod), note="dims", dim=(0, 1), keepdim=True),
    case("prod", [whole(1, 5, 2, 3, dtype=np.int32)], along(np.prod), torch.prod, note="integers"),
    kink("prod", [at([0, 2, 3], [0, 0, 5], [1, 2, 3])], along(np.prod), torch.prod, note="zeros",
         slopes=[[[6, 0, 0], [0, 0, 0], [6, 3, 2]]], dim=1),
    case("cumsum", [real(2, 3)], ref.cumsum, torch.cumsum, dim=1),
    case("cumsum", [real(2, 3, 4)], ref.cumsum, torch.cumsum, note="negative", dim=-2),
    case("cumsum", [truth(5)], ref.cumsum, torch.cumsum, note="truth", dim=0),
    case("cumsum", [real()], ref.cumsum, torch.cumsum, note="scalar", dim=0),
    case("euclidean_norm", [real(2, 3)], along(np.linalg.norm), torch.linalg.vector_norm, dim=1),
    case("euclidean_norm", [real(4)], along(np.linalg.norm), torch.linalg.vector_norm, note="all"),
    case("euclidean_norm", [real(2, 3, 4)], along(np.linalg.norm), torch.linalg.vector_norm,
         note="kept", dim=(0, 2), keepdim=True),
    kink("euclidean_norm", [at([3, 4], [0, 0])], along(np.linalg.norm), torch.linalg.vector_norm,
         slopes=[[[0.6, 0.8], [0, 0]]], dim=1),
    case("logsumexp", [real(2, 3)], along(ref.log_of_sum), torch.logsumexp, dim=1),
    case("logsumexp", [real(2, 3, 4)], along(ref.log_of_sum), torch.logsumexp, note="kept",
         dim=(0, -1), keepdim=True),
    kink("logsumexp", [at([-inf, 1], [800, 800])], along(np.logaddexp.reduce), torch.logsumexp,
         slopes=[[[0, 1], [0.5, 0.5]]], dim=1),
    # PyTorch's slopes are NaN here: nothing of a row that is masked altogether should be learnt.
    kink("logsumexp", [at([-inf, -inf])], along(np.logaddexp.reduce), note="masked",
         slopes=[[[0, 0]]], dim=1),
    kink("logsumexp", [at([inf, 0], [nan, 0])], along(np.logaddexp.reduce), torch.logsumexp,
         note="infinity", dim=1),
    case("var", [real(2, 5)], along(ref.var), torch.var),
    case("var", [real(2, 5)], along(ref.var), torch.var, note="population", dim=1, correction=0),
    case("var", [real(2, 5, 3)], along(ref.var), torch.var, note="kept", dim=(0, 1), keepdim=True),
    case("std", [real(2, 5)], along(ref.std), torch.std, dim=-1),
    case("std", [real(5)], along(ref.std), torch.std, note="all", correction=0),
    case("norm", [real(2, 3)], ref.vector_norm, torch.norm),
    *(
        case("norm", [real(2, 3)], ref.vector_norm, torch.norm, note=f"{p}", p=p, dim=1)
        for p in (1, 1.5, 3, inf, -inf)
    ),
    case("norm", [real(2, 3)], ref.vector_norm, torch.norm, note="count", wrt=[], p=0, dim=1),
    kink("norm", [at([0, 0], [3, -4])], ref.vector_norm, torch.norm, slopes=[[[0, 0], [0.6, -0.8]]],
         dim=1),
    kink("norm", [at(0, -2)], ref.vector_norm, torch.norm, note="one-at-zero", slopes=[[0, -1]],
         p=1),
    kink("norm", [at([0, 0], [3, 4])], ref.vector_norm, torch.norm, note="three-at-zero", p=3,
         dim=1),
]

by_max, by_min = ref.extreme(np.max, np.argmax), ref.extreme(np.min, np.argmin)

EXTREMES = [
    case("amax", [real(2, 3)], along(np.max), torch.amax),
    case("amax", [real(2, 3, 4)], along(np.max), torch.amax, note="kept", dim=(0, -1),
         keepdim=True),
    case("amax", [whole(-9, 9, 2, 3)], along(np.max), torch.amax, note="integers", dim=1),
    case("amax", [real()], along(np.max), torch.amax, note="scalar", dim=0),
    kink("amax", [at([1, 2, 2], [3, 3, 3], [nan, 1, 2])], along(np.max), torch.amax, note="tie",
         slopes=[[[0, 0.5, 0.5], [1 / 3] * 3, [nan] * 3]], dim=1),
    case("amin", [real(2, 3)], along(np.min), torch.amin),
    case("amin", [real(2, 3, 4)], along(np.min), torch.amin, note="dim", dim=-2),
    kink("amin", [at([1, 1, 2], [3, 3, 3])], along(np.min), torch.amin, note="tie",
         slopes=[[[0.5, 0.5, 0], [1 / 3] * 3]], dim=1),
    case("peak", [real(2, 3)], along(np.max), torch.amax, dim=1),
    case("peak", [real(2, 3, 4)], along(np.max), torch.amax, note="kept", dim=(0, -1),
         keepdim=True),
    case("peak", [at([inf, 0], [-inf, -inf], [nan, 1], [1, 2])], lambda x,
         dim: np.array([0, 0, 0, 2]), note="infinity", dim=1),
    case("argmax", [real(2, 3)], along(np.argmax), torch.argmax),
    case("argmax", [real(2, 3, 4)], along(np.argmax), torch.argmax, note="kept", dim=1,
         keepdim=True),
    case("argmax", [at([1, 3, 3], [2, 2, 1])], along(np.argmax), torch.argmax, note="tie", dim=-1),
    case("argmin", [real(2, 3)], along(np.argmin), torch.argmin),
    case("argmin", [real(2, 3, 4)], along(np.argmin), torch.argmin, note="kept", dim=-2,
         keepdim=True),
    case("argsort", [real(3, 5)], ref.argsort, torch.argsort),
    case("argsort", [real(5, 3)], ref.argsort, torch.argsort, note="down", dim=0, descending=True),
    case("argsort", [whole(0, 3, 9)], ref.argsort, note="tie"),
    case("argsort", [whole(0, 3, 9)], ref.argsort, note="tie-down", descending=True),
    case("max", [real(2, 3)], by_max, torch.max),
    case("max", [real(2, 3)], by_max, torch.max, note="dim", dim=1),
    case("max", [real(2, 3)], by_max, torch.max, note="kept", dim=-2, keepdim=True),
    case("max", [real(2, 3), real(2, 3)], np.maximum, torch.max, note="of-two"),
    kink("max", [at([1, 2, 2], [3, 3, 3])], by_max, torch.max, note="tie-dim",
         slopes=[[[0, 1, 0], [1, 0, 0]]], dim=1),
    kink("max", [at(1, 2, 2)], by_max, torch.max, note="tie", slopes=[[0, 0.5, 0.5]]),
    case("min", [real(2, 3)], by_min, torch.min),
    case("min", [real(2, 3)], by_min, torch.min, note="dim", dim=0),
    case("min", [real(2, 3), real(3)], np.minimum, torch.min, note="of-two"),
    kink("min", [at([1, 1, 2])], by_min, torch.min, note="tie-dim", slopes=[[[1, 0, 0]]], dim=1),
    case("sort", [real(3, 5)], ref.in_order, torch.sort),
    case("sort", [real(3, 5)], ref.in_order, torch.sort, note="down", dim=0, descending=True),
    case("topk", [real(3, 5)], ref.foremost, torch.topk, k=2),
    case("topk", [real(3, 5)], ref.foremost, torch.topk, note="least", k=2, dim=0, largest=False),
]
