"""How NumPy computes an op into memory that is there already (floor 2).

For many ops the forward body is one function of NumPy, or two or three in a row, that can write its
result to a given array. `writes` names those calls. The op's forward stays the specification: what
is written here must equal it to the last bit, and tests hold it to that for every op in the table.
An op, or a case of one, that is not here is carried out by its forward.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.backend import threads
from chainrule.ops import Array, Op, Shape
from chainrule.ops.totals import add_up
from chainrule.plan.program import Value

__all__ = ["Call", "Missing", "overwrites", "writes"]


class Missing:
    """Stands for an array that is only known when the call is made.

    Attributes:
        place: where it will be found.
        shape: its shape.
        dtype: its dtype.
        size: how many elements it has.
    """

    def __init__(self, place: int, value: Value) -> None:
        self.place = place
        self.shape = value.shape
        self.dtype = value.dtype
        self.size = math.prod(value.shape)


# A function and its positional arguments, some of which may be `Missing`.
Call: TypeAlias = tuple[Any, ...]
Attrs: TypeAlias = Mapping[str, Any]
Body: TypeAlias = Callable[[Sequence[Any], Attrs, Array], Sequence[Call] | None]


def writes(op: Op, args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call] | None:
    """The calls that put `op` of the arguments into `out`, or `None` where only its forward can.

    Args:
        op: the op.
        args: arrays, numbers, or `Missing`.
        attrs: its attributes.
        out: of the result's shape and dtype, laid out as NumPy would.
    """
    if op.name in UFUNCS:
        return [(UFUNCS[op.name], *args, out)]
    body = BODIES.get(op.name)
    return body(args, attrs, out) if body else None


def overwrites(op: Op) -> bool:
    """Whether the result may lie where an argument of the same layout lies."""
    return op.name in UFUNCS or op.name in {"relu", "square", "reciprocal", "rsqrt", "sigmoid"}


def _maximum(a: Any, b: Any, out: Array) -> Array:
    # By keyword: NumPy means to give a third argument another sense here.
    return np.maximum(a, b, out=out)


def _minimum(a: Any, b: Any, out: Array) -> Array:
    return np.minimum(a, b, out=out)


UFUNCS: dict[str, Callable[..., Any]] = {
    "abs": np.absolute,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "add": np.add,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "div": np.true_divide,
    "eq": np.equal,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "floor_divide": np.floor_divide,
    "ge": np.greater_equal,
    "gt": np.greater,
    "isfinite": np.isfinite,
    "isnan": np.isnan,
    "le": np.less_equal,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "logaddexp": np.logaddexp,
    "logical_and": np.logical_and,
    "logical_not": np.logical_not,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "lt": np.less,
    "maximum": _maximum,
    "minimum": _minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "pow": np.power,
    "remainder": np.remainder,
    "round": np.rint,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "sub": np.subtract,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
}


# --- elementwise, in several calls --------------------------------------------------------------


def _relu(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call]:
    return [(_maximum, args[0], 0, out)]


def _square(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call]:
    return [(np.multiply, args[0], args[0], out)]


def _reciprocal(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call]:
    return [(np.true_divide, 1, args[0], out)]


def _rsqrt(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call]:
    return [(np.sqrt, args[0], out), (np.true_divide, 1, out, out)]


def _sigmoid(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call]:
    return [
        (np.subtract, 0.0, args[0], out),
        (np.exp, out, out),
        (np.add, 1, out, out),
        (np.true_divide, 1, out, out),
    ]


def _clip(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call] | None:
    low, high = attrs.get("min"), attrs.get("max")
    if low is None or high is None:
        bound, ufunc = (high, _minimum) if low is None else (low, _maximum)
        return [(ufunc, args[0], bound, out)]
    return [(_maximum, args[0], low, out), (_minimum, out, high, out)]


def _cast(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call]:
    return [(np.copyto, out, args[0], "unsafe")]


def _where(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call] | None:
    condition, a, b = args
    if not isinstance(condition, (np.ndarray, Missing)) or condition.dtype.kind != "b":
        return None
    return [(np.copyto, out, b), (np.copyto, out, a, "same_kind", condition)]


# --- reductions ---------------------------------------------------------------------------------


def _axis(attrs: Attrs) -> Any:
    dim = attrs.get("dim")
    return dim if dim is None or isinstance(dim, int) else tuple(dim)


def _folded(ufunc: np.ufunc, x: Any, attrs: Attrs, out: Array) -> Call:
    reduce = add_up if ufunc is np.add else ufunc.reduce
    return (reduce, x, _axis(attrs), None, out, attrs.get("keepdim", False))


def _fold(ufunc: np.ufunc) -> Body:
    def body(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call] | None:
        unsigned = args[0].dtype.kind == "u" and ufunc in (np.add, np.multiply)
        return None if unsigned else [_folded(ufunc, args[0], attrs, out)]

    return body


def _mean(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call] | None:
    (x,) = args
    if x.dtype.kind != "f" or not out.size:
        return None
    return [_folded(np.add, x, attrs, out), (np.true_divide, out, x.size // out.size, out)]


def _peak(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call] | None:
    if args[0].dtype.kind != "f":
        return None
    odd = np.empty_like(out, dtype=bool)
    return [
        _folded(np.maximum, args[0], attrs, out),
        (np.isfinite, out, odd),
        (np.logical_not, odd, odd),
        (np.copyto, out, 0, "same_kind", odd),
    ]


def _sum_to(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call] | None:
    own, shape = args[0].shape, attrs["shape"]
    lead = len(own) - len(shape)
    dims = (*range(lead), *(lead + d for d, n in enumerate(shape) if n != own[lead + d]))
    kept = _reshaped(out, tuple(1 if d in dims else n for d, n in enumerate(own)))
    return None if kept is None else [(add_up, args[0], dims, None, kept, True)]


def _reshaped(out: Array, shape: Shape) -> Array | None:
    """`out` seen in another shape, where that takes no copy."""
    seen = out.reshape(shape)
    return seen if np.may_share_memory(seen, out) or not out.size else None


# --- products -----------------------------------------------------------------------------------


def _matrix_product(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call]:
    return [(threads.matmul, *args, out)]


def _linear(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call] | None:
    x, w, *bias = args
    if isinstance(w, Missing):
        return None
    biased = [(np.add, out, b, out) for b in bias if b is not None]
    return [(threads.matmul, x, w.T, out), *biased]


# --- moving elements ----------------------------------------------------------------------------


def _reshape(args: Sequence[Any], _attrs: Attrs, out: Array) -> Sequence[Call] | None:
    seen = _reshaped(out, args[0].shape)
    return None if seen is None else [(np.copyto, seen, args[0])]


def _unslice(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call] | None:
    hole: Any = out[attrs["key"]]
    if not isinstance(hole, np.ndarray):
        return None  # one number
    return [(out.fill, 0), (np.copyto, hole, args[0])]


def _pad_constant(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call]:
    shape = args[0].shape
    hole = out[tuple(slice(a, a + n) for n, (a, _) in zip(shape, attrs["widths"]))]
    return [(out.fill, attrs.get("value", 0.0)), (np.copyto, hole, args[0])]


def _concatenate(args: Sequence[Any], attrs: Attrs, out: Array) -> Sequence[Call]:
    dim = attrs.get("dim", 0) % out.ndim
    ends = np.cumsum([a.shape[dim] for a in args])
    before = (slice(None),) * dim
    holes = [out[(*before, slice(end - a.shape[dim], end))] for a, end in zip(args, ends.tolist())]
    return [(np.copyto, hole, a) for hole, a in zip(holes, args)]


BODIES: dict[str, Body] = {
    "amax": _fold(np.maximum),
    "amin": _fold(np.minimum),
    "cast": _cast,
    "clip": _clip,
    "clone": _cast,
    "concatenate": _concatenate,
    "linear": _linear,
    "matrix_product": _matrix_product,
    "mean": _mean,
    "pad_constant": _pad_constant,
    "peak": _peak,
    "prod": _fold(np.multiply),
    "reciprocal": _reciprocal,
    "relu": _relu,
    "reshape": _reshape,
    "rsqrt": _rsqrt,
    "sigmoid": _sigmoid,
    "square": _square,
    "sum": _fold(np.add),
    "sum_to": _sum_to,
    "unslice": _unslice,
    "where": _where,
}
