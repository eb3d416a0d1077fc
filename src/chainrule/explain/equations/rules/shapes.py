"""Rules of arrangement: a transpose of a transpose is nothing (floor 4).

Reshapes that only add or take away dimensions of size 1 are done as far inside as they can be, so
that equal things meet.
"""

from __future__ import annotations

from chainrule.explain.equations.rules.simplifier import (
    Simplifier,
    first,
    rule,
)
from chainrule.explain.equations.terms.algebra import (
    constant,
    shape_of,
    taken_apart,
)
from chainrule.explain.equations.terms.term import Term
from chainrule.ops import Shape
from chainrule.ops.core import normal_dims


def swaps(term: Term) -> bool:
    """Whether a term is a transpose: of a matrix, or of each matrix in a stack."""
    n = len(term.shape)
    dims = tuple(d % n for d in term.options["dims"]) if term.called == "permute" else ()
    return n > 1 and dims == (*range(n - 2), n - 1, n - 2)


@rule("permute")
def _permute(s: Simplifier, term: Term) -> Term | None:
    x, n = first(term), len(term.shape)
    dims = tuple(d % n for d in term.options["dims"])
    if dims == tuple(range(n)):
        return x
    if not taken_apart(x)[1]:
        return constant(taken_apart(x)[0], term.shape)
    if x.called == "permute":
        inner = x.options["dims"]
        return s.apply("permute", x.args[0], dims=tuple(inner[d] % n for d in dims))
    if x.called == "matrix_product" and swaps(term):
        turned = [s.apply("permute", a, dims=_swapped(shape_of(a))) for a in x.args[::-1]]
        return s.apply("matrix_product", *turned)
    return None


def _swapped(shape: Shape) -> tuple[int, ...]:
    n = len(shape)
    return (*range(n - 2), n - 1, n - 2)


@rule("transpose")
def _transpose(s: Simplifier, term: Term) -> Term:
    n, order = len(term.shape), list(range(len(term.shape)))
    a, b = (int(term.options.get(f"dim{i}", i)) % max(n, 1) for i in (0, 1))
    if n:
        order[a], order[b] = b, a
    return s.apply("permute", term.args[0], dims=tuple(order))


@rule("reshape")
def _reshape(s: Simplifier, term: Term) -> Term | None:
    x = first(term)
    if x.shape == term.shape:
        return x
    number, factors = taken_apart(x)
    if not factors:
        return constant(number, term.shape)
    if x.called == "reshape":
        return s.apply("reshape", x.args[0], shape=term.shape)
    if term.options["shape"] != term.shape:  # with the size that was left open
        return s.apply("reshape", x, shape=term.shape)
    if [n for n in x.shape if n != 1] == [n for n in term.shape if n != 1]:
        return _moved_in(s, x, term.shape)
    return _rows_multiplied(s, x, term.shape)


def _moved_in(s: Simplifier, x: Term, shape: Shape) -> Term | None:
    """A reshape that adds or takes away dimensions of size 1, done before what x does."""
    if x.called in ("sum", "mean"):
        dims = normal_dims(x.options.get("dim"), len(first(x).shape))
        for keep in (True, False):
            other = s.apply(x.called, first(x), dim=dims, keepdim=keep)
            if other.shape == shape:
                return other
    alone = x.called in ("product", "total", "reciprocal", "sqrt", "log", "square")
    whole = [a for a in x.args if taken_apart(a)[1]]
    if not alone or any(shape_of(a) != x.shape for a in whole):
        return None
    inner = [s.apply("reshape", a, shape=shape) if a in whole else a for a in x.args]
    return s.made(x.op, inner, (), shape)


def _rows_multiplied(s: Simplifier, x: Term, shape: Shape) -> Term | None:
    """A product that was made of all rows of a stack in one, as one of the stack."""
    if x.called != "matrix_product" or len(x.shape) != 2:
        return None
    a, b = x.args
    stack = a.args[0] if isinstance(a, Term) and a.called == "reshape" else None
    if not isinstance(stack, Term) or stack.shape[-1] != shape_of(b)[0]:
        return None
    if (*stack.shape[:-1], shape_of(b)[-1]) != shape:
        return None
    return s.made("matmul", (stack, b), (), shape)


@rule("broadcast_to")
def _broadcast_to(_s: Simplifier, term: Term) -> Term | None:
    x = first(term)
    if x.shape == term.shape:
        return x
    number, factors = taken_apart(x)
    return None if factors else constant(number, term.shape)
