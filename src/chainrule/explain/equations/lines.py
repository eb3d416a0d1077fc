"""A derivation as a list of lines: `Equations`, its sections and their lines (floor 4).

Each line says that a name is a term, with the shape and the layer it belongs to. Here is what they
are; how they came about is in `derive`, and how they are written in the writers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chainrule.explain.equations.checks import Check
from chainrule.explain.equations.term import Part, Term
from chainrule.ops import Array, Shape

__all__ = ["Equations", "Line", "Section"]


@dataclass(frozen=True)
class Line:
    """One line: a name, and what it is.

    Attributes:
        left: the name.
        right: the term that it stands for.
        layer: the path of the module that it belongs to, as "0 (Linear)", or "".
        note: a few words beside it, or "".
        value: the array that the name stood for in the run.
        steps: further sides, each equal to the one before: with numbers for names, and what comes out.
    """

    left: Term
    right: Term
    layer: str = ""
    note: str = ""
    value: Array | None = None
    steps: tuple[Part, ...] = ()

    @property
    def shape(self) -> Shape:
        """The shape of both sides."""
        return self.left.shape


@dataclass(frozen=True)
class Section:
    """The lines of one layer on one way.

    Attributes:
        title: the layer, or what else the lines have in common.
        way: "forward" or "backward".
        lines: in order.
    """

    title: str
    way: Literal["forward", "backward"]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Equations:
    """The derivation of one network.

    Attributes:
        sections: forward by layer, then backward by layer, the last first.
        head: sentences that hold for all of it.
        values: the arrays that the names stood for, by label.
        checks: slopes that were held against `backward()` and against differences.
    """

    sections: tuple[Section, ...]
    head: tuple[str, ...]
    values: dict[str, Any]
    checks: tuple[Check, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, in order."""
        return tuple(line for section in self.sections for line in section.lines)

    def __getitem__(self, label: str) -> Line:
        """The line that says what a name is, by the label of the name, as "dW1"."""
        for line in self.lines:
            if line.left.label == label:
                return line
        raise KeyError(f"no line says what {label} is; there are {self._labels()}")

    def _labels(self) -> str:
        return ", ".join(line.left.label for line in self.lines)
