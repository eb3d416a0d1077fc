"""`autocast`: inside the block, products on a GPU are computed in half precision (floor 3).

While a block is open, calls with tensors go through `_cast_first`, which brings the arguments of
some operations to another format and then records as always; so gradients come back in the format
of the tensors they belong to. Where no block is open nothing is different from a library without.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ContextDecorator
from typing import Any, Self

import numpy as np

from chainrule.autograd import Tensor
from chainrule.autograd.tape import record
from chainrule.backend.arrays import is_gpu
from chainrule.backend.devices import device, gpus
from chainrule.backend.dtypes import DType, Unavailable, as_dtype
from chainrule.errors import OptionError
from chainrule.ops import Op, cast
from chainrule.ops.core import READERS

__all__ = ["autocast", "is_autocast_available"]

# What is quick in half precision, its sums being float32; and what loses too much in it.
_IN_HALF = {
    *("matrix_product", "linear", "contraction", "attention"),
    *("convolution", "convolution_input", "convolution_weight"),
    *("rnn_steps", "lstm_walk", "lstm_steps", "gru_walk", "gru_steps"),
}
_IN_FULL = {
    *("exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "pow", "reciprocal"),
    *("rsqrt", "asin", "acos", "cosh", "sinh", "tan", "erfinv", "sum", "mean", "prod", "cumsum"),
    *("cumprod", "logsumexp", "logcumsumexp", "euclidean_norm"),
}

_FULL = np.dtype(np.float32)
_HALF = np.dtype(np.float16)


class _Blocks(threading.local):
    """The formats of the blocks that a thread is in, the innermost last; `None`: switched off."""

    def __init__(self) -> None:
        self.formats: list[DType | None] = []


_blocks = _Blocks()
_lock = threading.Lock()
_open = 0  # blocks, of all threads


def _cast_first(op: Op, args: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    wanted = _blocks.formats[-1] if _blocks.formats else None
    if wanted is not None and op.name in _IN_HALF:
        args = [_in(a, _FULL, wanted) for a in args]
    elif wanted is not None and op.name in _IN_FULL:
        args = [_in(a, wanted, _FULL) for a in args]
    return record(op, args, attrs)


def _in(value: Any, found: DType, wanted: DType) -> Any:
    """A tensor on a GPU that has one format in the other; all else as it is."""
    if isinstance(value, Tensor) and is_gpu(value.array) and value.dtype == found:
        return cast(value, dtype=wanted)
    return value


def _count(step: int) -> None:
    """Let calls go through here while a block is open in any thread, and only then."""
    global _open
    with _lock:
        _open += step
        wanted, other = (_cast_first, record) if _open else (record, _cast_first)
        for kind, reader in list(READERS.items()):
            if reader is other:
                READERS[kind] = wanted


def is_autocast_available(device_type: str) -> bool:
    """Whether half precision is used on a kind of device: on "cuda", where there is one.

    Examples:
        >>> is_autocast_available("cpu")
        False
    """
    return device(device_type).type == "cuda" and gpus() > 0


class autocast(ContextDecorator):  # noqa: N801  # PyTorch's name
    """Inside the block, compute products of tensors on a GPU in half precision.

    Matrix products, convolutions, attention and recurrent layers take float32 tensors as float16;
    exponentials, logarithms, powers, sums and means take float16 ones as float32. Weights stay
    what they are, and so do their gradients. On the processor everything is computed as without.

    Args:
        device_type: "cuda", or "cpu", for which nothing changes.
        dtype: float16, also if `None`; within float32 nothing is halved.
        enabled: `False` switches an outer block off.
        cache_enabled: accepted; weights are converted each time they are used.

    Raises:
        OptionError: bfloat16 on a GPU, of which CuPy has no arrays, or no format for this.

    Examples:
        >>> import chainrule as cr
        >>> with autocast("cpu"):
        ...     (cr.ones(2, 3) @ cr.ones(3, 1)).dtype
        dtype('float32')
    """

    def __init__(
        self,
        device_type: str = "cpu",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device, self.fast_dtype = device_type, dtype
        self._enabled = enabled
        self._touches = is_autocast_available(device_type)
        if self._touches and enabled:
            _check(dtype)

    def __enter__(self) -> Self:
        if self._touches:
            halves = self._enabled and self.fast_dtype in (None, _HALF)
            _blocks.formats.append(_HALF if halves else None)
            _count(1)
        return self

    def __exit__(self, *error: object) -> None:
        if self._touches:
            _count(-1)
            _blocks.formats.pop()


def _check(dtype: Any) -> None:
    if isinstance(dtype, Unavailable):
        raise OptionError(
            f"CuPy has no arrays of {dtype.name}; use float16 here, or have float32 products "
            'computed from bfloat16 factors by set_float32_matmul_precision("medium")'
        )
    if dtype is not None and as_dtype(dtype) not in (_HALF, _FULL):
        raise OptionError(f"autocast computes in float16, got {as_dtype(dtype)}")
