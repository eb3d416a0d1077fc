"""Memory: every value that owns some gets a place in an arena, reused when it dies (floor 2).

A value lives from the step that writes it to the last that reads it or a view of it. Two values may
have the same bytes when they do not live at the same time, and an elementwise result may lie where
an operand of the same size lay that dies in that very step. Large values choose their place first,
the lowest that is free for all of their life: so small ones fill the gaps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainrule.plan.program import Value

__all__ = ["Allocation", "Step", "allocate", "bytes_of", "lifetimes", "most_alive"]

# Bytes: a cache line, and the widest vector.
ALIGNMENT = 64


@dataclass(frozen=True)
class Allocation:
    """Where in the arena each made value lies, in row-major order.

    Attributes:
        size: bytes of the arena.
        offsets: for each made value that owns memory its first byte, a multiple of `ALIGNMENT`.
            Inputs and states have memory of their own, views that of their base, and what a group
            makes and reads only itself none.
    """

    size: int
    offsets: Mapping[Value, int]

    def __str__(self) -> str:
        lines = [f"arena of {self.size} bytes"]
        for value, offset in sorted(self.offsets.items(), key=lambda item: item[1]):
            lines.append(f"  {offset:>8} to {offset + bytes_of(value):<8} {value!r}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Step:
    """What one instruction or group does to memory; only values that own some in the arena.

    Attributes:
        made: what it writes.
        read: what it reads, also through views.
        over: those of `read` that what it makes may lie upon.
    """

    made: tuple[Value, ...]
    read: tuple[Value, ...]
    over: tuple[Value, ...] = ()


@dataclass
class _Block:
    """Values in one place, one after another, from the birth of the first to the last's end."""

    size: int
    birth: int
    end: int
    offset: int = 0


def bytes_of(value: Value) -> int:
    """The bytes that a value's elements take."""
    return math.prod(value.shape) * value.dtype.itemsize


def lifetimes(steps: Sequence[Step], kept: Sequence[Value] = ()) -> dict[Value, tuple[int, int]]:
    """For each value that is made the step that makes it and the last that needs it.

    Args:
        steps: in the order in which they are carried out.
        kept: values that are needed after the last step.
    """
    life: dict[Value, tuple[int, int]] = {}
    for k, step in enumerate(steps):
        # What is written to again, in place, lives on.
        life.update({v: (life.get(v, (k, k))[0], k) for v in (*step.read, *step.made)})
    life.update({v: (life[v][0], len(steps)) for v in kept})
    return life


def allocate(steps: Sequence[Step], kept: Sequence[Value] = ()) -> Allocation:
    """Give every value that the steps make a place.

    Args:
        steps: in the order in which they are carried out.
        kept: values that are needed after the last step.

    Examples:
        >>> import numpy as np
        >>> a, b, c = (Value(name, (16,), np.dtype(np.float32), "made") for name in "abc")
        >>> print(allocate([Step((a,), ()), Step((b,), (a,)), Step((c,), (b,))]))
        arena of 128 bytes
                 0 to 64       a: float32[16]
                 0 to 64       c: float32[16]
                64 to 128      b: float32[16]
    """
    blocks = _blocks(steps, lifetimes(steps, kept))
    placed: list[_Block] = []
    for block in sorted({id(b): b for b in blocks.values()}.values(), key=lambda b: -b.size):
        block.offset = _free_place(block, placed)
        placed.append(block)
    size = max((b.offset + b.size for b in placed), default=0)
    return Allocation(size, {v: b.offset for v, b in blocks.items()})


def _blocks(steps: Sequence[Step], life: Mapping[Value, tuple[int, int]]) -> dict[Value, _Block]:
    blocks: dict[Value, _Block] = {}
    for k, step in enumerate(steps):
        dying = [v for v in step.over if life[v][1] == k]
        for value in (v for v in step.made if v not in blocks):
            under = next((v for v in dying if bytes_of(v) == bytes_of(value)), None)
            if under is None:
                blocks[value] = _Block(_rounded(bytes_of(value)), *life[value])
            else:
                dying.remove(under)
                blocks[value] = blocks[under]
                blocks[value].end = life[value][1]
    return blocks


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _free_place(block: _Block, placed: Sequence[_Block]) -> int:
    taken = [b for b in placed if b.birth <= block.end and block.birth <= b.end]
    offset = 0
    for other in sorted(taken, key=lambda b: b.offset):
        if offset + block.size <= other.offset:
            break
        offset = max(offset, other.offset + other.size)
    return offset


def most_alive(steps: Sequence[Step], kept: Sequence[Value] = ()) -> int:
    """The most bytes alive at once if nothing shares a place: what allocation is measured by."""
    change = [0] * (len(steps) + 2)
    for value, (birth, end) in lifetimes(steps, kept).items():
        change[birth] += _rounded(bytes_of(value))
        change[end + 1] -= _rounded(bytes_of(value))
    alive = most = 0
    for step in change:
        alive += step
        most = max(most, alive)
    return most
