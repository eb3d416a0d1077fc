"""Terms and derivations as text for a terminal: Z₁ = X W₁ᵀ + b₁ (floor 4).

It maps the layout of `notation` to characters of one line, and a derivation to lines with their
shapes at the end. It knows neither operations nor what needs brackets.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from chainrule.explain.equations.checks import Check, summary
from chainrule.explain.equations.lines import Line, Section
from chainrule.explain.equations.terms.term import Part
from chainrule.explain.equations.writing.notation import (
    Enclosed,
    Fraction,
    Gap,
    Layout,
    Lowered,
    Name,
    Number,
    Raised,
    Root,
    Row,
    Sign,
    Word,
    digits,
    layout,
    letter,
)

__all__ = ["text", "written"]

_BELOW = dict(zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"))
_ABOVE = dict(zip("0123456789−⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ"))
_WIDTH = 100  # characters of a line, where that is possible
_SHAPES = 56  # where shapes begin, at the least


def written(part: Part) -> str:
    """Return a term as one line of text.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.term import Term, leaf
        >>> written(Term(ops.div, (Term(ops.add, (leaf("a"), leaf("x", "1"))), 2.0)))
        '(a + x₁) / 2'
    """
    return _written(layout(part, inline=True))


def _written(node: Layout) -> str:
    match node:
        case Name(letters, index, mark):
            return mark + _lowered(letter(letters), index)
        case Number(value):
            return _number(value)
        case Word(text):
            return text
        case Sign(text, tight):
            return text + " " * (text == ",") if tight else f" {text} "
        case Gap():
            return " "
        case Row(parts):
            return "".join(map(_written, parts))
        case Fraction(over, under, tight):
            return ("/" if tight else " / ").join((_written(over), _written(under)))
        case Raised(base, exponent):
            return _raised(_written(base), _written(exponent))
        case Lowered(base, below):
            return _written(base) + ",".join(_lowered("", each) for each in below.split(","))
        case Root(inner):
            return f"√{_written(inner)}"
        case Enclosed(inner, left, right):
            return left + _written(inner) + right


def _lowered(base: str, below: str) -> str:
    if all(c in _BELOW for c in below):
        return base + "".join(_BELOW[c] for c in below)
    return f"{base}_{below}"


def _raised(base: str, exponent: str) -> str:
    if all(c in _ABOVE for c in exponent):
        return base + "".join(_ABOVE[c] for c in exponent)
    return f"{base}^{exponent}"


def _number(value: float) -> str:
    text, power = digits(value)
    return (text + (f"e{power}" if power else "")).replace("-", "−")


# --- a whole derivation ---------------------------------------------------------------------------


def text(head: Sequence[str], sections: Sequence[Section], checks: Sequence[Check] = ()) -> str:
    """Return a derivation as text: what holds for all of it, section by section, and the checks."""
    blocks = ["\n".join(textwrap.fill(said, _WIDTH) for said in head)]
    way = ""
    for section in sections:
        heading = [section.way.capitalize()] if section.way != way else []
        title = [f"  {section.title}"] if section.title else []
        way = section.way
        blocks.append("\n".join([*heading, *title, *_section(section)]))
    if checks:
        blocks.append(_table(checks))
    return "\n\n".join(filter(None, blocks))


def _section(section: Section) -> list[str]:
    wide = max(len(written(line.left)) for line in section.lines)
    lines = [_line(line, wide) for line in section.lines]
    ends = (len(rows[-1]) for rows in lines)
    column = max(_SHAPES, *(end for end in ends if end < _WIDTH - 20), 0)
    return [row for line, rows in zip(section.lines, lines) for row in _ended(line, rows, column)]


def _line(line: Line, wide: int) -> list[str]:
    """A line, and further ones where its sides do not fit into one."""
    rows = [f"    {written(line.left):>{wide}}"]
    for i, side in enumerate((line.right, *line.steps)):
        said = f" = {written(side)}"
        if i and len(rows[-1] + said) > _WIDTH:
            rows.append(" " * (4 + wide))
        rows[-1:] = _broken(rows[-1] + said, " " * (7 + wide))
    return rows


def _broken(row: str, indent: str) -> list[str]:
    """A row that is too long for a line, broken before signs and between arguments."""
    rows, depth, last = [""], 0, 0
    for i, character in enumerate(row):
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character != " " or depth or not (row[i + 1 : i + 2] in "+−" or row[i - 1] == ","):
            continue
        rows, last = _filled(rows, row[last:i], indent), i
    return _filled(rows, row[last:], indent)


def _filled(rows: list[str], piece: str, indent: str) -> list[str]:
    if rows[-1] and len(rows[-1]) + len(piece) > _WIDTH:
        return [*rows, indent + piece.lstrip()]
    return [*rows[:-1], rows[-1] + piece]


def _ended(line: Line, rows: Sequence[str], column: int) -> list[str]:
    """The rows of a line, the last with the shape and the note behind it."""
    shape = str(line.shape) if line.shape else ""
    behind = "   ".join(filter(None, (shape, line.note)))
    last = f"{rows[-1]:<{column}}   {behind}" if behind else rows[-1]
    return [*rows[:-1], last]


# --- the checks -----------------------------------------------------------------------------------


def _table(checks: Sequence[Check]) -> str:
    head = ("slope", "by the equations", "by backward()", "by a difference", "apart", "")
    rows = [head, *(_checked(check) for check in checks)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [_row(row, widths) for row in rows]
    return "\n".join(["Checked", *lines, *textwrap.wrap(summary(checks), _WIDTH)])


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers, verdict = row
    cells = [f"{number:>{wide}}" for number, wide in zip(numbers, widths[1:])]
    return "  ".join([f"    {name:<{widths[0]}}", *cells, verdict]).rstrip()


def _checked(check: Check) -> tuple[str, ...]:
    numbers = (check.derived, check.automatic, check.measured.central)
    told = (f"{number:.8g}".replace("-", "−") for number in numbers)
    return written(check.what), *told, check.distance, check.said
