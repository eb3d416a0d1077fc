"""Delimited text to arrays: header, rows, numbers, and where exactly something is wrong (floor 3).

Two readers with one meaning. The quick one counts the cells of a line and leaves the numbers to
NumPy's parser; at the first thing out of the ordinary it gives up without a word. The careful one
goes through the file again with the csv module, cell by cell: it reads what the quick one could not
(quoted cells) and names line and column of what is no number. This file knows nothing of targets
and classes.
"""

from __future__ import annotations

import csv
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TextIO

import numpy as np

from chainrule.data.tables.cells import FLOAT32_MAX, MISSING, TARGET_MISSING, Cells, to_number
from chainrule.errors import DataError, did_you_mean
from chainrule.ops import Array

__all__ = ["Header", "read_columns", "read_header", "read_plainly", "smallest"]

DELIMITERS = ",;\t"
LONGEST_HEADER = 2**24  # characters
MOST_COLUMNS = 100_000
AT_ONCE = 16_384  # rows that are taken from the careful reader together


@dataclass(frozen=True)
class Header:
    """A CSV file whose first line is read: its column names, and how it is written.

    Args:
        path: the file.
        delimiter: what separates cells: a comma, a semicolon or a tab.
        names: the column names, all different.
    """

    path: Path
    delimiter: str
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of the file, about as many as what is made of it takes in memory."""
        return self.path.stat().st_size

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Return where the column `name` stands, from 0.

        Raises:
            DataError: there is no such column; the nearest one is suggested.

        Examples:
            >>> from pathlib import Path
            >>> Header(Path("iris.csv"), ",", ("petal", "species")).index("speces")
            Traceback (most recent call last):
            ...
            chainrule.errors.DataError: iris.csv has no column 'speces'; did you mean 'species'?
        """
        if name in self._places:
            return self._places[name]
        guess = did_you_mean(name, self.names) or f"; it has {_some(self.names)}"
        raise DataError(f"{self.path} has no column {name!r}{guess}")

    def place(self, row: int) -> str:
        """Return the line of the file on which data row `row` (from 0) begins, as "line 7"."""
        with _opened(self.path) as handle:
            return f"line {next(itertools.islice(_rows(self, handle), row, None))[0]}"

    def chunks(self, names: Sequence[str], target: str = "") -> Iterator[dict[str, Cells]]:
        """Read some columns, whatever is in them, a number of rows at a time.

        Args:
            names: of the columns.
            target: which of them is the target, if one is.

        Raises:
            DataError: text that is not UTF-8, a row with too few or too many cells; with the line.
        """
        places = [self.index(name) for name in names]
        missing = {name: TARGET_MISSING if name == target else MISSING for name in names}
        with _opened(self.path) as handle:
            rows = (cells for _, cells in _rows(self, handle))
            while some := list(itertools.islice(rows, AT_ONCE)):
                columns = list(zip(*some, strict=True))
                yield {
                    name: Cells.of(columns[place], name, missing[name])
                    for name, place in zip(names, places)
                }


def read_header(path: Path) -> Header:
    r"""Read the column names of a CSV file: the first line that is not blank.

    The delimiter is a tab in a `.tsv` file; elsewhere whichever of comma, semicolon and tab the
    first line has most of. A byte order mark is skipped.

    Args:
        path: the file, UTF-8 text.

    Raises:
        DataError: no file, no UTF-8, nothing in it, numbers where names are due, a name missing or
            there twice.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pets.csv"
        >>> _ = path.write_text("weight;kind\n4;cat\n")
        >>> read_header(path).names
        ('weight', 'kind')
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, a CSV file is due")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    with _opened(path) as handle:
        delimiter = _delimiter(path, handle)
        _, cells = next(_records(path, handle, delimiter), (0, []))
    names = tuple(cell.strip() for cell in cells)
    if not names:
        raise DataError(f"{path} is empty; a line with column names and rows below it are due")
    _check_names(path, names)
    return Header(path, delimiter, names)


def read_columns(
    header: Header, numeric: Sequence[int], text: int | None = None, pixels: bool = False
) -> tuple[Array, list[str]]:
    r"""Read some columns as numbers, and one as it is written.

    Args:
        header: of the file, from `read_header`.
        numeric: where the columns of numbers stand (F of them).
        text: where the column stands that is returned as text.
        pixels: whether numbers other than 0, 1, ..., 255 are an error.

    Returns:
        The numbers (N, F), uint8 where all are whole and 0 to 255, else float32; and the N cells of
        the column `text`, stripped (an empty list without one).

    Raises:
        DataError: no rows, a row with too few or too many cells, a cell that is empty or no finite
            number, text that is not UTF-8; with line and column.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pets.csv"
        >>> _ = path.write_text("weight,age,kind\n4,7,cat\n30,2,dog\n")
        >>> read_columns(read_header(path), [0, 1], text=2)
        (array([[ 4,  7],
               [30,  2]], dtype=uint8), ['cat', 'dog'])
    """
    for dtype in ("u1",) if pixels else ("u1", "f4"):
        read = _read_quickly(header, numeric, text, dtype)
        if read is not None:
            break
    else:
        read = _read_carefully(header, numeric, text, pixels)
    values, cells = read
    if not len(values):
        raise DataError(f"{header.path} has column names but no rows below them; add some")
    return smallest(values), cells


def read_plainly(header: Header, numeric: Sequence[int], text: int) -> tuple[Array, Cells] | None:
    """Read a table of numbers alone, quickly; `None` where anything else is in it.

    Args:
        header: of the file.
        numeric: where the columns of numbers stand (F of them).
        text: where the one stands that may hold anything.

    Returns:
        The numbers (N, F), uint8 where all are whole and 0 to 255, else float32; and the other
        column.
    """
    for dtype in ("u1", "f4"):
        read = _read_quickly(header, numeric, text, dtype)
        if read is not None:
            return smallest(read[0]), Cells.of(read[1], missing=TARGET_MISSING)
    return None


# Opening


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield handle
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text: line {_bad_line(path)} holds the byte "
            f"{error.object[error.start]:#04x}; save it as UTF-8"
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _delimiter(path: Path, handle: TextIO) -> str:
    """Tell the delimiter from the first line, and go back to the start."""
    first = handle.readline(LONGEST_HEADER)
    if len(first) == LONGEST_HEADER:
        raise DataError(f"{path}: its first line is too long for column names; a CSV file is due")
    handle.seek(0)
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(DELIMITERS, key=first.count)  # a comma where there is none: it stands first


def _records(path: Path, handle: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Split a table into records of cells, each with its line; blank lines are left out."""
    reader = csv.reader(handle, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or "".join(cells).strip():
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {line}: the cells cannot be told apart ({error}); look for a quotation "
            "mark without its other half"
        ) from error


def _rows(header: Header, handle: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Split the records below the header; one with more or fewer cells than it is an error."""
    records = _records(header.path, handle, header.delimiter)
    next(records)
    for line, cells in records:
        if len(cells) != len(header.names):
            raise DataError(
                f"{header.path}, line {line}: {len(header.names)} cells are due as in the header, "
                f"{len(cells)} are there"
            )
        yield line, cells


def _bad_line(path: Path) -> int:
    """Return the first line that is not UTF-8: the error itself only counts within its block."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return number


def _check_names(path: Path, names: tuple[str, ...]) -> None:
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{path} has {len(names):,} columns, more than the {MOST_COLUMNS:,} of a table that is "
            "learned from; leave some out"
        )
    if all(to_number(name) is not None for name in names):
        raise DataError(
            f"{path} begins with numbers ({_some(names)}), a line with column names is due; add one"
        )
    if "" in names:
        raise DataError(
            f"{path}: column {names.index('') + 1} has no name; give it one, or leave it out if it "
            "only counts the rows"
        )
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path} has two columns named {name!r}; rename one")
        seen.add(name)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:6])
    return shown if len(names) <= 6 else f"{shown}, ... ({len(names)} columns)"


# The quick reader


class _NotPlainError(Exception):
    """The careful reader is needed."""


def _read_quickly(
    header: Header, numeric: Sequence[int], text: int | None, dtype: str
) -> tuple[Array, list[str]] | None:
    """Read with NumPy's parser; None where anything is out of the ordinary."""
    cells: list[str] = []
    with _opened(header.path) as handle:
        next(_records(header.path, handle, header.delimiter))
        lines = _plain_lines(header, handle, text, cells)
        try:
            with warnings.catch_warnings():
                # NumPy warns of a table without rows; an old one reads 3.5 as 3 and warns.
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", DeprecationWarning)
                values = np.loadtxt(
                    lines,
                    dtype=dtype,
                    delimiter=header.delimiter,
                    comments=None,
                    usecols=numeric,
                    ndmin=2,
                )
        except UnicodeDecodeError:  # a ValueError, but one that the careful reader cannot mend
            raise
        except (_NotPlainError, ValueError, DeprecationWarning):
            return None
    rows_agree = text is None or len(cells) == len(values)
    return (values, cells) if rows_agree and np.isfinite(values).all() else None


def _plain_lines(
    header: Header, handle: TextIO, text: int | None, cells: list[str]
) -> Iterator[str]:
    """Pass on the lines whose cells can be told by counting; keep the cell `text` of each."""
    delimiter, between = header.delimiter, len(header.names) - 1
    for line in handle:
        if line.count(delimiter) != between or '"' in line:
            if not line.strip():
                continue
            raise _NotPlainError
        others = [line]
        if text == 0:
            cell, *others = line.split(delimiter, 1)
            cells.append(cell.strip())
        elif text is not None:  # from the right, where targets that are not first mostly stand
            before, cell, *others = line.rsplit(delimiter, between + 1 - text)
            cells.append(cell.strip())
            others.append(before)
        # NumPy's parser of whole numbers ends the process at some letters of other scripts.
        if not (line.isascii() or all(map(str.isascii, others))):
            raise _NotPlainError
        yield line


# The careful reader


def _read_carefully(
    header: Header, numeric: Sequence[int], text: int | None, pixels: bool
) -> tuple[Array, list[str]]:
    """Read with the csv module; the first cell that is no number is an error with its place."""
    cells: list[str] = []
    values = bytearray()
    with _opened(header.path) as handle:
        for line, row in _rows(header, handle):
            values += _numbers(header, line, row, numeric, pixels).tobytes()
            if text is not None:
                cells.append(row[text].strip())
    return np.frombuffer(values, np.float32).reshape(-1, len(numeric)), cells


def _numbers(
    header: Header, line: int, row: list[str], numeric: Sequence[int], pixels: bool
) -> Array:
    """Return the numbers of one row, float32 (F,)."""
    values = _all_numbers([row[column] for column in numeric])
    if (np.abs(values) <= FLOAT32_MAX).all() and not (pixels and _are_no_bytes(values)):
        return values.astype(np.float32)
    for column in numeric:
        problem = _problem(row[column], pixels)
        if problem:
            raise DataError(
                f"{header.path}, line {line}: column {header.names[column]!r} {problem}"
            )
    raise AssertionError("a row was refused, none of its cells was")


def _all_numbers(cells: list[str]) -> Array:
    """Return what `to_number` makes of every cell, at once; one nan if any of them is text."""
    together = "".join(cells)
    try:
        if "_" not in together and together.isascii():
            return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        pass
    return np.array([np.nan])


def _problem(cell: str, pixels: bool) -> str:
    """Say what is wrong with a cell that should be a number; nothing if nothing is."""
    shown = repr(cell.strip()[:40])
    if not cell.strip():
        return "is empty, a number is due; fill it in or leave the row out"
    value = to_number(cell)
    if value is None:
        return f"holds {shown}, a number is due; replace it, or leave the column out"
    if not math.isfinite(value):
        return f"holds {shown}, a finite number is due; replace it or leave the row out"
    if abs(value) > FLOAT32_MAX:
        return f"holds {shown}, more than a float32 can hold ({FLOAT32_MAX:.1e})"
    if pixels and _are_no_bytes(np.array([value])):
        return f"holds {shown}; a pixel is a whole number from 0 to 255"
    return ""


def _are_no_bytes(values: Array) -> bool:
    return bool(((values < 0) | (values > 255) | (values % 1 != 0)).any())


def smallest(values: Array) -> Array:
    """Return whole numbers 0 to 255 as uint8, whichever way they were written."""
    if values.dtype == np.uint8 or _are_no_bytes(values[:1]) or _are_no_bytes(values):
        return values
    return values.astype(np.uint8)
