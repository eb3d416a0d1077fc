"""Channels and pixels that change places (floor 1, composites)."""

from __future__ import annotations

import math

from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import Value, composite
from chainrule.ops.shape import permute, reshape


def _lead(x: Value, factor: int, name: str) -> tuple[int, ...]:
    """The dimensions before (C, H, W)."""
    if len(x.shape) < 3:
        raise ShapeError(f"expected images (..., C, H, W), got shape {tuple(x.shape)}")
    if factor < 1:
        raise OptionError(f"{name} must be at least 1, got {factor}")
    return tuple(x.shape[:-3])


@composite
def pixel_shuffle(input: Value, upscale_factor: int) -> Value:
    """y[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w]: channels become pixels, r by r.

    W. Shi and others, "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", CVPR 2016.

    Args:
        input: (..., C r^2, H, W).
        upscale_factor: r.

    Returns:
        (..., C, H r, W r).

    Examples:
        >>> pixel_shuffle(np.arange(4.0).reshape(1, 4, 1, 1), 2)
        array([[[[0., 1.],
                 [2., 3.]]]])
    """
    r = upscale_factor
    lead = _lead(input, r, "upscale_factor")
    c, h, w = input.shape[-3:]
    if c % (r * r):
        raise ShapeError(
            f"expected channels that {r} x {r} = {r * r} divides, got shape {tuple(input.shape)}"
        )
    parts = reshape(input, shape=(math.prod(lead), c // (r * r), r, r, h, w))
    shape = (*lead, c // (r * r), h * r, w * r)
    return reshape(permute(parts, dims=(0, 1, 4, 2, 5, 3)), shape=shape)


@composite
def pixel_unshuffle(input: Value, downscale_factor: int) -> Value:
    """Blocks of r by r pixels become channels: `pixel_shuffle` undone.

    Args:
        input: (..., C, H r, W r).
        downscale_factor: r.

    Returns:
        (..., C r^2, H, W).

    Examples:
        >>> pixel_unshuffle(np.arange(4.0).reshape(1, 1, 2, 2), 2).reshape(-1)
        array([0., 1., 2., 3.])
    """
    r = downscale_factor
    lead = _lead(input, r, "downscale_factor")
    c, h, w = input.shape[-3:]
    if h % r or w % r:
        raise ShapeError(
            f"expected height and width that {r} divides, got shape {tuple(input.shape)}"
        )
    parts = reshape(input, shape=(math.prod(lead), c, h // r, r, w // r, r))
    shape = (*lead, c * r * r, h // r, w // r)
    return reshape(permute(parts, dims=(0, 1, 3, 5, 2, 4)), shape=shape)


@composite
def channel_shuffle(input: Value, groups: int) -> Value:
    """The channels of `groups` groups dealt out in turn.

    X. Zhang, X. Zhou, M. Lin and J. Sun, "ShuffleNet: an extremely efficient convolutional neural
    network for mobile devices", CVPR 2018.

    Args:
        input: (N, C, ...).
        groups: a divisor of C.

    Examples:
        >>> channel_shuffle(np.arange(6.0).reshape(1, 6, 1), 2).reshape(-1)
        array([0., 3., 1., 4., 2., 5.])
    """
    if len(input.shape) < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError(
            f"expected images (N, C, ...) with channels that groups={groups} divides, got shape "
            f"{tuple(input.shape)}"
        )
    n, c, *size = input.shape
    parts = reshape(input, shape=(n, groups, c // groups, math.prod(size)))
    return reshape(permute(parts, dims=(0, 2, 1, 3)), shape=(n, c, *size))
