"""A table of words and figures, as text and as HTML (floor 4; knows texts alone).

What others count and measure they put into such a table, which prints itself and which notebooks
show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.picture import Markup, element

__all__ = ["Table"]

_CELL = "padding: 1px 7px 1px {left}px; white-space: nowrap; text-align: {side}; {figures}"
_NOTE = "margin: 2px 7px"


@dataclass(frozen=True)
class Table:
    """Rows of cells under their heads.

    Attributes:
        heads: of the columns.
        rows: as many cells in each.
        words: the numbers of the columns that hold words, and are flush left; figures are right.
        notes: lines below.

    Examples:
        >>> print(Table(["op", "calls"], [["add", "2"], ["relu", "15"]], notes=["17 in all"]))
        op    calls
        add       2
        relu     15
        <BLANKLINE>
        17 in all
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset({0})
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [self.heads, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        shown = [self._line(cells, widths) for cells in lines]
        return "\n".join([*shown, *(["", *self.notes] if self.notes else [])])

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        placed = [
            cell.ljust(width) if k in self.words else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(cells, widths))
        ]
        return "  ".join(placed).rstrip()

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> Markup:
        """The table as an element, for a page; text in it is escaped."""
        head = element(
            "thead", element("tr", *(self._cell("th", *c) for c in enumerate(self.heads)))
        )
        body = (element("tr", *(self._cell("td", *c) for c in enumerate(row))) for row in self.rows)
        notes = (element("p", note, style=_NOTE) for note in self.notes)
        table = element("table", head, element("tbody", *body), style="border-collapse: collapse")
        return element("div", table, *notes, style="font-size: 0.85em")

    def _cell(self, tag: str, column: int, text: str) -> Markup:
        words = column in self.words
        inner = text.lstrip(" ")
        style = _CELL.format(
            left=7 * (1 + len(text) - len(inner)),
            side="left" if words else "right",
            figures="" if words else "font-variant-numeric: tabular-nums",
        )
        return element(tag, inner, style=style.strip("; "))
