"""A check as a record: its name, what it looks for, and the function that looks (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.explain.doctor.finding import Finding

__all__ = ["Check", "check", "told"]


@dataclass(frozen=True)
class Check:
    """One thing to look for.

    Attributes:
        name: of the fault, as findings say it.
        looks_for: in one sentence.
        look: at a case, or at the course of a run; returns a finding, or `None`.
        unless: names of faults of which this one would be a consequence; not asked if one is found.
    """

    name: str
    looks_for: str
    look: Callable[[Any], Finding | None]
    unless: tuple[str, ...] = ()


def check(
    name: str, looks_for: str, unless: Sequence[str] = ()
) -> Callable[[Callable[[Any], Finding | None]], Check]:
    """Decorate a function that looks to make a `Check` of it."""
    return lambda look: Check(name, looks_for, look, tuple(unless))


def told(number: float) -> str:
    """Return a number as a person says it.

    Examples:
        >>> told(250000.0), told(0.12345), told(12.0), told(1.5e-7)
        ('250,000', '0.123', '12', '1.5e-07')
    """
    return f"{number:,.0f}" if 1000 <= abs(number) < 1e12 else f"{number:.3g}"
