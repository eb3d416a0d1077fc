"""What shares memory, and what changes it: asked before anything is moved or left out (floor 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from chainrule.ops.update import CHANGED
from chainrule.plan.arrays import bounds
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Versions", "changed", "has_effect", "is_constant", "root", "roots"]


def changed(instruction: Instruction) -> tuple[Value, ...]:
    """The arguments that the instruction changes in place.

    A generator is changed by what draws from it, an optimiser's state by its step.
    """
    places = CHANGED.get(instruction.op.name, (0,) if instruction.op.kind == "random" else ())
    found = [instruction.args[i] for i in places]
    return tuple(a for a in found if isinstance(a, Value) and 0 not in a.shape)


def has_effect(instruction: Instruction) -> bool:
    """Whether the instruction does more than give a value: change memory, or refuse numbers."""
    return bool(changed(instruction)) or instruction.op.name == "check"


def root(value: Value) -> Value:
    """The value in whose memory `value` lies, by what the recorder saw."""
    while value.base is not None:
        value = value.base
    return value


def roots(program: Program) -> dict[Value, Value]:
    """For every value of the program one that stands for all that may share memory with it.

    States share memory where their arrays do, as a matrix and its transpose would.
    """
    found: dict[Value, Value] = {}
    first, end = None, 0
    for low, high, state in sorted(_bounds(program.state), key=lambda bounds: bounds[:2]):
        first, end = (state, high) if first is None or low >= end else (first, max(end, high))
        found[state] = first
    for value in values(program):
        found[value] = found.get(root(value), root(value))
    return found


def _bounds(states: Iterable[Value]) -> Iterator[tuple[int, int, Value]]:
    """The addresses between which the arrays of states lie."""
    for state in states:
        if state.array is not None:
            low, high = bounds(state.array)
            yield low, high, state


def values(program: Program) -> list[Value]:
    """Every value, in the order in which it comes up."""
    made = (v for i in program for v in (*i.values, i.out))
    return list(dict.fromkeys((*program.inputs, *program.state, *made, *program.outputs)))


def is_constant(value: Value) -> bool:
    """Whether nobody can change the value between two runs: a state read-only all the way down."""
    array = value.array
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return value.array is not None and array is None


class Versions:
    """How often the memory of each value has been changed, walking down a program."""

    def __init__(self, program: Program) -> None:
        self._roots = roots(program)
        self._count: dict[Value, int] = {}

    def __getitem__(self, value: Value) -> tuple[Value, int]:
        """The memory of a value and how often it has been changed so far."""
        base = self._roots.get(value, value)
        return base, self._count.get(base, 0)

    def of(self, these: Iterable[Value]) -> tuple[tuple[Value, int], ...]:
        """`self[value]` for each of these."""
        return tuple(self[v] for v in these)

    def after(self, instruction: Instruction) -> None:
        """Go past an instruction."""
        for value in changed(instruction):
            base = self._roots.get(value, value)
            self._count[base] = self._count.get(base, 0) + 1
