"""A recorded graph of scalars as arrays, and its replay level by level with NumPy (floor 0).

A number's *level* is one more than the highest among its operands, and 0 for a leaf: within a level
nothing depends on anything else. In the arrays leaves come first and results follow level by level,
alike operations side by side, so that each run of them is one slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from chainrule.scalar.formulas import FORMULAS

__all__ = ["Tape", "Wiring"]

# The operation of each number and where its operands stand, as in Value.graph: leaves first.
Wiring = list[tuple[str, tuple[int, ...]]]


class Tape:
    """The numbers of a graph, their wiring, and what a replay computes of them.

    Args:
        wiring: of a graph, as `Value.graph` orders it.

    Attributes:
        runs: of each run of alike operations which it is and the slice of the results, from, to.
        a, b: for each result the places of its operands; an absent one is after the last number.
        slope_a, slope_b: for each result the slope by each operand.
        data, grad: for each number, and for what is absent.
        leaves: how many of the numbers are leaves.
        means: what replays it, in words.

    Examples:
        >>> tape = Tape([("", ()), ("", ()), ("*", (0, 1)), ("tanh", (2,))])
        >>> tape.runs
        [('*', 0, 1), ('tanh', 1, 2)]
        >>> tape.replay([2.0, 0.0]), tape.grad[:2]
        (0.0, array([0., 2.]))
    """

    means = "NumPy"

    def __init__(self, wiring: Wiring) -> None:
        keys = [(level, op) for level, (op, _) in zip(levels(wiring), wiring)]
        order = sorted(range(len(wiring)), key=keys.__getitem__)
        place = {i: k for k, i in enumerate(order)}
        absent = len(wiring)
        results = [i for i in order if wiring[i][0]]
        places = [(*(place[j] for j in wiring[i][1]), absent)[:2] for i in results]
        self.a, self.b = np.array(places, dtype=np.int64).reshape(-1, 2).T.copy()
        self.slope_a, self.slope_b = np.empty((2, len(results)))
        self.data, self.grad = np.zeros((2, len(wiring) + 1))
        self.leaves = len(wiring) - len(results)
        self.runs: list[tuple[str, int, int]] = []
        for (_, op), run in groupby(keys[i] for i in results):
            start = self.runs[-1][2] if self.runs else 0
            self.runs.append((op, start, start + len(list(run))))

    def replay(self, leaves: Sequence[float]) -> float:
        """Compute value and gradient anew and return the value.

        Args:
            leaves: the numbers of the first leaves; those of further ones stay.
        """
        self.data[: len(leaves)] = leaves
        self.grad[:] = 0.0
        self.grad[-2] = 1.0  # the result of all is the last
        with np.errstate(all="ignore"):
            self.forward()
            self.backward()
        return float(self.data[-2])

    def forward(self) -> None:
        """Compute the results and their slopes, run by run."""
        results = self.data[self.leaves :]
        for op, start, stop in self.runs:
            a, b = self.data[self.a[start:stop]], self.data[self.b[start:stop]]
            run = slice(start, stop)
            results[run], self.slope_a[run], self.slope_b[run] = FORMULAS[op](np, a, b)

    def backward(self) -> None:
        """Hand gradients down, run by run: the chain rule."""
        results = self.grad[self.leaves :]
        for _, start, stop in reversed(self.runs):
            run = slice(start, stop)
            np.add.at(self.grad, self.a[run], results[run] * self.slope_a[run])
            np.add.at(self.grad, self.b[run], results[run] * self.slope_b[run])


def levels(wiring: Wiring) -> list[int]:
    """Return the level of each number.

    Examples:
        >>> levels([("", ()), ("", ()), ("*", (0, 1)), ("+", (2, 0))])
        [0, 0, 1, 2]
    """
    found: list[int] = []
    for _, operands in wiring:
        found.append(1 + max((found[i] for i in operands), default=-1))
    return found
