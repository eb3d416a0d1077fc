"""`Simplifier`: brings a term into normal form, from inside out, by the rules there are (floor 4).

It knows no rule itself; each is entered, by the name of the operation that it is about, from the
file of its subject. What a run has named is put in where its formula comes up again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.explain.equations.terms.algebra import (
    constant,
    product,
    scaled,
    shape_of,
    taken_apart,
    total,
)
from chainrule.explain.equations.terms.term import Part, Term
from chainrule.ops import REGISTRY, Op, Shape

__all__ = ["Simplifier", "first", "of_products", "of_sums", "rule", "term_of"]

# How many arguments, from the first on, an op is linear in: a number in front of one comes out.
_LINEAR = {
    "add_along": 1,
    "broadcast_to": 1,
    "contraction": 2,
    "convolution_input": 2,
    "convolution_weight": 2,
    "cumsum": 1,
    "flip": 1,
    "index": 1,
    "matmul": 2,
    "matrix_product": 2,
    "max_pooling_picked": 1,
    "max_pooling_spread": 1,
    "mean": 1,
    "permute": 1,
    "reshape": 1,
    "slice": 1,
    "sum": 1,
    "sum_pooling": 1,
    "sum_pooling_spread": 1,
    "sum_to": 1,
    "take_along": 1,
    "unindex": 1,
    "unslice": 1,
}


Rule: TypeAlias = Callable[["Simplifier", Term], Term | None]
Rewriting: TypeAlias = Callable[["Simplifier", Term], Term]
_RULES: dict[str, Rule] = {}
_OF_PRODUCTS: list[Rewriting] = []
_OF_SUMS: list[Rewriting] = []


class Simplifier:
    """Brings terms into the normal form of `algebra`.

    Attributes:
        guarded: whether a comparison was taken for the constant that it was.
        found: what was given and was found to add up to 1, with the dimensions along which.
        names: by formula in normal form.
        meanings: formulas, by name.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.symbols import Symbol
        >>> from chainrule.explain.equations.terms.term import leaf
        >>> x = Symbol(leaf("X", shape=(2, 3)), np.ones((2, 3)))
        >>> Simplifier()(ops.transpose(ops.transpose(x)).term).label
        'X'
    """

    def __init__(self) -> None:
        self.guarded = False
        self.found: dict[Term, tuple[int, ...]] = {}
        self.names: dict[Term, Term] = {}
        self.meanings: dict[Term, Term] = {}
        self._seen: dict[Term, Term] = {}

    def __call__(self, term: Term) -> Term:
        """The normal form of a term."""
        for t in term.upwards() if term not in self._seen else ():
            if t not in self._seen:
                args = tuple(self._seen[a] if isinstance(a, Term) else a for a in t.args)
                made = t if t.op is None else self.made(t.op, args, t.attrs, t.shape)
                self._seen[t] = made
        return self._seen[term]

    def learn(self, formula: Term, name: Term) -> None:
        """Put `name` wherever `formula` comes up, and know what it means."""
        number, factors = taken_apart(self(formula))
        if number == 1 and len(factors) == 1 and factors[0].op is not None:
            self.names[factors[0]] = name
            self.meanings.setdefault(name, factors[0])
            self._seen.clear()

    def meant(self, formula: Term, name: Term) -> Term:
        """The normal form of a formula that has been given `name`, without that name for it."""
        own = [key for key, known in self.names.items() if known == name]
        named = {key: self.names.pop(key) for key in own}
        self._seen.clear()
        try:
            return self(formula)
        finally:
            self.names.update(named)
            self._seen.clear()

    def made(self, op: Any, args: Sequence[Part], attrs: Any, shape: Shape) -> Term:
        """An operation on terms in normal form, in normal form."""
        called = op.name if isinstance(op, Op) else op
        number, bare = 1.0, list(args)
        for i in range(min(_LINEAR.get(called, 0), len(bare))):
            c, factors = taken_apart(bare[i])
            if not c:
                return constant(0.0, shape)
            if factors and c != 1:
                number *= c
                bare[i] = product(factors, shape_of(bare[i]))
        term = Term(op, tuple(bare), tuple(attrs), shape)
        rule = _RULES.get(called)
        simpler = rule(self, term) if rule is not None else None
        return scaled(self.named(term if simpler is None else simpler), number)

    def apply(self, name: str, *args: Part, **attrs: Any) -> Term:
        """`made` with an operation by its name, the shape by its own rule."""
        op = REGISTRY[name]
        shape = op.shape(*map(shape_of, args), **attrs)
        return self.made(op, args, tuple(attrs.items()), shape)

    def multiplied(self, parts: Sequence[Part], shape: Shape) -> Term:
        """The product of terms in normal form."""
        return self._rewritten(product(parts, shape), _OF_PRODUCTS)

    def added(self, parts: Sequence[Term | float], shape: Shape) -> Term:
        """The sum of terms in normal form."""
        return self._rewritten(total(parts, shape), _OF_SUMS)

    def _rewritten(self, term: Term, rewritings: Sequence[Rewriting]) -> Term:
        """A term on which none of the rewritings has anything to say any more."""
        before = None
        while term != before:
            before = term
            for rewriting in rewritings:
                term = rewriting(self, self.named(term))
        return term

    def named(self, term: Term) -> Term:
        """The term with the names that it, or a factor of it, has."""
        if term.called != "product":
            return self.names.get(term, term)
        number, factors = taken_apart(term)
        if any(f in self.names for f in factors):
            return product((number, *(self.names.get(f, f) for f in factors)), term.shape)
        return term

    def meaning(self, term: Term) -> Term:
        """What a name stands for; another term as it is."""
        return self.meanings.get(term, term)

    def one_along(self, x: Term, dims: tuple[int, ...]) -> bool:
        """Whether the numbers along `dims` are known to add up to 1."""
        x = self.meaning(x)
        if x.called == "softmax":
            return dims == (x.options["dim"],)
        if x.called == "one_hot":
            return dims == (len(x.shape) - 1,)
        if x.op is None and x.value is not None and x.value.dtype.kind in "fiub" and x.shape:
            sums = np.sum(x.value, axis=dims, dtype=float)
            if np.allclose(sums, 1.0, rtol=0, atol=1e-6):
                self.found.setdefault(x, dims)
                return True
        return False

    def picks(self, x: Term, dims: tuple[int, ...]) -> bool:
        """Whether x is known to hold a single 1 along `dims`, and zeros."""
        if x.op is None and x.value is not None:
            return self.one_along(x, dims) and bool(np.isin(x.value, (0, 1)).all())
        return self.meaning(x).called == "one_hot" and self.one_along(x, dims)


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule for the operations of these names; it gives `None` where it does not apply."""

    def entered(found: Rule) -> Rule:
        _RULES.update(dict.fromkeys(names, found))
        return found

    return entered


def of_products(rewriting: Rewriting) -> Rewriting:
    """Enter a rewriting of every product; where it does not apply it gives the product itself."""
    _OF_PRODUCTS.append(rewriting)
    return rewriting


def of_sums(rewriting: Rewriting) -> Rewriting:
    """Enter a rewriting of every sum, likewise."""
    _OF_SUMS.append(rewriting)
    return rewriting


def first(term: Term) -> Term:
    """The first argument of a term."""
    return term_of(term.args[0])


def term_of(part: Part) -> Term:
    """An argument as a term, also if it is a number."""
    return part if isinstance(part, Term) else constant(float(part or 0.0), ())
