"""Loops over the elements of a result, as the rules of operations write them (floor 4).

A rule is asked for one element: it may put lines down, open loops inside, and says which expression
the element is. What it reads it names by value and index; where that lies is known here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import numpy as np

from chainrule.export.c.text import Code, Index, ctype, literal, offset
from chainrule.ops import Array, Shape
from chainrule.plan.passes.views import View
from chainrule.plan.program import Operand, Value

__all__ = ["Nest", "Scene", "aligned", "type_of"]

_LETTERS = "ijklmnpqrstuvxyz"


class Scene:
    """Where the values of a program lie, and what the function being written needs beside it.

    Args:
        name: what every name at file level begins with.
        views: of every value its memory.
        places: of every value that owns memory the expression of its first element's address.

    Attributes:
        code: the function's body.
        tables: arrays that rules ask for, by name.
        helpers: names of small functions that the body calls.
    """

    def __init__(self, name: str, views: Mapping[Value, View], places: Mapping[Value, str]) -> None:
        self.name = name
        self.views = views
        self.places = places
        self.code = Code()
        self.tables: dict[str, Array] = {}
        self.helpers: set[str] = set()

    @property
    def total(self) -> str:
        """The type in which sums are added up."""
        return f"{self.name}_sum"

    def table(self, array: Array, what: str) -> str:
        """The name of a constant array, which is written once."""
        for name, known in self.tables.items():
            if known.dtype == array.dtype and np.array_equal(known, array):
                return name
        name = f"{self.name}_{what}_{len(self.tables)}"
        self.tables[name] = array
        return name

    def helper(self, name: str) -> str:
        """The full name of a small function, which the file will have."""
        self.helpers.add(name)
        return f"{self.name}_{name}"


class Nest:
    """One nest of loops, while it is written.

    Args:
        scene: of the function.
        shape: the space that the outer loops run over.

    Attributes:
        index: one for each dimension of the space: a variable, or 0 where there is only one.
        local: values that are variables here, and their names.
    """

    def __init__(self, scene: Scene, shape: Shape) -> None:
        self.scene = scene
        self.code = scene.code
        self.shape = tuple(shape)
        self.index: tuple[Index, ...] = ()
        self.local: dict[Value, str] = {}
        self._open = 0
        self._fresh = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write the loops over the space around what is written inside."""
        with ExitStack() as loops:
            if math.prod(self.shape) == 1:
                loops.enter_context(self.code.block())
            self.index = tuple(loops.enter_context(self.loop(n)) for n in self.shape)
            yield

    @contextmanager
    def loop(self, count: int) -> Iterator[Index]:
        """Write a loop around what is written inside; its variable is what is yielded."""
        if count == 1:
            yield 0
            return
        letter = _LETTERS[self._open] if self._open < len(_LETTERS) else f"i{self._open}"
        self._open += 1
        with self.code.block(f"for (int {letter} = 0; {letter} < {count}; {letter}++)"):
            yield letter
        self._open -= 1

    @contextmanager
    def loops(self, counts: Sequence[int]) -> Iterator[tuple[Index, ...]]:
        """Write loops within loops."""
        with ExitStack() as stack:
            yield tuple([stack.enter_context(self.loop(n)) for n in counts])

    @contextmanager
    def scope(self, variables: Sequence[Index]) -> Iterator[None]:
        """Write braces around what is written inside if no loop over these gives them."""
        with nullcontext() if any(v != 0 for v in variables) else self.code.block():
            yield

    @contextmanager
    def given(self, conditions: Sequence[str]) -> Iterator[None]:
        """Write an `if` around what is written inside, unless nothing has to hold."""
        with self.code.block(f"if ({' && '.join(conditions)})") if conditions else nullcontext():
            yield

    def line(self, text: str) -> None:
        """Put down a line."""
        self.code.line(text)

    def fresh(self, stem: str) -> str:
        """A name that no other variable of the nest has."""
        self._fresh += 1
        return f"{stem}{self._fresh}"

    def total(self, start: str = "0") -> str:
        """Declare what a sum is added up in; its name."""
        name = self.fresh("sum") if self._fresh else "sum"
        self._fresh += 1
        self.line(f"{self.scene.total} {name} = {start};")
        return name

    def read(self, operand: Operand, index: Sequence[Index] = ()) -> str:
        """The expression of an element."""
        if not isinstance(operand, Value):
            return literal(operand, np.dtype(type(operand)))
        if operand in self.local:
            return self.local[operand]
        view = self.scene.views[operand]
        at = offset(view.offset, view.strides, tuple(index))
        return f"{self.scene.places[view.base]}[{at}]"

    def write(self, value: Value, index: Sequence[Index], what: str) -> None:
        """Set an element of a value that owns memory."""
        self.line(f"{self.read(value, index)} = {what};")


def aligned(index: Sequence[Index], shape: Shape) -> tuple[Index, ...]:
    """The index into an operand of that shape, which is broadcast.

    Examples:
        >>> aligned(("i", "j"), (1,))
        (0,)
    """
    own = index[len(index) - len(shape) :] if shape else ()
    return tuple(0 if n == 1 else at for at, n in zip(own, shape))


def type_of(value: Any) -> str:
    """The type of a value's elements."""
    return ctype(value.dtype)
