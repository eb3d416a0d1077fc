"""Long lines of a derivation made shorter: what comes up again and again gets a name (floor 4).

A person who differentiates a normalisation writes U for Z less its mean, and goes on with U. Here a
term that stands several times in long lines is given such a name, the longest first, on a line of
its own before the first that reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from chainrule.explain.equations.lines import Line
from chainrule.explain.equations.terms.term import Term

__all__ = ["shortened"]

Owner = TypeVar("Owner")

_LONG = 16  # parts: from here on a line is long
_WORTH = 4  # parts: what has fewer needs no name


def shortened(
    lines: Sequence[tuple[Owner, Line]], named: Callable[[Term], Line]
) -> list[tuple[Owner, Line]]:
    """Lines with names for what they repeat.

    Args:
        lines: in order, each with whom it belongs to.
        named: gives a term a name, and the line that says so.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.term import leaf
        >>> def named(term):
        ...     return Line(leaf("U"), term)
        >>> u = Term(ops.exp, (Term(ops.neg, (Term(ops.square, (leaf("x"),)),)),))
        >>> long = u
        >>> for _ in range(3):
        ...     long = Term(ops.add, (long, u))
        >>> [line.left.label for _, line in shortened([("", Line(leaf("y"), long))], named)]
        ['U', 'y']
    """
    found = list(lines)
    while (term := _repeated([line.right for _, line in found])) is not None:
        new = named(term)
        first = next(i for i, (_, line) in enumerate(found) if term in line.right.distinct())
        found[first:] = [
            (found[first][0], new),
            *(
                (owner, replace(line, right=line.right.replaced({term: new.left})))
                for owner, line in found[first:]
            ),
        ]
    return found


def _repeated(terms: Sequence[Term]) -> Term | None:
    """What is repeated in long lines, and makes most of them."""
    readers = {t: None for term in terms if term.size >= _LONG for t in term.distinct()}
    times = Counter(a for t in readers for a in t.args if isinstance(a, Term))
    worth = {t: (n - 1) * t.size for t, n in times.items() if n > 1 and t.size >= _WORTH}
    return max(worth, key=worth.__getitem__, default=None)
