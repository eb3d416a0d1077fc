"""How the threads of a block go along rows, and how they sum up (floor 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.plan.cuda.launches import THREADS
from chainrule.plan.cuda.text import Writer, c_type
from chainrule.plan.formulas.reductions import Reduction
from chainrule.plan.formulas.registers import Dtype, Register

__all__ = ["Columns", "Rows", "power_of_two", "split"]

WARP = 32
ALL = "0xffffffffu"


def power_of_two(least: int) -> int:
    """The smallest power of two that is no less, and at most the threads of a block.

    Examples:
        >>> power_of_two(10), power_of_two(16), power_of_two(5000)
        (16, 16, 256)
    """
    return min(THREADS, 1 << max(least - 1, 0).bit_length())


def split(
    w: Writer, number: str, kind: str, dims: Sequence[int], space: Sequence[int]
) -> dict[int, str]:
    """Write the indices, along some dimensions of a space, of an element by its number."""
    wide = [d for d in dims if space[d] != 1]
    found: dict[int, str] = {}
    left = number
    for d in reversed(wide[1:]):
        found[d], before = w.fresh("i"), w.fresh("n")
        w.do(f"const {kind} {before} = {left} / {space[d]};")
        w.do(f"const {kind} {found[d]} = {left} - {before} * {space[d]};")
        left = before
    if wide:
        found[wide[0]] = left
    return {d: found[d] for d in wide}


class Rows:
    """Some threads next to one another go along a row whose elements lie side by side.

    Args:
        row: elements of a row.
        count: how many rows.
        threads: that go along one.

    Attributes:
        number: the name of the row's number.
        live: what holds unless a thread has no row.
        first: what holds for one thread of each row.
    """

    number = "at"

    def __init__(self, row: int, count: int, threads: int = 0) -> None:
        self.row, self.count = row, count
        self.threads = threads or power_of_two(row)
        self.block: tuple[int, ...] = (THREADS,)
        self.each = THREADS // self.threads
        self.live = [] if count % self.each == 0 else ["live"]
        self.first = " && ".join(["lane == 0", *self.live])

    def begin(self, w: Writer) -> None:
        """Write which row a thread goes along."""
        w.do(f"const int lane = threadIdx.x % {self.threads};")
        w.do(f"const int mine = blockIdx.x * {self.each} + threadIdx.x / {self.threads};")
        w.do(f"const bool live = mine < {self.count};")
        w.do("const int at = live ? mine : 0;")

    def head(self, kind: str, shares: int = 1) -> str:
        """Return the head of the loop along a row, or along this block's share of it."""
        if shares == 1:
            return f"for ({kind} r = lane; r < {self.row}; r += {self.threads})"
        step = -(-self.row // (shares * self.threads)) * self.threads
        end = f"r < {self.row} && r < ((long long)blockIdx.y + 1) * {step}"
        begin = f"(long long)blockIdx.y * {step} + lane"
        return f"for ({kind} r = {begin}; {end}; r += {self.threads})"

    def grid(self, shares: int) -> tuple[int, ...]:
        """The blocks."""
        return (-(-self.count // self.each), shares)

    def total(self, w: Writer, name: str, how: Reduction, dtype: Dtype) -> Register:
        """Write what the threads of a row have come to together; all of them get it."""
        within = min(self.threads, WARP)
        own = c_type(dtype)
        via = "int" if dtype.itemsize < 4 else own
        with w.block(f"for (int o = {within // 2}; o > 0; o /= 2)"):
            other = w.line(f"({own})__shfl_xor_sync({ALL}, ({via}){name}, o)", dtype)
            w.do(f"{name} = {how.combine(w.named(name, dtype), other)};")
        if self.threads <= WARP:
            return w.named(name, dtype)
        room, warps = w.fresh("room"), THREADS // WARP
        w.do(f"__shared__ {own} {room}[{warps}];")
        w.do(f"if (threadIdx.x % {WARP} == 0) {room}[threadIdx.x / {WARP}] = {name};")
        w.do("__syncthreads();")
        first, count = w.fresh("w"), self.threads // WARP
        w.do(f"const int {first} = threadIdx.x / {self.threads} * {count};")
        w.do(f"{name} = {room}[{first}];")
        with w.block(f"for (int o = 1; o < {count}; ++o)"):
            other = w.line(f"{room}[{first} + o]", dtype)
            w.do(f"{name} = {how.combine(w.named(name, dtype), other)};")
        return w.named(name, dtype)


class Columns:
    """Each thread has a row of its own, elements of neighbours side by side; several share one.

    Args:
        row: elements of a row.
        count: how many rows.
    """

    number = "at"

    def __init__(self, row: int, count: int) -> None:
        self.row, self.count = row, count
        self.wide = min(WARP, power_of_two(count))
        self.high = THREADS // self.wide
        self.block: tuple[int, ...] = (self.wide, self.high)
        self.live = [] if count % self.wide == 0 else ["live"]
        self.first = " && ".join(["threadIdx.y == 0", *self.live])

    def begin(self, w: Writer) -> None:
        """Write which row a thread has."""
        w.do(f"const int mine = blockIdx.x * {self.wide} + threadIdx.x;")
        w.do(f"const bool live = mine < {self.count};")
        w.do("const int at = live ? mine : 0;")

    def head(self, kind: str, shares: int = 1) -> str:
        """Return the head of the loop along a row."""
        first = f"blockIdx.y * {self.high} + threadIdx.y"
        return f"for ({kind} r = {first}; r < {self.row}; r += {self.high * shares})"

    def grid(self, shares: int) -> tuple[int, ...]:
        """The blocks."""
        return (math.ceil(self.count / self.wide), shares)

    def total(self, w: Writer, name: str, how: Reduction, dtype: Dtype) -> Register:
        """Write what the threads of a row have come to together; all of them get it."""
        room = w.fresh("room")
        w.do(f"__shared__ {c_type(dtype)} {room}[{self.high}][{self.wide}];")
        w.do(f"{room}[threadIdx.y][threadIdx.x] = {name};")
        w.do("__syncthreads();")
        w.do(f"{name} = {room}[0][threadIdx.x];")
        with w.block(f"for (int o = 1; o < {self.high}; ++o)"):
            other = w.line(f"{room}[o][threadIdx.x]", dtype)
            w.do(f"{name} = {how.combine(w.named(name, dtype), other)};")
        return w.named(name, dtype)
