"""Sums, means, extremes, orders and running totals as ONNX nodes (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.export.onnx.elementwise import computed
from chainrule.export.onnx.graph import BOOL, INT64, WRITERS, Graph, writes
from chainrule.export.onnx.sizes import Dim, Step


def dims_of(dim: Any, rank: int) -> list[int]:
    """The dimensions that are meant; all of them by `None`."""
    if dim is None:
        return list(range(rank))
    return sorted(d % max(rank, 1) for d in ([dim] if isinstance(dim, int) else dim))


def _reduction(name: str, kind: str) -> None:
    def write(g: Graph, step: Step) -> str:
        (x,) = step.args
        own = step.instruction.out.dtype
        dtype = computed(own)
        dims = dims_of(step.attrs.get("dim"), len(g.shape(x)))
        if not g.shape(x):
            kept = g.name(x, dtype)
            return g.cast(g.add("Abs", kept) if kind == "ReduceL2" else kept, dtype, own)
        keep = int(step.attrs.get("keepdim", False))
        y = g.add(kind, g.name(x, dtype), g.ints(*dims), keepdims=keep, noop_with_empty_axes=1)
        return g.cast(y, dtype, own)

    WRITERS[name] = write


for ours, theirs in {
    "sum": "ReduceSum", "mean": "ReduceMean", "amax": "ReduceMax", "amin": "ReduceMin",
    "prod": "ReduceProd", "euclidean_norm": "ReduceL2",
}.items():  # fmt: skip
    _reduction(ours, theirs)


def finite_peak(g: Graph, x: str, dims: str, dtype: Any, keep: int) -> str:
    """The largest along dims, or 0 where that is infinite or NaN."""
    top = g.add("ReduceMax", x, dims, keepdims=keep)
    known = g.add("Less", g.add("Abs", top), g.number(np.inf, dtype))
    return g.add("Where", known, top, g.number(0, dtype))


@writes("peak")
def _peak(g: Graph, step: Step) -> str:
    (x,) = step.args
    _softmax(g, step)
    dims = g.ints(*dims_of(step.attrs.get("dim"), len(g.shape(x))))
    return finite_peak(g, g.name(x), dims, x.dtype, int(step.attrs.get("keepdim", False)))


def _softmax(g: Graph, peak: Step) -> None:
    """Where a softmax or its logarithm begins with this peak, write it as the one node it is.

    The composites are z = x - peak, z - log(sum(exp(z))), and the exponential of that.
    """
    (x,), dims = peak.args, dims_of(peak.attrs.get("dim"), len(g.shape(peak.args[0])))
    shifted = _reader(g, peak, "sub")
    if shifted is None or shifted.args[0] is not x or len(dims) != 1:
        return
    found: Step | None = None
    readers = g.users(shifted.instruction.out) or []
    for powers in readers:
        total = _reader(g, powers, "sum") if powers.instruction.op.name == "exp" else None
        same = total is not None and total.attrs.get("dim") == peak.attrs.get("dim")
        log = _reader(g, total, "log") if total is not None and same else None
        found = _reader(g, log, "sub") if log is not None else None
        if found is not None:
            break
    if found is None or len(readers) != 2 or found.args[0] is not shifted.instruction.out:
        return
    power = _reader(g, found, "exp")
    kind = "Softmax" if power is not None else "LogSoftmax"
    g.finish(power or found, g.add(kind, g.name(x), axis=dims[0]))


def _reader(g: Graph, step: Step, name: str) -> Step | None:
    """What reads the result of a step, if it is one operation of that name."""
    users = g.users(step.instruction.out)
    one = users is not None and len(users) == 1 and users[0].instruction.op.name == name
    return users[0] if users is not None and one else None


@writes("logsumexp")
def _logsumexp(g: Graph, step: Step) -> str:
    """m + log(sum of exp(x - m)) with the largest x as m, or 0 where that is infinite."""
    (x,) = step.args
    dtype, shape = x.dtype, g.shape(x)
    if not shape:
        return g.name(x)
    dims = g.ints(*dims_of(step.attrs.get("dim"), len(shape)))
    return summed_exponentials(g, g.name(x), dims, dtype, int(step.attrs.get("keepdim", False)))


def summed_exponentials(g: Graph, x: str, dims: str, dtype: Any, keep: int) -> str:
    """log(sum of exp(x)) along dims."""
    top = finite_peak(g, x, dims, dtype, 1)
    total = g.add("ReduceSum", g.add("Exp", g.add("Sub", x, top)), dims, keepdims=1)
    y = g.add("Add", g.add("Log", total), top)
    return y if keep else g.add("Squeeze", y, dims)


# --- places -------------------------------------------------------------------------------------


def _extreme_place(name: str, kind: str) -> None:
    def write(g: Graph, step: Step) -> str:
        (x,) = step.args
        shape, dim = g.shape(x), step.attrs.get("dim")
        out = g.shape(step.instruction.out)
        if not shape:
            return g.filled(0, out, INT64)
        dtype = computed(x.dtype)
        source = g.name(x, dtype)
        if dim is not None:
            keep = int(step.attrs.get("keepdim", False))
            return g.add(kind, source, axis=dim % len(shape), keepdims=keep)
        flat = g.add("Reshape", source, g.ints(-1))
        return g.reshape(g.add(kind, flat, axis=0, keepdims=0), out)

    WRITERS[name] = write


_extreme_place("argmax", "ArgMax")
_extreme_place("argmin", "ArgMin")


def ordered(g: Graph, x: str, shape: Sequence[Dim], dim: int, largest: bool) -> tuple[str, str]:
    """The elements along a dimension in order, and where they were; of equals the first first."""
    top = g.several("TopK", (x, g.size(shape[dim])), 2, axis=dim, largest=int(largest), sorted=1)
    return top[0], top[1]


@writes("argsort")
def _argsort(g: Graph, step: Step) -> str:
    (x,) = step.args
    shape = g.shape(x)
    if not shape:
        return g.filled(0, (), INT64)
    dim = step.attrs.get("dim", -1) % len(shape)
    source = g.name(x, computed(x.dtype))
    return ordered(g, source, shape, dim, step.attrs.get("descending", False))[1]


@writes("middle")
def _middle(g: Graph, step: Step) -> str:
    """The lower median of all elements."""
    (x,) = step.args
    if step.attrs.get("ignored", False):
        raise DataError("a median that passes over NaN cannot be written to an ONNX file")
    n = math.prod(g.fixed(g.shape(x), "a median"))
    flat = g.add("Reshape", g.name(x, computed(x.dtype)), g.ints(-1))
    line, _ = ordered(g, flat, (n,), 0, False)
    at = (n - 1) // 2
    return g.cast(
        g.reshape(g.slice(line, [at], [at + 1], [0], [1]), ()), computed(x.dtype), x.dtype
    )


@writes("most_frequent")
def _most_frequent(g: Graph, step: Step) -> str:
    """The last place of the smallest of those that are found most often."""
    (x,) = step.args
    rank = len(g.shape(x))
    if not rank:
        return g.filled(0, (), INT64)
    dim, dtype = step.attrs["dim"] % rank, computed(x.dtype)
    perm = [*(d for d in range(rank) if d != dim), dim]
    line = g.add("Transpose", g.name(x, dtype), perm=perm)
    pairs = g.add(
        "Equal", g.add("Unsqueeze", line, g.ints(-1)), g.add("Unsqueeze", line, g.ints(-2))
    )
    count = g.add("ReduceSum", g.cast(pairs, BOOL, INT64), g.ints(-1), keepdims=0)
    most = g.add("Equal", count, g.add("ReduceMax", count, g.ints(-1), keepdims=1))
    none = g.number(np.inf if dtype.kind == "f" else np.iinfo(dtype).max, dtype)
    found = g.add("Where", most, line, none)
    place = g.add("ArgMin", found, axis=rank - 1, keepdims=1, select_last_index=1)
    perm = list(range(rank - 1))
    perm.insert(dim, rank - 1)
    return g.add("Transpose", place, perm=perm)


@writes("searched")
def _searched(g: Graph, step: Step) -> str:
    """How many of the sequence are less than each value, or, from the right, no larger."""
    sequence, values = step.args
    dtype = computed(np.result_type(sequence.dtype, values.dtype))
    ours = g.add("Unsqueeze", g.name(sequence, dtype), g.ints(-2))
    theirs = g.add("Unsqueeze", g.name(values, dtype), g.ints(-1))
    if not g.shape(values):
        ours = g.name(sequence, dtype)
    kind = "LessOrEqual" if step.attrs.get("right", False) else "Less"
    found = g.cast(g.add(kind, ours, theirs), BOOL, INT64)
    return g.add("ReduceSum", found, g.ints(-1), keepdims=0)


# --- running ------------------------------------------------------------------------------------


@writes("cumsum")
def _cumsum(g: Graph, step: Step) -> str:
    (x,) = step.args
    own = step.instruction.out.dtype
    dtype = computed(own)
    if not g.shape(x):
        return g.name(x, own)
    dim = step.attrs["dim"] % len(g.shape(x))
    return g.cast(g.add("CumSum", g.name(x, dtype), g.number(dim, INT64)), dtype, own)


def _prefixes(g: Graph, step: Step, fill: float, dtype: Any) -> str:
    """Along a new last dimension each element's predecessors and itself, then only `fill`."""
    (x,) = step.args
    shape = g.shape(x)
    dim = step.attrs["dim"] % len(shape)
    n = shape[dim]
    perm = [*(d for d in range(len(shape)) if d != dim), dim]
    last = g.add("Transpose", g.name(x, dtype), perm=perm)
    row = g.add("Unsqueeze", last, g.ints(-2))
    return g.add("Where", g.lower(n, n), row, g.number(fill, dtype))


def _back(g: Graph, y: str, step: Step) -> str:
    """y with its last dimension where it belongs."""
    rank = len(g.shape(step.args[0]))
    perm = list(range(rank - 1))
    perm.insert(step.attrs["dim"] % rank, rank - 1)
    return g.add("Transpose", y, perm=perm)


@writes("cumprod")
def _cumprod(g: Graph, step: Step) -> str:
    own = step.instruction.out.dtype
    if not g.shape(step.args[0]):
        return g.name(step.args[0], own)
    dtype = computed(own)
    parts = _prefixes(g, step, 1, dtype)
    y = g.add("ReduceProd", parts, g.ints(-1), keepdims=0)
    return _back(g, g.cast(y, dtype, own), step)


@writes("logcumsumexp")
def _logcumsumexp(g: Graph, step: Step) -> str:
    dtype = step.instruction.out.dtype
    if not g.shape(step.args[0]):
        return g.name(step.args[0])
    parts = _prefixes(g, step, -np.inf, dtype)
    return _back(g, summed_exponentials(g, parts, g.ints(-1), dtype, 0), step)


def _running_place(name: str, kind: str, fill: float) -> None:
    def write(g: Graph, step: Step) -> str:
        (x,) = step.args
        if not g.shape(x):
            return g.filled(0, (), INT64)
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
        parts = _prefixes(g, step, fill, dtype)
        place = g.add(kind, parts, axis=len(g.shape(x)), keepdims=0, select_last_index=1)
        return _back(g, place, step)

    WRITERS[name] = write


_running_place("running_argmax", "ArgMax", -np.inf)
_running_place("running_argmin", "ArgMin", np.inf)
