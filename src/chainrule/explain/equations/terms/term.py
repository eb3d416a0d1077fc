"""`Term`: one expression of a derivation, as a tree of operations over names (floor 4).

A term is what a derivative rule makes when it is run on symbols: an operation of the table, or a
composite by its name, applied to other terms and to numbers; at the leaves stand names such as W1
or dZ2. It knows its shape, can be walked, and can be computed from arrays for its names, so that
what is printed can be held against what a network does. How it is written is the business of the
writers.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import DataError
from chainrule.ops import COMPOSITES, REGISTRY, Array, Op, Shape

__all__ = ["Part", "Term", "leaf"]

Part: TypeAlias = "Term | float | None"


@dataclass(frozen=True, eq=False)
class Term:
    """An operation applied to terms and numbers, or a name.

    Two terms are equal if they are written the same: the same operation, arguments, attributes and
    shape, or the same name.

    Attributes:
        op: an operation of the table; or the name of a composite, with a prime for the derivative
            of a function of one argument, as in "relu'"; `None` for a name.
        args: what it is applied to; `None` for an argument that was left out.
        attrs: its static attributes, in pairs of name and value.
        shape: of what it stands for.
        name: of a leaf, the letter or letters, "Z", "Ŷ" or "gamma".
        index: of a leaf, what is written below the line, "1".
        mark: "d" for a gradient.
        by: of the slope dy/dx, the name x; its own name is then y, its mark "d".
        value: of a leaf, the array that it stood for in the run, where that is known.

    Examples:
        >>> from chainrule import ops
        >>> w, x = leaf("W", "1", shape=(2, 3)), leaf("X", shape=(3, 5))
        >>> product = Term(ops.matrix_product, (w, x), shape=(2, 5))
        >>> [part.label for part in product.leaves()]
        ['W1', 'X']
        >>> product.evaluate({"W1": np.ones((2, 3)), "X": np.ones((3, 5))})[0]
        array([3., 3., 3., 3., 3.])
    """

    op: Op | str | None
    args: tuple[Part, ...] = ()
    attrs: tuple[tuple[str, Any], ...] = ()
    shape: Shape = ()
    name: str = ""
    index: str = ""
    mark: str = ""
    by: Term | None = None
    value: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # Now, from parts that know theirs, so that a long chain is never gone down at once.
        _ = self.key, self.size

    @property
    def label(self) -> str:
        """Of a leaf, its whole name in one word: "dZ1"."""
        over = f"/{self.mark}{self.by.label}" if self.by else ""
        return f"{self.mark}{self.name}{self.index}{over}"

    @property
    def called(self) -> str:
        """The name of the operation; of a leaf ""."""
        return self.op.name if isinstance(self.op, Op) else self.op or ""

    @property
    def options(self) -> dict[str, Any]:
        """The attributes, by name."""
        return dict(self.attrs)

    @cached_property
    def key(self) -> bytes:
        """What two equal terms have in common, in a few bytes however large they are."""
        parts = [a.key if isinstance(a, Term) else repr(a).encode() for a in self.args]
        own = (self.called, self.label, repr(self.attrs), repr(self.shape))
        return blake2b(b"|".join([*(o.encode() for o in own), *parts]), digest_size=16).digest()

    @cached_property
    def size(self) -> int:
        """Of how many operations, names and numbers it is made."""
        return 1 + sum(a.size if isinstance(a, Term) else 1 for a in self.args)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def walk(self) -> Iterator[Term]:
        """This term and all inside it, from outside in, left to right."""
        yield self
        for a in self.args:
            if isinstance(a, Term):
                yield from a.walk()

    def distinct(self) -> list[Term]:
        """This term and all inside it, each once, from outside in, left to right."""
        found: dict[bytes, Term] = {}
        waiting: list[Term] = [self]
        while waiting:
            term = waiting.pop()
            if term.key not in found:
                found[term.key] = term
                waiting += [a for a in reversed(term.args) if isinstance(a, Term)]
        return list(found.values())

    def upwards(self) -> list[Term]:
        """This term and all inside it, each once, every one after what it is made of."""
        order: list[Term] = []
        met: set[bytes] = set()
        waiting = [(self, False)]
        while waiting:
            term, ready = waiting.pop()
            if ready:
                order.append(term)
            elif term.key not in met:
                met.add(term.key)
                waiting.append((term, True))
                waiting += [(a, False) for a in reversed(term.args) if isinstance(a, Term)]
        return order

    def leaves(self) -> list[Term]:
        """The names in it, each once, left to right."""
        return list({t.label: t for t in self.distinct() if t.op is None}.values())

    def replaced(self, found: Mapping[Term, Term]) -> Term:
        """The same with other terms in place of those found."""
        made = dict(found)
        for term in self.upwards():
            if term not in made:
                args = tuple(made[a] if isinstance(a, Term) else a for a in term.args)
                made[term] = replace(term, args=args) if args != term.args else term
        return made[self]

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Compute what it stands for.

        Args:
            values: an array for each name, by its label; a leaf that is not among them is its own
                value.

        Raises:
            DataError: there is no array for a name.
        """
        known: dict[bytes, Any] = {}
        for term in self.upwards():
            args = [known[a.key] if isinstance(a, Term) else a for a in term.args]
            known[term.key] = term._computed(args, values)
        return known[self.key]

    def _computed(self, args: list[Any], values: Mapping[str, Any]) -> Any:
        if self.op is None:
            found = values.get(self.label, self.value)
            if found is None:
                raise DataError(f"no array was given for {self.label}, of shape {self.shape}")
            return found
        if self.called in ("add", "sub", "neg", "mul"):
            args = [_counted(a) for a in args]
        if isinstance(self.op, Op):
            return self.op(*args, **self.options)
        if self.op.endswith("'"):
            return _slope(self.op[:-1], args[0])
        return _composed(self.op, args, self.options)


def _composed(name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """A composite of arrays, in the order of the parameters that no option is for."""
    function = COMPOSITES[name]
    free = [p for p in inspect.signature(function).parameters if p not in options]
    given = {p: a for p, a in zip(free, args) if a is not None}
    found = function(**given, **options)
    while isinstance(found, tuple):  # of several results a term stands for the first
        found = found[0]
    return found


def _counted(a: Any) -> Any:
    """Truth values as 0 and 1, which can be subtracted."""
    return np.asarray(a, np.int8) if np.asarray(a).dtype == bool else a


def _slope(name: str, x: Any) -> Any:
    """The derivative of an elementwise operation of one argument, by the table's own formula."""
    op = REGISTRY[name]
    local = op.local[0]
    return local(op(x), x) if callable(local) else np.full(np.shape(x), local)


def leaf(
    name: str, index: str = "", *, mark: str = "", shape: Shape = (), value: Array | None = None
) -> Term:
    """Return a name.

    Examples:
        >>> leaf("Z", "2", mark="d").label
        'dZ2'
    """
    return Term(None, shape=tuple(shape), name=name, index=str(index), mark=mark, value=value)
