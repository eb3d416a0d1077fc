"""What a column of a table is worth to a network: its cells are shuffled (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.explain.look.confusion import taken_for
from chainrule.explain.look.rows import Rows, rows_of
from chainrule.explain.look.seen import Seen, short
from chainrule.explain.look.still import given_by, still
from chainrule.explain.telling.waiting import waiting
from chainrule.nn.place import looks
from chainrule.nn.usual import are_classes
from chainrule.ops import Array
from chainrule.picture import Svg, bar_chart

__all__ = ["Importance", "importance"]


@dataclass(frozen=True)
class Importance(Seen):
    """What is lost when a column is shuffled.

    Attributes:
        losses: of each column the mean loss over the repeats: of accuracy, or how much larger the
            mean error is.
        deviations: of each column the standard deviation over the repeats.
        base: the accuracy, or mean error, when nothing is shuffled.
        classes: whether it is accuracy that is lost.
    """

    losses: Mapping[str, float]
    deviations: Mapping[str, float] = field(repr=False)
    base: float
    classes: bool

    @property
    def order(self) -> list[str]:
        """The columns, the one that is worth most first."""
        return sorted(self.losses, key=lambda name: -self.losses[name])

    def _drawn(self) -> Svg:
        scale = 100 if self.classes else 1
        what = f"accuracy lost, of {100 * self.base:.1f} %"
        if not self.classes:
            what = f"by how much the mean error of {short(self.base)} grows"
        return bar_chart(
            {name: scale * self.losses[name] for name in self.order},
            title="What is lost when a column is shuffled",
            x_label=what,
            told=_percent if self.classes else short,
            spreads={name: scale * self.deviations[name] for name in self.order},
        )


def _percent(points: float) -> str:
    return f"{points:.1f} %".replace("-", "−")


@looks
def importance(
    model: nn.Module, data: Any, *, repeats: int = 5, seed: int = 0, most: int | None = None
) -> Importance:
    """Return what each column of a table is worth: permutation importance.

    That of column j is the mean of s(X, y) - s(X', y), X' being X with the cells of column j in
    another order, and s the accuracy; of numbers it is the growth of the mean absolute error. A
    column may be worth nothing although it matters, when another one says the same.

    Args:
        model: gives a number for each class, or one number. It is left as it is.
        data: a pair (x, y), `Examples`, a `Dataset` or a `DataLoader`, x of shape (N, columns);
            examples that the model was not trained on.
        repeats: how often each column is shuffled.
        seed: of the orders.
        most: of more rows, this many taken evenly.

    Returns:
        `Importance`, drawn as bars.

    Raises:
        ShapeError: x is no table.
        OptionError: `repeats` is below 1.
        DataError: there are no answers, or answers outside the outputs of the model.

    References:
        Breiman, Random Forests, 2001, section 10.

    Examples:
        >>> from chainrule import nn
        >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype("f4")
        >>> found = importance(nn.Identity(), (x * [[1, 0]], (x[:, 0] < 0).astype(int)))
        >>> found.order, found.base, found.losses["x1"]
        (['x0', 'x1'], 1.0, 0.0)
    """
    if repeats < 1:
        raise OptionError(f"repeats must be at least 1, got {repeats}")
    rows = rows_of(data, most)
    if rows.x.ndim != 2:
        raise ShapeError(
            f"importance shuffles the columns of a table, (N, columns), got {rows.x.shape}; of "
            "images see saliency and integrated_gradients"
        )
    if rows.y is None:
        raise DataError("importance needs the answers: give a pair (x, y)")
    names = rows.column_names()
    losses = np.zeros((len(names), repeats))
    with still(model) as copied:
        base = _score(rows, given_by(copied, rows.x))
        for j in waiting(range(len(names)), "shuffling columns"):
            for r in range(repeats):
                losses[j, r] = base - _score(rows, given_by(copied, _shuffled(rows.x, j, seed, r)))
    classes = are_classes(rows.y)
    means, deviations = losses.mean(axis=1), losses.std(axis=1)
    return Importance(
        dict(zip(names, means.tolist())),
        dict(zip(names, deviations.tolist())),
        base if classes else -base,
        classes,
    )


def _shuffled(x: Array, column: int, seed: int, repeat: int) -> Array:
    order = np.random.default_rng([seed, repeat, column]).permutation(len(x))
    changed = x.copy()
    changed[:, column] = x[order, column]
    return changed


def _score(rows: Rows, outputs: Array) -> float:
    """The accuracy, or less the mean absolute error: more is better."""
    assert rows.y is not None
    if are_classes(rows.y):
        truth, guesses = taken_for(rows, outputs)
        return float(np.mean(truth == guesses))
    return -float(np.mean(np.abs(outputs - rows.y.reshape(outputs.shape))))
