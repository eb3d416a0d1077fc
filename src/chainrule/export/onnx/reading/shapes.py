"""ONNX's operators that move elements, with our operations (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DataError
from chainrule.export.onnx.reading.call import (
    Call,
    axis_of,
    bounded,
    cast,
    fixed,
    known,
    rank_of,
    reads,
    shape_of,
    whole,
)
from chainrule.ops.shape import ARRAY

__all__ = ["flipped", "padded", "turned"]


# --- shapes as numbers --------------------------------------------------------------------------


@reads("Shape")
def _shape(call: Call, x: Any) -> Any:
    return np.array(shape_of(x)[slice(call.get("start", 0), call.get("end"))], np.int64)


@reads("Size")
def _size(_call: Call, x: Any) -> Any:
    return np.array(math.prod(shape_of(x)), np.int64)


@reads("Constant")
def _constant(call: Call) -> Any:
    for name, value in call.node.attrs.items():
        if name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
            dtype = np.float32 if "float" in name else np.int64
            return value if isinstance(value, np.ndarray) else np.array(value, dtype)
    raise call.refuse("it gives text or sparse numbers")


@reads("ConstantOfShape")
def _constant_of_shape(call: Call, shape: Any) -> Any:
    value = call.get("value", np.zeros(1, np.float32))
    return np.full(bounded(whole(shape, "shape")), value.reshape(-1)[0], value.dtype)


@reads("Range")
def _range(_call: Call, start: Any, limit: Any, delta: Any) -> Any:
    ends = [known(v, "range").reshape(-1)[0] for v in (start, limit, delta)]
    if not ends[2] or not math.isfinite(float(ends[1] - ends[0])):
        raise DataError("it counts without end")
    count = max(0, math.ceil((float(ends[1]) - float(ends[0])) / float(ends[2])))
    bounded((count,))
    return (np.arange(count, dtype=ends[0].dtype) * ends[2] + ends[0]).astype(ends[0].dtype)


@reads("EyeLike")
def _eye_like(call: Call, x: Any) -> Any:
    from chainrule.export.onnx.reading.files import DTYPES

    dtype = DTYPES.get(call.get("dtype", 0), np.dtype(x.dtype))
    rows, columns = shape_of(x)
    return np.eye(rows, columns, k=call.get("k", 0), dtype=dtype)


@reads("OneHot")
def _one_hot(call: Call, indices: Any, depth: Any, values: Any) -> Any:
    (n,) = whole(depth, "depth")
    rank = rank_of(indices) + 1
    axis = axis_of(call.get("axis", -1), rank)
    shape = list(shape_of(indices))
    bounded((*shape, n))
    shape.insert(axis, 1)
    places = ops.remainder(cast(indices, np.int64), n)
    inside = ops.logical_and(ops.ge(indices, -n), ops.lt(indices, n))
    across = [1] * rank
    across[axis] = n
    found = ops.eq(ops.reshape(places, shape=tuple(shape)), fixed(np.arange(n).reshape(across)))
    found = ops.logical_and(found, ops.reshape(inside, shape=tuple(shape)))
    off, on = (ops.slice(values, key=(k,)) for k in (0, 1))
    return ops.where(found, on, off)


# --- views --------------------------------------------------------------------------------------


@reads("Reshape")
def _reshape(call: Call, x: Any, shape: Any = None) -> Any:
    wanted = whole(shape, "shape") if shape is not None else list(call.get("shape", ()))
    if min(wanted, default=0) < -1:
        raise DataError(f"the shape {wanted} has a size below -1")
    if not call.get("allowzero", 0):
        if any(n == 0 and d >= rank_of(x) for d, n in enumerate(wanted)):
            raise DataError(f"the shape {wanted} copies a size that {shape_of(x)} has not")
        wanted = [x.shape[d] if n == 0 else n for d, n in enumerate(wanted)]
    return ops.reshape(x, shape=tuple(wanted))


@reads("Flatten")
def _flatten(call: Call, x: Any) -> Any:
    axis = call.get("axis", 1)
    axis = axis + rank_of(x) if axis < 0 else axis
    rows = math.prod(x.shape[:axis])
    return ops.reshape(x, shape=(rows, math.prod(x.shape[axis:])))


@reads("Transpose")
def _transpose(call: Call, x: Any) -> Any:
    return ops.permute(x, dims=call.get("perm", tuple(reversed(range(rank_of(x))))))


@reads("Squeeze")
def _squeeze(call: Call, x: Any, axes: Any = None) -> Any:
    dims = call.of_input("axes", axes)
    rank = rank_of(x)
    gone = (
        {d for d, n in enumerate(x.shape) if n == 1}
        if dims is None
        else {axis_of(d, rank) for d in dims}
    )
    if any(x.shape[d] != 1 for d in gone):
        raise DataError(f"the shape {shape_of(x)} has other sizes than 1 along axes {sorted(gone)}")
    return ops.reshape(x, shape=tuple(n for d, n in enumerate(x.shape) if d not in gone))


@reads("Unsqueeze")
def _unsqueeze(call: Call, x: Any, axes: Any = None) -> Any:
    dims = call.of_input("axes", axes, ())
    rank = rank_of(x) + len(dims)
    shape = list(shape_of(x))
    for d in sorted(axis_of(d, rank) for d in dims):
        shape.insert(d, 1)
    return ops.reshape(x, shape=tuple(shape))


@reads("Expand")
def _expand(_call: Call, x: Any, shape: Any) -> Any:
    wanted = np.broadcast_shapes(shape_of(x), tuple(whole(shape, "shape")))
    return ops.broadcast_to(x, shape=bounded(wanted, x))


@reads("Tile")
def _tile(_call: Call, x: Any, repeats: Any) -> Any:
    times = whole(repeats, "repeats")
    bounded([n * m for n, m in zip(shape_of(x), times, strict=True)], x)
    return ops.tile(x, tuple(times))


def turned(x: Any, axis: int, to: int) -> Any:
    """x with one dimension at another place."""
    rank = rank_of(x)
    order = [d for d in range(rank) if d != axis % rank]
    order.insert(to % rank, axis % rank)
    return ops.permute(x, dims=tuple(order))


def flipped(x: Any, dim: int) -> Any:
    """x in reverse along a dimension."""
    return ops.flip(x, dim=dim)


# --- pieces -------------------------------------------------------------------------------------


@reads("Concat")
def _concat(call: Call, *xs: Any) -> Any:
    return ops.concatenate(*xs, dim=axis_of(call.get("axis", 1), rank_of(xs[0])))


@reads("Split")
def _split(call: Call, x: Any, split: Any = None) -> Any:
    axis = axis_of(call.get("axis", 0), rank_of(x))
    sizes = call.of_input("split", split)
    if sizes is None:
        count = call.get("num_outputs", len(call.node.outputs))
        if count != len(call.node.outputs):
            raise DataError(f"it makes {count} pieces, and {len(call.node.outputs)} are named")
        each = -(-x.shape[axis] // count)
        sizes = [min(each, max(0, x.shape[axis] - k * each)) for k in range(count)]
    return tuple(ops.split(x, [int(n) for n in sizes], axis))


@reads("Slice")
def _slice(
    call: Call, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None
) -> Any:
    first, last = call.of_input("starts", starts, ()), call.of_input("ends", ends, ())
    dims = call.of_input("axes", axes) or range(len(first))
    by = call.of_input("steps", steps) or [1] * len(first)
    key: list[Any] = [slice(None)] * rank_of(x)
    for start, end, dim, step in zip(first, last, dims, by, strict=True):
        d = axis_of(dim, rank_of(x))
        key[d] = _span(int(start), int(end), int(step), x.shape[d])
    return ops.slice(x, key=tuple(key))


def _span(start: int, end: int, step: int, n: int) -> slice:
    """What ONNX means by start, end and step, which are cut to the size."""
    if not step:
        raise DataError("it cuts in steps of 0")
    low, high = (0, n) if step > 0 else (-1, n - 1)
    start = min(max(start + n if start < 0 else start, 0), high)
    end = min(max(end + n if end < 0 else end, low), n)
    return slice(start, None if step < 0 and end < 0 else end, step)


@reads("Pad")
def _pad(call: Call, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    ends = [int(n) for n in call.of_input("pads", pads, call.get("paddings", ()))]
    rank = rank_of(x)
    dims = [axis_of(d, rank) for d in (range(rank) if axes is None else whole(axes, "axes"))]
    widths = [(0, 0)] * rank
    for d, before, after in zip(dims, ends[: len(dims)], ends[len(dims) :], strict=True):
        widths[d] = before, after
    fill = call.get("value", 0.0) if value is None else known(value, "value").reshape(-1)[0].item()
    return padded(x, widths, call.get("mode", "constant"), fill)


def padded(x: Any, widths: Sequence[tuple[int, int]], mode: str, fill: Any) -> Any:
    """x with borders, which may be negative to cut away."""
    cut = tuple(slice(max(-a, 0), max(n - max(-b, 0), 0)) for n, (a, b) in zip(x.shape, widths))
    if any(a < 0 or b < 0 for a, b in widths):
        x = ops.slice(x, key=cut)
    more = [(max(a, 0), max(b, 0)) for a, b in widths]
    bounded([n + a + b for n, (a, b) in zip(x.shape, more)], x)
    if mode == "constant":
        return ops.pad_constant(x, widths=tuple(more), value=fill)
    if mode not in ("edge", "reflect", "wrap"):
        raise DataError(f"borders of the mode {mode!r} are not supported")
    for d, (a, b) in enumerate(more):
        if a or b:
            places = np.pad(np.arange(x.shape[d]), (a, b), mode=mode)  # type: ignore[call-overload]
            x = ops.index_select(x, d, fixed(places))
    return x


# --- reading at places --------------------------------------------------------------------------


def _checked(index: Any, n: int) -> Any:
    """Places along a dimension of n, which a look at the numbers holds against it."""
    if isinstance(index, np.ndarray) and index.size and not (-n <= index.min() <= index.max() < n):
        raise DataError(f"it reads at {index.min()} to {index.max()} of {n} places")
    return cast(index, np.int64)


@reads("Gather")
def _gather(call: Call, x: Any, index: Any) -> Any:
    axis = axis_of(call.get("axis", 0), rank_of(x))
    key = (*[slice(None)] * axis, ARRAY)
    return ops.index(x, _checked(index, x.shape[axis]), key=key)


@reads("GatherElements")
def _gather_elements(call: Call, x: Any, index: Any) -> Any:
    axis = axis_of(call.get("axis", 0), rank_of(x))
    return ops.take_along(x, _checked(index, x.shape[axis]), dim=axis)


def _columns(index: Any, shape: Sequence[int], lead: int = 0) -> list[Any]:
    """The index arrays that stand side by side along the last dimension."""
    count = index.shape[-1]
    parts = [ops.slice(index, key=(..., k)) for k in range(count)]
    return [_checked(p, n) for p, n in zip(parts, shape[lead:])]


@reads("GatherND")
def _gather_nd(call: Call, x: Any, index: Any) -> Any:
    lead = call.get("batch_dims", 0)
    columns = _columns(index, shape_of(x), lead)
    rank = rank_of(index) - 1
    grid = [
        np.arange(n).reshape([-1 if d == k else 1 for d in range(rank)])
        for k, n in enumerate(shape_of(x)[:lead])
    ]
    places = [*(fixed(g) for g in grid), *columns]
    return ops.index(x, *places, key=(ARRAY,) * len(places))


@reads("ScatterND")
def _scatter_nd(call: Call, x: Any, index: Any, v: Any) -> Any:
    how = call.get("reduction", "none")
    columns = _columns(index, shape_of(x))
    if how == "none":
        return ops.index_put(x, v, *columns, key=(ARRAY,) * len(columns))
    # On the elements in one line, at the places that the index means.
    numbers = np.arange(math.prod(x.shape)).reshape(x.shape)
    places = ops.index(numbers, *(known(c, "index") for c in columns), key=(ARRAY,) * len(columns))
    flat = _scattered(
        ops.reshape(x, shape=(-1,)), places.reshape(-1), ops.reshape(v, shape=(-1,)), 0, how
    )
    return ops.reshape(flat, shape=shape_of(x))


@reads("ScatterElements", "Scatter")
def _scatter_elements(call: Call, x: Any, index: Any, v: Any) -> Any:
    axis = axis_of(call.get("axis", 0), rank_of(x))
    return _scattered(x, _checked(index, x.shape[axis]), v, axis, call.get("reduction", "none"))


def _scattered(x: Any, index: Any, v: Any, axis: int, how: str) -> Any:
    index = ops.remainder(index, x.shape[axis])
    if how == "add":
        return ops.add(x, ops.add_along(v, index, dim=axis, shape=shape_of(x)))
    if how == "mul":
        return ops.multiply_along(x, index, v, dim=axis)
    if how in ("max", "min"):
        return ops.extreme_along(x, index, v, dim=axis, largest=how == "max")
    if how != "none":
        raise DataError(f"writing with the reduction {how!r} is not supported")
    return ops.put_along(x, index, v, dim=axis)


# --- images and sequences -----------------------------------------------------------------------


@reads("DepthToSpace")
def _depth_to_space(call: Call, x: Any) -> Any:
    n, c, h, w = shape_of(x)
    r = call.get("blocksize", 1)
    if call.get("mode", "DCR") == "CRD":
        return ops.pixel_shuffle(x, r)
    apart = ops.reshape(x, shape=(n, r, r, c // (r * r), h, w))
    return ops.reshape(
        ops.permute(apart, dims=(0, 3, 4, 1, 5, 2)), shape=(n, c // (r * r), h * r, w * r)
    )


@reads("SpaceToDepth")
def _space_to_depth(call: Call, x: Any) -> Any:
    n, c, h, w = shape_of(x)
    r = call.get("blocksize", 1)
    if call.get("mode", "DCR") == "CRD":
        return ops.pixel_unshuffle(x, r)
    apart = ops.reshape(x, shape=(n, c, h // r, r, w // r, r))
    return ops.reshape(
        ops.permute(apart, dims=(0, 3, 5, 1, 2, 4)), shape=(n, c * r * r, h // r, w // r)
    )


@reads("Trilu")
def _trilu(call: Call, x: Any, k: Any = None) -> Any:
    (offset,) = (0,) if k is None else whole(k, "diagonal")
    upper = call.get("upper", 1)
    rows, columns = shape_of(x)[-2:]
    grid = np.tri(rows, columns, k=offset - 1 if upper else offset) > 0
    return ops.where(fixed(~grid if upper else grid), x, fixed(np.zeros((), x.dtype)))


@reads("ReverseSequence")
def _reverse_sequence(call: Call, x: Any, lengths: Any) -> Any:
    time, batch = call.get("time_axis", 0), call.get("batch_axis", 1)
    sizes = np.array(whole(lengths, "lengths"))
    t = np.arange(x.shape[time])
    places = np.where(t < sizes[:, None], sizes[:, None] - 1 - t, t)  # (batch, time)
    rows = np.arange(len(sizes))[:, None]
    front = turned(turned(x, batch, 0), time if time > batch else time + 1, 1)
    back = ops.index(front, fixed(rows), fixed(places), key=(ARRAY, ARRAY))
    return turned(turned(back, 1, time if time > batch else time + 1), 0, batch)


@reads("Compress")
def _compress(call: Call, x: Any, condition: Any) -> Any:
    places = np.nonzero(known(condition, "condition"))[0]
    axis = call.get("axis")
    if axis is None:
        return ops.index_select(ops.reshape(x, shape=(-1,)), 0, fixed(places))
    return ops.index_select(x, axis_of(axis, rank_of(x)), fixed(places))


@reads("NonZero")
def _non_zero(_call: Call, x: Any) -> Any:
    return np.array(np.nonzero(known(x, "places")), np.int64)
