"""Operations that move elements without computing as ONNX nodes: views, joins, slices (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.errors import DataError
from chainrule.export.onnx.graph import Graph, writes
from chainrule.export.onnx.sizes import Dim, Size, Step

__all__ = ["key_parts", "sliced"]

_FAR = 2**62  # beyond the end of anything


@writes("reshape")
def _reshape(g: Graph, step: Step) -> str:
    (x,) = step.args
    old, new = g.shape(x), g.shape(step.instruction.out)
    return g.name(x) if old == new else reshaped(g, g.name(x), old, new)


def reshaped(g: Graph, x: str, old: Sequence[Dim], new: Sequence[Dim]) -> str:
    """x in a new shape, told by 0 (as before) and -1 (the rest) where that says it all."""
    told: list[int] = []
    for d, n in enumerate(new):
        if isinstance(n, int):
            told.append(n)
        else:
            told.append(0 if d < len(old) and old[d] == n else -1)
    empty = any(n == 0 for n in (*old, *new) if isinstance(n, int))
    if told.count(-1) > 1 or empty or all(isinstance(n, int) for n in new):
        return g.reshape(x, new)
    return g.add("Reshape", x, g.ints(*told))


@writes("permute")
def _permute(g: Graph, step: Step) -> str:
    (x,) = step.args
    rank = len(g.shape(x))
    return g.add("Transpose", g.name(x), perm=[d % rank for d in step.attrs["dims"]])


@writes("broadcast_to")
def _broadcast_to(g: Graph, step: Step) -> str:
    (x,) = step.args
    return g.expand(g.name(x), g.shape(x), g.shape(step.instruction.out))


@writes("sum_to")
def _sum_to(g: Graph, step: Step) -> str:
    (x,) = step.args
    old, new = g.shape(x), g.shape(step.instruction.out)
    lead = len(old) - len(new)
    dims = [*range(lead), *(lead + d for d, n in enumerate(new) if n != old[lead + d])]
    total = g.add("ReduceSum", g.name(x), g.ints(*dims), keepdims=1) if dims else g.name(x)
    return g.reshape(total, new)


@writes("flip")
def _flip(g: Graph, step: Step) -> str:
    (x,) = step.args
    rank = len(g.shape(x))
    dim = step.attrs["dim"]
    dims = [d % rank for d in ([dim] if isinstance(dim, int) else dim)]
    many = len(dims)
    return g.slice(g.name(x), [-1] * many, [-_FAR] * many, dims, [-1] * many)


@writes("concatenate")
def _concatenate(g: Graph, step: Step) -> str:
    dtype = step.instruction.out.dtype
    names = [g.name(a, dtype) for a in step.args]
    rank = len(g.shape(step.args[0]))
    return g.add("Concat", *names, axis=step.attrs.get("dim", 0) % rank)


@writes("pad_constant")
def _pad_constant(g: Graph, step: Step) -> str:
    (x,) = step.args
    widths = step.attrs["widths"]
    value = step.attrs.get("value", 0.0)
    ends = g.sizes([*(a for a, _ in widths), *(b for _, b in widths)])
    if not widths:
        return g.name(x)
    return g.add("Pad", g.name(x), ends, g.number(value, x.dtype))


# --- slices -------------------------------------------------------------------------------------


def key_parts(key: Any, rank: int) -> list[Any]:
    """A key without `...`: a part for each dimension of x, and `None` for each new one."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not Ellipsis for k in parts)
    rest = [slice(None)] * (rank - used)
    for place, part in enumerate(parts):
        if part is Ellipsis:
            return [*parts[:place], *rest, *parts[place + 1 :]]
    return [*parts, *rest]


@writes("slice")
def _slice(g: Graph, step: Step) -> str:
    (x,) = step.args
    shape = g.shape(x)
    parts = key_parts(step.attrs["key"], len(shape))
    if any(isinstance(p, bool) for p in parts):
        raise DataError("a truth value as an index cannot be written to an ONNX file")
    name = sliced(g, g.name(x), shape, [p for p in parts if p is not None])
    if any(p is None or isinstance(p, (int, Size)) for p in parts):
        return reshaped(g, name, (), g.shape(step.instruction.out))
    return name


def sliced(g: Graph, x: str, shape: Sequence[Dim], parts: Sequence[Any]) -> str:
    """x cut along each dimension: by a slice, or to the one place of a whole number."""
    found = [(d, *_ends(p, shape[d])) for d, p in enumerate(parts) if p != slice(None)]
    cuts = [c for c in found if c[1:] != (0, shape[c[0]], 1)]
    if not cuts:
        return x
    axes, starts, ends, steps = (list(each) for each in zip(*cuts))
    return g.slice(x, starts, ends, axes, steps)


def _ends(part: Any, n: Dim) -> tuple[Dim, Dim, int]:
    """Where a part of a key begins and ends, and how it steps."""
    if not isinstance(part, slice):
        last = part == -1
        return part, (_FAR if last else _next(part)), 1
    if isinstance(n, int) and not any(isinstance(e, Size) for e in (part.start, part.stop)):
        first, last, step = part.indices(n)
        return first, (-_FAR if last < 0 else last), step
    by = int(part.step or 1)
    start = part.start if part.start is not None else (0 if by > 0 else -1)
    stop = part.stop if part.stop is not None else (n if by > 0 else -_FAR)
    return start, stop, by


def _next(n: Dim) -> Dim:
    if isinstance(n, int):
        return n + 1
    rest = sum(c for c, symbols in n.terms if not symbols) + 1
    terms = [t for t in n.terms if t[1]]
    return Size(tuple([(rest, ()), *terms] if rest else terms))
