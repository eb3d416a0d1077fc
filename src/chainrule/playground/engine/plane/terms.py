"""Terms of single numbers: features, long sums of products, functions by their names (floor 5).

What the formulas of neurons are made of; the terms are those of `explain.equations`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from chainrule import ops
from chainrule.explain.equations.terms.term import Part, Term, leaf
from chainrule.ops import COMPOSITES, REGISTRY, Array, Op

__all__ = ["added", "called", "feature", "only", "sum_of"]


def feature(name: str) -> Term:
    """Return a feature as it is written: x1 with an index, and what is made of it.

    Args:
        name: as settings have it: "x1", "x1x2", "x2^2", "sin_x1"; other words stand as they are.

    Examples:
        >>> from chainrule.explain.equations.writing.text import written
        >>> [written(feature(name)) for name in ("x1", "x1x2", "x2^2", "sin_x1", "age")]
        ['x₁', 'x₁ x₂', 'x₂²', 'sin(π x₁)', 'age']
    """
    if match := re.fullmatch(r"x([12])", name):
        return leaf("x", match[1])
    if name == "x1x2":
        return Term(ops.mul, (leaf("x", "1"), leaf("x", "2")))
    if match := re.fullmatch(r"x([12])\^2", name):
        return Term(ops.square, (leaf("x", match[1]),))
    if match := re.fullmatch(r"sin_x([12])", name):
        return Term(ops.sin, (Term(ops.mul, (leaf("π"), leaf("x", match[1]))),))
    return leaf(name)


def called(module: object) -> Op | str:
    """Return the operation that a module performs, as a term has it.

    Args:
        module: an activation or a loss, named after its operation.

    Examples:
        >>> from chainrule import nn
        >>> called(nn.Tanh()).name, called(nn.LeakyReLU()), called(nn.HuberLoss())
        ('tanh', 'leaky_relu', 'huber_loss')
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(module).__name__).lower()
    plain = name.replace("_", "")
    return REGISTRY.get(name) or next(
        (known for known in COMPOSITES if known.replace("_", "") == plain), name
    )


def only(part: Part) -> Term:
    """Return a part as a term, a number being one too."""
    return part if isinstance(part, Term) else Term("full", (part,))


def added(parts: Sequence[Part]) -> Part:
    """Return the sum of parts."""
    return reduce(lambda a, b: Term(ops.add, (a, b)), parts)


def sum_of(
    factor: Callable[[int], Part], other: Callable[[int], Part], a: Array, b: Array, most: int
) -> tuple[list[Part], list[Part]]:
    """Return the parts of a sum of products, written with names and with numbers.

    Of a long sum the largest products are written out, and the others added up.

    Args:
        factor: the name of the first factor of a product, by the product's number.
        other: and of the second.
        a: the numbers of the first factors.
        b: and of the second.
        most: products that are written out, if there is more than one beyond them.

    Examples:
        >>> from chainrule.explain.equations.writing.text import written
        >>> w, x = (lambda i: leaf("w", str(i))), (lambda i: leaf("x", str(i)))
        >>> names, numbers = sum_of(w, x, np.arange(4.0), np.ones(4), most=2)
        >>> written(added(names)), written(added(numbers))
        ('w₂ x₂ + w₃ x₃ + (… from 2 more)', '2 · 1 + 3 · 1 + (1 from 2 more)')
    """
    sizes = np.abs(a * b)
    kept = range(len(a))
    if len(a) > most + 1:
        kept = sorted(np.argsort(-sizes, kind="stable")[:most].tolist())  # type: ignore[assignment]
    names: list[Part] = [Term(ops.mul, (factor(i), other(i))) for i in kept]
    numbers: list[Part] = [Term(ops.mul, (float(a[i]), float(b[i]))) for i in kept]
    if (left := len(a) - len(kept)) > 0:
        rest = float(np.dot(a, b) - sum(a[i] * b[i] for i in kept))
        for parts, what in ((names, leaf("…")), (numbers, rest)):
            parts.append(Term("rest", (what,), (("count", left),)))
    return names, numbers
