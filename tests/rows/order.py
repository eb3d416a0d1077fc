"""Rows of medians, quantiles and what else sorting gives."""

from __future__ import annotations

from collections import Counter
from math import nan

import numpy as np

from case import at, case, just, kink, last_as, real, torch, verdict, whole
from references import alone

# A row is a line, or little more.
# fmt: off


def by_line(f):
    """The pair (value, place) that `f` gives of each line along a dimension."""

    def reference(x, dim=-1, keepdim=False, **attrs):
        if not x.ndim:
            return x, np.zeros((), int)
        lines = np.moveaxis(x, dim, -1)
        found = [f(lines[at].tolist(), **attrs) for at in np.ndindex(lines.shape[:-1])]
        parts = [np.reshape(part, lines.shape[:-1]) for part in zip(*found)]
        return tuple(np.expand_dims(part, dim) if keepdim else part for part in parts)

    return reference


@by_line
def kthvalue(line, k):
    """By Python's sort."""
    i = sorted(range(len(line)), key=line.__getitem__)[k - 1]
    return line[i], i


@by_line
def median(line):
    """The lower middle; NaN wins."""
    i = sorted(range(len(line)), key=line.__getitem__)[(len(line) - 1) // 2]
    i = next((j for j, v in enumerate(line) if v != v), i)
    return line[i], i


@by_line
def nanmedian(line):
    """The lower middle of what is not NaN."""
    order = sorted((i for i, v in enumerate(line) if v == v), key=line.__getitem__)
    i = order[(len(order) - 1) // 2] if order else 0
    return line[i], i


@by_line
def mode(line):
    """By counting."""
    value = max(sorted(Counter(line)), key=Counter(line).__getitem__)
    return value, len(line) - 1 - line[::-1].index(value)


def of_all(f):
    """The value alone, of all elements."""
    return lambda x: f(x.reshape(-1))[0]


ORDER = [
    case("kthvalue", [real(3, 5)], kthvalue, torch.kthvalue, k=2),
    case("kthvalue", [real(5, 3)], kthvalue, torch.kthvalue, note="kept", k=5, dim=0, keepdim=True),
    case("kthvalue", [real()], kthvalue, torch.kthvalue, note="scalar", k=1),
    case("median", [real(3, 4)], of_all(median), torch.median),
    case("median", [real(3, 4)], median, torch.median, note="dim", dim=1),
    case("median", [real(5, 3)], median, torch.median, note="kept", dim=-2, keepdim=True),
    case("median", [whole(0, 99, 7)], of_all(median), torch.median, note="integers"),
    case("median", [real()], of_all(median), torch.median, note="scalar"),
    kink("median", [at([1, nan, 2, 3], [1, 2, 3, 4])], median, torch.median, note="nan",
         slopes=[[[0, 1, 0, 0], [0, 1, 0, 0]]], dim=1),
    case("nanmedian", [real(3, 4)], of_all(nanmedian), torch.nanmedian),
    kink("nanmedian", [at([1, nan, 2, 3], [nan, nan, nan, 4])], nanmedian, torch.nanmedian,
         note="nan", slopes=[[[0, 0, 1, 0], [0, 0, 0, 1]]], dim=1),
    case("middle", [real(3, 4)], of_all(median)),
    case("middle", [real(3, 3)], alone(of_all(nanmedian)), note="ignored",
         ignored=True),
    kink("median", [at(1, 2, 2, 2, 3)], of_all(median), torch.median, note="tie",
         slopes=[[0, 1 / 3, 1 / 3, 1 / 3, 0]]),
    kink("nanmedian", [at(nan, nan)], of_all(nanmedian), torch.nanmedian, note="only-nan"),
    case("most_frequent", [whole(0, 3, 4, 9)], lambda x, dim: mode(x, dim, keepdim=True)[1],
         dim=1),
    case("mode", [real(3, 1)], mode, torch.mode),
    case("mode", [whole(0, 3, 4, 9)], mode, torch.mode, note="integers"),
    case("mode", [whole(0, 3, 9, 4)], mode, torch.mode, note="kept", dim=0, keepdim=True),
    kink("mode", [at(2, 1, 2, 1, 3)], mode, torch.mode, note="tie", slopes=[[0, 0, 0, 1, 0]]),
    case("msort", [real(4, 3)], lambda x: np.sort(x, 0), torch.msort),
    case("sort", [whole(0, 3, 9)], lambda x, **_: (np.sort(x), np.argsort(x, kind="stable")),
         torch.sort, note="stable", stable=True),
    case("argsort", [real()], lambda x: np.zeros((), int), torch.argsort, note="scalar"),
]


def quantile(f):
    """NumPy's, the probabilities in front."""

    def reference(x, q, dim=None, keepdim=False, interpolation="linear"):
        return f(x, q, axis=dim, keepdims=keepdim, method=interpolation)

    return reference


QUANTILES = [
    case("quantile", [real(3, 4), 0.4], quantile(np.quantile), torch.quantile),
    case("quantile", [real(3, 4), just([0.1, 0.5, 1.0])], quantile(np.quantile), torch.quantile,
         note="vector", wrt=[0], dim=1),
    case("quantile", [real(3, 4, 2), just([0.3, 0.9])], quantile(np.quantile), torch.quantile,
         note="kept", wrt=[0], dim=1, keepdim=True),
    case("quantile", [real(3, 4), just(0.3)], quantile(np.quantile), torch.quantile,
         note="all-kept", wrt=[0], keepdim=True),
    *(
        case("quantile", [real(3, 4), just([0.3, 0.5])], quantile(np.quantile), torch.quantile,
             note=how, wrt=[0], dim=-1, interpolation=how)
        for how in ("lower", "higher", "midpoint", "nearest")
    ),
    kink("quantile", [at([1, nan, 3], [1, 2, 3]), 0.5], quantile(np.quantile), torch.quantile,
         note="nan", dim=1),
    case("nanquantile", [real(3, 4), 0.4], quantile(np.nanquantile), torch.nanquantile, dim=0),
    kink("nanquantile", [at([1, nan, 3, 9], [1, 2, 3, 9]), 0.4], quantile(np.nanquantile),
         torch.nanquantile, note="nan", dim=1),
]

ladder = lambda rng: np.sort(rng.standard_normal(6))  # noqa: E731
ladders = lambda rng: np.sort(rng.standard_normal((2, 6)))  # noqa: E731

PLACES = [
    case("searched", [ladder, real(2, 3)], lambda s, v, right: np.searchsorted(s, v, "right"),
         right=True),
    verdict("searchsorted", [ladder, real(2, 3)], np.searchsorted, torch.searchsorted),
    verdict("searchsorted", [ladders, real(2, 3)],
         lambda s, v, **_: np.stack([np.searchsorted(a, b, "right") for a, b in zip(s, v)]),
         torch.searchsorted, note="lines", right=True),
    verdict("searchsorted", [just([1, 3, 5]), 3], lambda s, v, **_: np.array(2, np.int32),
         torch.searchsorted, note="number", side="right", out_int32=True),
    verdict("searchsorted", [just([5, 1, 3]), just([2, 5]), just([1, 2, 0])],
         np.searchsorted, torch.searchsorted, note="sorter", form=last_as("sorter")),
    verdict("bucketize", [real(2, 3), ladder], lambda x, s: np.searchsorted(s, x), torch.bucketize),
    verdict("bucketize", [just([1, 3]), just([1, 3])], lambda x, s, **_: np.array([1, 2]),
         torch.bucketize, note="right", right=True),
    verdict("isin", [whole(0, 9, 2, 3), whole(0, 9, 4)], np.isin, torch.isin),
    verdict("isin", [whole(0, 9, 2, 3), whole(0, 9, 2, 2)], lambda x, t, **_: ~np.isin(x, t),
         torch.isin, note="not", invert=True),
    verdict("isin", [real(3), real(0)], np.isin, torch.isin, note="none"),
]
