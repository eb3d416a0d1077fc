"""Folders of images, one subfolder a class, and single images to predict from (floor 3).

Pillow decodes; only its decoders of pixel formats are let in, so that nothing in a file is run, and
the size of an image is checked before it is decoded. Orientation marks of cameras are followed and
what is transparent becomes white, as paper is. This file knows images and folders, not models.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.examples import Array, Examples
from chainrule.errors import DataError, OptionError, require

__all__ = ["image_folder", "read_image"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
MAX_PIXELS = 64_000_000  # of one image, before it is resized
MAX_BYTES = 2**32  # of all images together
MAX_SIDE = 4096
COMMON_SIDE = 64  # the longer side where images of different sizes are brought to one
ORIENTATION = 0x0112  # the EXIF tag
# What undoes each orientation, by the names of PIL.Image.Transpose.
UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}

Size = int | tuple[int, int]


def image_folder(path: Path | str, size: Size | None = None, grey: bool | None = None) -> Examples:
    """Read a folder that has a subfolder of images for each class.

    Classes are the names of the subfolders, sorted (numbers by their value). Hidden files and
    subfolders are passed over; files that are no images too, but they are counted in `about`.
    Images of another size are stretched to `size`.

    Args:
        path: the folder.
        size: height and width, or one number for both. None: the size of the images where all have
            the same; else the median of their heights and widths, at most 64.
        grey: whether one channel is kept or three. None: one where all images are grey.

    Returns:
        Images (N, C, H, W) uint8 with 255 levels, C 1 or 3, and labels (N,).

    Raises:
        DataError: no such folder, no subfolders, only one, one without images, an image that cannot
            be read or is too large.
        OptionError: a size that is no size.
        MissingExtraError: Pillow is not installed.

    Examples:
        >>> import pathlib, tempfile
        >>> from PIL import Image
        >>> pets = pathlib.Path(tempfile.mkdtemp()) / "pets"
        >>> for kind, grey in {"cat": 0, "dog": 255}.items():
        ...     (pets / kind).mkdir(parents=True)
        ...     Image.new("L", (6, 4), grey).save(pets / kind / "1.png")
        >>> image_folder(pets)
        Examples('pets': 2 images 1x4x6, 2 classes)
        >>> image_folder(pets, size=8, grey=False).x.shape
        (2, 3, 8, 8)
    """
    folder, wanted = Path(path), _checked(size)
    classes, files, others = _listing(folder)
    paths = [file for files_of_class in files for file in files_of_class]
    sizes = [] if wanted else [_size(file) for file in paths]
    height, width = wanted or _common(sizes)
    x = _decode_all(folder, paths, (height, width), channels=1 if grey else 3)
    if grey is None and (x == x[:, :1]).all():
        x = x[:, :1].copy()
    y = np.repeat(np.arange(len(classes)), [len(files_of_class) for files_of_class in files])
    about = (
        f"{len(x):,} images of {len(classes)} classes from the folder {folder.name}, "
        f"{height}x{width} {'grey' if x.shape[1] == 1 else 'in colour'}"
        + ("; brought to one size, as they had several" if len(set(sizes)) > 1 else "")
        + (f"; {others} other files left out" if others else "")
    )
    return Examples(folder.name, x, y, classes, about, levels=255.0)


def read_image(
    path: Path | str | bytes, size: Size | None = None, channels: int = 1, resize: bool = False
) -> Array:
    """Read one image as a model takes it, to predict from.

    Args:
        path: a PNG, JPEG, BMP, GIF or WebP file; or the bytes that stand in one.
        size: height and width that the model takes, or one number for both. None: any.
        channels: 1 grey, 3 colour; the image is converted.
        resize: whether an image of another size is stretched to `size` rather than refused.

    Returns:
        The image (C, H, W) uint8, 0 black and 255 white.

    Raises:
        DataError: no such file, one that cannot be read or is too large, or an image of another
            size.
        OptionError: a size that is no size, or another number of channels.
        MissingExtraError: Pillow is not installed.

    Examples:
        >>> import pathlib, tempfile
        >>> from PIL import Image
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "cat.png"
        >>> Image.new("RGB", (3, 2), "white").save(path)
        >>> read_image(path)
        array([[[255, 255, 255],
                [255, 255, 255]]], dtype=uint8)
        >>> read_image(path, size=28, resize=True).shape
        (1, 28, 28)
    """
    file = _Held(path) if isinstance(path, bytes) else Path(path)
    wanted = _checked(size)
    if channels not in (1, 3):
        raise OptionError(f"channels is 1 (grey) or 3 (colour), got {channels}")
    if isinstance(file, Path) and not file.is_file():
        raise DataError(f"{file}: there is no such image file")
    if wanted is not None and not resize and (found := _size(file)) != wanted:
        raise DataError(
            f"{file} is {found[0]}x{found[1]}, the model takes {wanted[0]}x{wanted[1]} (height x "
            "width); pass --resize (resize=True) to stretch it"
        )
    return _decode(file, wanted, channels)


class _Held(io.BytesIO):
    """What stands in an image file that is nowhere on disk."""

    def __str__(self) -> str:
        return "the image"


# The folder


def _listing(folder: Path) -> tuple[tuple[str, ...], list[list[Path]], int]:
    """Return the classes, the image files of each, and how many other files there are."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of images")
    subfolders = _in_order([entry for entry in _visible(folder) if entry.is_dir()])
    if not subfolders:
        found = "images but no subfolders" if _images(folder) else "neither subfolders nor images"
        raise DataError(
            f"{folder} has {found}; put the images of each class into a subfolder named after it"
        )
    files = [_images(subfolder) for subfolder in subfolders]
    for subfolder, images in zip(subfolders, files):
        if not images:
            raise DataError(
                f"{subfolder} has no images ({', '.join(sorted(SUFFIXES))}){_deeper(subfolder)}; "
                "add some, or remove the subfolder"
            )
    if len(subfolders) == 1:
        raise DataError(
            f"{folder} has one class only, {subfolders[0].name!r}; two subfolders at least are "
            "due, so that there is something to tell apart"
        )
    entries = _visible(folder) + [
        entry for subfolder in subfolders for entry in _visible(subfolder)
    ]
    others = sum(entry.is_file() for entry in entries) - sum(map(len, files))
    return tuple(subfolder.name for subfolder in subfolders), files, others


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "__")))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror or error}") from error


def _images(folder: Path) -> list[Path]:
    return [
        entry for entry in _visible(folder) if entry.suffix.lower() in SUFFIXES and entry.is_file()
    ]


def _in_order(subfolders: list[Path]) -> list[Path]:
    """Sort by number where every name is one, so that 10 follows 9."""
    numbers = all(entry.name.isascii() and entry.name.isdigit() for entry in subfolders)
    return sorted(subfolders, key=lambda entry: (int(entry.name) if numbers else 0, entry.name))


def _deeper(subfolder: Path) -> str:
    """Point at a folder that was given one level too high: its `train` has the classes."""
    inner = [entry for entry in _visible(subfolder) if entry.is_dir() and _images(entry)]
    return (
        f" but subfolders with images, so {subfolder} may be the folder you mean" if inner else ""
    )


def _decode_all(folder: Path, paths: list[Path], size: tuple[int, int], channels: int) -> Array:
    """Decode the images into one array (N, C, H, W), unless it would be too large."""
    shape = (len(paths), channels, *size)
    if math.prod(shape) > MAX_BYTES:
        raise DataError(
            f"{folder}: {len(paths):,} images of {size[0]}x{size[1]} would take "
            f"{math.prod(shape) / 1e9:.1f} GB; choose a smaller size"
        )
    x = np.empty(shape, np.uint8)
    for k, file in enumerate(paths):
        x[k] = _decode(file, size, channels)
    return x


# The size


def _checked(size: Size | None) -> tuple[int, int] | None:
    """Return height and width of what a caller gave as size."""
    if size is None:
        return None
    pair = size if isinstance(size, tuple) else (size, size)
    if len(pair) != 2 or not all(isinstance(n, int) and 1 <= n <= MAX_SIDE for n in pair):
        raise OptionError(
            f"size is a number of pixels or a pair (height, width), 1 to {MAX_SIDE}, got {size!r}"
        )
    return pair


def _common(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the one size that all images have, or one that suits them: the median, at most 64."""
    if len(set(sizes)) == 1:
        return sizes[0]
    height, width = np.median(sizes, axis=0)
    scale = min(1.0, COMMON_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


# One image


def _size(file: Path | _Held) -> tuple[int, int]:
    """Return height and width, upright."""
    with opened(file) as image:
        height, width = image.height, image.width
        return (width, height) if _orientation(image) >= 5 else (height, width)


def _decode(file: Path | _Held, size: tuple[int, int] | None, channels: int) -> Array:
    """Return the pixels (C, H, W) uint8, upright, stretched to `size`."""
    pil = require("PIL.Image", "images", "reading image files")
    with opened(file) as image:
        flat = _eight_bits(pil, image).convert("L" if channels == 1 else "RGB")
        turn = UPRIGHT.get(_orientation(image))
        if turn is not None:
            flat = flat.transpose(pil.Transpose[turn])
        if size is not None and (flat.height, flat.width) != size:
            flat = flat.resize((size[1], size[0]), pil.Resampling.BILINEAR)
        pixels = np.asarray(flat).reshape(flat.height, flat.width, channels)
        return pixels.transpose(2, 0, 1).copy()


def _eight_bits(pil: Any, image: Any) -> Any:
    """Return an image without transparency and with at most 8 bits a channel."""
    if image.mode.startswith("I"):  # grey of 16 bits: Pillow would cut it off at 255
        return pil.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        paper = pil.new("RGBA", seen.size, "white")
        paper.alpha_composite(seen)
        return paper
    return image


def _orientation(image: Any) -> int:
    """Return the EXIF orientation, 1 (upright) where there is none or it cannot be read."""
    if image.format == "PNG":
        image.load()  # its EXIF block may stand behind the pixels, and they may be broken
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a camera's notes in disorder are no reason to refuse its picture
        return 1


@contextmanager
def opened(file: Path | io.BytesIO) -> Iterator[Any]:
    """Open an image that is small enough to decode; whatever fails inside is a DataError."""
    pil = require("PIL.Image", "images", "reading image files")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddities that do not change the pixels
            warnings.simplefilter("error", pil.DecompressionBombWarning)
            with pil.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise pil.DecompressionBombError
                yield image
    except (pil.DecompressionBombError, pil.DecompressionBombWarning) as error:
        raise DataError(
            f"{file} is too large: more than {MAX_PIXELS // 10**6} million pixels; make it smaller"
        ) from error
    except pil.UnidentifiedImageError as error:
        raise DataError(
            f"{file} is not an image that can be read ({', '.join(FORMATS)}); replace or remove it"
        ) from error
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise DataError(
            f"{file} is damaged and cannot be decoded ({error}); replace or remove it"
        ) from error
