"""Where the time of a compiled step goes, part by part (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.plan.costs import Part, table

__all__ = ["Profile"]


class Profile:
    """What each part of a plan should take and what it took; `print` shows it as a table.

    Attributes:
        parts: what is carried out together: `instructions`, `predicted` seconds, `native` or not.
        seconds: what each took, the least of several runs.
    """

    def __init__(self, parts: Sequence[Part], seconds: Sequence[float]) -> None:
        self.parts, self.seconds = parts, seconds

    @property
    def total(self) -> float:
        """The seconds of all parts together."""
        return sum(self.seconds)

    def __repr__(self) -> str:
        return table(self.parts, self.seconds)
