"""One column of a table: its kind, found from its cells, and the numbers made of it (floor 3).

The kinds are numbers, categories, dates, yes/no, and the columns that are left out: constant ones,
identifiers, those a person does not want. Free text is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from chainrule.data.tables.cells import Cells, finite, to_number
from chainrule.data.tables.dates import CYCLES, PARTS, form_of, part_of, read_date
from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = ["KINDS", "LEFT_OUT", "MOST_CATEGORIES", "MOST_RARE", "OTHER", "Column", "column_of"]

LEFT_OUT = ("constant", "identifier", "dropped")
KINDS = ("number", "category", "date", "yes/no", *LEFT_OUT)
OTHER = "(other)"
FEW = 20  # different texts that are categories even where most of them stand there once
MOST_CATEGORIES = 1000  # with a code of their own: the commonest
MOST_RARE = 10_000  # further ones, which are joined into one
LONGEST = 200  # characters of a category
SELDOM = 5  # rows; what stands in fewer is rare, in a small table in fewer than 1 + N / 100
CLEAN = 0.95  # of the cells are numbers: the others count as missing
YES_NO = MappingProxyType(
    dict.fromkeys(("no", "false", "n", "f", "off"), 0.0)
    | dict.fromkeys(("yes", "true", "y", "t", "on"), 1.0)
)
ID_NAMES = frozenset({"id", "ids", "uuid", "guid", "index", "unnamed: 0", "rownames"})


@dataclass(frozen=True)
class Column:
    """A column of a table, and how its cells become numbers.

    A number stays one, and "yes" is 1. A category is its place in `categories` counted from 1, or
    the place behind them if it is rare; one that is missing or new is 0. A date becomes some of
    days since the first, month, day, weekday and hour: those that differ.

    Attributes:
        name: its header.
        kind: one of "number", "category", "date", "yes/no", "constant", "identifier", "dropped".
        different: how many different cells it has, missing ones aside.
        missing: how many cells are missing.
        example: its first cell that is not missing.
        note: what else there is to say, or nothing.
        fill: the mean, which stands in for a missing cell where none was missing before.
        categories: those with a code of their own.
        rare: those that share the code of "(other)".
        form: how dates are written.
        start: the first date, in days since 1970-01-01.
        parts: what is taken from a date.
    """

    name: str
    kind: str
    different: int = 0
    missing: int = 0
    example: str = ""
    note: str = ""
    fill: float = 0.0
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    form: str = ""
    start: float = 0.0
    parts: tuple[str, ...] = ()

    @property
    def used(self) -> bool:
        """Whether anything is made of it."""
        return self.kind not in LEFT_OUT

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers made of it."""
        if self.kind == "date":
            return tuple(f"{self.name}: {part}" for part in self.parts)
        return (self.name,) if self.used else ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of each feature 0 if it is a number, else how many categories it has."""
        if self.kind == "date":
            return tuple(CYCLES[part] + 1 if part in CYCLES else 0 for part in self.parts)
        if self.kind == "category":
            return (1 + len(self.categories) + bool(self.rare),)
        return (0,) if self.used else ()

    @property
    def gaps(self) -> tuple[bool, ...]:
        """Of each feature whether it is a number that may be missing."""
        return tuple(not size and self.missing > 0 for size in self.sizes)

    def encode(self, cells: Cells) -> list[Array]:
        """Return the features, float64 (N,) each.

        Args:
            cells: of the column, whatever is in them.
        """
        if self.kind == "category":
            return [self._codes(cells)]
        if self.kind == "date":
            days = self._filled(self._values(cells))
            return [part_of(part, days, self.start) for part in self.parts]
        return [self._filled(self._values(cells))] if self.used else []

    def notes(self, cells: Cells) -> list[str]:
        """Say what of the cells was never met before, a sentence for each kind of it."""
        found = []
        if self.kind == "category":
            known = {"", *self.categories, *self.rare}
            new = {name: n for name, n in cells.counts.items() if name not in known}
            found += self._told(new, f"a category of {self.name!r} that was never seen")
        elif self.used:
            unread = np.isnan(self._values(cells)) & ~cells.missing
            counts = (
                np.bincount(cells.codes[unread], minlength=len(cells.names)) if unread.any() else ()
            )
            odd = {name: int(n) for name, n in zip(cells.names, counts) if n}
            found += self._told(odd, f"a cell of {self.name!r} that is no {_NOUNS[self.kind]}")
        gone = int(cells.missing.sum())
        if gone and self.used and not self.missing:
            found.append(f"{_rows(gone)} no {self.name!r}, which was never missing before")
        return found

    def _told(self, counts: dict[str, int], what: str) -> list[str]:
        if not counts:
            return []
        shown = ", ".join(repr(name[:40]) for name in list(counts)[:3])
        return [f"{_rows(sum(counts.values()))} {what}: {shown}{', ...' * (len(counts) > 3)}"]

    def _codes(self, cells: Cells) -> Array:
        places = {name: k for k, name in enumerate(self.categories, start=1)}
        places |= dict.fromkeys(self.rare, len(self.categories) + 1)
        return cells.looked_up([places.get(name, 0) for name in cells.names])

    def _values(self, cells: Cells) -> Array:
        if self.kind == "date":
            return cells.looked_up([read_date(name, self.form) for name in cells.names])
        if self.kind == "yes/no":
            return cells.looked_up([_yes_no(name) for name in cells.names])
        return cells.numbers

    def _filled(self, values: Array) -> Array:
        return values if self.missing else np.where(np.isnan(values), self.fill, values)


_NOUNS = {"number": "number", "date": "date", "yes/no": "yes or no"}


def _rows(count: int) -> str:
    return "1 row has" if count == 1 else f"{count:,} rows have"


def _yes_no(name: str) -> float:
    return YES_NO.get(name.lower(), np.nan)


def column_of(name: str, cells: Cells, kind: str | None = None) -> Column:
    """Find out what a column holds.

    Args:
        name: its header.
        cells: all of them.
        kind: "number", "category" or "dropped", where a person has decided.

    Raises:
        DataError: it holds free text.

    Examples:
        >>> column_of("size", Cells.of(["S", "M", "S", ""])).categories
        ('M', 'S')
        >>> column_of("sold", Cells.of(["2024-01-05", "2024-02-01"])).features
        ('sold: days', 'sold: month', 'sold: day', 'sold: weekday')
        >>> column_of("id", Cells.of(["7", "8"])).kind
        'identifier'
    """
    gone = int(cells.missing.sum())
    different = cells.different
    basis = Column(name, "dropped", different, gone, _shown(cells.example))
    if kind == "dropped":
        return basis
    if kind is not None:
        return _number(basis, cells) if kind == "number" else _category(basis, cells)
    if different < 1 + (not gone):
        return _changed(basis, kind="constant", note="" if different else "always missing")
    if different == len(cells) and _is_id(name) and (not cells.numeric or _whole(cells.numbers)):
        return _changed(basis, kind="identifier")
    return _number(basis, cells) if cells.numeric else _of_texts(basis, cells)


def _of_texts(basis: Column, cells: Cells) -> Column:
    counts, present = cells.counts, len(cells) - basis.missing
    numeric = sum(count for name, count in counts.items() if to_number(name) is not None)
    if numeric == present:  # too large ones among them
        return _number(basis, cells)
    if all(name.lower() in YES_NO for name in counts):
        return _finished(_changed(basis, kind="yes/no"), cells)
    if numeric == 0 and (form := form_of(list(counts))) is not None:
        return _date(basis, cells, form)
    if _few(counts, present):
        return _category(basis, cells)
    if numeric >= CLEAN * present:
        return _number(basis, cells)
    raise _refusal(basis, counts, present, numeric > present / 2)


def _few(counts: dict[str, int], present: int) -> bool:
    different = len(counts)
    return (
        different <= MOST_RARE
        and (different <= FEW or 2 * different <= present)
        and (different < present or different <= 2)
        and max(map(len, counts)) <= LONGEST
    )


def _refusal(basis: Column, counts: dict[str, int], present: int, numeric: bool) -> DataError:
    ways = f"leave it out (--drop {basis.name}) or declare it (--categorical {basis.name}"
    if numeric:
        odd = next(name for name in counts if np.isnan(finite(name)))
        return DataError(
            f"column {basis.name!r} holds numbers and {odd[:40]!r}, among others that are none; "
            f"correct it, {ways}, or --numeric {basis.name}, for which such cells are missing)"
        )
    return DataError(
        f"column {basis.name!r} holds free text: {len(counts):,} different texts in "
        f"{present:,} rows; {ways})"
    )


def _category(basis: Column, cells: Cells) -> Column:
    counts = cells.counts
    if len(counts) > MOST_RARE or not counts:
        raise DataError(
            f"column {basis.name!r} has {len(counts):,} different cells, from 1 to {MOST_RARE:,} "
            f"are due for categories; leave it out (--drop {basis.name})"
        )
    least = min(SELDOM, 1 + len(cells) // 100)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    common = [name for name in ranked if counts[name] >= least] or ranked
    kept = common[:MOST_CATEGORIES]
    rare = sorted(set(ranked) - set(kept))
    note = f"{len(rare):,} rare joined into {OTHER}" if rare else ""
    return _changed(
        basis, kind="category", note=note, categories=tuple(_sorted(kept)), rare=tuple(rare)
    )


def _number(basis: Column, cells: Cells) -> Column:
    column = _finished(_changed(basis, kind="number"), cells)
    odd = column.missing - basis.missing
    if not odd:
        return column
    return _changed(column, note=f"{odd:,} cells are no numbers and count as missing")


def _date(basis: Column, cells: Cells, form: str) -> Column:
    whole = _changed(basis, kind="date", form=form, parts=PARTS)
    days = whole._values(cells)
    start = float(np.nanmin(days))
    known = days[~np.isnan(days)]
    parts = tuple(part for part in PARTS if np.ptp(part_of(part, known, start)) > 0)
    return _finished(_changed(whole, start=start, parts=parts or ("days",), note=form), cells)


def _finished(column: Column, cells: Cells) -> Column:
    """Note the mean, and how many cells are missing: those that cannot be read are."""
    values = column._values(cells)
    known = values[~np.isnan(values)]
    fill = float(known.mean()) if known.size else 0.0
    return _changed(column, missing=len(values) - known.size, fill=fill)


def _changed(column: Column, **fields: object) -> Column:
    return replace(column, **fields)  # type: ignore[arg-type]


def _shown(cell: str) -> str:
    """The beginning of a text; of a number seven digits, as many as a float32 has."""
    number = finite(cell)
    return cell[:40] if np.isnan(number) or len(cell) <= 12 else f"{number:.7g}"


def _whole(numbers: Array) -> bool:
    return bool((np.isfinite(numbers) & (numbers % 1 == 0)).all())


def _is_id(name: str) -> bool:
    lower = name.lower()
    parts = lower.replace("-", "_").replace(" ", "_").split("_")
    return lower in ID_NAMES or parts[0] == "id" or parts[-1] == "id" or name.endswith(("Id", "ID"))


def _sorted(names: list[str]) -> list[str]:
    """In the order of the alphabet, numbers by their value."""
    values = {name: number for name in names if (number := to_number(name)) is not None}
    return sorted(names, key=lambda name: (name not in values, values.get(name, 0.0), name))
