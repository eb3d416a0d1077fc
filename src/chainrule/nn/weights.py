"""What layers with weights have in common: checks of sizes, initial values, format (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from chainrule import init
from chainrule.autograd import Generator, Tensor
from chainrule.autograd.generator import state_of
from chainrule.autograd.tape import wrap
from chainrule.backend.arrays import is_gpu
from chainrule.backend.devices import get_default_device
from chainrule.backend.dtypes import get_default_dtype
from chainrule.errors import DataError, OptionError
from chainrule.nn import init as init_
from chainrule.nn.module import Module, Parameter

M = TypeVar("M", bound=Module)


def positive(**sizes: int) -> None:
    """Refuse a size that is no whole number from 1 on, by its name."""
    for name, n in sizes.items():
        if not isinstance(n, (int, np.integer)):
            raise OptionError(f"{name} must be a whole number, got {_instead(n)}")
        if n < 1:
            raise OptionError(f"{name} must be at least 1, got {n}")


def _instead(n: Any) -> str:
    """What came in place of a size, and what may have been meant."""
    if isinstance(n, Tensor):
        return (
            f"a tensor of shape {tuple(n.shape)}; a layer is made with sizes, and then called with "
            "data: layer(x)"
        )
    return f"{n!r:.60}" + ("; divide with // to get one" if isinstance(n, float) else "")


def floating(x: Any) -> None:
    """Refuse integers, which a layer with weights cannot have meant."""
    if np.dtype(x.dtype).kind in "iub":
        raise DataError(
            f"expected floating-point input, got {x.dtype}; convert it, for example with "
            "x.float() / 255 for images of bytes"
        )


def even(shape: Sequence[int], bound: float, generator: Generator | None) -> Parameter:
    """A parameter drawn evenly from -bound to bound."""
    return Parameter(wrap(init.uniform(state_of(generator), shape, -bound, bound)))


def is_there(p: Tensor) -> bool:
    """Whether a parameter has numbers, and not a place-holder for some that are about to come."""
    return is_gpu(p.array) or p.array.flags.writeable


def spread_evenly(module: Module, bound: float) -> None:
    """Draw all parameters of a module anew, evenly from -bound to bound."""
    for p in module.parameters():
        init_.uniform_(p, -bound, bound)


def placed(module: M, device: Any, dtype: Any) -> M:
    """The module on the device and in the dtype, or else on and in the default ones."""
    where = get_default_device() if device is None else device
    return module.to(device=where, dtype=get_default_dtype() if dtype is None else dtype)
