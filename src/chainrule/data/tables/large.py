"""Tables that are larger than memory is to hold: read in pieces, and kept in a file (floor 3).

The file is gone through twice. On the first pass rows are drawn evenly from all, as many as memory
is to hold, and the kinds of columns are found on them; on the second pass every row is encoded and
written. Only the target of every row stays in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from chainrule.data.stored import stored
from chainrule.data.tables.answers import answers
from chainrule.data.tables.cells import Cells
from chainrule.data.tables.recipe import Recipe
from chainrule.errors import DataError
from chainrule.ops import Array

__all__ = ["Large", "Told", "untold"]

# Hears what is being done, how many rows of it are, and of how many if that is known.
Told: TypeAlias = Callable[[str, int, int | None], None]

DRAWN = 10_000_000  # cells on which the kinds are found
FEWEST = 10_000  # rows of them


def untold(what: str, done: int, total: int | None) -> None:
    """Hear how far it is, and do nothing."""


class Source(Protocol):
    """A file that is read in pieces."""

    @property
    def path(self) -> Path:
        """Of the file."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""

    def place(self, row: int) -> str:
        """Where a row stands, as "line 7"."""

    def chunks(self, names: Sequence[str], target: str = "") -> Iterator[dict[str, Cells]]:
        """Some columns, a number of rows at a time."""


class Large:
    """What was read of a large table.

    Args:
        source: the file.
        target: the name of its target.
        asked: columns that a person has decided on, by what they are to be.
        told: hears how far it is.

    Raises:
        DataError: something in it is not what it should be, or the disk has no room for it.

    Attributes:
        recipe: found on the rows that were drawn.
        drawn: how many rows these are.
        rows: how many there are in all.
        answers: labels or numbers, class names or `None`, which rows have a target, and the reason.
        x: the features of these, float32 (N, F), stored.
    """

    def __init__(
        self,
        source: Source,
        target: str,
        asked: Mapping[str, Collection[str]],
        told: Told = untold,
    ) -> None:
        columns, cells = _drawn(source, target, told)
        self.rows, self.drawn = len(cells), len(next(iter(columns.values())))
        try:
            self.recipe = Recipe.of(columns, **asked)
        except DataError as error:
            raise DataError(f"{source.path}: {error}") from None
        self.answers = answers(source, target, cells)
        known = self.answers[2]
        encoded = _encoded(source, self.recipe, known, told)
        self.x = stored(encoded, int(known.sum()), len(self.recipe.features))


def _encoded(source: Source, recipe: Recipe, known: Array, told: Told) -> Iterator[Array]:
    begin = 0
    for chunk in source.chunks(recipe.needed):
        block = recipe.encode(chunk)
        yield block[known[begin : begin + len(block)]]
        begin += len(block)
        told("making numbers of its rows", begin, len(known))


def _drawn(source: Source, target: str, told: Told) -> tuple[dict[str, Cells], Cells]:
    """Return the features of rows drawn evenly from all, and the target of every row."""
    most = max(DRAWN // len(source.names), FEWEST)
    rng = np.random.default_rng(0)
    held: list[dict[str, Cells]] = []
    targets: list[Cells] = []
    share, count, seen = 1.0, 0, 0
    for chunk in source.chunks(source.names, target):
        targets.append(chunk.pop(target))
        held.append(_some(chunk, rng.random(len(targets[-1])) < share))
        count += _rows(held[-1])
        seen += len(targets[-1])
        told("looking at what its columns hold", seen, None)
        while count > most:  # half of those held, and of those to come
            share /= 2
            held = [_some(one, rng.random(_rows(one)) < 0.5) for one in held]
            count = sum(map(_rows, held))
    if not targets:
        raise DataError(f"{source.path} has column names but no rows below them; add some")
    names = [name for name in source.names if name != target]
    return {name: Cells.joined([one[name] for one in held]) for name in names}, Cells.joined(
        targets
    )


def _rows(columns: Mapping[str, Cells]) -> int:
    return len(next(iter(columns.values())))


def _some(columns: Mapping[str, Cells], rows: Array) -> dict[str, Cells]:
    return {name: cells.take(rows) for name, cells in columns.items()}
