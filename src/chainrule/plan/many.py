"""Many runs of a program, one after another: what each is given, and what comes of all (floor 2).

An executor that has a way of its own to take many steps in one call gives what `one_by_one` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops import Array

__all__ = ["Each", "Given", "Rows", "Table", "Taken", "at", "check_rows", "one_by_one"]


class Each(NamedTuple):
    """An input of which each step takes one element along the first dimension, in order.

    Attributes:
        array: (steps, ...).
    """

    array: Array


class Rows(NamedTuple):
    """An input of which each step takes certain rows.

    Attributes:
        array: (n, ...).
        numbers: of the rows, (steps, rows a step), integers from 0 to n - 1.
    """

    array: Array
    numbers: Array


# An input of many steps; an array is the same in all of them.
Given: TypeAlias = "Array | Each | Rows"


class Table(NamedTuple):
    """What a state that no step changes is to be in each step.

    Attributes:
        state: the array that the program reads; it is left as it is.
        values: (steps, ...).
    """

    state: Array
    values: Array


class Taken(NamedTuple):
    """What came of many steps.

    Attributes:
        steps: how many were done: all, or those before the one that a check has ended.
        outputs: one array (steps, ...) for each output, or of some only what the last step gave.
        refuse: raises what the check has to say, if one has ended the steps.
    """

    steps: int
    outputs: tuple[Array, ...]
    refuse: Callable[[], Any] | None = None


def at(given: Given, step: int) -> Array:
    """Return what a step takes of an input.

    Examples:
        >>> at(Rows(np.array([5.0, 6.0, 7.0]), np.array([[0, 1], [2, 2]])), 1)
        array([7., 7.])
    """
    if isinstance(given, Rows):
        rows: Array = given.array[given.numbers[step]]
        return rows
    return given.array[step] if isinstance(given, Each) else given


def one_by_one(
    run: Callable[..., Sequence[Array]],
    steps: int,
    inputs: Sequence[Given],
    tables: Sequence[Table] = (),
    stacked: int | None = None,
) -> Taken:
    """Take many steps, each one call of `run`.

    Args:
        run: takes a step.
        steps: how many; at least 1.
        inputs: of the program, in order.
        tables: for states that change from step to step.
        stacked: of how many outputs, from the first, what every step gives is wanted; of all by
            default.

    Examples:
        >>> one_by_one(lambda x: [x * 2], 3, [Each(np.arange(3.0))]).outputs
        (array([0., 2., 4.]),)
    """
    before = [np.array(table.state) for table in tables]
    found: list[Sequence[Array]] = []
    try:
        for step in range(steps):
            for table in tables:
                np.copyto(table.state, table.values[step])
            if found and stacked is not None:
                found[-1] = found[-1][:stacked]
            found.append(run(*(at(given, step) for given in inputs)))
    finally:
        for table, array in zip(tables, before):
            np.copyto(table.state, array)
    last = found[-1]
    kept = len(last) if stacked is None else stacked
    stacks = [np.stack([outputs[k] for outputs in found]) for k in range(kept)]
    return Taken(steps, (*stacks, *last[kept:]))


def check_rows(given: Rows) -> None:
    """Raise unless all numbers of rows are within the array.

    Raises:
        ShapeError: one is not.
    """
    n, numbers = len(given.array), given.numbers
    if ((numbers < 0) | (numbers >= n)).any():
        wrong = numbers[(numbers < 0) | (numbers >= n)][0]
        raise ShapeError(f"row {wrong} was asked for; there are rows 0 to {n - 1}")
