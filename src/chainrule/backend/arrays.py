"""Which module computes on an array: NumPy, or the GPU's (floor 0; knows NumPy, and CuPy by name).

NumPy's functions, called on a GPU's arrays, find their way to the GPU by themselves. What makes new
arrays does not: it asks `module_of` the values it works with and calls what it gets. As long as no
GPU has been asked for, that is one look at one attribute.

CuPy is imported when a GPU is first asked for, by `gpu`, and nowhere else; `stand_in` puts another
module in its place.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import OptionError

__all__ = [
    "as_array",
    "folders",
    "gpu",
    "index_of",
    "is_gpu",
    "module_of",
    "near",
    "require_gpu",
    "stand_in",
    "to_gpu",
    "to_host",
    "when_used",
]

Array: TypeAlias = np.ndarray[Any, Any]


class _Place:
    """The GPU's array module and its type of array, both `None` until a GPU is asked for."""

    def __init__(self) -> None:
        self.asked = False
        self.module: Any = None
        self.kind: type | None = None

    def take(self, module: Any) -> None:
        """Compute with `module` from now on; `None`: there is no GPU."""
        self.asked = True
        self.module = module
        self.kind = module.ndarray if module is not None else None


_PLACE = _Place()
_WAITING: list[Callable[[], None]] = []


def module_of(*values: Any) -> Any:
    """The module that makes arrays where `values` are: NumPy, unless one of them is on a GPU.

    Args:
        values: arrays, tensors, numbers, whatever an operation is given.

    Examples:
        >>> module_of(np.ones(2), 3.0).__name__
        'numpy'
    """
    kind = _PLACE.kind
    if kind is None:
        return np
    for value in values:
        if type(value) is kind or type(getattr(value, "array", None)) is kind:
            return _PLACE.module
    return np


def is_gpu(x: Any) -> bool:
    """Whether `x` is an array on a GPU.

    Examples:
        >>> is_gpu(np.ones(2))
        False
    """
    return type(x) is _PLACE.kind


def as_array(x: Any) -> Any:
    """`x` itself if it is an array on a GPU, else what NumPy makes of it.

    Examples:
        >>> as_array(2.0)
        array(2.)
    """
    return x if type(x) is _PLACE.kind else np.asarray(x)


def near(array: Any, x: Any) -> Any:
    """`array`, made on the processor, where `x`, an array or a tensor, is.

    Examples:
        >>> near(np.arange(2), np.ones(3))
        array([0, 1])
    """
    module = module_of(x)
    return array if module is np else module.asarray(array)


def gpu() -> Any:
    """The GPU's array module, or `None` where CuPy is not installed or finds no GPU.

    The first call imports CuPy; the answer is kept.
    """
    if not _PLACE.asked:
        _PLACE.take(_found())
        _tell()
    return _PLACE.module


def _found() -> Any:
    """CuPy, if it is installed and there is a GPU that it can use."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a driver or a toolkit that it does not find
            module = importlib.import_module("cupy")
        return module if module.cuda.runtime.getDeviceCount() else None
    except (ImportError, RuntimeError):  # the latter is the base of the driver's own errors
        return None


def require_gpu() -> Any:
    """The GPU's array module.

    Raises:
        OptionError: there is no GPU, or no CuPy.
    """
    module = gpu()
    if module is None:
        raise OptionError(
            "no GPU can be used here: that needs an NVIDIA GPU with its driver and CuPy "
            "(pip install cupy-cuda12x, or cupy-cuda13x for a newer driver). "
            "cuda.is_available() says so to programs that ask"
        )
    return module


def folders() -> tuple[str, ...]:
    """Where the code of the GPU's array module lies, which is a library's; nowhere without one."""
    return tuple(getattr(_PLACE.module, "__path__", ()))


def when_used(attach: Callable[[], None]) -> None:
    """Call `attach()` once, when a GPU is first used; at once if one is in use already."""
    _WAITING.append(attach)
    _tell()


def _tell() -> None:
    while _PLACE.module is not None and _WAITING:
        _WAITING.pop(0)()


def index_of(x: Any) -> int | None:
    """The number of the GPU that `x` is on; `None` of what is on the processor."""
    return int(x.device.id) if is_gpu(x) else None


def to_host(x: Any) -> Array:
    """The numbers in `x` as a NumPy array, which is `x` itself where it is one."""
    return x.get() if is_gpu(x) else np.asarray(x)


def to_gpu(x: Any, index: int | None = None) -> Any:
    """`x` on a GPU; itself where it is there already.

    Args:
        x: an array, or what NumPy makes one of.
        index: the GPU's number; of an array that is on one, that one, else the current one.

    Raises:
        OptionError: there is no GPU.
    """
    module = require_gpu()
    if index is None:
        return x if is_gpu(x) else module.asarray(x)
    with module.cuda.Device(index):
        return module.asarray(x)


@contextmanager
def stand_in(module: Any) -> Iterator[Any]:
    """Let `module` be the GPU's inside the block; `None`: a machine without one."""
    before = _PLACE.module, _PLACE.asked
    _PLACE.take(module)
    try:
        _tell()
        yield module
    finally:
        _PLACE.take(before[0])
        _PLACE.asked = before[1]
