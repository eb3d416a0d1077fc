"""A CSV file as points of the plane: two columns of numbers, and what is to be learned (floor 5).

The columns are read by `data.tables`. Here is decided which of them are the axes, and how they are
scaled into the plane.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chainrule.data.examples import Examples
from chainrule.data.tables.cells import Cells
from chainrule.data.tables.columns import column_of
from chainrule.data.tables.csvfile import read_header
from chainrule.data.tables.table import TARGETS, table, table_columns
from chainrule.errors import DataError, one_line
from chainrule.ops import Array

__all__ = ["MOST_BYTES", "MOST_CLASSES", "MOST_ROWS", "SPREAD", "Scale", "Table", "read_table"]

MOST_BYTES = 4 << 20
MOST_ROWS = 5000
MOST_CLASSES = 8
SPREAD = 1.5  # the least and the greatest of a column are at -SPREAD and SPREAD

_LONGEST = 60  # letters of a name


class Scale(NamedTuple):
    """How a column's numbers become coordinates: (value - middle) / unit.

    Attributes:
        middle: what becomes 0.
        unit: what a length of 1 stands for.
    """

    middle: float
    unit: float

    def __call__(self, values: Array) -> Array:
        """Scale numbers of the column; float32."""
        return ((values.astype(np.float64) - self.middle) / self.unit).astype(np.float32)

    def ends(self, span: float) -> tuple[float, float]:
        """What -span and span stand for."""
        return self.middle - span * self.unit, self.middle + span * self.unit


@dataclass(frozen=True, eq=False)
class Table:
    """What was read of a file.

    Attributes:
        file: its name.
        names: of the two axes.
        target: the name of what is to be learned.
        x: (n, 2) float32, as they stand in the file.
        y: labels (n,) int64, or numbers (n,) float32 as they stand in the file.
        classes: their names, or `None` where a number is predicted.
        scales: of the two axes.
        answer: of the number that is predicted, whose ends become -1 and 1; `None` for classes.
    """

    file: str
    names: tuple[str, str]
    target: str
    x: Array
    y: Array
    classes: tuple[str, ...] | None
    scales: tuple[Scale, Scale]
    answer: Scale | None

    def examples(self) -> Examples:
        """Return the points, scaled into the plane."""
        x = np.stack([scale(column) for scale, column in zip(self.scales, self.x.T)], axis=1)
        y = self.y if self.answer is None else self.answer(self.y)
        return Examples("csv", x, y, self.classes, "", ("x1", "x2"))


def read_table(name: str, content: bytes) -> Table:
    r"""Read a CSV file.

    The target is the column named label, target, class or y, else the last one; the axes are the
    first two other columns that hold numbers. Rows without one of the three are left out.

    Args:
        name: of the file.
        content: its bytes.

    Raises:
        DataError: it is too large, is no table, or lacks what is needed.

    Examples:
        >>> read = read_table("pets.csv", b"name,weight,age,kind\nTom,4,7,cat\nRex,30,2,dog\n")
        >>> read.names, read.target, read.classes, read.x.tolist()
        (('weight', 'age'), 'kind', ('cat', 'dog'), [[4.0, 7.0], [30.0, 2.0]])
    """
    file = one_line(name)[:_LONGEST] or "the file"
    if len(content) > MOST_BYTES:
        raise DataError(
            f"{file} has {len(content) / 2**20:,.1f} MiB, and the page takes up to "
            f"{MOST_BYTES >> 20}; leave out columns or rows"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.tsv" if file.lower().endswith(".tsv") else "table.csv")
        path.write_bytes(content)
        try:
            return _read(path, file)
        except DataError as error:
            said = str(error).replace(str(path), file)
            raise DataError(one_line(said)) from None


def _read(path: Path, file: str) -> Table:
    header = read_header(path)
    target = _target(header.names)
    columns = table_columns(path)
    rows = len(columns[target])
    if rows > MOST_ROWS:
        raise DataError(
            f"{file} has {rows:,} rows, and the page takes up to {MOST_ROWS:,}; leave some out"
        )
    axes = _axes(columns, target, file)
    drop = [column for column in header.names if column not in (*axes, target)]
    found = table(path, target, numeric=axes, drop=drop)
    known = np.isfinite(found.x).all(axis=1)
    x, y = found.x[known].astype(np.float32), found.y[known]
    _check(file, target, x, y, found.classes)
    scales = (_scale(x[:, 0], SPREAD), _scale(x[:, 1], SPREAD))
    answer = None if found.classes else _scale(y, 1.0)
    return Table(file, axes, target, x, y, found.classes, scales, answer)


def _target(names: tuple[str, ...]) -> str:
    lower = [name.lower() for name in names]
    return names[next((lower.index(name) for name in TARGETS if name in lower), -1)]


def _axes(columns: dict[str, Cells], target: str, file: str) -> tuple[str, str]:
    found = [name for name, cells in columns.items() if name != target and _is_axis(name, cells)]
    if len(found) < 2:
        there = f"only {found[0][:_LONGEST]!r} does" if found else "none does"
        raise DataError(
            f"{file}: two columns beside the target {target[:_LONGEST]!r} must hold numbers that "
            f"differ, and {there}; they become the two axes"
        )
    return found[0], found[1]


def _is_axis(name: str, cells: Cells) -> bool:
    try:
        return column_of(name, cells).kind == "number"
    except DataError:  # free text
        return False


def _check(file: str, target: str, x: Array, y: Array, classes: tuple[str, ...] | None) -> None:
    if len(x) < 2 or np.ptp(x, axis=0).min() == 0 or (classes is None and np.ptp(y) == 0):
        raise DataError(
            f"{file}: in the {len(x):,} rows in which nothing is missing the columns do not "
            "differ; add rows"
        )
    if classes is not None and len(classes) > MOST_CLASSES:
        raise DataError(
            f"{file}: target {target[:_LONGEST]!r} has {len(classes):,} classes, and the page "
            f"tells up to {MOST_CLASSES} apart; join some, or choose another target"
        )


def _scale(values: Array, spread: float) -> Scale:
    low, high = float(values.min()), float(values.max())
    return Scale((low + high) / 2, (high - low) / 2 / spread)
