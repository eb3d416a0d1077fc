"""The digits to train on and to test with, read once for all experiments of a process (floor 5)."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from chainrule import data as sources
from chainrule import nn
from chainrule.data import Examples
from chainrule.ops import Array
from chainrule.train.job.models import scaling

__all__ = ["HELD_OUT", "SAMPLE", "SPLIT", "Digital", "digital", "shifted"]

HELD_OUT, SPLIT = 0.2, 0  # of the small digits: the share, and the seed of its draw
SAMPLE = 2000  # images at most that figures are made of, of training and of test images each

_reading = threading.Lock()


class Digital(NamedTuple):
    """Images with their digits, and what figures are made of.

    Attributes:
        train: what is trained on, images (N, 1, H, W) of bytes.
        test: what is not.
        known: some of those trained on, evenly taken,
        unknown: and some of those not.
        mean: of all pixels that are trained on,
        std: and their deviation.
    """

    train: Examples
    test: Examples
    known: Examples
    unknown: Examples
    mean: float
    std: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image."""
        height, width = self.train.x.shape[2:]
        return height, width

    @property
    def levels(self) -> float:
        """The value of full ink."""
        return self.train.levels or 1.0

    def normalize(self) -> nn.Normalize:
        """Return a layer that gives the training images mean 0 and deviation 1."""
        return nn.Normalize(self.mean, self.std)


def digital(name: str) -> Digital:
    """Return a set of digits, the same object every time.

    Args:
        name: "digits", which come with the package, or "mnist".

    Raises:
        DataError: it is not on this machine and cannot be had; the sentence says where it belongs.

    Examples:
        >>> digital("digits").train
        Examples('digits': 1,438 images 1x8x8, 10 classes)
    """
    with _reading:  # two pages that open at once read it once
        return _read(name)


@lru_cache(maxsize=2)
def _read(name: str) -> Digital:
    whole: Examples = {"digits": sources.digits, "mnist": sources.mnist}[name]()
    if whole.test is None:
        train, test = whole.split(HELD_OUT, SPLIT)
    else:
        train, test = whole, whole.test
    scale = scaling(train.x)
    mean, std = scale.mean.item(), scale.std.item()
    return Digital(train, test, _some(train), _some(test), mean, std)


def _some(examples: Examples) -> Examples:
    """Return an even sample, or all if they are few."""
    return examples.take(np.arange(0, len(examples), max(1, len(examples) // SAMPLE))[:SAMPLE])


def shifted(images: Array, by: Array) -> Array:
    """Return images moved by whole pixels; what comes in is empty.

    Args:
        images: (N, 1, H, W).
        by: (N, 2), pixels down and to the right, whole numbers.

    Examples:
        >>> shifted(np.array([[[[1, 2], [3, 4]]]]), np.array([[1, 0]])).tolist()
        [[[[0, 0], [1, 2]]]]
    """
    height, width = images.shape[2:]
    far = int(np.abs(by).max(initial=0))
    wide = np.pad(images, [(0, 0), (0, 0), (far, far), (far, far)])
    result = np.empty_like(images)
    for down, right in np.unique(by, axis=0).tolist():
        those = np.flatnonzero((by == (down, right)).all(axis=1))
        top, left = far - down, far - right
        result[those] = wide[those, :, top : top + height, left : left + width]
    return result
