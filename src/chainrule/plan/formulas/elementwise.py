"""The elementwise operations in registers, by name (floor 2).

Each row names NumPy's function of the same meaning, which says to what dtypes the arguments are
cast, and how the result is written from them. Arithmetic and comparisons are the processor's own
and equal NumPy's to the last bit; exponentials and logarithms are those of `maths`; what is rare
calls the C library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.plan.formulas import maths
from chainrule.plan.formulas.registers import Number, Register, Unsupported, Writer
from chainrule.plan.formulas.tails import TAILS
from chainrule.plan.formulas.whole import WHOLE

__all__ = ["TABLE", "apply"]

Rule: TypeAlias = Callable[..., Register]
Dtype: TypeAlias = "np.dtype[Any]"


def apply(
    w: Writer, name: str, args: Sequence[Number], attrs: Mapping[str, Any], dtype: Dtype
) -> Register:
    """Write the elementwise operation `name`.

    Args:
        w: where to.
        name: of the op.
        args: registers, or numbers that take part in any dtype.
        attrs: its attributes.
        dtype: of the result.

    Raises:
        Unsupported: there is no row for it, or not for these dtypes.
    """
    if name not in TABLE:
        raise Unsupported(name)
    function, rule = TABLE[name]
    dtypes = _resolved(function, args, dtype)
    cast = [w.number(a, d).to(d) for a, d in zip(args, dtypes)]
    return rule(*cast, **_plain(attrs)).to(dtype)


def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attrs.items() if name != "dtype"}


def _resolved(function: Any, args: Sequence[Number], dtype: Dtype) -> list[Dtype]:
    """The dtypes to which NumPy's `function` casts its arguments."""
    if function is None:  # the dtype of the result, or in `where` a condition before
        return [np.dtype(np.bool_)] * (len(args) == 3) + [dtype] * (len(args) - (len(args) == 3))
    told = [a.dtype if isinstance(a, Register) else type(a) for a in args]
    try:
        return list(function.resolve_dtypes((*told, None))[: len(args)])
    except TypeError as error:
        raise Unsupported(f"{function.__name__} of {told}") from error


# --- rules --------------------------------------------------------------------------------------


def _real(x: Register) -> Register:
    if x.dtype.kind != "f" or x.dtype.itemsize not in (4, 8):
        raise Unsupported(f"this function of {x.dtype}")
    return x


def real(rule: Rule) -> Rule:
    """A rule for float and double alone."""
    return lambda *xs, **attrs: rule(*map(_real, xs), **attrs)


def intrinsic(name: str) -> Rule:
    """A function that the processor has itself."""
    return real(lambda *xs: xs[0].writer.intrinsic(name, *xs))


def library(name: str) -> Rule:
    """A function of the C library."""
    return real(
        lambda *xs: xs[0].writer.call(name + ("f" if xs[0].dtype.itemsize == 4 else ""), *xs)
    )


def _constant(number: float, like: Register) -> Register:
    return like.writer.number(number, like.dtype)


def _extreme(real_name: str, whole: str) -> Rule:
    def rule(a: Register, b: Register) -> Register:
        if a.dtype.kind == "f":
            # Of zeros of both signs either may come out, as in NumPy.
            return a.writer.intrinsic(real_name, a, b, flags="nsz")
        wins = a.gt(b) if whole == "max" else a.lt(b)
        return wins.select(a, b)

    return rule


maximum, minimum = _extreme("maximum", "max"), _extreme("minimum", "min")


def _difference(a: Register, b: Register) -> Register:
    return a - b


def _quotient(a: Register, b: Register) -> Register:
    return _real(a) / b


def _power(a: Register, b: Register) -> Register:
    for power, rule in _POWERS.items():
        if b.name == _constant(power, b).name:
            return rule(_real(a))
    return library("pow")(a, b)


_POWERS: dict[float, Rule] = {
    -1.0: lambda a: _constant(1, a) / a,
    1.0: lambda a: a,
    2.0: lambda a: a * a,
}


def _absolute(x: Register) -> Register:
    if x.dtype.kind == "f":
        return x.writer.intrinsic("fabs", x)
    return x if x.dtype.kind in "bu" else x.lt(0).select(-x, x)


def _sign(x: Register) -> Register:
    nonzero = x.lt(0).select(_constant(-1, x), x.gt(0).select(_constant(1, x), x))
    return x.eq(0).select(_constant(0, x), nonzero)


def _clip(x: Register, min: float | None = None, max: float | None = None) -> Register:
    low = x if min is None else maximum(x, _constant(min, x))
    return low if max is None else minimum(low, _constant(max, x))


def _relu(x: Register) -> Register:
    return x.compare("ugt", "{}gt", 0).select(x, 0)


def _where(condition: Register, a: Register, b: Register) -> Register:
    return condition.select(a, b)


def _finite(x: Register) -> Register:
    return _real(x).writer.intrinsic("fabs", x).lt(math.inf)


def _logaddexp(a: Register, b: Register) -> Register:
    # At equal infinities the difference is NaN, and the answer is their double.
    larger, gap = maximum(_real(a), b), a.writer.intrinsic("fabs", a - b)
    return a.eq(b).select(a + math.log(2), larger + maths.log1p(maths.exp(-gap)))


def _reciprocal(x: Register) -> Register:
    return _constant(1, _real(x)) / x


def _root(x: Register) -> Register:
    return _real(x).writer.intrinsic("sqrt", x)


TABLE: dict[str, tuple[Any, Rule]] = {
    "add": (np.add, lambda a, b: a + b),
    "sub": (np.subtract, _difference),
    "mul": (np.multiply, lambda a, b: a * b),
    "div": (np.true_divide, _quotient),
    "neg": (np.negative, lambda x: -x),
    "square": (np.square, lambda x: x * x),
    "reciprocal": (np.sqrt, _reciprocal),
    "pow": (np.power, real(_power)),
    "sqrt": (np.sqrt, _root),
    "rsqrt": (np.sqrt, lambda x: _reciprocal(_root(x))),
    "exp": (np.exp, real(maths.exp)),
    "expm1": (np.expm1, real(maths.expm1)),
    "log": (np.log, real(maths.log)),
    "log1p": (np.log1p, real(maths.log1p)),
    "logaddexp": (np.logaddexp, _logaddexp),
    "tanh": (np.tanh, real(maths.tanh)),
    "sigmoid": (np.exp, real(maths.sigmoid)),
    "erf": (None, real(maths.erf)),
    **{name: (getattr(np, name), library(name)) for name in ("exp2", "log2", "log10")},
    **{name: (getattr(np, name), library(name)) for name in ("sin", "cos", "tan", "sinh", "cosh")},
    "asin": (np.arcsin, library("asin")),
    "acos": (np.arccos, library("acos")),
    "atan": (np.arctan, library("atan")),
    "atan2": (np.arctan2, library("atan2")),
    "asinh": (np.arcsinh, library("asinh")),
    "acosh": (np.arccosh, library("acosh")),
    "atanh": (np.arctanh, library("atanh")),
    "relu": (None, _relu),
    "abs": (np.absolute, _absolute),
    "sign": (np.sign, _sign),
    "maximum": (np.maximum, maximum),
    "minimum": (np.minimum, minimum),
    "clip": (None, _clip),
    "floor": (np.floor, intrinsic("floor")),
    "ceil": (np.ceil, intrinsic("ceil")),
    "round": (np.rint, intrinsic("rint")),
    "trunc": (np.trunc, intrinsic("trunc")),
    "where": (None, _where),
    "eq": (np.equal, lambda a, b: a.eq(b)),
    "ne": (np.not_equal, lambda a, b: a.ne(b)),
    "lt": (np.less, lambda a, b: a.lt(b)),
    "le": (np.less_equal, lambda a, b: a.le(b)),
    "gt": (np.greater, lambda a, b: a.gt(b)),
    "ge": (np.greater_equal, lambda a, b: a.ge(b)),
    "logical_and": (np.logical_and, lambda a, b: a.to(bool) & b.to(bool)),
    "logical_or": (np.logical_or, lambda a, b: a.to(bool) | b.to(bool)),
    "logical_xor": (np.logical_xor, lambda a, b: a.to(bool) ^ b.to(bool)),
    "logical_not": (np.logical_not, lambda x: x.to(bool) ^ True),
    "isnan": (np.isnan, real(lambda x: x.ne(x))),
    "isfinite": (np.isfinite, real(_finite)),
    **TAILS,
    **WHOLE,
    "clone": (None, lambda x: x),
    "cast": (None, lambda x: x),
}
