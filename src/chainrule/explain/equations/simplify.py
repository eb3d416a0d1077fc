"""Terms made simple, from inside out, until they read like a textbook (floor 4).

Each rule is about operations of the table, and none about a layer: a transpose of a transpose is
nothing, a sum over something repeated is a multiple, e^x over the sum of e^x is softmax, and what
softmax gives adds up to 1. What a run has named is put in where its formula comes up again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.explain.equations.algebra import (
    constant,
    one,
    product,
    scaled,
    shape_of,
    taken_apart,
    total,
)
from chainrule.explain.equations.term import Part, Term
from chainrule.ops import REGISTRY, Op, Shape
from chainrule.ops.core import broadcast_shape, normal_dims

__all__ = ["Simplifier", "swaps"]

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
_MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "eq": "eq", "ne": "ne"}
_OPPOSITE = {"gt": "le", "le": "gt", "lt": "ge", "ge": "lt", "eq": "ne", "ne": "eq"}


class Simplifier:
    """Brings terms into the normal form of `algebra`.

    Attributes:
        guarded: whether a comparison was taken for the constant that it was.
        names: by formula in normal form.
        meanings: formulas, by name.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.symbols import Symbol
        >>> from chainrule.explain.equations.term import leaf
        >>> x = Symbol(leaf("X", shape=(2, 3)), np.ones((2, 3)))
        >>> Simplifier()(ops.transpose(ops.transpose(x)).term).label
        'X'
    """

    def __init__(self) -> None:
        self.guarded = False
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
            return bool(
                np.allclose(np.sum(x.value, axis=dims, dtype=float), 1.0, rtol=0, atol=1e-6)
            )
        return False

    def picks(self, x: Term, dims: tuple[int, ...]) -> bool:
        """Whether x is known to hold a single 1 along `dims`, and zeros."""
        if x.op is None and x.value is not None:
            return self.one_along(x, dims) and bool(np.isin(x.value, (0, 1)).all())
        return self.meaning(x).called == "one_hot" and self.one_along(x, dims)


Rule: TypeAlias = Callable[[Simplifier, Term], Term | None]
_RULES: dict[str, Rule] = {}


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def entered(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(names, rule))
        return rule

    return entered


def _first(term: Term) -> Term:
    return _term(term.args[0])


def _term(part: Part) -> Term:
    return part if isinstance(part, Term) else constant(float(part or 0.0), ())


# --- arithmetic ---------------------------------------------------------------------------------


@_rule("full")
def _full(s: Simplifier, term: Term) -> Term:
    s.guarded |= bool(term.attrs)
    return scaled(one(term.shape), float(term.args[0]))  # type: ignore[arg-type]


@_rule("mul", "product")
def _mul(s: Simplifier, term: Term) -> Term:
    return _multiplied(s, term.args, term.shape)


def _multiplied(s: Simplifier, parts: Sequence[Part], shape: Shape) -> Term:
    made = product(parts, shape)
    for rule in (_probabilities, _logistic, _multiplied_out, _picked_out):
        made = rule(s, s.named(made))
    return made


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
        _multiplied(s, (part, *inner), broadcast_shape(shape_of(part), *map(shape_of, inner)))
        for part in bracket.args
    ]
    return product((number, *rest, _added(s, parts, bracket.shape)), made.shape)


def _under(over: Term) -> list[Term]:
    """What stands below a line: a factor, or those that a sum is made of."""
    inner = _first(over)
    return [inner, *(taken_apart(_first(inner))[1] if inner.called == "sum" else [])]


@_rule("div")
def _div(s: Simplifier, term: Term) -> Term:
    above, below = term.args
    if not isinstance(below, Term):
        return product((above, 1 / float(below or 1.0)), term.shape)
    return _multiplied(s, (above, s.apply("reciprocal", below)), term.shape)


@_rule("neg")
def _neg(_s: Simplifier, term: Term) -> Term:
    return scaled(_first(term), -1.0)


@_rule("add", "total")
def _add(s: Simplifier, term: Term) -> Term:
    return _added(s, [a for a in term.args if a is not None], term.shape)


def _added(s: Simplifier, parts: Sequence[Term | float], shape: Shape) -> Term:
    return _log_probabilities(s, _one_sided(s, _chosen_between(s, total(parts, shape))))


@_rule("sub")
def _sub(s: Simplifier, term: Term) -> Term:
    a, b = map(_term, term.args)
    return _added(s, (a, scaled(b, -1.0)), term.shape)


@_rule("reciprocal")
def _reciprocal(s: Simplifier, term: Term) -> Term | None:
    number, factors = taken_apart(_first(term))
    if not factors:
        return constant(1 / number, term.shape) if number else None
    below = [f.args[0] if f.called == "reciprocal" else None for f in factors]
    if len(factors) == 1 and number == 1:
        return below[0] if isinstance(below[0], Term) else None
    turned = [b if b is not None else s.apply("reciprocal", f) for f, b in zip(factors, below)]
    return product((1 / number, *turned), term.shape)


@_rule("pow")
def _pow(s: Simplifier, term: Term) -> Term | None:
    x, power = term.args
    if not isinstance(x, Term) or isinstance(power, Term):
        return None
    if power == 1:
        return x
    return s.apply({2.0: "square", -1.0: "reciprocal"}[power], x) if power in (2, -1) else None


@_rule("square")
def _square(s: Simplifier, term: Term) -> Term | None:
    number, factors = taken_apart(_first(term))
    if number == 1 and factors:
        return None
    inner = [s.apply("square", product(factors, term.shape))] if factors else []
    return product((number * number, *inner), term.shape)


@_rule("cast")
def _cast(_s: Simplifier, term: Term) -> Term | None:
    return _first(term) if np.dtype(term.options["dtype"]).kind in "fc" else None


@_rule("clone")
def _clone(_s: Simplifier, term: Term) -> Term:
    return _first(term)


@_rule("linear")
def _linear(s: Simplifier, term: Term) -> Term:
    x, w, *b = term.args
    turned = s.apply("permute", w, dims=(1, 0))
    moved = s.made("matmul", (x, turned), (), term.shape)
    return total([moved, *(a for a in b if a is not None)], term.shape)


@_rule("matrix_product", "matmul")
def _product_with_ones(s: Simplifier, term: Term) -> Term | None:
    """A product with an array of one number, which is a sum."""
    a, b = map(_term, term.args)
    for constant_side, other, dim in ((a, b, -2), (b, a, -1)):
        number, factors = taken_apart(constant_side)
        if not factors and len(other.shape) == len(term.shape) == 2:
            added = s.apply("sum", other, dim=(dim,), keepdim=True)
            return scaled(s.apply("broadcast_to", added, shape=term.shape), number)
    return None


@_rule("sqrt", "log")
def _of_a_number(_s: Simplifier, term: Term) -> Term | None:
    number, factors = taken_apart(_first(term))
    if factors or not isinstance(term.op, Op):
        return None
    return constant(float(term.op.forward(np.float64(number))), term.shape)


# --- shapes -------------------------------------------------------------------------------------


def swaps(term: Term) -> bool:
    """Whether a term is a transpose: of a matrix, or of each matrix in a stack."""
    n = len(term.shape)
    dims = tuple(d % n for d in term.options["dims"]) if term.called == "permute" else ()
    return n > 1 and dims == (*range(n - 2), n - 1, n - 2)


@_rule("permute")
def _permute(s: Simplifier, term: Term) -> Term | None:
    x, n = _first(term), len(term.shape)
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


@_rule("transpose")
def _transpose(s: Simplifier, term: Term) -> Term:
    n, order = len(term.shape), list(range(len(term.shape)))
    a, b = (int(term.options.get(f"dim{i}", i)) % max(n, 1) for i in (0, 1))
    if n:
        order[a], order[b] = b, a
    return s.apply("permute", term.args[0], dims=tuple(order))


@_rule("reshape")
def _reshape(s: Simplifier, term: Term) -> Term | None:
    x = _first(term)
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
        dims = normal_dims(x.options.get("dim"), len(_first(x).shape))
        for keep in (True, False):
            other = s.apply(x.called, _first(x), dim=dims, keepdim=keep)
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


@_rule("broadcast_to")
def _broadcast_to(_s: Simplifier, term: Term) -> Term | None:
    x = _first(term)
    if x.shape == term.shape:
        return x
    number, factors = taken_apart(x)
    return None if factors else constant(number, term.shape)


# --- sums ---------------------------------------------------------------------------------------


@_rule("sum_to")
def _sum_to(s: Simplifier, term: Term) -> Term:
    x = _first(term)
    lead = len(x.shape) - len(term.shape)
    if lead:
        x = s.apply("sum", x, dim=tuple(range(lead)))
    dims = tuple(d for d, (n, m) in enumerate(zip(x.shape, term.shape)) if n != m)
    return s.apply("sum", x, dim=dims, keepdim=True) if dims else x


@_rule("sum")
def _sum(s: Simplifier, term: Term) -> Term | None:
    x = _first(term)
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
        factors = [_first(x)]
    outer = [f for f in factors if _flat_along(f, x.shape, dims)]
    if outer:
        inner = [f for f in factors if f not in outer]
        return _pulled(s, x.shape, dims, keep, outer, inner)
    if x.called == "total":
        return _sum_of_sums(s, x, dims, keep, term.shape)
    if x.called == "sum" and not keep and not x.options.get("keepdim"):
        whole = _first(x)
        gone = normal_dims(x.options.get("dim"), len(whole.shape))
        left = [d for d in range(len(whole.shape)) if d not in gone]
        return s.apply("sum", whole, dim=tuple(sorted((*gone, *(left[d] for d in dims)))))
    return _standard(term, dims, keep)


@_rule("mean")
def _mean(s: Simplifier, term: Term) -> Term:
    x = _first(term)
    dims = normal_dims(term.options.get("dim"), len(x.shape))
    if x.called == "sum" and not term.shape:
        return scaled(s.apply("sum", x.args[0]), 1 / math.prod(x.shape))
    return _standard(term, dims, bool(term.options.get("keepdim")))


@_rule("rsqrt")
def _rsqrt(s: Simplifier, term: Term) -> Term:
    return s.apply("reciprocal", s.apply("sqrt", term.args[0]))


def _standard(term: Term, dims: tuple[int, ...], keep: bool) -> Term:
    """The sum with its dimensions counted from the left, and left out where they are all."""
    x = _first(term)
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
    return _multiplied(s, (*short, s.apply("sum", rest, dim=dims, keepdim=keep)), made)


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


# --- softmax and labels -------------------------------------------------------------------------


@_rule("softmax", "log_softmax")
def _softmax(_s: Simplifier, term: Term) -> Term:
    x = _first(term)
    dim = int(term.options.get("dim", -1)) % max(len(x.shape), 1)
    return Term(term.op, (x,), (("dim", dim),), term.shape)


@_rule("exp")
def _exp(s: Simplifier, term: Term) -> Term | None:
    x = s.meaning(_first(term))
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
    e, dims = _first(f), f.options["dim"]
    return (_first(e), dims[0]) if e.called == "exp" and len(dims) == 1 else None


def _unshifted(v: Term, dim: int) -> Term:
    """v without what is added to all along a dimension, which softmax does not depend on."""
    if v.called != "total" or v.shape[dim] == 1:
        return v
    back = dim - len(v.shape)
    shifts = [p for p in v.args if len(shape_of(p)) < -back or shape_of(p)[back] == 1]
    return total([p for p in v.args if p is not None and p not in shifts], v.shape)


def _probabilities(s: Simplifier, made: Term) -> Term:
    """A product in which e^v over its sum is softmax."""
    number, factors = taken_apart(made)
    for below in factors:
        found = _exponentials(_first(below)) if below.called == "reciprocal" else None
        above = next(
            (f for f in factors if found and f.called == "exp" and _first(f) == found[0]), None
        )
        if found is None or above is None:
            continue
        v, dim = found
        p = s.made("softmax", (_unshifted(v, dim),), (("dim", dim),), v.shape)
        return product(
            (number, *(p if f is above else f for f in factors if f is not below)), made.shape
        )
    return made


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
        v = _first(signs[0])
        below = s.apply("sigmoid", scaled(s.apply("abs", v), -1.0))
        sides = [s.apply(name, v, 0.0) for name in (("ge", "gt") if c < 0 else ("le", "lt"))]
        side = next((p for p in parts if p in sides), None)
        if side is None or below not in inner or len(inner) != 2:
            continue
        rest = [p for p in parts if p is not part and p is not side]
        whole = s.apply("sigmoid", v if c < 0 else scaled(v, -1.0))
        return product((number, *factors[:-1], total((whole, *rest), made.shape)), made.shape)
    return made


def _log_probabilities(s: Simplifier, made: Term) -> Term:
    """A sum in which v less the logarithm of the sum of e^v is log_softmax."""
    number, factors = taken_apart(made)
    bracket = factors[0] if len(factors) == 1 and factors[0].called == "total" else None
    for part in bracket.args if bracket is not None else ():
        c, inner = taken_apart(part)
        log = inner[0] if c == -1 and len(inner) == 1 and inner[0].called == "log" else None
        found = _exponentials(_first(log)) if log is not None else None
        if bracket is None or found is None:
            continue
        v, dim = found
        if total([p for p in bracket.args if p is not part and p is not None], made.shape) == v:
            logs = s.made("log_softmax", (_unshifted(v, dim),), (("dim", dim),), v.shape)
            return scaled(logs, number)
    return made


@_rule("take_along")
def _take_along(s: Simplifier, term: Term) -> Term | None:
    """A logarithm of softmax at each label is its sum with a 1 there and zeros elsewhere."""
    x, index = _first(term), _term(term.args[1])
    dim, labels = term.options["dim"] % max(len(term.shape), 1), term.shape[:-1]
    if s.meaning(x).called != "log_softmax" or dim != len(x.shape) - 1:
        return None
    if index.shape != (*labels, 1) or labels != x.shape[:-1]:
        return None
    whole = s.apply("reshape", index, shape=labels)
    picked = s.made("one_hot", (whole,), (("num_classes", x.shape[-1]),), x.shape)
    return s.apply("sum", _multiplied(s, (picked, x), x.shape), dim=(dim,), keepdim=True)


@_rule("add_along")
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


def _picked_out(s: Simplifier, made: Term) -> Term:
    """Y t over the sum of Y t is Y, where Y holds a single 1."""
    number, factors = taken_apart(made)
    for below in factors:
        added = _first(below) if below.called == "reciprocal" else None
        if added is None or added.called != "sum":
            continue
        inner = taken_apart(_first(added))[1]
        dims = normal_dims(added.options.get("dim"), len(_first(added).shape))
        if any(s.picks(f, dims) for f in inner) and all(f in factors for f in inner):
            gone = [below, *(f for f in inner if not s.picks(f, dims))]
            return product((number, *(f for f in factors if f not in gone)), made.shape)
    return made


# --- choices ------------------------------------------------------------------------------------


@_rule("logical_not")
def _logical_not(s: Simplifier, term: Term) -> Term | None:
    x = _first(term)
    number, factors = taken_apart(x)
    if not factors:
        return constant(float(not number), term.shape)
    return s.apply(_OPPOSITE[x.called], *x.args) if x.called in _OPPOSITE else None


@_rule(*_MIRRORED)
def _compared(s: Simplifier, term: Term) -> Term | None:
    (number, factors), b = taken_apart(term.args[0]), term.args[1]
    if factors or not isinstance(b, Term) or not taken_apart(b)[1]:
        return None
    return s.made(REGISTRY[_MIRRORED[term.called]], (b, number), (), term.shape)


@_rule("where")
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
