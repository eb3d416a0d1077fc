"""Pooling by windows that are made to fit, or chosen by chance, and the way back (floor 1).

Adaptive pooling cuts each dimension into as many windows as the output has pixels, fractional
pooling draws where they begin. Which pixel of a window is the largest is a place in the flattened
image, an integer; the pixel is then looked up there, and `max_unpool2d` writes it there again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.backend.arrays import module_of, near
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.ops.core import Array, Shape, Value, Within, checked, composite, constant, primitive
from chainrule.ops.gather import put_along, take_along
from chainrule.ops.pooling import largest, pooling_window
from chainrule.ops.reduce import mean
from chainrule.ops.resample import Sampling, resample
from chainrule.ops.shape import flip, reshape
from chainrule.ops.window import Sizes, Window, layout, on_batch, sizes

# --- places of the largest ----------------------------------------------------------------------


def _places(x: Array, positions: Sequence[Array]) -> Array:
    """Where in the flattened image each window's largest pixel lies; of equals the first.

    Args:
        x: images (N, C, ...).
        positions: for each dimension the pixels of each of its windows, (N or 1, C or 1, windows,
            pixels).
    """
    rank = len(positions)
    place: Any = 0
    for d, (n, own) in enumerate(zip(x.shape[2:], (near(p, x) for p in positions))):
        shape = [1] * (2 * rank)
        shape[d], shape[rank + d] = own.shape[2:]
        place = place * n + own.reshape(*own.shape[:2], *shape)
    windows, taps = (tuple(p.shape[k] for p in positions) for k in (2, 3))
    place = place.reshape(*place.shape[:2], math.prod(windows), math.prod(taps))
    place = np.broadcast_to(place, (*x.shape[:2], *place.shape[2:]))
    flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]), 1)
    pixels = np.take_along_axis(flat, place, axis=2)
    first = pixels.argmax(-1)[..., None]
    return np.take_along_axis(place, first, axis=-1).reshape(*x.shape[:2], *windows)


def _adaptive_shape(x: Shape, *, size: Sizes) -> Shape:
    if len(x) != len(size) + 2 or min(*x[2:], *size) < 1:
        raise ShapeError(f"images of shape {x} cannot be pooled to {size}: a size is at least 1")
    return (*x[:2], *size)


@primitive(kind="gather", shape=_adaptive_shape, arity=1)
def adaptive_places(x: Array, size: Sizes) -> Array:
    """Where the largest pixel of each adaptive window lies in the flattened image.

    Window i of m over n pixels goes from floor(i n / m) to ceil((i + 1) n / m).

    Examples:
        >>> adaptive_places(np.array([[[1.0, 5.0, 2.0]]]), size=(2,))
        array([[[1, 1]]])
    """
    _adaptive_shape(x.shape, size=size)
    return _places(x, [pixels(n, m)[None, None] for n, m in zip(x.shape[2:], size)])


def pixels(n: int, m: int) -> Array:
    """The pixels of each of m windows that share out n, (m, taps); short ones repeat their last."""
    i = np.arange(m)
    first, last = i * n // m, -(-(i + 1) * n // m) - 1
    taps = np.arange((last - first).max() + 1)
    return np.minimum(first[:, None] + taps, last[:, None])


def _fractional_shape(x: Shape, samples: Shape, *, window: Sizes, size: Sizes) -> Shape:
    if samples != (*x[:2], len(size)):
        raise ShapeError(
            f"fractional pooling of shape {x} takes samples {(*x[:2], len(size))}, got {samples}"
        )
    if any(m + k - 1 > n or min(m, k) < 1 for n, m, k in zip(x[2:], size, window)):
        raise ShapeError(
            f"fractional pooling to {size} by windows of {window} needs images of at least "
            f"{tuple(m + k - 1 for m, k in zip(size, window))}, got shape {x}"
        )
    return (*x[:2], *size)


@primitive(kind="gather", shape=_fractional_shape, arity=2)
def fractional_places(x: Array, samples: Array, window: Sizes, size: Sizes) -> Array:
    """Where the largest pixel of each window that chance has placed lies in the flattened image.

    Of m windows of k pixels over n the i-th begins at floor((i + u) a) - floor(u a), with
    a = (n - k) / (m - 1) and u the sample, and the last ends with the image.

    Examples:
        >>> x = np.array([[[1.0, 5.0, 2.0, 7.0]]])
        >>> fractional_places(x, np.array([[[0.5]]]), window=(2,), size=(2,))
        array([[[1, 3]]])
    """
    _fractional_shape(x.shape, samples.shape, window=window, size=size)
    positions = []
    for d, (n, m, k) in enumerate(zip(x.shape[2:], size, window)):
        u = samples[:, :, d, None]
        step = x.dtype.type((n - k) / (m - 1)) if m > 1 else x.dtype.type(0)
        first = ((near(np.arange(m, dtype=x.dtype), x) + u) * step).astype(np.int64)
        first -= (u * step).astype(np.int64)
        first[..., -1] = n - k
        positions.append(first[..., None] + near(np.arange(k), x))
    return _places(x, positions)


def _at(x: Value, places: Value) -> Value:
    """The pixels of x (N, C, ...) at places in its flattened images, (N, C, ...)."""
    n, c, *_ = x.shape
    flat = reshape(x, shape=(n, c, math.prod(x.shape[2:])))
    shape = (n, c, math.prod(places.shape[2:]))
    return reshape(take_along(flat, reshape(places, shape=shape), dim=2), shape=places.shape)


# --- adaptive -----------------------------------------------------------------------------------


def _adapted(rank: int, x: Value, output_size: int | Sequence[int | None] | None) -> Sizes:
    """The size of the output; `None` keeps that of the input."""
    if len(x.shape) not in (rank + 1, rank + 2):
        raise ShapeError(f"expected images of shape {layout(rank)}, got {tuple(x.shape)}")
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * rank
    if len(given) not in (1, rank):
        raise ShapeError(f"expected one output size or {rank}, got {output_size}")
    wanted = tuple(given) * (rank // len(given))
    old = tuple(x.shape[-rank:])
    size = tuple(n if m is None else int(m) for n, m in zip(old, wanted))
    _adaptive_shape((1, 1, *old), size=size)
    return size


def _adaptive_avg(rank: int, x: Value, output_size: int | Sequence[int | None] | None) -> Value:
    size = _adapted(rank, x, output_size)
    return on_batch(partial(_averaged, size=size), x, rank)


def _averaged(x: Value, size: Sizes) -> Value:
    old = tuple(x.shape[2:])
    if all(n % m == 0 for n, m in zip(old, size)):
        cut = [part for n, m in zip(old, size) for part in (m, n // m)]
        windows = reshape(x, shape=(*x.shape[:2], *cut))
        return mean(windows, dim=tuple(range(3, 3 + 2 * len(size), 2)))
    each = {d: Sampling("area", n, m) for d, (n, m) in enumerate(zip(old, size), start=2) if n != m}
    return resample(x, dims=tuple(each), samplings=tuple(each.values()))


def _adaptive_max(
    rank: int, x: Value, output_size: int | Sequence[int | None] | None, return_indices: bool
) -> Any:
    size = _adapted(rank, x, output_size)
    old = tuple(x.shape[-rank:])
    if all(n % m == 0 for n, m in zip(old, size)):
        each = tuple(n // m for n, m in zip(old, size))
        return largest(x, Window(each, each, (0,) * rank, (1,) * rank), return_indices)
    places = on_batch(lambda images: adaptive_places(images, size=size), x, rank)
    y = _looked_up(x, places, rank)
    return (y, places) if return_indices else y


def _looked_up(x: Value, places: Value, rank: int) -> Value:
    """`_at` for a batch or for one image."""
    if len(x.shape) == rank + 2:
        return _at(x, places)
    y = _at(reshape(x, shape=(1, *x.shape)), reshape(places, shape=(1, *places.shape)))
    return reshape(y, shape=tuple(places.shape))


@composite
def adaptive_avg_pool1d(input: Value, output_size: int | Sequence[int | None] | None) -> Value:
    """`adaptive_avg_pool2d` of sequences (N, C, L).

    Examples:
        >>> adaptive_avg_pool1d(np.array([[[1.0, 5.0, 3.0]]]), 2)
        array([[[3., 4.]]])
    """
    return _adaptive_avg(1, input, output_size)


@composite
def adaptive_avg_pool2d(input: Value, output_size: int | Sequence[int | None] | None) -> Value:
    """The means of windows that share out the image, as many as the output has pixels.

    Window i of m over n pixels goes from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        output_size: of the images to come; `None` keeps a size.

    Examples:
        >>> adaptive_avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 1)
        array([[[[7.5]]]])
    """
    return _adaptive_avg(2, input, output_size)


@composite
def adaptive_avg_pool3d(input: Value, output_size: int | Sequence[int | None] | None) -> Value:
    """`adaptive_avg_pool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> adaptive_avg_pool3d(np.ones((1, 2, 3, 4, 5)), (1, None, 2)).shape
        (1, 2, 1, 4, 2)
    """
    return _adaptive_avg(3, input, output_size)


@composite
def adaptive_max_pool1d(
    input: Value, output_size: int | Sequence[int | None] | None, return_indices: bool = False
) -> Any:
    """`adaptive_max_pool2d` of sequences (N, C, L).

    Examples:
        >>> adaptive_max_pool1d(np.array([[[1.0, 5.0, 3.0]]]), 2)
        array([[[5., 5.]]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


@composite
def adaptive_max_pool2d(
    input: Value, output_size: int | Sequence[int | None] | None, return_indices: bool = False
) -> Any:
    """The largest of windows that share out the image, as many as the output has pixels.

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        output_size: of the images to come; `None` keeps a size.
        return_indices: whether to return, too, where in the flattened image each of them lies.

    Examples:
        >>> adaptive_max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), (2, 1))
        array([[[[ 7.],
                 [15.]]]])
    """
    return _adaptive_max(2, input, output_size, return_indices)


@composite
def adaptive_max_pool3d(
    input: Value, output_size: int | Sequence[int | None] | None, return_indices: bool = False
) -> Any:
    """`adaptive_max_pool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> adaptive_max_pool3d(np.ones((1, 2, 3, 4, 5)), (1, None, 2)).shape
        (1, 2, 1, 4, 2)
    """
    return _adaptive_max(3, input, output_size, return_indices)


# --- fractional ---------------------------------------------------------------------------------


def _fractional(
    rank: int,
    x: Value,
    samples: Value,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None,
    output_ratio: float | Sequence[float] | None,
    return_indices: bool,
) -> Any:
    window = sizes(kernel_size, rank)
    size = _fractional_size(tuple(x.shape[-rank:]), output_size, output_ratio)
    places = on_batch(
        lambda images: fractional_places(images, samples, window=window, size=size), x, rank
    )
    y = _looked_up(x, places, rank)
    return (y, places) if return_indices else y


def _fractional_size(
    old: Sizes, size: int | Sequence[int] | None, ratio: float | Sequence[float] | None
) -> Sizes:
    if (size is None) == (ratio is None):
        raise OptionError("fractional pooling takes output_size or output_ratio, and one of them")
    if size is not None:
        return sizes(size, len(old))
    each: tuple[Any, ...] = (
        tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * len(old)
    )
    if not all(0 < r < 1 for r in each):
        raise OptionError(f"output_ratio must be between 0 and 1, got {ratio}")
    return tuple(int(n * r) for n, r in zip(old, each))


@composite
def fractional_max_pool2d(
    input: Value,
    samples: Value,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
) -> Any:
    """The largest of windows that begin where chance says, about evenly spread.

    B. Graham, "Fractional max-pooling", 2014.

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        samples: numbers from 0 to 1, (N, C, 2), that decide where windows begin: across, down.
        kernel_size: of the windows.
        output_size: how many windows there are in each direction.
        output_ratio: how many there are as a share of the pixels, instead.
        return_indices: whether to return, too, where in the flattened image each pixel lies.

    Examples:
        >>> x = np.arange(25.0).reshape(1, 1, 5, 5)
        >>> fractional_max_pool2d(x, np.full((1, 1, 2), 0.5), 2, output_size=2)
        array([[[[ 6.,  9.],
                 [21., 24.]]]])
    """
    # PyTorch's first sample is for the columns here, and for the first dimension of volumes.
    samples = flip(samples, dim=-1)
    return _fractional(2, input, samples, kernel_size, output_size, output_ratio, return_indices)


@composite
def fractional_max_pool3d(
    input: Value,
    samples: Value,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
) -> Any:
    """`fractional_max_pool2d` of volumes (N, C, D, H, W), with samples (N, C, 3).

    Examples:
        >>> x = np.arange(27.0).reshape(1, 1, 3, 3, 3)
        >>> fractional_max_pool3d(x, np.full((1, 1, 3), 0.5), 2, output_size=1)
        array([[[[[26.]]]]])
    """
    return _fractional(3, input, samples, kernel_size, output_size, output_ratio, return_indices)


# --- the way back -------------------------------------------------------------------------------


def _max_unpool(
    rank: int,
    x: Value,
    indices: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    output_size: Sequence[int] | None,
) -> Value:
    if tuple(x.shape) != tuple(indices.shape) or len(x.shape) not in (rank + 1, rank + 2):
        raise ShapeError(
            f"expected pixels {layout(rank)} and as many indices, got shapes {tuple(x.shape)} and "
            f"{tuple(indices.shape)}"
        )
    window = pooling_window(rank, kernel_size, stride, padding)
    if min(x.shape[-rank:]) < 1:
        raise ShapeError(f"max_unpool needs a pixel, got shape {tuple(x.shape)}")
    size = _unpooled_size(tuple(x.shape[-rank:]), window, output_size)
    if np.dtype(indices.dtype).kind not in "iu":
        raise DataError(f"indices of pixels are integers, got {indices.dtype}")
    checked(Within(0, math.prod(size) - 1, partial(_not_inside, size=size)), indices)
    lead, count = tuple(x.shape[:-rank]), math.prod(x.shape[-rank:])
    blank = constant(module_of(x).zeros((*lead, math.prod(size)), dtype=x.dtype))
    flat = [reshape(v, shape=(*lead, count)) for v in (indices, x)]
    return reshape(put_along(blank, *flat, dim=len(lead)), shape=(*lead, *size))


def _unpooled_size(pooled: Sizes, window: Window, wanted: Sequence[int] | None) -> Sizes:
    """The size of the image that was pooled: as asked for, or the smallest that it may have had."""
    moves = zip(pooled, window.size, window.stride, window.padding)
    least = tuple((n - 1) * s + k - 2 * p for n, k, s, p in moves)
    if wanted is None:
        return least
    size = tuple(int(n) for n in wanted)[-len(pooled) :]
    if len(size) != len(pooled) or any(
        abs(n - m) >= s for n, m, s in zip(size, least, window.stride)
    ):
        raise ShapeError(
            f"output_size {tuple(wanted)} must be less than a stride {window.stride} away from "
            f"{least}"
        )
    return size


def _not_inside(indices: Array, size: Sizes) -> None:
    raise DataError(
        f"indices {indices.min()} to {indices.max()} do not lie in images of {size}, which "
        f"have {math.prod(size)} pixels"
    )


@composite
def max_unpool1d(
    input: Value,
    indices: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Value:
    """`max_unpool2d` of sequences (N, C, L).

    Examples:
        >>> max_unpool1d(np.array([[[3.0, 5.0]]]), np.array([[[0, 3]]]), 2)
        array([[[3., 0., 0., 5.]]])
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@composite
def max_unpool2d(
    input: Value,
    indices: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Value:
    """Images of zeros with each pixel of x where max pooling had found it.

    Args:
        input: images (N, C, H, W), or one (C, H, W).
        indices: of its shape, as `max_pool2d` returns them.
        kernel_size: of the window of the pooling.
        stride: of the window of the pooling.
        padding: of the pooling.
        output_size: of the images to come, where pooling left it open.

    Examples:
        >>> max_unpool2d(np.array([[[[7.0]]]]), np.array([[[[2]]]]), 2)
        array([[[[0., 0.],
                 [7., 0.]]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@composite
def max_unpool3d(
    input: Value,
    indices: Value,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Value:
    """`max_unpool2d` of volumes (N, C, D, H, W).

    Examples:
        >>> max_unpool3d(np.ones((1, 1, 1, 1, 1)), np.zeros((1, 1, 1, 1, 1), int), 2).sum()
        np.float64(1.0)
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
