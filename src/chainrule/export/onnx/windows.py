"""Convolution, pooling, windows side by side and changes of size as ONNX nodes (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.export.onnx.elementwise import computed
from chainrule.export.onnx.graph import INT64, Graph, writes
from chainrule.export.onnx.sizes import Step
from chainrule.ops.adaptive import pixels
from chainrule.ops.resample import table
from chainrule.ops.window import Window


def _images(g: Graph, x: Any, what: str) -> tuple[int, ...]:
    """The sizes of images behind batch and channels, which have to be known."""
    return g.fixed(g.shape(x)[2:], what)


# --- convolution --------------------------------------------------------------------------------


def _moves(attrs: Any, rank: int) -> dict[str, Any]:
    def each(v: Any) -> list[int]:
        return [v] * rank if isinstance(v, int) else list(v)

    padding = each(attrs.get("padding", 0))
    return {
        "strides": each(attrs.get("stride", 1)),
        "dilations": each(attrs.get("dilation", 1)),
        "pads": [*padding, *padding],
        "group": attrs.get("groups", 1),
    }


@writes("convolution")
def _convolution(g: Graph, step: Step) -> str:
    x, w, *bias = step.args
    names = [g.name(v, step.instruction.out.dtype) for v in (x, w, *bias) if v is not None]
    rank = len(g.shape(x)) - 2
    return g.add("Conv", *names, **_moves(step.attrs, rank))


@writes("convolution_input")
def _convolution_input(g: Graph, step: Step) -> str:
    x, w = step.args
    rank = len(g.shape(x)) - 2
    moves = _moves(step.attrs, rank)
    size = g.fixed(step.attrs["size"], "a transposed convolution of images")
    steps = _images(g, x, "a transposed convolution of images")
    filters = g.fixed(g.shape(w)[2:], "filters")
    reach = [d * (k - 1) + 1 for d, k in zip(moves["dilations"], filters)]
    least = [
        (m - 1) * s - 2 * p + r for m, s, p, r in zip(steps, moves["strides"], moves["pads"], reach)
    ]
    more = [n - m for n, m in zip(size, least)]
    names = [g.name(v, step.instruction.out.dtype) for v in (x, w)]
    return g.add("ConvTranspose", *names, output_padding=more, **moves)


# --- windows ------------------------------------------------------------------------------------


def _padded(g: Graph, x: str, image: Sequence[int], window: Window, fill: Any, dtype: Any) -> str:
    """x with as much around as the window needs."""
    margins = window.margins(tuple(image))
    if not any(a or b for a, b in margins):
        return x
    ends = [0, 0, *(a for a, _ in margins), 0, 0, *(b for _, b in margins)]
    return g.add("Pad", x, g.ints(*ends), g.number(fill, dtype))


def _taps(g: Graph, step: Step, window: Window, fill: Any) -> str:
    """The pixels (N, C, taps, ...) of every window."""
    x = step.args[0]
    dtype = computed(x.dtype)
    image = _images(g, x, "a window on images")
    padded = _padded(g, g.name(x, dtype), image, window, fill, dtype)
    axes = list(range(2, 2 + len(image)))
    each = []
    for cut in window.taps(window.steps(tuple(image))):
        starts, ends, steps = zip(*((c.start, c.stop, c.step) for c in cut))
        each.append(g.add("Unsqueeze", g.slice(padded, starts, ends, axes, steps), g.ints(2)))
    return g.add("Concat", *each, axis=2)


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _pooling(window: Window) -> dict[str, Any]:
    return {
        "kernel_shape": list(window.size),
        "strides": list(window.stride),
        "dilations": list(window.dilation),
    }


@writes("max_pooling")
def _max_pooling(g: Graph, step: Step) -> str:
    (x,) = step.args
    window, dtype = step.attrs["window"], computed(x.dtype)
    image = _images(g, x, "a window on images")
    if dtype.kind != "f" or len(image) > 3:
        parts = _taps(g, step, window, _lowest(dtype))
        return g.cast(g.add("ReduceMax", parts, g.ints(2), keepdims=0), dtype, x.dtype)
    if not window.ceil:
        pads = [*window.padding, *window.padding]
        return g.add("MaxPool", g.name(x), pads=pads, **_pooling(window))
    padded = _padded(g, g.name(x), image, window, -np.inf, x.dtype)
    return g.add("MaxPool", padded, **_pooling(window))


@writes("sum_pooling")
def _sum_pooling(g: Graph, step: Step) -> str:
    (x,) = step.args
    window = step.attrs["window"]
    if x.dtype != np.float32 or max(window.dilation) > 1 or len(window.size) > 3:
        dtype = computed(x.dtype)
        total = g.add("ReduceSum", _taps(g, step, window, 0), g.ints(2), keepdims=0)
        return g.cast(total, dtype, x.dtype)
    image = _images(g, x, "a window on images")
    padded = _padded(g, g.name(x), image, window, 0, x.dtype)
    attrs = {k: v for k, v in _pooling(window).items() if k != "dilations"}
    mean = g.add("AveragePool", padded, **attrs)
    return g.add("Mul", mean, g.number(math.prod(window.size), x.dtype))


@writes("unfold_windows")
def _unfold_windows(g: Graph, step: Step) -> str:
    own = step.args[0].dtype
    return g.cast(_taps(g, step, step.attrs["window"], 0), computed(own), own)


@writes("fold_windows")
def _fold_windows(g: Graph, step: Step) -> str:
    """A transposed convolution, each channel by itself, whose filters are one tap each."""
    (x,) = step.args
    window, size = step.attrs["window"], g.fixed(step.attrs["size"], "images")
    n, *known = g.shape(x)
    c, taps, *steps = g.fixed(known, "windows of images")
    filters = np.tile(
        np.eye(taps, dtype=x.dtype).reshape(taps, 1, *window.size), (c, *[1] * (1 + len(size)))
    )
    channels = g.reshape(g.name(x), (n, c * taps, *steps))
    moves = _moves({k: getattr(window, k) for k in ("stride", "padding", "dilation")}, len(size))
    least = [
        (m - 1) * s - 2 * p + r
        for m, s, p, r in zip(steps, window.stride, window.padding, window.reach())
    ]
    more = [a - b for a, b in zip(size, least)]
    if window.ceil or min(more) < 0:
        raise DataError("windows that reach beyond images cannot be put together in an ONNX file")
    moves["group"] = c
    return g.add("ConvTranspose", channels, g.constant(filters), output_padding=more, **moves)


# --- winners ------------------------------------------------------------------------------------


@writes("max_pooling_winners")
def _winners(g: Graph, step: Step) -> str:
    (x,) = step.args
    window = step.attrs["window"]
    parts = _taps(g, step, window, _lowest(computed(x.dtype)))
    return g.cast(g.add("ArgMax", parts, axis=2, keepdims=0), INT64, step.instruction.out.dtype)


@writes("max_pooling_places")
def _winning_places(g: Graph, step: Step) -> str:
    """The place of each tap in the window, and where the window lies, in the flattened image."""
    (winners,) = step.args
    window, size = step.attrs["window"], g.fixed(step.attrs["size"], "images")
    steps = _images(g, winners, "a window on images")
    tap = np.arange(math.prod(window.size))
    by_tap, by_step = np.zeros(tap.shape, np.int64), np.zeros(steps, np.int64)
    moves = np.ogrid[tuple(slice(n) for n in steps)]
    coordinates = np.unravel_index(tap, window.size)
    for n, k, move, s, p, d in zip(size, coordinates, moves, *window[1:4]):
        by_tap, by_step = by_tap * n + k * d, by_step * n + (move * s - p)
    chosen = g.add("Gather", g.constant(by_tap), g.name(winners, INT64), axis=0)
    return g.add("Add", chosen, g.constant(by_step))


@writes("max_pooling_picked")
def _picked(g: Graph, step: Step) -> str:
    _, winners = step.args
    own = step.args[0].dtype
    parts = _taps(g, step, step.attrs["window"], 0)
    index = g.add("Unsqueeze", g.name(winners, INT64), g.ints(2))
    found = g.add("Squeeze", g.add("GatherElements", parts, index, axis=2), g.ints(2))
    return g.cast(found, computed(own), own)


@writes("adaptive_places")
def _adaptive_places(g: Graph, step: Step) -> str:
    """Of each window the place of its largest pixel; windows of unequal size repeat a pixel."""
    (x,) = step.args
    image = _images(g, x, "adaptive pooling of images")
    place = _adaptive_windows(image, step.attrs["size"])  # (windows, taps)
    n, c = g.shape(x)[:2]
    flat = g.reshape(g.name(x, computed(x.dtype)), (n, c, math.prod(image)))
    best = g.add("ArgMax", g.add("Gather", flat, g.constant(place), axis=2), axis=3, keepdims=0)
    starts = np.arange(len(place)) * place.shape[1]
    at = g.add("Add", best, g.constant(starts))
    return g.reshape(
        g.add("Gather", g.constant(place.ravel()), at, axis=0), g.shape(step.instruction.out)
    )


def _adaptive_windows(image: Sequence[int], size: Sequence[int]) -> Any:
    rank = len(image)
    place: Any = np.zeros((), np.int64)
    for d, (n, m) in enumerate(zip(image, size)):
        own = pixels(n, m)
        shape = [1] * (2 * rank)
        shape[d], shape[rank + d] = own.shape
        place = place * n + own.reshape(shape)
    return place.reshape(math.prod(size), -1)


# --- other sizes --------------------------------------------------------------------------------


@writes("resample")
def _resample(g: Graph, step: Step) -> str:
    (x,) = step.args
    name, rank = g.name(x), len(g.shape(x))
    for dim, sampling in zip(step.attrs["dims"], step.attrs["samplings"]):
        g.fixed(tuple(sampling), "images to resize")
        name = _along(g, name, rank, dim, table(sampling, x.dtype), sampling.sizes()[0])
    return name


def _along(g: Graph, x: str, rank: int, dim: int, rule: Any, old: int) -> str:
    """One number of each window where that is all, else a product with a matrix of shares."""
    places, weights = rule
    if places.shape[1] == 1 and (weights == 1).all():
        return g.add("Gather", x, g.constant(places[:, 0].astype(np.int64)), axis=dim)
    matrix = np.zeros((old, len(places)), weights.dtype)
    np.add.at(matrix, (places, np.arange(len(places))[:, None]), weights)
    perm = [*(d for d in range(rank) if d != dim), dim]
    back = list(np.argsort(perm))
    last = x if dim == rank - 1 else g.add("Transpose", x, perm=perm)
    y = g.add("MatMul", last, g.constant(matrix))
    return y if dim == rank - 1 else g.add("Transpose", y, perm=[int(d) for d in back])
