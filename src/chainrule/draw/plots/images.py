"""Plots of images with words beneath, and of weights as images (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.draw.plots.numbers import Array, numbers
from chainrule.errors import DataError, ShapeError
from chainrule.picture import Svg, diverging, tile_chart

__all__ = ["images", "weights"]

_MOST = 200


def images(
    images: Any,
    captions: Sequence[Any] | None = None,
    wrong: Any = None,
    *,
    shape: tuple[int, int] | None = None,
    ink: bool = False,
    title: str = "",
    columns: int | None = None,
) -> Svg:
    """Draw images with words beneath them, the wrong ones marked.

    Args:
        images: `(N, H, W)`, `(N, C, H, W)` with one or three channels, or rows of pixels
            `(N, H * W)`. 0, or what is lower, is drawn black; 1, or what is higher, white.
        captions: words for each image: its label, what it was taken for.
        wrong: for each image whether it was got wrong, shape `(N,)`.
        shape: H and W of rows of pixels; a square if not given.
        ink: draw high numbers dark, as ink on paper.
        title: what the picture is.
        columns: images in a row; as many as fit if not given.

    Returns:
        The picture; of more than 200 images the first 200, and it says so.

    Raises:
        ShapeError: no images, or not one caption or mark for each.
        DataError: a pixel is not a number, or fewer than one column.

    Examples:
        >>> from chainrule import data
        >>> digits = data.digits()
        >>> images(digits.x[:3], captions=digits.y[:3]).description
        '3 images: 0; 1; 2'
    """
    pixels = _pixels(_stacked(numbers(images, "images"), shape), ink)
    count = len(pixels)
    words = None if captions is None else [str(each) for each in captions]
    marked = None if wrong is None else numbers(wrong, "wrong").ravel().astype(bool).tolist()
    for what, given in (("captions", words), ("marks", marked)):
        if given is not None and len(given) != count:
            raise ShapeError(f"{count} images with {len(given)} {what}; give one each")
    return tile_chart(
        pixels[:_MOST],
        words and words[:_MOST],
        marked and marked[:_MOST],
        title=title,
        columns=columns,
        note=f"the first {_MOST} of {count:,} images" if count > _MOST else "",
    )


def weights(
    weights: Any,
    shape: tuple[int, int] | None = None,
    *,
    captions: Sequence[Any] | None = None,
    title: str = "",
    columns: int | None = None,
) -> Svg:
    """Draw the weights of each unit as an image: blue below zero, pale at zero, red above.

    Args:
        weights: an array `(units, pixels)`, `(units, H, W)` or `(units, C, H, W)`; or a layer:
            of `nn`, of `layers` or of `scalar`, or a module or network, of which the first layer
            with such weights is taken.
        shape: H and W of the pixels of a unit; a square if not given.
        captions: words for each unit; its number, from 0, if not given.
        title: what the picture is.
        columns: images in a row; as many as fit, the channels of a unit together, if not given.

    Returns:
        The picture with its scale, common to all units. Units with several channels have an image
        for each; of more than 200 images it shows the first 200, and says so.

    Raises:
        ShapeError: no such weights, or a number of pixels that does not fill `shape`.
        DataError: a weight is not a number, or fewer than one column.

    Examples:
        >>> from chainrule import nn
        >>> weights(nn.Linear(64, 10)).description[:22]
        '10 images: 0; 1; 2; 3;'
    """
    array = numbers(_of_layer(weights), "weights")
    stacked = _stacked(array, shape, what="weights")
    words = [str(i) for i in range(len(stacked))] if captions is None else list(map(str, captions))
    if len(words) != len(stacked):
        raise ShapeError(f"{len(stacked)} units with {len(words)} captions; give one each")
    channels = stacked.shape[1] if stacked.ndim == 4 else 1
    stacked = stacked.reshape(-1, *stacked.shape[-2:])
    if channels > 1:
        words = [f"{word}, {channel}" for word in words for channel in range(channels)]
    limit = float(np.abs(stacked).max())
    return tile_chart(
        diverging(stacked[:_MOST], limit),
        words[:_MOST],
        title=title,
        columns=columns,
        together=channels,
        limit=limit or 1.0,
        note=f"the first {_MOST} of {len(stacked):,} images" if len(stacked) > _MOST else "",
    )


def _stacked(array: Array, shape: tuple[int, int] | None, what: str = "images") -> Array:
    """Images `(N, H, W)` or `(N, C, H, W)`, rows of pixels brought to their shape."""
    if array.ndim == 2 and array.size:
        array = array.reshape(len(array), *_sides(array.shape[1], shape, what))
    if array.ndim not in (3, 4) or not array.size:
        raise ShapeError(
            f"{what}: expected shape (N, H, W), (N, C, H, W) or rows (N, H * W), got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise DataError(f"{what}: expected finite numbers, got NaN or infinity")
    return array


def _sides(pixels: int, shape: tuple[int, int] | None, what: str) -> tuple[int, int]:
    side = math.isqrt(pixels)
    if shape is None and side * side == pixels:
        return side, side
    if shape is None or shape[0] * shape[1] != pixels:
        filled = "no square" if shape is None else f"not {shape[0]} x {shape[1]}"
        raise ShapeError(f"{what}: {pixels} pixels in a row are {filled}; give shape=(H, W)")
    return shape


def _pixels(stacked: Array, ink: bool) -> Any:
    """Bytes `(N, H, W)` or `(N, H, W, 3)`, dark where the numbers are low, or high for ink."""
    if stacked.ndim == 4 and stacked.shape[1] not in (1, 3):
        raise ShapeError(
            f"images: expected 1 or 3 channels in (N, C, H, W), got {stacked.shape[1]} "
            f"in {stacked.shape}"
        )
    low, high = min(float(stacked.min()), 0.0), max(float(stacked.max()), 1.0)
    share = (stacked - low) / (high - low)
    bright = np.rint(255 * (1 - share if ink else share)).astype(np.uint8)
    if stacked.ndim == 3:
        return bright
    return bright[:, 0] if stacked.shape[1] == 1 else np.moveaxis(bright, 1, -1)


def _of_layer(layer: Any) -> Any:
    """The weights of the first layer that has a row or a stack of kernels for each unit."""
    found = next(_kernels(layer), None)
    if found is None and callable(layer):
        raise ShapeError(f"weights: {type(layer).__name__} has no layer with weights")
    return layer if found is None else found


def _kernels(layer: Any) -> Iterator[Any]:
    """The weights of a layer and of the layers inside it, in order; of an array nothing."""
    if hasattr(layer, "neurons"):
        yield [neuron.w for neuron in layer.neurons]
    weight = getattr(layer, "weight", None)
    if isinstance(weight, dict):
        weight = weight.get("W")
        weight = weight.T if weight is not None and weight.ndim == 2 else weight  # (in, out) there
    if weight is not None and weight.ndim > 1:
        yield weight
    for inner in layer.children() if hasattr(layer, "children") else getattr(layer, "layers", ()):
        yield from _kernels(inner)
