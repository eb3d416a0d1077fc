"""Operations element by element as ONNX nodes (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.export.onnx.graph import BOOL, INT64, WRITERS, Graph, Writer, writes
from chainrule.export.onnx.sizes import Size, Step
from chainrule.plan.program import Value

# Formats that onnxruntime computes with; in others, operations go through one of these.
_COMPUTED = {np.dtype(name) for name in ("float32", "float64", "int32", "int64")}


def computed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The format to compute in: the same, or int64 for small whole numbers and truth values."""
    if dtype in _COMPUTED or dtype.kind == "f":
        return dtype
    return INT64


def common(step: Step) -> np.dtype[Any]:
    """The format in which arguments meet."""
    numbers = (0 if isinstance(a, Size) else a for a in step.args)
    return np.result_type(*(a.dtype if isinstance(a, Value) else a for a in numbers))


# --- one node -----------------------------------------------------------------------------------

Formula = Callable[..., str]


def arithmetic(name: str, formula: Formula) -> None:
    """Enter an operation whose arguments have the format of its result."""

    def write(g: Graph, step: Step) -> str:
        own = step.instruction.out.dtype
        dtype = computed(own)
        result = formula(g, *(g.name(a, dtype) for a in step.args), dtype=dtype)
        return g.cast(result, dtype, own)

    WRITERS[name] = write


def comparison(name: str, formula: Formula) -> None:
    """Enter an operation that gives truth values."""

    def write(g: Graph, step: Step) -> str:
        dtype = computed(common(step))
        return formula(g, *(g.name(a, dtype) for a in step.args), dtype=dtype)

    WRITERS[name] = write


def node(kind: str, **attrs: Any) -> Formula:
    """One node of that kind."""
    return lambda g, *xs, dtype: g.add(kind, *xs, **attrs)


for ours, theirs in {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "pow": "Pow",
    "sqrt": "Sqrt", "reciprocal": "Reciprocal", "exp": "Exp", "log": "Log", "sin": "Sin",
    "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh",
    "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh",
    "erf": "Erf", "sigmoid": "Sigmoid", "abs": "Abs", "sign": "Sign",
    "maximum": "Max", "minimum": "Min", "clone": "Identity",
}.items():  # fmt: skip
    arithmetic(ours, node(theirs))

for ours, theirs in {
    "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
}.items():  # fmt: skip
    comparison(ours, node(theirs))


def rounding(name: str, formula: Formula) -> None:
    """Enter an operation that leaves whole numbers as they are."""

    def write(g: Graph, step: Step) -> str:
        (x,) = step.args
        whole = x.dtype.kind != "f"
        return g.name(x) if whole else formula(g, g.name(x), dtype=x.dtype)

    WRITERS[name] = write


rounding("floor", node("Floor"))
rounding("ceil", node("Ceil"))
rounding("round", node("Round"))
rounding("trunc", lambda g, x, dtype: truncated(g, x))


def truncated(g: Graph, x: str) -> str:
    """sign(x) floor(|x|)."""
    return g.add("Mul", g.add("Sign", x), g.add("Floor", g.add("Abs", x)))


# --- truth values -------------------------------------------------------------------------------


def logical(name: str, kind: str) -> None:
    """Enter an operation on truth values."""

    def write(g: Graph, step: Step) -> str:
        return g.add(kind, *(g.name(a, BOOL) for a in step.args))

    WRITERS[name] = write


logical("logical_and", "And")
logical("logical_or", "Or")
logical("logical_xor", "Xor")
logical("logical_not", "Not")

comparison("ne", lambda g, a, b, dtype: g.add("Not", g.add("Equal", a, b)))


def of_floats(name: str, formula: Callable[[Graph, str], str], otherwise: bool) -> None:
    """Enter a question to which whole numbers all have one answer."""

    def write(g: Graph, step: Step) -> str:
        (x,) = step.args
        if x.dtype.kind != "f":
            return g.filled(otherwise, g.shape(x), BOOL)
        # onnxruntime answers it for float32 only.
        return formula(g, g.name(x, np.float32) if x.dtype != np.float64 else g.name(x))

    WRITERS[name] = write


def _finite(g: Graph, x: str) -> str:
    return g.add("Not", g.add("Or", g.add("IsNaN", x), g.add("IsInf", x)))


of_floats("isnan", lambda g, x: g.add("IsNaN", x), False)
of_floats("isfinite", _finite, True)


@writes("signbit")
def _signbit(g: Graph, step: Step) -> str:
    (x,) = step.args
    zero = g.number(0, computed(x.dtype))
    negative = g.add("Less", g.name(x, computed(x.dtype)), zero)
    if x.dtype.kind != "f":
        return negative
    below = g.add("Less", g.add("Reciprocal", g.name(x)), zero)  # 1 / -0 is minus infinity
    return g.add("Or", negative, below)


@writes("where")
def _where(g: Graph, step: Step) -> str:
    condition, *others = step.args
    own = step.instruction.out.dtype
    dtype = computed(own)
    y = g.add("Where", g.name(condition, BOOL), *(g.name(a, dtype) for a in others))
    return g.cast(y, dtype, own)


@writes("cast")
def _cast(g: Graph, step: Step) -> str:
    (x,) = step.args
    return g.name(x, step.attrs["dtype"])


@writes("check")
def _check(g: Graph, step: Step) -> str:
    return g.name(step.args[0])


@writes("clip")
def _clip(g: Graph, step: Step) -> str:
    own = step.instruction.out.dtype
    dtype = computed(own)
    ends = [
        "" if step.attrs.get(end) is None else g.number(step.attrs[end], dtype)
        for end in ("min", "max")
    ]
    return g.cast(g.add("Clip", g.name(step.args[0], dtype), *ends), dtype, own)


# --- formulas -----------------------------------------------------------------------------------


def _times(kind: str, factor: float) -> Formula:
    return lambda g, x, dtype: g.add("Mul", g.add(kind, x), g.number(factor, dtype))


arithmetic(
    "relu",
    lambda g, x, dtype: (
        g.add("Relu", x) if dtype.kind == "f" else g.add("Max", x, g.number(0, dtype))
    ),
)
arithmetic("square", lambda g, x, dtype: g.add("Mul", x, x))
arithmetic("rsqrt", lambda g, x, dtype: g.add("Reciprocal", g.add("Sqrt", x)))
arithmetic("exp2", lambda g, x, dtype: g.add("Pow", g.number(2, dtype), x))
arithmetic("log2", _times("Log", 1 / math.log(2)))
arithmetic("log10", _times("Log", 1 / math.log(10)))
arithmetic("erfc", lambda g, x, dtype: g.add("Sub", g.number(1, dtype), g.add("Erf", x)))


def _near_zero(g: Graph, x: str, near: str, far: str, dtype: Any) -> str:
    small = g.add("Less", g.add("Abs", x), g.number(0.5, dtype))
    return g.add("Where", small, near, far)


def expm1(g: Graph, x: str, dtype: Any) -> str:
    """exp(x) - 1; near 0 as 2 t / (1 - t) with t = tanh(x / 2), which loses no digits."""
    one = g.number(1, dtype)
    t = g.add("Tanh", g.add("Mul", x, g.number(0.5, dtype)))
    near = g.add("Div", g.add("Add", t, t), g.add("Sub", one, t))
    return _near_zero(g, x, near, g.add("Sub", g.add("Exp", x), one), dtype)


def log1p(g: Graph, x: str, dtype: Any) -> str:
    """log(1 + x); near 0 as 2 artanh(x / (2 + x)), which is a series in r = x / (2 + x)."""
    r = g.add("Div", x, g.add("Add", x, g.number(2, dtype)))
    square = g.add("Mul", r, r)
    series = g.number(1 / 25, dtype)
    for k in range(23, 0, -2):
        series = g.add("Add", g.add("Mul", series, square), g.number(1 / k, dtype))
    near = g.add("Mul", g.add("Add", r, r), series)
    return _near_zero(g, x, near, g.add("Log", g.add("Add", x, g.number(1, dtype))), dtype)


arithmetic("expm1", expm1)
arithmetic("log1p", log1p)


def _logaddexp(g: Graph, a: str, b: str, dtype: Any) -> str:
    """max + log(1 + exp(-|a - b|)); of equals, which may be infinite, a + log 2."""
    away = g.add("Neg", g.add("Abs", g.add("Sub", a, b)))
    usual = g.add("Add", g.add("Max", a, b), log1p(g, g.add("Exp", away), dtype))
    same = g.add("Add", a, g.number(math.log(2), dtype))
    return g.add("Where", g.add("Equal", a, b), same, usual)


arithmetic("logaddexp", _logaddexp)


def _atan2(g: Graph, a: str, b: str, dtype: Any) -> str:
    zero, pi, half = (g.number(n, dtype) for n in (0, math.pi, math.pi / 2))
    slope = g.add("Atan", g.add("Div", a, b))
    turned = g.add("Where", g.add("Less", a, zero), g.add("Neg", pi), pi)
    left = g.add("Add", slope, turned)
    upright = g.add("Mul", g.add("Sign", a), half)
    off = g.add("Where", g.add("Less", b, zero), left, upright)
    return g.add("Where", g.add("Greater", b, zero), slope, off)


def _hypot(g: Graph, a: str, b: str, dtype: Any) -> str:
    """m sqrt((a / m)^2 + (b / m)^2) with the larger of the two as m."""
    a, b = g.add("Abs", a), g.add("Abs", b)
    most = g.add("Max", a, b)
    zero = g.number(0, dtype)
    none = g.add("Equal", most, zero)
    scale = g.add("Where", none, g.number(1, dtype), most)
    parts = [g.add("Div", x, scale) for x in (a, b)]
    total = g.add("Add", *(g.add("Mul", x, x) for x in parts))
    return g.add("Mul", scale, g.add("Sqrt", total))


arithmetic("atan2", _atan2)
arithmetic("hypot", _hypot)


# --- division with a rest -----------------------------------------------------------------------


def _fmod(g: Graph, a: str, b: str, dtype: np.dtype[Any]) -> str:
    return g.add("Mod", a, b, fmod=1)


def remainder(g: Graph, a: str, b: str, dtype: np.dtype[Any]) -> str:
    """The rest with the sign of b."""
    if dtype.kind != "f":
        return g.add("Mod", a, b)
    rest, zero = _fmod(g, a, b, dtype), g.number(0, dtype)
    crossed = g.add("Xor", g.add("Less", rest, zero), g.add("Less", b, zero))
    some = g.add("Not", g.add("Equal", rest, zero))
    return g.add("Where", g.add("And", some, crossed), g.add("Add", rest, b), rest)


def floor_divide(g: Graph, a: str, b: str, dtype: np.dtype[Any]) -> str:
    """floor(a / b)."""
    if dtype.kind == "f":
        return g.add("Floor", g.add("Div", a, b))
    return g.add("Div", g.add("Sub", a, g.add("Mod", a, b)), b)


arithmetic("fmod", _fmod)
arithmetic("remainder", remainder)
arithmetic("floor_divide", floor_divide)


# --- bits ---------------------------------------------------------------------------------------


def _bits(name: str, of_truth: str, of_numbers: str) -> None:
    def write(g: Graph, step: Step) -> str:
        own = step.instruction.out.dtype
        kind = of_truth if own == BOOL else of_numbers
        return g.add(kind, *(g.name(a, own) for a in step.args))

    WRITERS[name] = write


_bits("bitwise_and", "And", "BitwiseAnd")
_bits("bitwise_or", "Or", "BitwiseOr")
_bits("bitwise_xor", "Xor", "BitwiseXor")
_bits("bitwise_not", "Not", "BitwiseNot")


def _power(g: Graph, b: str, dtype: Any) -> str:
    exact = g.add("Pow", g.number(2, np.float64), g.cast(b, dtype, np.float64))
    return g.cast(exact, np.float64, dtype)


arithmetic("bitwise_left_shift", lambda g, a, b, dtype: g.add("Mul", a, _power(g, b, dtype)))
arithmetic(
    "bitwise_right_shift",
    lambda g, a, b, dtype: floor_divide(g, a, _power(g, b, dtype), dtype),
)

__all__ = ["Writer", "common", "computed", "expm1", "log1p"]
