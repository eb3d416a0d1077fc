"""Slopes of a derivation, held against autograd's and against measured ones (floor 4).

A check is one number that was found three ways: by the equations, by `backward()`, and by nudging
the number itself and looking how far the result moves. It knows numbers only, and what the slope
is called; the writers make a table of checks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["STEP", "Check", "Measured", "measure", "summary"]

STEP = 1e-5  # up and down, in float64: errors by curvature and by rounding are both small

_SAME = 1e-9  # relative, for two ways of the same arithmetic
_NEAR = 1e-5  # relative, for a difference
_ROUNDING = 1e-10  # of a difference, for each unit of the result: 2^-52 / STEP, and some room

Verdict = Literal["agrees", "kink", "infinite", "differs"]


@dataclass(frozen=True)
class Measured:
    """What a nudge up and one down say about a slope.

    Attributes:
        central: from one end to the other.
        below: from the lower end to the middle.
        above: from the middle to the upper end.
        noise: what rounding alone makes of it.
    """

    central: float
    below: float
    above: float
    noise: float


def measure(f: Callable[[float], float], step: float = STEP) -> Measured:
    """Return the slope of f at 0, (f(step) - f(-step)) / (2 step), and those on both sides.

    Args:
        f: what the result is when the number is moved by its argument.
        step: how far it is moved, up and down.

    Examples:
        >>> round(measure(lambda nudge: (3 + nudge) ** 2).central, 6)
        6.0
        >>> kink = measure(lambda nudge: max(nudge, 0.0))
        >>> kink.below, kink.central, kink.above
        (0.0, 0.5, 1.0)
    """
    down, here, up = f(-step), f(0.0), f(step)
    return Measured(
        (up - down) / (2 * step),
        (here - down) / step,
        (up - here) / step,
        _ROUNDING * max(abs(here), 1e-3),
    )


@dataclass(frozen=True)
class Check:
    """One slope, found three ways.

    Attributes:
        what: what it is called, as a writer writes it.
        derived: by the equations.
        automatic: by `backward()`.
        measured: by differences.

    Examples:
        >>> square = measure(lambda nudge: (3 + nudge) ** 2)
        >>> Check("dy/dx", 6.0, 6.0, square).verdict, Check("dy/dx", 5.0, 6.0, square).verdict
        ('agrees', 'differs')
    """

    what: Any
    derived: float
    automatic: float
    measured: Measured

    @property
    def verdict(self) -> Verdict:
        """Whether the three agree.

        "kink": the slope stated is one of those between the slopes on both sides, as at the corner
        of ReLU, where no difference can decide. "infinite": the same infinity by both rules.
        """
        if not math.isfinite(self.derived):
            alike = str(self.derived) == str(self.automatic)
            return "infinite" if alike else "differs"
        if not abs(self.derived - self.automatic) <= _SAME * max(1e-3, abs(self.derived)):
            return "differs"
        room = _NEAR * abs(self.derived) + self.measured.noise
        if abs(self.derived - self.measured.central) <= room:
            return "agrees"
        low, high = sorted((self.measured.below, self.measured.above))
        return "kink" if low - room <= self.derived <= high + room else "differs"

    @property
    def said(self) -> str:
        """The verdict in a table: nothing where all is well, in capitals where it is not."""
        words = {"agrees": "", "kink": "a kink", "infinite": "infinite", "differs": "DIFFERS"}
        return words[self.verdict]

    @property
    def distance(self) -> str:
        """How far the slope derived is from the one measured, in words of one digit."""
        apart = abs(self.derived - self.measured.central)
        return f"{apart:.0e}".replace("e-0", "e-").replace("-", "−") if apart else "0"


def summary(checks: Sequence[Check]) -> str:
    """Return one sentence on all checks, loud if any fails.

    Examples:
        >>> fine = Check("dy/dx", 6.0, 6.0, measure(lambda nudge: 6 * nudge))
        >>> wrong = Check("dy/dx", 5.0, 6.0, measure(lambda nudge: 6 * nudge))
        >>> print(summary([fine]))
        The slope agrees with backward() and with a difference of ±0.00001.
        >>> print(summary([fine, wrong]))
        1 OF 2 SLOPES DOES NOT AGREE: the equations are wrong there, or backward() is.
    """
    wrong = sum(check.verdict == "differs" for check in checks)
    if wrong:
        verb = "DOES" if wrong == 1 else "DO"
        return (
            f"{wrong} OF {len(checks)} SLOPES {verb} NOT AGREE: "
            "the equations are wrong there, or backward() is."
        )
    kinks = sum(check.verdict == "kink" for check in checks)
    said = f"All {len(checks)} slopes agree with backward() and with differences of ±{STEP:.5f}"
    if len(checks) == 1:
        said = f"The slope agrees with backward() and with a difference of ±{STEP:.5f}"
    if kinks:
        said += f"; {kinks} of them at a kink, where the slopes on both sides differ"
    return said + "."
