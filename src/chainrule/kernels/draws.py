"""Random numbers on a GPU: the same, to the last bit, as on the processor (floor 2).

Of normal numbers that holds up to the last digits of logarithm, cosine and sine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.backend import arrays
from chainrule.kernels.launch import BLOCK, Declined, GpuArray, launch, reals, spread

__all__ = ["random_mask", "random_normal", "random_permutation", "random_uniform"]


def least_kept(p: float) -> np.uint64:
    """The least of 64 random bits that keeps an element which is dropped with probability p."""
    return np.uint64(min(round(p * 2.0**64), (1 << 64) - 1))


def _drawn(name: str, state: GpuArray, shape: tuple[int, ...], dtype: Any, *more: Any) -> GpuArray:
    """New numbers by a kernel, and the state moved on."""
    real = reals(np.dtype(dtype))
    _whole(state)
    y = arrays.gpu().empty(shape, real)
    if y.size:
        launch("draws", name, real, spread(y.size), (BLOCK,), state, y, y.size, *more)
    return y


def _whole(state: GpuArray) -> None:
    if state.dtype != np.uint64 or not state.flags.c_contiguous:
        raise Declined


def _advance(state: GpuArray, count: int) -> None:
    launch("draws", "advance", np.dtype(np.float32), (1,), (1,), state, np.uint64(count))


def random_uniform(state: GpuArray, shape: tuple[int, ...], dtype: Any = np.float32) -> GpuArray:
    """The kernel of `ops.random_uniform`."""
    y = _drawn("draw_uniform", state, shape, dtype)
    _advance(state, y.size)
    return y


def random_normal(state: GpuArray, shape: tuple[int, ...], dtype: Any = np.float32) -> GpuArray:
    """The kernel of `ops.random_normal`, which computes with 64 bits as the body does."""
    y = _drawn("draw_normal", state, shape, dtype)
    _advance(state, y.size + y.size % 2)
    return y


def random_mask(
    state: GpuArray, shape: tuple[int, ...], p: float, dtype: Any = np.float32
) -> GpuArray:
    """The kernel of `ops.random_mask`."""
    if p >= 1:
        return arrays.gpu().zeros(shape, dtype)
    y = _drawn("draw_mask", state, shape, dtype, least_kept(p), float(1 / (1 - p)))
    _advance(state, y.size)
    return y


def random_permutation(state: GpuArray, shape: tuple[int, ...]) -> GpuArray:
    """The kernel of `ops.random_permutation`; the order is that of random bits."""
    _whole(state)
    module, count = arrays.gpu(), math.prod(shape)
    bits = module.empty(shape, np.uint64)
    if count:
        real = np.dtype(np.float32)
        launch("draws", "draw_bits", real, spread(count), (BLOCK,), state, bits, count)
    _advance(state, count)
    return module.argsort(bits, kind="stable")
