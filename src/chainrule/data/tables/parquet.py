"""Parquet files: their columns, some rows at a time (floor 3).

The reading is pyarrow's; here is only which of its types are numbers, texts and dates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.tables.cells import MISSING, TARGET_MISSING, Cells
from chainrule.errors import DataError, did_you_mean, one_line, require

__all__ = ["ParquetFile"]

AT_ONCE = 65_536  # rows that are taken together


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file whose schema is read.

    Args:
        path: the file.
        names: its columns.
        size: bytes that its cells take in memory, at 8 each.
    """

    path: Path
    names: tuple[str, ...]
    size: int

    @classmethod
    def of(cls, path: Path) -> ParquetFile:
        """Read the schema.

        Args:
            path: the file.

        Raises:
            DataError: no file, none of this kind, or two columns of one name.
            MissingExtraError: pyarrow is not installed.
        """
        if not path.is_file():
            raise DataError(f"{path}: there is no such file")
        with _opened(path) as file:
            names = tuple(file.schema_arrow.names)
            rows = file.metadata.num_rows
        if not names or len(set(names)) < len(names) or "" in names:
            raise DataError(
                f"{path}: columns with names, all different, are due, got {names!r:.80}"
            )
        return cls(path, names, 8 * rows * len(names))

    def index(self, name: str) -> int:
        """Return where the column `name` stands, from 0.

        Raises:
            DataError: there is no such column.
        """
        if name in self.names:
            return self.names.index(name)
        raise DataError(f"{self.path} has no column {name!r}{did_you_mean(name, self.names)}")

    def place(self, row: int) -> str:
        """Return where a row (from 0) stands, as "row 7"."""
        return f"row {row + 1}"

    def chunks(self, names: Sequence[str], target: str = "") -> Iterator[dict[str, Cells]]:
        """Read some columns, a number of rows at a time.

        Args:
            names: of the columns.
            target: which of them is the target, if one is.

        Raises:
            DataError: a damaged file, or a column of what is no number, text or date.
        """
        arrow = require("pyarrow", "parquet", "reading Parquet files")
        with _opened(self.path) as file:
            try:
                for batch in file.iter_batches(AT_ONCE, columns=list(names)):
                    if len(batch):
                        yield {
                            name: self._cells(
                                name,
                                batch.column(name),
                                TARGET_MISSING if name == target else MISSING,
                            )
                            for name in names
                        }
            except (arrow.ArrowException, OSError, UnicodeError) as error:
                raise DataError(f"{self.path} is damaged: {one_line(str(error))}") from None

    def _cells(self, name: str, column: Any, missing: frozenset[str]) -> Cells:
        types = require("pyarrow.types", "parquet", "reading Parquet files")
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        kind = column.type
        if types.is_integer(kind) or types.is_floating(kind):
            return Cells.of(column.to_numpy(zero_copy_only=False), name)
        if types.is_date(kind) or types.is_timestamp(kind):
            return Cells.of(column.to_numpy(zero_copy_only=False).astype("datetime64[s]"), name)
        if types.is_decimal(kind):
            return Cells.of(np.array(column.cast("float64")), name)
        if types.is_boolean(kind) or types.is_null(kind):
            return Cells.of(column.to_pylist(), name)
        if types.is_string(kind) or types.is_large_string(kind):
            held = column.dictionary_encode()
            texts = Cells.of([*held.dictionary.to_pylist(), None], name, missing)
            codes = held.indices.fill_null(len(held.dictionary)).to_numpy()
            return texts.take(codes)
        raise DataError(
            f"{self.path}: column {name!r} holds {kind}; numbers, texts, dates or truth values "
            f"are due (--drop {name} leaves it out)"
        )


def _opened(path: Path) -> Any:
    parquet = require("pyarrow.parquet", "parquet", "reading Parquet files")
    arrow = require("pyarrow", "parquet", "reading Parquet files")
    try:
        return parquet.ParquetFile(path)
    except (arrow.ArrowException, OSError, UnicodeError) as error:
        raise DataError(
            f"{path} is no Parquet file that can be read: {one_line(str(error))}"
        ) from None
