"""A lesson as it stands in its file: cells of prose and of code (floor 4).

The percent format: a line that begins with `# %%` opens a cell, `[markdown]` behind it says that
the cell is prose, every line of which is a comment. This file finds lessons and takes them apart;
it runs and shows nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import DataError, OptionError, did_you_mean

__all__ = ["STAIRS", "Cell", "Lesson", "find", "lessons", "read", "standing_alone"]

# The number of the first lesson of each stair, and what the stair is about.
STAIRS = {
    1: "A slope and a step",
    6: "Derivatives by machine",
    9: "From numbers to arrays",
    13: "Training well",
    16: "Images, sequences, attention",
    19: "Below the floor",
}
_MARKER = re.compile(r"# %%(.*)")
_LINK = re.compile(r"\[([^]]+)\]\((\d\d)_\w+\.py\)")
_FILE = re.compile(r"(\d\d)_(\w+)")


@dataclass(frozen=True)
class Cell:
    """A cell of a lesson.

    Args:
        text: Markdown, or Python.
        is_code: which of the two.
        line: where in the file its text begins, counted from 1.
    """

    text: str
    is_code: bool
    line: int


@dataclass(frozen=True)
class Lesson:
    """A lesson: where it stands on the staircase, and its cells.

    Args:
        path: its file, `03_learning_an_average.py`.
        cells: in their order.
    """

    path: Path
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The name of its file without the ending, `03_learning_an_average`."""
        return self.path.stem

    @property
    def number(self) -> int:
        """Its place on the staircase, from 1."""
        return int(self.name[:2])

    @property
    def stair(self) -> str:
        """What the part of the staircase is about that it belongs to."""
        return STAIRS[max(first for first in STAIRS if first <= self.number)]

    @property
    def title(self) -> str:
        """The heading it begins with."""
        return self.cells[0].text.splitlines()[0].removeprefix("# ")

    @property
    def promise(self) -> str:
        """The first sentence below the title: what will be understood."""
        paragraph = self.cells[0].text.split("\n\n")[1]
        return re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()))[0]


def read(path: Path) -> Lesson:
    r"""Return the lesson in a file.

    Raises:
        DataError: it does not begin with a cell of prose that has a title and a paragraph.

    Examples:
        >>> import tempfile
        >>> source = '''# %% [markdown]
        ... # # Doubling
        ... #
        ... # Two of everything. Nothing more.
        ...
        ... # %%
        ... print(2 * 21)
        ... '''
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "01_doubling.py")
        ...     _ = file.write_text(source)
        ...     lesson = read(file)
        >>> lesson.number, lesson.title, lesson.promise
        (1, 'Doubling', 'Two of everything.')
        >>> lesson.cells[1]
        Cell(text='print(2 * 21)', is_code=True, line=7)
    """
    cells = _cells(path.read_text(encoding="utf-8"))
    first = "" if not cells or cells[0].is_code else cells[0].text
    if not re.match(r"# \S.*\n\n\S", first) or not _FILE.fullmatch(path.stem):
        raise DataError(
            f"{path} is no lesson: a name such as 01_slopes.py is due, and a first cell "
            "'# %% [markdown]' with a title '# # Slopes' and a paragraph below it"
        )
    return Lesson(path, cells)


def _cells(source: str) -> tuple[Cell, ...]:
    """Take a program apart at its markers; a cell with nothing in it is none."""
    cells: list[Cell] = []
    lines, is_code, start = [], True, 1
    for number, line in enumerate([*source.splitlines(), "# %%"], start=1):
        marker = _MARKER.fullmatch(line)
        if marker is None:
            lines.append(line if is_code else line.removeprefix("#").removeprefix(" "))
            continue
        if any(lines):
            blank = next(i for i, text in enumerate(lines) if text)
            cells.append(Cell("\n".join(lines[blank:]).rstrip(), is_code, start + blank))
        lines, is_code, start = [], "[markdown]" not in marker[1], number + 1
    return tuple(cells)


def lessons() -> list[Lesson]:
    """Return the lessons that come with chainrule, in their order.

    Raises:
        DataError: the installed package is damaged.
    """
    folder = _folder()
    found = [read(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]
    if not found:
        raise DataError(f"there are no lessons in {folder}; install chainrule anew")
    return found


def _folder() -> Path:
    """Where the lessons lie: in an installed package beside this file, else in the repository."""
    here = Path(__file__).parent
    installed, repository = here / "lessons", here.parents[2] / "lessons"
    return installed if installed.is_dir() else repository


def find(name: str) -> Lesson:
    """Return the lesson that has a number, or whose name has a part.

    Args:
        name: "3", "03_learning_an_average", or "average".

    Raises:
        OptionError: no lesson or several are meant by that.
    """
    known = lessons()
    wanted = "_".join(name.lower().split()).removesuffix(".py")
    found = [lesson for lesson in known if wanted.isdecimal() and lesson.number == int(wanted)]
    found = found or [lesson for lesson in known if wanted and wanted in lesson.name]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(lesson.name for lesson in found)
        raise OptionError(f"{name!r} may mean {names}; give the number of one")
    words = [word for lesson in known for word in lesson.name.split("_")[1:] if len(word) > 3]
    raise OptionError(
        f"there is no lesson {name!r}; give a number from 1 to {known[-1].number} or a part of a "
        f"name{did_you_mean(wanted, words)}"
    )


def standing_alone(prose: str) -> str:
    """Return prose with links to other lessons as the commands that show them.

    Args:
        prose: Markdown.

    Examples:
        >>> standing_alone("Next: [a neuron](02_a_neuron.py).")
        'Next: a neuron (`chainrule learn 2`).'
    """
    return _LINK.sub(lambda link: f"{link[1]} (`chainrule learn {int(link[2])}`)", prose)
