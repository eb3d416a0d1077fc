"""Parts of a plan, what each should take at this machine's limits, and what it took (floor 2).

A part is what an executor carries out together: a group of instructions in one nest of loops, or
one instruction. Its arithmetic is that of its ops' cost functions; the memory that it moves is what
it reads from other parts and leaves for them. Neither can go faster than the machine multiplies
matrices and copies memory, which is measured once, so the prediction is a lower bound.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from chainrule.backend.threads import get_num_threads, matmul
from chainrule.ops import Shape
from chainrule.plan.changes import changed, root
from chainrule.plan.machine import forget, measured
from chainrule.plan.passes.memory import bytes_of
from chainrule.plan.program import Instruction, Operand, Place, Program, Value, at

__all__ = ["Part", "kept", "laps", "limits", "of_instruction", "table"]

# Bytes that lie in the nearest cache, in the next, in the last, and in memory.
SIZES = (2**15, 2**19, 2**23, 2**27)
FEWEST, SPENT = 9, 0.03  # tries of each, and seconds for them
SHORTEST = 1e-12  # seconds for a byte that nothing beats
BUSY = 1.5  # times the speed that was kept: then it was measured while others were at work


class Part(NamedTuple):
    """What is carried out together.

    Attributes:
        instructions: in order.
        space: sizes of the loops, or the shape of the result.
        moved: bytes that it reads from other parts and writes for them.
        native: whether by machine code; if not, by NumPy.
        times: how often in a run.
        device: where; nothing is predicted of a GPU.
    """

    instructions: Sequence[Instruction]
    space: Shape
    moved: int
    native: bool = False
    times: float = 1
    device: str = ""

    @property
    def flops(self) -> int:
        """Floating-point operations of one time."""
        return sum(_flops(i) for i in self.instructions)

    @property
    def predicted(self) -> float:
        """The seconds that it takes at the machine's limits."""
        if self.device:
            return 0.0
        found = limits()
        width = max((i.out.dtype.itemsize for i in self.instructions), default=4)
        speed = found.flops * 4 / max(4, width)
        return self.times * max(self.flops / speed, self.moved / found.bandwidth(self.moved))

    @property
    def place(self) -> Place | None:
        """The person's line, of the first instruction that has one."""
        return next((i.place for i in self.instructions if i.place), None)

    def __str__(self) -> str:
        counts = Counter(i.op.name for i in self.instructions)
        names = ", ".join(name + (f" x{n}" if n > 1 else "") for name, n in counts.items())
        names = names if len(names) <= 60 else f"{names[:57]}..."
        other = "op by op: " if self.device else "NumPy: "
        told = f"{'' if self.native else other}{names} {self.space}"
        return f"{told:<70}{at(self.place, '  # ')}".rstrip()


def of_instruction(instruction: Instruction) -> Part:
    """The part that one instruction is, carried out by NumPy."""
    moved = {*instruction.values, instruction.out} if instruction.op.kind != "view" else set()
    return Part([instruction], instruction.out.shape, sum(map(bytes_of, moved)))


def _flops(instruction: Instruction) -> int:
    shapes: list[Any] = [_shape(a) for a in instruction.args]
    return int(instruction.op.cost(*shapes, **instruction.attrs).flops)


def _shape(a: Operand | None) -> Shape | None:
    return a.shape if isinstance(a, Value) else None if a is None else ()


# --- what the machine can do --------------------------------------------------------------------


class Limits(NamedTuple):
    """What this machine has been seen to do.

    Attributes:
        flops: floating-point operations a second, of float32 in a product of matrices.
        copied: of some numbers of bytes, the smallest first, how many a second are read and written
            where so many are moved.
    """

    flops: float
    copied: Mapping[int, float]

    def bandwidth(self, size: int) -> float:
        """Bytes a second where so many are moved."""
        return next((speed for most, speed in self.copied.items() if size <= most), self._far)

    @property
    def _far(self) -> float:
        return min(self.copied.values())


def limits(anew: bool = False) -> Limits:
    """Return what the machine can do with as many threads as are allowed.

    It is measured once, which takes a fraction of a second, and kept in the user's cache. A machine
    that turns out to be much quicker than what was kept was busy then, and is measured anew.

    Args:
        anew: do not go by what this process knows of it.

    Examples:
        >>> limits().flops > 0 < limits().bandwidth(1000)
        True
    """
    if anew:
        _limits.cache_clear()
    return _limits(get_num_threads())


@cache
def _limits(threads: int) -> Limits:
    found = measured("limits", _measured, _read)
    if _multiplied() > BUSY * found.flops:
        forget()
        found = measured("limits", _measured, _read)
    return found


def _read(found: Any) -> Limits:
    flops, copied = float(found["flops"]), [float(speed) for speed in found["copied"]]
    if min(flops, *copied) <= 0 or len(copied) != len(SIZES):
        raise ValueError("these are no speeds")
    return Limits(flops, dict(zip(SIZES, copied)))


def _measured() -> dict[str, Any]:
    return {"flops": _multiplied(), "copied": [_copied(size) for size in SIZES]}


def _multiplied() -> float:
    """The operations a second of a product of matrices."""
    a = np.ones((512, 512), np.float32)
    product = np.empty_like(a)
    return 2 * 512**3 / _least(lambda: matmul(a, a, product))


def _copied(size: int) -> float:
    """The bytes a second that are read and written where so many are."""
    one, other = np.ones(size // 2, np.uint8), np.ones(size // 2, np.uint8)
    call = _least(lambda: np.copyto(one[:1], other[:1]))
    return size / max(_least(lambda: np.copyto(one, other)) - call, size * SHORTEST)


def _least(work: Callable[[], Any]) -> float:
    """The least seconds that `work` takes."""
    least, tries = math.inf, 0
    end = time.perf_counter() + SPENT
    while tries < FEWEST or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        least, tries = min(least, time.perf_counter() - start), tries + 1
    return least


# --- what it took -------------------------------------------------------------------------------


def laps(steps: Sequence[Callable[[], Any]], runs: int) -> list[float]:
    """Take steps in order, and return the least seconds that each took in so many runs."""
    rounds = []
    for _ in range(runs):
        marks = [time.perf_counter()]
        for step in steps:
            step()
            marks.append(time.perf_counter())
        rounds.append(np.diff(marks))
    return [float(s) for s in np.min(rounds, axis=0)]


def kept(program: Program) -> Callable[[], None]:
    """Copy what a run of the program changes, and return what puts it back."""
    touched = {v for i in program for v in changed(i)}
    arrays = [v.array for v in {root(v) for v in touched} if v.array is not None]
    copies = [a.copy() for a in arrays]

    def put_back() -> None:
        for array, copy in zip(arrays, copies):
            array[...] = copy

    return put_back


# --- as a table ---------------------------------------------------------------------------------


def table(parts: Sequence[Part], measured: Sequence[float] | None = None) -> str:
    """Parts with the microseconds that each should take and, if these were measured, took.

    Args:
        parts: of a plan.
        measured: seconds for each.

    Returns:
        A line for each, the slowest first, below one for all.
    """
    predicted = [part.predicted for part in parts]
    ranks = predicted if measured is None else measured
    whole = sum(ranks) or math.inf
    on_gpu = any(part.device for part in parts)
    if on_gpu and measured is None:
        return _moved(parts)
    seen = ["measured"] if measured is not None else []
    heads = [*([] if on_gpu else ["predicted"]), *seen, "share"]
    lines = ["  ".join(f"{head:>12}" for head in heads)]
    columns = [*([] if on_gpu else [predicted]), *([measured] if measured is not None else [])]
    for k in [None, *sorted(range(len(parts)), key=lambda k: -ranks[k])]:
        seconds = [sum(column) if k is None else column[k] for column in columns]
        cells = [f"{1e6 * s:9.1f} us" for s in seconds]
        share = 1.0 if k is None else ranks[k] / whole
        told = f"{len(parts)} parts" if k is None else str(parts[k])
        lines.append("  ".join([*cells, f"{share:12.1%}", told]))
    return "\n".join(lines)


def _moved(parts: Sequence[Part]) -> str:
    """Parts on a GPU with the bytes that each moves, in order."""
    total = sum(part.moved for part in parts)
    lines = [f"{'moved':>14}", f"{total / 1024:10.1f} KiB  {len(parts)} parts"]
    return "\n".join([*lines, *(f"{part.moved / 1024:10.1f} KiB  {part}" for part in parts)])
