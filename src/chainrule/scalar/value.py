"""A number that remembers how it was computed, and so its gradient (floor 0; imports nothing here).

Every operation makes a `Value` that keeps its operands and, for each, the *slope*: how fast the
result changes with that operand alone. `backward` walks from the result to the numbers it was
computed from and multiplies slopes along the way. That is the chain rule, and all of this file.

Arithmetic is that of IEEE 754 and PyTorch: nothing raises, 1/0 is infinite, log(-1) is NaN.
"""

from __future__ import annotations

import math
import sys
from contextvars import ContextVar
from numbers import Real
from typing import Any

__all__ = ["Value"]

# What a comparison raises instead of an answer, while operations are being recorded.
refusal: ContextVar[Exception | None] = ContextVar("refusal", default=None)


class Value:
    """A number and the operation it came from.

    `+ - * / **`, negation and `abs` take Values and Python numbers; a number becomes a leaf of the
    graph. Comparisons are by `data` and give plain truth values, but, as in PyTorch, two Values are
    two keys of a set or dictionary even if their numbers are equal.

    Args:
        data: the number, kept as a float.
        label: a name for reading and drawing.

    Attributes:
        data: the number. To change that of a leaf changes no result that is already computed.
        grad: the slope, by this number, of whatever `backward` was called on.
        label: the name.
        op: "+", "tanh", ... for a result, "" for a leaf.

    Examples:
        >>> a, b, c, f = Value(2), Value(-3), Value(10), Value(-2)
        >>> L = (a * b + c) * f
        >>> L.backward()
        >>> L
        Value(-8, grad=1)
        >>> a.grad, b.grad, c.grad, f.grad
        (6.0, -4.0, -2.0, 4.0)
    """

    __slots__ = ("_a", "_b", "_slope_a", "_slope_b", "data", "grad", "label", "op")

    def __init__(self, data: float | Value, label: str = "") -> None:
        self.data = float(data)
        self.grad = 0.0
        self.label = label
        self.op = ""
        self._a: Any = None  # of a result always a Value
        self._b: Value | None = None
        self._slope_a = self._slope_b = 0.0

    # --- operations: each is its value, then its operands with the slope by each -----------------

    def __add__(self, other: Any) -> Value:
        if type(other) is not Value and (other := _lifted(other)) is None:
            return NotImplemented
        return _result("+", self.data + other.data, self, 1.0, other, 1.0)

    def __sub__(self, other: Any) -> Value:
        if type(other) is not Value and (other := _lifted(other)) is None:
            return NotImplemented
        return _result("-", self.data - other.data, self, 1.0, other, -1.0)

    def __mul__(self, other: Any) -> Value:
        if type(other) is not Value and (other := _lifted(other)) is None:
            return NotImplemented
        return _result("*", self.data * other.data, self, other.data, other, self.data)

    def __truediv__(self, other: Any) -> Value:
        if type(other) is not Value and (other := _lifted(other)) is None:
            return NotImplemented
        y = _divide(self.data, other.data)
        slope, slope_other = _divide(1.0, other.data), -_divide(y, other.data)
        return _result("/", y, self, slope, other, slope_other)

    def __pow__(self, other: Any) -> Value:
        """y = a^b, with slopes b a^(b-1), 0 where b = 0, and y ln a, 0 where a = 0 and b >= 0.

        The slope by an exponent that is a plain number is left at 0: of a negative base there is
        none.
        """
        if (exponent := _lifted(other)) is None:
            return NotImplemented
        a, b = self.data, exponent.data
        y = _power(a, b)
        slope = b * _power(a, b - 1) if b else 0.0
        constant = exponent is not other or (a == 0 and b >= 0)
        return _result("**", y, self, slope, exponent, 0.0 if constant else y * _log(a))

    def __neg__(self) -> Value:
        return _result("neg", -self.data, self, -1.0)

    def __abs__(self) -> Value:
        x = self.data
        return _result("abs", abs(x), self, float((x > 0) - (x < 0)))

    def __radd__(self, other: float) -> Value:
        return Value(other) + self

    def __rsub__(self, other: float) -> Value:
        return Value(other) - self

    def __rmul__(self, other: float) -> Value:
        return Value(other) * self

    def __rtruediv__(self, other: float) -> Value:
        return Value(other) / self

    def __rpow__(self, other: float) -> Value:
        return Value(other) ** self

    def exp(self) -> Value:
        """y = e^x, its own slope."""
        y = _exp(self.data)
        return _result("exp", y, self, y)

    def log(self) -> Value:
        """y = ln x, with slope 1 / x."""
        return _result("log", _log(self.data), self, _divide(1.0, self.data))

    def sqrt(self) -> Value:
        """y = x^(1/2), with slope 1 / (2 y)."""
        y = math.sqrt(self.data) if self.data >= 0 else math.nan
        return _result("sqrt", y, self, _divide(0.5, y))

    def tanh(self) -> Value:
        """y = (e^x - e^-x) / (e^x + e^-x), with slope 1 - y^2."""
        y = math.tanh(self.data)
        return _result("tanh", y, self, 1.0 - y * y)

    def sigmoid(self) -> Value:
        """y = 1 / (1 + e^-x), with slope y (1 - y)."""
        y = 1.0 / (1.0 + _exp(-self.data))
        return _result("sigmoid", y, self, y * (1.0 - y))

    def relu(self) -> Value:
        """y = max(x, 0), with slope 0 at 0."""
        if self.data <= 0:
            return _result("relu", 0.0, self, 0.0)
        return _result("relu", self.data, self, 1.0)

    # --- the graph ------------------------------------------------------------------------------

    @property
    def operands(self) -> tuple[Value, ...]:
        """What the operation was done on, in the order in which it was written."""
        if self._b is not None:
            return self._a, self._b
        return (self._a,) if self.op else ()

    @property
    def slopes(self) -> tuple[float, ...]:
        """The local gradient: the slope of this number by each operand alone."""
        return (self._slope_a, self._slope_b)[: len(self.operands)]

    def graph(self) -> list[Value]:
        """Return all that this number was computed from, and itself: leaves, then results in order.

        Examples:
            >>> a = Value(3, "a")
            >>> [x.op or x.label for x in (a * a + a).graph()]
            ['a', '*', '+']
        """
        results = self._results()
        leaves = {x: None for result in results for x in result.operands if not x.op}
        return [*leaves, *results] if results else [self]

    def backward(self) -> None:
        """Set `grad` to the slope of this number by every number that it was computed from.

        Leaves add up what several calls bring, until `zero_grad`, as in PyTorch; what lies between
        keeps the slopes of the latest call. A thousand or a million operations in a row are no
        matter.

        Examples:
            >>> x = Value(3)
            >>> (x * x + x).backward()
            >>> x.grad
            7.0
        """
        results = self._results()
        if not results:
            self.grad += 1.0
            return
        for result in results:
            result.grad = 0.0
        self.grad = 1.0
        for result in reversed(results):
            grad = result.grad
            result._a.grad += grad * result._slope_a
            if (b := result._b) is not None:
                b.grad += grad * result._slope_b

    def zero_grad(self) -> None:
        """Set `grad` to 0 here and in all that this number was computed from."""
        for x in self.graph():
            x.grad = 0.0

    def _results(self) -> list[Value]:
        """Sort what `graph` returns, without the leaves, by going into the depth with a stack."""
        order: list[Value] = []
        seen: set[Value] = set()
        stack: list[Value | None] = [self] if self.op else []
        while stack:
            x = stack.pop()
            if x is None:  # all that the one beneath needs is in order by now
                order.append(stack.pop())  # type: ignore[arg-type]
            elif x not in seen:
                seen.add(x)
                stack.append(x)
                stack.append(None)
                if (b := x._b) is not None and b.op:
                    stack.append(b)
                if (a := x._a).op:
                    stack.append(a)
        return order

    # --- a number like others -------------------------------------------------------------------

    def __lt__(self, other: Value | float) -> bool:
        return self.data < _number(other)

    def __le__(self, other: Value | float) -> bool:
        return self.data <= _number(other)

    def __gt__(self, other: Value | float) -> bool:
        return self.data > _number(other)

    def __ge__(self, other: Value | float) -> bool:
        return self.data >= _number(other)

    def __eq__(self, other: object) -> bool:
        return self.data == _number(other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(_number(self))

    def __float__(self) -> float:
        return _number(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value({self.data:.6g}, grad={self.grad:.6g}{label})"


_blank = object.__new__


def _result(
    op: str, data: float, a: Value, slope_a: float, b: Value | None = None, slope_b: float = 0.0
) -> Value:
    y = _blank(Value)  # half the time of Value(...), and this is done for every operation
    y.data = data
    y.grad = 0.0
    y.label = ""
    y.op = op
    y._a = a
    y._slope_a = slope_a
    y._b = b
    y._slope_b = slope_b
    return y


def _lifted(x: Any) -> Value | None:
    """Return a plain number as a leaf; `None` for what is neither number nor Value."""
    if isinstance(x, Value):
        return x
    return Value(x) if isinstance(x, Real) else None  # type: ignore[arg-type]


def _number(x: Any) -> Any:
    if (refused := refusal.get()) is not None:
        raise refused
    return x.data if isinstance(x, Value) else x


# --- arithmetic that does not raise ---------------------------------------------------------------

_LARGEST = math.log(sys.float_info.max)


def _divide(a: float, b: float) -> float:
    return a / b if b else a * math.copysign(math.inf, b)


def _exp(x: float) -> float:
    return math.inf if x > _LARGEST else math.exp(x)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except (OverflowError, ValueError):
        if a < 0 and b % 1:
            return math.nan  # a root of a negative number
        return math.copysign(math.inf, a if b % 2 == 1 else 1.0)
