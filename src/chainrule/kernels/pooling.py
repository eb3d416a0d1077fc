"""Pooling, its gradients, and windows laid out side by side, on a GPU (floor 2)."""

from __future__ import annotations

import math
from typing import Any

from chainrule.backend import arrays
from chainrule.kernels.launch import (
    BLOCK,
    Declined,
    GpuArray,
    contiguous,
    launch,
    real_of,
    spread,
    three,
)
from chainrule.ops.window import Sizes, Window, stepped

__all__ = [
    "fold_windows",
    "max_pooling",
    "max_pooling_picked",
    "max_pooling_spread",
    "max_pooling_winners",
    "sum_pooling",
    "sum_pooling_spread",
    "unfold_windows",
]

# The types that winners come in.
_INDICES = {"uint8": "u1", "int32": "i4"}


def _numbers(planes: int, image: Sizes, steps: Sizes, window: Window) -> tuple[int, ...]:
    """What all kernels are told of windows that move over images."""
    return (
        planes,
        *three(image),
        *three(steps),
        *three(window.size),
        *three(window.stride),
        *three(window.padding, 0),
        *three(window.dilation),
    )


def _over(name: str, shape: tuple[int, ...], window: Window, size: Sizes, *given: Any) -> GpuArray:
    """Launch a kernel with a thread for each number of its result, of `shape`."""
    real = real_of(given[0])
    y = arrays.gpu().empty(shape, real)
    if y.size:
        steps = stepped((1, 1, *size), window)
        numbers = _numbers(shape[0] * shape[1], size, steps, window)
        launch(
            "pooling", name, real, spread(y.size), (BLOCK,), *map(contiguous, given), y, *numbers
        )
    return y


def _index(winners: GpuArray) -> str:
    if winners.dtype.name not in _INDICES:
        raise Declined
    return _INDICES[winners.dtype.name]


def max_pooling(x: GpuArray, window: Window) -> GpuArray:
    """The kernel of `ops.max_pooling`."""
    return _over("pool_max", (*x.shape[:2], *stepped(x.shape, window)), window, x.shape[2:], x)


def max_pooling_winners(x: GpuArray, window: Window) -> GpuArray:
    """The kernel of `ops.max_pooling_winners`."""
    real, steps = real_of(x), stepped(x.shape, window)
    dtype = "uint8" if math.prod(window.size) <= 256 else "int32"
    y = arrays.gpu().empty((*x.shape[:2], *steps), dtype)
    if y.size:
        numbers = _numbers(x.shape[0] * x.shape[1], x.shape[2:], steps, window)
        name = f"pool_winners_{_INDICES[dtype]}"
        launch("pooling", name, real, spread(y.size), (BLOCK,), contiguous(x), y, *numbers)
    return y


def max_pooling_spread(g: GpuArray, winners: GpuArray, *, window: Window, size: Sizes) -> GpuArray:
    """The kernel of `ops.max_pooling_spread`."""
    name = f"pool_spread_{_index(winners)}"
    return _over(name, (*g.shape[:2], *size), window, size, g, winners)


def max_pooling_picked(x: GpuArray, winners: GpuArray, *, window: Window) -> GpuArray:
    """The kernel of `ops.max_pooling_picked`."""
    name = f"pool_picked_{_index(winners)}"
    return _over(name, winners.shape, window, x.shape[2:], x, winners)


def sum_pooling(x: GpuArray, window: Window) -> GpuArray:
    """The kernel of `ops.sum_pooling`."""
    return _over("pool_sum", (*x.shape[:2], *stepped(x.shape, window)), window, x.shape[2:], x)


def sum_pooling_spread(g: GpuArray, *, window: Window, size: Sizes) -> GpuArray:
    """The kernel of `ops.sum_pooling_spread`."""
    return _over("pool_sum_spread", (*g.shape[:2], *size), window, size, g)


def unfold_windows(x: GpuArray, window: Window) -> GpuArray:
    """The kernel of `ops.unfold_windows`."""
    shape = (*x.shape[:2], math.prod(window.size), *stepped(x.shape, window))
    return _over("unfold", shape, window, x.shape[2:], x)


def fold_windows(g: GpuArray, *, window: Window, size: Sizes) -> GpuArray:
    """The kernel of `ops.fold_windows`."""
    return _over("fold", (*g.shape[:2], *size), window, size, g)
