"""The steps of the optimisers on a GPU: each parameter is read and written once (floor 2).

Numbers that are arrays on the GPU are read there by the kernel: nothing waits for them, and a
captured step follows the schedule. A kernel takes what its operation takes, in the same order: the
arrays, how many elements they have, the numbers, the options.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
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
from chainrule.ops.core import REGISTRY

__all__ = ["adagrad_step", "adam_step", "rmsprop_step", "sgd_step"]


def _number(value: Any) -> tuple[Any, np.float64]:
    """A number as a place on the GPU, or nowhere, and itself."""
    if not arrays.is_gpu(value):
        return NOWHERE, np.float64(value)
    return value.astype(np.float64, copy=False), np.float64(0)


def _kernel(name: str) -> Callable[..., GpuArray]:
    """The kernel of the step `name`."""
    parameters = inspect.signature(REGISTRY[name].forward).parameters.values()
    defaults = {p.name: p.default for p in parameters}
    arrays_end = [*defaults].index("lr")

    def step(*given: Any, **attrs: Any) -> GpuArray:
        told = [*({**defaults, **attrs, **dict(zip(defaults, given))}.values())]
        x, g, *remembered = told[:arrays_end]
        options = [v for v in told if isinstance(v, bool)]
        numbers = [v for v in told[arrays_end:] if not isinstance(v, bool)]
        return _step(name.removesuffix("_step"), x, g, remembered, _each(numbers), options)

    return step


def _each(numbers: Sequence[Any]) -> list[Any]:
    """Numbers, those that come as a pair one by one."""
    return [v for n in numbers for v in (n if isinstance(n, tuple) or np.ndim(n) else (n,))]


def _step(
    name: str,
    x: GpuArray,
    g: GpuArray,
    remembered: Sequence[GpuArray],
    numbers: Sequence[Any],
    options: Sequence[bool],
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


adagrad_step, adam_step, rmsprop_step, sgd_step = map(_kernel, __all__)
