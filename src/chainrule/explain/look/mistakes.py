"""The examples that a network gets most wrong (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.data import Examples
from chainrule.explain.look.chances import chances
from chainrule.explain.look.confusion import taken_for
from chainrule.explain.look.rows import Rows, pixels_of, rows_of
from chainrule.explain.look.seen import Seen
from chainrule.explain.look.still import outputs_of
from chainrule.nn.place import looks
from chainrule.nn.usual import are_classes
from chainrule.ops import Array
from chainrule.picture import Svg, format_value, tile_chart
from chainrule.picture.markup import join
from chainrule.picture.svg import label
from chainrule.picture.text import shorten

__all__ = ["Mistake", "Mistakes", "mistakes", "most_wrong"]

_LINE = 20  # pixels from one line of words to the next
_WIDE = 720


@dataclass(frozen=True)
class Mistake:
    """One row that was got wrong.

    Attributes:
        picture: `(C, H, W)` floats 0 to 1 for images, `None` for tables.
        text: for tables, the values of its features in short.
        truth: the right class, or value.
        predicted: the class, or value, that was given.
        confidence: the probability given to it, 0 to 1; NaN where there is none.
        index: the row among the examples.
    """

    picture: Array | None = field(repr=False)
    text: str
    truth: str
    predicted: str
    confidence: float
    index: int

    def told(self) -> str:
        """Return what was given for what, and how surely."""
        sure = "" if np.isnan(self.confidence) else f", {sure_text(self.confidence)} sure"
        return f"said {self.predicted}, was {self.truth}{sure}"


@dataclass(frozen=True)
class Mistakes(Seen):
    """What a network got most wrong, the worst first.

    Attributes:
        wrong: the worst of them.
        count: how many there are in all; of numbers, which are never met exactly, all.
        total: how many examples there were.
    """

    wrong: Sequence[Mistake]
    count: int
    total: int
    _pixels: Array | None = field(default=None, repr=False)

    def _drawn(self) -> Svg:
        title = f"{self.count:,} of {self.total:,} wrong" + ", the surest first" * bool(self.wrong)
        if self.count == self.total:
            title = f"The {len(self.wrong):,} of {self.total:,} that are farthest off"
        if self._pixels is None or not self.wrong:
            return self._lines(title)
        words = [f"{one.predicted}, was {one.truth}" for one in self.wrong]
        return tile_chart(self._pixels, words, title=title)

    def _lines(self, title: str) -> Svg:
        lines = [f"row {one.index}: {one.told()}: {one.text}" for one in self.wrong]
        written = [label(shorten(line, _WIDE), 0, 38 + i * _LINE) for i, line in enumerate(lines)]
        body = join([label(title, 0, 14, class_="title"), *written])
        return Svg(_WIDE, 28 + _LINE * len(lines), title, "; ".join(lines), body)


@looks
def mistakes(model: nn.Module, data: Any, most: int = 24) -> Mistakes:
    """Return the examples that a network gets most wrong.

    Of classes those that it takes for another, the surest first: some a person would misread too,
    some show what it has not understood, and now and then it is the label that is wrong. Of
    numbers those farthest from the truth.

    Args:
        model: gives a number for each class, in front of a softmax; or one number. It is left as
            it is.
        data: a pair (x, y), `Examples`, a `Dataset` or a `DataLoader`.
        most: how many are returned.

    Raises:
        DataError: answers outside the outputs of the model.

    Examples:
        >>> from chainrule import nn
        >>> scores = np.array([[2.0, 1.0], [0.0, 3.0], [5.0, 1.0]], dtype=np.float32)
        >>> found = mistakes(nn.Identity(), (scores, np.array([0, 1, 1])))
        >>> [(one.index, one.told()) for one in found.wrong]
        [(2, 'said 0, was 1, 98 % sure')]
    """
    rows = rows_of(data)
    outputs = outputs_of(model, rows.x)
    wrong, count = _worst(rows, outputs, most)
    chosen = [one.index for one in wrong]
    pixels = pixels_of(rows, chosen) if rows.is_image and chosen else None
    return Mistakes(wrong, count, len(rows.x), pixels)


def most_wrong(examples: Examples, outputs: Array, most: int) -> list[Mistake]:
    """Return the worst mistakes where the outputs are there already.

    Args:
        examples: with their answers.
        outputs: of a network for them, `(N, K)`.
        most: how many are returned.
    """
    return _worst(rows_of(examples), outputs, most)[0]


def sure_text(confidence: float) -> str:
    """Return a probability in whole percent; nobody is 100 % sure who is wrong.

    Examples:
        >>> sure_text(0.983), sure_text(0.9999)
        ('98 %', 'over 99 %')
    """
    return "over 99 %" if confidence > 0.995 else f"{100 * confidence:.0f} %"


def _worst(rows: Rows, outputs: Array, most: int) -> tuple[list[Mistake], int]:
    """The worst, and how many are wrong."""
    if rows.y is None or not are_classes(rows.y):
        return _far_off(rows, outputs, most), len(outputs)
    truth, guesses = taken_for(rows, outputs)
    shares = chances(outputs)
    sure = shares.max(axis=1)
    wrong = np.flatnonzero(guesses != truth)
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:most].tolist()
    found = [
        _mistake(rows, i, rows.class_name(int(truth[i])), rows.class_name(int(guesses[i])), sure[i])
        for i in order
    ]
    return found, len(wrong)


def _far_off(rows: Rows, outputs: Array, most: int) -> list[Mistake]:
    truth = np.asarray(rows.y).reshape(len(outputs), -1)
    distance = np.abs(outputs - truth).max(axis=1)
    order = np.argsort(-distance, kind="stable")[:most].tolist()
    return [
        _mistake(rows, i, _numbers(truth[i]), _numbers(outputs[i]), float("nan")) for i in order
    ]


def _numbers(values: Array) -> str:
    return ", ".join(format_value(value) for value in values.tolist())


def _mistake(rows: Rows, i: int, truth: str, predicted: str, confidence: float) -> Mistake:
    picture = None
    if rows.is_image:
        picture = (rows.x[i] / np.float32(rows.levels or 255)).astype(np.float32)
    text = "" if rows.is_image else rows.told(i)
    return Mistake(picture, text, truth, predicted, float(confidence), i)
