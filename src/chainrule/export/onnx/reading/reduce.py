"""ONNX's sums, means, extremes and orders, with our operations (floor 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DataError
from chainrule.export.onnx.reading.call import (
    READERS,
    Call,
    axis_of,
    bounded,
    cast,
    fixed,
    rank_of,
    reads,
    shape_of,
    whole,
)

__all__: list[str] = []

Reduction = Callable[..., Any]


def _reduction(name: str, operation: Reduction) -> None:
    def read(call: Call, x: Any, axes: Any = None) -> Any:
        dims = call.of_input("axes", axes)
        if not dims and call.get("noop_with_empty_axes", 0):
            dims = []
        elif not dims:
            dims = range(rank_of(x))
        found = tuple(axis_of(int(d), rank_of(x)) for d in dims)
        y = operation(x, dim=found, keepdim=bool(call.get("keepdims", 1)))
        return cast(y, x.dtype)

    READERS[name] = read


def _largest(operation: Reduction, empty: float) -> Reduction:
    """The extreme, also of nothing and of truth values."""

    def largest(x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
        if any(x.shape[d] == 0 for d in dim):
            shape = tuple(
                1 if d in dim else n for d, n in enumerate(x.shape) if keepdim or d not in dim
            )
            dtype = np.dtype(x.dtype)
            if dtype.kind == "f":
                return fixed(np.full(shape, empty, dtype))
            if dtype.kind == "b":
                return fixed(np.full(shape, empty > 0))
            ends = np.iinfo(dtype)
            return fixed(np.full(shape, ends.max if empty > 0 else ends.min, dtype))
        return operation(x, dim=dim, keepdim=keepdim) if dim else x

    return largest


def _made(before: Callable[[Any], Any], after: Callable[[Any], Any] = lambda y: y) -> Reduction:
    """A sum of something, and something of the sum."""

    def reduction(x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
        terms = before(x)
        return after(ops.sum(terms, dim=dim, keepdim=keepdim) if dim else terms)

    return reduction


def _if_any(operation: Reduction) -> Reduction:
    def reduction(x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
        return operation(x, dim=dim, keepdim=keepdim) if dim else x

    return reduction


def _logsumexp(x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    real = x if np.dtype(x.dtype).kind == "f" else cast(x, np.float64)
    if any(x.shape[d] == 0 for d in dim):
        return ops.log(ops.sum(ops.exp(real), dim=dim, keepdim=keepdim))
    return ops.logsumexp(real, dim=dim, keepdim=keepdim) if dim else real


_reduction("ReduceSum", _made(lambda x: x))
_reduction("ReduceMean", _if_any(ops.mean))
_reduction("ReduceProd", _if_any(ops.prod))
_reduction("ReduceMax", _largest(ops.amax, -np.inf))
_reduction("ReduceMin", _largest(ops.amin, np.inf))
_reduction("ReduceL1", _made(ops.abs))
_reduction("ReduceL2", _made(ops.square, ops.sqrt))
_reduction("ReduceSumSquare", _made(ops.square))
_reduction("ReduceLogSum", _made(lambda x: x, ops.log))
_reduction("ReduceLogSumExp", _logsumexp)


# --- places and orders --------------------------------------------------------------------------


def _place(name: str, operation: Callable[..., Any]) -> None:
    def read(call: Call, x: Any) -> Any:
        axis = axis_of(call.get("axis", 0), rank_of(x))
        keep = bool(call.get("keepdims", 1))
        if not call.get("select_last_index", 0):
            return operation(x, dim=axis, keepdim=keep)
        back = operation(ops.flip(x, dim=axis), dim=axis, keepdim=keep)
        return ops.sub(x.shape[axis] - 1, back)

    READERS[name] = read


_place("ArgMax", ops.argmax)
_place("ArgMin", ops.argmin)


@reads("TopK")
def _topk(call: Call, x: Any, k: Any = None) -> Any:
    (count,) = [call.get("k", 0)] if k is None else whole(k, "k")
    axis = axis_of(call.get("axis", -1), rank_of(x))
    if not 0 <= count <= x.shape[axis]:
        raise DataError(f"it takes the first {count} of {x.shape[axis]}")
    order = ops.argsort(x, dim=axis, descending=bool(call.get("largest", 1)))
    places = ops.slice(order, key=(*[slice(None)] * axis, slice(0, count)))
    return ops.take_along(x, places, dim=axis), places


@reads("CumSum")
def _cumsum(call: Call, x: Any, axis: Any) -> Any:
    dim = axis_of(whole(axis, "axis")[0], rank_of(x))
    back = bool(call.get("reverse", 0))
    x = ops.flip(x, dim=dim) if back else x
    y = cast(ops.cumsum(x, dim=dim), x.dtype)
    y = ops.sub(y, x) if call.get("exclusive", 0) else y
    return ops.flip(y, dim=dim) if back else y


@reads("CumProd")
def _cumprod(call: Call, x: Any, axis: Any) -> Any:
    dim = axis_of(whole(axis, "axis")[0], rank_of(x))
    back = bool(call.get("reverse", 0))
    x = ops.flip(x, dim=dim) if back else x
    if call.get("exclusive", 0):
        first = fixed(np.ones([1 if d == dim else n for d, n in enumerate(x.shape)], x.dtype))
        key = (*[slice(None)] * dim, slice(0, x.shape[dim] - 1))
        x = ops.concatenate(first, ops.slice(x, key=key), dim=dim)
    y = cast(ops.cumprod(x, dim=dim), x.dtype)
    return ops.flip(y, dim=dim) if back else y


# --- products -----------------------------------------------------------------------------------


@reads("MatMul")
def _matmul(_call: Call, a: Any, b: Any) -> Any:
    lead = np.broadcast_shapes(shape_of(a)[:-2], shape_of(b)[:-2])
    bounded((*lead, *shape_of(a)[-2:-1], *(shape_of(b)[-1:] if rank_of(b) > 1 else ())), a, b)
    return ops.matmul(a, b)


@reads("Gemm")
def _gemm(call: Call, a: Any, b: Any, c: Any = None) -> Any:
    """alpha A B + beta C, with A or B transposed; like a linear layer where it is one."""
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    a = ops.transpose(a) if call.get("transA", 0) else a
    straight = c is not None and len(shape_of(c)) == 1 and alpha == beta == 1
    if call.get("transB", 0) and (straight or (c is None and alpha == 1)):
        return ops.linear(a, b, c) if straight else ops.linear(a, b)
    b = ops.transpose(b) if call.get("transB", 0) else b
    bounded((a.shape[0], b.shape[1]), a, b)
    y = ops.matmul(a, b)
    y = y if alpha == 1 else ops.mul(y, alpha)
    if c is None:
        return cast(y, a.dtype)
    return cast(ops.add(y, c if beta == 1 else ops.mul(c, beta)), a.dtype)


@reads("Einsum")
def _einsum(call: Call, *xs: Any) -> Any:
    equation = call.get("equation", "").replace(" ", "")
    inputs, _, output = equation.partition("->")
    sizes = {
        label: n for labels, x in zip(inputs.split(","), xs) for label, n in zip(labels, x.shape)
    }
    bounded([sizes.get(label, 1) for label in output], *xs)
    return ops.einsum(equation, *xs)
