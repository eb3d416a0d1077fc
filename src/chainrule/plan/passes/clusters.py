"""Clusters of instructions, and what has to come before what (floor 2).

Sets of instructions are bit masks, bit k for instruction number k, so that asking whether anything
lies between two clusters is a few operations however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from chainrule.plan.program import Value

__all__ = ["Cluster", "Clusters", "precedence"]

Bits: TypeAlias = int


class Cluster:
    """Instructions that are carried out together.

    Attributes:
        numbers: of the instructions, in the program's order.
        bits: the same as a mask.
        before: all that has to come before one of them, directly or not.
        after: all that has to come after one of them.
    """

    def __init__(self, numbers: Sequence[int], before: Bits, after: Bits) -> None:
        self.numbers = sorted(numbers)
        self.bits = sum(1 << k for k in numbers)
        self.before = before & ~self.bits
        self.after = after & ~self.bits


def precedence(read: Sequence[Sequence[Value]], written: Sequence[Sequence[Value]]) -> list[Bits]:
    """For each instruction those that have to come right before it.

    Whatever is read is read after the change before it, and before the one after.

    Args:
        read: the memory that each instruction reads.
        written: the memory that each makes or changes.
    """
    writer: dict[Value, Bits] = {}
    readers: dict[Value, Bits] = {}
    before: list[Bits] = []
    for k, (mine, changed) in enumerate(zip(read, written)):
        before.append(0)
        for v in mine:
            before[k] |= writer.get(v, 0)
        for v in changed:
            before[k] |= writer.get(v, 0) | readers.get(v, 0)
        for v in changed:
            writer[v], readers[v] = 1 << k, 0
        for v in mine:
            readers[v] = readers.get(v, 0) | 1 << k
    return before


def numbers_of(bits: Bits) -> Iterator[int]:
    """The numbers in a mask, from the lowest up."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


class Clusters:
    """All instructions, at first each in a cluster of its own.

    Args:
        right_before: for each instruction those that have to come before it; those before them
            need not be named.

    Attributes:
        of: for each instruction its cluster.
    """

    def __init__(self, right_before: Sequence[Bits]) -> None:
        count = len(right_before)
        before, after = list(right_before), [0] * count
        for k in range(count):
            for j in numbers_of(right_before[k]):
                before[k] |= before[j]
        for k in reversed(range(count)):
            for j in numbers_of(right_before[k]):
                after[j] |= after[k] | 1 << k
        self.of = [Cluster([k], before[k], after[k]) for k in range(count)]
        self._all = dict.fromkeys(self.of)

    def __iter__(self) -> Iterator[Cluster]:
        return iter(list(self._all))

    def may_join(self, a: Cluster, b: Cluster) -> bool:
        """Whether nothing has to come after one of the two and before the other."""
        return not (a.after & b.before | b.after & a.before) & ~(a.bits | b.bits)

    def join(self, a: Cluster, b: Cluster) -> Cluster:
        """Make one cluster of two."""
        both = Cluster([*a.numbers, *b.numbers], a.before | b.before, a.after | b.after)
        del self._all[a], self._all[b]
        # Who comes before both, or before the one that comes before the other, knows what follows.
        earlier, later = a.before ^ b.before, a.after ^ b.after
        for one, other in ((a, b), (b, a)):
            if other.bits & one.after:
                earlier, later = other.before & ~one.before, one.after & ~other.after
        earlier, later = earlier & both.before, later & both.after
        for c in self._all if earlier | later else ():
            if c.bits & earlier:
                c.after |= both.bits | both.after
            elif c.bits & later:
                c.before |= both.bits | both.before
        self._all[both] = None
        for k in both.numbers:
            self.of[k] = both
        return both

    def in_order(self) -> Iterator[Cluster]:
        """Every cluster after all that have to come before it, else as in the program."""
        done = 0
        ready = [(c.numbers[0], c) for c in self if not c.before]
        heapify(ready)
        while ready:
            _, cluster = heappop(ready)
            yield cluster
            done |= cluster.bits
            known = {c for _, c in ready}
            for c in (c for c in self if c.bits & cluster.after):
                if not c.before & ~done and c not in known:
                    heappush(ready, (c.numbers[0], c))
