"""Random numbers that come in pairs or are sorted, by the formulas of `ops.random` (floor 2).

What `ops.draws` draws comes from NumPy's own samplers and stays with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chainrule.plan.formulas.draws import mixed
from chainrule.plan.formulas.maths import log1p, polynomial
from chainrule.plan.native.kernels.indexing.nests import place, split, spread
from chainrule.plan.native.llvm.ir import INDEX, Register, Unsupported
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["DRAWS", "circle"]

UINT, DOUBLE = np.dtype(np.uint64), np.dtype(np.float64)
DIGITS = 53  # of a uniform number in double
WORK = 32  # of a pair, in multiplications

# pi / 2 in two parts, of which the first has so few digits that some times it is exact.
QUARTER, QUARTER_REST = 1.57079632673412561417, 6.07710050650619224932e-11

# sin r = r + r^3 S(r^2) and cos r = 1 - r^2 / 2 + r^4 C(r^2) for |r| <= pi / 4 (S. L. Moshier's
# library Cephes).
SINE = (
    1.58962301576546568060e-10,
    -2.50507477628578072866e-8,
    2.75573136213857245213e-6,
    -1.98412698295895385996e-4,
    8.33333333332211858878e-3,
    -1.66666666666666307295e-1,
)
COSINE = (
    -1.13585365213876817300e-11,
    2.08757008419747316778e-9,
    -2.75573141792967388112e-7,
    2.48015872888517045348e-5,
    -1.38888888888730564116e-3,
    4.16666666666665929218e-2,
)


def circle(angle: Register) -> tuple[Register, Register]:
    """Cosine and sine of an angle from 0 to 2 pi, in double."""
    quarters = angle.writer.intrinsic("rint", angle * (2 / math.pi))
    r = angle - quarters * QUARTER - quarters * QUARTER_REST
    square = r * r
    sine = r + r * square * polynomial(SINE[::-1], square)
    half = square * 0.5
    near = half.writer.number(1, DOUBLE) - half
    lost = half.writer.number(1, DOUBLE) - near - half
    cosine = near + (lost + square * square * polynomial(COSINE[::-1], square))
    turn = quarters.to(INDEX)
    odd = (turn & 1).ne(0)
    x, y = odd.select(sine, cosine), odd.select(cosine, sine)
    left, below = ((turn + 1) & 2).ne(0), (turn & 2).ne(0)
    return left.select(-x, x), below.select(-y, y)


def random_normal(site: Site) -> None:
    """Write normal numbers by Box and Muller's transformation: from each pair of uniform ones two.

    The first half of the numbers are the pairs' cosines, the second their sines.
    """
    state, y = site.operands[0], site.out
    if not isinstance(state, View) or y.base.dtype.kind != "f":
        raise Unsupported("normal numbers that are no floats")
    count = math.prod(y.shape)
    half = (count + 1) // 2

    def uniform(inside: Inside, number: Register) -> Register:
        w, generator = inside.w, inside.start(state)
        key = w.load(generator, UINT)
        counter = w.load(w.at(generator, UINT, state.strides[0]), UINT)
        bits = mixed(key, counter + number.to(UINT))
        return (bits >> (64 - DIGITS)).to(INDEX).to(DOUBLE) * 2.0**-DIGITS

    def put(inside: Inside, number: Register, normal: Register) -> None:
        w, dtype = inside.w, y.base.dtype
        at = place(split(number, y.shape), y.strides)
        w.store(normal.to(dtype), w.at(inside.start(y), dtype, at))

    def pair(inside: Inside, index: list[Register], both: bool = True) -> None:
        (i,) = index
        radius = inside.w.intrinsic("sqrt", log1p(-uniform(inside, i)) * -2)
        cosine, sine = circle(uniform(inside, i + half) * (2 * math.pi))
        put(inside, i, radius * cosine)
        if both:
            put(inside, i + half, radius * sine)

    spread(site, (count // 2,), pair, WORK)
    w = site.w
    if count % 2:
        pair(site, [w.number(half - 1, INDEX)], both=False)
    counter = w.at(site.start(state), UINT, state.strides[0])
    w.store(w.load(counter, UINT) + 2 * half, counter)


DRAWS: dict[str, Callable[[Site], None]] = {"random_normal": random_normal}
