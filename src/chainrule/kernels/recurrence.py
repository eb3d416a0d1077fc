"""Steps of recurrent units on a GPU: a product of cuBLAS, and one pass over its sums (floor 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.backend import arrays
from chainrule.kernels.launch import BLOCK, GpuArray, contiguous, launch, real_of, spread
from chainrule.ops.steps import Sizes, starts_of

__all__ = ["gru_steps_back", "gru_walk", "lstm_steps_back", "lstm_walk"]


def _step(name: str, real: np.dtype[Any], count: int, *given: Any) -> None:
    if count:
        launch("recurrence", name, real, spread(count), (BLOCK,), *given)


def _before(first: GpuArray, states: GpuArray, starts: list[int], k: int, n: int) -> GpuArray:
    """The state before step k, of as many rows as the step has."""
    return states[starts[k - 1] : starts[k - 1] + n] if k else first[:n]


def lstm_walk(a: GpuArray, h: GpuArray, c: GpuArray, w: GpuArray, sizes: Sizes) -> GpuArray:
    """The kernels of `ops.lstm_walk`."""
    real, hidden, rows = real_of(a, h, c, w), w.shape[1], len(a)
    seen = arrays.gpu().empty((6, rows, hidden), real)
    a, h, c, across = contiguous(a), contiguous(h), contiguous(c), w.T
    for start, n in zip(starts_of(sizes), sizes):
        sums = contiguous(np.matmul(h[:n], across))
        numbers = (n * hidden, hidden, start * hidden, rows * hidden)
        _step("lstm_step", real, n * hidden, sums, a, c, seen, *numbers)
        h, c = seen[0, start : start + n], seen[1, start : start + n]
    return seen


def lstm_steps_back(
    g: GpuArray, states: GpuArray, gates: GpuArray, c: GpuArray, w: GpuArray, sizes: Sizes
) -> GpuArray:
    """The kernels of `ops.lstm_steps_back`."""
    real, (rows, hidden), module = real_of(g, states, gates, c, w), states.shape[1:], arrays.gpu()
    back = module.empty((rows + sizes[0], 4 * hidden), real)
    dh, dc = module.zeros((2, sizes[0], hidden), real)
    g, states, gates, c = map(contiguous, (g, states, gates, c))
    starts = starts_of(sizes)
    for k in reversed(range(len(sizes))):
        start, n = starts[k], sizes[k]
        slopes, before = back[start : start + n], _before(c, states[1], starts, k, n)
        numbers = (n * hidden, hidden, start * hidden, rows * hidden)
        given = (g, states, gates, before, dh, dc, slopes)
        _step("lstm_step_back", real, n * hidden, *given, *numbers)
        dh[:n] = np.matmul(slopes, w)
    _put_below(back, rows, dh, dc)
    return back


def gru_walk(a: GpuArray, h: GpuArray, w: GpuArray, b: GpuArray, sizes: Sizes) -> GpuArray:
    """The kernels of `ops.gru_walk`."""
    real, hidden, rows = real_of(a, h, w, b), w.shape[1], len(a)
    seen = arrays.gpu().empty((5, rows, hidden), real)
    a, h, b, across = contiguous(a), contiguous(h), contiguous(b), w.T
    for start, n in zip(starts_of(sizes), sizes):
        sums = contiguous(np.matmul(h[:n], across))
        numbers = (n * hidden, hidden, start * hidden, rows * hidden)
        _step("gru_step", real, n * hidden, sums, a, b, h, seen, *numbers)
        h = seen[0, start : start + n]
    return seen


def gru_steps_back(
    g: GpuArray, state: GpuArray, gates: GpuArray, h: GpuArray, w: GpuArray, sizes: Sizes
) -> GpuArray:
    """The kernels of `ops.gru_steps_back`."""
    real, (rows, hidden), module = real_of(g, state, gates, h, w), state.shape, arrays.gpu()
    back = module.empty((rows + sizes[0], 4 * hidden), real)
    dh, own = module.zeros((sizes[0], hidden), real), module.empty((sizes[0], 3 * hidden), real)
    g, state, gates, h = map(contiguous, (g, state, gates, h))
    starts = starts_of(sizes)
    for k in reversed(range(len(sizes))):
        start, n = starts[k], sizes[k]
        slopes, before = back[start : start + n], _before(h, state, starts, k, n)
        numbers = (n * hidden, hidden, start * hidden, rows * hidden)
        _step("gru_step_back", real, n * hidden, g, gates, before, dh, slopes, own, *numbers)
        dh[:n] += np.matmul(own[:n], w)
    _put_below(back, rows, dh)
    return back


def _put_below(back: GpuArray, rows: int, *slopes: GpuArray) -> None:
    """Put the slopes of the states before all steps below those of the sums, then zeros."""
    back[rows:] = 0
    hidden = slopes[0].shape[1]
    for k, slope in enumerate(slopes):
        back[rows:, k * hidden : (k + 1) * hidden] = slope
