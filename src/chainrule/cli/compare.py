"""`chainrule compare`: runs side by side, here and on a page (floor 5)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.errors import OptionError, one_line
from chainrule.train.comparing.comparison import Comparison, Row, compare
from chainrule.train.comparing.page import page_of
from chainrule.train.reporting.report import write

__all__ = ["compare_command"]


def compare_command(
    folders: Sequence[str], *, out: str, data_dir: str | None, device: str = "cpu"
) -> None:
    """Compare runs.

    Args:
        folders: of the runs.
        out: where the page goes.
        data_dir: the folder where data sets such as mnist are kept.
        device: where the models answer for the test examples.

    Raises:
        OptionError: fewer than two runs, or too many; no place for the page; or a device that is
            not available.
        DataError: a folder that is none of a run, or is damaged.
    """
    console = Console(highlight=False, emoji=False)
    page = Path(out)
    if page.is_dir() or not page.absolute().parent.is_dir():
        raise OptionError(f"--out {out} must be a file in a folder that is there")
    compared = compare(folders, data_dir=data_dir, device=device)
    differing = [row for row in compared.settings if row.differs]
    console.print(_table(compared, compared.figures))
    console.print("\nthe settings are alike" if not differing else "\nsettings that differ:")
    if differing:
        console.print(_table(compared, differing, style="yellow"))
    console.print()
    for line in _apart(compared):
        console.print(Text(line), soft_wrap=True)
    write(page_of(compared), page)
    console.print(Text(f"curves, confusion and more: {one_line(out)}"), soft_wrap=True)


def _table(compared: Comparison, rows: Sequence[Row], style: str = "") -> Table:
    """A column for each run; the best of a row is bold."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in compared.names:
        table.add_column(Text(one_line(name)), justify="right", overflow="fold", style=style)
    for row in rows:
        cells = (
            Text(one_line(told), style="bold green" if i == row.best else "")
            for i, told in enumerate(row.values)
        )
        table.add_row(Text(row.name), *cells)
    return table


def _apart(compared: Comparison) -> list[str]:
    """Whether the differences are more than luck."""
    if compared.missed is None:
        return [f"not held against one another: {one_line(compared.why_not)}"]
    classes = bool(compared.runs[0].classes)
    words = "only {} is right on {:,}" if classes else "{} is nearer on {:,}"
    total = compared.missed.shape[1]
    lines = []
    for pair in compared.pairs:
        one, other = (one_line(compared.names[k]) for k in (pair.first, pair.second))
        told = [words.format(one, pair.only_first), words.format(other, pair.only_second)]
        lines.append(
            f"of {total:,} test examples {', '.join(told)}: two equally good networks differ so "
            f"much in {pair.chance_text} of cases"
        )
    return lines
