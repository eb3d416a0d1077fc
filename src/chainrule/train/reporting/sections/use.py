"""What can be done with a run: the commands for it (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup, element
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import section

__all__ = ["use"]


def use(report: Report) -> Markup | None:
    """A command for each."""
    if not report.uses:
        return None
    lines = (
        element("div", element("h3", words), element("pre", element("code", command)))
        for words, command in report.uses
    )
    return section(
        "use",
        "Use it",
        "The model takes data as they come from a file; all that was done to them in training is "
        "in it. One click selects a command.",
        element("div", *lines, class_="side-by-side"),
    )
