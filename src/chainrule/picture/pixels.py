"""From numbers to pixels: pictures of images, of many images, and of weights (floor 0, NumPy)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import DataError, ShapeError
from chainrule.picture.palette import rgb

__all__ = ["diverging", "image_grid", "shrink", "to_pixels"]

Pixels = NDArray[np.uint8]

# Blue, pale blue, near-white, pale red, red: told apart by the colour-blind, alike in weight.
_DIVERGING = np.array(
    [rgb(color) for color in ("#1f5fa8", "#8fc1de", "#f7f7f7", "#f2a582", "#b3202c")], dtype=float
)
_UNKNOWN = 128  # the grey of a weight that is not a number


def diverging(weights: ArrayLike, limit: float | None = None) -> Pixels:
    """Colour numbers by sign and size: blue below zero, near-white at zero, red above.

    Args:
        weights: of any shape `(...)`, usually `(H, W)`.
        limit: the size at which the colours are full; the greatest size among `weights` if not
            given. Give the same to several pictures that are to be compared.

    Returns:
        Pixels of shape `(..., 3)`; grey where a weight is not a number.

    Examples:
        >>> diverging([[-2.0, 0.0, 2.0]])[0].tolist()
        [[31, 95, 168], [247, 247, 247], [179, 32, 44]]
    """
    array: NDArray[Any] = np.asarray(weights, dtype=float)
    known = np.isfinite(array)
    size = float(np.max(np.abs(array), initial=0.0, where=known)) if limit is None else limit
    share = np.clip(np.where(known, array, 0.0) / (size or 1.0), -1.0, 1.0)
    place = (share + 1) * (len(_DIVERGING) - 1) / 2
    stops = np.arange(len(_DIVERGING))
    colors = np.stack([np.interp(place, stops, channel) for channel in _DIVERGING.T], axis=-1)
    return np.where(known[..., None], np.rint(colors), _UNKNOWN).astype(np.uint8)


def to_pixels(image: ArrayLike) -> Pixels:
    """Turn an image of shares of full brightness, channels first, into pixels.

    Args:
        image: `(C, H, W)` or `(H, W)`, floats 0 to 1; one channel is grey, three are red, green
            and blue, of any other number the mean is shown.

    Returns:
        `(H, W)` or `(H, W, 3)`; numbers outside 0 to 1 are clipped, NaN is black.

    Raises:
        ShapeError: another number of axes.
        DataError: whole numbers, which are likely to be 0 to 255.

    Examples:
        >>> to_pixels([[[0.0, 0.5, 1.0]]]).tolist()
        [[0, 128, 255]]
    """
    array: NDArray[Any] = np.asarray(image)
    if array.ndim not in (2, 3):
        raise ShapeError(f"expected an image of shape (C, H, W) or (H, W), got {array.shape}")
    if array.dtype.kind not in "fb":
        raise DataError(
            f"expected an image of floats 0 to 1, got {array.dtype}; divide by 255 first"
        )
    if array.ndim == 2:
        array = array[None]
    bright = np.rint(255 * np.clip(np.nan_to_num(array.astype(float)), 0, 1)).astype(
        np.uint8
    )  # (C, H, W)
    if len(bright) == 3:
        return np.moveaxis(bright, 0, -1)
    return np.asarray(bright[0] if len(bright) == 1 else bright.mean(axis=0), dtype=np.uint8)


def shrink(pixels: Pixels, longest: int) -> Pixels:
    """Average square blocks until no side of a picture is longer than `longest`.

    Args:
        pixels: `(H, W)` or `(H, W, 3)`; rows and columns that fill no whole block are cut off.
        longest: in pixels.

    Examples:
        >>> shrink(np.array([[0, 2], [4, 6]], dtype=np.uint8), 1).tolist()
        [[3]]
    """
    block = -(-max(pixels.shape[:2]) // longest)
    if block <= 1:
        return pixels
    down, across = (min(block, side) for side in pixels.shape[:2])
    rows, columns = pixels.shape[0] // down, pixels.shape[1] // across
    cut = pixels[: rows * down, : columns * across]
    blocks = cut.reshape(rows, down, columns, across, -1).mean(axis=(1, 3))
    return np.asarray(np.rint(blocks).reshape(rows, columns, *pixels.shape[2:]), dtype=np.uint8)


def image_grid(
    images: NDArray[np.uint8], columns: int, scale: int = 1, gap: int = 1, fill: int = 255
) -> Pixels:
    """Set images of one size side by side, row after row.

    Args:
        images: grey `(N, H, W)` or colour `(N, H, W, 3)`, uint8.
        columns: images in a row.
        scale: each pixel becomes a square of `scale` by `scale`.
        gap: pixels between two images, after scaling.
        fill: the grey of gaps and of the places left over in the last row.

    Returns:
        One picture, `(rows * (H * scale + gap) - gap, columns * (W * scale + gap) - gap)` and
        the channels.

    Raises:
        DataError: other shapes or dtypes, no image, or a count below its least.

    Examples:
        >>> digits = np.zeros((5, 8, 8), dtype=np.uint8)
        >>> image_grid(digits, columns=3, scale=2, gap=1).shape
        (33, 50)
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size:
        raise DataError(
            f"image_grid: expected uint8 images of shape (N, H, W) or (N, H, W, 3), "
            f"got {images.dtype} {images.shape}"
        )
    if columns < 1 or scale < 1 or gap < 0:
        raise DataError(
            f"image_grid: expected columns and scale of 1 or more and gap of 0 or more, "
            f"got columns={columns}, scale={scale}, gap={gap}"
        )
    large = images.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = large.shape[1] + gap, large.shape[2] + gap
    rows = -(-len(large) // columns)
    paper = np.full((rows * height - gap, columns * width - gap, *large.shape[3:]), fill, np.uint8)
    for i, image in enumerate(large):
        top, left = i // columns * height, i % columns * width
        paper[top : top + height - gap, left : left + width - gap] = image
    return paper
