"""A lesson as a Jupyter notebook (floor 4)."""

from __future__ import annotations

import json
from typing import Any

from chainrule.learn.lesson import Cell, Lesson, standing_alone

__all__ = ["notebook"]


def notebook(lesson: Lesson) -> str:
    """Return the text of an `.ipynb` file, in version 4.5 of its format, with nothing run yet.

    Args:
        lesson: the lesson.

    Examples:
        >>> from pathlib import Path
        >>> file = notebook(Lesson(Path("01_six.py"), (Cell("2 * 3", is_code=True, line=1),)))
        >>> json.loads(file)["cells"][0]["source"]
        ['2 * 3']
    """
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    contents = {
        "cells": [_cell(number, cell) for number, cell in enumerate(lesson.cells, start=1)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(contents, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, cell: Cell) -> dict[str, Any]:
    text = cell.text if cell.is_code else standing_alone(cell.text)
    shared = {"id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
    if cell.is_code:
        return {"cell_type": "code", "execution_count": None, "outputs": [], **shared}
    return {"cell_type": "markdown", **shared}
