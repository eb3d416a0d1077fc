"""A program over many rows as machine code that goes through them block by block (floor 2).

The rows are dealt into shares, each with sums of its own, and the threads of a team take shares as
they come free; a helper that does not come is not waited for. How many shares there are does not
depend on the threads, and their sums are added up in order: so the results do not either. Each
thread has memory of its own, small enough to stay in its cache from a block's first product to its
last gradient.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from chainrule.backend.threads import get_num_threads
from chainrule.ops import Array
from chainrule.plan.costs import Part
from chainrule.plan.many import Each, Given, Table, Taken, one_by_one
from chainrule.plan.native.course import fitting
from chainrule.plan.native.executor import Native
from chainrule.plan.passes.blocks import Cut, cut
from chainrule.plan.passes.memory import bytes_of
from chainrule.plan.program import Program, Value

__all__ = ["Blocked", "executor"]

# Bytes of an input that is worth being cut, of the rows of a block, which share a cache with those
# of the next, and of all totals together.
LARGE, NEAR, MOST = 2**24, 2**19, 2**19
SHARES = 16
FEWEST = 16  # rows of a block


def executor(program: Program, folder: Path | None = None) -> Native | Blocked:
    """Return what carries a program out the quicker way: in blocks of rows, or as it stands.

    Args:
        program: what to carry out.
        folder: where compiled code is kept; the user's cache by default.

    Raises:
        MissingExtraError: llvmlite is not installed.
    """
    found = cut(program, LARGE)
    size = block_size(found) if found else 0
    return Blocked(found, size, folder) if found and size else Native(program, folder)


def block_size(whole: Cut) -> int:
    """Return how many rows to take at a time, or 0 if a program is better left whole.

    It is if nothing is summed over rows: then they are read once and not again. Blocks are equal if
    the rows can be dealt so without making them much smaller.
    """
    most = min(NEAR // max(1, whole.row_bytes()), whole.rows // SHARES)
    if most < FEWEST or not 0 < sum(map(bytes_of, whole.totals)) <= MOST:
        return 0
    return next((n for n in range(most, most // 2, -1) if whole.rows % n == 0), most)


class Share(NamedTuple):
    """Rows that one thread goes through at a stretch.

    Attributes:
        number: of the sums to which they are added.
        start: the first row.
        blocks: how many.
        size: rows of each.
    """

    number: int
    start: int
    blocks: int
    size: int

    def of(self, array: Array) -> Each:
        """Return the blocks of an array, to be taken one after another."""
        rows = array[self.start : self.start + self.blocks * self.size]
        return Each(rows.reshape(self.blocks, self.size, *array.shape[1:]))


class Blocked:
    """A program that has been cut, as a function of the whole's inputs.

    Args:
        whole: the cut program.
        size: rows of a block.
        folder: where compiled code is kept; the user's cache by default.

    Attributes:
        program: the whole.
        bytes: size of the memory for what is made on the way.
        foreign: names of the ops that run through NumPy.
        work: how the rows are dealt, and the products of a block, as lines.

    Raises:
        MissingExtraError: llvmlite is not installed.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> rows = np.arange(8.0)[:, None]
        >>> _, program = record(lambda x: [ops.mean(x), ops.mul(x, 2)], [rows])
        >>> run = Blocked(cut(program, smallest=0), size=3)
        >>> mean, twice = run(rows)
        >>> float(mean), twice.ravel()
        (3.5, array([ 0.,  2.,  4.,  6.,  8., 10., 12., 14.]))
    """

    def __init__(self, whole: Cut, size: int, folder: Path | None = None) -> None:
        self.program = whole.program
        self._whole, self._size = whole, size
        self._shares = list(deal(whole.rows, size))
        sizes = dict.fromkeys(share.size for share in self._shares)
        first = {n: Native(whole.block(n), folder, threads=1) for n in sizes}
        twins = [{n: first[n].twin() for n in sizes} for _ in range(get_num_threads() - 1)]
        self._crew: Sequence[Hand] = [first, *twins]
        self._parts = [np.zeros((len(self._shares), *v.shape), v.dtype) for v in whole.totals]
        self._end = Native(whole.end(self._parts), folder)
        self.foreign = [name for n in (*first.values(), self._end) for name in n.foreign]
        own = [native for hand in self._crew for native in hand.values()]
        self.bytes = sum(n.bytes for n in (*own, self._end)) + sum(a.nbytes for a in self._parts)
        self.work = [
            f"blocks of {size} rows in {len(self._shares)} shares for {len(self._crew)} threads",
            *(f"  {line}" for line in first[size].work),
        ]
        self._lock = threading.Lock()

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """Carry the program out.

        Returns:
            The outputs: states and inputs themselves, of everything else the caller's own copy.
        """
        values = self.program.inputs
        with self._lock:
            held = [fitting(v, x, v.shape) for v, x in zip(values, inputs, strict=True)]
            given = dict(zip(values, held))
            made = {v: np.empty(v.shape, v.dtype) for v in self._whole.results}
            together(self._crew, [partial(self._take, s, given, made) for s in self._shares])
            rest = iter(self._end(*held))
        return tuple(made[v] if v in made else next(rest) for v in self.program.outputs)

    @property
    def parts(self) -> list[Part]:
        """Those of a block, as often as a thread does them, and those at the end."""
        own = [part._replace(times=self._times) for part in self._crew[0][self._size].parts]
        return [*own, *self._end.parts]

    def laps(self, inputs: Sequence[Array], runs: int) -> list[float]:
        """Carry the first block and the end out, and return the least seconds of each of the parts.

        Args:
            inputs: as for a run.
            runs: how many times.
        """
        given = dict(zip(self.program.inputs, inputs))
        sources = [given[v] if v.array is None else v.array for v in self._whole.sliced]
        block = [
            *(array[: self._size] for array in sources),
            *(given[v] for v in self._whole.shared),
            *(part[0, ...] for part in self._parts),
            *(np.empty((self._size, *v.shape[1:]), v.dtype) for v in self._whole.results),
        ]
        own = self._crew[0][self._size].laps(block, runs)
        return [*(self._times * s for s in own), *self._end.laps(inputs, runs)]

    @property
    def _times(self) -> float:
        """How many blocks a thread goes through in a run."""
        return self._whole.rows / self._size / len(self._crew)

    def many(
        self,
        steps: int,
        inputs: Sequence[Given],
        tables: Sequence[Table] = (),
        stacked: int | None = None,
    ) -> Taken:
        """Carry the program out many times: see `Native.many`."""
        return one_by_one(self, steps, inputs, tables, stacked)

    def _take(
        self, share: Share, given: Mapping[Value, Array], made: Mapping[Value, Array], hand: Hand
    ) -> None:
        """Go through the rows of a share.

        Raises:
            ChainruleError: what an operation says of numbers that it refuses.
        """
        whole = self._whole
        totals = [part[share.number, ...] for part in self._parts]
        for total in totals:
            total.fill(0)
        sources = [given[v] if v.array is None else v.array for v in whole.sliced]
        taken = hand[share.size].many(
            share.blocks,
            [
                *map(share.of, sources),
                *(given[v] for v in whole.shared),
                *totals,
                *map(share.of, made.values()),
            ],
        )
        if taken.refuse:
            taken.refuse()


def deal(rows: int, size: int) -> Iterator[Share]:
    """Deal rows in blocks into shares; what is left over is a share of its own.

    Examples:
        >>> for share in [*deal(37, 2)][-2:]:
        ...     print(share)
        Share(number=15, start=32, blocks=2, size=2)
        Share(number=16, start=36, blocks=1, size=1)
    """
    blocks = rows // size
    count = min(SHARES, blocks)
    for k in range(count):
        first, end = k * blocks // count, (k + 1) * blocks // count
        yield Share(k, first * size, end - first, size)
    if rows % size:
        yield Share(count, blocks * size, 1, rows % size)


# --- threads ------------------------------------------------------------------------------------

Hand: TypeAlias = Mapping[int, Native]  # by rows of a block
Task: TypeAlias = Callable[[Hand], None]


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "chainrule")


def _next(left: deque[Task]) -> Task | None:
    """The next task, if there is one; another thread may take the last at any time."""
    try:
        return left.popleft()
    except IndexError:
        return None


def together(crew: Sequence[Hand], tasks: Sequence[Task]) -> None:
    """Do all tasks, the caller with the first of a crew and a thread with each of the others.

    Raises:
        Exception: what a task has raised, when nobody is at one any more.
    """
    left = deque(tasks)

    def work(hand: Hand) -> None:
        while task := _next(left):
            task(hand)

    helpers = [_helpers(len(crew) - 1).submit(work, hand) for hand in crew[1:]]
    try:
        work(crew[0])
    finally:
        left.clear()
        wait([helper for helper in helpers if not helper.cancel()])
    for helper in helpers:
        if not helper.cancelled():
            helper.result()
