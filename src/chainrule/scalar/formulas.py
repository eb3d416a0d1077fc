"""What each operation of a recording computes: its value and its slopes (floor 0).

A formula is a function `(m, a, b)` of a library of mathematics `m` and the operands. With NumPy for
`m` it works on arrays; with the `Machine` of `native` it writes machine code. `b` is nothing where
there is one operand; its slope is then 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["FORMULAS"]


def _exponent_slope(m: Any, y: Any, a: Any, b: Any) -> Any:
    return m.where(m.equal(a, 0.0) & (b >= 0.0), 0.0, y * m.log(a))


def _base_slope(m: Any, a: Any, b: Any) -> Any:
    return m.where(m.equal(b, 0.0), 0.0, b * m.power(a, b - 1.0))


# "**n" is a power whose exponent is a plain number, which has no slope.
FORMULAS: dict[str, Callable[[Any, Any, Any], tuple[Any, Any, Any]]] = {
    "+": lambda m, a, b: (a + b, 1.0, 1.0),
    "-": lambda m, a, b: (a - b, 1.0, -1.0),
    "*": lambda m, a, b: (a * b, b, a),
    "/": lambda m, a, b: (y := a / b, 1.0 / b, -(y / b)),
    "**": lambda m, a, b: (y := m.power(a, b), _base_slope(m, a, b), _exponent_slope(m, y, a, b)),
    "**n": lambda m, a, b: (m.power(a, b), _base_slope(m, a, b), 0.0),
    "neg": lambda m, a, _: (-a, -1.0, 0.0),
    "abs": lambda m, a, _: (
        m.where(a < 0.0, -a, a),
        m.where(a > 0.0, 1.0, m.where(a < 0.0, -1.0, 0.0)),
        0.0,
    ),
    "exp": lambda m, a, _: (y := m.exp(a), y, 0.0),
    "log": lambda m, a, _: (m.log(a), 1.0 / a, 0.0),
    "sqrt": lambda m, a, _: (y := m.sqrt(a), 0.5 / y, 0.0),
    "tanh": lambda m, a, _: (y := m.tanh(a), 1.0 - y * y, 0.0),
    "sigmoid": lambda m, a, _: (y := 1.0 / (1.0 + m.exp(-a)), y * (1.0 - y), 0.0),
    "relu": lambda m, a, _: (m.where(a <= 0.0, 0.0, a), m.where(a <= 0.0, 0.0, 1.0), 0.0),
}
