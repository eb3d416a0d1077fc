"""One element of a term: the elements that it is made of, by name and in numbers (floor 4).

An operation that works element by element takes one element of each argument, and another
arrangement of an array one from elsewhere. What adds up products, such as a matrix product, a
convolution or a pooling, is asked by autograd for its slopes: they say which elements take part,
and what each is multiplied by. So nothing is known here about any operation but its kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, grad
from chainrule.explain.equations.terms.term import Part, Term
from chainrule.ops import Array, Op, Shape

__all__ = ["Elements", "Index", "at", "spread"]

Index: TypeAlias = tuple[int, ...]
Places: TypeAlias = tuple[int | slice, ...]

_SHOWN = 3  # products of a sum that are written out, if it has more than one beyond them


def at(term: Term, places: Places) -> Term:
    """An element of a term, or a part of it; of a single number the number itself.

    Examples:
        >>> from chainrule.explain.equations.terms.term import leaf
        >>> at(leaf("X", shape=(5, 3)), (0, slice(None))).shape
        (3,)
    """
    if all(place == slice(None) for place in places):
        return term
    shape = tuple(
        len(range(n)[place])
        for n, place in zip(term.shape, places, strict=True)
        if isinstance(place, slice)
    )
    attrs = (("places", places),)
    return Term("at", (term,), attrs, shape, term.name, term.index, term.mark)


@dataclass(frozen=True)
class Elements:
    """Finds what single elements are made of.

    Attributes:
        values: an array for each name, float64.
        followed: for names on the way that is followed, the element that is.
    """

    values: Mapping[str, Any]
    followed: Mapping[str, Index]

    def of(self, part: Part, index: Index) -> tuple[Part, Part]:
        """An element of a term: written with elements of names, and with their numbers."""
        if not isinstance(part, Term):
            return part, part
        if part.op is None:
            return at(part, index), self.number(part, index)
        if _is_pointwise(part):
            return self._pointwise(part, index)
        moved = _moved(part, index)
        if moved is not None:
            return self.of(part.args[0], moved)
        return self._added(part, index)

    def number(self, term: Term, index: Index) -> float:
        """An element's number."""
        return float(np.asarray(term.evaluate(self.values))[index])

    def _pointwise(self, term: Term, index: Index) -> tuple[Part, Part]:
        pairs = [self.of(a, spread(index, _shape(a))) for a in term.args]
        names, numbers = (tuple(each) for each in zip(*pairs))
        return replace(term, args=names, shape=()), replace(term, args=numbers, shape=())

    # --- sums -----------------------------------------------------------------------------------

    def _added(self, term: Term, index: Index) -> tuple[Part, Part]:
        arrays: list[Any] = [
            a.evaluate(self.values) if isinstance(a, Term) else a for a in term.args
        ]
        slopes = _slopes(term, arrays, index)
        first, second, *others = [*slopes, None, None][: max(2, len(slopes))]
        if _is_of_one_element(term, slopes, index):
            names, numbers = (
                replace(term, args=(a,), shape=()) for a in self.of(term.args[0], index)
            )
            return names, numbers
        if first is None or not _is_sum(term, arrays, slopes, index):
            return self._whole(term, slopes, index), self.number(term, index)
        touched = _touched(term, arrays, index)
        if second is None:
            made = self._of_one(term, arrays[0], first, touched[0], index)
        else:
            made = self._of_two(term, arrays[0], first, touched, index)
        for i, slope in enumerate(others, start=2):
            if slope is not None:
                extra = self.of(term.args[i], tuple(map(int, np.argwhere(slope)[0])))
                made = _sum(made[0], extra[0]), _sum(made[1], extra[1])
        return made

    def _of_one(
        self, term: Term, array: Array, slope: Array, touched: Array, index: Index
    ) -> tuple[Part, Part]:
        """A sum over one array: of one element, of some that all count alike, or weighted."""
        arg = term.args[0]
        weights = slope[tuple(touched.T)]
        if len(touched) == 1 and weights[0] == 1:
            name, number = self.of(arg, tuple(map(int, touched[0])))
            # A function that picked the element, such as a pooling, is named before it.
            return (name, number) if isinstance(term.op, Op) else (at(term, index), name)
        if not np.allclose(weights, weights[0]):
            return at(term, index), self._products(arg, slope, array, touched)
        added = self._products(arg, None, array, touched)
        box = _exact_box(touched, array.shape)
        summed = box is not None and term.called in ("sum", "sum_to", "mean")
        name = Term(term.op, (self.part(arg, box),)) if summed and box else at(term, index)
        if weights[0] == 1:
            return name, added
        return name, Term(ops.div, (added, round(1 / float(weights[0]), 9)))

    def _of_two(
        self, term: Term, array: Array, slope: Array, touched: Sequence[Array], index: Index
    ) -> tuple[Part, Part]:
        """A sum of products of elements of two arrays."""
        boxes = [_exact_box(places, _shape(arg)) for arg, places in zip(term.args, touched)]
        name = at(term, index)
        if all(boxes):
            sides = (self.part(arg, box or ()) for arg, box in zip(term.args, boxes))
            name = Term(ops.mul if len(touched[0]) == 1 else "dot", tuple(sides))
        return name, self._products(term.args[0], slope, array, touched[0])

    def _products(self, arg: Part, slope: Array | None, array: Array, touched: Array) -> Part:
        """The products in numbers: the one that is followed, then the largest, then the rest."""
        places = tuple(touched.T)
        ones = np.ones(len(touched))
        pairs = list(zip(array[places], ones if slope is None else slope[places]))
        order = np.argsort([-abs(a * c) for a, c in pairs], kind="stable").tolist()
        path = self._path(arg, touched)
        if path is not None:
            order.remove(path)
            order.insert(0, path)
        kept = order if len(order) <= _SHOWN + 1 else order[:_SHOWN]
        parts: list[Part] = [
            float(pairs[i][0])
            if slope is None
            else Term(ops.mul, (float(pairs[i][0]), float(pairs[i][1])))
            for i in kept
        ]
        if len(kept) < len(order):
            left = math.fsum(float(pairs[i][0] * pairs[i][1]) for i in order[_SHOWN:])
            parts.append(Term("rest", (left,), (("count", len(order) - _SHOWN),)))
        return reduce(_sum, parts)

    def _path(self, arg: Part, touched: Array) -> int | None:
        """Which of the elements that take part is the one that is followed."""
        turned: list[int] | None = None
        if isinstance(arg, Term) and arg.called == "permute":
            n = len(arg.shape)
            turned = [d % n for d in arg.options["dims"]]
            arg = arg.args[0]
        place = self.followed.get(arg.label) if isinstance(arg, Term) and arg.op is None else None
        if place is None:
            return None
        here = [place[d] for d in turned] if turned else list(place)
        found = np.flatnonzero((touched == here).all(axis=1))
        return int(found[0]) if len(found) else None

    # --- parts ----------------------------------------------------------------------------------

    def part(self, part: Part, places: Places) -> Part:
        """A part of a term, written with parts of names as far as they can be told."""
        if not isinstance(part, Term):
            return part
        if part.called == "permute":
            n = len(part.shape)
            inner: list[int | slice] = [0] * n
            for d, place in zip(part.options["dims"], places):
                inner[d % n] = place
            return self.part(part.args[0], tuple(inner))
        if _is_pointwise(part):
            args = [self.part(a, spread(places, _shape(a))) for a in part.args]
            shape = at(part, places).shape
            return replace(part, args=tuple(args), shape=shape)
        return at(part, places)

    def _whole(self, term: Term, slopes: Sequence[Array | None], index: Index) -> Term:
        """An element of what is no sum, such as softmax: a function of the part it depends on."""
        arg, slope = term.args[0], slopes[0]
        if slope is None or not index or not isinstance(arg, Term) or arg.shape != term.shape:
            return at(term, index)
        box = _box(np.argwhere(slope), arg.shape)
        if not any(isinstance(place, slice) for place in box):
            return at(term, index)
        inner = replace(term, args=(self.part(arg, box), *term.args[1:]))
        left = [i for i, place in zip(index, box) if isinstance(place, slice)]
        whole = replace(
            inner, shape=tuple(n for n, p in zip(term.shape, box) if isinstance(p, slice))
        )
        return at(whole, tuple(left))


def _is_pointwise(term: Term) -> bool:
    if isinstance(term.op, Op):
        return term.op.kind == "elementwise"
    return term.called.endswith("'")


def _is_of_one_element(term: Term, slopes: Sequence[Array | None], index: Index) -> bool:
    """Whether a function that is not in the table, such as GELU, works element by element here."""
    slope = slopes[0]
    return (
        isinstance(term.op, str)
        and len(slopes) == 1
        and slope is not None
        and slope.shape == term.shape
        and np.argwhere(slope).tolist() == [list(index)]
    )


def _shape(part: Part) -> Shape:
    return part.shape if isinstance(part, Term) else ()


def _sum(a: Part, b: Part) -> Part:
    return Term(ops.add, (a, b))


def spread(places: Any, shape: Shape) -> Any:
    """The places in an array of another shape that is broadcast to one that has them."""
    tail = places[len(places) - len(shape) :]
    return tuple(0 if n == 1 else place for n, place in zip(shape, tail))


def _moved(term: Term, index: Index) -> Index | None:
    """Where an element was before its array was arranged anew; `None` of other operations."""
    shape = _shape(term.args[0])
    if term.called == "permute":
        inner = [0] * len(index)
        for d, i in zip(term.options["dims"], index):
            inner[d % len(index)] = i
        return tuple(inner)
    if term.called == "reshape":
        flat = np.ravel_multi_index(index, term.shape) if index else 0
        return tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()
    if term.called == "broadcast_to":
        moved: Index = spread(index, shape)
        return moved
    return None


def _box(touched: Array, shape: Shape) -> Places:
    """The smallest part of an array that has all the places."""
    box: list[int | slice] = []
    for n, low, high in zip(shape, touched.min(axis=0).tolist(), touched.max(axis=0).tolist()):
        whole = low == 0 and high == n - 1
        box.append(low if low == high else slice(None) if whole else slice(low, high + 1))
    return tuple(box)


def _exact_box(touched: Array, shape: Shape) -> Places | None:
    """The part of an array that the places are, if they are all of it."""
    if not len(touched):
        return None
    box = _box(touched, shape)
    size = math.prod(len(range(n)[p]) for n, p in zip(shape, box) if isinstance(p, slice))
    return box if size == len(touched) else None


# --- what an element depends on -------------------------------------------------------------------


def _slopes(term: Term, arrays: Sequence[Any], index: Index) -> list[Array | None]:
    """The slopes of an element by each array that it may depend on."""
    given = [
        Tensor(np.asarray(a, dtype=np.float64), requires_grad=True) if _is_real(a) else a
        for a in arrays
    ]
    wanted = [t for t in given if isinstance(t, Tensor)]
    y = _applied(term, given)
    if not wanted or not isinstance(y, Tensor) or not y.requires_grad:
        return [None] * len(arrays)
    found = iter(grad(y[index], wanted, allow_unused=True))
    slopes = [next(found) if isinstance(t, Tensor) else None for t in given]
    return [None if s is None or not s.array.any() else s.array for s in slopes]


def _applied(term: Term, args: Sequence[Any]) -> Any:
    labels = [Term(None, name=f"argument {i}") for i in range(len(args))]
    named = replace(term, args=tuple(a if a is None else n for a, n in zip(args, labels)))
    return named.evaluate({n.label: a for n, a in zip(labels, args)})


def _is_real(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.ndim > 0


def _is_sum(
    term: Term, arrays: Sequence[Any], slopes: Sequence[Array | None], index: Index
) -> bool:
    """Whether an element is the sum of those of the first array, each times its slope, and others.

    It must be so for a larger first array too, with the same slopes.
    """
    for factor in (1.0, 2.0):
        given = [arrays[0] * factor, *arrays[1:]]
        pairs = [pair for i, pair in enumerate(zip(given, slopes)) if i != 1]
        parts = [a * s for a, s in pairs if s is not None]
        room = 1e-12 * sum(float(np.abs(part).sum()) for part in parts)
        y = float(np.asarray(_applied(term, given))[index])
        if not math.isclose(y, sum(float(p.sum()) for p in parts), rel_tol=1e-9, abs_tol=room):
            return False
    return True


def _touched(term: Term, arrays: Sequence[Any], index: Index) -> list[Array]:
    """The places of the elements that take part, also where what they are multiplied by is 0."""
    found = []
    for i in range(min(2, len(arrays))):
        others = [a if k == i or not _is_real(a) else np.ones_like(a) for k, a in enumerate(arrays)]
        slope = _slopes(term, others, index)[i]
        found.append(np.argwhere(slope) if slope is not None else np.empty((0, 0), int))
    return found
