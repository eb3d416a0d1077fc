"""Transforms with chance, drawn from the default generator (floor 3)."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.autograd import rand, randint, randn, randperm
from chainrule.errors import OptionError
from chainrule.vision.transforms import functional as F
from chainrule.vision.transforms.fixed import Compose, Transform

__all__ = [
    "ColorJitter",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
]


def _happens(p: float) -> bool:
    return bool(rand(1).item() < p)


def _between(low: float, high: float) -> float:
    return float(low + (high - low) * rand(1).item())


def _below(count: int) -> int:
    return int(randint(0, count, (1,)).item())


class Sometimes(Transform):
    """What is done with probability p, and else not.

    Args:
        p: the probability.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, img: Any) -> Any:
        """Return the image changed, or as it is."""
        return self.change(img) if _happens(self.p) else img

    def change(self, img: Any) -> Any:
        """Return the image changed."""
        raise NotImplementedError(f"{type(self).__name__} has no change(self, img); write one")


class RandomHorizontalFlip(Sometimes):
    """Left and right exchanged, with probability p."""

    def change(self, img: Any) -> Any:
        """Return the image changed."""
        return F.hflip(img)


class RandomVerticalFlip(Sometimes):
    """Upside down, with probability p."""

    def change(self, img: Any) -> Any:
        """Return the image changed."""
        return F.vflip(img)


class RandomGrayscale(Sometimes):
    """Without colour, of as many channels, with probability p.

    Args:
        p: the probability.
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, img: Any) -> Any:
        """Return the image changed."""
        return F.rgb_to_grayscale(img, F.get_dimensions(img)[0])


class RandomApply(Sometimes):
    """Other transforms, all of them with probability p.

    Args:
        transforms: one after another.
        p: the probability.
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        super().__init__(p)
        self.transforms = transforms

    def change(self, img: Any) -> Any:
        """Return the image changed."""
        return Compose(self.transforms)(img)


class RandomOrder(Transform):
    """Other transforms, in any order.

    Args:
        transforms: the transforms.
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        order = randperm(len(self.transforms)).tolist()
        return Compose([self.transforms[i] for i in order])(img)


class RandomChoice(Transform):
    """One of other transforms.

    Args:
        transforms: the transforms.
        p: how likely each is; by default all alike.
    """

    def __init__(
        self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None
    ) -> None:
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        shares = self.p or [1.0] * len(self.transforms)
        ends = list(itertools.accumulate(shares))
        which = bisect.bisect_right(ends, _between(0, ends[-1]), hi=len(ends) - 1)
        return self.transforms[which](img)


class RandomCrop(Transform):
    """Any part of the image of a certain size.

    Args:
        size: height and width, or one number for both.
        padding: a border to put round it first.
        pad_if_needed: put one round an image that is too small.
        fill: the border's brightness, or colour.
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    Raises:
        OptionError: the image is smaller than the part.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = F._pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        high, wide = self.size
        _, h, w = F.get_dimensions(img)
        if self.pad_if_needed and (h < high or w < wide):
            border = [max(wide - w, 0), max(high - h, 0)]
            img = F.pad(img, border, self.fill, self.padding_mode)
            _, h, w = F.get_dimensions(img)
        if h < high or w < wide:
            raise OptionError(
                f"RandomCrop takes {high} by {wide} pixels out of an image of {h} by {w}; give "
                "padding= or pad_if_needed=True"
            )
        return F.crop(img, _below(h - high + 1), _below(w - wide + 1), high, wide)


class RandomResizedCrop(Transform):
    """Any part of the image, of any shape within limits, in a certain size.

    Args:
        size: height and width, or one number for both.
        scale: the share of the image's area, from and to.
        ratio: width over height, from and to.
        interpolation: how pixels between pixels are found.
        antialias: for torchvision's sake; a smaller image is always averaged.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: Any = F.InterpolationMode.BILINEAR,
        antialias: bool = True,
    ) -> None:
        self.size = F._pair(size)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        return F.resized_crop(img, *self._part(img), self.size, self.interpolation)

    def _part(self, img: Any) -> tuple[int, int, int, int]:
        """Top, left, height and width: ten tries, then the largest middle within the ratio."""
        _, h, w = F.get_dimensions(img)
        for _ in range(10):
            area = h * w * _between(*self.scale)
            ratio = math.exp(_between(math.log(self.ratio[0]), math.log(self.ratio[1])))
            wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < wide <= w and 0 < high <= h:
                return _below(h - high + 1), _below(w - wide + 1), high, wide
        high = min(h, round(w / self.ratio[0]))
        wide = min(w, round(h * self.ratio[1]))
        return (h - high) // 2, (w - wide) // 2, high, wide


class RandomRotation(Transform):
    """Turned by any angle within limits.

    Args:
        degrees: from and to, or one number: from minus to plus it.
        interpolation: how pixels between pixels are found.
        expand: make the image large enough for all of what was turned.
        center: about which point, (x, y); by default the middle.
        fill: the brightness, or colour, of what comes from outside.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = F.InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        self.degrees = (-degrees, degrees) if isinstance(degrees, (int, float)) else tuple(degrees)
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = fill

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        angle = _between(*self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by chance, in any order.

    Args:
        brightness: the factor lies within 1 - it and 1 + it, or from and to.
        contrast: likewise.
        saturation: likewise.
        hue: the shift lies within -it and it, or from and to.
    """

    def __init__(
        self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0
    ) -> None:
        self.brightness = _limits(brightness, 1.0)
        self.contrast = _limits(contrast, 1.0)
        self.saturation = _limits(saturation, 1.0)
        self.hue = _limits(hue, 0.0)

    def forward(self, img: Any) -> Any:
        """Return the image changed."""
        changes = [
            (F.adjust_brightness, self.brightness),
            (F.adjust_contrast, self.contrast),
            (F.adjust_saturation, self.saturation),
            (F.adjust_hue, self.hue),
        ]
        for i in randperm(4).tolist():
            change, limits = changes[i]
            if limits is not None:
                img = change(img, _between(*limits))
        return img


def _limits(value: Any, middle: float) -> tuple[float, float] | None:
    """From and to, which may be given as one distance from the middle; None for no change."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise OptionError(f"ColorJitter takes numbers of 0 or more, got {value}")
        value = (max(middle - value, 0.0) if middle else -value, middle + value)
    low, high = value
    return None if low == high == middle else (float(low), float(high))


class RandomErasing(Sometimes):
    """A rectangle of a tensor replaced, with probability p.

    Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, "Random erasing data augmentation", 2017.

    Args:
        p: the probability.
        scale: the share of the image's area, from and to.
        ratio: height over width, from and to.
        value: what it is replaced by: a number, one for each channel, or "random".
        inplace: change the tensor itself.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p)
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    def change(self, img: Any) -> Any:
        """Return the image changed."""
        channels, h, w = F.get_dimensions(img)
        for _ in range(10):
            area = h * w * _between(*self.scale)
            ratio = math.exp(_between(math.log(self.ratio[0]), math.log(self.ratio[1])))
            high, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < high < h and 0 < wide < w:
                top, left = _below(h - high + 1), _below(w - wide + 1)
                value = self._filling((channels, high, wide))
                return F.erase(img, top, left, high, wide, value, self.inplace)
        return img

    def _filling(self, shape: tuple[int, int, int]) -> Any:
        if self.value == "random":
            return randn(*shape)
        if isinstance(self.value, (int, float)):
            return float(self.value)
        return [[[float(v)]] for v in self.value]
