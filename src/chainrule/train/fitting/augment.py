"""Batches of images changed at random on their way to a training step (floor 4).

Whatever takes a batch and returns one may stand in a run's `augment`; here is what is chosen by
name. Every image of a batch has chances of its own, drawn from one generator, so that a run that is
repeated or resumed sees the same images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.autograd import Generator, Tensor, from_numpy, no_grad, rand
from chainrule.errors import OptionError, ShapeError, chosen, kind_of
from chainrule.ops import Array

__all__ = ["CHANGES", "Augment", "AugmentImages", "augmented", "augmented_part"]

# From a batch of x to one as large.
Augment: TypeAlias = Callable[[Tensor], Tensor]

_ANGLE = 15.0  # degrees
_ZOOM = 0.15  # larger or smaller
_SHIFT = 0.1  # of a side

CHANGES = {
    "shift": "moved by up to a tenth of a side, by whole pixels",
    "rotate": "turned by up to 15 degrees",
    "zoom": "made larger or smaller by up to 15 %",
    "flip": "left and right exchanged, every second image",
}


class AugmentImages:
    """Change every image of a batch at random; what comes in from outside is as the edge is.

    Args:
        names: what is done: "shift", moved by up to a tenth of a side; "rotate", turned by up to 15
            degrees; "zoom", larger or smaller by up to 15 %; "flip", every second image from left
            to right.
        generator: where the chances come from; the default one if `None`.

    Raises:
        OptionError: there is none of that name, or none is given.

    Examples:
        >>> import chainrule as cr
        >>> flip = AugmentImages("flip", generator=cr.Generator(0))
        >>> x = cr.tensor([[[[1.0, 2.0, 3.0]]]] * 4)
        >>> flip(x)[:, 0, 0, 0]
        tensor([3., 1., 1., 3.])
    """

    def __init__(self, *names: str, generator: Generator | None = None) -> None:
        if not names:
            raise OptionError(f"AugmentImages takes names of what is done: {', '.join(CHANGES)}")
        for name in names:
            chosen("augmentation", name, CHANGES)
        self.names, self.generator = names, generator

    def __call__(self, x: Tensor) -> Tensor:
        """Return the images changed.

        Args:
            x: (N, C, H, W).

        Returns:
            As many of the same size; whole numbers become float32.

        Raises:
            ShapeError: `x` is no batch of images.
        """
        return self.part(x, len(x), slice(None))

    def part(self, x: Tensor, n: int, which: slice) -> Tensor:
        """Return some images of a batch as they would be changed with all the others.

        Args:
            x: these images, (n, C, H, W).
            n: how many the batch has.
            which: of its images these are.

        Raises:
            ShapeError: `x` is no batch of images.
        """
        if x.ndim != 4:
            raise ShapeError(f"images are changed in batches (N, C, H, W), got {tuple(x.shape)}")
        images = x.array if x.array.dtype.kind == "f" else x.array.astype(np.float32)
        maps = self._maps(n, *x.shape[1:])[which].astype(images.dtype)
        places = ops.affine_grid(maps, tuple(x.shape))
        return from_numpy(np.asarray(ops.grid_sample(images, places, padding_mode="border")))

    def _maps(self, n: int, _channels: int, height: int, width: int) -> Array:
        """For each image where its pixels come from, (N, 2, 3), a side going from -1 to 1."""
        angle = np.deg2rad(_ANGLE) * self._chance("rotate", n)
        zoom = 1 + _ZOOM * self._chance("zoom", n)
        flip = np.where(self._chance("flip", n) > 0, -1.0, 1.0)
        across, down = (
            2 * np.round(_SHIFT * side * self._chance("shift", n)) / side
            for side in (width, height)
        )
        cos, sin = np.cos(angle), np.sin(angle)
        # A turn of sides that both go from -1 to 1 would bend what is not square.
        x = [cos * zoom * flip, -sin * zoom * height / width, across]
        y = [sin * zoom * flip * width / height, cos * zoom, down]
        return np.moveaxis(np.array([x, y]), -1, 0)

    def _chance(self, name: str, n: int) -> Array:
        """A number from -1 to 1 for each image; 0 where that is not to be done."""
        if name not in self.names:
            return np.zeros(n)
        return np.asarray(2.0 * rand(n, generator=self.generator).array - 1.0, dtype=np.float64)


def augmented(augment: Augment, x: Tensor) -> Tensor:
    """Return what `augment` makes of a batch.

    Raises:
        OptionError: it is no batch of as many.
    """
    with no_grad():
        changed: Any = augment(x)
    if isinstance(changed, np.ndarray):
        changed = from_numpy(changed)
    if not isinstance(changed, Tensor) or changed.shape[:1] != x.shape[:1]:
        what = tuple(changed.shape) if isinstance(changed, Tensor) else kind_of(changed)
        raise OptionError(
            f"augment must return a batch of {len(x)} as it was given, it returned {what}"
        )
    return changed


def augmented_part(augment: Augment, x: Tensor, which: slice) -> Tensor:
    """Return some rows of what `augment` makes of a batch.

    Changes that look at each image alone are made of these images alone, with the chances that they
    have in the whole; any other may mix rows, and is given all of them.

    Args:
        augment: as `augmented` takes it.
        x: the whole batch.
        which: of its rows are wanted.
    """
    if isinstance(augment, AugmentImages):
        rows = from_numpy(np.ascontiguousarray(x.array[which]))
        return augmented(lambda own: augment.part(own, len(x), which), rows)
    return from_numpy(np.ascontiguousarray(augmented(augment, x).array[which]))
