"""Rules of sums: what is the same in all parts stands in front of them (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule.explain.equations.rules.simplifier import (
    Simplifier,
    first,
    rule,
)
from chainrule.explain.equations.terms.algebra import (
    constant,
    product,
    scaled,
    shape_of,
    taken_apart,
    total,
)
from chainrule.explain.equations.terms.term import Term
from chainrule.ops import Shape
from chainrule.ops.core import broadcast_shape, normal_dims


@rule("sum_to")
def _sum_to(s: Simplifier, term: Term) -> Term:
    x = first(term)
    lead = len(x.shape) - len(term.shape)
    if lead:
        x = s.apply("sum", x, dim=tuple(range(lead)))
    dims = tuple(d for d, (n, m) in enumerate(zip(x.shape, term.shape)) if n != m)
    return s.apply("sum", x, dim=dims, keepdim=True) if dims else x


@rule("sum")
def _sum(s: Simplifier, term: Term) -> Term | None:
    x = first(term)
    dims = normal_dims(term.options.get("dim"), len(x.shape))
    keep = bool(term.options.get("keepdim"))
    count = math.prod(x.shape[d] for d in dims)
    number, factors = taken_apart(x)
    if not factors:
        return constant(number * count, term.shape)
    if s.one_along(x, dims):
        return constant(1.0, term.shape)
    if all(x.shape[d] == 1 for d in dims):
        return s.apply("reshape", x, shape=term.shape)
    if x.called == "broadcast_to":
        factors = [first(x)]
    outer = [f for f in factors if _flat_along(f, x.shape, dims)]
    if outer:
        inner = [f for f in factors if f not in outer]
        return _pulled(s, x.shape, dims, keep, outer, inner)
    if x.called == "total":
        return _sum_of_sums(s, x, dims, keep, term.shape)
    if x.called == "sum" and not keep and not x.options.get("keepdim"):
        whole = first(x)
        gone = normal_dims(x.options.get("dim"), len(whole.shape))
        left = [d for d in range(len(whole.shape)) if d not in gone]
        return s.apply("sum", whole, dim=tuple(sorted((*gone, *(left[d] for d in dims)))))
    return _standard(term, dims, keep)


@rule("mean")
def _mean(s: Simplifier, term: Term) -> Term:
    x = first(term)
    dims = normal_dims(term.options.get("dim"), len(x.shape))
    if x.called == "sum" and not term.shape:
        return scaled(s.apply("sum", x.args[0]), 1 / math.prod(x.shape))
    return _standard(term, dims, bool(term.options.get("keepdim")))


def _standard(term: Term, dims: tuple[int, ...], keep: bool) -> Term:
    """The sum with its dimensions counted from the left, and left out where they are all."""
    x = first(term)
    attrs: list[tuple[str, Any]] = [] if len(dims) == len(x.shape) else [("dim", dims)]
    if keep and x.shape:
        attrs = [("dim", dims), ("keepdim", True)]
    return Term(term.op, (x,), tuple(attrs), term.shape)


def _flat_along(f: Term, shape: Shape, dims: Sequence[int]) -> bool:
    """Whether f, spread to `shape`, is the same along all of `dims`."""
    full = (1,) * (len(shape) - len(f.shape)) + f.shape
    return all(full[d] == 1 for d in dims)


def _pulled(
    s: Simplifier,
    shape: Shape,
    dims: tuple[int, ...],
    keep: bool,
    outer: Sequence[Term],
    inner: Sequence[Term],
) -> Term:
    """A sum with the factors that are the same in all its parts in front of it."""
    short = [f if keep else _without(s, f, len(shape), dims) for f in outer]
    left = [1 if d in dims else n for d, n in enumerate(shape)]
    made = tuple(n for d, n in enumerate(left) if keep or d not in dims)
    if not inner:
        return product((math.prod(shape[d] for d in dims), *short), made)
    rest = product(inner, broadcast_shape(*map(shape_of, inner)))
    lead = len(shape) - len(rest.shape)
    if lead or any(rest.shape[d] != shape[d] for d in dims):
        whole = tuple(shape[d] if d in dims else 1 for d in range(len(shape)))
        rest = s.apply("broadcast_to", rest, shape=broadcast_shape(rest.shape, whole))
    return s.multiplied((*short, s.apply("sum", rest, dim=dims, keepdim=keep)), made)


def _without(s: Simplifier, f: Term, ndim: int, dims: Sequence[int]) -> Term:
    """f without the dimensions, all of size 1, that a sum takes away."""
    lead = ndim - len(f.shape)
    shape = tuple(n for d, n in enumerate(f.shape) if d + lead not in dims)
    return f if shape == f.shape else s.apply("reshape", f, shape=shape)


def _sum_of_sums(
    s: Simplifier, x: Term, dims: tuple[int, ...], keep: bool, shape: Shape
) -> Term | None:
    """The sum of a bracket, if that of every part is a number."""
    if _is_centred(s, x, dims):
        return constant(0.0, shape)
    sums = []
    for part in x.args:
        spread = s.apply("broadcast_to", part, shape=x.shape)
        added = s.apply("sum", spread, dim=dims, keepdim=keep)
        if taken_apart(added)[1]:
            return None
        sums.append(added)
    return total(sums, shape)


def _is_centred(s: Simplifier, x: Term, dims: tuple[int, ...]) -> bool:
    """Whether x is something less its mean along `dims`."""
    for part in x.args:
        number, factors = taken_apart(part)
        if number == -1 and len(factors) == 1 and factors[0].called == "mean":
            rest = total([p for p in x.args if p is not part and p is not None], x.shape)
            if factors[0] == s.apply("mean", rest, dim=dims, keepdim=True):
                return True
    return False
