"""The lines of a derivation, and the sections that they stand in (floor 4).

Each line says that a name is a term, with the shape and the layer it belongs to. Here is what they
are; how they came about is in `derive`, and how they are written in the writers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chainrule.explain.equations.terms.term import Part, Term
from chainrule.ops import Array, Shape

__all__ = ["Line", "Section"]


@dataclass(frozen=True)
class Line:
    """One line: a name, and what it is.

    Attributes:
        left: the name.
        right: the term that it stands for.
        layer: the path of the module that it belongs to, as "0 (Linear)", or "".
        note: a few words beside it, or "".
        value: the array that the name stood for in the run.
        steps: further sides, each equal to the one before: with numbers, and what comes out.
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
