"""Products and sums of terms in normal form: a number in front, then factors or parts (floor 4).

While a derivation is simplified, a product is `product(c, factors...)` and a sum `total(parts...)`,
each with any number of them; division is a factor `reciprocal(x)`, and a constant array is a
product of no factors. In this form equal things meet, cancel and come out of brackets. `tidy` makes
of it again what a person writes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from chainrule.explain.equations.terms.term import Part, Term
from chainrule.ops import REGISTRY, Shape
from chainrule.ops.core import broadcast_shape

# What is left of numbers that cancel.
_NOTHING = 1e-15
# Of these every number is 0 or 1, and its own square.
_CHOICES = ("gt", "ge", "lt", "le", "eq", "ne", "one_hot", "relu'")

__all__ = [
    "coefficient",
    "constant",
    "one",
    "one_over_root",
    "product",
    "scaled",
    "shape_of",
    "taken_apart",
    "total",
]


def shape_of(a: Part) -> Shape:
    """The shape of a term; that of a number is ()."""
    return a.shape if isinstance(a, Term) else ()


def constant(value: float, shape: Shape) -> Term:
    """An array of one number."""
    return Term("product", (value,), shape=shape)


def one(shape: Shape) -> Term:
    """Ones."""
    return constant(1.0, shape)


def taken_apart(a: Part) -> tuple[float, list[Term]]:
    """A term as a number and factors; of a number no factors."""
    if not isinstance(a, Term):
        return (1.0 if a is None else float(a)), []
    if a.called == "product":
        number, *factors = a.args
        return float(number), [f for f in factors if isinstance(f, Term)]  # type: ignore[arg-type]
    return 1.0, [a]


def coefficient(a: Part) -> float:
    """The number in front of a term."""
    return taken_apart(a)[0]


def scaled(a: Term, by: float) -> Term:
    """A term times a number."""
    number, factors = taken_apart(a)
    return _product(number * by, factors, a.shape)


def _product(number: float, factors: Sequence[Term], shape: Shape) -> Term:
    if not number:
        return constant(0.0, shape)
    if factors and _shape(factors) != shape:
        inner = _product(1.0, factors, _shape(factors))
        factors = [Term(REGISTRY["broadcast_to"], (inner,), (("shape", shape),), shape)]
    if number == 1 and len(factors) == 1:
        return factors[0]
    return Term("product", (_exact(number), *factors), shape=shape)


def _exact(x: float) -> float:
    """x without what rounding left, if it is all but a whole number, or one over one."""
    for near in (float(round(x)), 1 / round(1 / x) if 0 < abs(x) <= 1 else 0.0):
        if near and abs(x - near) <= 1e-12 * abs(x):
            return near
    return x


# --- products -----------------------------------------------------------------------------------


def product(parts: Iterable[Part], shape: Shape) -> Term:
    """The product of terms and numbers, which broadcast to `shape`.

    What stands above and below the line cancels; what is repeated in dimensions that another factor
    has anyway is written once.
    """
    number, factors = _gathered(parts)
    thinner = _thinned(factors, shape)
    while thinner != factors:
        number, factors = _gathered((number, *thinner))
        thinner = _thinned(factors, shape)
    return _product(number, _cancelled(factors), shape)


def _gathered(parts: Iterable[Part]) -> tuple[float, list[Term]]:
    """The number and the factors of several terms."""
    apart = [taken_apart(part) for part in parts]
    return math.prod(n for n, _ in apart), [f for _, inner in apart for f in inner]


def _cancelled(factors: Sequence[Term]) -> list[Term]:
    kept: list[Term] = []
    for f in factors:
        opposite, whole = _reciprocal(f), _squared(f)
        if opposite in kept:
            kept.remove(opposite)
        elif f.called in _CHOICES and f in kept:
            continue
        elif whole is not None and f in kept:
            kept[kept.index(f)] = whole
        else:
            kept.append(f)
    return kept


def _squared(f: Term) -> Term | None:
    """The square of a root, or of one over a root."""
    inner = f.args[0] if f.args else None
    if not isinstance(inner, Term):
        return None
    if f.called == "sqrt":
        return inner
    under = _squared(inner) if f.called == "reciprocal" else None
    return None if under is None else Term(REGISTRY["reciprocal"], (under,), shape=f.shape)


def _reciprocal(f: Term) -> Any:
    if f.called == "reciprocal":
        inner = f.args[0]
        return inner if isinstance(inner, Term) else None
    return Term(REGISTRY["reciprocal"], (f,), shape=f.shape)


def _thinned(factors: Sequence[Term], shape: Shape) -> list[Term]:
    """The factors without a `broadcast_to` that the other factors make needless."""
    kept = list(factors)
    for i, f in enumerate(kept):
        inner = f.args[0] if f.called == "broadcast_to" else None
        if isinstance(inner, Term):
            others = [k.shape for j, k in enumerate(kept) if j != i]
            if others and broadcast_shape(inner.shape, *others) == shape:
                kept[i] = inner
    return kept


# --- sums ---------------------------------------------------------------------------------------


def total(parts: Iterable[Term | float], shape: Shape) -> Term:
    """The sum of terms, which broadcast to `shape`.

    Equal parts are put together, and the number and the factors that all have in common come out of
    the brackets.
    """
    found: dict[Any, tuple[float, tuple[Term, ...]]] = {}
    for number, factors in _flat(parts):
        same = frozenset(Counter(factors).items())
        found[same] = (found.get(same, (0.0,))[0] + number, factors)
    kept = [(n, list(f)) for n, f in found.values() if abs(n) > _NOTHING]
    if not kept:
        return constant(0.0, shape)
    if len(kept) == 1:
        return _spread(product((kept[0][0], *kept[0][1]), _shape(kept[0][1])), shape)
    common = _common(kept)
    kept = [(n, _without(f, common)) for n, f in kept]
    front = _front([n for n, _ in kept])
    rest = [product((n / front, *f), _shape(f)) for n, f in kept]
    inner = broadcast_shape(*(t.shape for t in rest))
    nested = common and any(f.called == "total" for t in rest for f in taken_apart(t)[1][:1])
    bracket = total(rest, inner) if nested else Term("total", tuple(rest), shape=inner)
    return _spread(
        product((front, *common, bracket), broadcast_shape(inner, *map(shape_of, common))), shape
    )


def _flat(parts: Iterable[Term | float]) -> Iterable[tuple[float, tuple[Term, ...]]]:
    for part in parts:
        number, factors = taken_apart(part)
        within: Sequence[Part] = ()
        if len(factors) == 1 and factors[0].called in ("total", "broadcast_to"):
            within = factors[0].args
        if within:  # what is repeated is repeated by the sum as well
            for n, f in _flat(a for a in within if a is not None):
                yield n * number, f
        else:
            yield number, tuple(factors)


def _shape(factors: Sequence[Term]) -> Shape:
    return broadcast_shape(*(f.shape for f in factors))


def _spread(t: Term, shape: Shape) -> Term:
    """t, repeated if it has not `shape` by itself."""
    number, factors = taken_apart(t)
    return t if t.shape == shape else _product(number, factors, shape)


def _common(parts: Sequence[tuple[float, Sequence[Term]]]) -> list[Term]:
    """The factors that all parts have."""
    first, *others = [list(f) for _, f in parts]
    found = []
    for f in first:
        if all(f in other for other in others):
            found.append(f)
            for other in others:
                other.remove(f)
    return found


def _without(factors: Sequence[Term], common: Sequence[Term]) -> list[Term]:
    left = list(factors)
    for f in common:
        left.remove(f)
    return left


def _front(numbers: Sequence[float]) -> float:
    """The number that is taken out of a bracket: what all share, or the largest if below 1."""
    sizes = [abs(n) for n in numbers]
    shared = max(sizes) if max(sizes) < 1 or math.isclose(max(sizes), min(sizes)) else 1.0
    return -shared if all(n < 0 for n in numbers) else shared


def one_over_root(x: float) -> int:
    """The whole number that x is one over the root of, if it is; otherwise 0."""
    if not 0 < x < 1:
        return 0
    inverse = 1 / (x * x)
    near = round(inverse)
    return (
        near if math.isclose(inverse, near, rel_tol=1e-6) and math.isqrt(near) ** 2 != near else 0
    )
