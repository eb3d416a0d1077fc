"""Elements that move in C: joined, padded, looked up at places (floor 4).

A place that is computed may lie outside of what it is looked up in; then the element is NaN, or 0
among whole numbers, and nothing is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.export.c.nest import Nest, aligned
from chainrule.export.c.text import Index, literal
from chainrule.ops import Shape
from chainrule.ops.core import broadcast_shape
from chainrule.ops.shape import ARRAY
from chainrule.plan.program import Instruction, Value

__all__ = ["JOINED", "MOVES", "copied"]


# --- at places that arrays name -----------------------------------------------------------------


def _index(nest: Nest, instruction: Instruction) -> str | None:
    x, *indices = instruction.values
    key = instruction.attrs["key"]
    if not _is_plain(key):
        return None
    at, inside = _looked_up(nest, x.shape, key, indices)
    return _guarded(nest, x, at, inside)


def _is_plain(key: Sequence[Any]) -> bool:
    return all(isinstance(k, (slice, int)) or k == ARRAY for k in key)


def _looked_up(
    nest: Nest, shape: Shape, key: Sequence[Any], indices: Sequence[Value]
) -> tuple[list[Index], list[str]]:
    """The index, in an array of that shape, of the element at `nest.index` of what a key names.

    Beside it what has to hold for it to lie inside.
    """
    key = (*key, *[slice(None)] * (len(shape) - len(key)))
    picked = [d for d, k in enumerate(key) if not isinstance(k, slice)]
    together = picked == list(range(picked[0], picked[-1] + 1))
    shared = len(broadcast_shape(*(v.shape for v in indices))) if indices else 0
    before = picked[0] if together else 0
    own = nest.index[before : before + shared]
    rest = iter((*nest.index[:before], *nest.index[before + shared :]))
    following = iter(indices)
    at: list[Index] = []
    inside: list[str] = []
    for d, k in enumerate(key):
        if isinstance(k, slice):
            at.append(_stepped(next(rest), k, shape[d]))
        elif isinstance(k, int):
            at.append(k % shape[d])
        else:
            index = next(following)
            place, condition = _place(nest, index, aligned(own, index.shape), shape[d])
            at.append(place)
            inside += condition
    return at, inside


def _stepped(at: Index, key: slice, size: int) -> Index:
    start, _, step = key.indices(size)
    if isinstance(at, int):
        return start + step * at
    text = at if step == 1 else f"{step}*{at}"
    return f"{text} + {start}" if start else text


def _place(nest: Nest, index: Value, at: Sequence[Index], size: int) -> tuple[Index, list[str]]:
    """The place that an element of an index names, counted from the end if it is below 0."""
    text = nest.read(index, at)
    if index.array is not None and index.array.size:
        if index.array.min() == index.array.max() and -size <= int(index.array.min()) < size:
            return int(index.array.min()) % size, []
        if index.array.min() >= 0 and index.array.max() < size:
            return text, []
    name = nest.fresh("at")
    if index.dtype.kind == "u":
        nest.line(f"const int64_t {name} = {text};")
    else:
        nest.line(f"const int64_t {name} = {text} < 0 ? {text} + {size} : {text};")
    return name, [f"{name} >= 0 && {name} < {size}"]


def _guarded(nest: Nest, x: Value, at: Sequence[Index], inside: Sequence[str]) -> str:
    text = nest.read(x, at)
    if not inside:
        return text
    return f"{' && '.join(inside)} ? {text} : {'NAN' if x.dtype.kind == 'f' else '0'}"


def _take_along(nest: Nest, instruction: Instruction) -> str | None:
    x, index = instruction.values
    if not x.shape:
        return nest.read(x)
    dim = instruction.attrs["dim"] % len(x.shape)
    place, inside = _place(nest, index, nest.index, x.shape[dim])
    at: list[Index] = list(nest.index)
    at[dim] = place
    return _guarded(nest, x, at, inside)


# --- with more around ---------------------------------------------------------------------------


def _pad(nest: Nest, instruction: Instruction) -> str:
    (x,) = instruction.values
    at: list[Index] = []
    inside: list[str] = []
    for i, n, (before, after) in zip(nest.index, x.shape, instruction.attrs["widths"]):
        moved: Index = f"{i} - {before}" if before and i != 0 else i
        if i == 0 and before:
            moved = -before
        if before > 0:
            inside.append(f"{i} >= {before}")
        if after > 0:
            inside.append(f"{i} < {before + n}")
        at.append(moved)
    text = nest.read(x, at)
    value = literal(instruction.attrs.get("value", 0.0), x.dtype)
    return f"{' && '.join(inside)} ? {text} : {value}" if inside else text


# --- whole results, piece by piece --------------------------------------------------------------


def _concatenate(nest: Nest, instruction: Instruction) -> bool:
    out = instruction.out
    dim = instruction.attrs.get("dim", 0) % max(1, len(out.shape))
    start = 0
    for x in instruction.values:
        if 0 in x.shape:
            continue
        piece = Nest(nest.scene, x.shape)
        with piece.running():
            at = list(piece.index)
            at[dim] = _stepped(at[dim], slice(start, None), out.shape[dim])
            piece.write(out, at, piece.read(x, piece.index))
        start += x.shape[dim]
    return True


def _put(nest: Nest, instruction: Instruction) -> bool:
    """A copy, then other elements in place of those that a key names."""
    x, v, *indices = instruction.values
    out, key = instruction.out, instruction.attrs["key"]
    if not _is_plain(key):
        return False
    everything = Nest(nest.scene, x.shape)
    with everything.running():
        everything.write(out, everything.index, everything.read(x, everything.index))
    part = Nest(nest.scene, _named_shape(x.shape, key, indices))
    with part.running():
        at, inside = _looked_up(part, x.shape, key, indices)
        with part.given(inside):
            part.write(out, at, part.read(v, aligned(part.index, v.shape)))
    return True


def _named_shape(shape: Shape, key: Sequence[Any], indices: Sequence[Value]) -> Shape:
    """The shape of what a key names."""
    probes = iter([np.zeros(v.shape, np.intp) for v in indices])
    asked = tuple(next(probes) if k == ARRAY and not isinstance(k, slice) else k for k in key)
    return np.empty(shape, bool)[asked].shape


def _unindex(nest: Nest, instruction: Instruction) -> bool:
    """Zeros, with elements added at the places that a key names."""
    x, *indices = instruction.values
    out, key = instruction.out, instruction.attrs["key"]
    if not _is_plain(key):
        return False
    everything = Nest(nest.scene, out.shape)
    with everything.running():
        everything.write(out, everything.index, literal(0, out.dtype))
    part = Nest(nest.scene, x.shape)
    with part.running():
        at, inside = _looked_up(part, out.shape, key, indices)
        with part.given(inside):
            part.line(f"{part.read(out, at)} += {part.read(x, part.index)};")
    return True


def _unslice(nest: Nest, instruction: Instruction) -> bool:
    """Zeros, with x at a place that is known."""
    (x,) = instruction.values
    out = instruction.out
    everything = Nest(nest.scene, out.shape)
    with everything.running():
        everything.write(out, everything.index, literal(0, out.dtype))
    flat = np.arange(int(np.prod(out.shape))).reshape(out.shape)[instruction.attrs["key"]]
    places = nest.scene.table(np.ascontiguousarray(flat, np.int32), "places")
    part = Nest(nest.scene, x.shape)
    with part.running():
        inner = _row_major(part.index, x.shape)
        place = nest.scene.places[out]
        part.line(f"{place}[{places}[{inner}]] = {part.read(x, part.index)};")
    return True


def copied(nest: Nest, instruction: Instruction) -> None:
    """What would be a view if its elements lay in even steps: the same ones in a row."""
    (x,) = instruction.values
    whole = Nest(nest.scene, x.shape)
    with whole.running():
        place = nest.scene.places[instruction.out]
        at = _row_major(whole.index, x.shape)
        whole.line(f"{place}[{at}] = {whole.read(x, whole.index)};")


def _row_major(index: Sequence[Index], shape: Sequence[int]) -> str:
    words = []
    for d, i in enumerate(index):
        inner = int(np.prod(shape[d + 1 :]))
        if i != 0:
            words.append(f"{i}" if inner == 1 else f"{inner}*{i}")
    return " + ".join(words) or "0"


MOVES: dict[str, Callable[[Nest, Instruction], str | None]] = {
    "index": _index,
    "take_along": _take_along,
    "pad_constant": _pad,
}
JOINED: dict[str, Callable[[Nest, Instruction], bool]] = {
    "concatenate": _concatenate,
    "index_put": _put,
    "unindex": _unindex,
    "unslice": _unslice,
}
