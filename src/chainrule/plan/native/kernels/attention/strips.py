"""Strips: what some queries of attention have to do with some keys, and the gradients (floor 2).

What a block of queries has to do with a block of keys lies on the stack, in the nearest caches,
with the queries next to one another: a strip, a row for each key. So sums and peaks over keys are
those of whole vectors, and neither keys nor values are copied: of a key or value one number at a
time meets a vector of queries. Queries, and the gradients of the results, are turned once for each
block; results are turned back.

Where there are several blocks of keys, the weights are first taken relative to the largest score so
far, and what has been summed up is scaled when a larger one comes (M. Milakov and N. Gimelshein,
"Online normalizer calculation for softmax", 2018; T. Dao and others, "FlashAttention", 2022). On
the way back strips are made again. A query sees no key after the last of its block, where that is
causal: blocks beyond are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.plan.formulas.draws import kept, mixed
from chainrule.plan.formulas.maths import exp
from chainrule.plan.native.kernels.attention.batched import Sizes, started
from chainrule.plan.native.kernels.attention.heads import Given, Plan
from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Writer
from chainrule.plan.native.llvm.vectors import when
from chainrule.plan.native.matrices.tiles import Columns, Lines, cover, strip, transpose
from chainrule.plan.native.site import Inside

__all__ = ["Back", "Work", "clear"]

UINT = np.dtype(np.uint64)

# Keys in a strip at most; rows and vectors of a tile that sums over queries.
KEYS, ROWS, WIDE = 512, 8, 2


class Work:
    """What is written for one head, and room on the stack for a block of its queries.

    Args:
        inside: where to.
        plan: the sizes.
        given: the operands.
        sizes: what makes up the number of the head.
        head: that number.
    """

    def __init__(
        self, inside: Inside, plan: Plan, given: Given, sizes: Sizes, head: Register
    ) -> None:
        self.inside, self.w, self.dtype = inside, inside.w, plan.dtype
        self.plan, self.head = plan, head
        self.query, self.key, self.value = (
            (started(inside, x, sizes, head), x.steps["row"])
            for x in (given.query, given.key, given.value)
        )
        self.mask = started(inside, given.mask, sizes, head) if given.mask else ""
        self.mask_steps = given.mask.steps if given.mask else {}
        self.binary = given.mask is not None and given.mask.dtype.kind == "b"
        self.place = inside.start(given.place) if given.place and plan.p else ""
        self.place_step = given.place.strides[0] if given.place else 0
        n = plan.block
        self.strip_size = min(KEYS, plan.keys)
        self.once = plan.keys <= KEYS
        self.turned = self.reserve(plan.size * n)
        self.weights = self.reserve(self.strip_size * n)
        self.sums = self.reserve(plan.width * n)
        self.top, self.base, self.total, self.less = (self.reserve(n) for _ in range(4))

    def reserve(self, count: int) -> str:
        """Return room on the stack."""
        return self.inside.reserve(self.dtype, count)

    def at(self, pointer: str, index: Number) -> str:
        """Return a pointer to a number."""
        return self.w.at(pointer, self.dtype, index)

    def get(self, pointer: str, index: Number) -> Register:
        """Read a number."""
        return self.w.load(self.at(pointer, index), self.dtype)

    def put(self, y: Register, pointer: str, index: Number) -> None:
        """Write a number."""
        self.w.store(y, self.at(pointer, index))

    @contextmanager
    def lanes(self, count: int = 0) -> Iterator[Register]:
        """A loop over the queries of the block, or the first of them."""
        with self.w.loop(count or self.plan.block, parallel=True) as lane:
            yield lane

    def number(self, y: float) -> Register:
        """A constant."""
        return self.w.number(y, self.dtype)

    def turn(self, rows: Lines, into: str, width: int, live: int, factor: float = 1) -> None:
        """Write a copy of the block's rows with the queries next to one another."""
        w, n = self.w, self.plan.block
        if live < n:
            clear(w, (into, n), width, n, self.dtype)
        transpose(w, rows, (into, n), (width, live), self.plan.vector)
        if factor != 1:
            with w.loop(width * n, parallel=True) as i:
                self.put(self.get(into, i) * factor, into, i)

    def turn_back(self, source: str, rows: Lines, width: int, live: int) -> None:
        """Write the block's rows from a copy with the queries next to one another."""
        transpose(self.w, (source, self.plan.block), rows, (live, width), self.plan.vector)

    def over_keys(self, first: Register, body: Callable[[Number, Register], None]) -> None:
        """Write `body(start, count)` for the strips of keys that queries from `first` on see."""
        w, plan = self.w, self.plan
        last = w.number(plan.keys, INDEX)
        if plan.causal:
            end = first + plan.block
            last = end.lt(plan.keys).select(end, plan.keys)
        if self.once:
            body(0, last)
            return
        with w.loop((last + (KEYS - 1)) / KEYS) as turn:
            left = last - turn * KEYS
            body(turn * KEYS, left.lt(KEYS).select(left, KEYS))

    def down(self, count: Register, step: int, body: Callable[[Number, int], None]) -> None:
        """Write `body(at, rows)` for `step` keys at a time, and for those that are left."""
        w, rest = self.w, self.plan.keys % step
        full = count / step

        def whole() -> None:
            with w.loop(full) as turn:
                body(turn * step, step)

        when(w, full.gt(0), whole)
        if rest:
            when(w, (count - full * step).gt(0), lambda: body(full * step, rest))

    def meet(self, rows: Lines, turned: str, width: int, into: str, count: Register) -> None:
        """Write the inner products of so many rows with each of the block's queries."""
        n = self.plan.block
        columns: Columns = [(0, self.plan.vector)]

        def tile(at: Number, high: int) -> None:
            a = (self.at(rows[0], self.w.number(at, INDEX) * rows[1]), rows[1], 1)
            c = (self.at(into, self.w.number(at, INDEX) * n), n)
            strip(self.w, width, a, (turned, n), c, high, columns)

        self.down(count, n, tile)

    def gather(self, rows: Lines, weights: str, width: int, onto: str, count: Register) -> None:
        """Write what so many rows, by the weights of each query, add to its sums."""
        w, n = self.w, self.plan.block
        columns: Columns = [(0, self.plan.vector)]

        def tile(at: Number, high: int) -> None:
            a = (self.at(rows[0], at), 1, rows[1])
            c = (self.at(onto, self.w.number(at, INDEX) * n), n)
            strip(w, count, a, (weights, n), c, high, columns, onto=True)

        if width // n:
            with w.loop(width // n) as turn:
                tile(turn * n, n)
        if width % n:
            tile(width - width % n, width % n)

    # --- weights --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Write that nothing has been seen yet."""
        with self.lanes() as q:
            self.put(self.number(-math.inf), self.top, q)
            self.put(self.number(-math.inf), self.base, q)
            self.put(self.number(0), self.total, q)

    def score(self, first: Register, start: Number, count: Register, live: int) -> None:
        """Write the scores of a strip, and the largest so far of each query."""
        w, n = self.w, self.plan.block
        begin = w.number(start, INDEX)
        rows = (self.at(self.key[0], begin * self.key[1]), self.key[1])
        self.meet(rows, self.turned, self.plan.size, self.weights, count)
        with w.loop(count) as k, self.lanes(live) as q:
            score = self.get(self.weights, k * n + q)
            if self.plan.causal:
                score = (begin + k).le(first + q).select(score, -math.inf)
            elif self.mask:
                score = self.masked(score, first + q, begin + k)
            if self.plan.causal or self.mask:
                self.put(score, self.weights, k * n + q)
            top = self.get(self.top, q)
            self.put(score.gt(top).select(score, top), self.top, q)

    def masked(self, score: Register, query: Register, key: Register) -> Register:
        """The score of a query and a key with the mask applied."""
        at = query * self.mask_steps["row"] + key * self.mask_steps["column"]
        if self.binary:
            seen = self.w.load(self.w.at(self.mask, np.dtype(bool), at), np.dtype(bool))
            return seen.select(score, -math.inf)
        return score + self.get(self.mask, at)

    def rebase(self, summed: bool) -> None:
        """Write what exponentials are relative to, and what that does to what is summed up."""
        w, n = self.w, self.plan.block
        with self.lanes() as q:
            top, total = self.get(self.top, q), self.get(self.total, q)
            base = top.eq(-math.inf).select(self.number(0), top)
            if not self.once:
                less = exp(self.get(self.base, q) - base)
                less = total.eq(0).select(self.number(0), less)
                self.put(less, self.less, q)
                self.put(total * less, self.total, q)
            self.put(base, self.base, q)
        if summed and not self.once:
            with w.loop(self.plan.width) as e, self.lanes() as q:
                y = self.get(self.sums, e * n + q) * self.get(self.less, q)
                self.put(y, self.sums, e * n + q)

    def weigh(self, count: Register, add: bool, keep: Callable[..., Register] | None) -> None:
        """Write the exponentials of a strip's scores, added up, and with dropout if it is given."""
        n = self.plan.block
        with self.w.loop(count) as k, self.lanes() as q:
            weight = exp(self.get(self.weights, k * n + q) - self.get(self.base, q))
            if add:
                self.put(self.get(self.total, q) + weight, self.total, q)
            self.put(keep(weight, k, q) if keep else weight, self.weights, k * n + q)

    def dropped(self, first: Register, start: Number) -> Callable[..., Register] | None:
        """How to write what dropout leaves of the weight of a key and a query."""
        if not self.place:
            return None
        plan, w = self.plan, self.w
        key, counter = (w.load(w.at(self.place, UINT, k * self.place_step), UINT) for k in range(2))

        def keep(weight: Register, k: Register, q: Register) -> Register:
            row = (self.head * plan.queries + first + q) * plan.keys
            place = (row + k + start).to(UINT)
            return weight * kept(mixed(key, counter + place), plan.p, self.dtype)

        return keep

    # --- forward --------------------------------------------------------------------------------

    def attend(self, first: Register, live: int, summed: bool) -> None:
        """Write the weights of a block of queries, and if that is wanted the sums of values.

        With one strip these are left in `weights`, without dropout where nothing is summed.
        """
        w, plan = self.w, self.plan
        rows = (self.at(self.query[0], first * self.query[1]), self.query[1])
        self.turn(rows, self.turned, plan.size, live, plan.scale)
        self.begin()
        if summed:
            clear(w, (self.sums, plan.block), plan.width, plan.block, self.dtype)

        def part(start: Number, count: Register) -> None:
            self.score(first, start, count, live)
            self.rebase(summed)
            self.weigh(count, True, self.dropped(first, start) if summed else None)
            if summed:
                begin = w.number(start, INDEX) * self.value[1]
                rows = (self.at(self.value[0], begin), self.value[1])
                self.gather(rows, self.weights, plan.width, self.sums, count)

        self.over_keys(first, part)
        with self.lanes() as q:
            total = self.get(self.total, q)
            one = self.number(1)
            self.put(one / total.eq(0).select(one, total), self.total, q)

    def forward(self, first: Register, live: int, target: Lines) -> None:
        """Write the results of a block of queries."""
        n = self.plan.block
        self.attend(first, live, summed=True)
        with self.w.loop(self.plan.width) as e, self.lanes() as q:
            self.put(self.get(self.sums, e * n + q) * self.get(self.total, q), self.sums, e * n + q)
        rows = (self.at(target[0], first * target[1]), target[1])
        self.turn_back(self.sums, rows, self.plan.width, live)


# --- back -----------------------------------------------------------------------------------------


class Back:
    """What is written for the gradients of one head.

    Args:
        work: the head.
        come: the gradient of its results.
        dq: where the gradient of its queries goes.
        dk: where that of its keys is added up.
        dv: where that of its values is.
    """

    def __init__(self, work: Work, come: Lines, dq: Lines, dk: Lines, dv: Lines) -> None:
        self.work, self.come, self.dq, self.dk, self.dv = work, come, dq, dk, dv
        plan = work.plan
        self.turned = work.reserve(plan.width * plan.block)
        self.slopes = work.reserve(work.strip_size * plan.block)
        self.sums = work.reserve(plan.size * plan.block)
        self.mean = work.reserve(plan.block)

    def block(self, first: Register, live: int) -> None:
        """Write what a block of queries gives."""
        work, plan, w = self.work, self.work.plan, self.work.w
        come = (work.at(self.come[0], first * self.come[1]), self.come[1])
        work.turn(come, self.turned, plan.width, live)
        work.attend(first, live, summed=not work.once)
        clear(w, (self.sums, plan.block), plan.size, plan.block, work.dtype)
        clear(w, (self.mean, plan.block), 1, plan.block, work.dtype)
        if not work.once:
            self.mean_of_sums()
        work.over_keys(first, lambda start, count: self.part(first, live, start, count))
        rows = (work.at(self.dq[0], first * self.dq[1]), self.dq[1])
        work.turn_back(self.sums, rows, plan.size, live)

    def mean_of_sums(self) -> None:
        """Write the mean slope of each query's weights: its gradient times its result."""
        work, n = self.work, self.work.plan.block
        with work.w.loop(work.plan.width) as e, work.lanes() as q:
            y = work.get(work.sums, e * n + q) * work.get(work.total, q)
            more = y * work.get(self.turned, e * n + q)
            work.put(work.get(self.mean, q) + more, self.mean, q)

    def part(self, first: Register, live: int, start: Number, count: Register) -> None:
        """Write what a strip of keys gives."""
        work, plan, w = self.work, self.work.plan, self.work.w
        begin = w.number(start, INDEX)
        keys, values, dk, dv = (
            (work.at(rows[0], begin * rows[1]), rows[1])
            for rows in (work.key, work.value, self.dk, self.dv)
        )
        if not work.once:
            work.score(first, start, count, live)
            work.weigh(count, False, None)
        work.meet(values, self.turned, plan.width, self.slopes, count)
        self.slope(count, work.dropped(first, start))
        queries, come = (
            (work.at(rows[0], first * rows[1]), rows[1]) for rows in (work.query, self.come)
        )
        self.spread(work.weights, come, plan.width, dv, count, live)
        self.spread(self.slopes, queries, plan.size, dk, count, live)
        work.gather(keys, self.slopes, plan.size, self.sums, count)

    def slope(self, count: Register, keep: Callable[..., Register] | None) -> None:
        """Write the weights as they are, and the slopes of the scores."""
        work, n = self.work, self.work.plan.block
        if work.once:
            with work.w.loop(count) as k, work.lanes() as q:
                at = k * n + q
                back = work.get(self.slopes, at)
                if keep:
                    back = keep(back, k, q)
                    work.put(back, self.slopes, at)
                weight = work.get(work.weights, at) * work.get(work.total, q)
                work.put(weight, work.weights, at)
                work.put(work.get(self.mean, q) + weight * back, self.mean, q)
        with work.w.loop(count) as k, work.lanes() as q:
            at = k * n + q
            back, weight = work.get(self.slopes, at), work.get(work.weights, at)
            if not work.once:
                back = keep(back, k, q) if keep else back
                weight = weight * work.get(work.total, q)
            slope = weight * (back - work.get(self.mean, q)) * work.plan.scale
            work.put(slope, self.slopes, at)
            if keep or not work.once:
                work.put(keep(weight, k, q) if keep else weight, work.weights, at)

    def spread(
        self, weights: str, rows: Lines, width: int, onto: Lines, count: Register, live: int
    ) -> None:
        """Write what the block's rows, by the weights of each key, add to those of the keys."""
        work, n = self.work, self.work.plan.block
        columns = cover(work.plan.vector, width)
        some = [columns[i : i + WIDE] for i in range(0, len(columns), WIDE)]

        def tile(at: Number, high: int) -> None:
            row = work.w.number(at, INDEX)
            a = (work.at(weights, row * n), n, 1)
            c = (work.at(onto[0], row * onto[1]), onto[1])
            for part in some:
                strip(work.w, live, a, rows, c, high, part, onto=True)

        work.down(count, ROWS if n % ROWS == 0 else n, tile)


def clear(w: Writer, rows: Lines, count: int, width: int, dtype: np.dtype[Any]) -> None:
    """Write zeros into rows."""
    with w.loop(count) as i:
        row = w.at(rows[0], dtype, i * rows[1])
        with w.loop(width, parallel=True) as j:
            w.store(w.number(0, dtype), w.at(row, dtype, j))
