"""Rules of choices: comparisons, and what holds where one is true (floor 4)."""

from __future__ import annotations

import math

import numpy as np

from chainrule.explain.equations.rules.simplifier import (
    Simplifier,
    first,
    of_sums,
    rule,
)
from chainrule.explain.equations.terms.algebra import (
    constant,
    product,
    taken_apart,
)
from chainrule.explain.equations.terms.term import Part, Term
from chainrule.ops import REGISTRY

_MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "eq": "eq", "ne": "ne"}
_OPPOSITE = {"gt": "le", "le": "gt", "lt": "ge", "ge": "lt", "eq": "ne", "ne": "eq"}


@rule("logical_not")
def _logical_not(s: Simplifier, term: Term) -> Term | None:
    x = first(term)
    number, factors = taken_apart(x)
    if not factors:
        return constant(float(not number), term.shape)
    return s.apply(_OPPOSITE[x.called], *x.args) if x.called in _OPPOSITE else None


@rule(*_MIRRORED)
def _compared(s: Simplifier, term: Term) -> Term | None:
    (number, factors), b = taken_apart(term.args[0]), term.args[1]
    if factors or not isinstance(b, Term) or not taken_apart(b)[1]:
        return None
    return s.made(REGISTRY[_MIRRORED[term.called]], (b, number), (), term.shape)


@rule("where")
def _where(s: Simplifier, term: Term) -> Term | None:
    condition, a, b = term.args
    if not isinstance(condition, Term):
        return None
    always, rest = taken_apart(condition)
    if not rest:
        return s.apply("broadcast_to", a if always else b, shape=term.shape)
    if condition.called == "eq" and condition.args[0] == b:  # as in where(y = -inf, 0, y)
        limit = taken_apart(condition.args[1])
        if not limit[1] and math.isinf(limit[0]):
            return b if isinstance(b, Term) else None
    (above, first), (below, second) = taken_apart(a), taken_apart(b)
    if not (_is_finite(a) and _is_finite(b)):  # 0 times infinity is not 0
        return None
    if not second and not below:
        return product((condition, a), term.shape)
    if not first and not above:
        return product((s.apply("logical_not", condition), b), term.shape)
    return None


def _is_finite(part: Part) -> bool:
    """Whether no number or given array in a term is infinite."""
    if not isinstance(part, Term):
        return math.isfinite(part or 0.0)
    given = [t.value for t in part.leaves() if t.value is not None and t.value.dtype.kind == "f"]
    numbers = [a for t in part.distinct() for a in t.args if isinstance(a, float)]
    return all(map(math.isfinite, numbers)) and all(np.isfinite(v).all() for v in given)


@of_sums
def _chosen_between(s: Simplifier, made: Term) -> Term:
    """c [condition] + d [otherwise], both of one factor, as that factor times a choice."""
    number, factors = taken_apart(made)
    bracket = factors[-1] if factors and factors[-1].called == "total" else None
    if bracket is None or len(bracket.args) != 2:
        return made
    (c, first), (d, second) = map(taken_apart, bracket.args)
    if len(first) != 1 or first[0].called not in _OPPOSITE:
        return made
    if s.apply("logical_not", first[0]) not in second:
        return made
    rest = [f for f in second if f.called not in _OPPOSITE]
    if len(rest) != len(second) - 1:
        return made
    other = product((d, *rest), bracket.shape) if rest else d
    choice = s.apply("where", first[0], c, other)
    return product((number, *factors[:-1], choice), made.shape)
