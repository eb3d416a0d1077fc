"""Several images in one: grids of them, as tensors and as files (floor 3)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.autograd import from_numpy
from chainrule.backend.arrays import to_host
from chainrule.errors import OptionError, ShapeError, require

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Any:
    """Return one image with several side by side.

    Args:
        tensor: images (N, C, H, W), a list of them (C, H, W), or one (C, H, W) or (H, W); grey ones
            become three channels.
        nrow: images in a row.
        padding: pixels between them.
        normalize: bring the numbers to 0 to 1.
        value_range: from which range; by default from the smallest to the largest.
        scale_each: by each image's own.
        pad_value: what is between them.

    Returns:
        (3, H', W'); the numbers alone, without their history.

    Raises:
        ShapeError: these are no images.

    Examples:
        >>> from chainrule.autograd import ones
        >>> make_grid(ones(3, 1, 4, 4), nrow=2).shape[-2:] == (14, 14)
        True
    """
    images = _stacked(tensor)
    where = (tensor[0] if isinstance(tensor, (list, tuple)) else tensor).device
    if normalize:
        images = np.array(images, dtype=np.result_type(images.dtype, np.float32))
        for part in images if scale_each else [images]:
            low, high = value_range or (part.min(), part.max())
            part[...] = (np.clip(part, low, high) - low) / max(high - low, 1e-5)
    if len(images) == 1:
        return from_numpy(images[0].copy()).to(where)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    shape = (channels, height * rows + padding, width * columns + padding)
    grid = np.full(shape, pad_value, dtype=images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * height + padding, i % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return from_numpy(grid).to(where)


def _stacked(tensor: Any) -> Any:
    """The numbers as images (N, 3, H, W)."""
    if isinstance(tensor, (list, tuple)):
        images = np.stack([to_host(t.array) for t in tensor])
    else:
        images = to_host(tensor.array)
    if images.ndim == 2:
        images = images[None]
    if images.ndim == 3:
        images = images[None]
    if images.ndim != 4:
        raise ShapeError(f"make_grid takes images (N, C, H, W), got shape {images.shape}")
    return np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images


def save_image(tensor: Any, fp: Any, format: str | None = None, **grid: Any) -> None:
    """Write images as one file, numbers from 0 to 1 as its brightness.

    Args:
        tensor: as `make_grid` takes them.
        fp: a path or an open file.
        format: of the file; by default by the path's ending.
        grid: for `make_grid`.

    Raises:
        OptionError: the path's ending names no format of images.
        MissingExtraError: Pillow is not installed.
    """
    pil = require("PIL.Image", "images", "writing image files")
    numbers = make_grid(tensor, **grid).cpu().array
    bytes_ = np.clip(numbers * 255 + 0.5, 0, 255).astype(np.uint8)
    image = pil.fromarray(np.moveaxis(bytes_, 0, -1))
    try:
        image.save(fp, format=format)
    except ValueError as error:
        name = Path(fp).name if isinstance(fp, (str, Path)) else "the file"
        raise OptionError(f"{name} cannot be written as an image: {error}") from error
