"""Tensors of known content: zeros, ones, ranges (floor 2)."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.autograd.functions import sizes_of
from chainrule.autograd.tape import wrap
from chainrule.autograd.tensor import Tensor
from chainrule.backend.arrays import module_of
from chainrule.backend.devices import get_default_device, here, moved, placeable, placeable_like
from chainrule.backend.dtypes import as_dtype, get_default_dtype
from chainrule.ops.core import constant

__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tril_indices",
    "triu_indices",
    "zeros",
    "zeros_like",
]


def made(array: Any, dtype: Any, requires_grad: bool) -> Tensor:
    """Return a tensor that holds `array`, the same in every run, in `dtype` or the default one."""
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    kept = module_of(array).asarray(array).astype(wanted, copy=False)
    out: Tensor = wrap(constant(moved(kept, get_default_device())))
    return out.requires_grad_() if requires_grad else out


@placeable
def zeros(
    *each: Any, size: Sequence[int] = (), dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros of shape `size`.

    Examples:
        >>> zeros(2)
        tensor([0., 0.])
    """
    return made(here().zeros(sizes_of(each or size)), dtype, requires_grad)


@placeable
def ones(
    *each: Any, size: Sequence[int] = (), dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ones of shape `size`.

    Examples:
        >>> ones(2)
        tensor([1., 1.])
    """
    return made(here().ones(sizes_of(each or size)), dtype, requires_grad)


@placeable
def empty(
    *each: Any, size: Sequence[int] = (), dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of shape `size` to be filled; here it holds zeros."""
    return zeros(size=sizes_of(each or size), dtype=dtype, requires_grad=requires_grad)


@placeable
def full(
    size: Sequence[int], fill_value: Any, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return `fill_value` in shape `size`; an integer or truth value keeps its kind.

    Examples:
        >>> full((2,), 7)
        tensor([7, 7])
    """
    if dtype is None and not isinstance(fill_value, builtins.float):
        dtype = np.asarray(fill_value).dtype
    return made(here().full(sizes_of(tuple(size)), fill_value), dtype, requires_grad)


@placeable_like
def zeros_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of the shape and dtype of `x`."""
    return zeros(size=x.shape, dtype=dtype or x.dtype, requires_grad=requires_grad)


@placeable_like
def ones_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones of the shape and dtype of `x`."""
    return ones(size=x.shape, dtype=dtype or x.dtype, requires_grad=requires_grad)


@placeable_like
def full_like(x: Tensor, fill_value: Any, dtype: Any = None) -> Tensor:
    """Return `fill_value` in the shape and dtype of `x`."""
    return full(x.shape, fill_value, dtype=dtype or x.dtype)


@placeable
def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return start, start + step, ... below `end`; from 0 if only one number is given.

    Examples:
        >>> arange(3)
        tensor([0, 1, 2])
        >>> arange(0.0, 1.0, 0.5)
        tensor([0.0000, 0.5000])
    """
    if end is None:
        start, end = 0, start
    array = np.arange(start, end, step)
    if dtype is None and array.dtype.kind == "i":
        dtype = np.int64
    return made(array, dtype, requires_grad)


@placeable
def linspace(
    start: float, end: float, steps: int, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return `steps` numbers evenly spaced from `start` to `end`, both included.

    Examples:
        >>> linspace(0, 1, 3).tolist()
        [0.0, 0.5, 1.0]
    """
    return made(np.linspace(start, end, steps), dtype, requires_grad)


@placeable
def eye(n: int, m: int | None = None, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return the identity matrix (n, n), or its upper left part (n, m).

    Examples:
        >>> eye(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return made(here().eye(n, m), dtype, requires_grad)


@placeable_like
def empty_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of the shape and dtype of `x` to be filled; here it holds zeros."""
    return zeros(size=x.shape, dtype=dtype or x.dtype, requires_grad=requires_grad)


@placeable
def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `base` to the power of `steps` numbers evenly spaced from `start` to `end`.

    Examples:
        >>> logspace(0, 2, 3).tolist()
        [1.0, 10.0, 100.0]
    """
    return made(float(base) ** np.linspace(start, end, steps), dtype, requires_grad)


@placeable
def scalar_tensor(s: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a number as a tensor without dimensions, of the default dtype.

    Examples:
        >>> scalar_tensor(3)
        tensor(3.)
    """
    return made(s, dtype, requires_grad)


@placeable
def tril_indices(row: int, col: int, offset: int = 0, dtype: Any = np.int64) -> Tensor:
    """Return the places of the lower triangle of a matrix: a row of rows and one of columns.

    Examples:
        >>> tril_indices(2, 2).tolist()
        [[0, 1, 1], [0, 0, 1]]
    """
    return made(np.stack(np.nonzero(np.tri(row, col, offset, dtype=bool))), dtype, False)


@placeable
def triu_indices(row: int, col: int, offset: int = 0, dtype: Any = np.int64) -> Tensor:
    """Return the places of the upper triangle of a matrix: a row of rows and one of columns.

    Examples:
        >>> triu_indices(2, 2).tolist()
        [[0, 0, 1], [0, 1, 1]]
    """
    return made(np.stack(np.nonzero(~np.tri(row, col, offset - 1, dtype=bool))), dtype, False)
