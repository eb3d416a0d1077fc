"""Tables: a CSV file with a header, its features and its target (floor 3).

What a person has on disk most often, and the Kaggle digits among it, which are read as images. This
file decides which column is the target, and whether it names classes or is a number to predict; how
the text becomes numbers is `csvfile`'s business.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from chainrule.data.examples import Array, Examples
from chainrule.data.tables.cells import FLOAT32_MAX, to_number
from chainrule.data.tables.csvfile import Header, read_columns, read_header
from chainrule.errors import DataError

__all__ = ["table", "table_rows"]

TARGETS = ("label", "target", "class", "y")
CLASS_COLUMNS = ("label", "class")  # whole numbers in a column of this name are always classes
FEW = 20  # distinct whole numbers in any other column that may still be classes
MOST = 1000  # classes altogether
DIGITS = tuple("0123456789")


def table(path: Path | str, target: str | None = None) -> Examples:
    r"""Read a CSV file with a header: one column is the target, the others are the features.

    Without `target` it is the column named label, target, class or y, else the last one. A target
    names classes when it is text, or whole numbers of at most 20 different values that appear twice
    each on average, or whole numbers in a column named label or class. Any other numbers are to be
    predicted. Classes are sorted, numbers by their value.

    The Kaggle digits (columns `label`, `pixel0`, `pixel1`, ... of a square image; `pixel1`, ... and
    `1x1`, `1x2`, ... too) are read as images, in the classes "0" to "9".

    Args:
        path: a file of UTF-8 text; cells are separated by commas, semicolons or (.tsv) tabs.
        target: the name of the target column.

    Returns:
        Features (N, F), uint8 where all are whole and 0 to 255 and float32 otherwise, or images
        (N, 1, H, H) uint8; labels (N,) int64, or numbers (N,) float32.

    Raises:
        DataError: a missing file or column, or a cell that is not what it should be, with its
            place.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pets.csv"
        >>> _ = path.write_text("weight,age,kind\n4.5,7,cat\n30,2,dog\n5,3,cat\n")
        >>> pets = table(path)
        >>> pets, pets.classes, pets.columns
        (Examples('pets.csv': 3 rows of 2 numbers, 2 classes), ('cat', 'dog'), ('weight', 'age'))
    """
    header = read_header(Path(path))
    index = _target_index(header, target)
    features = [column for column in range(len(header.names)) if column != index]
    if not features:
        raise DataError(f"{path} has one column only; features beside the target are due")
    columns = tuple(header.names[column] for column in features)
    side = _side(columns) if header.names[index] == "label" else None
    if side is not None:
        return _digits(header, index, features, side)
    x, cells = read_columns(header, features, text=index)
    y, classes = _answers(header, index, cells)
    why = "" if target is not None else f" ({_why(header, index)})"
    about = (
        f"a table of {len(x):,} rows: {len(columns)} features, target "
        f"{header.names[index]!r}{why}, "
        + ("a number to predict" if classes is None else f"{len(classes)} classes")
    )
    return Examples(header.path.name, x, y, classes, about, columns)


def table_rows(path: Path | str, columns: Sequence[str] | None = None) -> Array:
    r"""Read the features of a CSV file, to predict from: no target is needed.

    Args:
        path: the file.
        columns: the features in the order the model knows them, as in `Examples.columns`; whatever
            else the file has is passed over. None: the pixels of the Kaggle digit layout.

    Returns:
        Features (N, F) float32; or, where the columns are the pixels of a square image, images
        (N, 1, H, H) uint8.

    Raises:
        DataError: a missing file or column, or a cell that is no number; with its place.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "new.csv"
        >>> _ = path.write_text("name,age,weight\nTom,7,4.5\nRex,2,30\n")
        >>> table_rows(path, ["weight", "age"])
        array([[ 4.5,  7. ],
               [30. ,  2. ]], dtype=float32)
    """
    header = read_header(Path(path))
    if columns is None:
        columns = [name for name in header.names if name != "label"]
        if _side(columns) is None:
            raise DataError(
                f"{path} does not hold images: columns pixel0, pixel1, ... of a square image "
                "are due"
            )
    if not columns:
        raise DataError(f"{path}: no columns were asked for; name at least one")
    side = _side(columns)
    numeric = [header.index(name) for name in columns]
    x, _ = read_columns(header, numeric, pixels=side is not None)
    return x.astype(np.float32) if side is None else x.reshape(-1, 1, side, side)


def _target_index(header: Header, target: str | None) -> int:
    if target is not None:
        return header.index(target)
    lower = [name.lower() for name in header.names]
    return next((lower.index(name) for name in TARGETS if name in lower), len(lower) - 1)


def _why(header: Header, index: int) -> str:
    return "by its name" if header.names[index].lower() in TARGETS else "the last column"


def _side(columns: Sequence[str]) -> int | None:
    """Return the side of the square image whose pixels the columns are, in order; else None."""
    side = math.isqrt(len(columns))
    if side < 2 or side * side != len(columns):
        return None
    count = range(side * side)
    layouts = (
        [f"pixel{k}" for k in count],
        [f"pixel{k + 1}" for k in count],
        [f"{k // side + 1}x{k % side + 1}" for k in count],
    )
    return side if list(columns) in layouts else None


def _digits(header: Header, index: int, features: list[int], side: int) -> Examples:
    x, cells = read_columns(header, features, text=index, pixels=True)
    labels = {cell: to_number(cell) for cell in dict.fromkeys(cells)}
    for cell, label in labels.items():
        if label not in range(len(DIGITS)):
            _refuse(header, index, cells.index(cell), cell, "a digit from 0 to 9")
    if len(set(labels.values())) == 1:
        _refuse_constant(header, index, cells[0])
    y = np.array([labels[cell] for cell in cells], np.int64)
    about = f"{len(x):,} handwritten digits of {side}x{side} from a table in the layout of Kaggle's"
    images = x.reshape(-1, 1, side, side)
    return Examples(header.path.name, images, y, DIGITS, about, levels=255.0)


def _answers(header: Header, index: int, cells: list[str]) -> tuple[Array, tuple[str, ...] | None]:
    """Return the target as labels and class names, or as numbers and None."""
    distinct = dict.fromkeys(cells)  # in the order of the file
    if "" in distinct:
        _refuse(header, index, cells.index(""), "", "a value")
    numbers = {cell: value for cell in distinct if (value := to_number(cell)) is not None}
    for cell, value in numbers.items():
        if not abs(value) <= FLOAT32_MAX:
            _refuse(header, index, cells.index(cell), cell, "a finite number")
    if len(set(numbers.values())) + len(distinct) - len(numbers) == 1:
        _refuse_constant(header, index, cells[0])
    if len(numbers) < len(distinct):
        return _text_answers(header, index, cells, numbers)
    if _are_classes(header.names[index], list(numbers.values()), len(cells)):
        values = sorted({int(value) for value in numbers.values()})
        place = {value: k for k, value in enumerate(values)}
        y = np.array([place[int(numbers[cell])] for cell in cells])
        return y, tuple(str(value) for value in values)
    return np.array([numbers[cell] for cell in cells], np.float32), None


def _are_classes(name: str, values: list[float], rows: int) -> bool:
    """Say whether numbers are the names of classes: see `table` for the rule."""
    different = len(set(values))
    if any(value % 1 for value in values) or different > MOST:
        return False
    return name.lower() in CLASS_COLUMNS or (different <= FEW and 2 * different <= rows)


def _text_answers(
    header: Header, index: int, cells: list[str], numbers: dict[str, float]
) -> tuple[Array, tuple[str, ...]]:
    texts = sum(cell not in numbers for cell in cells)
    if 2 * texts < len(cells):  # numbers, and now and then a word: "N/A", "?"
        row = next(row for row, cell in enumerate(cells) if cell not in numbers)
        _refuse(header, index, row, cells[row], "a number as in most other rows")
    classes = sorted(set(cells))
    if len(classes) > max(FEW, min(MOST, len(cells) // 2)):
        raise DataError(
            f"{header.path}: target {header.names[index]!r} has {len(classes):,} different texts "
            f"in {len(cells):,} rows, too many to be classes; choose another column as target"
        )
    place = {name: k for k, name in enumerate(classes)}
    return np.array([place[cell] for cell in cells]), tuple(classes)


def _refuse(header: Header, index: int, row: int, cell: str, due: str) -> NoReturn:
    holds = f"holds {cell[:40]!r}" if cell else "is empty"
    raise DataError(
        f"{header.path}, {header.place(row)}: target {header.names[index]!r} {holds}, {due} "
        "is due; correct it or leave the row out"
    )


def _refuse_constant(header: Header, index: int, cell: str) -> NoReturn:
    raise DataError(
        f"{header.path}: target {header.names[index]!r} is {cell[:40]!r} in every row, so there is "
        "nothing to learn; choose another column, or add rows of another class"
    )
