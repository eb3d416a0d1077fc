"""Writing at places that an array names, on a GPU: always in one order (floor 2).

Atomic additions would come in any order, and the bits of a sum with them. Where there are many
lines a thread goes along each of them. Else the places are sorted, equals in their order, and a
thread sums up each run of equals: so the gradient of an embedding is found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.backend import arrays
from chainrule.kernels.launch import (
    BLOCK,
    Declined,
    GpuArray,
    blocks,
    contiguous,
    launch,
    real_of,
    spread,
)
from chainrule.ops.core import Shape, normal_dim
from chainrule.ops.shape import ARRAY

__all__ = ["add_along", "put_along", "unindex"]

# Sources on a line beyond which few lines are better sorted, and how many lines are few.
_LONG, _FEW = 64, 4096


def _integers(index: GpuArray) -> GpuArray:
    """Contiguous places of 64 bits."""
    if index.dtype.kind not in "iu":
        raise Declined
    return contiguous(index.astype(np.int64, copy=False))


def _around(shape: Sequence[int], d: int) -> tuple[int, int]:
    """How many numbers come before dimension d, and after it."""
    return math.prod(shape[:d]), math.prod(shape[d + 1 :])


def add_along(x: GpuArray, index: GpuArray, dim: int, shape: Shape) -> GpuArray:
    """The kernels of `ops.add_along`."""
    real = real_of(x)
    if not shape:
        raise Declined
    d, module = normal_dim(dim, len(shape)), arrays.gpu()
    reached = (*index.shape[:d], shape[d], *index.shape[d + 1 :])
    blocks(math.prod(reached))  # or it is too large to be counted
    y = module.zeros(reached, real)
    outer, inner = _around(reached, d)
    if x.size and outer * inner < _FEW and index.shape[d] > _LONG:
        # Each line has places of its own.
        lines = module.arange(outer * inner).reshape(*index.shape[:d], 1, *index.shape[d + 1 :])
        places = _integers(index) % shape[d] + lines * shape[d]
        turned = module.moveaxis(y, d, -1)
        sums = _sorted(contiguous(x).reshape(1, -1, 1), places.reshape(-1), y.size)
        y = module.moveaxis(sums.reshape(turned.shape), -1, d)
    elif x.size:
        given = (contiguous(x), _integers(index), y, outer, inner, index.shape[d], shape[d])
        launch("places", "add_lines", real, spread(outer * inner), (BLOCK,), *given)
    if reached == tuple(shape):
        return y
    whole = module.zeros(shape, real)
    whole[tuple(slice(n) for n in reached)] = y
    return whole


def put_along(x: GpuArray, index: GpuArray, src: GpuArray, dim: int) -> GpuArray:
    """The kernel of `ops.put_along`: the last of several sources for one place wins."""
    real = real_of(x, src)
    d = normal_dim(dim, x.ndim)
    if not x.ndim or (*index.shape[:d], x.shape[d], *index.shape[d + 1 :]) != x.shape:
        raise Declined
    y = contiguous(x).copy()
    outer, inner = _around(x.shape, d)
    if src.size:
        given = (contiguous(src), _integers(index), y, outer, inner, index.shape[d], x.shape[d])
        launch("places", "put_lines", real, spread(outer * inner), (BLOCK,), *given)
    return y


def unindex(x: GpuArray, *indices: GpuArray, key: Sequence[Any], shape: Shape) -> GpuArray:
    """The kernel of `ops.unindex` for one array of places along one dimension."""
    places = [d for d, k in enumerate(key) if isinstance(k, str) and k == ARRAY]
    whole = all(isinstance(k, str) or k == slice(None) for k in key)
    if len(places) != 1 or not whole:
        raise Declined
    real_of(x)
    (d,), (index,) = places, indices
    outer, inner = _around(shape, d)
    y = _sorted(contiguous(x).reshape(outer, index.size, inner), index.reshape(-1), shape[d])
    return y.reshape(shape)


def _sorted(x: GpuArray, index: GpuArray, size: int) -> GpuArray:
    """Sums of x (outer, given, inner) at places along the middle: (outer, size, inner)."""
    module, real = arrays.gpu(), real_of(x)
    outer, given, inner = x.shape
    if not (x.size and size):
        return module.zeros((outer, size, inner), real)
    index = _integers(index) % size  # negative ones count from the end
    order = module.argsort(index, kind="stable")
    bounds = module.searchsorted(index[order], module.arange(size + 1))
    y = module.empty((outer, size, inner), real)
    numbers = (outer, inner, given, size)
    launch("places", "add_sorted", real, spread(y.size), (BLOCK,), x, order, bounds, y, *numbers)
    return y
