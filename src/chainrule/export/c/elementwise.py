"""The elementwise operations as expressions of C (floor 4).

NumPy says to what dtypes the arguments are cast; the expression follows. NaN goes through the
extremes and the kinks as it does in NumPy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.export.c.nest import Nest
from chainrule.export.c.text import ctype, literal
from chainrule.plan.bodies import UFUNCS
from chainrule.plan.program import Instruction, Operand, Value

__all__ = ["EXPRESSIONS", "HELPERS", "converted", "element"]

Dtype: TypeAlias = "np.dtype[Any]"


def element(nest: Nest, instruction: Instruction, arguments: Sequence[str]) -> str | None:
    """The expression of one element, or `None` where there is none for these dtypes.

    Args:
        nest: where it stands.
        instruction: an elementwise operation.
        arguments: the expressions of its arguments, as the dtypes that they have.
    """
    rule = EXPRESSIONS.get(instruction.op.name)
    out = instruction.out.dtype
    dtypes = _resolved(instruction)
    if rule is None or dtypes is None or _is_half([*dtypes, out]):
        return None
    cast = [
        converted(nest, text, a, dtype)
        for text, a, dtype in zip(arguments, instruction.args, dtypes)
    ]
    text = rule(_Call(nest, dtypes[-1], instruction.attrs), *cast)
    if text is None:
        return None
    given = np.dtype(np.bool_) if instruction.op.name in _TRUTHS else dtypes[-1]
    if given == out or text.startswith(f"({ctype(out)})"):
        return text
    simple = re.fullmatch(r"[\w.]+", text)
    return f"({ctype(out)}){text}" if simple else f"({ctype(out)})({text})"


def _is_half(dtypes: Sequence[Dtype]) -> bool:
    return any(d.kind == "f" and d.itemsize not in (4, 8) for d in dtypes)


def _resolved(instruction: Instruction) -> list[Dtype] | None:
    """The dtypes to which NumPy casts the arguments."""
    name, args, out = instruction.op.name, instruction.args, instruction.out.dtype
    if name == "where":
        return [np.dtype(np.bool_), out, out]
    if name == "cast" or name not in UFUNCS:
        own = [a.dtype if isinstance(a, Value) else out for a in args]
        return own if name in ("cast", "signbit") else [out] * len(args)
    told = [a.dtype if isinstance(a, Value) else type(a) for a in args]
    try:
        return list(UFUNCS[name].resolve_dtypes((*told, None))[: len(args)])  # type: ignore[attr-defined]
    except (TypeError, AttributeError):
        same = np.result_type(*(a.dtype if isinstance(a, Value) else a for a in args))
        return [same] * len(args)


def converted(nest: Nest, text: str, operand: Operand, dtype: Dtype) -> str:
    """An argument's expression as a number of a dtype."""
    if not isinstance(operand, Value):
        return literal(operand, dtype)
    if operand.dtype == dtype:
        return text
    if operand.dtype.kind == "f" and dtype.kind in "iu":
        return f"({ctype(dtype)}){nest.scene.helper('whole')}({text})"
    if dtype.kind == "b":
        return f"({text} != 0)"
    return f"({ctype(dtype)}){text}"


class _Call:
    """What a rule may ask of the call that it writes."""

    def __init__(self, nest: Nest, dtype: Dtype, attrs: Mapping[str, Any]) -> None:
        self.nest = nest
        self.dtype = dtype
        self.attrs = attrs

    @property
    def is_real(self) -> bool:
        return self.dtype.kind == "f"

    def number(self, value: float) -> str:
        return literal(value, self.dtype)

    def function(self, name: str, *arguments: str) -> str | None:
        """A call of the mathematical library."""
        if not self.is_real:
            return None
        suffix = "f" if self.dtype.itemsize == 4 else ""
        return f"{name}{suffix}({', '.join(arguments)})"

    def helper(self, name: str, *arguments: str) -> str:
        """A call of a function of our own, which knows doubles."""
        text = f"{self.nest.scene.helper(name)}({', '.join(arguments)})"
        return text if self.dtype.name == "float64" else f"({ctype(self.dtype)}){text}"


Rule: TypeAlias = Callable[..., "str | None"]


def _operator(sign: str) -> Rule:
    return lambda call, a, b: f"{a} {sign} {b}"


def _library(name: str) -> Rule:
    return lambda call, *xs: call.function(name, *xs)


def _helper(name: str) -> Rule:
    return lambda call, *xs: call.helper(name, *xs) if call.is_real else None


def _divided(call: _Call, a: str, b: str) -> str | None:
    return f"{a} / {b}" if call.is_real else None


def _absolute(call: _Call, x: str) -> str | None:
    if call.is_real:
        return call.function("fabs", x)
    return x if call.dtype.kind in "ub" else f"{x} < 0 ? -{x} : {x}"


def _maximum(call: _Call, a: str, b: str) -> str:
    return f"{a} > {b} || {a} != {a} ? {a} : {b}" if call.is_real else f"{a} > {b} ? {a} : {b}"


def _minimum(call: _Call, a: str, b: str) -> str:
    return f"{a} < {b} || {a} != {a} ? {a} : {b}" if call.is_real else f"{a} < {b} ? {a} : {b}"


def _relu(call: _Call, x: str) -> str:
    return f"{x} < 0 ? 0 : {x}"


def _clipped(call: _Call, x: str) -> str:
    low, high = call.attrs.get("min"), call.attrs.get("max")
    text = x
    if high is not None:
        text = f"{x} > {call.number(high)} ? {call.number(high)} : {text}"
    if low is not None:
        text = f"{x} < {call.number(low)} ? {call.number(low)} : {text}"
    return text


def _sign(call: _Call, x: str) -> str:
    text = f"({ctype(call.dtype)})(({x} > 0) - ({x} < 0))"
    return f"{x} != {x} ? {x} : {text}" if call.is_real else text


def _sigmoid(call: _Call, x: str) -> str | None:
    power = call.function("exp", f"-{x}")
    return power and f"1 / (1 + {power})"


def _rsqrt(call: _Call, x: str) -> str | None:
    root = call.function("sqrt", x)
    return root and f"1 / {root}"


def _cast(call: _Call, x: str) -> str:
    # To the dtype that the result has: `element` sees to it, but for real to whole.
    kind = np.dtype(call.attrs["dtype"])
    if call.is_real and kind.kind in "iu":
        return f"({ctype(kind)}){call.nest.scene.helper('whole')}({x})"
    return f"{x} != 0" if kind.kind == "b" else x


def _rounded(name: str) -> Rule:
    return lambda call, x: call.function(name, x) if call.is_real else x


_TRUTHS = {
    *("eq", "ne", "lt", "le", "gt", "ge", "isnan", "isfinite"),
    *("logical_and", "logical_or", "logical_xor", "logical_not", "signbit"),
}

EXPRESSIONS: dict[str, Rule] = {
    "add": _operator("+"),
    "sub": _operator("-"),
    "mul": _operator("*"),
    "div": _divided,
    "eq": _operator("=="),
    "ne": _operator("!="),
    "lt": _operator("<"),
    "le": _operator("<="),
    "gt": _operator(">"),
    "ge": _operator(">="),
    "logical_and": lambda call, a, b: f"({a}) != 0 && ({b}) != 0",
    "logical_or": lambda call, a, b: f"({a}) != 0 || ({b}) != 0",
    "logical_xor": lambda call, a, b: f"(({a}) != 0) != (({b}) != 0)",
    "logical_not": lambda call, a: f"!({a})",
    "bitwise_and": _operator("&"),
    "bitwise_or": _operator("|"),
    "bitwise_xor": _operator("^"),
    "isnan": lambda call, x: f"isnan({x})" if call.is_real else "0",
    "isfinite": lambda call, x: f"isfinite({x})" if call.is_real else "1",
    "signbit": lambda call, x: f"signbit({x})" if call.is_real else f"{x} < 0",
    "neg": lambda call, x: f"-{x}",
    "square": lambda call, x: f"{x} * {x}",
    "reciprocal": lambda call, x: f"1 / {x}" if call.is_real else None,
    "abs": _absolute,
    "maximum": _maximum,
    "minimum": _minimum,
    "relu": _relu,
    "clip": _clipped,
    "where": lambda call, c, a, b: f"{c} ? {a} : {b}",
    "sign": _sign,
    "sigmoid": _sigmoid,
    "rsqrt": _rsqrt,
    "cast": _cast,
    "clone": lambda call, x: x,
    "floor": _rounded("floor"),
    "ceil": _rounded("ceil"),
    "trunc": _rounded("trunc"),
    "round": _rounded("rint"),
    "pow": _library("pow"),
    "fmod": _library("fmod"),
    "hypot": _library("hypot"),
    "nextafter": _library("nextafter"),
    "remainder": _helper("remainder"),
    "logaddexp": _helper("logaddexp"),
    "lgamma": _library("lgamma"),
    **{
        name: _library(name)
        for name in (
            *("sqrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sin", "cos"),
            *("tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh"),
            *("atanh", "erf", "erfc"),
        )
    },
}

# Small functions that expressions call, without their prefix.
HELPERS = {
    "whole": """static inline int64_t {name}(double x) /* towards 0; NaN is far below */
{{
    return x >= -9007199254740992.0 && x <= 9007199254740992.0 ? (int64_t)x : INT64_MIN;
}}""",
    "remainder": """static inline double {name}(double a, double b) /* with the sign of b */
{{
    const double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}}""",
    "logaddexp": """static inline double {name}(double a, double b) /* ln(e^a + e^b) */
{{
    if (a == b) {{
        return a + 0.6931471805599453;
    }}
    return (a > b ? a : b) + log1p(exp(a > b ? b - a : a - b));
}}""",
}
