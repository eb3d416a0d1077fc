"""The kernels given to their operations, when a GPU is first used (floor 2).

Each operation's forward body is put behind a choice: of arrays on a GPU the kernel, where it is for
such arrays, of all others the body as it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from chainrule.backend import arrays
from chainrule.kernels import (
    attention,
    convolution,
    draws,
    places,
    pooling,
    recurrence,
    updates,
)
from chainrule.kernels.launch import Declined
from chainrule.ops.core import REGISTRY, Op

__all__ = ["KERNELS", "attach"]

_SUBJECTS = (attention, convolution, draws, places, pooling, recurrence, updates)
# By the names of their operations.
KERNELS: dict[str, Callable[..., Any]] = {
    name: getattr(subject, name) for subject in _SUBJECTS for name in subject.__all__
}


def attach() -> None:
    """Put every kernel before the body of its operation."""
    for name, kernel in KERNELS.items():
        op = REGISTRY[name]
        op.forward = _chosen(op, op.forward, kernel)


def _chosen(op: Op, body: Callable[..., Any], kernel: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(body)
    def forward(*args: Any, **attrs: Any) -> Any:
        for first in args:
            if arrays.is_gpu(first):
                break
        else:
            return body(*args, **attrs)
        op.shape(*map(_shape, args), **attrs)
        try:
            with _used(first):
                return kernel(*args, **attrs)
        except Declined:
            return body(*args, **attrs)

    return forward


def _shape(x: Any) -> Any:
    return None if x is None else tuple(getattr(x, "shape", ()))


def _used(x: Any) -> Any:
    """The GPU of an array, as the one in use: kernels and new arrays go there."""
    module = arrays.gpu()
    index = int(x.device.id)
    here = index == module.cuda.runtime.getDevice()
    return nullcontext() if here else module.cuda.Device(index)
