"""Rows of counts, moments and histograms."""

from __future__ import annotations

from math import nan

import numpy as np

import references as ref
from case import at, case, kink, last_as, positive, real, torch, truth, verdict, whole
from references import along

# A row is a line, or little more.
# fmt: off


def nanmean(x, **attrs):
    """Without NumPy's word on empty rows."""
    return np.nansum(x, **attrs) / np.sum(x == x, **attrs)


COUNTS = [
    verdict("count_nonzero", [whole(0, 2, 3, 4)], along(np.count_nonzero), torch.count_nonzero),
    verdict("count_nonzero", [real(3, 4)], along(np.count_nonzero), torch.count_nonzero,
            note="dims", dim=(0, 1)),
    *(
        verdict(name, inputs, along(getattr(np, name)), getattr(torch, name), note=note, **attrs)
        for name in ("all", "any")
        for inputs, note, attrs in [
            ([truth(2, 3)], "", {}),
            ([whole(0, 2, 3, 4)], "integers", {"dim": 1}),
            ([real(3, 4)], "kept", {"dim": (0, -1), "keepdim": True}),
        ]
    ),
    case("aminmax", [real(3, 4)], lambda x: (x.min(), x.max()), torch.aminmax),
    case("aminmax", [real(3, 4)], lambda x, dim, keepdim: (x.min(1)[:, None], x.max(1)[:, None]),
         torch.aminmax, note="kept", dim=1, keepdim=True),
]

MOMENTS = [
    case("nansum", [real(2, 3)], along(np.nansum), torch.nansum),
    kink("nansum", [at([1, nan], [nan, nan])], along(np.nansum), torch.nansum,
         slopes=[[[1, 0], [0, 0]]], dim=1),
    case("nanmean", [real(2, 3)], along(np.nanmean), torch.nanmean),
    kink("nanmean", [at([1, nan, 3], [nan, nan, nan])], along(nanmean), torch.nanmean, dim=1),
    case("var_mean", [real(3, 4)], lambda x: (np.var(x, ddof=1), np.mean(x)), torch.var_mean),
    case("var_mean", [real(3, 4)],
         lambda x, **a: (along(ref.var)(x, **a), x.mean(1, keepdims=True)), torch.var_mean,
         note="kept", dim=1, correction=0, keepdim=True),
    case("std_mean", [real(3, 4)], lambda x, dim: (np.std(x, dim, ddof=1), np.mean(x, dim)),
         torch.std_mean, dim=0),
    case("cov", [real(3, 5)], lambda x: np.cov(x), torch.cov),
    case("cov", [real(5)], lambda x, correction: np.cov(x, ddof=correction), torch.cov,
         note="vector", correction=0),
    *(
        case("cov", [real(3, 5), *weights], np.cov, torch.cov, note="-".join(names), wrt=[0],
             form=last_as(*names))
        for names, weights in [
            (("fweights",), [whole(1, 4, 5)]),
            (("aweights",), [positive(5)]),
            (("fweights", "aweights"), [whole(1, 4, 5), positive(5)]),
        ]
    ),
    case("corrcoef", [real(3, 5)], np.corrcoef, torch.corrcoef),
    case("corrcoef", [real(5)], np.corrcoef, torch.corrcoef, note="vector", wrt=[]),
]


def histc(x, bins=100, min=0, max=0):
    """NumPy's histogram."""
    low, high = (x.min(), x.max()) if min == max else (min, max)
    low, high = (low - 1, high + 1) if low == high else (low, high)
    return np.histogram(x, bins, (low, high))[0].astype(x.dtype)


def histogram(x, bins, range=None, weight=None, density=False):
    """NumPy's, counts as real numbers."""
    hist, edges = np.histogram(x, bins, range, weights=weight, density=density)
    return hist.astype(x.dtype), edges


HISTOGRAMS = [
    case("histc", [real(2, 9)], histc, torch.histc, wrt=[], bins=5),
    case("histc", [at(0, 1, 1, 2, 3, 9, nan)], lambda x, **a: histc(x[:-1], **a), torch.histc,
         note="ends", wrt=[], bins=3, min=0, max=3),
    case("histc", [at(2, 2)], histc, torch.histc, note="flat", wrt=[], bins=4),
    case("histogram", [real(2, 9)], histogram, torch.histogram, wrt=[], bins=4),
    case("histogram", [real(9)], histogram, torch.histogram, note="density", wrt=[], bins=4,
         range=(-2.0, 1.0), density=True),
    case("histogram", [real(9), at(-2, -1, 0, 2)], histogram, torch.histogram, note="edges",
         wrt=[]),
    case("bincount", [whole(0, 5, 9)], np.bincount, torch.bincount, minlength=5),
    case("bincount", [whole(0, 5, 9), real(9)], np.bincount, torch.bincount, note="weights",
         wrt=[], minlength=7),
]
