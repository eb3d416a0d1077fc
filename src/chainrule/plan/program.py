"""A recorded step as a program: values, instructions, and how they are printed (floor 2).

A program is straight-line: no branches, every shape and dtype known. An instruction applies one op
from the table to values and gives one value; instructions whose op is of kind "update" or "random"
also change an argument in place, as the op's record says. Passes take a program and return another;
executors carry one out. This file knows ops and arrays, and neither tensors nor executors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule.ops import Array, Op, Shape
from chainrule.ops.scope import Phase

__all__ = ["Instruction", "Operand", "Place", "Program", "Value", "at"]

Origin: TypeAlias = Literal["input", "state", "made"]


@dataclass(frozen=True)
class Place:
    """Where a person wrote what was recorded.

    Attributes:
        file: as Python knows it; `""` where no line is a person's, as on the command line.
        line: from 1.
        module: the path and class of the module that was called there, or `""`.
        phase: whether on the way forward, back, or in an optimiser.
    """

    file: str
    line: int
    module: str = ""
    phase: Phase = "forward"

    def __str__(self) -> str:
        return f"{self.file.rsplit('/', 1)[-1]}:{self.line}" if self.file else ""


def at(place: Place | None, word: str = " at ") -> str:
    """Return what says where something was written, after a word; nothing where nobody did.

    Examples:
        >>> at(Place("/home/ada/train.py", 7)), at(Place("", 0)), at(None)
        (' at train.py:7', '', '')
    """
    told = str(place or "")
    return told and f"{word}{told}"


@dataclass(eq=False)
class Value:
    """One array of a program.

    Attributes:
        name: unique in the program: "x0", "s3", "v12".
        shape: its shape, the same at every run.
        dtype: its dtype.
        origin: "input": given anew at each run; "state": an array that outlives the run, read and
            perhaps changed in place; "made": the result of an instruction.
        array: the array itself of a "state", else `None`.
        base: the value whose memory it is a view of, or `None`.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    origin: Origin
    array: Array | None = None
    base: Value | None = None

    def __repr__(self) -> str:
        return f"{self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]"


# What an instruction works on: a value, or a number that is part of the program.
Operand: TypeAlias = Value | float | int | bool


@dataclass(eq=False)
class Instruction:
    """One application of an op.

    Attributes:
        op: the record in the table.
        args: its array arguments.
        attrs: its static attributes.
        out: the value it gives; of an update the value that it changes.
        place: the person's line.
    """

    op: Op
    args: tuple[Operand, ...]
    attrs: Mapping[str, Any]
    out: Value
    place: Place | None = None

    @property
    def values(self) -> tuple[Value, ...]:
        """The arguments that are values, in order."""
        return tuple(a for a in self.args if isinstance(a, Value))

    def __str__(self) -> str:
        told = [a.name if isinstance(a, Value) else repr(a) for a in self.args]
        told += [f"{name}={value!r}" for name, value in self.attrs.items()]
        call = f"{self.out!r} = {self.op.name}({', '.join(told)})"
        return f"{call:<72}{at(self.place, '  # ')}".rstrip()


@dataclass(eq=False)
class Program:
    """Instructions in the order in which they are carried out, and what goes in and comes out.

    Attributes:
        inputs: given at each run, in the order of the arguments.
        state: arrays that outlive the run.
        instructions: straight down.
        outputs: what a run returns.
    """

    inputs: Sequence[Value]
    state: Sequence[Value]
    instructions: Sequence[Instruction]
    outputs: Sequence[Value]
    notes: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self.instructions)

    def __len__(self) -> int:
        return len(self.instructions)

    def __str__(self) -> str:
        lines = [f"input {v!r}" for v in self.inputs]
        lines += [f"state {v!r}" for v in self.state]
        lines += [str(instruction) for instruction in self.instructions]
        lines.append("return " + ", ".join(v.name for v in self.outputs))
        return "\n".join(lines)
