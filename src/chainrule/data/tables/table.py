"""Tables: a file of rows and named columns, as features and a target (floor 3).

What a person has on disk most often, and the Kaggle digits among it, which are read as images. This
file decides which column is the target; what the others hold is found by `Recipe`, what the target
means by `answers`, and the reading is done by `csvfile` and `parquet`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.examples import Examples
from chainrule.data.tables.answers import answers, digit_labels
from chainrule.data.tables.cells import Cells
from chainrule.data.tables.csvfile import Header, read_columns, read_header, read_plainly, smallest
from chainrule.data.tables.large import Large, Told, untold
from chainrule.data.tables.parquet import ParquetFile
from chainrule.data.tables.recipe import Recipe
from chainrule.errors import DataError, OptionError
from chainrule.ops import Array

__all__ = ["table", "table_columns", "table_rows"]

TARGETS = ("label", "target", "class", "y")
DIGITS = tuple("0123456789")
MEMORY = 2**29  # bytes of a file that is read at once


def table(
    path: Path | str,
    target: str | None = None,
    *,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    drop: Collection[str] = (),
    memory: int = MEMORY,
    told: Told = untold,
) -> Examples:
    r"""Read a table: one column is the target, the others are the features.

    Without `target` it is the column named label, target, class or y, else the last one. A target
    names classes when it is text, or whole numbers of at most 20 different values that appear twice
    each on average, or whole numbers in a column named label or class. Any other numbers are to be
    predicted. Classes are sorted, numbers by their value. Rows without a target are left out.

    What the features hold, numbers, categories, dates, is found by `Recipe.of`.

    The Kaggle digits (columns `label`, `pixel0`, `pixel1`, ... of a square image; `pixel1`, ... and
    `1x1`, `1x2`, ... too) are read as images, in the classes "0" to "9".

    Args:
        path: a Parquet file, or one of UTF-8 text with cells separated by commas, semicolons or
            (.tsv) tabs.
        target: the name of the target column.
        categorical: the names of columns that are categories whatever they look like.
        numeric: of columns that are numbers; cells that are none count as missing.
        drop: of columns to leave out.
        memory: bytes; a larger file is read in pieces. What is made of it is kept in a file of its
            own, without a name, and the kinds of columns are found on rows drawn evenly from all.
        told: hears how far that is: what is being done, rows done, and of how many if known.

    Returns:
        Features (N, F), uint8 where all are whole and 0 to 255 and float32 otherwise, or images
        (N, 1, H, H) uint8; labels (N,) int64, or numbers (N,) float32. In the features a category
        is its number, and a number that is missing is NaN.

    Raises:
        DataError: a missing file or column, or a cell that is not what it should be, with its
            place; a column of free text.
        OptionError: a column in `categorical`, `numeric` or `drop` that is not there.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pets.csv"
        >>> _ = path.write_text("weight,coat,kind\n4.5,long,cat\n30,short,dog\n,short,cat\n")
        >>> pets = table(path)
        >>> pets, pets.classes
        (Examples('pets.csv': 3 rows of 2 columns, 2 classes), ('cat', 'dog'))
        >>> pets.recipe
        Recipe(weight: number, coat: category)
        >>> pets.x
        array([[ 4.5,  1. ],
               [30. ,  2. ],
               [ nan,  2. ]], dtype=float32)
    """
    source = _source(path)
    index = _target_index(source, target)
    name = source.names[index]
    features = [column for column in source.names if column != name]
    if not features:
        raise DataError(f"{path} has one column only; features beside the target are due")
    asked = {"categorical": categorical, "numeric": numeric, "drop": drop}
    _check_asked(source, name, asked)
    side = _side(features) if name == "label" else None
    why = _why(source, index, target)
    if side is not None and isinstance(source, Header):
        return _digits(source, index, side)
    if source.size > memory:
        return _large(source, name, why, asked, told)
    columns, x, target_cells = _read(source, features, index, plainly=not (categorical or numeric))
    return _examples(source, name, why, columns, x, target_cells, asked)


def _examples(
    source: Header | ParquetFile,
    target: str,
    why: str,
    columns: Mapping[str, Any],
    x: Array | None,
    cells: Cells,
    asked: Mapping[str, Collection[str]],
) -> Examples:
    """Put together what was read; `x` are the columns once more where all are plain numbers."""
    y, classes, known, reason = answers(source, target, cells)
    if not known.all():
        columns = {name: Cells.of(values, name).take(known) for name, values in columns.items()}
        x = None if x is None else x[known]
    try:
        recipe = Recipe.of(columns, **asked)
    except DataError as error:
        raise DataError(f"{source.path}: {error}") from None
    if x is None:
        x = smallest(recipe.encode(columns)) if recipe.plain else recipe.encode(columns)
    elif len(recipe.needed) < x.shape[1]:
        x = x[:, [column.used for column in recipe.columns]]
    about = _about(recipe, f"{target!r}{why}", classes, reason, known)
    return Examples(source.path.name, x, y, classes, about, recipe.features, recipe=recipe)


def _large(
    source: Header | ParquetFile,
    target: str,
    why: str,
    asked: Mapping[str, Collection[str]],
    told: Told,
) -> Examples:
    read = Large(source, target, asked, told)
    (y, classes, known, reason), recipe = read.answers, read.recipe
    about = (
        f"{_about(recipe, f'{target!r}{why}', classes, reason, known)}; read in pieces, its "
        f"{read.x.nbytes / 2**20:,.0f} MiB of numbers lie in a file, what its columns are was "
        f"found on {read.drawn:,} rows"
    )
    return Examples(source.path.name, read.x, y, classes, about, recipe.features, recipe=recipe)


def _about(
    recipe: Recipe, target: str, classes: Collection[str] | None, reason: str, known: Array
) -> str:
    what = "a number to predict" if classes is None else f"{len(classes)} classes"
    without = int(len(known) - known.sum())
    left_out = f"; {without:,} rows without a target are left out" if without else ""
    return (
        f"a table of {len(known):,} rows: {len(recipe.needed)} features, target {target}, "
        f"{what} ({reason}){left_out}"
    )


def table_columns(path: Path | str) -> dict[str, Any]:
    r"""Read all columns of a table as they are, for `Recipe.encode`.

    Args:
        path: as for `table`.

    Returns:
        The columns by name, each with N cells.

    Raises:
        DataError: a missing file, or rows that are none.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "new.csv"
        >>> _ = path.write_text("name,weight\nTom,4.5\nRex,\n")
        >>> columns = table_columns(path)
        >>> columns["name"].names, columns["weight"].numbers
        (['Tom', 'Rex'], array([4.5, nan]))
    """
    source = _source(path)
    return _columns(source, source.names)


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


def _source(path: Path | str) -> Header | ParquetFile:
    path = Path(path)
    return ParquetFile.of(path) if path.suffix.lower() == ".parquet" else read_header(path)


def _read(
    source: Header | ParquetFile, features: Sequence[str], target: int, plainly: bool
) -> tuple[dict[str, Any], Array | None, Cells]:
    """Return the features by name, once more as one array if all are plain numbers, the target."""
    if plainly and isinstance(source, Header):
        read = read_plainly(source, [source.index(name) for name in features], target)
        if read is not None and len(read[0]):
            return dict(zip(features, read[0].T)), *read
    columns = _columns(source, source.names, source.names[target])
    cells = columns.pop(source.names[target])
    return columns, None, cells


def _columns(
    source: Header | ParquetFile, names: Sequence[str], target: str = ""
) -> dict[str, Cells]:
    chunks = list(source.chunks(names, target))
    if not chunks:
        raise DataError(f"{source.path} has column names but no rows below them; add some")
    return {name: Cells.joined([chunk[name] for chunk in chunks]) for name in names}


def _check_asked(
    source: Header | ParquetFile, target: str, asked: Mapping[str, Collection[str]]
) -> None:
    for option, names in asked.items():
        for name in names:
            source.index(name)
            if name == target:
                raise OptionError(f"--{option} {name}: it is the target, which is no feature")


def _target_index(source: Header | ParquetFile, target: str | None) -> int:
    if target is not None:
        return source.index(target)
    lower = [name.lower() for name in source.names]
    return next((lower.index(name) for name in TARGETS if name in lower), len(lower) - 1)


def _why(source: Header | ParquetFile, index: int, target: str | None) -> str:
    if target is not None:
        return ""
    by_name = source.names[index].lower() in TARGETS
    return " (by its name)" if by_name else " (the last column)"


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


def _digits(header: Header, index: int, side: int) -> Examples:
    features = [column for column in range(len(header.names)) if column != index]
    x, cells = read_columns(header, features, text=index, pixels=True)
    y = digit_labels(header, header.names[index], Cells.of(cells))
    about = f"{len(x):,} handwritten digits of {side}x{side} from a table in the layout of Kaggle's"
    images = x.reshape(-1, 1, side, side)
    return Examples(header.path.name, images, y, DIGITS, about, levels=255.0)
