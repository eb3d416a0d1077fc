"""The steps of the optimisers on a GPU: each parameter is read and written once (floor 2).

Numbers that are arrays on the GPU are read there by the kernel: nothing waits for them, and a
captured step follows the schedule.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.backend import arrays
from chainrule.kernels.launch import (
    BLOCK,
    NOWHERE,
    Declined,
    GpuArray,
    contiguous,
    launch,
    real_of,
    spread,
)

__all__ = ["adagrad_step", "adam_step", "rmsprop_step", "sgd_step"]


def _number(value: Any) -> tuple[Any, np.float64]:
    """A number as a place on the GPU, or nowhere, and itself."""
    if not arrays.is_gpu(value):
        return NOWHERE, np.float64(value)
    return value.astype(np.float64, copy=False), np.float64(0)


def _step(
    name: str,
    x: GpuArray,
    g: GpuArray,
    remembered: tuple[GpuArray, ...],
    numbers: tuple[Any, ...],
    *options: bool,
) -> GpuArray:
    """Launch the step over x, its gradient and what is remembered of it."""
    real = real_of(x, g, *remembered)
    if not all(a.flags.c_contiguous for a in (x, *remembered)):
        raise Declined  # they are changed where they are
    if x.size:
        held = (a if a.size else NOWHERE for a in remembered)
        given = (x, contiguous(g), *held, x.size, *(v for n in numbers for v in _number(n)))
        launch("updates", name, real, spread(x.size), (BLOCK,), *given, *options)
    return x


def sgd_step(
    x: GpuArray,
    g: GpuArray,
    momentum_buffer: GpuArray,
    lr: Any,
    momentum: Any = 0.0,
    dampening: Any = 0.0,
    weight_decay: Any = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> GpuArray:
    """The kernel of `ops.sgd_step`."""
    numbers = (lr, momentum, dampening, weight_decay)
    return _step("sgd", x, g, (momentum_buffer,), numbers, nesterov, maximize)


def adam_step(
    x: GpuArray,
    g: GpuArray,
    exp_avg: GpuArray,
    exp_avg_sq: GpuArray,
    max_exp_avg_sq: GpuArray,
    lr: Any,
    step: Any,
    betas: Any = (0.9, 0.999),
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
    amsgrad: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
) -> GpuArray:
    """The kernel of `ops.adam_step`."""
    remembered = (exp_avg, exp_avg_sq, max_exp_avg_sq)
    numbers = (lr, step, betas[0], betas[1], eps, weight_decay)
    return _step("adam", x, g, remembered, numbers, amsgrad, decoupled, maximize)


def rmsprop_step(
    x: GpuArray,
    g: GpuArray,
    square_avg: GpuArray,
    momentum_buffer: GpuArray,
    grad_avg: GpuArray,
    lr: Any,
    alpha: Any = 0.99,
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
    momentum: Any = 0.0,
    centered: bool = False,
    maximize: bool = False,
) -> GpuArray:
    """The kernel of `ops.rmsprop_step`."""
    remembered = (square_avg, momentum_buffer, grad_avg)
    numbers = (lr, alpha, eps, weight_decay, momentum)
    return _step("rmsprop", x, g, remembered, numbers, centered, maximize)


def adagrad_step(
    x: GpuArray,
    g: GpuArray,
    sum_sq: GpuArray,
    lr: Any,
    step: Any,
    lr_decay: Any = 0.0,
    weight_decay: Any = 0.0,
    eps: Any = 1e-10,
    maximize: bool = False,
) -> GpuArray:
    """The kernel of `ops.adagrad_step`."""
    numbers = (lr, step, lr_decay, weight_decay, eps)
    return _step("adagrad", x, g, (sum_sq,), numbers, maximize)
