"""Running the cells of a lesson one after another, as a notebook does (floor 4).

The only code that is run is that of the lessons, which are part of chainrule. What a cell prints
goes where printing goes; what its last line is worth is given back, for whoever shows it.
"""

from __future__ import annotations

import ast
import sys
import traceback
from typing import Any

from chainrule.errors import ChainruleError
from chainrule.learn.lesson import Cell, Lesson
from chainrule.picture import Markup

__all__ = ["Session", "picture_of"]


class Session:
    """What the cells of a lesson share: the names that they define.

    Args:
        lesson: the lesson to be run.

    Examples:
        >>> from pathlib import Path
        >>> lesson = Lesson(Path("01_six.py"), ())
        >>> session = Session(lesson)
        >>> session.run(Cell("six = 2 * 3", is_code=True, line=1))
        >>> session.run(Cell("six * 7", is_code=True, line=3))
        42
    """

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson
        self._names: dict[str, Any] = {"__name__": "__main__", "__file__": str(lesson.path)}

    def run(self, cell: Cell) -> Any:
        """Run a cell; return the value of its last line if that is an expression, else None.

        Raises:
            ChainruleError: the cell failed; the sentence says in which line and how.
        """
        tree = ast.increment_lineno(ast.parse(cell.text), cell.line - 1)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        try:
            exec(self._compiled(tree, "exec"), self._names)
            if isinstance(last, ast.Expr):
                return eval(self._compiled(ast.Expression(last.value), "eval"), self._names)
        except ChainruleError:
            raise
        except Exception as error:
            raise ChainruleError(self._sentence(error)) from error
        return None

    def _compiled(self, tree: ast.Module | ast.Expression, mode: str) -> Any:
        return compile(tree, str(self._lesson.path), mode, dont_inherit=True)

    def _sentence(self, error: Exception) -> str:
        """Say where in the lesson an error came from."""
        frames = traceback.extract_tb(sys.exc_info()[2])
        own = [frame.lineno for frame in frames if frame.filename == str(self._lesson.path)]
        words = traceback.format_exception_only(error)[-1].strip()
        return f"lesson {self._lesson.name} stopped in line {own[-1] if own else '?'}: {words}"


def picture_of(value: object) -> Markup | None:
    """Return what a value looks like in a page, by the methods that notebooks ask for.

    Args:
        value: of the last line of a cell.

    Returns:
        HTML with all it needs, or SVG; None where the value has neither.

    Examples:
        >>> from chainrule.picture import line_chart
        >>> picture_of(line_chart({"loss": [3, 2, 1]}))[:22]
        '<svg class="chainrule"'
        >>> picture_of(42)
    """
    for method in ("_repr_html_", "_repr_svg_"):
        if callable(show := getattr(type(value), method, None)):
            return Markup(show(value))
    return None
