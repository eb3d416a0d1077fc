"""Places in order, the middle, the most frequent, places in what is sorted (floor 2).

Lines are sorted by merging, runs of 1, 2, 4, ... numbers, so that equal ones keep their order. What
moves are the places; NaN comes after all numbers, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from chainrule.plan.native.ir import INDEX, Number, Register, Unsupported, Writer
from chainrule.plan.native.kernels.copies import filled
from chainrule.plan.native.kernels.nests import lined, place, simplest, split, spread
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.native.special import mixed
from chainrule.plan.passes.views import View

__all__ = ["SORTING"]

UINT = np.dtype(np.uint64)
WORK = 32  # of a number that is sorted, in multiplications

# Reads number k of a line.
Line: TypeAlias = Callable[[Register], Register]


def before(a: Register, b: Register) -> Register:
    """Whether a comes before b."""
    less = a.lt(b)
    return less | (b.ne(b) & a.eq(a)) if a.dtype.kind == "f" else less


def least(a: Register, b: Register) -> Register:
    """The smaller of two integers."""
    return a.lt(b).select(a, b)


def in_order(w: Writer, n: int, line: Line, room: str, descending: bool = False) -> str:
    """Write the sorting of a line, and return where the places are then.

    Args:
        w: where to.
        n: how many numbers there are, at least 1.
        line: reads one.
        room: for 2 n places.
        descending: the largest first.
    """
    with w.loop(n, parallel=True) as k:
        w.store(k, w.at(room, INDEX, k))
    rounds, count = (n - 1).bit_length(), w.number(n, INDEX)
    if rounds:
        with w.loop(rounds) as turn:
            source = w.at(room, INDEX, (turn & 1) * n)
            target = w.at(room, INDEX, ((turn & 1) ^ 1) * n)
            width = w.number(1, INDEX) << turn
            runs = (width * 2 + (n - 1)) / (width * 2)
            with w.loop(runs) as run:
                start = run * 2 * width
                ends = least(start + width, count), least(start + width * 2, count)
                merged(w, (source, target), (start, *ends), line, descending)
    return w.at(room, INDEX, (rounds & 1) * n)


def merged(
    w: Writer,
    memory: tuple[str, str],
    runs: tuple[Register, Register, Register],
    line: Line,
    descending: bool,
) -> None:
    """Write the merging of two runs that follow on one another, from one memory into another."""
    (source, target), (start, middle, end) = memory, runs
    left, right = w.variable(start), w.variable(middle)
    with w.loop(end - start) as k:
        i, j = w.load(left, INDEX), w.load(right, INDEX)
        a, b = (w.load(w.at(source, INDEX, least(at, end - 1)), INDEX) for at in (i, j))
        x, y = line(a), line(b)
        overtakes = before(x, y) if descending else before(y, x)
        from_right = i.ge(middle) | (j.lt(end) & overtakes)
        w.store(from_right.select(b, a), w.at(target, INDEX, start + k))
        w.store(i + (from_right ^ True).to(INDEX), left)
        w.store(j + from_right.to(INDEX), right)


def each_line(
    site: Site, x: View, dim: int, body: Callable[[Inside, Line, str, Number], None]
) -> None:
    """Write a body for each line along a dimension of x.

    It is given how the line is read, room for twice as many places, and where in the result, in
    elements, what belongs to the line begins.
    """
    y, dtype, count = lined(site.out), x.base.dtype, x.shape[dim]
    others = [d for d in range(len(x.shape)) if d != dim]
    shape, (xs, ys) = simplest(
        *(tuple(s[d] for d in others) for s in (x.shape, x.strides, y.strides))
    )
    places = site.take(2 * math.prod(x.shape), INDEX)

    def one(inside: Inside, index: list[Register]) -> None:
        w, at = inside.w, split(index[0], shape)
        start = w.at(inside.start(x), dtype, place(at, xs))
        room = w.at(inside.room(places), INDEX, index[0] * (2 * count))
        read = lambda k: w.load(w.at(start, dtype, k * x.strides[dim]), dtype)  # noqa: E731
        body(inside, read, room, place(at, ys))

    spread(site, (math.prod(shape),), one, count * WORK, parallel=False)


def _given(site: Site) -> View:
    x = site.operands[0]
    if not isinstance(x, View):
        raise Unsupported("a line of one number")
    return lined(x)


# --- ops ------------------------------------------------------------------------------------------


def argsort(site: Site) -> None:
    """Write the places of numbers, the smallest first, or the largest."""
    x, y = _given(site), lined(site.out)
    dim = site.attrs.get("dim", -1) % len(x.shape)
    n, step, descending = x.shape[dim], y.strides[dim], site.attrs.get("descending", False)

    def one(inside: Inside, line: Line, room: str, begin: Number) -> None:
        w = inside.w
        found = in_order(w, n, line, room, descending)
        target = w.at(inside.start(y), INDEX, begin)
        with w.loop(n, parallel=True) as k:
            w.store(w.load(w.at(found, INDEX, k), INDEX), w.at(target, INDEX, k * step))

    if n:
        each_line(site, x, dim, one)


def most_frequent(site: Site) -> None:
    """Write where the last of the numbers stands that come most often; of the smallest at a tie."""
    x, y = _given(site), site.out
    n = x.shape[site.attrs["dim"] % len(x.shape)]

    def one(inside: Inside, line: Line, room: str, begin: Number) -> None:
        w = inside.w
        found = in_order(w, n, line, room)
        first, longest, last = (w.variable(w.number(k, INDEX)) for k in (0, -1, 0))
        with w.loop(n) as k:
            here, back = (
                w.load(w.at(found, INDEX, at), INDEX) for at in (k, k - k.gt(0).to(INDEX))
            )
            new = k.eq(0) | line(here).ne(line(back))
            start = new.select(k, w.load(first, INDEX))
            most = w.load(longest, INDEX)
            longer = (k - start).gt(most)
            w.store(start, first)
            w.store(longer.select(k - start, most), longest)
            w.store(longer.select(here, w.load(last, INDEX)), last)
        w.store(w.load(last, INDEX), w.at(inside.start(y), INDEX, begin))

    each_line(site, x, site.attrs["dim"] % len(x.shape), one)


def middle(site: Site) -> None:
    """Write the middle of all numbers, the lower of two; NaN if there is one, unless ignored."""
    x, y, w = _given(site), site.out, site.w
    n, dtype = math.prod(x.shape), x.base.dtype
    start = site.start(x)
    room = site.room(site.take(2 * n, INDEX))

    def line(k: Register) -> Register:
        return w.load(w.at(start, dtype, place(split(k, x.shape), x.strides)), dtype)

    found = in_order(w, n, line, room)
    wrong = w.variable(w.number(0, INDEX))
    with w.loop(n) as k:
        number = line(k)
        w.store(w.load(wrong, INDEX) + number.ne(number).to(INDEX), wrong)
    count = w.number(n, INDEX) - w.load(wrong, INDEX)
    whole = count.gt(0) if site.attrs.get("ignored", False) else count.eq(n)
    at = whole.select((count - 1) / 2, n - 1)
    w.store(line(w.load(w.at(found, INDEX, at), INDEX)), w.at(site.start(y), dtype, 0))


def searched(site: Site) -> None:
    """Write where, in a sorted line, numbers would be put in."""
    sequence, values = site.operands
    if not isinstance(sequence, View) or not isinstance(values, View):
        raise Unsupported("a search for a number")
    y, n, right = site.out, sequence.shape[-1], site.attrs.get("right", False)
    if not n:
        filled(site, y, 0)
        return
    dtype = np.result_type(sequence.base.dtype, values.base.dtype)
    lead = sequence.strides[:-1] if len(sequence.shape) > 1 else (0,) * max(len(y.shape) - 1, 0)
    rows = (*lead, *[0] * (len(y.shape) > 0))
    shape, (seq, vals, ys) = simplest(y.shape, rows, values.strides, y.strides)

    def one(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        start = w.at(inside.start(sequence), sequence.base.dtype, place(index, seq))
        here = w.at(inside.start(values), values.base.dtype, place(index, vals))
        wanted = w.load(here, values.base.dtype).to(dtype)
        low, high = w.variable(w.number(0, INDEX)), w.variable(w.number(n, INDEX))
        with w.loop(n.bit_length()):
            a, b = w.load(low, INDEX), w.load(high, INDEX)
            half = (a + b) / 2
            at = w.at(start, sequence.base.dtype, least(half, w.number(n - 1, INDEX)) * step)
            number = w.load(at, sequence.base.dtype).to(dtype)
            beyond = before(wanted, number) ^ True if right else before(number, wanted)
            on = a.lt(b) & beyond
            w.store(on.select(half + 1, a), low)
            w.store(on.select(b, half), high)
        w.store(w.load(low, INDEX), w.at(inside.start(y), INDEX, place(index, ys)))

    step = sequence.strides[-1]
    spread(site, shape, one, n.bit_length() * 4, parallel=False)


def random_permutation(site: Site) -> None:
    """Write the numbers 0 to n - 1 in the order of as many random ones."""
    state, y, w = site.operands[0], site.out, site.w
    n = math.prod(y.shape)
    if not isinstance(state, View) or not n:
        raise Unsupported("an order of nothing")
    generator = site.start(state)
    key, beyond = w.load(generator, UINT), w.at(generator, UINT, state.strides[0])
    counter = w.load(beyond, UINT)
    bits, room = (site.room(site.take(*kind)) for kind in ((n, UINT), (2 * n, INDEX)))
    with w.loop(n, parallel=True) as k:
        w.store(mixed(key, counter + k.to(UINT)), w.at(bits, UINT, k))
    w.store(counter + n, beyond)
    found = in_order(w, n, lambda k: w.load(w.at(bits, UINT, k), UINT), room)
    with w.loop(n, parallel=True) as k:
        order = w.load(w.at(found, INDEX, k), INDEX)
        w.store(order, w.at(site.start(y), INDEX, k * y.strides[0]))


SORTING: dict[str, Callable[[Site], None]] = {
    "argsort": argsort,
    "middle": middle,
    "most_frequent": most_frequent,
    "random_permutation": random_permutation,
    "searched": searched,
}
