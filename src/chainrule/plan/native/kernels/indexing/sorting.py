"""Places in order, the middle, the most frequent, places in what is sorted (floor 2).

A line is sorted by keys, unsigned numbers of as many bits that are in the same order: digit by
digit from the last, so that equal ones keep their order; a short one by counting how many come
before each. NaN comes after all numbers, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.plan.formulas.draws import mixed
from chainrule.plan.native.kernels.indexing.copies import filled
from chainrule.plan.native.kernels.indexing.nests import lined, place, simplest, split, spread
from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Unsupported, Writer
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.views import View

__all__ = ["SORTING"]

UINT = np.dtype(np.uint64)
WORK = 32  # of a number that is sorted, in multiplications
FEW = 32  # numbers that are sorted by counting
DIGIT, DIGITS = 8, 256  # bits of a digit of a key, and how many digits there are


def before(a: Register, b: Register) -> Register:
    """Whether a comes before b."""
    less = a.lt(b)
    return less | (b.ne(b) & a.eq(a)) if a.dtype.kind == "f" else less


def least(a: Register, b: Register) -> Register:
    """The smaller of two integers."""
    return a.lt(b).select(a, b)


class Line(NamedTuple):
    """Numbers to be sorted, and room to do it.

    Attributes:
        size: how many, at least 1.
        dtype: of the numbers.
        read: writes the reading of one.
        keys: for twice as many keys, of that size.
        places: for twice as many places.
    """

    size: int
    dtype: np.dtype[Any]
    read: Callable[[Register], Register]
    keys: str
    places: str


def key(x: Register, descending: bool) -> Register:
    """An unsigned number for a number: in the same order, and equal for equal ones."""
    dtype = np.dtype(f"u{x.dtype.itemsize}")
    top = 1 << (8 * dtype.itemsize - 1)
    if x.dtype.kind == "f":
        bits = x.eq(0).select(x.writer.number(0, x.dtype), x).bits(dtype)
        turned = (bits & top).ne(0).select(bits ^ (2 * top - 1), bits ^ top)
        found = x.ne(x).select(x.writer.number(2 * top - 1, dtype), turned)
    else:
        found = x.to(dtype) ^ top if x.dtype.kind == "i" else x.to(dtype)
    return found ^ (2 * top - 1) if descending else found


def in_order(inside: Inside, line: Line, descending: bool = False) -> str:
    """Write the sorting of a line, and return where the places are then."""
    w, dtype = inside.w, np.dtype(f"u{line.dtype.itemsize}")
    with w.loop(line.size, parallel=True) as k:
        w.store(key(line.read(k), descending), w.at(line.keys, dtype, k))
        w.store(k, w.at(line.places, INDEX, k))
    return _counted(w, line, dtype) if line.size <= FEW else _by_digits(inside, line, dtype)


def _counted(w: Writer, line: Line, dtype: np.dtype[Any]) -> str:
    """Write the sorting of a short line: each goes behind as many as come before it."""
    found = w.at(line.places, INDEX, line.size)
    with w.loop(line.size) as k:
        own, behind = w.load(w.at(line.keys, dtype, k), dtype), w.variable(w.number(0, INDEX))
        with w.loop(line.size) as j:
            other = w.load(w.at(line.keys, dtype, j), dtype)
            first = other.lt(own) | (other.eq(own) & j.lt(k))
            w.store(w.load(behind, INDEX) + first.to(INDEX), behind)
        w.store(k, w.at(found, INDEX, w.load(behind, INDEX)))
    return found


def _by_digits(inside: Inside, line: Line, dtype: np.dtype[Any]) -> str:
    """Write the sorting of a long line: by the last digit of the keys, then by the one before."""
    w, n, zero = inside.w, line.size, inside.w.number(0, INDEX)
    starts = inside.reserve(INDEX, DIGITS)
    with w.loop(dtype.itemsize) as turn:
        here, there = (turn & 1) * n, ((turn & 1) ^ 1) * n
        keys = [w.at(line.keys, dtype, at) for at in (here, there)]
        places = [w.at(line.places, INDEX, at) for at in (here, there)]
        shift = (turn * DIGIT).to(dtype)

        def digit(k: Register) -> tuple[Register, str]:
            own = w.load(w.at(keys[0], dtype, k), dtype)
            return own, w.at(starts, INDEX, ((own >> shift) & (DIGITS - 1)).to(INDEX))

        with w.loop(DIGITS, parallel=True) as d:
            w.store(zero, w.at(starts, INDEX, d))
        with w.loop(n) as k:
            _, many = digit(k)
            w.store(w.load(many, INDEX) + 1, many)
        total = w.variable(zero)
        with w.loop(DIGITS) as d:
            start, many = w.load(total, INDEX), w.at(starts, INDEX, d)
            w.store(start + w.load(many, INDEX), total)
            w.store(start, many)
        with w.loop(n) as k:
            own, next_one = digit(k)
            at = w.load(next_one, INDEX)
            w.store(at + 1, next_one)
            w.store(own, w.at(keys[1], dtype, at))
            w.store(w.load(w.at(places[0], INDEX, k), INDEX), w.at(places[1], INDEX, at))
    return w.at(line.places, INDEX, (dtype.itemsize & 1) * n)


def each_line(site: Site, x: View, dim: int, body: Callable[[Inside, Line, Number], None]) -> None:
    """Write a body for each line along a dimension of x.

    It is given the line, and where in the result, in elements, what belongs to it begins.
    """
    y, dtype, count = lined(site.out), x.base.dtype, x.shape[dim]
    others = [d for d in range(len(x.shape)) if d != dim]
    shape, (xs, ys) = simplest(
        *(tuple(s[d] for d in others) for s in (x.shape, x.strides, y.strides))
    )
    rooms = _rooms(site, math.prod(x.shape), dtype)

    def one(inside: Inside, index: list[Register]) -> None:
        w, at = inside.w, split(index[0], shape)
        start = w.at(inside.start(x), dtype, place(at, xs))
        read = lambda k: w.load(w.at(start, dtype, k * x.strides[dim]), dtype)  # noqa: E731
        own = (w.at(inside.room(r), r.dtype, index[0] * (2 * count)) for r in rooms)
        body(inside, Line(count, dtype, read, *own), place(at, ys))

    spread(site, (math.prod(shape),), one, count * WORK, parallel=False)


def _rooms(site: Site, count: int, dtype: np.dtype[Any]) -> tuple[Room, Room]:
    """Room to sort so many numbers: for their keys, and for their places."""
    return site.take(2 * count, np.dtype(f"u{dtype.itemsize}")), site.take(2 * count, INDEX)


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

    def one(inside: Inside, line: Line, begin: Number) -> None:
        w, found = inside.w, in_order(inside, line, descending)
        target = w.at(inside.start(y), INDEX, begin)
        with w.loop(n, parallel=True) as k:
            w.store(w.load(w.at(found, INDEX, k), INDEX), w.at(target, INDEX, k * step))

    if n:
        each_line(site, x, dim, one)


def most_frequent(site: Site) -> None:
    """Write where the last of the numbers stands that come most often; of the smallest at a tie."""
    x, y = _given(site), site.out

    def one(inside: Inside, line: Line, begin: Number) -> None:
        w, found = inside.w, in_order(inside, line)
        first, longest, last = (w.variable(w.number(k, INDEX)) for k in (0, -1, 0))
        with w.loop(line.size) as k:
            here, back = (
                w.load(w.at(found, INDEX, at), INDEX) for at in (k, k - k.gt(0).to(INDEX))
            )
            new = k.eq(0) | line.read(here).ne(line.read(back))
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

    def read(k: Register) -> Register:
        return w.load(w.at(start, dtype, place(split(k, x.shape), x.strides)), dtype)

    found = in_order(site, Line(n, dtype, read, *map(site.room, _rooms(site, n, dtype))))
    wrong = w.variable(w.number(0, INDEX))
    with w.loop(n) as k:
        number = read(k)
        w.store(w.load(wrong, INDEX) + number.ne(number).to(INDEX), wrong)
    count = w.number(n, INDEX) - w.load(wrong, INDEX)
    whole = count.gt(0) if site.attrs.get("ignored", False) else count.eq(n)
    at = whole.select((count - 1) / 2, n - 1)
    w.store(read(w.load(w.at(found, INDEX, at), INDEX)), w.at(site.start(y), dtype, 0))


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
    own, beyond = w.load(generator, UINT), w.at(generator, UINT, state.strides[0])
    counter = w.load(beyond, UINT)
    rooms = map(site.room, _rooms(site, n, UINT))
    found = in_order(site, Line(n, UINT, lambda k: mixed(own, counter + k.to(UINT)), *rooms))
    w.store(counter + n, beyond)
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
