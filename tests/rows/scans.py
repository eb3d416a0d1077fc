"""Rows of running products and extremes, differences and areas."""

from __future__ import annotations

from math import inf, nan

import numpy as np

from case import at, case, kink, last_as, real, torch, truth, whole

# A row is a line, or little more.
# fmt: off


def cumprod(x, dim):
    """Running products; of one number, the number."""
    return np.cumprod(x, axis=dim) if x.ndim else x


def running(better):
    """The best so far and the last place it came, one element at a time; NaN is the best."""

    def reference(x, dim):
        values, places = np.array(x), np.zeros(x.shape, int)
        if not x.ndim:
            return values, places
        lines, indices = np.moveaxis(values, dim, -1), np.moveaxis(places, dim, -1)
        for row in np.ndindex(lines.shape[:-1]):
            for i in range(1, lines.shape[-1]):
                new, old = lines[row][i], lines[row][i - 1]
                if better(new, old) or new == old or new != new:
                    indices[row][i] = i
                else:
                    lines[row][i], indices[row][i] = old, indices[row][i - 1]
        return values, places

    return reference


largest, smallest = running(lambda a, b: a > b), running(lambda a, b: a < b)


def logcumsumexp(x, dim):
    """The logarithm of running sums."""
    return np.log(np.cumsum(np.exp(x), axis=dim)) if x.ndim else x


SCANS = [
    case("cumprod", [real(2, 3)], cumprod, torch.cumprod, dim=1),
    case("cumprod", [real(2, 3, 4)], cumprod, torch.cumprod, note="negative", dim=-2),
    case("cumprod", [real()], cumprod, torch.cumprod, note="scalar", dim=0),
    case("cumprod", [whole(1, 5, 4, dtype=np.int32)], cumprod, torch.cumprod, note="integers",
         dim=0),
    case("cumprod", [truth(4)], cumprod, torch.cumprod, note="truth", dim=0),
    kink("cumprod", [at([2, 0, 3, 5], [0, 2, 0, 4], [1, 2, 3, 0])], cumprod, torch.cumprod,
         note="zeros", slopes=[[[1, 2 * (1 + 3 + 15), 0, 0], [1 + 2, 0, 0, 0], [9, 4, 2, 6]]],
         dim=1),
    case("cummax", [real(3, 5)], largest, torch.cummax, dim=1),
    case("cummax", [real(5, 3)], largest, torch.cummax, note="first", dim=-2),
    case("cummax", [real()], largest, torch.cummax, note="scalar", dim=0),
    kink("cummax", [at(1, 1, 0, nan, 5, nan)], largest, torch.cummax, note="tie", dim=0),
    case("cummin", [real(3, 5)], smallest, torch.cummin, dim=1),
    kink("cummin", [at(1, 1, 2, 0, 0)], smallest, torch.cummin, note="tie", dim=0),
    case("running_argmax", [real(3, 5)], lambda x, dim: largest(x, dim)[1], dim=1),
    case("running_argmin", [real(3, 5)], lambda x, dim: smallest(x, dim)[1], dim=0),
    case("logcumsumexp", [real(2, 3)], logcumsumexp, torch.logcumsumexp, dim=1),
    case("logcumsumexp", [real(3, 2)], logcumsumexp, torch.logcumsumexp, note="first", dim=0),
    kink("logcumsumexp", [at(900, -900, 900)], lambda x, dim: np.logaddexp.accumulate(x),
         torch.logcumsumexp, dim=0),
    kink("logcumsumexp", [at(-inf, 0)], lambda x, dim: np.logaddexp.accumulate(x),
         torch.logcumsumexp, note="infinity", dim=0),
    case("diff", [real(2, 5)], lambda x: np.diff(x), torch.diff),
    case("diff", [real(2, 5)], lambda x, n, dim: np.diff(x, n, dim), torch.diff, note="twice", n=2,
         dim=-1),
    case("diff", [real(2, 5)], lambda x, n, dim: np.diff(x, n, dim), torch.diff, note="all", n=3,
         dim=0),
    case("diff", [real(2, 5), real(2, 1), real(2, 2)],
         lambda x, prepend, append, **_: np.diff(x, 1, 1, prepend, append), torch.diff, note="ends",
         form=last_as("prepend", "append"), dim=1),
    case("diff", [truth(6)], lambda x: np.diff(x), torch.diff, note="truth"),
    case("trapezoid", [real(2, 5)], lambda y: np.trapezoid(y), torch.trapezoid),
    case("trapezoid", [real(5, 2)], lambda y, dx, dim: np.trapezoid(y, dx=dx, axis=dim),
         torch.trapezoid, note="apart", dx=0.5, dim=0),
    case("trapezoid", [real(2, 5), real(5)], lambda y, x: np.trapezoid(y, x), torch.trapezoid,
         note="places"),
    case("trapezoid", [real(2, 5), real(2, 5)], lambda y, x: np.trapezoid(y, x), torch.trapezoid,
         note="each"),
    case("cumulative_trapezoid", [real(2, 5), real(5)],
         lambda y, x: np.cumsum((y[:, 1:] + y[:, :-1]) / 2 * np.diff(x), -1),
         torch.cumulative_trapezoid),
]
