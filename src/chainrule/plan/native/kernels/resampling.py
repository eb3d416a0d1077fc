"""Images resampled along one dimension by a table of places and weights (floor 2).

The table is a constant beside the code. Numbers that lie side by side in the dimensions within the
one that is resampled have the same places and weights, and are made together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.ops.resample import table
from chainrule.plan.native.ir import INDEX, Register, Unsupported, Writer, literal, llvm_type
from chainrule.plan.native.kernels.regions import region
from chainrule.plan.native.kernels.windows import index, unravelled
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["RESAMPLING"]

WRITTEN_OUT = 8  # terms that are written out one by one
LARGEST = 2**16  # numbers of a table
FEW = 8  # units that are too few to share


def _resample(site: Site) -> None:
    """Write `resample`."""
    x, y, sampling = site.operands[0], site.out, site.attrs["sampling"]
    if not isinstance(x, View) or 0 in (*x.shape, *y.shape):
        raise Unsupported("resampling of nothing")
    dim = site.attrs["dim"] % len(y.shape)
    places, weights = table(sampling, x.base.dtype)
    if places.size > LARGEST:
        raise Unsupported("a table as large as that")
    order = sorted(range(len(y.shape)), key=lambda d: -abs(y.strides[d]))
    at = order.index(dim)
    outer, inner = order[:at], order[at + 1 :]
    new, terms = places.shape
    line = Line(x, y, dim, inner, places, weights)
    count = math.prod(y.shape[d] for d in outer)
    alone = bool(inner) and count < FEW  # each of the new numbers is a unit

    def unit(inside: Inside, number: Register) -> None:
        w = inside.w
        sizes = [y.shape[d] for d in outer] + [new] * alone
        found = unravelled(number, sizes)
        source, target = index(w, 0), index(w, 0)
        for d, i in zip(outer, found):
            source, target = i * x.strides[d] + source, i * y.strides[d] + target
        if not inner:
            line.along(inside, source, target)
        elif alone:
            line.across(inside, found[-1], source, target)
        else:
            with w.loop(new) as i:
                line.across(inside, i, source, target)

    site.each(count * (new if alone else 1), terms * math.prod(y.shape), unit)


class Line(NamedTuple):
    """How the numbers along a dimension are made.

    Attributes:
        x: what they are made of.
        y: where they go.
        dim: the dimension.
        inner: dimensions in which the result's elements lie closer.
        places: of each number those that it is made of, (new, terms).
        weights: their shares.
    """

    x: View
    y: View
    dim: int
    inner: list[int]
    places: Any
    weights: Any

    def across(self, inside: Inside, i: Register, source: Register, target: Register) -> None:
        """Write number `i` of the dimension, for all of the inner ones at once."""
        w, dtype = inside.w, self.y.base.dtype
        here = w.at(inside.start(self.y), dtype, i * self.y.strides[self.dim] + target)
        sizes = [self.y.shape[d] for d in self.inner]
        steps = [[view.strides[d] for d in self.inner] for view in (self.y, self.x)]
        terms = self.places.shape[1]
        places, weights = constant(w, self.places), constant(w, self.weights)

        def term(k: Register | int) -> tuple[str, Register]:
            entry = i * terms + k
            place = w.load(w.at(places, INDEX, entry), INDEX) * self.x.strides[self.dim] + source
            there = w.at(inside.start(self.x), dtype, place)
            return there, w.load(w.at(weights, dtype, entry), dtype)

        def some(these: list[tuple[str, Register]], plain: list[bool], add: bool) -> None:
            def one(to: Register, at: Register) -> None:
                y = None
                for (there, weight), whole in zip(these, plain):
                    number = w.load(w.at(there, dtype, at), dtype)
                    part = number if whole else number * weight
                    y = part if y is None else y + part
                assert y is not None
                place = w.at(here, dtype, to)
                w.store(w.load(place, dtype) + y if add else y, place)

            region(w, sizes, steps, one)

        plain = self.plain()
        if terms <= WRITTEN_OUT:
            some([term(k) for k in range(terms)], plain, add=False)
            return
        some([term(0)], plain[:1], add=False)
        with w.loop(terms - 1) as k:
            some([term(k + 1)], [False], add=True)

    def along(self, inside: Inside, source: Register, target: Register) -> None:
        """Write all numbers of the dimension, side by side."""
        w, dtype = inside.w, self.y.base.dtype
        new, terms = self.places.shape
        # Term by term, so that the entries of neighbours lie side by side.
        places, weights = constant(w, self.places.T), constant(w, self.weights.T)
        there = w.at(inside.start(self.x), dtype, source)
        here = w.at(inside.start(self.y), dtype, target)

        def part(i: Register, k: Register | int, whole: bool) -> Register:
            entry = w.number(k, INDEX) * new + i
            place = w.load(w.at(places, INDEX, entry), INDEX) * self.x.strides[self.dim]
            number = w.load(w.at(there, dtype, place), dtype)
            return number if whole else number * w.load(w.at(weights, dtype, entry), dtype)

        plain = self.plain()
        together = terms if terms <= WRITTEN_OUT else 1
        with w.loop(new, parallel=True) as i:
            y = part(i, 0, plain[0])
            for k in range(1, together):
                y = y + part(i, k, plain[k])
            w.store(y, w.at(here, dtype, i * self.y.strides[self.dim]))
        if together == terms:
            return
        with w.loop(terms - 1) as turn, w.loop(new, parallel=True) as i:
            place = w.at(here, dtype, i * self.y.strides[self.dim])
            w.store(w.load(place, dtype) + part(i, turn + 1, whole=False), place)

    def plain(self) -> list[bool]:
        """Of each term whether its weights are 1 throughout."""
        return [bool((share == 1).all()) for share in self.weights.T]


def constant(w: Writer, array: Any) -> str:
    """Return a pointer to an array that stands beside the code, in row-major order."""
    dtype = np.dtype(np.int64) if array.dtype.kind == "i" else array.dtype
    kind, numbers = llvm_type(dtype), array.ravel().tolist()
    told = ", ".join(f"{kind} {literal(n, dtype)}" for n in numbers)
    name = f"table.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    w.declared[name] = f"@{name} = internal constant [{len(numbers)} x {kind}] [{told}], align 64"
    return f"@{name}"


RESAMPLING: dict[str, Callable[[Site], None]] = {"resample": _resample}
