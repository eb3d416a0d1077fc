"""What a classifier of two classes gains and loses as its threshold moves (floor 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import DataError
from chainrule.explain.look.chances import chances
from chainrule.explain.look.confusion import taken_for
from chainrule.explain.look.rows import Rows, rows_of
from chainrule.explain.look.seen import Seen
from chainrule.explain.look.still import outputs_of
from chainrule.nn.place import looks
from chainrule.ops import Array
from chainrule.picture import Svg, line_chart, stacked

__all__ = ["Roc", "roc", "roc_of"]


@dataclass(frozen=True)
class Roc(Seen):
    """The rates at each threshold, from the highest down.

    Attributes:
        thresholds: `(T,)`, probabilities; an answer is the second class from there on.
        false_positive: `(T + 1,)`, the share of the first class that is taken for the second; it
            begins at 0, where none is.
        true_positive: `(T + 1,)`, the share of the second class that is found: the recall.
        precision: `(T,)`, of what is taken for the second class, how much is it.
        share: of the second class among the rows.
        positive: the name of the second class.
    """

    thresholds: Array = field(repr=False)
    false_positive: Array = field(repr=False)
    true_positive: Array = field(repr=False)
    precision: Array = field(repr=False)
    share: float
    positive: str

    @property
    def area(self) -> float:
        """The area under the curve: how often a row of the second class gets more than another."""
        return float(np.trapezoid(self.true_positive, self.false_positive))

    @property
    def average_precision(self) -> float:
        """The mean of the precision, each weighed by how much recall it brings."""
        return float(np.sum(np.diff(self.true_positive) * self.precision))

    def _drawn(self) -> Svg:
        chance = np.array([(0.0, 0.0), (1.0, 1.0)])
        curve = np.stack([self.false_positive, self.true_positive], axis=1)
        found = np.stack([self.true_positive[1:], self.precision], axis=1)
        base = np.array([(0.0, self.share), (1.0, self.share)])
        return stacked(
            [
                line_chart(
                    {"network": curve, "chance": chance},
                    title=f"ROC, area {self.area:.3f}",
                    x_label="share of the others taken for it",
                    y_label=f"share of {self.positive} that is found",
                    y_format="%",
                    width=400,
                    height=340,
                ),
                line_chart(
                    {"network": found, "chance": base},
                    title=f"Precision and recall, mean {self.average_precision:.3f}",
                    x_label=f"share of {self.positive} that is found",
                    y_label="share of what is given that is right",
                    y_format="%",
                    width=400,
                    height=340,
                ),
            ],
            across=True,
        )


@looks
def roc(model: nn.Module, data: Any) -> Roc:
    """Return what a classifier of two classes gains and loses as its threshold moves.

    Args:
        model: gives two numbers in front of a softmax, or one in front of a sigmoid. It is left as
            it is.
        data: a pair (x, y), `Examples`, a `Dataset` or a `DataLoader`; y are 0 and 1.

    Raises:
        DataError: there are not two classes, or only one of them is there.

    References:
        Fawcett, An Introduction to ROC Analysis, 2006.

    Examples:
        >>> from chainrule import nn
        >>> scores = np.array([[0.1], [0.4], [0.35], [0.8]], dtype=np.float32)
        >>> found = roc(nn.Identity(), (scores, np.array([0, 0, 1, 1])))
        >>> found.area, round(found.average_precision, 3)
        (0.75, 0.833)
    """
    rows = rows_of(data)
    return roc_of(rows, outputs_of(model, rows.x))


def roc_of(rows: Rows, outputs: Array) -> Roc:
    """Return the same where the outputs are there already.

    Args:
        rows: with their answers.
        outputs: of a network for them, `(N, 1)` or `(N, 2)`.
    """
    truth, _ = taken_for(rows, outputs)
    sums = int(truth.sum())
    if outputs.shape[1] > 2 or not 0 < sums < len(truth):
        raise DataError(
            "a ROC curve is of two classes, both of them among the answers; there are "
            f"{max(outputs.shape[1], 2)} classes, {len(np.unique(truth))} of them among the answers"
        )
    sure = chances(outputs)[:, 1]
    order = np.argsort(-sure, kind="stable")
    last = np.append(np.flatnonzero(np.diff(sure[order])), len(sure) - 1)  # of those that are equal
    hits = np.cumsum(truth[order])[last]
    taken = last + 1
    return Roc(
        sure[order][last],
        np.append(0.0, (taken - hits) / (len(truth) - sums)),
        np.append(0.0, hits / sums),
        hits / taken,
        sums / len(truth),
        rows.class_name(1),
    )
