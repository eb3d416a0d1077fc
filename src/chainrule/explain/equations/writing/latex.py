r"""Terms and derivations as LaTeX: Z_{1} = X W_{1}^{\top} + b_{1} (floor 4).

It maps the layout of `notation` to macros that LaTeX with amsmath, MathJax and KaTeX all know, and
a derivation to an aligned block a section. It knows neither operations nor what needs brackets.
"""

from __future__ import annotations

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
    accent,
    digits,
    layout,
    letter,
)
from chainrule.explain.equations.writing.text import written as plain

__all__ = ["aligned", "latex", "written"]

_SIGNS = {
    "−": "-",
    "·": r"\cdot",
    "⊙": r"\odot",
    "≥": r"\ge",
    "≤": r"\le",
    "≠": r"\ne",
}
_ESCAPED = {
    "\\": r"\textbackslash ",
    "^": r"\textasciicircum ",
    "~": r"\textasciitilde ",
    **{c: "\\" + c for c in "#$%&_{}"},
    "∂": r"$\partial$",
    "±": r"$\pm$",
}
_LONG = 70  # characters of sides that go into one row


def written(part: Part) -> str:
    r"""Return a term as LaTeX for math mode.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.term import Term, leaf
        >>> print(written(Term(ops.div, (leaf("gamma", "1"), 2.0))))
        \frac{\gamma_{1}}{2}
    """
    return _written(layout(part))


def _written(node: Layout) -> str:
    match node:
        case Name():
            return _name(node)
        case Number(value):
            return _number(value)
        case Word("⊤"):
            return r"\top"
        case Word(text):
            return _word(text)
        case Sign(text, tight):
            sign = _SIGNS.get(text, text)
            return sign + " " * (text == ",") if tight else f" {sign} "
        case Gap():
            return r" \, "
        case Row(parts):
            return "".join(map(_written, parts))
        case Fraction(over, under):
            return rf"\frac{{{_written(over)}}}{{{_written(under)}}}"
        case Raised(base, exponent):
            return f"{{{_written(base)}}}^{{{_written(exponent)}}}"
        case Lowered(base, below):
            return f"{_written(base)}_{{{escaped(below)}}}"
        case Root(inner):
            return rf"\sqrt{{{_written(inner)}}}"
        case Enclosed(inner, left, right):
            return rf"\left{left}{_written(inner)}\right{right}"


def _name(name: Name) -> str:
    known = letter(name.letters) != name.letters
    letters = f"\\{name.letters}" if known else escaped(name.letters)
    base, hat = accent(name.letters)
    if hat:
        letters = rf"\hat{{{escaped(base)}}}"
    elif len(name.letters) > 1 and not known:
        letters = rf"\mathit{{{letters}}}"
    mark = {"": "", "d": r"\mathrm{d}", "∂": r"\partial "}[name.mark]
    return mark + letters + (f"_{{{escaped(name.index)}}}" if name.index else "")


def _word(text: str) -> str:
    primes = len(text) - len(text.rstrip("′"))
    word = rf"\operatorname{{{escaped(text.rstrip('′'))}}}"
    return word + "'" * primes


def _number(value: float) -> str:
    text, power = digits(value)
    text = {"∞": r"\infty", "-∞": r"-\infty", "NaN": r"\mathrm{NaN}"}.get(text, text)
    return text + (rf" \cdot 10^{{{power}}}" if power else "")


def escaped(text: str) -> str:
    r"""Return text from outside so that LaTeX reads it as itself.

    Examples:
        >>> print(escaped("a_b{}"))
        a\_b\{\}
    """
    return "".join(_ESCAPED.get(c, c) for c in text)


# --- a whole derivation ---------------------------------------------------------------------------


def latex(head: Sequence[str], sections: Sequence[Section], checks: Sequence[Check] = ()) -> str:
    """Return a derivation as LaTeX: a title and a block in $$ for each section; and the checks."""
    blocks = [escaped(said) for said in head]
    way = ""
    for section in sections:
        begins = section.way.capitalize() if section.way != way else ""
        said = ": ".join(filter(None, (begins, section.title)))
        way = section.way
        blocks.append("\n".join(filter(None, (escaped(said), f"$${aligned(section)}$$"))))
    if checks:
        blocks += [f"$${_table(checks)}$$", escaped(summary(checks))]
    return "\n\n".join(blocks)


def aligned(section: Section) -> str:
    """Return the lines of a section as one block, for math mode."""
    rows = (row for line in section.lines for row in _rows(line))
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _rows(line: Line) -> list[str]:
    rows, length = [f"{written(line.left)} &= {written(line.right)}"], len(plain(line.right))
    for side in line.steps:
        length += len(plain(side))
        if length > _LONG:
            rows.append(f"&= {written(side)}")
            length = len(plain(side))
        else:
            rows[-1] += f" = {written(side)}"
    note = rf"\text{{{escaped(line.note)}}}" if line.note else ""
    beside = r" \quad ".join(filter(None, (note, str(line.shape) if line.shape else "")))
    rows[-1] += f" && {beside}" if beside else ""
    return rows


def _table(checks: Sequence[Check]) -> str:
    names = ("slope", "by the equations", "by backward()", "by a difference", "")
    head = " & ".join(rf"\text{{{name}}}" for name in names)
    body = " \\\\\n".join(map(_checked, checks))
    return f"\\begin{{array}}{{lrrrl}}\n{head} \\\\\n{body}\n\\end{{array}}"


def _checked(check: Check) -> str:
    numbers = (check.derived, check.automatic, check.measured.central)
    cells = [written(check.what), *map(_number, numbers), rf"\text{{{check.said}}}"]
    return " & ".join(cells)
