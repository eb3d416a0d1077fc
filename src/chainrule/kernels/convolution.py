"""Convolution and its gradients on a GPU, by tiles of products that are never laid out (floor 2).

Unfolding an image for a product of cuBLAS would write and read each pixel once for every tap; the
tiles look the pixels up where they are. Groups of few channels, whose tiles would be mostly empty,
are summed directly.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.backend import arrays
from chainrule.kernels.launch import (
    BLOCK,
    NOWHERE,
    Declined,
    GpuArray,
    blocks,
    contiguous,
    launch,
    real_of,
    spread,
    three,
    widened,
)
from chainrule.ops.window import Sizes, Window, sizes, stepped

__all__ = ["convolution", "convolution_input", "convolution_weight"]

_TILE = 64
# Rows of a result below which a tile of as many as `_TILE` is not worth its while.
_FEW = 8
# Blocks that keep a GPU busy, and the least pixels for a block of several that share a tile.
_MANY, _SHARE = 512, 512


def _window(
    size: Sizes,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Window:
    rank = len(size)
    return Window(size, sizes(stride, rank), sizes(padding, rank), sizes(dilation, rank))


class _Geometry:
    """Sizes of a convolution, as the kernels are told them.

    Args:
        x: shape of the images.
        w: shape of the filters.
        at: the attributes of the operation.
    """

    def __init__(self, x: tuple[int, ...], w: tuple[int, ...], at: dict[str, Any]) -> None:
        self.window = window = _window(tuple(w[2:]), **at)
        self.steps = stepped(x, window)
        self.groups = int(at.get("groups", 1))
        self.images, self.filters = x[0], w[0] // self.groups
        self.channels = w[1]
        self.taps = math.prod(window.size)
        self.pixels, self.moves = math.prod(x[2:]), math.prod(self.steps)
        if self.groups > 65535 // 8 or self.images * max(self.pixels, self.moves) >= 1 << 31:
            raise Declined
        strides, fields = three(window.stride), three(window.padding, 0)
        self.numbers = (
            *(self.images, self.groups, self.channels, self.filters),
            *three(x[2:]),
            *three(self.steps),
            *three(window.size),
            *strides,
            *fields,
            *three(window.dilation),
        )

    def tiles(self, rows: int, columns: int, each: int = 1) -> tuple[int, int, int]:
        """The grid for a result of so many rows and columns for each group."""
        return blocks(columns, _TILE), blocks(rows, _TILE), self.groups * each


@widened
def convolution(x: GpuArray, w: GpuArray, b: GpuArray | None = None, **at: Any) -> GpuArray:
    """The kernel of `ops.convolution`."""
    real, geometry = real_of(x, w, b), _Geometry(x.shape, w.shape, at)
    y = arrays.gpu().empty((x.shape[0], w.shape[0], *geometry.steps), real)
    if not y.size:
        return y
    bias = NOWHERE if b is None else contiguous(b)
    given = (contiguous(x), contiguous(w), bias)
    return _summed("forward", y, geometry, geometry.filters, geometry.moves, *given)


def _summed(
    name: str, y: GpuArray, geometry: _Geometry, rows: int, pixels: int, *given: GpuArray
) -> GpuArray:
    """Images y, of so many pixels and so many channels to a group, by tiles or each by itself."""
    few = rows < _FEW
    grid = spread(y.size) if few else geometry.tiles(rows, geometry.images * pixels)
    name += "_each" if few else "_tiles"
    launch("convolution", name, y.dtype, grid, (BLOCK,), *given, y, *geometry.numbers)
    return y


@widened
def convolution_input(g: GpuArray, w: GpuArray, *, size: Sizes, **at: Any) -> GpuArray:
    """The kernel of `ops.convolution_input`."""
    shape = (g.shape[0], w.shape[1] * int(at.get("groups", 1)), *size)
    real, geometry = real_of(g, w), _Geometry(shape, w.shape, at)
    x = arrays.gpu().empty(shape, real)
    if not x.size:
        return x
    given = (contiguous(g), contiguous(w))
    return _summed("input", x, geometry, geometry.channels, geometry.pixels, *given)


@widened
def convolution_weight(g: GpuArray, x: GpuArray, *, size: Sizes, **at: Any) -> GpuArray:
    """The kernel of `ops.convolution_weight`."""
    groups = int(at.get("groups", 1))
    shape = (g.shape[1], x.shape[1] // groups, *size)
    real, geometry = real_of(g, x), _Geometry(x.shape, shape, at)
    module = arrays.gpu()
    if not g.size:
        return module.zeros(shape, real)
    w = module.empty(shape, real)
    given = (contiguous(g), contiguous(x))
    rows, columns = geometry.filters, geometry.channels * geometry.taps
    if rows < _FEW:
        launch(
            "convolution", "filters_each", real, (w.size,), (BLOCK,), *given, w, *geometry.numbers
        )
        return w
    count, share = _shares(geometry, rows, columns)
    parts = w if count == 1 else module.empty((count, *shape), real)
    grid = geometry.tiles(rows, columns, count)
    launch(
        "convolution", "filter_tiles", real, grid, (BLOCK,), *given, parts, share, *geometry.numbers
    )
    if count > 1:
        launch("convolution", "add_parts", real, spread(w.size), (BLOCK,), parts, w, count, w.size)
    return w


def _shares(geometry: _Geometry, rows: int, columns: int) -> tuple[int, int]:
    """How many blocks share a tile, and how many pixels each of them sums."""
    pixels = geometry.images * geometry.moves
    wide, high, groups = geometry.tiles(rows, columns)
    wanted = max(1, _MANY // (wide * high * groups))
    share = max(_SHARE, blocks(pixels, wanted))
    return blocks(pixels, share), share
