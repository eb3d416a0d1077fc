"""How well digits are read: loss, accuracy, what is taken for what, the worst mistakes (floor 5).

Made on fixed samples of training and test images, so that they are soon made and of one kind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule.autograd import Tensor, from_numpy, no_grad
from chainrule.data import Examples
from chainrule.explain.look.chances import chances
from chainrule.explain.look.confusion import counted
from chainrule.nn import functional
from chainrule.ops import Array
from chainrule.playground.engine.digits.data import Digital
from chainrule.playground.engine.digits.network import CLASSES, Network
from chainrule.train import compile

__all__ = ["Figures", "Judge", "Wrong"]

_AT_ONCE = 250  # images
_MOST_WRONG = 24


class Wrong(NamedTuple):
    """Test images that were taken for another digit, the surest first.

    Attributes:
        images: (M, H, W) bytes, 255 for full ink.
        truth: (M,), the digits,
        said: (M,), and what they were taken for,
        chance: (M,), with the probability of that.
        rows: (M,), of the sample that they are in.
    """

    images: Array
    truth: Array
    said: Array
    chance: Array
    rows: Array


class Figures(NamedTuple):
    """How well digits are read at a moment.

    Attributes:
        loss: mean cross-entropy of training and test images,
        accuracy: and the shares that are read right.
        confusion: (10, 10), rows for what test images are, columns for what was said.
        wrong: the worst.
    """

    loss: tuple[float, float]
    accuracy: tuple[float, float]
    confusion: Array
    wrong: Wrong


class Judge:
    """Reads the samples.

    Args:
        network: as it is at the time.
        data: where the samples are.
    """

    def __init__(self, network: Network, data: Digital) -> None:
        still = network.still

        def scores(x: Tensor) -> Tensor:
            with no_grad():
                y: Tensor = still(x)
                return y

        self._scores = compile(scores)
        self._data = data

    def judge(self) -> Figures:
        """Return how well digits are read now."""
        known, unknown = self._data.known, self._data.unknown
        of_known, of_unknown = self.scores_of(known.x), self.scores_of(unknown.x)
        said = of_unknown.argmax(axis=1)
        losses = _loss(of_known, known), _loss(of_unknown, unknown)
        right = of_known.argmax(axis=1) == known.y, said == unknown.y
        confusion = counted(unknown.y, said, CLASSES).astype(np.int32)
        wrong = self._wrong(chances(of_unknown), said)
        return Figures(losses, (float(right[0].mean()), float(right[1].mean())), confusion, wrong)

    def scores_of(self, x: Array) -> Array:
        """Return the scores of images, (N, 10).

        Args:
            x: (N, 1, H, W) bytes.
        """
        parts = [
            self._scores(from_numpy(x[i : i + _AT_ONCE])).array for i in range(0, len(x), _AT_ONCE)
        ]
        return np.concatenate(parts)

    def _wrong(self, shares: Array, said: Array) -> Wrong:
        examples = self._data.unknown
        rows = np.flatnonzero(said != examples.y)
        sure = shares[rows, said[rows]]
        order = np.argsort(-sure, kind="stable")[:_MOST_WRONG]
        worst = rows[order]
        return Wrong(
            inked(examples.x[worst, 0], self._data.levels),
            examples.y[worst].astype(np.int32),
            said[worst].astype(np.int32),
            sure[order].astype(np.float32),
            worst.astype(np.int32),
        )


def inked(images: Array, levels: float) -> Array:
    """Return images as bytes, 255 for full ink.

    Examples:
        >>> inked(np.array([0, 8, 16]), 16).tolist()
        [0, 128, 255]
    """
    return np.rint(images * (255.0 / levels)).astype(np.uint8)


def _loss(scores: Array, examples: Examples) -> float:
    with no_grad():
        loss: Tensor = functional.cross_entropy(from_numpy(scores), from_numpy(examples.y))
    return loss.item()
