"""A lesson as one page: prose, code, what the code printed, and its pictures (floor 4).

The page stands alone: it loads nothing, and a policy in its head forbids it to. The prose goes
through a Markdown reader that takes no HTML, the code through a highlighter, what was printed
through `element`, so that each is escaped. The look of the page is in `page.css`.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from importlib.resources import files
from io import StringIO

from chainrule.learn.lesson import Cell, Lesson, standing_alone
from chainrule.learn.session import Session, picture_of
from chainrule.picture import Markup, document, element, join

__all__ = ["page"]


def page(lesson: Lesson) -> str:
    """Run a lesson and return it as an HTML page.

    Args:
        lesson: the lesson.

    Raises:
        ChainruleError: a cell failed.

    Examples:
        >>> from pathlib import Path
        >>> title, six = Cell("# Six", False, 1), Cell("print(2 * 3 < 7)", True, 3)
        >>> html = page(Lesson(Path("01_six.py"), (title, six)))
        >>> "<h1>Six</h1>" in html, ">True</pre>" in html
        (True, True)
    """
    session = Session(lesson)
    parts = [_ran(session, cell) if cell.is_code else _prose(cell.text) for cell in lesson.cells]
    style = files("chainrule.learn").joinpath("page.css").read_text(encoding="utf-8")
    return document(lesson.title, style, element("main", *parts), scripts=True)


def _prose(text: str) -> Markup:
    from markdown_it import MarkdownIt

    return Markup(MarkdownIt("js-default").render(standing_alone(text)))


def _ran(session: Session, cell: Cell) -> Markup:
    """Run a cell; return its code with what came of it."""
    with redirect_stdout(StringIO()) as printed:
        value = session.run(cell)
    said, picture = printed.getvalue(), picture_of(value)
    if value is not None and picture is None:
        said += f"{value!r}\n"
    return join(
        [
            _code(cell.text),
            element("pre", said.rstrip(), class_="printed") if said else None,
            element("figure", picture) if picture else None,
        ]
    )


def _code(text: str) -> Markup:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(text, PythonLexer(), HtmlFormatter(cssclass="code")))
