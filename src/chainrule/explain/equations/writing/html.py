"""A derivation as a page to read and keep, and as a fragment for notebooks (floor 4).

Formulas are MathML, so there is no script, no font and no address in it. Every name from outside
passes through `picture.element`, which escapes it. The look is in `equations.css`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import groupby

from chainrule.explain.equations.checks import Check, summary
from chainrule.explain.equations.lines import Line, Section
from chainrule.explain.equations.terms.term import Part
from chainrule.explain.equations.writing.mathml import mathml, pieces
from chainrule.explain.equations.writing.text import written
from chainrule.picture import Markup, document, element, join

__all__ = ["fragment", "line_of", "page", "style"]

_SHORT = 46  # characters of a line that fits beside another
_LONG = 60  # characters of a side that is broken where the line ends
_PAGE = "body { margin: 0 auto; padding: 40px 32px; max-width: 1160px; } "
_PAGE += "h1 { margin: 0 0 20px; font: 650 28px/1.2 system-ui, sans-serif; }\n"


def page(
    head: Sequence[str], sections: Sequence[Section], checks: Sequence[Check], title: str
) -> str:
    """Return a derivation as a page that needs nothing else.

    Args:
        head: sentences that hold for all of it.
        sections: forward, then backward.
        checks: of slopes, if there are any.
        title: of the page.
    """
    return document(title, _PAGE + style(), element("h1", title), _body(head, sections, checks))


def fragment(head: Sequence[str], sections: Sequence[Section], checks: Sequence[Check]) -> str:
    """Return a derivation as HTML to be put into a page, in whose ink it is set."""
    return join([element("style", Markup(style())), _body(head, sections, checks)])


def style() -> str:
    """Return the look of a derivation, as CSS."""
    folder = files("chainrule.explain.equations.writing")
    return folder.joinpath("equations.css").read_text(encoding="utf-8")


def _body(head: Sequence[str], sections: Sequence[Section], checks: Sequence[Check]) -> Markup:
    ways = [list(group) for _, group in groupby(sections, lambda section: section.way)]
    lines = [line for section in sections for line in section.lines]
    short = all(_length(line) <= _SHORT for line in lines)
    return element(
        "div",
        element("div", *(element("p", said) for said in head), class_="head"),
        element("div", *map(_way, ways), class_="ways two" if short else "ways"),
        _checks(checks) if checks else None,
        class_="derivation",
    )


def _length(line: Line) -> int:
    """About how much room a line takes, in characters."""
    sides = (line.left, line.right, *line.steps)
    return sum(len(written(side)) + 3 for side in sides) + len(line.note)


def _way(sections: Sequence[Section]) -> Markup:
    blocks = (part for section in sections for part in _section(section))
    return element("section", element("h2", sections[0].way.capitalize()), *blocks)


def _section(section: Section) -> Iterable[Markup]:
    if section.title:
        yield element("h3", section.title)
    yield element("div", *map(line_of, section.lines), class_="lines")


def line_of(line: Line, *, mark: str = "", **attributes: str) -> Markup:
    """Return a line as a row of an element of the class "lines".

    Args:
        line: what it says.
        mark: a further class.
        **attributes: of the row, as for `element`.
    """
    sides = (line.right, *line.steps)
    shape = str(line.shape) if line.shape else ""
    said = " = ".join(map(written, (line.left, *sides)))
    return element(
        "div",
        element("div", mathml(line.left), class_="left"),
        element("div", *(span for side in sides for span in _side(side)), class_="sides"),
        element("div", "  ".join(filter(None, (line.note, shape))), class_="beside"),
        class_=f"line {mark}".rstrip(),
        title=said,
        **attributes,
    )


def _side(side: Part) -> list[Markup]:
    """A side of an equation; one that is too long for a line may be broken between its parts."""
    cut = pieces(side) if len(written(side)) > _LONG else [mathml(side, begin=True)]
    return [element("span", piece) for piece in cut]


# --- the checks -----------------------------------------------------------------------------------


def _checks(checks: Sequence[Check]) -> Markup:
    names = ("slope", "by the equations", "by backward()", "by a difference", "apart", "")
    head = element("tr", *(element("th", name) for name in names))
    table = element("table", element("thead", head), element("tbody", *map(_row, checks)))
    wrong = any(check.verdict == "differs" for check in checks)
    return element(
        "section",
        element("h2", "Checked", style="margin-top: 34px"),
        element("div", table, class_="scroll"),
        element("p", summary(checks), class_="differs" if wrong else None),
    )


def _row(check: Check) -> Markup:
    numbers = (check.derived, check.automatic, check.measured.central)
    cells = [*(f"{n:.8g}".replace("-", "−") for n in numbers), check.distance, check.said]
    return element(
        "tr",
        element("td", mathml(check.what)),
        *(element("td", cell) for cell in cells),
        class_="differs" if check.verdict == "differs" else None,
    )
