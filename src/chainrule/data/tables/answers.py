"""The target of a table: classes or a number, and why (floor 3).

What cannot be a target is refused with its place in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from chainrule.data.tables.cells import FLOAT32_MAX, Cells, to_number
from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = ["Source", "answers", "digit_labels"]

CLASS_COLUMNS = ("label", "class")  # whole numbers in a column of this name are always classes
FEW = 20  # distinct whole numbers in any other column that may still be classes
MOST = 1000  # classes altogether


class Source(Protocol):
    """A file whose rows have places."""

    @property
    def path(self) -> Path:
        """Of the file."""

    def place(self, row: int) -> str:
        """Where a row stands, as "line 7"."""


def answers(
    source: Source, name: str, cells: Cells
) -> tuple[Array, tuple[str, ...] | None, Array, str]:
    """Return what is to be learned.

    Args:
        source: where it stands.
        name: of the target.
        cells: of it, N.

    Returns:
        Of the rows that have a target its labels and the names of the classes, or numbers and
        `None`; which of the N rows these are; and why it is classes or a number.

    Raises:
        DataError: it can be neither.
    """
    counts = cells.counts
    if not counts:
        raise DataError(f"{source.path}: target {name!r} is missing in every row; choose another")
    numbers = {cell: value for cell in counts if (value := to_number(cell)) is not None}
    for cell, value in numbers.items():
        if not abs(value) <= FLOAT32_MAX:
            raise _refusal(source, name, cells, cell, "a finite number is due")
    if len(counts) == 1:
        raise _constant(source, name, next(iter(counts)))
    known = ~cells.missing
    if len(numbers) < len(counts):
        classes = _text_classes(source, name, cells, counts, numbers)
        return _labels(cells, classes)[known], classes, known, "it is text"
    reason = _why_classes(name, list(numbers.values()), int(known.sum()))
    if reason:
        classes = tuple(sorted(numbers, key=lambda cell: numbers[cell]))
        return _labels(cells, classes)[known], classes, known, reason
    y = cells.numbers[known].astype(np.float32)
    return y, None, known, f"{len(counts):,} different ones"


def digit_labels(source: Source, name: str, cells: Cells) -> Array:
    """Return labels 0 to 9, (N,).

    Args:
        source: where they stand.
        name: of the column.
        cells: of it.

    Raises:
        DataError: a cell that is no digit, or one digit in every row.
    """
    digits = tuple("0123456789")
    for cell in cells.names:
        if cell not in digits:
            raise _refusal(source, name, cells, cell, "a digit from 0 to 9 is due")
    if len(cells.names) == 1:
        raise _constant(source, name, cells.names[0])
    return _labels(cells, digits)


def _labels(cells: Cells, classes: tuple[str, ...]) -> Array:
    place = {name: k for k, name in enumerate(classes)}
    return cells.looked_up([place.get(cell, -1) for cell in cells.names]).astype(np.int64)


def _why_classes(name: str, values: list[float], rows: int) -> str:
    """Say why numbers are the names of classes; nothing where they are not: see `table`."""
    different = len(values)
    if any(value % 1 for value in values) or different > MOST:
        return ""
    if name.lower() in CLASS_COLUMNS:
        return "by its name"
    few = different <= FEW and 2 * different <= rows
    return f"{different} different whole numbers" if few else ""


def _text_classes(
    source: Source, name: str, cells: Cells, counts: dict[str, int], numbers: dict[str, float]
) -> tuple[str, ...]:
    rows = sum(counts.values())
    texts = sum(count for cell, count in counts.items() if cell not in numbers)
    if 2 * texts < rows:  # numbers, and now and then a word: "unknown", "12 kg"
        odd = next(cell for cell in cells.names if cell in counts and cell not in numbers)
        raise _refusal(source, name, cells, odd, "a number as in most other rows is due")
    if len(counts) > max(FEW, min(MOST, rows // 2)):
        raise DataError(
            f"{source.path}: target {name!r} has {len(counts):,} different texts "
            f"in {rows:,} rows, too many to be classes; choose another column as target"
        )
    return tuple(sorted(counts))


def _refusal(source: Source, name: str, cells: Cells, cell: str, due: str) -> DataError:
    row = int(np.flatnonzero(cells.codes == cells.names.index(cell))[0])
    holds = f"holds {cell[:40]!r}" if cell else "is empty"
    return DataError(
        f"{source.path}, {source.place(row)}: target {name!r} {holds}, {due}; correct it or "
        "leave the row out"
    )


def _constant(source: Source, name: str, cell: str) -> DataError:
    return DataError(
        f"{source.path}: target {name!r} is {cell[:40]!r} in every row, so there is "
        "nothing to learn; choose another column, or add rows of another class"
    )
