"""A confusion matrix: which class was taken for which, and how often (floor 0).

Rows are the truth, columns the prediction. What was right is drawn in one hue and what was wrong
in another, whose strength grows with the root of the share, so that one mistake in a hundred is
already seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import DataError, ShapeError
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import FAULT, GOOD, rgb
from chainrule.picture.png import data_uri, encode_png
from chainrule.picture.svg import Svg, group, label
from chainrule.picture.text import shorten, text_width

__all__ = ["matrix_chart"]

_WIDE = 420  # the matrix takes about this many pixels while its cells can still hold numbers
_CELL, _LARGEST_CELL = 24, 88  # the least that holds a number, and the most that looks well
_MOST_NUMBERED = 30  # classes; beyond, cells are too small for numbers
_MOST_CELLS = 60  # classes; beyond, the cells are the pixels of a picture
_LONGEST_NAME = 130  # pixels
_SLOPE = math.sqrt(0.5)  # of a name turned by 45 degrees


@dataclass(frozen=True)
class _Matrix:
    """The counts, and where their cells lie on the paper."""

    counts: NDArray[Any]  # (K, K), a row for each true class
    shares: NDArray[Any]  # (K, K), of the row; 0 where a class has none
    names: tuple[str, ...]
    slanted: bool  # whether the names are too long to lie level above the columns
    left: float
    top: float
    side: float  # of a cell

    @property
    def right(self) -> float:
        return self.left + len(self.names) * self.side

    @property
    def bottom(self) -> float:
        return self.top + len(self.names) * self.side


def matrix_chart(
    counts: ArrayLike, labels: Sequence[str], *, title: str = "Confusion matrix"
) -> Svg:
    """Draw a confusion matrix.

    Args:
        counts: shape `(K, K)`; `counts[t, p]` rows of class `t` were taken for class `p`.
        labels: the names of the K classes.
        title: what the picture is; not drawn, but told to screen readers.

    Returns:
        The picture, its size growing with K. Up to 30 classes each cell holds its number; beyond
        that cells shrink and only every so many classes are named.

    Raises:
        ShapeError: `counts` is not square, or `labels` are not K.
        DataError: a count is negative or not finite.

    Examples:
        >>> chart = matrix_chart([[48, 2], [5, 45]], ["cat", "dog"])
        >>> chart.description
        '93 of 100 right; most often cat was given for dog: 5 of 50'
    """
    matrix = _laid_out(_checked(counts, labels), tuple(labels))
    cells = _cells(matrix) if len(matrix.names) <= _MOST_CELLS else _picture(matrix)
    return Svg(
        math.ceil(matrix.right + _overhang(matrix)),
        math.ceil(matrix.bottom + 2),
        title,
        _in_words(matrix),
        join([_headings(matrix), cells]),
    )


def _checked(counts: ArrayLike, labels: Sequence[str]) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(counts)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise ShapeError(f"confusion matrix: expected shape (K, K), got {array.shape}")
    if len(labels) != len(array):
        raise ShapeError(
            f"confusion matrix of {len(array)} classes with {len(labels)} labels; give one each"
        )
    if not np.all(np.isfinite(array)) or np.any(array < 0):
        raise DataError("confusion matrix: expected counts of 0 or more, got a negative or NaN")
    return array


def _laid_out(counts: NDArray[Any], names: tuple[str, ...]) -> _Matrix:
    totals = counts.sum(axis=1, keepdims=True)
    least = _CELL * min(1, _MOST_NUMBERED / len(names))
    side = min(max(_WIDE / len(names), least), _LARGEST_CELL)
    longest = max(_name_width(name) for name in names)
    slanted = longest > side - 4
    return _Matrix(
        counts,
        shares=counts / np.where(totals > 0, totals, 1),
        names=names,
        slanted=slanted,
        left=max(longest, 40) + 12,
        top=22 + ((longest + 16) * _SLOPE if slanted else 16),
        side=side,
    )


def _overhang(matrix: _Matrix) -> float:
    """How far the slanted names of the last columns reach beyond the matrix."""
    if not matrix.slanted:
        return 2
    return 8 + max(
        _name_width(name) * _SLOPE - (i + 0.5) * matrix.side
        for i, name in enumerate(reversed(matrix.names))
    )


def _name_width(name: str) -> float:
    return min(text_width(name), _LONGEST_NAME)


def _headings(matrix: _Matrix) -> Markup:
    """The names of the classes, at the left for the truth and above for the prediction."""
    named = list(enumerate(matrix.names))
    beside = named[:: math.ceil(14 / matrix.side)]
    above = named[:: math.ceil((19 if matrix.slanted else 14) / matrix.side)]
    return join(
        [
            label("predicted", matrix.left, 12, class_="soft"),
            label("truth", matrix.left - 10, matrix.top - 8, class_="soft", text_anchor="end"),
            *(_row_name(matrix, i, name) for i, name in beside),
            *(_column_name(matrix, i, name) for i, name in above),
        ]
    )


def _row_name(matrix: _Matrix, i: int, name: str) -> Markup:
    y = matrix.top + (i + 0.5) * matrix.side + 4
    return _name(name, {"x": matrix.left - 10, "y": y, "text_anchor": "end"})


def _column_name(matrix: _Matrix, i: int, name: str) -> Markup:
    x, y = matrix.left + (i + 0.5) * matrix.side, matrix.top - 8
    if matrix.slanted:
        turned = f"translate({x + 3:.1f} {y:.1f}) rotate(-45)"
        return _name(name, {"transform": turned})
    return _name(name, {"x": x, "y": y, "text_anchor": "middle"})


def _name(name: str, place: dict[str, str | float]) -> Markup:
    """A class name; one that had to be shortened is told whole by the resting mouse."""
    short = shorten(name, _LONGEST_NAME)
    whole = element("title", name) if short != name else None
    return element("text", whole, short, **place)


def _cells(matrix: _Matrix) -> Markup:
    k = len(matrix.names)
    return group(_cell(matrix, row, column) for row in range(k) for column in range(k))


def _cell(matrix: _Matrix, row: int, column: int) -> Markup:
    count = matrix.counts[row, column].item()
    if not count:
        return _box(matrix, row, column, fill="currentColor", fill_opacity=0.045)
    wrong, right = _strengths(matrix.shares[row, column])
    look = (GOOD, right) if row == column else (FAULT, wrong)
    return group(
        [
            element("title", _cell_in_words(matrix, row, column)),
            _box(matrix, row, column, fill=look[0], fill_opacity=float(look[1])),
            _number(matrix, row, column) if len(matrix.names) <= _MOST_NUMBERED else None,
        ]
    )


def _box(matrix: _Matrix, row: int, column: int, **look: str | float) -> Markup:
    gap = 1 if matrix.side > 10 else 0.5
    return element(
        "rect",
        x=matrix.left + column * matrix.side + gap,
        y=matrix.top + row * matrix.side + gap,
        width=matrix.side - 2 * gap,
        height=matrix.side - 2 * gap,
        rx=min(3, matrix.side / 10),
        **look,
    )


def _number(matrix: _Matrix, row: int, column: int) -> Markup:
    text = _brief(matrix.counts[row, column].item())
    size = min(15.0, max(10.0, 0.3 * matrix.side))
    size *= min(1.0, matrix.side / text_width(text, size))
    x, y = matrix.left + (column + 0.5) * matrix.side, matrix.top + (row + 0.5) * matrix.side
    return label(text, x, y + 0.36 * size, font_size=size, text_anchor="middle")


def _picture(matrix: _Matrix) -> Markup:
    """The cells as pixels: for hundreds of classes, tens of thousands of elements are too many."""
    k = len(matrix.names)
    pixels = np.zeros((k, k, 4), dtype=np.uint8)
    pixels[..., :3] = rgb(FAULT)
    pixels[range(k), range(k), :3] = rgb(GOOD)
    wrong, right = _strengths(matrix.shares)
    strength = np.where(np.eye(k, dtype=bool), right, wrong)
    pixels[..., 3] = np.where(matrix.counts > 0, 255 * strength, 12)
    return element(
        "image",
        href=data_uri(encode_png(pixels)),
        x=matrix.left,
        y=matrix.top,
        width=k * matrix.side,
        height=k * matrix.side,
        style="image-rendering: pixelated",
    )


def _strengths(share: Any) -> tuple[Any, Any]:
    """How opaque a mistake and a right answer are, by their share of their row."""
    return np.minimum(0.09 + 1.7 * np.sqrt(share), 0.92), 0.1 + 0.62 * share


def _brief(count: float) -> str:
    """A count in few characters: 12k for 12,300."""
    if count >= 1e6:
        return f"{count / 1e6:.3g}M"
    if count >= 10_000:
        return f"{count / 1e3:.3g}k"
    return f"{count:.4g}"


def _cell_in_words(matrix: _Matrix, row: int, column: int) -> str:
    truth, given = matrix.names[row], matrix.names[column]
    of = f"{matrix.counts[row, column]:,} of {matrix.counts[row].sum():,}"
    percent = f"({100 * matrix.shares[row, column]:.1f} %)"
    if row == column:
        return f"{truth}: {of} right {percent}"
    return f"{given} given for {truth}: {of} {percent}"


def _in_words(matrix: _Matrix) -> str:
    counts = matrix.counts
    right = f"{np.trace(counts):,} of {counts.sum():,} right"
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    if not wrong.any():
        return right
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return (
        f"{right}; most often {matrix.names[column]} was given for {matrix.names[row]}: "
        f"{counts[row, column]:,} of {counts[row].sum():,}"
    )
