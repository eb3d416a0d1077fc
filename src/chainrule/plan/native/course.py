"""The pointers of many steps: where each begins, and by how much it moves on (floor 2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops import Array
from chainrule.plan.many import Each, Given, Rows, check_rows
from chainrule.plan.native.arrays import address, room_for
from chainrule.plan.native.many import PICK
from chainrule.plan.program import Value

__all__ = ["Course", "fitting"]

# Steps in the first call, and the seconds beyond which calls get no longer: Python hears of an
# interruption only between two.
FIRST, LONG = 4, 0.05


class Course:
    """What machine code is given to take many steps.

    Args:
        table: of pointers, for a single step; it is copied.
        places: of values in the table.
        steps: how many.
    """

    def __init__(self, table: Array, places: Mapping[Value, int], steps: int) -> None:
        self.table, self.places, self.steps = table.copy(), places, steps
        self._moves = np.zeros(len(table), np.int64)
        self._picks = np.zeros(PICK * len(places), np.uint64)
        self._held: list[Array] = []  # what pointers point to has to live as long

    def give(self, k: int, value: Value, given: Given) -> None:
        """Say what input number `k` is in each step."""
        if isinstance(given, Rows):
            self._pick(k, value, given)
        elif isinstance(given, Each):
            self.each(value, given.array)
        else:
            self.point(value, fitting(value, given, value.shape))

    def each(self, value: Value, array: Array) -> None:
        """Let a value be another element of `array` in each step."""
        array = fitting(value, array, (self.steps, *value.shape))
        self.point(value, array, array.nbytes // self.steps)

    def point(self, value: Value, array: Array, move: int = 0) -> None:
        """Let a value begin where `array` does, and so many bytes further in each step."""
        self._held.append(array)
        self.table[self.places[value]] = address(array)
        self._moves[self.places[value]] = move

    def stack(self, value: Value, whole: bool) -> Array:
        """Return the array for an output of every step, or if not `whole`, of the last."""
        array = room_for(value, self.steps if whole else None)
        self.point(value, array, array.nbytes // self.steps if whole else 0)
        return array

    def _pick(self, k: int, value: Value, given: Rows) -> None:
        check_rows(given)
        rows = np.require(given.numbers, np.int64, ("C", "A"))
        if rows.shape != (self.steps, *value.shape[:1]):
            raise ShapeError(
                f"this program takes {value!r} and {self.steps} steps were asked for, so the "
                f"numbers of rows must be {self.steps} x {value.shape[0]}; they are {rows.shape}"
            )
        source = fitting(value, given.array, (len(given.array), *value.shape[1:]))
        batch = room_for(value)
        self._held += [source, rows]
        self._picks[k * PICK : (k + 1) * PICK] = (address(source), address(rows), address(batch))
        self.point(value, batch)

    def take(self, function: Callable[..., int]) -> tuple[int, int]:
        """Take the steps.

        Returns:
            How many were done, and what has ended them: 0 for nothing.
        """
        turn, total, count = np.zeros(1, np.int64), 0, FIRST
        places = [address(a) for a in (self.table, self._moves, self._picks, turn)]
        while True:
            begun = time.perf_counter()
            stopped = function(*places, min(count, self.steps - total))
            total += int(turn[0])
            if stopped or total == self.steps:
                return total, stopped
            if time.perf_counter() - begun < LONG:
                count *= 2


def fitting(value: Value, x: Array, shape: tuple[int, ...]) -> Array:
    """Return x as it must lie, or raise unless it has this shape and the value's dtype."""
    if x.shape != shape or x.dtype != value.dtype:
        raise ShapeError(
            f"this program was recorded for {value!r}, and was given {x.dtype}{list(x.shape)}, not "
            f"{list(shape)}; record it again"
        )
    flags = x.flags
    if flags.c_contiguous and flags.aligned:
        return x
    held: Any = np.require(x, requirements=("C", "A"))
    return held
