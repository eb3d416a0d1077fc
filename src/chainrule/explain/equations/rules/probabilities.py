"""Rules of probabilities: e^x over the sum of e^x is softmax, and adds up to 1 (floor 4).

However a person or an operation has written softmax, its logarithm or sigmoid, with whatever is
taken off against overflow, they come to one name here. A label is a row with a single 1.
"""

from __future__ import annotations

from chainrule.explain.equations.rules.simplifier import (
    Simplifier,
    first,
    of_products,
    of_sums,
    rule,
    term_of,
)
from chainrule.explain.equations.terms.algebra import (
    product,
    scaled,
    shape_of,
    taken_apart,
    total,
)
from chainrule.explain.equations.terms.term import Term
from chainrule.ops.core import normal_dims


@rule("softmax", "log_softmax")
def _softmax(_s: Simplifier, term: Term) -> Term:
    x = first(term)
    dim = int(term.options.get("dim", -1)) % max(len(x.shape), 1)
    return Term(term.op, (x,), (("dim", dim),), term.shape)


@rule("exp")
def _exp(s: Simplifier, term: Term) -> Term | None:
    x = s.meaning(first(term))
    if x.called == "log_softmax":
        return s.made("softmax", x.args, x.attrs, x.shape)
    parts = x.args if x.called == "total" else ()
    for part in parts:
        number, factors = taken_apart(part)
        lse = s.meaning(_unkept(factors[0])) if number == -1 and len(factors) == 1 else None
        if lse is not None and lse.called == "logsumexp":
            rest = total([p for p in parts if p is not part and p is not None], x.shape)
            dims = normal_dims(lse.options.get("dim"), len(x.shape))
            if rest == lse.args[0] and len(dims) == 1:
                return s.made("softmax", (rest,), (("dim", dims[0]),), x.shape)
    return None


def _unkept(f: Term) -> Term:
    """What was reshaped, or the term itself."""
    inner = f.args[0] if f.called == "reshape" else f
    return inner if isinstance(inner, Term) else f


def _exponentials(f: Term) -> tuple[Term, int] | None:
    """Of a sum of e^v along one dimension, kept: v and the dimension."""
    if f.called != "sum" or not f.options.get("keepdim"):
        return None
    e, dims = first(f), f.options["dim"]
    return (first(e), dims[0]) if e.called == "exp" and len(dims) == 1 else None


def _unshifted(v: Term, dim: int) -> Term:
    """v without what is added to all along a dimension, which softmax does not depend on."""
    if v.called != "total" or v.shape[dim] == 1:
        return v
    back = dim - len(v.shape)
    shifts = [p for p in v.args if len(shape_of(p)) < -back or shape_of(p)[back] == 1]
    return total([p for p in v.args if p is not None and p not in shifts], v.shape)


@of_products
def _probabilities(s: Simplifier, made: Term) -> Term:
    """A product in which e^v over its sum is softmax."""
    number, factors = taken_apart(made)
    for below in factors:
        found = _exponentials(first(below)) if below.called == "reciprocal" else None
        above = next(
            (f for f in factors if found and f.called == "exp" and first(f) == found[0]), None
        )
        if found is None or above is None:
            continue
        v, dim = found
        p = s.made("softmax", (_unshifted(v, dim),), (("dim", dim),), v.shape)
        return product(
            (number, *(p if f is above else f for f in factors if f is not below)), made.shape
        )
    return made


@of_products
def _logistic(s: Simplifier, made: Term) -> Term:
    """A product in which e^v over e^v + 1 is sigmoid."""
    number, factors = taken_apart(made)
    for e in factors:
        ends = s.made("reciprocal", (total((e, 1.0), e.shape),), (), e.shape)
        if e.called == "exp" and ends in factors:
            sigmoid = s.apply("sigmoid", e.args[0])
            rest = [f for f in factors if f is not e and f != ends]
            return product((number, sigmoid, *rest), made.shape)
    return made


@of_sums
def _one_sided(s: Simplifier, made: Term) -> Term:
    """A sum in which [v >= 0] - sign(v) sigmoid(-|v|), which never overflows, is sigmoid(v)."""
    number, factors = taken_apart(made)
    bracket = factors[-1] if factors and factors[-1].called == "total" else None
    parts = [p for p in bracket.args if p is not None] if bracket is not None else []
    for part in parts:
        c, inner = taken_apart(part)
        signs = [f for f in inner if f.called == "sign"]
        if len(signs) != 1 or abs(c) != 1:
            continue
        v = first(signs[0])
        below = s.apply("sigmoid", scaled(s.apply("abs", v), -1.0))
        sides = [s.apply(name, v, 0.0) for name in (("ge", "gt") if c < 0 else ("le", "lt"))]
        side = next((p for p in parts if p in sides), None)
        if side is None or below not in inner or len(inner) != 2:
            continue
        rest = [p for p in parts if p is not part and p is not side]
        whole = s.apply("sigmoid", v if c < 0 else scaled(v, -1.0))
        return product((number, *factors[:-1], total((whole, *rest), made.shape)), made.shape)
    return made


@of_sums
def _log_probabilities(s: Simplifier, made: Term) -> Term:
    """A sum in which v less the logarithm of the sum of e^v is log_softmax."""
    number, factors = taken_apart(made)
    bracket = factors[0] if len(factors) == 1 and factors[0].called == "total" else None
    for part in bracket.args if bracket is not None else ():
        c, inner = taken_apart(part)
        log = inner[0] if c == -1 and len(inner) == 1 and inner[0].called == "log" else None
        found = _exponentials(first(log)) if log is not None else None
        if bracket is None or found is None:
            continue
        v, dim = found
        if total([p for p in bracket.args if p is not part and p is not None], made.shape) == v:
            logs = s.made("log_softmax", (_unshifted(v, dim),), (("dim", dim),), v.shape)
            return scaled(logs, number)
    return made


@rule("take_along")
def _take_along(s: Simplifier, term: Term) -> Term | None:
    """A logarithm of softmax at each label is its sum with a 1 there and zeros elsewhere."""
    x, index = first(term), term_of(term.args[1])
    dim, labels = term.options["dim"] % max(len(term.shape), 1), term.shape[:-1]
    if s.meaning(x).called != "log_softmax" or dim != len(x.shape) - 1:
        return None
    if index.shape != (*labels, 1) or labels != x.shape[:-1]:
        return None
    whole = s.apply("reshape", index, shape=labels)
    picked = s.made("one_hot", (whole,), (("num_classes", x.shape[-1]),), x.shape)
    return s.apply("sum", s.multiplied((picked, x), x.shape), dim=(dim,), keepdim=True)


@rule("add_along")
def _add_along(s: Simplifier, term: Term) -> Term | None:
    x, index = term.args
    shape, dim = term.shape, term.options["dim"] % max(len(term.shape), 1)
    if not isinstance(index, Term) or not 0 <= dim == len(shape) - 1 or index.shape[dim] != 1:
        return None
    if index.shape[:dim] != shape[:dim]:
        return None
    labels = s.apply("reshape", index, shape=shape[:dim])
    picked = s.made("one_hot", (labels,), (("num_classes", shape[dim]),), shape)
    return product((x, picked), shape)


@of_products
def _picked_out(s: Simplifier, made: Term) -> Term:
    """Y t over the sum of Y t is Y, where Y holds a single 1."""
    number, factors = taken_apart(made)
    for below in factors:
        added = first(below) if below.called == "reciprocal" else None
        if added is None or added.called != "sum":
            continue
        inner = taken_apart(first(added))[1]
        dims = normal_dims(added.options.get("dim"), len(first(added).shape))
        if any(s.picks(f, dims) for f in inner) and all(f in factors for f in inner):
            gone = [below, *(f for f in inner if not s.picks(f, dims))]
            return product((number, *(f for f in factors if f not in gone)), made.shape)
    return made
