"""Transforms without chance (floor 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError
from chainrule.vision.transforms import functional as F

__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "Transform",
]


class Transform:
    """What all transforms are: called with an image, and shown by their arguments."""

    def __call__(self, img: Any) -> Any:
        return self.forward(img)

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, img); write one")

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({', '.join(shown)})"


class Compose:
    """Transforms one after another.

    Args:
        transforms: any functions of one thing.

    Examples:
        >>> Compose([abs, float])(-1)
        1.0
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"Compose({lines}\n)"


class ToTensor(Transform):
    """An image, or an array (H, W, C), as a tensor (C, H, W): bytes as fractions of 255."""

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.to_tensor(img)


class PILToTensor(Transform):
    """An image as a tensor (C, H, W) of its own numbers."""

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.pil_to_tensor(img)


class ConvertImageDtype(Transform):
    """A tensor in another format, its numbers scaled to what that means.

    Args:
        dtype: the format.
    """

    def __init__(self, dtype: Any = np.float32) -> None:
        self.dtype = dtype

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.convert_image_dtype(img, self.dtype)


class ToPILImage(Transform):
    """A tensor (C, H, W), or an array (H, W, C), as an image of Pillow's.

    Args:
        mode: Pillow's word for the kind of image; by default by the number of channels.
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.to_pil_image(img, self.mode)


class Normalize(Transform):
    """(x - mean) / std, channel by channel.

    Args:
        mean: of each channel.
        std: of each channel.
        inplace: change the tensor itself.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.normalize(img, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Resize(Transform):
    """The image in another size.

    Args:
        size: height and width; one number: of the shorter side, the other in proportion.
        interpolation: how pixels between pixels are found.
        max_size: the longer side's limit where the shorter is given.
        antialias: for torchvision's sake; a smaller image is always averaged.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = F.InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.resize(img, self.size, self.interpolation, self.max_size)


class CenterCrop(Transform):
    """The middle of the image.

    Args:
        size: height and width, or one number for both.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = size

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.center_crop(img, self.size)


class Pad(Transform):
    """The image with a border.

    Args:
        padding: pixels: one number, those left and right and above and below, or left, above,
            right, below.
        fill: the border's brightness, or colour.
        padding_mode: "constant", "edge", "reflect" or "symmetric".
    """

    def __init__(
        self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
    ) -> None:
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class Grayscale(Transform):
    """The image in shades of grey.

    Args:
        num_output_channels: 1 or 3.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.rgb_to_grayscale(img, self.num_output_channels)


class Lambda(Transform):
    """A person's own function.

    Args:
        lambd: of one image.

    Raises:
        OptionError: it cannot be called.
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise OptionError(f"Lambda takes a function, got {lambd!r}")
        self.lambd = lambd

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"
