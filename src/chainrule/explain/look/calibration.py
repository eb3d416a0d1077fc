"""Whether a network is as often right as it says it is (floor 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import OptionError
from chainrule.explain.look.chances import chances
from chainrule.explain.look.confusion import taken_for
from chainrule.explain.look.rows import Rows, rows_of
from chainrule.explain.look.seen import Seen
from chainrule.explain.look.still import outputs_of
from chainrule.nn.place import looks
from chainrule.ops import Array
from chainrule.picture import Svg, reliability_chart

__all__ = ["Calibration", "calibrated", "calibration"]


@dataclass(frozen=True)
class Calibration(Seen):
    """How sure a network is, and how often it is right, by groups of answers.

    Attributes:
        confidence: `(B,)`, of each group the mean probability of the class that is given; NaN where
            a group is empty.
        accuracy: `(B,)`, the share of right answers.
        counts: `(B,)`, how many there are.
    """

    confidence: Array = field(repr=False)
    accuracy: Array = field(repr=False)
    counts: Array

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of sureness from being right."""
        shares = self.counts / max(self.counts.sum(), 1)
        return float(np.nansum(shares * np.abs(self.confidence - self.accuracy)))

    @property
    def lean(self) -> float:
        """By how much it is surer than it is right; below 0, the other way."""
        shares = self.counts / max(self.counts.sum(), 1)
        return float(np.nansum(shares * (self.confidence - self.accuracy)))

    def _drawn(self) -> Svg:
        return reliability_chart(
            self.confidence.tolist(),
            self.accuracy.tolist(),
            self.counts.tolist(),
            title=f"Expected calibration error {100 * self.error:.1f} %",
        )


@looks
def calibration(model: nn.Module, data: Any, *, bins: int = 10) -> Calibration:
    """Return how sure a network is of its classes, beside how often it is right.

    The expected calibration error is the sum of n_b / N * |accuracy_b - confidence_b| over groups b
    of answers that are about equally sure.

    Args:
        model: gives a number for each class, in front of a softmax; or one, in front of a sigmoid.
            It is left as it is.
        data: a pair (x, y), `Examples`, a `Dataset` or a `DataLoader`; y are class numbers.
        bins: groups of equal width, from 0 to 1.

    Raises:
        OptionError: `bins` is below 1.
        DataError: the answers are no class numbers, or outside the outputs of the model.

    References:
        Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017.

    Examples:
        >>> from chainrule import nn
        >>> scores = np.array([[5.0, 0.0], [5.0, 0.0], [0.0, 5.0], [0.0, 5.0]], dtype=np.float32)
        >>> found = calibration(nn.Identity(), (scores, np.array([0, 1, 1, 1])))
        >>> round(found.error, 3), round(found.lean, 3), found.counts.tolist()[-1]
        (0.243, 0.243, 4)
    """
    rows = rows_of(data)
    return calibrated(rows, outputs_of(model, rows.x), bins)


def calibrated(rows: Rows, outputs: Array, bins: int = 10) -> Calibration:
    """Return the same where the outputs are there already.

    Args:
        rows: with their answers.
        outputs: of a network for them, `(N, K)`.
        bins: groups.
    """
    if bins < 1:
        raise OptionError(f"bins must be at least 1, got {bins}")
    truth, guesses = taken_for(rows, outputs)
    sure = chances(outputs).max(axis=1).astype(np.float64)
    group = np.minimum((sure * bins).astype(np.int64), bins - 1)
    counts = np.bincount(group, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(group, sure, bins) / counts
        accuracy = np.bincount(group, truth == guesses, bins) / counts
    return Calibration(confidence, accuracy, counts)
