"""Windows of signals: how much each of a stretch of samples counts (floor 2).

A periodic window is one longer, without its last sample: what follows it would be its first again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.autograd.creation import made
from chainrule.autograd.tensor import Tensor
from chainrule.backend.devices import placeable
from chainrule.ops import Array
from chainrule.ops.bessel import bessel_body

__all__ = [
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "kaiser_window",
]


def _places(length: int, periodic: bool) -> tuple[Array, int]:
    """The places of the samples, and that of the last of the whole window."""
    return np.arange(length, dtype=np.float64), max(length - (not periodic), 1)


def _cosines(length: int, periodic: bool, *weights: float) -> Array:
    """The sum of weights times cos(2 pi k n / N); one sample is 1."""
    n, last = _places(length, periodic)
    waves = (w * np.cos(2 * math.pi * k * n / last) for k, w in enumerate(weights))
    return np.ones(length) if length <= 1 else np.sum([*waves], axis=0)


@placeable
def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return 1/2 - cos(2 pi n / N) / 2.

    Examples:
        >>> hann_window(4).tolist()
        [0.0, 0.5, 1.0, 0.5]
    """
    return made(_cosines(window_length, periodic, 0.5, -0.5), dtype, requires_grad)


@placeable
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return alpha - beta cos(2 pi n / N).

    Examples:
        >>> hamming_window(3, False, alpha=0.5, beta=0.5).tolist()
        [0.0, 1.0, 0.0]
    """
    return made(_cosines(window_length, periodic, alpha, -beta), dtype, requires_grad)


@placeable
def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return 0.42 - cos(2 pi n / N) / 2 + 0.08 cos(4 pi n / N).

    Examples:
        >>> round(blackman_window(3, False)[1].item(), 6)
        1.0
    """
    return made(_cosines(window_length, periodic, 0.42, -0.5, 0.08), dtype, requires_grad)


@placeable
def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a triangle: 1 - |2 n / N - 1|.

    Examples:
        >>> bartlett_window(3, False).tolist()
        [0.0, 1.0, 0.0]
    """
    n, last = _places(window_length, periodic)
    shape = 1 - np.abs(2 * n / last - 1) if window_length > 1 else np.ones(window_length)
    return made(shape, dtype, requires_grad)


@placeable
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return I_0(beta sqrt(1 - (2 n / N - 1)^2)) / I_0(beta), with Bessel's modified function.

    Examples:
        >>> kaiser_window(3, False)[1].item()
        1.0
    """
    n, last = _places(window_length, periodic)
    inside = np.sqrt(np.maximum(1 - (2 * n / last - 1) ** 2, 0))
    scale = bessel_body(np.array(float(beta)), order=0, scaled=False)
    shape = bessel_body(beta * inside, order=0, scaled=False) / scale
    return made(shape if window_length > 1 else np.ones(window_length), dtype, requires_grad)
