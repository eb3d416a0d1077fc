"""Terms as MathML, which browsers set by themselves: no script, no font, nothing to load (floor 4).

It maps the layout of `notation` to elements, and knows neither operations nor what needs brackets.
"""

from __future__ import annotations

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
from chainrule.picture import Markup, element

__all__ = ["mathml", "pieces"]


# What keeps the sides of a fraction from its bar, also in fonts that say nothing about it.
_ROOM = ({"width": "0", "depth": "0.28em"}, {"width": "0", "height": "0.88em"})


def mathml(*sides: Part, begin: bool = False) -> Markup:
    """Return the sides of an equation, with = between them, as one `math` element.

    Args:
        sides: terms or numbers.
        begin: whether it begins with = too, for the sides that follow elsewhere.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.term import Term, leaf
        >>> print(mathml(leaf("y"), Term(ops.square, (leaf("x", "1"),))))  # doctest: +ELLIPSIS
        <math displaystyle="true"><mi>y</mi><mo>=</mo><msubsup><mi>x</mi><mn>1</mn><mn>2</mn>...
    """
    row: list[Markup] = []
    for side in sides:
        row += [element("mo", "="), *_parts(layout(side))]
    return element("math", *row[not begin :], displaystyle="true")


def pieces(side: Part) -> list[Markup]:
    """Return a side of an equation with its = in front, cut before the signs of its sum.

    A browser does not break a formula; so cut, a long one goes on in the next line.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.term import Term, leaf
        >>> len(pieces(Term(ops.add, (leaf("a"), leaf("b")))))
        2
    """
    cut: list[list[Markup]] = [[element("mo", "=")]]
    made = layout(side)
    for node in made.parts if isinstance(made, Row) else (made,):
        if node in (Sign("+"), Sign("−")):
            cut.append([element("mo", node.text, form="infix")])
        else:
            cut[-1].append(_written(node))
    return [element("math", *row, displaystyle="true") for row in cut]


def _parts(node: Layout) -> list[Markup]:
    return [_written(part) for part in node.parts] if isinstance(node, Row) else [_written(node)]


def _written(node: Layout) -> Markup:
    match node:
        case Name():
            return _name(node)
        case Number(value):
            return _number(value)
        case Word("⊤"):
            return element("mo", "⊤")
        case Word(text):
            return element("mi", text, mathvariant="normal")
        case Sign(text, tight):
            return element("mo", text, form="prefix" if tight and text == "−" else None)
        case Gap():
            return element("mspace", width="0.22em")
        case Row(parts):
            return element("mrow", *map(_written, parts))
        case Fraction(over, under):
            above, below = (element("mspace", **room) for room in _ROOM)
            return element(
                "mfrac",
                element("mrow", _written(over), above),
                element("mrow", below, _written(under)),
            )
        case Raised(Name() as base, exponent):
            return _name(base, _written(exponent))
        case Raised(base, exponent):
            return element("msup", _written(base), _written(exponent))
        case Lowered(base, below):
            return element("msub", _written(base), element("mtext", below))
        case Root(inner):
            return element("msqrt", *_parts(inner))
        case Enclosed(inner, left, right):
            return element("mrow", element("mo", left), *_parts(inner), element("mo", right))


def _name(name: Name, above: Markup | None = None) -> Markup:
    """A name, with what stands above the line right over its index."""
    base, hat = accent(letter(name.letters))
    made = element("mi", base)
    if hat:
        made = element("mover", made, element("mo", "^", stretchy="false"), accent="true")
    below = element("mn" if name.index.isdigit() else "mi", name.index) if name.index else None
    if below or above:
        tag = "msubsup" if below and above else "msub" if below else "msup"
        made = element(tag, made, below, above)
    if not name.mark:
        return made
    return element("mrow", element("mi", name.mark, mathvariant="normal"), made)


def _number(value: float) -> Markup:
    text, power = digits(value)
    minus = element("mo", "−", form="prefix") if text.startswith("-") else None
    made = element("mn", text.removeprefix("-"))
    if power:
        ten = element("msup", element("mn", "10"), _number(power))
        made = element("mrow", made, element("mo", "·"), ten)
    return element("mrow", minus, made) if minus else made
