"""From the normal form of `algebra` back to what a person writes (floor 4).

A product becomes multiplications and one division, a number that is one over a whole number or over
a root goes below the line, and of a sum the positive parts come first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from chainrule.explain.equations.terms.algebra import coefficient, one_over_root, taken_apart
from chainrule.explain.equations.terms.term import Part, Term
from chainrule.ops import REGISTRY, Shape
from chainrule.ops.core import broadcast_shape

__all__ = ["tidy"]


def tidy(term: Term) -> Term:
    """The same term, made of operations of two arguments.

    Examples:
        >>> from chainrule.explain.equations.terms.term import leaf
        >>> from chainrule.explain.equations.terms.algebra import product
        >>> tidy(product((0.5, leaf("X", shape=(2,))), (2,))).called
        'div'
    """
    return _Tidying()(term)


class _Tidying:
    """The rules of one tidying, which goes through a part that is repeated only once."""

    def __init__(self) -> None:
        self.done: dict[Term, Term] = {}

    def __call__(self, term: Term) -> Term:
        for t in term.upwards() if term not in self.done else ():
            if t not in self.done:
                self.done[t] = self.made(t)
        return self.done[term]

    def part(self, a: Part) -> Part:
        return self(a) if isinstance(a, Term) else a

    def made(self, term: Term) -> Term:
        if term.op is None:
            return term
        if term.called == "product":
            return self.product(term)
        if term.called == "total":
            return self.total(term)
        if term.called == "reciprocal":
            return _op("div", 1.0, self.part(term.args[0]))
        args = tuple(map(self.part, term.args))
        if term.called == "reshape" and _flattens(term):
            return Term("flatten", args, (("start_dim", 1),), term.shape)
        return Term(term.op, args, term.attrs, term.shape)

    def product(self, term: Term) -> Term:
        number, factors = taken_apart(term)
        if not factors:
            return _constant(number, term.shape)
        above = [self(f) for f in factors if f.called != "reciprocal"]
        below = [self.part(f.args[0]) for f in factors if f.called == "reciprocal"]
        number, above = _averaged(number, above)
        up, down = _fraction(abs(number))
        whole = _joined(([] if up == 1 and above else [up]) + _powers(above))
        under = _joined([*down, *_powers(below)]) if below or down else None
        made = whole if under is None else _op("div", whole, under)
        return made if number > 0 else _op("neg", made)

    def total(self, term: Term) -> Term:
        parts = [a for a in term.args if a is not None]
        ordered = sorted(parts, key=lambda a: coefficient(a) < 0)
        made: Any = self.part_of_sum(ordered[0])
        for part in ordered[1:]:
            if coefficient(part) < 0:
                made = _op("sub", made, self.part_of_sum(_turned(part)))
            else:
                made = _op("add", made, self.part_of_sum(part))
        found: Term = made
        return found

    def part_of_sum(self, part: Part) -> Part:
        """A part of a sum; a constant as a number, which has any shape."""
        number, factors = taken_apart(part)
        return self.part(part) if factors else number


def _flattens(term: Term) -> bool:
    """Whether a reshape makes a row of each example."""
    x = term.args[0]
    old = x.shape if isinstance(x, Term) else ()
    return len(old) > 2 and len(term.shape) == 2 and old[0] == term.shape[0]


def _op(name: str, *args: Part) -> Term:
    shapes = [a.shape for a in args if isinstance(a, Term)]
    return Term(REGISTRY[name], args, shape=broadcast_shape(*shapes))


def _averaged(number: float, factors: Sequence[Term]) -> tuple[float, list[Term]]:
    """The factors with a mean in place of a sum, if the number divides by how many it adds."""
    for i, f in enumerate(factors):
        inner = f.args[0] if f.called == "sum" else None
        count = math.prod(inner.shape) / math.prod(f.shape) if isinstance(inner, Term) else 0
        if count > 1 and math.isclose(abs(number) * count, 1, rel_tol=1e-9):
            mean = Term(REGISTRY["mean"], f.args, f.attrs, f.shape)
            return math.copysign(1.0, number), [*factors[:i], mean, *factors[i + 1 :]]
    return number, list(factors)


def _powers(factors: Sequence[Any]) -> list[Any]:
    """Factors with equal ones put together as powers."""
    found: list[Any] = []
    for f, times in Counter(factors).items():
        if times == 1:
            found.append(f)
        elif times == 2:
            found.append(_op("square", f))
        else:
            found.append(_op("pow", f, float(times)))
    return found


def _joined(parts: Sequence[Any]) -> Any:
    made = parts[0]
    for part in parts[1:]:
        made = _op("mul", made, part)
    return made


def _constant(number: float, shape: Shape) -> Term:
    """An array of one number; the number itself if it has no dimensions."""
    return Term(REGISTRY["broadcast_to"], (number,), (("shape", shape),), shape)


def _fraction(number: float) -> tuple[float, list[Part]]:
    """A number as what stands above the line and what below it."""
    root = one_over_root(number)
    if root:
        return 1.0, [_op("sqrt", float(root))]
    inverse = 1 / number
    if inverse > 1 and math.isclose(inverse, round(inverse), rel_tol=1e-9):
        return 1.0, [float(round(inverse))]
    return number, []


def _turned(part: Part) -> Part:
    number, factors = taken_apart(part)
    if not isinstance(part, Term) or not factors:
        return -number
    if number == -1 and len(factors) == 1 and factors[0].shape == part.shape:
        return factors[0]
    return Term("product", (-number, *factors), shape=part.shape)
