"""Reading and writing at places that arrays of indices name, as ONNX nodes (floor 4).

What writes to places of an array works on its elements in one line: which of them are meant is
found by reading, in the same way, an array that holds the place of each element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.errors import DataError
from chainrule.export.onnx.graph import INT64, WRITERS, Graph, writes
from chainrule.export.onnx.shapes import key_parts, sliced
from chainrule.export.onnx.sizes import Dim, Size, Step
from chainrule.plan.program import Value

ARRAY = "array"  # stands in a key for the next of the index arrays


# --- reading ------------------------------------------------------------------------------------


@writes("index")
def _index(g: Graph, step: Step) -> str:
    x, *indices = step.args
    out = g.shape(step.instruction.out)
    return read(g, g.name(x), g.shape(x), step.attrs["key"], indices, out)


def read(
    g: Graph,
    x: str,
    shape: Sequence[Dim],
    key: Any,
    indices: Sequence[Value],
    out: Sequence[Dim],
) -> str:
    """x[key], which has shape `out`."""
    parts = key_parts(key, len(shape))
    if any(isinstance(p, bool) for p in parts):
        raise DataError("a truth value as an index cannot be written to an ONNX file")
    held = [p for p in parts if p is not None]
    arrays = any(p == ARRAY for p in held)
    cuts = [p if isinstance(p, slice) or not arrays else slice(None) for p in held]
    x = sliced(g, x, shape, cuts)
    if not arrays:
        return g.reshape(x, out)
    named = [d for d, p in enumerate(held) if not isinstance(p, slice)]
    following = iter(indices)
    chosen = [next(following) if held[d] == ARRAY else held[d] for d in named]
    if any(isinstance(v, Size) for v in chosen):
        raise DataError("an index that depends on an open size does not go into ONNX files")
    places = [(g.name(v, INT64), len(g.shape(v))) for v in chosen]
    whole = None in parts
    if len(named) == 1:
        y = g.add("Gather", x, places[0][0], axis=named[0])
        return g.reshape(y, out) if whole else y
    return _read_together(g, x, len(shape), parts, named, places, out, whole)


def _read_together(
    g: Graph,
    x: str,
    rank: int,
    parts: Sequence[Any],
    named: Sequence[int],
    places: Sequence[tuple[str, int]],
    out: Sequence[Dim],
    whole: bool,
) -> str:
    """Read by several arrays, which are broadcast: their dimensions go first, then where belong."""
    most = max(r for _, r in places)
    first = [d for d in range(rank) if d not in named]
    x = g.add("Transpose", x, perm=[*named, *first])
    together = _stacked(g, [name for name, _ in places])
    y = g.add("GatherND", x, together)
    at = [k for k, p in enumerate(parts) if p is not None and not isinstance(p, slice)]
    adjacent = at[-1] - at[0] + 1 == len(at)
    before = sum(isinstance(p, slice) for p in parts[: at[0]]) if adjacent else 0
    if before:
        rest = len(first)
        order = [most + k for k in range(before)] + list(range(most))
        order += [most + k for k in range(before, rest)]
        y = g.add("Transpose", y, perm=order)
    return g.reshape(y, out) if whole else y


def _stacked(g: Graph, places: Sequence[str]) -> str:
    """Index arrays, broadcast, side by side along a new last dimension."""
    total = places[0]
    for name in places[1:]:
        total = g.add("Add", total, name)
    shape = g.add("Shape", total)
    each = [g.add("Unsqueeze", g.add("Expand", p, shape), g.ints(-1)) for p in places]
    return g.add("Concat", *each, axis=-1)


@writes("take_along")
def _take_along(g: Graph, step: Step) -> str:
    x, index = step.args
    shape, like = g.shape(x), g.shape(index)
    if not shape:
        return g.name(x)
    dim = step.attrs["dim"] % len(shape)
    cut = [
        slice(None) if d == dim or n == m else slice(0, m)
        for d, (n, m) in enumerate(zip(shape, like))
    ]
    return g.add("GatherElements", sliced(g, g.name(x), shape, cut), g.name(index, INT64), axis=dim)


# --- writing ------------------------------------------------------------------------------------


def _line(g: Graph, name: str) -> str:
    return g.add("Reshape", name, g.ints(-1))


def _written(
    g: Graph, x: str, shape: Sequence[Dim], v: str, step: Step, indices: Sequence[Value],
    hole: Sequence[Dim] | None, how: str,
) -> str:  # fmt: skip
    """x with v put at a key, or added there; `hole` is the shape of x[key] where it is known."""
    numbers = g.reshape(g.range(_product(shape)), shape)
    where = _places(g, numbers, shape, step.attrs["key"], indices, hole)
    if hole is None:
        v = g.add("Expand", v, g.add("Shape", where))
    line = g.add(
        "ScatterElements", _line(g, x), _line(g, where), _line(g, v), axis=0, reduction=how
    )
    return g.reshape(line, shape)


def _places(
    g: Graph, numbers: str, shape: Sequence[Dim], key: Any, indices: Sequence[Value],
    hole: Sequence[Dim] | None,
) -> str:  # fmt: skip
    parts = key_parts(key, len(shape))
    if hole is None and not any(p == ARRAY for p in parts):
        # Dimensions that whole numbers take away, and new ones, are left to broadcasting.
        cut = sliced(g, numbers, shape, [p for p in parts if p is not None])
        gone, d = [], 0
        for p in parts:
            if p is not None:
                gone += [d] if not isinstance(p, slice) else []
                d += 1
        return g.add("Squeeze", cut, g.ints(*gone)) if gone else cut
    return read(g, numbers, shape, key, indices, () if hole is None else hole)


def _product(shape: Sequence[Dim]) -> Dim:
    """How many elements a shape has."""
    factor = 1
    symbols: list[str] = []
    for n in shape:
        if isinstance(n, int):
            factor *= n
        elif len(n.terms) == 1:
            factor *= n.terms[0][0]
            symbols += n.terms[0][1]
        else:
            raise DataError(f"writing into an array of open size {n} does not go into ONNX files")
    return Size(((factor, tuple(symbols)),)) if symbols else factor


@writes("index_put")
def _index_put(g: Graph, step: Step) -> str:
    x, v, *indices = step.args
    if any(k is None for k in key_parts(step.attrs["key"], len(g.shape(x)))):
        raise DataError("writing at a key with new dimensions does not go into ONNX files")
    return _written(g, g.name(x), g.shape(x), g.name(v, x.dtype), step, indices, None, "none")


@writes("unindex")
def _unindex(g: Graph, step: Step) -> str:
    x, *indices = step.args
    shape = g.shape(step.instruction.out)
    return _written(
        g, g.filled(0, shape, x.dtype), shape, g.name(x), step, indices, g.shape(x), "add"
    )


@writes("unslice")
def _unslice(g: Graph, step: Step) -> str:
    (x,) = step.args
    shape = g.shape(step.instruction.out)
    return _written(g, g.filled(0, shape, x.dtype), shape, g.name(x), step, (), g.shape(x), "none")


def _scattering(name: str, how: str) -> None:
    def write(g: Graph, step: Step) -> str:
        x, index, source = step.args
        shape = g.shape(x)
        reduction = how
        if name == "extreme_along":
            reduction = "max" if step.attrs["largest"] else "min"
        names = [g.name(x), g.name(index, INT64), g.name(source, x.dtype)]
        if not shape:
            names = [_line(g, n) for n in names]
        dim = step.attrs["dim"] % max(len(shape), 1)
        y = g.add("ScatterElements", *names, axis=dim, reduction=reduction)
        return y if shape else g.reshape(y, ())

    WRITERS[name] = write


_scattering("put_along", "none")
_scattering("extreme_along", "max")
_scattering("multiply_along", "mul")


@writes("add_along")
def _add_along(g: Graph, step: Step) -> str:
    x, index = step.args
    shape = g.shape(step.instruction.out)
    if not shape:
        return g.name(x)
    names = g.filled(0, shape, x.dtype), g.name(index, INT64), g.name(x)
    dim = step.attrs["dim"] % len(shape)
    return g.add("ScatterElements", *names, axis=dim, reduction="add")


@writes("assign")
def _assign(g: Graph, step: Step) -> str:
    """The value in place of what was there: who reads it afterwards reads this."""
    x, v = step.args
    if x.base is not None:
        raise DataError("writing into a part of a weight or buffer does not go into ONNX files")
    return g.expand(g.name(v, x.dtype), g.shape(v), g.shape(x))
