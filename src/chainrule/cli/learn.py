"""`chainrule learn`: the lessons listed, and one of them read and run (floor 5)."""

from __future__ import annotations

import re
import webbrowser
from html import unescape
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from chainrule.errors import OptionError
from chainrule.files import replace_text
from chainrule.learn import (
    Lesson,
    Session,
    find,
    lessons,
    notebook,
    page,
    picture_of,
    standing_alone,
)

__all__ = ["learn_command"]

_WIDTH = 92  # columns; prose in longer lines is hard to read


def learn_command(name: str | None, *, as_page: bool, as_notebook: bool, no_open: bool) -> None:
    """List the lessons, or show one: here, as a page, or as a notebook.

    Args:
        name: a number or a part of a name; None lists them all.
        as_page: write what it says and shows to a page in the working folder.
        as_notebook: write it as a notebook into the working folder.
        no_open: write the page without opening it in the browser.

    Raises:
        OptionError: no lesson has that name, an option goes with another, or a notebook is there
            already.
        ChainruleError: the lesson failed.
    """
    console = Console(highlight=False, emoji=False)
    console.width = min(console.width, _WIDTH)
    if no_open and not as_page:
        raise OptionError("--no-open goes with --page; leave it out")
    if name is None and (as_page or as_notebook):
        raise OptionError("--page and --notebook are for one lesson; give its number or name")
    if name is None:
        _list(console)
        return
    lesson = find(name)
    if as_notebook:
        _write_notebook(lesson, console)
    if as_page:
        _write_page(lesson, console, open_it=not no_open)
    if not as_page and not as_notebook:
        _play(lesson, console)


# --- the list ------------------------------------------------------------------------------------


def _list(console: Console) -> None:
    for stair, group in groupby(lessons(), key=lambda lesson: lesson.stair):
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", style="cyan", width=3)
        table.add_column()
        for lesson in group:
            about = Text.assemble((lesson.title, "bold"), "\n", (_plain(lesson.promise), "dim"))
            table.add_row(str(lesson.number), about)
        console.print(Text(f"\n{stair}\n", style="bold cyan"))
        console.print(table)
    console.print(
        "\nchainrule learn 3            reads and runs one here\n"
        "chainrule learn 3 --page     in the browser, with its pictures\n"
        "chainrule learn 3 --notebook as a notebook, to change and run again",
        style="dim",
        soft_wrap=True,
    )


def _plain(text: str) -> str:
    """Prose without the signs of Markdown."""
    return re.sub(r"[`*]", "", text)


# --- one lesson ----------------------------------------------------------------------------------


def _play(lesson: Lesson, console: Console) -> None:
    """Print each cell of prose, print and run each cell of code."""
    session = Session(lesson)
    for cell in lesson.cells:
        console.print()
        if not cell.is_code:
            console.print(Markdown(standing_alone(cell.text)))
            continue
        code = Syntax(
            cell.text, "python", theme="ansi_dark", background_color="default", word_wrap=True
        )
        console.print(Padding(code, (0, 0, 1, 4)))
        _show(session.run(cell), lesson, console)


def _show(value: Any, lesson: Lesson, console: Console) -> None:
    """Print what a cell came to; of a picture, what it is and where to see it."""
    if value is None:
        return
    picture = picture_of(value)
    if picture is None:
        console.print(repr(value), markup=False)
        return
    title = re.search("<title>(.*?)</title>", picture)
    words = f"picture: {unescape(title[1])}" if title else "picture"
    command = (f"chainrule learn {lesson.number} --page", "cyan")
    console.print(Text.assemble(words, "; see it with ", command))


def _write_notebook(lesson: Lesson, console: Console) -> None:
    file = Path(f"{lesson.name}.ipynb")
    if file.exists():
        raise OptionError(f"{file} is there already and may hold your changes; move it away first")
    replace_text(file, notebook(lesson))
    console.print(f"{file} written; open it with: jupyter lab {file}", soft_wrap=True)


def _write_page(lesson: Lesson, console: Console, *, open_it: bool) -> None:
    file = Path(f"{lesson.name}.html")
    with console.status(f"running lesson {lesson.number}"):
        replace_text(file, page(lesson))
    console.print(f"{file} written")
    if open_it:
        webbrowser.open(file.resolve().as_uri())
