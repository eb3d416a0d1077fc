"""Images read at places that a grid names (floor 1, composites).

M. Jaderberg, K. Simonyan, A. Zisserman and K. Kavukcuoglu, "Spatial transformer networks",
NeurIPS 2015. Places go from -1 to 1 along each dimension, the last dimension of the image first.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from chainrule.errors import OptionError, ShapeError, did_you_mean
from chainrule.ops.core import Value, composite, constant
from chainrule.ops.elementwise import (
    abs,
    add,
    cast,
    clip,
    clone,
    div,
    eq,
    floor,
    ge,
    le,
    logical_and,
    mul,
    remainder,
    round,
    sub,
    where,
)
from chainrule.ops.linalg import matmul
from chainrule.ops.resample import FAR, NEAR
from chainrule.ops.shape import ARRAY, matrix_transpose, permute, reshape
from chainrule.ops.shape import index as index_of
from chainrule.ops.shape import slice as slice_of


@composite
def affine_grid(theta: Value, size: Sequence[int], align_corners: bool | None = None) -> Value:
    """The places that an affine map gives to the pixels of an image of that size.

    Args:
        theta: (N, 2, 3) for images, (N, 3, 4) for volumes.
        size: (N, C, H, W) or (N, C, D, H, W) of the image to come.
        align_corners: whether -1 and 1 are the middles of the pixels at the edge, not the edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).

    Examples:
        >>> affine_grid(np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]]), (1, 1, 1, 2))
        array([[[[-0.5,  0.5],
                 [ 0.5,  0.5]]]])
    """
    rank = len(size) - 2
    if rank not in (2, 3) or tuple(theta.shape) != (size[0], rank, rank + 1):
        raise ShapeError(
            f"affine_grid takes theta (N, 2, 3) with size (N, C, H, W), or (N, 3, 4) with "
            f"(N, C, D, H, W), got shape {tuple(theta.shape)} and size {tuple(size)}"
        )
    steps = [_places(int(n), bool(align_corners)) for n in size[2:]]
    lines = np.meshgrid(*steps, indexing="ij")[::-1]
    base = np.stack([*lines, np.ones_like(lines[0])], axis=-1).reshape(1, -1, rank + 1)
    grid = matmul(constant(base.astype(theta.dtype), theta), matrix_transpose(theta))
    return reshape(grid, shape=(size[0], *[int(n) for n in size[2:]], rank))


def _places(n: int, ends: bool) -> np.ndarray:
    """Where n pixels lie between -1 and 1."""
    if n == 1:
        return np.zeros(1)
    return np.linspace(-1, 1, n) * (1 if ends else (n - 1) / n)


# --- from places to pixels ----------------------------------------------------------------------


def _pixels(at: Value, n: int, ends: bool) -> Value:
    """Places from -1 to 1 as pixels of n, the first being 0."""
    if ends:
        return mul(div(add(at, 1.0), 2.0), float(n - 1))
    return div(sub(mul(add(at, 1.0), float(n)), 1.0), 2.0)


def _clamped(at: Value, n: int, ends: bool) -> Value:
    """The edge for what lies outside, without a slope there."""
    low, high = (constant(np.array(v, dtype=at.dtype), at) for v in (0, n - 1))
    return where(le(at, low), low, where(ge(at, high), high, at))


def _mirrored(at: Value, n: int, ends: bool) -> Value:
    """What lies outside thrown back at the edge, as often as it takes."""
    low, span = (0.0, float(n - 1)) if ends else (-0.5, float(n))
    if not span:
        return mul(at, 0.0)
    away = abs(sub(at, low))
    turns = floor(div(away, span))
    rest = sub(away, mul(turns, span))
    back = where(eq(remainder(turns, 2.0), 0.0), rest, sub(span, rest))
    return _clamped(add(back, low), n, ends)


def _as_it_is(at: Value, n: int, ends: bool) -> Value:
    return at


_EDGES: dict[str, Callable[..., Value]] = {
    "zeros": _as_it_is,
    "border": _clamped,
    "reflection": _mirrored,
}


# --- reading ------------------------------------------------------------------------------------


class _Reader:
    """Looks up pixels of x (N, C, ...) by whole numbers, 0 outside; all channels of one at once."""

    def __init__(self, x: Value) -> None:
        n, c, *size = x.shape
        self.size, self.dtype, count = tuple(size), x.dtype, math.prod(size)
        flat = permute(reshape(x, shape=(n, c, count)), dims=(0, 2, 1))
        self.rows = reshape(clone(flat), shape=(n * count, c))
        self.first = constant(np.arange(n)[:, None] * count, x)  # of each image's rows

    def at(self, pixels: Sequence[Value]) -> Value:
        """The pixels, first dimension first, each (N, places): (N, places, C)."""
        place: Value = None
        inside: Value = None
        for n, p in zip(self.size, pixels):
            within = logical_and(ge(p, 0.0), le(p, float(n - 1)))
            inside = within if inside is None else logical_and(inside, within)
            index = cast(clip(p, 0.0, float(n - 1)), dtype=np.dtype(np.int64))
            place = index if place is None else add(mul(place, n), index)
        found = index_of(self.rows, add(place, self.first), key=(ARRAY,))
        return mul(found, _by_place(cast(inside, dtype=self.dtype)))


def _by_place(y: Value) -> Value:
    """What there is for each place (N, places), for all channels."""
    return reshape(y, shape=(*y.shape, 1))


def _weighted(reader: _Reader, taps: Sequence[Sequence[tuple[Value, Value]]]) -> Value:
    """The sum over all combinations of taps, each a pixel and a weight in one dimension."""
    y: Value = None
    for combination in itertools.product(*taps):
        weight = functools.reduce(mul, [w for _, w in combination])
        term = mul(reader.at([p for p, _ in combination]), _by_place(weight))
        y = term if y is None else add(y, term)
    return y


def _neighbours(at: Value) -> list[tuple[Value, Value]]:
    """The two pixels around a place, with their weights."""
    left = floor(at)
    share = sub(at, left)
    return [(left, sub(1.0, share)), (add(left, 1.0), share)]


def _cubic_neighbours(at: Value, edge: Callable[[Value], Value]) -> list[tuple[Value, Value]]:
    """The four pixels around a place, with Keys' weights."""
    left = floor(at)
    share = sub(at, left)
    away = [add(share, 1.0), share, sub(1.0, share), sub(2.0, share)]
    return [
        (edge(add(left, float(k - 1))), _polynomial(NEAR if k in (1, 2) else FAR, d))
        for k, d in enumerate(away)
    ]


def _polynomial(coefficients: Sequence[float], x: Value) -> Value:
    """The polynomial with those coefficients, highest first."""
    first, *rest = coefficients
    y = mul(x, first)
    for c in rest[:-1]:
        y = mul(add(y, c), x)
    return add(y, rest[-1])


@composite
def grid_sample(
    input: Value,
    grid: Value,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Value:
    """The values of images at places between their pixels.

    Args:
        input: images (N, C, H, W) or volumes (N, C, D, H, W).
        grid: places (N, oh, ow, 2) or (N, od, oh, ow, 3), from -1 to 1, the last dimension of x
            first.
        mode: "bilinear", "nearest", or, of images, "bicubic".
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        align_corners: whether -1 and 1 are the middles of the pixels at the edge, not the edges.

    Returns:
        (N, C, oh, ow) or (N, C, od, oh, ow).

    Raises:
        OptionError: an unknown mode.
        ShapeError: shapes that do not fit.

    Examples:
        >>> grid_sample(np.array([[[[1.0, 3.0]]]]), np.zeros((1, 1, 1, 2)))
        array([[[[2.]]]])
    """
    rank = len(input.shape) - 2
    _check(tuple(input.shape), tuple(grid.shape), mode, padding_mode)
    out, ends = tuple(grid.shape[1:-1]), bool(align_corners)
    places = reshape(grid, shape=(input.shape[0], math.prod(out), rank))
    size = tuple(input.shape[2:])
    at = []
    for d, n in enumerate(size):
        along = slice_of(places, key=(slice(None), slice(None), rank - 1 - d))
        at.append(_pixels(along, n, ends))
    edges = [functools.partial(_EDGES[padding_mode], n=n, ends=ends) for n in size]
    reader = _Reader(input)
    if mode == "bicubic":
        y = _weighted(reader, [_cubic_neighbours(p, edge) for p, edge in zip(at, edges)])
    else:
        at = [edge(p) for p, edge in zip(at, edges)]
        if mode == "nearest":
            y = reader.at([round(p) for p in at])
        else:
            y = _weighted(reader, [_neighbours(p) for p in at])
    return reshape(permute(y, dims=(0, 2, 1)), shape=(*input.shape[:2], *out))


def _check(x: tuple[int, ...], grid: tuple[int, ...], mode: str, padding_mode: str) -> None:
    rank = len(x) - 2
    for name, value, known in [
        ("mode", mode, ("bilinear", "nearest", "bicubic")),
        ("padding_mode", padding_mode, tuple(_EDGES)),
    ]:
        if value not in known:
            raise OptionError(
                f"grid_sample's {name} is one of {', '.join(known)}, got {value!r}"
                + did_you_mean(value, known)
            )
    if rank not in (2, 3) or len(grid) != rank + 2 or grid[0] != x[0] or grid[-1] != rank:
        raise ShapeError(
            "grid_sample takes images (N, C, H, W) with places (N, oh, ow, 2), or volumes "
            f"(N, C, D, H, W) with (N, od, oh, ow, 3), got shapes {x} and {grid}"
        )
    if min(x[1:]) < 1:
        raise ShapeError(f"grid_sample needs a channel and a pixel, got shape {x}")
    if mode == "bicubic" and rank != 2:
        raise OptionError('mode "bicubic" is of images (N, C, H, W); use "bilinear" for volumes')
