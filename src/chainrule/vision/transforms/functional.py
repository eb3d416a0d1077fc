"""What the transforms do to one image, without chance (floor 3).

An image is Pillow's, or a tensor (..., C, H, W) or (..., H, W). Pillow works on its own; and on
tensors where pixels are interpolated, channel by channel, without a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, as_tensor, from_numpy
from chainrule.backend.arrays import to_host
from chainrule.errors import OptionError, ShapeError, require

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "erase",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "normalize",
    "pad",
    "pil_to_tensor",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


class InterpolationMode(Enum):
    """How pixels between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


def _pil(purpose: str = "working on images") -> Any:
    return require("PIL.Image", "images", purpose)


def _resampling(mode: Any) -> Any:
    """Pillow's word for a way to interpolate, which may be given as its number."""
    kinds = _pil().Resampling
    if isinstance(mode, InterpolationMode):
        return kinds[mode.value.partition("-")[0].upper()]
    return kinds(mode)


def _is_image(image: Any) -> bool:
    if isinstance(image, Tensor):
        return False
    if isinstance(image, _pil().Image):
        return True
    raise OptionError(
        f"an image is one of Pillow's or a tensor (C, H, W), got {type(image).__name__}; make one "
        "with ToPILImage() or ToTensor()"
    )


# --- between forms ------------------------------------------------------------------------------


def pil_to_tensor(pic: Any) -> Any:
    """Return an image of Pillow's as a tensor (C, H, W) of its own numbers.

    Raises:
        OptionError: it is none.
    """
    if not _is_image(pic):
        raise OptionError("pil_to_tensor takes an image of Pillow's, got a tensor")
    array = np.array(pic)
    array = array[:, :, None] if array.ndim == 2 else array  # (H, W, C)
    return from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0)))


def to_tensor(pic: Any) -> Any:
    """Return an image of Pillow's, or an array (H, W, C), as a tensor (C, H, W).

    Bytes become float32 from 0 to 1; other numbers stay as they are.

    Raises:
        ShapeError: an array that is no image.

    Examples:
        >>> to_tensor(np.full((2, 2, 1), 255, dtype=np.uint8)).tolist()
        [[[1.0, 1.0], [1.0, 1.0]]]
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ShapeError(f"an image is an array (H, W) or (H, W, C), got shape {pic.shape}")
        array = pic[:, :, None] if pic.ndim == 2 else pic
        found = from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0)))
    else:
        found = pil_to_tensor(pic)
        if pic.mode == "1":
            return found.float()
    return found.float() / 255 if found.dtype == np.uint8 else found


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """Return a tensor (C, H, W), or an array (H, W, C), as an image of Pillow's.

    Args:
        pic: floating-point numbers from 0 to 1, or bytes.
        mode: Pillow's word for the kind of image; by default by the number of channels.

    Raises:
        ShapeError: it is no image of 1, 3 or 4 channels.
    """
    pil = _pil()
    if isinstance(pic, Tensor):
        array = pic.detach().array
        array = np.moveaxis(array, 0, -1) if array.ndim == 3 else array
        if array.dtype.kind == "f":
            array = (array * 255).astype(np.uint8)
    else:
        array = np.asarray(pic)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[-1] not in (2, 3, 4)):
        raise ShapeError(f"an image has 1 to 4 channels, got shape {tuple(pic.shape)}")
    image = pil.fromarray(np.ascontiguousarray(array))
    return image if mode is None else image.convert(mode)


def convert_image_dtype(image: Any, dtype: Any = np.float32) -> Any:
    """Return a tensor in another format: 0 to 1 as fractions, 0 to the largest as whole numbers.

    Examples:
        >>> convert_image_dtype(from_numpy(np.array([0, 255], dtype=np.uint8))).tolist()
        [0.0, 1.0]
    """
    wanted, found = np.dtype(dtype), image.dtype
    if wanted == found:
        return image
    if wanted.kind == "f":
        top = 1 if found.kind == "f" else np.iinfo(found).max
        return image.to(wanted) / top if top > 1 else image.to(wanted)
    most = int(np.iinfo(wanted).max)
    if found.kind == "f":
        return (image * (most + 1 - 1e-3)).to(wanted)
    least = int(np.iinfo(found).max)
    if least > most:
        return (image // ((least + 1) // (most + 1))).to(wanted)
    return image.to(wanted) * ((most + 1) // (least + 1))


def normalize(
    tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Any:
    """Return (tensor - mean) / std, channel by channel.

    Args:
        tensor: (..., C, H, W), floating-point.
        mean: of each channel.
        std: of each channel.
        inplace: change the tensor itself.

    Raises:
        OptionError: the tensor holds whole numbers, or a standard deviation is 0.
    """
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        raise OptionError(
            "normalize takes a tensor of floating-point numbers; put ToTensor() before it"
        )
    centre, width = (np.asarray(v, dtype=tensor.dtype).reshape(-1, 1, 1) for v in (mean, std))
    if (width == 0).any():
        raise OptionError("normalize divides by std, which is 0")
    less, by = (from_numpy(v).to(tensor.device) for v in (centre, width))
    return tensor.sub_(less).div_(by) if inplace else (tensor - less) / by


def get_dimensions(image: Any) -> list[int]:
    """Return channels, height and width."""
    if _is_image(image):
        return [len(image.getbands()), image.height, image.width]
    channels = image.shape[-3] if image.ndim > 2 else 1
    return [int(channels), int(image.shape[-2]), int(image.shape[-1])]


def get_image_size(image: Any) -> list[int]:
    """Return width and height."""
    return get_dimensions(image)[:0:-1]


# --- cutting and turning ------------------------------------------------------------------------


def hflip(image: Any) -> Any:
    """Return the image with left and right exchanged."""
    if _is_image(image):
        return image.transpose(_pil().Transpose.FLIP_LEFT_RIGHT)
    return ops.flip(image, (-1,))


def vflip(image: Any) -> Any:
    """Return the image upside down."""
    if _is_image(image):
        return image.transpose(_pil().Transpose.FLIP_TOP_BOTTOM)
    return ops.flip(image, (-2,))


def crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    """Return a part of the image; what lies outside is 0."""
    if _is_image(image):
        return image.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(image)
    edges = [max(-left, 0), max(-top, 0), max(left + width - w, 0), max(top + height - h, 0)]
    if any(edges):
        image = pad(image, edges)
    top, left = max(top, 0), max(left, 0)
    return image[..., top : top + height, left : left + width]


def center_crop(image: Any, output_size: int | Sequence[int]) -> Any:
    """Return the middle of the image; of one that is smaller, with 0 around it."""
    height, width = _pair(output_size)
    _, h, w = get_dimensions(image)
    if h < height or w < width:
        high, wide = max(height - h, 0), max(width - w, 0)
        image = pad(image, [wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2])
        _, h, w = get_dimensions(image)
    return crop(image, round((h - height) / 2), round((w - width) / 2), height, width)


def pad(
    image: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
) -> Any:
    """Return the image with a border.

    Args:
        image: the image.
        padding: pixels: one number, those left and right and above and below, or left, above,
            right, below.
        fill: the border's brightness, or colour.
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    Raises:
        OptionError: another word, or another number of numbers.
    """
    modes = ("constant", "edge", "reflect", "symmetric")
    if padding_mode not in modes:
        raise OptionError(f"padding_mode is one of {', '.join(modes)}, got {padding_mode!r}")
    left, top, right, bottom = _edges(padding)
    if _is_image(image):
        if padding_mode == "constant":
            operations = require("PIL.ImageOps", "images", "working on images")
            return operations.expand(
                image, border=(left, top, right, bottom), fill=_colour(image, fill)
            )
        array = np.asarray(image)
        widths = ((top, bottom), (left, right), (0, 0))[: array.ndim]
        return _pil().fromarray(np.pad(array, widths, mode=padding_mode))  # type: ignore[call-overload]
    widths = ((0, 0),) * (image.ndim - 2) + ((top, bottom), (left, right))
    if padding_mode == "constant":
        return from_numpy(np.pad(image.array, widths, constant_values=fill))
    return from_numpy(np.pad(image.array, widths, mode=padding_mode))  # type: ignore[call-overload]


def _colour(image: Any, fill: Any) -> Any:
    """`fill` as Pillow wants it for this image."""
    if isinstance(fill, (int, float)) and len(image.getbands()) > 1:
        return (int(fill),) * len(image.getbands())
    return fill


def _edges(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    each = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(each) not in (1, 2, 4):
        raise OptionError(f"padding is 1, 2 or 4 numbers, got {len(each)}")
    left, top, right, bottom = (each * 4)[:4]
    return left, top, right, bottom


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width, which may be given as one number."""
    each = (size,) if isinstance(size, int) else tuple(size)
    if len(each) not in (1, 2) or min(each) < 1:
        raise OptionError(f"a size is one or two numbers above 0, got {size}")
    return int(each[0]), int(each[-1])


# --- with interpolation -------------------------------------------------------------------------


def _by_channel(image: Any, change: Callable[[Any], Any]) -> Any:
    """A tensor with every channel changed by Pillow, as floating-point numbers."""
    array = to_host(image.detach().array)
    flat = array.reshape(-1, *array.shape[-2:]).astype(np.float32)
    changed = np.stack([np.asarray(change(_pil().fromarray(channel))) for channel in flat])
    if array.dtype.kind != "f":
        info = np.iinfo(array.dtype)
        changed = np.clip(np.rint(changed), info.min, info.max)
    shape = *array.shape[:-2], *changed.shape[-2:]
    return from_numpy(changed.reshape(shape).astype(array.dtype)).to(image.device)


def resize(
    image: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool = True,
) -> Any:
    """Return the image in another size.

    Args:
        image: the image.
        size: height and width; one number: of the shorter side, the other in proportion.
        interpolation: how pixels between pixels are found.
        max_size: the longer side's limit where the shorter is given.
        antialias: for torchvision's sake; a smaller image is always averaged, as Pillow does it.

    Raises:
        OptionError: a size that is no size.
    """
    _, height, width = get_dimensions(image)
    if isinstance(size, int) or len(size) == 1:
        short = _pair(size)[0]
        scale = short / min(height, width)
        if max_size is not None and max(height, width) * scale > max_size:
            wanted = [int(max_size * v / max(height, width)) for v in (height, width)]
        else:
            long = int(short * max(height, width) / min(height, width))
            wanted = [short, long] if height <= width else [long, short]
    else:
        wanted = list(_pair(size))
    if wanted == [height, width]:
        return image
    to, how = (wanted[1], wanted[0]), _resampling(interpolation)
    if _is_image(image):
        return image.resize(to, how)
    return _by_channel(image, lambda channel: channel.resize(to, how))


def resized_crop(
    image: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool = True,
) -> Any:
    """Return a part of the image in another size."""
    return resize(crop(image, top, left, height, width), _pair(size), interpolation)


def rotate(
    image: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = 0,
) -> Any:
    """Return the image turned to the left.

    Args:
        image: the image.
        angle: in degrees.
        interpolation: how pixels between pixels are found.
        expand: make the image large enough for all of what was turned.
        center: about which point, (x, y); by default the middle.
        fill: the brightness, or colour, of what comes from outside.
    """
    how = _resampling(interpolation)
    if _is_image(image):
        return image.rotate(angle, how, expand, center, fillcolor=_colour(image, fill))
    return _by_channel(image, lambda c: c.rotate(angle, how, expand, center, fillcolor=fill))


# --- colours ------------------------------------------------------------------------------------


def rgb_to_grayscale(image: Any, num_output_channels: int = 1) -> Any:
    """Return the image in shades of grey, 0.2989 red + 0.587 green + 0.114 blue.

    Args:
        image: the image.
        num_output_channels: 1 or 3.

    Raises:
        OptionError: another number of channels.
    """
    if num_output_channels not in (1, 3):
        raise OptionError(f"num_output_channels is 1 or 3, got {num_output_channels}")
    if _is_image(image):
        grey = image.convert("L")
        return grey if num_output_channels == 1 else _pil().merge("RGB", [grey] * 3)
    grey = _grey(image)
    return ops.cat([grey] * 3, -3) if num_output_channels == 3 else grey


to_grayscale = rgb_to_grayscale


def _grey(image: Any) -> Any:
    if get_dimensions(image)[0] == 1:
        return image
    red, green, blue = (image[..., i : i + 1, :, :] for i in range(3))
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(image.dtype)


def _blended(image: Any, other: Any, factor: float) -> Any:
    top = 1.0 if image.is_floating_point() else float(np.iinfo(image.dtype).max)
    mixed = image * factor + other * (1.0 - factor)
    return mixed.clamp(0, top).to(image.dtype)


def _enhanced(image: Any, kind: str, factor: float) -> Any:
    enhance = require("PIL.ImageEnhance", "images", "working on images")
    return getattr(enhance, kind)(image).enhance(factor)


def adjust_brightness(image: Any, brightness_factor: float) -> Any:
    """Return the image brighter or darker: 0 is black, 1 as it is."""
    if _is_image(image):
        return _enhanced(image, "Brightness", brightness_factor)
    return _blended(image, 0.0, brightness_factor)


def adjust_contrast(image: Any, contrast_factor: float) -> Any:
    """Return the image with more or less contrast: 0 is grey, 1 as it is."""
    if _is_image(image):
        return _enhanced(image, "Contrast", contrast_factor)
    mean = _grey(image).to(np.float32).mean((-3, -2, -1), keepdim=True)
    return _blended(image, mean if image.is_floating_point() else mean.floor(), contrast_factor)


def adjust_saturation(image: Any, saturation_factor: float) -> Any:
    """Return the image with more or less colour: 0 is none, 1 as it is."""
    if _is_image(image):
        return _enhanced(image, "Color", saturation_factor)
    return _blended(image, _grey(image), saturation_factor)


def adjust_hue(image: Any, hue_factor: float) -> Any:
    """Return the image with its colours moved round the circle of hues.

    Args:
        image: of three channels, or a grey one, which stays as it is; a tensor goes by way of
            bytes.
        hue_factor: how far, from -0.5 to 0.5.

    Raises:
        OptionError: a factor outside of that.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise OptionError(f"hue_factor must be from -0.5 to 0.5, got {hue_factor}")
    if get_dimensions(image)[0] == 1:
        return image
    if not _is_image(image):
        turned = pil_to_tensor(adjust_hue(to_pil_image(image), hue_factor))
        return convert_image_dtype(turned, image.dtype)
    hue, saturation, value = image.convert("HSV").split()
    moved = np.asarray(hue) + np.uint8(round(hue_factor * 255) % 256)  # round the circle
    turned = _pil().merge("HSV", (_pil().fromarray(moved), saturation, value))
    return turned.convert(image.mode)


def erase(image: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """Return a tensor with a rectangle in it replaced by `v`.

    Args:
        image: (..., C, H, W).
        i: the rectangle's top.
        j: its left.
        h: its height.
        w: its width.
        v: the value, or values that broadcast to it.
        inplace: change the tensor itself.
    """
    out = image if inplace else image.clone()
    out[..., i : i + h, j : j + w] = as_tensor(v, dtype=image.dtype)
    return out
