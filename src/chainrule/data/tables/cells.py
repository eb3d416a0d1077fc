"""The cells of one column: its different texts, and which of them stands in which row (floor 3).

Whatever a column comes as, text from a file or NumPy's numbers, dates and objects, is brought to
this one form, so that a text is looked at once however often it stands there. What is a missing
cell and what is a number is decided here: "7", "7.0" and 7 are the same cell everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = ["FLOAT32_MAX", "MISSING", "TARGET_MISSING", "Cells", "finite", "to_number"]

FLOAT32_MAX = float(np.finfo(np.float32).max)
_EXACT = 2.0**53  # up to which a float64 tells whole numbers apart
# What people and programs write for "nothing is known", in lower case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "?", "-", "<na>", "nat"})
TARGET_MISSING = MISSING - {"-"}  # which is a class, beside "+"


def to_number(cell: str) -> float | None:
    """Read a number as NumPy's parser does: `1_000` and digits of other scripts are text.

    Examples:
        >>> to_number(" 1e3 "), to_number("1_000"), to_number("cat")
        (1000.0, None, None)
    """
    try:
        return float(cell) if "_" not in cell and cell.isascii() else None
    except ValueError:
        return None


class Cells:
    """A column of N cells.

    Args:
        names: its different texts, `""` for what is missing.
        codes: which of them stands in each row, int64 (N,).
        values: the cells as numbers (N,) where they came as such, NaN for what is missing; then
            `names` and `codes` are found when they are asked for.

    Examples:
        >>> cells = Cells.of(["red", " red", "n/a", "2"])
        >>> cells.names, cells.codes, cells.numbers
        (['red', '', '2'], array([0, 0, 1, 2]), array([nan, nan, nan,  2.]))
    """

    def __init__(
        self,
        names: list[str] | None = None,
        codes: Array | None = None,
        values: Array | None = None,
    ) -> None:
        self._found = None if names is None or codes is None else (names, codes)
        self._values = values

    @classmethod
    def of(cls, values: Any, name: str = "", missing: frozenset[str] = MISSING) -> Cells:
        """Take a column as it comes.

        Args:
            values: a sequence of texts, numbers, truth values, dates or `None`, or an array of
                them, (N,); pandas and polars columns too.
            name: of the column, for the sentence.
            missing: what is written for nothing, in lower case.

        Raises:
            DataError: it is no single column, or holds what is none of these.
        """
        if isinstance(values, Cells):
            return values
        if isinstance(values, (list, tuple)):
            numbers = _plain_numbers(values)
            if numbers is not None:
                return cls(values=numbers)
            return cls._of_texts(map(_text_of, values), len(values), missing)
        array = np.asarray(values)
        if array.ndim != 1:
            raise DataError(f"column {name!r} has the shape {array.shape}, (rows,) is due")
        if array.dtype.kind in "uif":
            return cls(values=array.astype(np.float64))
        if array.dtype.kind == "M":
            return cls._of_texts(map(str, np.datetime_as_string(array)), len(array), missing)
        if array.dtype.kind not in "OUSTb":
            raise DataError(f"column {name!r} holds {array.dtype}; numbers or texts are due")
        return cls._of_texts(map(_text_of, array.tolist()), len(array), missing)

    @classmethod
    def _of_texts(cls, texts: Iterable[str], count: int, missing: frozenset[str]) -> Cells:
        raw: dict[str, int] = {}
        codes = np.fromiter((raw.setdefault(t, len(raw)) for t in texts), np.int64, count)
        clean: dict[str, int] = {}
        places = [clean.setdefault(_clean(text, missing), len(clean)) for text in raw]
        return cls(list(clean), np.array(places, np.int64)[codes])

    @classmethod
    def joined(cls, parts: Sequence[Cells]) -> Cells:
        """Put columns one below the other.

        Args:
            parts: at least one.

        Examples:
            >>> Cells.joined([Cells.of(["a", "b"]), Cells.of(["b", ""])]).codes
            array([0, 1, 1, 2])
        """
        values = [part._values for part in parts if part._values is not None]
        if len(values) == len(parts):
            return cls(values=np.concatenate(values))
        place: dict[str, int] = {}
        codes = [
            np.array([place.setdefault(name, len(place)) for name in part.names], np.int64)[
                part.codes
            ]
            for part in parts
        ]
        return cls(list(place), np.concatenate(codes))

    def take(self, rows: Array) -> Cells:
        """Return the cells of some rows.

        Args:
            rows: whole numbers, or a mask of booleans (N,).
        """
        if self._values is not None:
            return Cells(values=self._values[rows])
        return Cells(self.names, self.codes[rows])

    def __len__(self) -> int:
        return len(self.codes if self._values is None else self._values)

    @cached_property
    def _named(self) -> tuple[list[str], Array]:
        if self._found is not None:
            return self._found
        assert self._values is not None
        different, codes = np.unique(self._values, return_inverse=True)  # one NaN for all
        return [_clean(_text_of(value)) for value in different.tolist()], codes

    @property
    def names(self) -> list[str]:
        """The different texts, `""` for what is missing."""
        return self._named[0]

    @property
    def codes(self) -> Array:
        """Which of the names stands in each row, int64 (N,)."""
        return self._named[1]

    @cached_property
    def numbers(self) -> Array:
        """The cells as numbers, float64 (N,); NaN for what is missing, text, or not finite."""
        if self._values is not None:
            held = np.abs(self._values) <= FLOAT32_MAX
            return self._values if held.all() else np.where(held, self._values, np.nan)
        return self.looked_up([finite(name) for name in self.names])

    @property
    def numeric(self) -> bool:
        """Whether the cells came as numbers, or all read as some."""
        return self._values is not None

    @property
    def different(self) -> int:
        """How many different cells there are, what is missing left out."""
        if self._values is None:
            return len(self.counts)
        return len(np.unique(self._values[~np.isnan(self._values)]))

    @property
    def example(self) -> str:
        """The first cell that is not missing; nothing where all are."""
        rows = np.flatnonzero(~self.missing)[:1]
        return self.take(rows).names[self.take(rows).codes[0]] if rows.size else ""

    @property
    def missing(self) -> Array:
        """Where nothing stands, bool (N,)."""
        if self._values is not None:
            return np.isnan(self._values)
        return self.codes == self.names.index("") if "" in self.names else np.zeros(len(self), bool)

    @property
    def counts(self) -> dict[str, int]:
        """How often each text stands there; what is missing left out."""
        counts = np.bincount(self.codes, minlength=len(self.names)).tolist()
        return {name: count for name, count in zip(self.names, counts) if name and count}

    def looked_up(self, values: Sequence[float]) -> Array:
        """Return for every row what stands in `values` for its text, float64 (N,)."""
        return np.array(values, np.float64).reshape(-1)[self.codes]


def _plain_numbers(texts: Sequence[Any]) -> Array | None:
    """Read texts that are all numbers, or nothing; `None` where one is anything else."""
    try:
        together = "".join(texts)
        if "_" in together or not together.isascii():
            return None
        some = [t or "nan" for t in texts] if "" in texts else texts
        numbers = np.fromiter(map(float, some), np.float64, len(texts))
    except (TypeError, ValueError):
        return None
    return None if (np.abs(numbers) > _EXACT).any() else numbers


def _text_of(value: object) -> str:
    """A cell as text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return _number_text(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def _number_text(number: float) -> str:
    """Whole numbers without a point, so that they are the same text wherever they come from."""
    return str(int(number)) if abs(number) <= _EXACT and number.is_integer() else repr(number)


def _clean(text: str, missing: frozenset[str] = MISSING) -> str:
    """A text without what it may be written with or without; nothing for what is missing."""
    text = text.strip()
    if text.lower() in missing:
        return ""
    number = to_number(text)
    return text if number is None or not abs(number) <= _EXACT else _number_text(number)


def finite(cell: str) -> float:
    """Read a number that a float32 can hold; NaN for anything else."""
    number = to_number(cell)
    return number if number is not None and abs(number) <= FLOAT32_MAX else np.nan
