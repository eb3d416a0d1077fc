"""Registers: numbers in a text that is being written, with operators that write (floor 2).

A `Register` stands for a number in a kernel and knows its NumPy dtype. Its operators ask its
`Writer` for the lines that compute, exactly NumPy's operations: nothing is contracted or reordered
unless it is asked for. What is written in registers alone, as the formulas of this package are, has
one text here and comes out in each language that has a writer: LLVM's for processors, CUDA's for
graphics processors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np

__all__ = ["BOOL", "INDEX", "Dtype", "Number", "Register", "Unsupported", "Writer"]

Dtype: TypeAlias = "np.dtype[Any]"

BOOL, INDEX = np.dtype(np.bool_), np.dtype(np.int64)


class Unsupported(Exception):  # noqa: N818 - not an error: the op's own body takes over
    """An instruction that cannot be written in a language: its NumPy body has to run."""


class Register:
    """A number in a function; its operators write instructions."""

    __slots__ = ("dtype", "name", "writer")

    def __init__(self, name: str, dtype: Dtype, writer: Writer) -> None:
        self.name, self.dtype, self.writer = name, dtype, writer

    def __str__(self) -> str:
        return self.name

    @property
    def typed(self) -> str:
        """Its type and name."""
        return self.writer.typed(self)

    def _with(self, word: str, other: Number, free: bool = False) -> Register:
        return self.writer.binary(word, self, self.writer.number(other, self.dtype), free)

    def __add__(self, other: Number) -> Register:
        return self._with("add", other)

    def __sub__(self, other: Number) -> Register:
        return self._with("sub", other)

    def __mul__(self, other: Number) -> Register:
        return self._with("mul", other)

    def __truediv__(self, other: Number) -> Register:
        return self._with("div", other)

    def __and__(self, other: Number) -> Register:
        return self._with("and", other)

    def __or__(self, other: Number) -> Register:
        return self._with("or", other)

    def __xor__(self, other: Number) -> Register:
        return self._with("xor", other)

    def __lshift__(self, other: Number) -> Register:
        return self._with("shl", other)

    def __rshift__(self, other: Number) -> Register:
        return self._with("shr", other)

    def __neg__(self) -> Register:
        if self.dtype.kind == "f":
            return self.writer.negative(self)
        return self.writer.number(0, self.dtype) - self

    def plus(self, other: Number) -> Register:
        """The sum, of which the order may be changed."""
        return self._with("add", other, free=True)

    def times(self, other: Number) -> Register:
        """The product, of which the order may be changed."""
        return self._with("mul", other, free=True)

    def compare(self, real: str, whole: str, other: Number) -> Register:
        """A comparison: by `real` of floating-point numbers, else by `whole`, `{}` for the sign.

        The words are LLVM's: "olt" is less and neither is NaN, "ult" as a `real` less or one is
        NaN, as a `whole` less without signs.
        """
        sign = "s" if self.dtype.kind == "i" else "u"
        how = real if self.dtype.kind == "f" else whole.format(sign)
        return self.writer.comparison(how, self, self.writer.number(other, self.dtype))

    def eq(self, other: Number) -> Register:
        """Whether both are equal."""
        return self.compare("oeq", "eq", other)

    def ne(self, other: Number) -> Register:
        """Whether they differ; NaN does from everything."""
        return self.compare("une", "ne", other)

    def lt(self, other: Number) -> Register:
        """Whether this is less."""
        return self.compare("olt", "{}lt", other)

    def le(self, other: Number) -> Register:
        """Whether this is no more."""
        return self.compare("ole", "{}le", other)

    def gt(self, other: Number) -> Register:
        """Whether this is more."""
        return self.compare("ogt", "{}gt", other)

    def ge(self, other: Number) -> Register:
        """Whether this is no less."""
        return self.compare("oge", "{}ge", other)

    def select(self, yes: Register, no: Number) -> Register:
        """`yes` where this bit is set, else `no`."""
        return self.writer.choice(self, yes, self.writer.number(no, yes.dtype))

    def bits(self, dtype: Dtype) -> Register:
        """The same bits as another type of the same size."""
        return self.writer.reinterpreted(self, dtype)

    def to(self, dtype: Any) -> Register:
        """The same number in another dtype, as NumPy casts."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        if dtype.kind == "b":
            return self.ne(0)
        if self.dtype.kind == "f" and dtype.kind in "iu" and dtype.itemsize < 4:
            return self.to(np.int64).to(dtype)  # what is too large wraps around, as in NumPy
        return self.writer.converted(self, dtype)


Number: TypeAlias = Register | float | int | bool


class Writer(ABC):
    """The lines of one function in some language, as they are written."""

    def own(self, _name: str, _x: Register) -> Register | None:
        """A function that the language has itself and as exactly, or `None` where it has none."""
        return None

    def number(self, value: Number, dtype: Dtype) -> Register:
        """Return a register as it is, a number as a constant of `dtype`."""
        if isinstance(value, Register):
            return value
        return Register(self.literal(value, dtype), dtype, self)

    @abstractmethod
    def literal(self, value: Any, dtype: Dtype) -> str:
        """Return a number as the language writes it."""

    @abstractmethod
    def typed(self, x: Register) -> str:
        """Return a register's type and name."""

    @abstractmethod
    def binary(self, word: str, a: Register, b: Register, free: bool = False) -> Register:
        """Write an operation on two numbers of one dtype.

        Args:
            word: "add", "sub", "mul", "div" (with signs), "udiv" (without), "and", "or", "xor",
                "shl" or "shr"; "add" of bools is "or", "mul" is "and".
            a: the one,
            b: and the other.
            free: whether several of these may be done in another order.
        """

    @abstractmethod
    def negative(self, x: Register) -> Register:
        """Write -x of a floating-point number."""

    @abstractmethod
    def comparison(self, how: str, a: Register, b: Register) -> Register:
        """Write a comparison by one of LLVM's words."""

    @abstractmethod
    def choice(self, condition: Register, yes: Register, no: Register) -> Register:
        """Write `yes` where the condition holds, else `no`."""

    @abstractmethod
    def reinterpreted(self, x: Register, dtype: Dtype) -> Register:
        """Write the same bits as another type."""

    @abstractmethod
    def converted(self, x: Register, dtype: Dtype) -> Register:
        """Write the same number in another dtype, which is not bool."""

    @abstractmethod
    def call(
        self, name: str, *args: Register, dtype: Dtype | None = None, flags: str = ""
    ) -> Register:
        """Call a function of C's library; it gives the dtype of its first argument, or `dtype`."""

    @abstractmethod
    def intrinsic(self, name: str, *args: Register, flags: str = "") -> Register:
        """Call a function that is the processor's own, of numbers of one type.

        These are "fabs", "sqrt", "floor", "ceil", "rint", "trunc", "copysign", "fmuladd", and
        "maximum" and "minimum", which give NaN where one is.
        """
