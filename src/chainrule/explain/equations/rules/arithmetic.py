"""Rules of arithmetic: numbers come to the front, and what is divided by itself goes (floor 4)."""

from __future__ import annotations

import numpy as np

from chainrule.explain.equations.rules.simplifier import (
    Simplifier,
    first,
    of_products,
    rule,
    term_of,
)
from chainrule.explain.equations.terms.algebra import (
    constant,
    one,
    product,
    scaled,
    shape_of,
    taken_apart,
    total,
)
from chainrule.explain.equations.terms.term import Term
from chainrule.ops import Op
from chainrule.ops.core import broadcast_shape


@rule("full")
def _full(s: Simplifier, term: Term) -> Term:
    s.guarded |= bool(term.attrs)
    return scaled(one(term.shape), float(term.args[0]))  # type: ignore[arg-type]


@rule("mul", "product")
def _mul(s: Simplifier, term: Term) -> Term:
    return s.multiplied(term.args, term.shape)


@of_products
def _multiplied_out(s: Simplifier, made: Term) -> Term:
    """A bracket times something that a part of it is divided by, without the bracket."""
    number, factors = taken_apart(made)
    bracket = next((f for f in factors if f.called == "total"), None)
    if bracket is None:
        return made
    over = [f for part in bracket.args for f in taken_apart(part)[1] if f.called == "reciprocal"]
    inner = [f for f in factors if any(f in _under(o) for o in over)]
    if not inner:
        return made
    rest = [f for f in factors if f is not bracket and f not in inner]
    parts = [
        s.multiplied((part, *inner), broadcast_shape(shape_of(part), *map(shape_of, inner)))
        for part in bracket.args
    ]
    return product((number, *rest, s.added(parts, bracket.shape)), made.shape)


def _under(over: Term) -> list[Term]:
    """What stands below a line: a factor, or those that a sum is made of."""
    inner = first(over)
    return [inner, *(taken_apart(first(inner))[1] if inner.called == "sum" else [])]


@rule("div")
def _div(s: Simplifier, term: Term) -> Term:
    above, below = term.args
    if not isinstance(below, Term):
        return product((above, 1 / float(below or 1.0)), term.shape)
    return s.multiplied((above, s.apply("reciprocal", below)), term.shape)


@rule("neg")
def _neg(_s: Simplifier, term: Term) -> Term:
    return scaled(first(term), -1.0)


@rule("add", "total")
def _add(s: Simplifier, term: Term) -> Term:
    return s.added([a for a in term.args if a is not None], term.shape)


@rule("sub")
def _sub(s: Simplifier, term: Term) -> Term:
    a, b = map(term_of, term.args)
    return s.added((a, scaled(b, -1.0)), term.shape)


@rule("reciprocal")
def _reciprocal(s: Simplifier, term: Term) -> Term | None:
    number, factors = taken_apart(first(term))
    if not factors:
        return constant(1 / number, term.shape) if number else None
    below = [f.args[0] if f.called == "reciprocal" else None for f in factors]
    if len(factors) == 1 and number == 1:
        return below[0] if isinstance(below[0], Term) else None
    turned = [b if b is not None else s.apply("reciprocal", f) for f, b in zip(factors, below)]
    return product((1 / number, *turned), term.shape)


@rule("pow")
def _pow(s: Simplifier, term: Term) -> Term | None:
    x, power = term.args
    if not isinstance(x, Term) or isinstance(power, Term):
        return None
    if power == 1:
        return x
    return s.apply({2.0: "square", -1.0: "reciprocal"}[power], x) if power in (2, -1) else None


@rule("rsqrt")
def _rsqrt(s: Simplifier, term: Term) -> Term:
    return s.apply("reciprocal", s.apply("sqrt", term.args[0]))


@rule("square")
def _square(s: Simplifier, term: Term) -> Term | None:
    number, factors = taken_apart(first(term))
    if number == 1 and factors:
        return None
    inner = [s.apply("square", product(factors, term.shape))] if factors else []
    return product((number * number, *inner), term.shape)


@rule("cast")
def _cast(_s: Simplifier, term: Term) -> Term | None:
    return first(term) if np.dtype(term.options["dtype"]).kind in "fc" else None


@rule("clone")
def _clone(_s: Simplifier, term: Term) -> Term:
    return first(term)


@rule("linear")
def _linear(s: Simplifier, term: Term) -> Term:
    x, w, *b = term.args
    turned = s.apply("permute", w, dims=(1, 0))
    moved = s.made("matmul", (x, turned), (), term.shape)
    return total([moved, *(a for a in b if a is not None)], term.shape)


@rule("matrix_product", "matmul")
def _product_with_ones(s: Simplifier, term: Term) -> Term | None:
    """A product with an array of one number, which is a sum."""
    a, b = map(term_of, term.args)
    for constant_side, other, dim in ((a, b, -2), (b, a, -1)):
        number, factors = taken_apart(constant_side)
        if not factors and len(other.shape) == len(term.shape) == 2:
            added = s.apply("sum", other, dim=(dim,), keepdim=True)
            return scaled(s.apply("broadcast_to", added, shape=term.shape), number)
    return None


@rule("sqrt", "log")
def _of_a_number(_s: Simplifier, term: Term) -> Term | None:
    number, factors = taken_apart(first(term))
    if factors or not isinstance(term.op, Op):
        return None
    return constant(float(term.op.forward(np.float64(number))), term.shape)
