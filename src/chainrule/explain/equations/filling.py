"""Numbers in the place of names: what a term of single numbers comes to (floor 4).

Both the derivation of a number and that of one weight of a network end in lines such as
dL/da = ∂L/∂d · ∂d/∂a = -2 · 3 = -6. This makes the second and the last side of them from the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from chainrule.explain.equations.lines import Line
from chainrule.explain.equations.terms.term import Part, Term

__all__ = ["computed", "filled", "with_numbers"]


def filled(part: Part, values: Mapping[str, float]) -> Part:
    """A term with a number in place of every name.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.explain.equations.terms.term import leaf
        >>> filled(Term(ops.mul, (leaf("a"), leaf("b"))), {"a": 2.0, "b": -3.0}).args
        (2.0, -3.0)
    """
    if not isinstance(part, Term):
        return part
    if part.op is None:
        return values[part.label]
    args = tuple(filled(a, values) for a in part.args)
    if part.called in ("full", "broadcast_to") and not isinstance(args[0], Term):
        return args[0]  # of a single number there is one anyway
    return replace(part, args=args)


def computed(part: Part, values: Mapping[str, float]) -> float:
    """What a term of single numbers comes to."""
    number = filled(part, values)
    return float(number.evaluate({})) if isinstance(number, Term) else float(number or 0.0)


def with_numbers(lines: Iterable[Line], values: dict[str, float]) -> list[Line]:
    """Give each line the sides with numbers, and `values` what each comes to.

    Args:
        lines: in an order in which each needs only the ones before it.
        values: the number of each name that is known; those of the lines are added.
    """
    made = []
    for line in lines:
        value = values[line.left.label] = computed(line.right, values)
        number = filled(line.right, values)
        steps = (number, value) if isinstance(number, Term) else (value,)
        made.append(replace(line, steps=steps if line.right.leaves() else ()))
    return made
