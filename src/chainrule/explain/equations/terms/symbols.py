"""`Symbol`: a value that is a term and an array at once, which the table's rules can be run on.

Handed to an operation, symbols give a symbol: its term says what was done, its array what came out.
So a derivative rule, run on symbols as on arrays or tensors, gives the formula of a gradient
together with its numbers, and a rule that looks at numbers, such as labels, finds them. A
comparison that guards against rare cases, as x = 0 before a division, and came out the same
everywhere is taken for the constant that it was (floor 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from chainrule.explain.equations.terms.term import Part, Term, leaf
from chainrule.ops import Array, Op, Shape, perform
from chainrule.ops.core import READERS

__all__ = ["Symbol", "made", "part_of"]

_RARE = 20.0  # beyond it e^x is hardly told from e^x + 1, and operations take another way


class Symbol:
    """A term with the array that it stands for.

    Attributes:
        term: the formula.
        array: the numbers.

    Examples:
        >>> from chainrule import ops
        >>> x = Symbol(leaf("X", shape=(2,)), np.array([1.0, 2.0]))
        >>> y = ops.square(x)
        >>> y.term.called, y.array
        ('square', array([1., 4.]))
    """

    __slots__ = ("array", "term")

    def __init__(self, term: Term, array: Array) -> None:
        self.term = term
        self.array = array

    @property
    def shape(self) -> Shape:
        """The size of each dimension."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The format of the numbers."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.array.size

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)


def part_of(a: Any) -> Part:
    """What stands in a term for an argument of an operation."""
    if isinstance(a, Symbol):
        return a.term
    if a is None or isinstance(a, (bool, int, float)):
        return None if a is None else float(a)
    array = np.asarray(a)
    if array.size and array.dtype.kind in "fcb" and (array == array.flat[0]).all():
        filled = float(array.flat[0])
        return Term("full", (filled,), shape=array.shape) if array.ndim else filled
    return _constant(array)


def _constant(array: Array) -> Term:
    """A name for an array; two of the same numbers are the same."""
    number = crc32(array.tobytes(), crc32(str(array.dtype).encode()))
    return leaf("C", str(number), shape=array.shape, value=array)


def made(op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Array) -> Symbol:
    """The symbol for what an operation made of its arguments.

    Args:
        op: the operation.
        args: symbols, arrays and numbers.
        attrs: its static attributes.
        y: what came out.
    """
    parts = tuple(map(part_of, args))
    if op.kind == "random":
        return Symbol(_constant(y), y)  # what was drawn, once
    settled = isinstance(parts[0], Term) and parts[0].called == "full"
    if y.dtype.kind in "iu" and op.kind == "elementwise" and not settled:
        return Symbol(_constant(y), y)  # places that were computed, of which no gradient is wanted
    if _guards(op, parts) and y.size and (y == y.flat[0]).all():
        return Symbol(Term("full", (float(y.flat[0]),), (("guard", True),), y.shape), y)
    return Symbol(Term(op, parts, tuple(attrs.items()), y.shape), y)


def _read(op: Op, args: Sequence[Any], attrs: Mapping[str, Any]) -> Symbol:
    arrays = [a.array if isinstance(a, Symbol) else a for a in args]
    return made(op, args, attrs, np.asarray(perform(op, arrays, attrs)))


def _guards(op: Op, parts: Sequence[Part]) -> bool:
    """Whether a comparison is with a number that few meet: exactly 0, or 20 and more."""
    numbers = [p for p in parts if p is not None and not isinstance(p, Term)]
    if op.name not in ("eq", "ne", "gt", "ge", "lt", "le") or len(numbers) != 1:
        return False
    bound = abs(numbers[0])
    return bound >= _RARE or (bound == 0 and op.name in ("eq", "ne"))


READERS[Symbol] = _read
