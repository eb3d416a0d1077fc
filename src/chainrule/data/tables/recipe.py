"""`Recipe`: from the raw columns of a table to the numbers of a network, as plain data (floor 3).

It is found once, on the table that is learned from, kept with the model, and then makes the same
numbers of any other table. It holds no code: what is read back from a file is checked like any
other file from outside.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data.tables.cells import Cells
from chainrule.data.tables.columns import (
    KINDS,
    MOST_CATEGORIES,
    MOST_RARE,
    OTHER,
    Column,
    column_of,
)
from chainrule.data.tables.dates import CYCLES, FORMS, PARTS
from chainrule.errors import DataError, OptionError, did_you_mean
from chainrule.ops import Array

__all__ = ["Recipe"]

_MOST_COLUMNS = 100_000


@dataclass(frozen=True)
class Recipe:
    """What becomes of each column of a table.

    Numbers stay numbers, and where some were missing, they are NaN. Categories become whole
    numbers: 0 for "missing or new", 1, 2, ... for those that are known, and one more for all the
    rare ones. `nn.Columns` takes both. Dates become several numbers; constant columns and
    identifiers are left out. See `Column` for what is kept of each.

    Args:
        columns: in the order of the table.

    Examples:
        >>> rows = {"area": ["40", "65", ""], "street": ["A", "B", "A"], "id": ["1", "2", "3"]}
        >>> recipe = Recipe.of(rows)
        >>> recipe
        Recipe(area: number, street: category, id: identifier)
        >>> recipe.features, recipe.sizes, recipe.gaps
        (('area', 'street'), (0, 3), (True, False))
        >>> new = {"street": ["B", "C"], "area": [50, None]}
        >>> recipe.encode(new)
        array([[50.,  2.],
               [nan,  0.]], dtype=float32)
        >>> recipe.notes(new)
        ["1 row has a category of 'street' that was never seen: 'C'"]
    """

    columns: tuple[Column, ...]

    def __repr__(self) -> str:
        shown = [f"{column.name}: {column.kind}" for column in self.columns[:12]]
        more = [f"{len(self.columns) - 12:,} more"] if len(self.columns) > 12 else []
        return f"Recipe({', '.join(shown + more)})"

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Any],
        *,
        categorical: Collection[str] = (),
        numeric: Collection[str] = (),
        drop: Collection[str] = (),
    ) -> Recipe:
        """Find out what columns hold.

        Args:
            columns: by name, each with N cells: texts as they stand in a file, or an array of
                numbers, dates or objects.
            categorical: the names of those that are categories whatever they look like.
            numeric: of those that are numbers; cells that are none count as missing.
            drop: of those to leave out.

        Raises:
            OptionError: a name that is no column's, or one that is given twice.
            DataError: columns of different lengths, one that holds free text, or nothing that
                could be learned from.
        """
        decided = _decided(columns, category=categorical, number=numeric, dropped=drop)
        _check_lengths(columns)
        found = [
            column_of(name, Cells.of(values, name), decided.get(name))
            for name, values in columns.items()
        ]
        return cls(tuple(found)).checked()

    def checked(self) -> Recipe:
        """Return the recipe itself.

        Raises:
            DataError: nothing is left that could be learned from.
        """
        if any(column.used for column in self.columns):
            return self
        why = ", ".join(f"{column.name!r} is {_WHY[column.kind]}" for column in self.columns[:6])
        raise DataError(f"no column is left to learn from: {why or 'there is none'}")

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the F numbers made of a row."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of each feature 0 if it is a number, else how many categories it has."""
        return tuple(size for column in self.columns for size in column.sizes)

    @property
    def gaps(self) -> tuple[bool, ...]:
        """Of each feature whether it is a number that may be missing."""
        return tuple(gap for column in self.columns for gap in column.gaps)

    @property
    def plain(self) -> bool:
        """Whether all features are numbers, and none is ever missing."""
        return not any(self.sizes) and not any(self.gaps)

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of the columns that something is made of."""
        return tuple(column.name for column in self.columns if column.used)

    def categories(self) -> dict[str, tuple[str, ...]]:
        """Return of each feature that is a category the name of each of its codes.

        Examples:
            >>> Recipe.of({"size": ["S", "M", "S"]}).categories()
            {'size': ('(missing or new)', 'M', 'S')}
        """
        first = "(missing or new)"
        named: dict[str, tuple[str, ...]] = {}
        for column in self.columns:
            if column.kind == "category":
                named[column.name] = (first, *column.categories, *([OTHER] * bool(column.rare)))
            for part in set(column.parts) & set(CYCLES):
                codes = map(str, range(1, CYCLES[part] + 1))
                named[f"{column.name}: {part}"] = (first, *codes)
        return named

    def encode(self, columns: Mapping[str, Any]) -> Array:
        """Return the numbers a network takes, float32 (N, F).

        Whatever stands in a cell, this does not fail: a category never seen has the code 0, a
        cell that is no number is missing, and a missing number is NaN, or the mean where none was
        missing before. `notes` tells of them.

        Args:
            columns: by name, as `of` takes them; others than those needed are passed over.

        Raises:
            DataError: a column is not there, or they have different lengths.
        """
        used = self._given(columns)
        encoded = np.empty((_check_lengths(columns), len(self.features)), np.float32)
        place = 0
        for column in used:
            for values in column.encode(Cells.of(columns[column.name], column.name)):
                encoded[:, place] = values
                place += 1
        return encoded

    def notes(self, columns: Mapping[str, Any]) -> list[str]:
        """Say what in these columns was never met before, one sentence for each kind of it.

        Args:
            columns: as `encode` takes them.

        Raises:
            DataError: as by `encode`.
        """
        return [
            note
            for column in self._given(columns)
            for note in column.notes(Cells.of(columns[column.name], column.name))
        ]

    def _given(self, columns: Mapping[str, Any]) -> list[Column]:
        """The columns that are used, which are all there."""
        for name in self.needed:
            if name not in columns:
                guess = did_you_mean(name, columns)
                raise DataError(f"there is no column {name!r}, which the model needs{guess}")
        return [column for column in self.columns if column.used]

    def described(self) -> dict[str, Any]:
        """Return it as plain data for a JSON file."""
        return {"columns": [_told(column) for column in self.columns]}

    @classmethod
    def read(cls, described: Any) -> Recipe:
        """Take up what `described` returned, from a file that nobody vouches for.

        Args:
            described: from a JSON file.

        Raises:
            DataError: it is not what `described` returns.

        Examples:
            >>> recipe = Recipe.of({"size": ["S", "M", "S"]})
            >>> Recipe.read(recipe.described()) == recipe
            True
        """
        columns = described.get("columns") if isinstance(described, dict) else None
        if not isinstance(columns, list) or not 0 < len(columns) <= _MOST_COLUMNS:
            raise DataError("the recipe of a table holds a list of columns, and this has none")
        read = tuple(_column(told) for told in columns)
        if len({column.name for column in read}) < len(read):
            raise DataError("the recipe of a table names a column twice")
        return cls(read).checked()


_WHY = {"constant": "the same in every row", "identifier": "an identifier", "dropped": "dropped"}


def _decided(columns: Mapping[str, Any], **kinds: Collection[str]) -> dict[str, str]:
    """The kinds that a person has decided, by column."""
    decided: dict[str, str] = {}
    for kind, names in kinds.items():
        for name in names:
            if name not in columns:
                raise OptionError(f"there is no column {name!r}{did_you_mean(name, columns)}")
            if decided.setdefault(name, kind) != kind:
                raise OptionError(f"column {name!r} cannot be {decided[name]} and {kind}")
    return decided


def _check_lengths(columns: Mapping[str, Any]) -> int:
    """Return how many rows there are, the same in all columns."""
    lengths = {len(values): name for name, values in columns.items()}
    if len(lengths) > 1:
        (n, one), (m, other) = min(lengths.items()), max(lengths.items())
        raise DataError(f"column {one!r} has {n:,} rows and {other!r} has {m:,}; as many are due")
    return next(iter(lengths), 0)


# --- as plain data ------------------------------------------------------------------------------

_TEXTS = ("name", "kind", "example", "note", "form")
_COUNTS = ("different", "missing")
_NUMBERS = ("fill", "start")
_LISTS = {"categories": MOST_CATEGORIES, "rare": MOST_RARE, "parts": len(PARTS)}


def _told(column: Column) -> dict[str, Any]:
    """What differs from an empty column."""
    empty = Column("", "")
    return {
        name: list(value) if name in _LISTS else value
        for name in (*_TEXTS, *_COUNTS, *_NUMBERS, *_LISTS)
        if (value := getattr(column, name)) != getattr(empty, name)
    }


def _column(told: Any) -> Column:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise DataError("the recipe of a table has a column without a name")
    empty = Column("", "")
    fields: dict[str, Any] = {}
    for field, value in _fields(told):
        if not _fits(field, value):
            raise DataError(
                f"the recipe of column {told['name'][:40]!r} says {field} = {value!r:.40}, "
                "which cannot be"
            )
        fields[field] = tuple(value) if field in _LISTS else value
    column = Column(**{"name": empty.name, "kind": empty.kind, **fields})
    _check(column)
    return column


def _fields(told: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in (*_TEXTS, *_COUNTS, *_NUMBERS, *_LISTS):
        if field in told:
            yield field, told[field]


def _fits(field: str, value: Any) -> bool:
    if field in _TEXTS:
        return isinstance(value, str)
    if field in _COUNTS:
        return type(value) is int and 0 <= value < 2**53
    if field in _NUMBERS:
        return type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e39
    return (
        isinstance(value, list)
        and len(value) <= _LISTS[field]
        and all(isinstance(item, str) for item in value)
        and len(set(value)) == len(value)
    )


def _check(column: Column) -> None:
    """Refuse what is well formed and still cannot be."""
    name = repr(column.name[:40])
    if column.kind not in KINDS:
        raise DataError(f"the recipe of column {name} says it is {column.kind!r:.40}, no such kind")
    if column.kind == "date" and (
        column.form not in FORMS or not column.parts or not set(column.parts) <= set(PARTS)
    ):
        raise DataError(f"the recipe of column {name} does not say how its dates are read")
    if column.kind == "category" and (
        not column.categories or set(column.categories) & set(column.rare)
    ):
        raise DataError(f"the recipe of column {name} does not say what categories it has")
